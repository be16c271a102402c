// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90a>}"},kernel.program(strut-form-chains))' | FileCheck %s

// On Hopper GPUs, blocks of a cluster may share the steps of the first product.

// 512 rows of long sums: 8 blocks have a part of them each.

// CHECK-LABEL: func.func @main
// CHECK: kernel.chain {{.*}}cuda.cluster = 8 : i64
func.func @main(%x: tensor<512x2048xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2048x128xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<128x2048xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<512x2048xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<512x128xf16>
  %h = kernel.contract ins(%x, %a : tensor<512x2048xf16>, tensor<2048x128xf16>) outs(%e : tensor<512x128xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<512x128xf16>
  %o = tensor.empty() : tensor<512x2048xf16>
  %y = kernel.contract ins(%h, %b : tensor<512x128xf16>, tensor<128x2048xf16>) outs(%o : tensor<512x2048xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<512x2048xf16>
  return %y : tensor<512x2048xf16>
}

// -----

// 8192 rows are enough for all multiprocessors, and warpgroups multiply faster.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<8192x2048xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2048x128xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<128x2048xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<8192x2048xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<8192x128xf16>
  %h = kernel.contract ins(%x, %a : tensor<8192x2048xf16>, tensor<2048x128xf16>) outs(%e : tensor<8192x128xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<8192x128xf16>
  %o = tensor.empty() : tensor<8192x2048xf16>
  %y = kernel.contract ins(%h, %b : tensor<8192x128xf16>, tensor<128x2048xf16>) outs(%o : tensor<8192x2048xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<8192x2048xf16>
  return %y : tensor<8192x2048xf16>
}

// -----

// Sums of 32 steps are no work to share.

// CHECK-LABEL: func.func @main
// CHECK: kernel.chain
// CHECK-NOT: cuda.cluster
func.func @main(%x: tensor<512x32xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<32x16xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<16x64xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<512x64xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<512x16xf16>
  %h = kernel.contract ins(%x, %a : tensor<512x32xf16>, tensor<32x16xf16>) outs(%e : tensor<512x16xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<512x16xf16>
  %o = tensor.empty() : tensor<512x64xf16>
  %y = kernel.contract ins(%h, %b : tensor<512x16xf16>, tensor<16x64xf16>) outs(%o : tensor<512x64xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<512x64xf16>
  return %y : tensor<512x64xf16>
}

// -----

// Of f32 in three products 256 steps at most are summed at once: 8 blocks take 2048,

// CHECK-LABEL: func.func @main
// CHECK: kernel.chain {{.*}}cuda.cluster = 8 : i64
func.func @main(%x: tensor<32x2048xf32> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2048x64xf32> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<64x512xf32> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<32x512xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<32x64xf32>
  %h = kernel.contract ins(%x, %a : tensor<32x2048xf32>, tensor<2048x64xf32>) outs(%e : tensor<32x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<32x64xf32>
  %o = tensor.empty() : tensor<32x512xf32>
  %y = kernel.contract ins(%h, %b : tensor<32x64xf32>, tensor<64x512xf32>) outs(%o : tensor<32x512xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<32x512xf32>
  return %y : tensor<32x512xf32>
}

// -----

// and no more.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<32x2064xf32> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2064x64xf32> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<64x512xf32> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<32x512xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<32x64xf32>
  %h = kernel.contract ins(%x, %a : tensor<32x2064xf32>, tensor<2064x64xf32>) outs(%e : tensor<32x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<32x64xf32>
  %o = tensor.empty() : tensor<32x512xf32>
  %y = kernel.contract ins(%h, %b : tensor<32x64xf32>, tensor<64x512xf32>) outs(%o : tensor<32x512xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<32x512xf32>
  return %y : tensor<32x512xf32>
}
