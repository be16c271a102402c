// RUN: strut-opt %s --strut-fold-integers --strut-infer-shapes | FileCheck %s

// A position computed from constants bounds a slice of a shape, which gives the
// rank of what is reshaped.

// CHECK-LABEL: func.func @unflatten
// CHECK-NOT: onnx.Mod
// CHECK: onnx.Reshape({{.*}} -> tensor<?x2x3xf32>
func.func @unflatten(%x: tensor<?x6xf32>) -> tensor<*xf32> {
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %five = onnx.Constant() {value = dense<5> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %parts = onnx.Constant() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %m = onnx.Mod(%five, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %end = onnx.Unsqueeze(%m, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<?x6xf32>) -> tensor<2xi64>
  %head = onnx.Slice(%s, %zero, %end) : (tensor<2xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %to = onnx.Concat(%head, %parts) {axis = 0 : i64} : (tensor<?xi64>, tensor<2xi64>) -> tensor<?xi64>
  %y = onnx.Reshape(%x, %to) : (tensor<?x6xf32>, tensor<?xi64>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// CHECK-LABEL: func.func @arithmetic
// CHECK-DAG: dense<[3, 4]>
// CHECK-DAG: dense<-1>
// CHECK-DAG: dense<[4, 6]>
// CHECK-DAG: dense<[0, 1]>
// CHECK-NEXT: return
func.func @arithmetic() -> (tensor<2xi64>, tensor<i64>, tensor<2xi64>, tensor<2xi64>) {
  %a = onnx.Constant() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %0 = onnx.Add(%a, %one) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  %1 = onnx.Sub(%one, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %2 = onnx.Mul(%two, %a) : (tensor<i64>, tensor<2xi64>) -> tensor<2xi64>
  %3 = onnx.Div(%a, %2) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %4 = onnx.Mod(%a, %two) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi64>
  return %0, %1, %2, %4 : tensor<2xi64>, tensor<i64>, tensor<2xi64>, tensor<2xi64>
}

// Overflow, a division by zero and one of a negative number stay.

// CHECK-LABEL: func.func @left_alone
// CHECK: onnx.Add
// CHECK: onnx.Div
// CHECK: onnx.Mod
func.func @left_alone() -> (tensor<i64>, tensor<i64>, tensor<i64>) {
  %most = onnx.Constant() {value = dense<9223372036854775807> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %minus = onnx.Constant() {value = dense<-3> : tensor<i64>} : () -> tensor<i64>
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %0 = onnx.Add(%most, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %1 = onnx.Div(%two, %zero) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %2 = onnx.Mod(%minus, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %0, %1, %2 : tensor<i64>, tensor<i64>, tensor<i64>
}
