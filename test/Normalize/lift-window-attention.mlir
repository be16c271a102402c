// RUN: strut-opt %s --strut-lift-idioms --canonicalize | FileCheck %s

// Attention in four windows of a picture: a bias of positions for each head, then a mask for each
// window, added to the scores as [batch, 4, heads, 5, 5].

// CHECK-LABEL: func.func @windows
func.func @windows(%q: tensor<?x3x5x8xf32>, %k: tensor<?x3x8x5xf32>, %v: tensor<?x3x5x8xf32>, %bias: tensor<1x3x5x5xf32>, %mask: tensor<1x4x1x5x5xf32>) -> tensor<?x3x5x8xf32> {
  %split = onnx.Constant() {value = dense<[-1, 4, 3, 5, 5]> : tensor<5xi64>} : () -> tensor<5xi64>
  %join = onnx.Constant() {value = dense<[-1, 3, 5, 5]> : tensor<4xi64>} : () -> tensor<4xi64>
  // CHECK-DAG: %[[ONE:.*]] = onnx.Reshape(%arg4, %{{.*}}) : (tensor<1x4x1x5x5xf32>, tensor<4xi64>) -> tensor<4x1x5x5xf32>
  // CHECK-DAG: %[[SUM:.*]] = onnx.Add(%[[ONE]], %arg3) : (tensor<4x1x5x5xf32>, tensor<1x3x5x5xf32>) -> tensor<4x3x5x5xf32>
  // CHECK-DAG: %[[BATCH:.*]] = onnx.Shape(%{{.*}}) {end = 1 : i64, start = 0 : i64} : (tensor<?x4x3x5x5xf32>) -> tensor<1xi64>
  // CHECK-DAG: %[[TIMES:.*]] = onnx.Concat(%[[BATCH]], %{{.*}}) {axis = 0 : i64}
  // CHECK-DAG: %[[ALL:.*]] = onnx.Tile(%[[SUM]], %[[TIMES]])
  // CHECK: %[[Y:.*]] = onnx.Attention(%arg0, %{{.*}}, %arg2, %[[ALL]]) {scale = 1.000000e+00 : f32}
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.MatMul(%q, %k) : (tensor<?x3x5x8xf32>, tensor<?x3x8x5xf32>) -> tensor<?x3x5x5xf32>
  %1 = onnx.Add(%0, %bias) : (tensor<?x3x5x5xf32>, tensor<1x3x5x5xf32>) -> tensor<?x3x5x5xf32>
  %2 = onnx.Reshape(%1, %split) : (tensor<?x3x5x5xf32>, tensor<5xi64>) -> tensor<?x4x3x5x5xf32>
  %3 = onnx.Add(%2, %mask) : (tensor<?x4x3x5x5xf32>, tensor<1x4x1x5x5xf32>) -> tensor<?x4x3x5x5xf32>
  %4 = onnx.Reshape(%3, %join) : (tensor<?x4x3x5x5xf32>, tensor<4xi64>) -> tensor<?x3x5x5xf32>
  %5 = onnx.Softmax(%4) {axis = -1 : i64} : (tensor<?x3x5x5xf32>) -> tensor<?x3x5x5xf32>
  %6 = onnx.MatMul(%5, %v) : (tensor<?x3x5x5xf32>, tensor<?x3x5x8xf32>) -> tensor<?x3x5x8xf32>
  return %6 : tensor<?x3x5x8xf32>
}

// The mask is expanded to all pictures and heads, and added to the bias first.

