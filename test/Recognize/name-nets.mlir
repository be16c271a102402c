// Compositions get the name of their kind; what only looks like one gets none.
// RUN: strut-opt %s --strut-name-nets | FileCheck %s

// CHECK-LABEL: func.func @gated
// CHECK-COUNT-5: layer.net = {kind = "gated", number = 0 : i32}
// CHECK: return
func.func @gated(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = layer.linear %3, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// A gate of another value is a product of two nets.
// CHECK-LABEL: func.func @other_input
// CHECK-NOT: layer.net
// CHECK: return
func.func @other_input(%x: tensor<?x6xf32>, %y: tensor<?x6xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %y, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// A linear part beside a net of the same value.
// CHECK-LABEL: func.func @dual
// CHECK-COUNT-5: layer.net = {kind = "dual", number = 0 : i32}
// CHECK: return
func.func @dual(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x6xf32>} : () -> tensor<6x6xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x6xf32> -> tensor<?x6xf32>
  %1 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %2 = onnx.Gelu(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = layer.linear %2, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}
