// RUN: strut-opt %s --strut-recognize-linear --strut-recognize-maps --canonicalize --cse | FileCheck %s

// What chooses or mixes tokens between two weights, and what only looks like a map of features.

// Condition 7: two extents that the run tells.

// CHECK-LABEL: func.func @two_open_extents
// CHECK: onnx.Reshape
// CHECK-NOT: lowrank
// CHECK: return
func.func @two_open_extents(%x: tensor<?x?x24xf32>, %shape: tensor<4xi64>) -> tensor<?x?x?x40xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x?x24xf32>, tensor<24x6xf32>) -> tensor<?x?x6xf32>
  %1 = onnx.Reshape(%0, %shape) : (tensor<?x?x6xf32>, tensor<4xi64>) -> tensor<?x?x?x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x?x?x6xf32>, tensor<6x40xf32>) -> tensor<?x?x?x40xf32>
  return %2 : tensor<?x?x?x40xf32>
}

// Condition 7: one token, the last ones, all in another order.

// CHECK-LABEL: func.func @some_tokens
// CHECK-NOT: lowrank
// CHECK: onnx.Gather
// CHECK-NOT: lowrank
// CHECK: onnx.Slice
// CHECK-NOT: lowrank
// CHECK: onnx.Gather
// CHECK-NOT: lowrank
// CHECK: return
func.func @some_tokens(%x: tensor<3x24xf32>) -> (tensor<1x40xf32>, tensor<2x40xf32>, tensor<3x40xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %first = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %second = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %order = onnx.Constant() {value = dense<[2, 0, 1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<3x24xf32>, tensor<24x6xf32>) -> tensor<3x6xf32>
  %1 = onnx.Gather(%0, %first) {axis = 0 : i64} : (tensor<3x6xf32>, tensor<1xi64>) -> tensor<1x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<1x6xf32>, tensor<6x40xf32>) -> tensor<1x40xf32>
  %3 = onnx.Neg(%x) : (tensor<3x24xf32>) -> tensor<3x24xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<3x24xf32>, tensor<24x6xf32>) -> tensor<3x6xf32>
  %5 = onnx.Slice(%4, %second, %end, %first) : (tensor<3x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x6xf32>
  %6 = onnx.MatMul(%5, %u) : (tensor<2x6xf32>, tensor<6x40xf32>) -> tensor<2x40xf32>
  %7 = onnx.Tanh(%x) : (tensor<3x24xf32>) -> tensor<3x24xf32>
  %8 = onnx.MatMul(%7, %v) : (tensor<3x24xf32>, tensor<24x6xf32>) -> tensor<3x6xf32>
  %9 = onnx.Gather(%8, %order) {axis = 0 : i64} : (tensor<3x6xf32>, tensor<3xi64>) -> tensor<3x6xf32>
  %10 = onnx.MatMul(%9, %u) : (tensor<3x6xf32>, tensor<6x40xf32>) -> tensor<3x40xf32>
  return %2, %6, %10 : tensor<1x40xf32>, tensor<2x40xf32>, tensor<3x40xf32>
}

// Condition 6: layers of two values beside each other.

// CHECK-LABEL: func.func @beside_of_two_values
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
// CHECK-NOT: layer.form
// CHECK: return
func.func @beside_of_two_values(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %1 = onnx.MatMul(%x, %w1) : (tensor<?x8xf32>, tensor<8x3xf32>) -> tensor<?x3xf32>
  %2 = onnx.MatMul(%y, %w2) : (tensor<?x8xf32>, tensor<8x3xf32>) -> tensor<?x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}

// Condition 4: an addend with more axes than the value makes more values of it.

// CHECK-LABEL: func.func @more_axes
// CHECK-NOT: lowrank
// CHECK: return
func.func @more_axes(%x: tensor<?x24xf32>) -> tensor<2x?x40xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %c = onnx.Constant() {value = dense<1.0> : tensor<2x1x6xf32>} : () -> tensor<2x1x6xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Add(%0, %c) : (tensor<?x6xf32>, tensor<2x1x6xf32>) -> tensor<2x?x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<2x?x6xf32>, tensor<6x40xf32>) -> tensor<2x?x40xf32>
  return %2 : tensor<2x?x40xf32>
}

// Condition 4: statistics of the data, and one for each place; condition 5: a variance of -epsilon.

