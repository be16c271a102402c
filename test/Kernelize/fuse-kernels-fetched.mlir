// RUN: strut-opt %s --strut-fuse-kernels | FileCheck %s

// Condition 6 of fuse-kernels: what fetches rows by number is no epilogue of a product.

// CHECK-LABEL: func.func @rows_added
// CHECK: kernel.contract
// CHECK-NOT: kernel.fetch
// CHECK: kernel.map
// CHECK: kernel.fetch
func.func @rows_added(%x: tensor<3x8xf32>, %w: tensor<8x8xf32>, %z: tensor<9x8xf32>, %rows: tensor<3xi64>) -> tensor<3x8xf32> {
  %0 = tensor.empty() : tensor<3x8xf32>
  %1 = kernel.contract ins(%x, %w : tensor<3x8xf32>, tensor<8x8xf32>) outs(%0 : tensor<3x8xf32>)
    attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<3x8xf32>
  %2 = kernel.map ins(%1, %rows, %z : tensor<3x8xf32>, tensor<3xi64>, tensor<9x8xf32>) outs(%0 : tensor<3x8xf32>)
    attributes {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>]} {
  ^bb0(%a: f32, %r: i64, %table: none):
    %row = arith.index_cast %r : i64 to index
    %column = kernel.index 1
    %b = kernel.fetch 2[%row, %column] : f32
    %c = arith.addf %a, %b : f32
    kernel.yield %c : f32
  } -> tensor<3x8xf32>
  return %2 : tensor<3x8xf32>
}
