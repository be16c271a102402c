// RUN: strut-opt %s --strut-recognize-linear | FileCheck %s

// The bias may stand on either side.

// CHECK-LABEL: func.func @matmul
func.func @matmul(%x: tensor<?x?x8xf32>) -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<4xf32> -> tensor<?x?x4xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} bias
  // CHECK-NOT: onnx.Add
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  %1 = onnx.Add(%b, %0) : (tensor<4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %2 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  %3 = onnx.Add(%2, %b) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  return %1, %3 : tensor<?x?x4xf32>, tensor<?x?x4xf32>
}

// A vector that is not the output's, a shared product, a product of activations.

// CHECK-LABEL: func.func @not_a_bias
func.func @not_a_bias(%x: tensor<?x8xf32>, %y: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %one = onnx.Constant() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>
  // CHECK: onnx.Add
  // CHECK: onnx.MatMul
  %0 = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Add(%0, %one) : (tensor<?x4xf32>, tensor<1xf32>) -> tensor<?x4xf32>
  %2 = onnx.MatMul(%x, %y) : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @gemm
func.func @gemm(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x8xf32>} : () -> tensor<4x8xf32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: %[[W:.*]] = onnx.Transpose(%{{.*}}) {perm = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  // CHECK: layer.linear %{{.*}}, %[[W]] bias
  %0 = onnx.Gemm(%x, %w, %b) {transB = 1 : i64} : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @gemm_factors
func.func @gemm_factors(%x: tensor<8x?xf32>, %c: tensor<1x4xf32>) -> tensor<?x4xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  // CHECK: %[[X:.*]] = onnx.Transpose(%{{.*}}) {perm = array<i64: 1, 0>} : (tensor<8x?xf32>) -> tensor<?x8xf32>
  // CHECK: %[[Y:.*]] = layer.linear %[[X]], %{{.*}} : tensor<?x8xf32>
  // CHECK: onnx.Mul(%[[Y]]
  // CHECK: onnx.Mul(%arg1
  // CHECK: onnx.Add
  %0 = onnx.Gemm(%x, %w, %c) {transA = 1 : i64, alpha = 0.5 : f32, beta = 3.0 : f32} : (tensor<8x?xf32>, tensor<8x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
