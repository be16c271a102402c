// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-form-chains))' | FileCheck %s
// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_75>}"},kernel.program(strut-form-chains))' | FileCheck %s --check-prefix=OLD

// OLD-NOT: kernel.chain

// Extras go with the regions that read them, a fetched one keeps its table, the number is that of the
// second product, and what asks for an extent of the middle asks its place.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-DAG: #[[NEXT:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1)>
// CHECK-DAG: #[[OF_MIDDLE:.*]] = affine_map<(d0, d1, d2, d3) -> (d2)>
// CHECK-DAG: #[[FETCHED:.*]] = affine_map<(d0, d1, d2, d3) -> ()>
// CHECK-DAG: #[[INIT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
// CHECK-LABEL: func.func @main
// CHECK: %[[MIDDLE:.*]] = tensor.empty(%{{.*}}) : tensor<?x32xf16>
// CHECK: tensor.dim %[[MIDDLE]]
// CHECK-NOT: kernel.contract
// CHECK: kernel.chain ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x512xf16>, tensor<512x32xf16>, tensor<32x512xf16>, tensor<32xf32>, tensor<512xf32>)
// CHECK-SAME: indexing_maps = [#[[LHS]], #[[RHS]], #[[NEXT]], #[[OF_MIDDLE]], #[[FETCHED]], #[[INIT]]]
// CHECK-SAME: kernel.number = 1 : i32
// CHECK-SAME: middle_extras = 1 : i64
// CHECK-SAME: middle {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK: arith.truncf
// CHECK: } then {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: none):
// CHECK: kernel.index 1
// CHECK: kernel.fetch 4
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]},
                %c: tensor<32xf32> {strut.name = "c", strut.dims = [""]},
                %d: tensor<512xf32> {strut.name = "d", strut.dims = [""]}, %m: index)
    -> (tensor<?x512xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %zero = arith.constant 0 : index
  %e = tensor.empty(%m) : tensor<?x32xf16>
  %h = kernel.contract ins(%x, %a, %c : tensor<?x512xf16>, tensor<512x32xf16>, tensor<32xf32>)
      outs(%e : tensor<?x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32, %bias: f32):
    %s = arith.addf %sum, %bias : f32
    %t = arith.truncf %s : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x32xf16>
  %rows = tensor.dim %h, %zero : tensor<?x32xf16>
  %o = tensor.empty(%rows) : tensor<?x512xf16>
  %y = kernel.contract ins(%h, %b, %d : tensor<?x32xf16>, tensor<32x512xf16>, tensor<512xf32>)
      outs(%o : tensor<?x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> ()>, affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32, %none: none):
    %column = kernel.index 1
    %bias = kernel.fetch 2[%column] : f32
    %s = arith.addf %sum, %bias : f32
    %t = arith.truncf %s : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x512xf16>
  return %y : tensor<?x512xf16>
}

// -----

// Of 32 rows a chain takes 0.894 of the time of two kernels,

