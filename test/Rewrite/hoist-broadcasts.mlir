// RUN: strut-opt %s --strut-hoist-broadcasts --canonicalize | FileCheck %s

// A style of each batch is repeated for all tokens: two maps and the function between them run
// once per style. What the last axis is called in the shape does not count.

// CHECK-LABEL: func.func @style
// CHECK-DAG: %[[TO:.*]] = onnx.Constant() {value = dense<[2, 7, 1]> : tensor<3xi64>}
// CHECK-DAG: %[[U:.*]] = layer.linear %arg0, %{{.*}} bias %{{.*}} : tensor<2x1x4xf32>, tensor<4x3xf32>, tensor<3xf32> -> tensor<2x1x3xf32>
// CHECK-DAG: %[[T:.*]] = onnx.Tanh(%[[U]]) : (tensor<2x1x3xf32>) -> tensor<2x1x3xf32>
// CHECK-DAG: %[[V:.*]] = layer.linear %[[T]], %{{.*}} : tensor<2x1x3xf32>, tensor<3x5xf32> -> tensor<2x1x5xf32>
// CHECK: %[[Y:.*]] = onnx.Expand(%[[V]], %[[TO]]) : (tensor<2x1x5xf32>, tensor<3xi64>) -> tensor<2x7x5xf32>
// CHECK-NEXT: return %[[Y]]
func.func @style(%x: tensor<2x1x4xf32>) -> tensor<2x7x5xf32> {
  %shape = onnx.Constant() {value = dense<[2, 7, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %v = onnx.Constant() {value = dense<3.0> : tensor<3x5xf32>} : () -> tensor<3x5xf32>
  %0 = onnx.Expand(%x, %shape) : (tensor<2x1x4xf32>, tensor<3xi64>) -> tensor<2x7x4xf32>
  %1 = layer.linear %0, %w bias %b : tensor<2x7x4xf32>, tensor<4x3xf32>, tensor<3xf32> -> tensor<2x7x3xf32>
  %2 = onnx.Tanh(%1) : (tensor<2x7x3xf32>) -> tensor<2x7x3xf32>
  %3 = layer.linear %2, %v : tensor<2x7x3xf32>, tensor<3x5xf32> -> tensor<2x7x5xf32>
  return %3 : tensor<2x7x5xf32>
}

// A new axis, and a shape that is computed.

// CHECK-LABEL: func.func @open
// CHECK-DAG: layer.block_linear %arg0, %{{.*}} : tensor<4xf32>, tensor<2x2x3xf32> -> tensor<6xf32>
// CHECK-DAG: %[[FRONT:.*]] = onnx.Slice(%arg1
// CHECK-DAG: %[[TO:.*]] = onnx.Concat(%[[FRONT]],
// CHECK: onnx.Expand(%{{.*}}, %[[TO]]) : (tensor<6xf32>, tensor<2xi64>) -> tensor<?x6xf32>
func.func @open(%x: tensor<4xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2x3xf32>} : () -> tensor<2x2x3xf32>
  %0 = onnx.Expand(%x, %shape) : (tensor<4xf32>, tensor<2xi64>) -> tensor<?x4xf32>
  %1 = layer.block_linear %0, %w : tensor<?x4xf32>, tensor<2x2x3xf32> -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}

// (1) The features are what is repeated. (2) Nothing is repeated.

// CHECK-LABEL: func.func @kept
// CHECK: onnx.Expand
// CHECK-NEXT: layer.linear
// CHECK: onnx.Expand
// CHECK-NEXT: layer.linear
// CHECK: return
func.func @kept(%x: tensor<2x1xf32>, %y: tensor<4xf32>) -> (tensor<2x3xf32>, tensor<1x3xf32>) {
  %features = onnx.Constant() {value = dense<[2, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %one = onnx.Constant() {value = dense<[1, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0 = onnx.Expand(%x, %features) : (tensor<2x1xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  %1 = layer.linear %0, %w : tensor<2x4xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  %2 = onnx.Expand(%y, %one) : (tensor<4xf32>, tensor<2xi64>) -> tensor<1x4xf32>
  %3 = layer.linear %2, %w : tensor<1x4xf32>, tensor<4x3xf32> -> tensor<1x3xf32>
  return %1, %3 : tensor<2x3xf32>, tensor<1x3xf32>
}

// (1) There is no last axis, or it may be repeated.

// CHECK-LABEL: func.func @no_axis
// CHECK: onnx.Expand
// CHECK-NEXT: onnx.Relu
// CHECK: onnx.Expand
// CHECK-NEXT: layer.linear
// CHECK: return
func.func @no_axis(%x: tensor<f32>, %y: tensor<1x?xf32>) -> (tensor<4xf32>, tensor<2x3xf32>) {
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %features = onnx.Constant() {value = dense<[2, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0 = onnx.Expand(%x, %four) : (tensor<f32>, tensor<1xi64>) -> tensor<4xf32>
  %1 = onnx.Relu(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = onnx.Expand(%y, %features) : (tensor<1x?xf32>, tensor<2xi64>) -> tensor<2x?xf32>
  %3 = layer.linear %2, %w : tensor<2x?xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  return %1, %3 : tensor<4xf32>, tensor<2x3xf32>
}
