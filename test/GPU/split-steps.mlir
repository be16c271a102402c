// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-split-steps))' | FileCheck %s
// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-split-steps,strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s --check-prefix=CODE

// 64 columns are one block's: 16 segments of 256 steps, with sums of up to 32 rows.

// CHECK-LABEL: func.func @main
// CHECK: %[[ROWS:.*]] = arith.minui %{{.*}}, %c32
// CHECK: %[[SUMS:.*]] = tensor.empty(%[[ROWS]]) : tensor<16x?x64xf32>
// CHECK: kernel.contract {{.*}} workspace(%[[SUMS]] : tensor<16x?x64xf32>)
// CODE: cuda.kernels = ["tensor_contract_segment_k16_w16_32x64_0", "tensor_contract_total_1", "tensor_contract_k16_w16_128x64_2", "tensor_contract_k16_w16_64x64_3"]
// CODE: scf.if
// CODE: cuda.launch @device::@tensor_contract_segment_k16_w16_32x64_0 on %{{.*}} grid %{{.*}}, %c128
// CODE-NEXT: cuda.launch @device::@tensor_contract_total_1 on %{{.*}} grid %{{.*}}, %c256
// CODE: func.func @tensor_contract_total_1(
// CODE: %[[TOTAL:.*]] = scf.for {{.*}} iter_args(%[[SO_FAR:.*]] = %cst)
// CODE: %[[SUM:.*]] = memref.load
// CODE: arith.addf %[[SO_FAR]], %[[SUM]]
// CODE: arith.maximumf %[[TOTAL]]
func.func @main(%x: tensor<?x4096xf32> {strut.name = "x", strut.dims = ["M", ""]},
                %w: tensor<4096x64xf32> {strut.name = "w", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x64xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x64xf32>
  %y = kernel.contract ins(%x, %w : tensor<?x4096xf32>, tensor<4096x64xf32>) outs(%o : tensor<?x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %sum, %zero : f32
    kernel.yield %r : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// So many columns ask for all of the bandwidth as they are.

// CHECK-LABEL: func.func @main
// CHECK-NOT: workspace
// CODE-NOT: segment
// CODE: cuda.kernels = ["tensor_contract_k16_w16_32x64_0"
func.func @main(%x: tensor<?x4096xf32> {strut.name = "x", strut.dims = ["M", ""]},
                %w: tensor<4096x8192xf32> {strut.name = "w", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x8192xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x8192xf32>
  %y = kernel.contract ins(%x, %w : tensor<?x4096xf32>, tensor<4096x8192xf32>) outs(%o : tensor<?x8192xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x8192xf32>
  return %y : tensor<?x8192xf32>
}

// -----

// Halves of an open number of rows keep their one sum: a row's bits do not depend on the others.

// CHECK-LABEL: func.func @main
// CHECK-NOT: workspace
func.func @main(%x: tensor<?x4096xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %w: tensor<4096x64xf16> {strut.name = "w", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x64xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x64xf32>
  %y = kernel.contract ins(%x, %w : tensor<?x4096xf16>, tensor<4096x64xf16>) outs(%o : tensor<?x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Of a number that is known and small they have segments of 512 steps.

// CHECK-LABEL: func.func @main
// CHECK: %[[SUMS:.*]] = tensor.empty() : tensor<8x4x64xf32>
// CHECK: kernel.contract {{.*}} workspace(%[[SUMS]] : tensor<8x4x64xf32>)
// CODE: cuda.kernels = ["tensor_contract_segment_k16_w16_32x64_0", "tensor_contract_total_1"]
func.func @main(%x: tensor<4x4096xf16> {strut.name = "x", strut.dims = ["", ""]},
                %w: tensor<4096x64xf16> {strut.name = "w", strut.dims = ["", ""]})
    -> (tensor<4x64xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %o = tensor.empty() : tensor<4x64xf32>
  %y = kernel.contract ins(%x, %w : tensor<4x4096xf16>, tensor<4096x64xf16>) outs(%o : tensor<4x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// Neither is a batch of products one product,

// CHECK-LABEL: func.func @main
// CHECK-NOT: workspace
func.func @main(%x: tensor<2x4x4096xf16> {strut.name = "x", strut.dims = ["", "", ""]},
                %w: tensor<2x4096x64xf16> {strut.name = "w", strut.dims = ["", "", ""]})
    -> (tensor<2x4x64xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %o = tensor.empty() : tensor<2x4x64xf32>
  %y = kernel.contract ins(%x, %w : tensor<2x4x4096xf16>, tensor<2x4096x64xf16>) outs(%o : tensor<2x4x64xf32>)
      attributes {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>,
                                   affine_map<(b, m, n, k) -> (b, m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<2x4x64xf32>
  return %y : tensor<2x4x64xf32>
}

// -----

// nor are segments of an open number of columns known to pay,

// CHECK-LABEL: func.func @main
// CHECK-NOT: workspace
func.func @main(%x: tensor<4x4096xf16> {strut.name = "x", strut.dims = ["", ""]},
                %w: tensor<4096x?xf16> {strut.name = "w", strut.dims = ["", "N"]}, %n: index)
    -> (tensor<4x?xf32> {strut.name = "y"}) attributes {strut.symbols = ["N"]} {
  %o = tensor.empty(%n) : tensor<4x?xf32>
  %y = kernel.contract ins(%x, %w : tensor<4x4096xf16>, tensor<4096x?xf16>) outs(%o : tensor<4x?xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

// nor are 33 rows few.

// CHECK-LABEL: func.func @main
// CHECK-NOT: workspace
func.func @main(%x: tensor<33x4096xf16> {strut.name = "x", strut.dims = ["", ""]},
                %w: tensor<4096x64xf16> {strut.name = "w", strut.dims = ["", ""]})
    -> (tensor<33x64xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %o = tensor.empty() : tensor<33x64xf32>
  %y = kernel.contract ins(%x, %w : tensor<33x4096xf16>, tensor<4096x64xf16>) outs(%o : tensor<33x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<33x64xf32>
  return %y : tensor<33x64xf32>
}
