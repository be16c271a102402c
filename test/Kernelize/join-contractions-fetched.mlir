// RUN: strut-opt %s --strut-join-contractions --canonicalize | FileCheck %s

// Condition 5 of join-contractions: a table is looked up.

// CHECK-LABEL: func.func @table
// CHECK-NOT: sums
// CHECK: return
#map2 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map3 = affine_map<(d0, d1, d2) -> (d2, d1)>
#map4 = affine_map<(d0, d1, d2) -> (d0)>
#map5 = affine_map<(d0, d1, d2) -> ()>
#map6 = affine_map<(d0, d1, d2) -> (d0, d1)>
module {
  kernel.weight @weight_0 : tensor<4x6xf32> = dense<2.000000e+00> : tensor<4x6xf32>
  kernel.weight @weight : tensor<8x6xf32> = dense<1.000000e+00> : tensor<8x6xf32>
  func.func @table(%arg0: tensor<?x8xf32> {strut.dims = ["n", ""]}, %arg1: tensor<?x4xf32> {strut.dims = ["n", ""]}, %arg2: tensor<?xi64> {strut.dims = ["n"]}, %arg3: tensor<10x6xf32> {strut.dims = ["", ""]}, %arg4: index) -> tensor<?x6xf32> attributes {strut.symbols = ["n"]} {
    %0 = kernel.use @weight : tensor<8x6xf32>
    %1 = tensor.empty(%arg4) : tensor<?x6xf32>
    %2 = kernel.use @weight_0 : tensor<4x6xf32>
    %5 = kernel.contract ins(%arg1, %2, %arg2, %arg3 : tensor<?x4xf32>, tensor<4x6xf32>, tensor<?xi64>, tensor<10x6xf32>) outs(%1 : tensor<?x6xf32>) attributes {indexing_maps = [#map2, #map3, #map4, #map5, #map6]} {
    ^bb0(%arg5: f32, %arg6: i64, %arg7: none):
      %c10 = arith.constant 10 : index
      %7 = arith.index_cast %arg6 : i64 to index
      %c0 = arith.constant 0 : index
      %8 = arith.cmpi slt, %7, %c0 : index
      %9 = arith.addi %7, %c10 : index
      %10 = arith.select %8, %9, %7 : index
      %c9 = arith.constant 9 : index
      %11 = arith.minsi %10, %c9 : index
      %12 = arith.maxsi %11, %c0 : index
      %13 = kernel.index 1
      %14 = kernel.fetch 3[%12, %13] : f32
      %15 = arith.addf %arg5, %14 : f32
      kernel.yield %15 : f32
    } -> tensor<?x6xf32>
    %6 = kernel.contract ins(%arg0, %0, %5 : tensor<?x8xf32>, tensor<8x6xf32>, tensor<?x6xf32>) outs(%1 : tensor<?x6xf32>) attributes {indexing_maps = [#map2, #map3, #map6, #map6]} {
    ^bb0(%arg5: f32, %arg6: f32):
      %7 = arith.mulf %arg5, %arg6 : f32
      kernel.yield %7 : f32
    } -> tensor<?x6xf32>
    return %6 : tensor<?x6xf32>
  }
}
