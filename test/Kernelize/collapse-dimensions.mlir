// RUN: strut-opt %s --strut-form-kernels --strut-fuse-kernels --strut-collapse-dimensions --cse --split-input-file | FileCheck %s

// Linear maps of [b, s, n] run over [b·s, n], what is pointwise over one
// dimension, and the views between them cancel.

// CHECK-LABEL: func.func @linear
// CHECK-SAME: %[[B:[a-z0-9]+]]: index, %[[S:[a-z0-9]+]]: index)
func.func @linear(%x: tensor<?x?x8xf32> {onnx.dims = ["b", "s", ""]}) -> (tensor<?x?x4xf32>, tensor<?x?x8xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  // CHECK: %[[X:.*]] = tensor.collapse_shape %arg0 {{\[}}[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
  // CHECK: %[[ROWS:.*]] = arith.muli %[[B]], %[[S]]
  // CHECK: %[[P:.*]] = kernel.contract ins(%[[X]],
  // CHECK-NOT: expand_shape
  // CHECK: %[[Y:.*]] = kernel.contract ins(%[[P]],
  // CHECK: tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [%[[B]], %[[S]], 4]
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %arg0 {{\[}}[0, 1, 2]] : tensor<?x?x8xf32> into tensor<?xf32>
  // CHECK: %[[E:.*]] = kernel.map ins(%[[FLAT]] : tensor<?xf32>)
  // CHECK: tensor.expand_shape %[[E]] {{\[}}[0, 1, 2]] output_shape [%[[B]], %[[S]], 8]
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %1 = onnx.MatMul(%0, %v) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  %2 = onnx.Exp(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %1, %2 : tensor<?x?x4xf32>, tensor<?x?x8xf32>
}

// -----

// A broadcast operand keeps its dimensions apart; so does the border between
// rows and their elements.

// CHECK-LABEL: func.func @borders
func.func @borders(%x: tensor<?x?x8xf32> {onnx.dims = ["b", "s", ""]}, %y: tensor<?x8xf32> {onnx.dims = ["s", ""]}) -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  // CHECK: kernel.map ins({{.*}} : tensor<?x?xf32>, tensor<?xf32>)
  // CHECK: kernel.rows ins({{.*}} : tensor<?x8xf32>) outs({{.*}} : tensor<?x8xf32>) attributes {axes = 1 : i64
  %0 = onnx.Add(%x, %y) : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> tensor<?x?x8xf32>
  %1 = onnx.Softmax(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %0, %1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
}

// -----

// Two axes that are reduced become one.

// CHECK-LABEL: func.func @axes
func.func @axes(%x: tensor<?x3x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x3x1x1xf32> {
  // CHECK: kernel.rows ins({{.*}} : tensor<?x64xf32>) outs({{.*}} : tensor<?xf32>) attributes {axes = 1 : i64
  %0 = onnx.GlobalAveragePool(%x) : (tensor<?x3x8x8xf32>) -> tensor<?x3x1x1xf32>
  return %0 : tensor<?x3x1x1xf32>
}

// -----

// A body that reads the index of a dimension keeps it.

// CHECK-LABEL: func.func @index
func.func @index(%t: tensor<5x8xf32>, %i: tensor<?x?xi64> {onnx.dims = ["b", "s"]}) -> tensor<?x?x8xf32> {
  // CHECK: kernel.map ins({{.*}} : tensor<?xi64>, tensor<5x8xf32>) outs({{.*}} : tensor<?x8xf32>)
  // CHECK: %[[C:.*]] = kernel.index 1
  // CHECK: kernel.fetch 1[%{{.*}}, %[[C]]]
  %0 = onnx.Gather(%t, %i) : (tensor<5x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}
