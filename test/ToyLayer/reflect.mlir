// RUN: toy-opt %s --split-input-file --verify-diagnostics --toy-recognize-reflections | FileCheck %s

// CHECK-LABEL: func.func @reflection
func.func @reflection(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %v = onnx.Constant() {value = dense<[[1.0], [0.0], [2.0], [0.0]]> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %w = onnx.Constant() {value = dense<[[0.4, 0.0, 0.8, 0.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  // CHECK: %[[Y:.*]] = toy.reflect %arg0 along %{{.*}} by %{{.*}} : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = layer.linear %x, %v : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %1 = layer.linear %0, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %2 = onnx.Sub(%x, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// -----

// (1) A weight that is no constant, and a bias. (2) Two numbers between, and one that something
// else reads. (3) The part of another value.

// CHECK-LABEL: func.func @others
// CHECK-NOT: toy.reflect
func.func @others(%x: tensor<?x4xf32>, %z: tensor<?x4xf32>, %v: tensor<4x1xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x1xf32>, tensor<?x4xf32>) {
  %c = onnx.Constant() {value = dense<1.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %d = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %w = onnx.Constant() {value = dense<3.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %u = onnx.Constant() {value = dense<4.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<5.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = layer.linear %x, %v : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %1 = layer.linear %0, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %2 = onnx.Sub(%x, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %x, %c : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %4 = layer.linear %3, %w bias %b : tensor<?x1xf32>, tensor<1x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %5 = onnx.Sub(%x, %4) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = layer.linear %x, %d : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %7 = layer.linear %6, %u : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %8 = onnx.Sub(%x, %7) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = layer.linear %x, %c : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %10 = layer.linear %9, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %11 = onnx.Sub(%x, %10) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %12 = layer.linear %x, %c : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %13 = layer.linear %12, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %14 = onnx.Sub(%z, %13) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %2, %5, %8, %11, %9, %14 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x1xf32>, tensor<?x4xf32>
}

// -----

func.func @invalid(%x: tensor<?x4xf32>, %v: tensor<3xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{needs vectors of the type 'tensor<4xf32>', got 'tensor<3xf32>'}}
  %0 = toy.reflect %x along %v by %v : tensor<?x4xf32>, tensor<3xf32>, tensor<3xf32>
  return %0 : tensor<?x4xf32>
}
