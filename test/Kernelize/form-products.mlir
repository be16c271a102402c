// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Batch dimensions are kept; one that repeats is dropped from its operand's map.

// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d4, d3)>
// CHECK-LABEL: func.func @matmul
func.func @matmul(%a: tensor<?x4x?x8xf32> {onnx.dims = ["b", "", "s", ""]}, %b: tensor<1x4x8x?xf32> {onnx.dims = ["", "", "", "s"]}) -> tensor<?x4x?x?xf32> {
  // CHECK: %[[V:.*]] = tensor.collapse_shape %arg1 {{\[}}[0, 1], [2], [3]] : tensor<1x4x8x?xf32> into tensor<4x8x?xf32>
  // CHECK: kernel.contract ins(%arg0, %[[V]] :
  // CHECK-SAME: indexing_maps = [#[[A]], #[[B]],
  %0 = onnx.MatMul(%a, %b) : (tensor<?x4x?x8xf32>, tensor<1x4x8x?xf32>) -> tensor<?x4x?x?xf32>
  return %0 : tensor<?x4x?x?xf32>
}

// -----

// A vector has no m; on the right it is one column.

// CHECK-LABEL: func.func @vectors
func.func @vectors(%a: tensor<8xf32>, %b: tensor<8x4xf32>) -> (tensor<4xf32>, tensor<f32>) {
  // CHECK: kernel.contract {{.*}} outs(%{{.*}} : tensor<4xf32>)
  %0 = onnx.MatMul(%a, %b) : (tensor<8xf32>, tensor<8x4xf32>) -> tensor<4xf32>
  // CHECK: %[[Y:.*]] = kernel.contract ins(%arg0, %{{.*}} : tensor<8xf32>, tensor<8x1xf32>) outs(%{{.*}} : tensor<1xf32>)
  // CHECK: tensor.collapse_shape %[[Y]] [] : tensor<1xf32> into tensor<f32>
  %1 = onnx.MatMul(%a, %a) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  return %0, %1 : tensor<4xf32>, tensor<f32>
}

// -----

// Transposition is in the maps, the factors in the epilogue, C is broadcast.

// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[C:.*]] = affine_map<(d0, d1, d2) -> (0, d1)>
// CHECK-LABEL: func.func @gemm
func.func @gemm(%a: tensor<8x?xf32> {onnx.dims = ["", "m"]}, %b: tensor<4x8xf32>, %c: tensor<1x4xf32>) -> tensor<?x4xf32> {
  // CHECK: kernel.contract
  // CHECK-SAME: indexing_maps = [#[[A]], #[[B]], #[[C]],
  // CHECK: arith.mulf
  // CHECK: arith.mulf
  // CHECK: arith.addf
  %0 = onnx.Gemm(%a, %b, %c) {transA = 1 : i64, transB = 1 : i64, alpha = 0.5 : f32, beta = 2.0 : f32} : (tensor<8x?xf32>, tensor<4x8xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Four query heads to a key head; a bool mask; no look ahead.

// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 floordiv 4, d3, d4)>
// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x8x?x16xf32> {onnx.dims = ["b", "", "s", ""]}, %k: tensor<?x2x?x16xf32> {onnx.dims = ["b", "", "s", ""]}, %mask: tensor<?x?xi1> {onnx.dims = ["s", "s"]}) -> tensor<?x8x?x16xf32> {
  // CHECK: kernel.attention
  // CHECK-SAME: #[[K]]
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  // CHECK: arith.select
  // CHECK: kernel.index 3
  // CHECK: kernel.index 2
  // CHECK: arith.cmpi sle
  // CHECK: arith.select
  %0 = onnx.Attention(%q, %k, %k, %mask) {is_causal = 1 : i64} : (tensor<?x8x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x?xi1>) -> tensor<?x8x?x16xf32>
  return %0 : tensor<?x8x?x16xf32>
}