// CHECK-LABEL: func.func @normalised
// CHECK-COUNT-3: onnx.BatchNormalization
// CHECK-NOT: lowrank
// CHECK: return
func.func @normalised(%x: tensor<?x24xf32>, %y: tensor<?x6x24xf32>) -> (tensor<?x40xf32>, tensor<?x6x40xf32>, tensor<?x40xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %n = onnx.Constant() {value = dense<-0.5> : tensor<6xf32>} : () -> tensor<6xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.BatchNormalization(%0, %c, %c, %c, %c) {epsilon = 1.0e-5 : f32, training_mode = 1 : i64} : (tensor<?x6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  %3 = onnx.MatMul(%y, %v) : (tensor<?x6x24xf32>, tensor<24x6xf32>) -> tensor<?x6x6xf32>
  %4 = onnx.BatchNormalization(%3, %c, %c, %c, %c) {epsilon = 1.0e-5 : f32} : (tensor<?x6x6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6x6xf32>
  %5 = onnx.MatMul(%4, %u) : (tensor<?x6x6xf32>, tensor<6x40xf32>) -> tensor<?x6x40xf32>
  %z = onnx.Tanh(%x) : (tensor<?x24xf32>) -> tensor<?x24xf32>
  %6 = onnx.MatMul(%z, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %7 = onnx.BatchNormalization(%6, %c, %c, %c, %n) {epsilon = 0.5 : f32} : (tensor<?x6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6xf32>
  %8 = onnx.MatMul(%7, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  return %2, %5, %8 : tensor<?x40xf32>, tensor<?x6x40xf32>, tensor<?x40xf32>
}

// Condition 2: the diagonal of a weight.

// CHECK-LABEL: func.func @diagonal
// CHECK: onnx.Einsum
// CHECK: return
func.func @diagonal(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<6x6xf32>} : () -> tensor<6x6xf32>
  %0 = onnx.Einsum(%x, %w) {equation = "bk,kk->bk"} : (tensor<?x6xf32>, tensor<6x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// Condition 7: tokens are turned around, by one number or by a range of them. Of features, from where on
// they are turned must be known.

// CHECK-LABEL: func.func @backwards
// CHECK-COUNT-3: onnx.Slice
// CHECK-NOT: lowrank
// CHECK: return
func.func @backwards(%x: tensor<?x24xf32>, %y: tensor<8x24xf32>, %from: tensor<1xi64>) -> (tensor<?x40xf32>, tensor<8x40xf32>, tensor<?x40xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<-9223372036854775808> : tensor<1xi64>} : () -> tensor<1xi64>
  %tokens = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %features = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Slice(%0, %last, %end, %tokens, %last) : (tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  %3 = onnx.MatMul(%y, %v) : (tensor<8x24xf32>, tensor<24x6xf32>) -> tensor<8x6xf32>
  %4 = onnx.Slice(%3, %last, %end, %tokens, %last) : (tensor<8x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<8x6xf32>
  %5 = onnx.MatMul(%4, %u) : (tensor<8x6xf32>, tensor<6x40xf32>) -> tensor<8x40xf32>
  %6 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %7 = onnx.Slice(%6, %from, %end, %features, %last) : (tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x6xf32>
  %8 = onnx.MatMul(%7, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  return %2, %5, %8 : tensor<?x40xf32>, tensor<8x40xf32>, tensor<?x40xf32>
}

// Condition 2: factors whose sum is over tokens, over features that share one number, and
// factors that something else reads.

// CHECK-LABEL: func.func @factors_and_sum
// CHECK-COUNT-3: onnx.ReduceSum
// CHECK-NOT: layer.
// CHECK: return
func.func @factors_and_sum(%x: tensor<4x6xf32>) -> (tensor<3x2xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3x2xf32>) {
  %w = onnx.Constant() {value = dense<2.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %one = onnx.Constant() {value = dense<2.0> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %pieces = onnx.Constant() {value = dense<[4, 3, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %first = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<4x3x2xf32>
  %1 = onnx.Mul(%0, %w) : (tensor<4x3x2xf32>, tensor<3x2xf32>) -> tensor<4x3x2xf32>
  %2 = onnx.ReduceSum(%1, %first) {keepdims = 0 : i64} : (tensor<4x3x2xf32>, tensor<1xi64>) -> tensor<3x2xf32>
  %3 = onnx.Reshape(%x, %pieces) : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<4x3x2xf32>
  %4 = onnx.Mul(%3, %one) : (tensor<4x3x2xf32>, tensor<3x1xf32>) -> tensor<4x3x2xf32>
  %5 = onnx.ReduceSum(%4, %last) {keepdims = 0 : i64} : (tensor<4x3x2xf32>, tensor<1xi64>) -> tensor<4x3xf32>
  %6 = onnx.Reshape(%x, %pieces) : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<4x3x2xf32>
  %7 = onnx.Mul(%6, %w) : (tensor<4x3x2xf32>, tensor<3x2xf32>) -> tensor<4x3x2xf32>
  %8 = onnx.ReduceSum(%7, %last) {keepdims = 0 : i64} : (tensor<4x3x2xf32>, tensor<1xi64>) -> tensor<4x3xf32>
  return %2, %5, %8, %7 : tensor<3x2xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3x2xf32>
}