// CHECK-LABEL: func.func @main
// CHECK: kernel.chain
func.func @main(%x: tensor<32x2240xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2240x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<32x512xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<32x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<32x2240xf16>, tensor<2240x32xf16>) outs(%e : tensor<32x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x32xf16>
  %o = tensor.empty() : tensor<32x512xf16>
  %y = kernel.contract ins(%h, %b : tensor<32x32xf16>, tensor<32x512xf16>) outs(%o : tensor<32x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x512xf16>
  return %y : tensor<32x512xf16>
}

// -----

// and with 32 steps more 0.904, which is no gain any more.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<32x2272xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<2272x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<32x512xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<32x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<32x2272xf16>, tensor<2272x32xf16>) outs(%e : tensor<32x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x32xf16>
  %o = tensor.empty() : tensor<32x512xf16>
  %y = kernel.contract ins(%h, %b : tensor<32x32xf16>, tensor<32x512xf16>) outs(%o : tensor<32x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x512xf16>
  return %y : tensor<32x512xf16>
}

// -----

// Few rows would gain by one kernel, but for 2048 it would take 1.6 times as long.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x2048xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<2048x64xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<64x2048xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x2048xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %e = tensor.empty(%m) : tensor<?x64xf16>
  %h = kernel.contract ins(%x, %a : tensor<?x2048xf16>, tensor<2048x64xf16>) outs(%e : tensor<?x64xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x64xf16>
  %o = tensor.empty(%m) : tensor<?x2048xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x64xf16>, tensor<64x2048xf16>) outs(%o : tensor<?x2048xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x2048xf16>
  return %y : tensor<?x2048xf16>
}

// -----

// So does f32, where sums are short.

// CHECK-LABEL: func.func @main
// CHECK: kernel.chain
func.func @main(%x: tensor<?x32xf32> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<32x4xf32> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<4x32xf32> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x32xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %h = kernel.contract ins(%x, %a : tensor<?x32xf32>, tensor<32x4xf32>) outs(%e : tensor<?x4xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x4xf32>
  %o = tensor.empty(%m) : tensor<?x32xf32>
  %y = kernel.contract ins(%h, %b : tensor<?x4xf32>, tensor<4x32xf32>) outs(%o : tensor<?x32xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// More than 256 columns between find no registers for their sums,

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<8x32xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<32x260xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<260x64xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<8x64xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<8x260xf16>
  %h = kernel.contract ins(%x, %a : tensor<8x32xf16>, tensor<32x260xf16>) outs(%e : tensor<8x260xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<8x260xf16>
  %o = tensor.empty() : tensor<8x64xf16>
  %y = kernel.contract ins(%h, %b : tensor<8x260xf16>, tensor<260x64xf16>) outs(%o : tensor<8x64xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<8x64xf16>
  return %y : tensor<8x64xf16>
}

// -----

// and of f32 these find no room in shared memory.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<8x32xf32> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<32x256xf32> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<256x64xf32> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<8x64xf32> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<8x256xf32>
  %h = kernel.contract ins(%x, %a : tensor<8x32xf32>, tensor<32x256xf32>) outs(%e : tensor<8x256xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<8x256xf32>
  %o = tensor.empty() : tensor<8x64xf32>
  %y = kernel.contract ins(%h, %b : tensor<8x256xf32>, tensor<256x64xf32>) outs(%o : tensor<8x64xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----

// Rows of an odd number of halves do not come in words of 4 bytes,

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x33xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<33x512xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x512xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %e = tensor.empty(%m) : tensor<?x33xf16>
  %h = kernel.contract ins(%x, %a : tensor<?x512xf16>, tensor<512x33xf16>) outs(%e : tensor<?x33xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x33xf16>
  %o = tensor.empty(%m) : tensor<?x512xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x33xf16>, tensor<33x512xf16>) outs(%o : tensor<?x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x512xf16>
  return %y : tensor<?x512xf16>
}

// -----

// nor is anything known of what a kernel computes, a view of which might be read,

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x32xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<32x8xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<8x32xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x32xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %f = tensor.empty() : tensor<32x8xf16>
  %w = kernel.map ins(%a : tensor<32x8xf16>) outs(%f : tensor<32x8xf16>)
      attributes {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]} {
  ^bb0(%v: f16):
    %n = arith.negf %v : f16
    kernel.yield %n : f16
  } -> tensor<32x8xf16>
  %e = tensor.empty(%m) : tensor<?x8xf16>
  %h = kernel.contract ins(%x, %w : tensor<?x32xf16>, tensor<32x8xf16>) outs(%e : tensor<?x8xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x8xf16>
  %o = tensor.empty(%m) : tensor<?x32xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x8xf16>, tensor<8x32xf16>) outs(%o : tensor<?x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x32xf16>
  return %y : tensor<?x32xf16>
}

// -----

// nor of an open number of columns.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x32xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<32x8xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<8x?xf16> {strut.name = "b", strut.dims = ["", "N"]}, %m: index, %n: index)
    -> (tensor<?x?xf16> {strut.name = "y"}) attributes {strut.symbols = ["M", "N"]} {
  %e = tensor.empty(%m) : tensor<?x8xf16>
  %h = kernel.contract ins(%x, %a : tensor<?x32xf16>, tensor<32x8xf16>) outs(%e : tensor<?x8xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x8xf16>
  %o = tensor.empty(%m, %n) : tensor<?x?xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x8xf16>, tensor<8x?xf16>) outs(%o : tensor<?x?xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x?xf16>
  return %y : tensor<?x?xf16>
}

// -----

// Somebody else reads what is between.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x32xf16> {strut.name = "h"}, tensor<?x512xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %e = tensor.empty(%m) : tensor<?x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<?x512xf16>, tensor<512x32xf16>) outs(%e : tensor<?x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x32xf16>
  %o = tensor.empty(%m) : tensor<?x512xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x32xf16>, tensor<32x512xf16>) outs(%o : tensor<?x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x512xf16>
  return %h, %y : tensor<?x32xf16>, tensor<?x512xf16>
}

// -----

// The first epilogue asks for its row, which the middle has not.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x512xf16> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %e = tensor.empty(%m) : tensor<?x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<?x512xf16>, tensor<512x32xf16>) outs(%e : tensor<?x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %row = kernel.index 0
    %i = arith.index_cast %row : index to i32
    %f = arith.sitofp %i : i32 to f32
    %s = arith.addf %sum, %f : f32
    %t = arith.truncf %s : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x32xf16>
  %o = tensor.empty(%m) : tensor<?x512xf16>
  %y = kernel.contract ins(%h, %b : tensor<?x32xf16>, tensor<32x512xf16>) outs(%o : tensor<?x512xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<?x512xf16>
  return %y : tensor<?x512xf16>
}

// -----

// Rows of the middle are no steps: that of the transposed middle is no chain.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<32x64xf16> {strut.name = "x", strut.dims = ["", ""]},
                %a: tensor<64x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x64xf16> {strut.name = "b", strut.dims = ["", ""]})
    -> (tensor<32x64xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<32x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<32x64xf16>, tensor<64x32xf16>) outs(%e : tensor<32x32xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x32xf16>
  %o = tensor.empty() : tensor<32x64xf16>
  %y = kernel.contract ins(%h, %b : tensor<32x32xf16>, tensor<32x64xf16>) outs(%o : tensor<32x64xf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<32x64xf16>
  return %y : tensor<32x64xf16>
}

// -----

// Batches of products are no chain.

// CHECK-LABEL: func.func @main
// CHECK-NOT: kernel.chain
func.func @main(%x: tensor<2x8x64xf16> {strut.name = "x", strut.dims = ["", "", ""]},
                %a: tensor<2x64x32xf16> {strut.name = "a", strut.dims = ["", "", ""]},
                %b: tensor<2x32x64xf16> {strut.name = "b", strut.dims = ["", "", ""]})
    -> (tensor<2x8x64xf16> {strut.name = "y"}) attributes {strut.symbols = []} {
  %e = tensor.empty() : tensor<2x8x32xf16>
  %h = kernel.contract ins(%x, %a : tensor<2x8x64xf16>, tensor<2x64x32xf16>) outs(%e : tensor<2x8x32xf16>)
      attributes {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>,
                                   affine_map<(b, m, n, k) -> (b, m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<2x8x32xf16>
  %o = tensor.empty() : tensor<2x8x64xf16>
  %y = kernel.contract ins(%h, %b : tensor<2x8x32xf16>, tensor<2x32x64xf16>) outs(%o : tensor<2x8x64xf16>)
      attributes {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>,
                                   affine_map<(b, m, n, k) -> (b, m, n)>]} {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } -> tensor<2x8x64xf16>
  return %y : tensor<2x8x64xf16>
}