// CHECK-LABEL: func.func @expanded
func.func @expanded(%q: tensor<?x3x5x8xf32>, %k: tensor<?x3x8x5xf32>, %v: tensor<?x3x5x8xf32>, %bias: tensor<3x5x5xf32>, %mask: tensor<1x4x1x5x5xf32>, %shape: tensor<5xi64>) -> tensor<?x3x5x8xf32> {
  %join = onnx.Constant() {value = dense<[-1, 3, 5, 5]> : tensor<4xi64>} : () -> tensor<4xi64>
  // CHECK-DAG: %[[ONE:.*]] = onnx.Reshape(%arg4, %{{.*}}) : (tensor<1x4x1x5x5xf32>, tensor<4xi64>) -> tensor<4x1x5x5xf32>
  // CHECK-DAG: %[[SUM:.*]] = onnx.Add(%[[ONE]], %arg3)
  // CHECK-DAG: %[[ALL:.*]] = onnx.Tile(%[[SUM]], %{{.*}})
  // CHECK: onnx.Attention(%arg0, %{{.*}}, %arg2, %[[ALL]])
  // CHECK-NEXT: return
  %0 = onnx.MatMul(%q, %k) : (tensor<?x3x5x8xf32>, tensor<?x3x8x5xf32>) -> tensor<?x3x5x5xf32>
  %1 = onnx.Expand(%mask, %shape) : (tensor<1x4x1x5x5xf32>, tensor<5xi64>) -> tensor<?x4x3x5x5xf32>
  %2 = onnx.Reshape(%1, %join) : (tensor<?x4x3x5x5xf32>, tensor<4xi64>) -> tensor<?x3x5x5xf32>
  %3 = onnx.Add(%bias, %2) : (tensor<3x5x5xf32>, tensor<?x3x5x5xf32>) -> tensor<?x3x5x5xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x3x5x5xf32>, tensor<?x3x5x5xf32>) -> tensor<?x3x5x5xf32>
  %5 = onnx.Softmax(%4) {axis = -1 : i64} : (tensor<?x3x5x5xf32>) -> tensor<?x3x5x5xf32>
  %6 = onnx.MatMul(%5, %v) : (tensor<?x3x5x5xf32>, tensor<?x3x5x8xf32>) -> tensor<?x3x5x8xf32>
  return %6 : tensor<?x3x5x8xf32>
}

// A mask that differs between pictures is none of windows, and neither is a reshape that moves
// other axes than the first.

// CHECK-LABEL: func.func @other_masks
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @other_masks(%q: tensor<8x3x4x8xf32>, %k: tensor<8x3x8x4xf32>, %v: tensor<8x3x4x8xf32>, %pictures: tensor<2x4x1x4x4xf32>, %rows: tensor<1x4x3x2x8xf32>) -> (tensor<8x3x4x8xf32>, tensor<8x3x4x8xf32>) {
  %split = onnx.Constant() {value = dense<[2, 4, 3, 4, 4]> : tensor<5xi64>} : () -> tensor<5xi64>
  %torn = onnx.Constant() {value = dense<[2, 4, 3, 2, 8]> : tensor<5xi64>} : () -> tensor<5xi64>
  %join = onnx.Constant() {value = dense<[8, 3, 4, 4]> : tensor<4xi64>} : () -> tensor<4xi64>
  %s0 = onnx.MatMul(%q, %k) : (tensor<8x3x4x8xf32>, tensor<8x3x8x4xf32>) -> tensor<8x3x4x4xf32>
  %a0 = onnx.Reshape(%s0, %split) : (tensor<8x3x4x4xf32>, tensor<5xi64>) -> tensor<2x4x3x4x4xf32>
  %b0 = onnx.Add(%a0, %pictures) : (tensor<2x4x3x4x4xf32>, tensor<2x4x1x4x4xf32>) -> tensor<2x4x3x4x4xf32>
  %c0 = onnx.Reshape(%b0, %join) : (tensor<2x4x3x4x4xf32>, tensor<4xi64>) -> tensor<8x3x4x4xf32>
  %p0 = onnx.Softmax(%c0) {axis = -1 : i64} : (tensor<8x3x4x4xf32>) -> tensor<8x3x4x4xf32>
  %y0 = onnx.MatMul(%p0, %v) : (tensor<8x3x4x4xf32>, tensor<8x3x4x8xf32>) -> tensor<8x3x4x8xf32>
  %s1 = onnx.MatMul(%q, %k) : (tensor<8x3x4x8xf32>, tensor<8x3x8x4xf32>) -> tensor<8x3x4x4xf32>
  %a1 = onnx.Reshape(%s1, %torn) : (tensor<8x3x4x4xf32>, tensor<5xi64>) -> tensor<2x4x3x2x8xf32>
  %b1 = onnx.Add(%a1, %rows) : (tensor<2x4x3x2x8xf32>, tensor<1x4x3x2x8xf32>) -> tensor<2x4x3x2x8xf32>
  %c1 = onnx.Reshape(%b1, %join) : (tensor<2x4x3x2x8xf32>, tensor<4xi64>) -> tensor<8x3x4x4xf32>
  %p1 = onnx.Softmax(%c1) {axis = -1 : i64} : (tensor<8x3x4x4xf32>) -> tensor<8x3x4x4xf32>
  %y1 = onnx.MatMul(%p1, %v) : (tensor<8x3x4x4xf32>, tensor<8x3x4x8xf32>) -> tensor<8x3x4x8xf32>
  return %y0, %y1 : tensor<8x3x4x8xf32>, tensor<8x3x4x8xf32>
}
