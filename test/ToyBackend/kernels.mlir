// RUN: toy-backend %s | FileCheck %s

// A back end other than the CPU prints every kernel from what the dialect says.

// CHECK-LABEL: contract over d0..d2 batch() m(d0) n(d1) k(d2)
// CHECK: operand 0 = [[X:v[0-9]+]][d0, d2]
// CHECK: operand 1 = [[W:v[0-9]+]][d2, d1]
// CHECK: [[B:v[0-9]+]] = [[BIAS:v[0-9]+]][d1]
// CHECK: [[S:v[0-9]+]] = arith.addf {{v[0-9]+}} [[B]]
// CHECK: [[H:v[0-9]+]][d0, d1] := [[S]]

// CHECK-LABEL: rows over d0..d1
// CHECK: [[E:v[0-9]+]] = [[H]][d0, d1]
// CHECK: [[SUM:v[0-9]+]] = kernel.combine add [[E]]
// CHECK: [[Q:v[0-9]+]] = arith.divf [[E]] [[SUM]]

// CHECK-LABEL: map over d0..d1
// CHECK: [d0, d1] := {{v[0-9]+}}
module {
  kernel.weight @w : tensor<8x4xf32> = dense<1.0> : tensor<8x4xf32>
  kernel.weight @b : tensor<4xf32> = dense<2.0> : tensor<4xf32>
  func.func @main(%x: tensor<?x8xf32> {strut.name = "x", strut.dims = ["N", ""]}, %n: index)
      -> (tensor<4x?xf32> {strut.name = "y"}) attributes {strut.symbols = ["N"]} {
    %w = kernel.use @w : tensor<8x4xf32>
    %b = kernel.use @b : tensor<4xf32>
    %o = tensor.empty(%n) : tensor<?x4xf32>
    %h = kernel.contract ins(%x, %w, %b : tensor<?x8xf32>, tensor<8x4xf32>, tensor<4xf32>)
        outs(%o : tensor<?x4xf32>)
        attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                     affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {
    ^bb0(%acc: f32, %bias: f32):
      %s = arith.addf %acc, %bias : f32
      kernel.yield %s : f32
    } -> tensor<?x4xf32>
    %p = tensor.empty(%n) : tensor<?x4xf32>
    %r = kernel.rows ins(%h : tensor<?x4xf32>) outs(%p : tensor<?x4xf32>)
        attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>]} {
    ^bb0(%e: f32):
      %t = kernel.combine add %e : f32
      %q = arith.divf %e, %t : f32
      kernel.yield %q : f32
    } -> tensor<?x4xf32>
    %u = tensor.empty(%n) : tensor<4x?xf32>
    %y = kernel.map ins(%r : tensor<?x4xf32>) outs(%u : tensor<4x?xf32>)
        attributes {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>]} {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    } -> tensor<4x?xf32>
    return %y : tensor<4x?xf32>
  }
}
