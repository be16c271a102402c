// RUN: strut-opt %s --canonicalize | FileCheck %s

// Every spelling of a constant means the same tensor: equal ones become one.

// CHECK-LABEL: func.func @spellings
// CHECK-COUNT-3: onnx.Constant
// CHECK-NOT: onnx.Constant
// CHECK: onnx.Mul(%[[C:.*]], %[[C]])
func.func @spellings() -> (tensor<f32>, tensor<2xi64>, tensor<2xi64>, tensor<1x!onnx.string>, tensor<1x!onnx.string>) {
  %a = onnx.Constant() {value_float = 2.0 : f32} : () -> tensor<f32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %c = onnx.Constant() {value_ints = array<i64: 1, 2>} : () -> tensor<2xi64>
  %d = onnx.Constant() {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %e = onnx.Constant() {value_strings = ["s"]} : () -> tensor<1x!onnx.string>
  %f = onnx.Constant() {value = dense<"s"> : tensor<1x!onnx.string>} : () -> tensor<1x!onnx.string>
  %m = onnx.Mul(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %m, %c, %d, %e, %f : tensor<f32>, tensor<2xi64>, tensor<2xi64>, tensor<1x!onnx.string>, tensor<1x!onnx.string>
}

// A reference to a file is a constant like any other; the file need not be there.

// CHECK-LABEL: func.func @weights
// CHECK-NEXT: %[[W:.*]] = onnx.Constant() {value = #onnx.file_data<"/nowhere/w.bin", 16, 1024> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
// CHECK-NEXT: onnx.MatMul(%[[W]], %[[W]])
func.func @weights() -> tensor<16x16xf32> {
  %a = onnx.Constant() {value = #onnx.file_data<"/nowhere/w.bin", 16, 1024> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %b = onnx.Constant() {value = #onnx.file_data<"/nowhere/w.bin", 16, 1024> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %c = onnx.MatMul(%a, %b) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %c : tensor<16x16xf32>
}
