// RUN: strut-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @zero_bias
func.func @zero_bias(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x4xf32> {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} :
  %y = layer.linear %x, %w bias %zero : tensor<?x8xf32>, tensor<8x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @bias
func.func @bias(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x4xf32> {
  %half = onnx.Constant() {value = dense<0.5> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} bias
  %y = layer.linear %x, %w bias %half : tensor<?x8xf32>, tensor<8x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
