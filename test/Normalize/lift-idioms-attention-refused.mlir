// RUN: strut-opt %s --strut-lift-idioms -split-input-file | FileCheck %s

// What the operator of attention repeats, and what it does not.

// Heads of both keys and values may be repeated, and masks.

// CHECK-LABEL: func.func @one_head
// CHECK: onnx.Attention
func.func @one_head(%q: tensor<2x3x5x4xf32>, %k: tensor<2x1x4x6xf32>, %v: tensor<2x1x6x4xf32>, %m: tensor<1x3x1x6xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<2x1x4x6xf32>) -> tensor<2x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x6xf32>, tensor<f32>) -> tensor<2x3x5x6xf32>
  %2 = onnx.Add(%1, %m) : (tensor<2x3x5x6xf32>, tensor<1x3x1x6xf32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%2) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<2x1x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 7: a factor with more axes than scores have.

// CHECK-LABEL: func.func @deep_factor
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @deep_factor(%q: tensor<1x1x1x4xf32>, %k: tensor<1x1x4x6xf32>, %v: tensor<1x1x6x4xf32>) -> tensor<1x1x1x1x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<1x1x1x1x1xf32>} : () -> tensor<1x1x1x1x1xf32>
  %0 = onnx.MatMul(%q, %k) : (tensor<1x1x1x4xf32>, tensor<1x1x4x6xf32>) -> tensor<1x1x1x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<1x1x1x6xf32>, tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x6xf32>
  %3 = onnx.Softmax(%1) {axis = -1 : i64} : (tensor<1x1x1x1x6xf32>) -> tensor<1x1x1x1x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<1x1x1x1x6xf32>, tensor<1x1x6x4xf32>) -> tensor<1x1x1x1x4xf32>
  return %4 : tensor<1x1x1x1x4xf32>
}

// -----

// Condition 7: queries of a batch, and keys of one.

// CHECK-LABEL: func.func @keys_of_all
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @keys_of_all(%q: tensor<2x3x5x4xf32>, %k: tensor<1x3x4x6xf32>, %v: tensor<2x3x6x4xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<1x3x4x6xf32>) -> tensor<2x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x6xf32>, tensor<f32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%1) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<2x3x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 7: queries of a batch, and keys of a batch that may be one.

// CHECK-LABEL: func.func @keys_of_some
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @keys_of_some(%q: tensor<1x3x5x4xf32>, %k: tensor<?x3x4x6xf32>, %v: tensor<?x3x6x4xf32>) -> tensor<?x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<1x3x5x4xf32>, tensor<?x3x4x6xf32>) -> tensor<?x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<?x3x5x6xf32>, tensor<f32>) -> tensor<?x3x5x6xf32>
  %3 = onnx.Softmax(%1) {axis = -1 : i64} : (tensor<?x3x5x6xf32>) -> tensor<?x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<?x3x5x6xf32>, tensor<?x3x6x4xf32>) -> tensor<?x3x5x4xf32>
  return %4 : tensor<?x3x5x4xf32>
}

// -----

// Condition 7: values of one batch.

// CHECK-LABEL: func.func @values_of_all
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @values_of_all(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x4x6xf32>, %v: tensor<1x3x6x4xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<2x3x4x6xf32>) -> tensor<2x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x6xf32>, tensor<f32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%1) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<1x3x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 7: heads of values alone.

// CHECK-LABEL: func.func @one_head_of_values
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @one_head_of_values(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x4x6xf32>, %v: tensor<2x1x6x4xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<2x3x4x6xf32>) -> tensor<2x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x6xf32>, tensor<f32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%1) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<2x1x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 7: one key, whose scores a mask repeats.

// CHECK-LABEL: func.func @one_key
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @one_key(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x4x1xf32>, %v: tensor<2x3x6x4xf32>, %m: tensor<5x6xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<2x3x4x1xf32>) -> tensor<2x3x5x1xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x1xf32>, tensor<f32>) -> tensor<2x3x5x1xf32>
  %2 = onnx.Add(%1, %m) : (tensor<2x3x5x1xf32>, tensor<5x6xf32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%2) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<2x3x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 7: scores of one batch, which a mask repeats.

// CHECK-LABEL: func.func @one_batch
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @one_batch(%q: tensor<1x3x5x4xf32>, %k: tensor<1x3x4x6xf32>, %v: tensor<1x3x6x4xf32>, %m: tensor<2x3x5x6xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<1x3x5x4xf32>, tensor<1x3x4x6xf32>) -> tensor<1x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<1x3x5x6xf32>, tensor<f32>) -> tensor<1x3x5x6xf32>
  %2 = onnx.Add(%1, %m) : (tensor<1x3x5x6xf32>, tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%2) {axis = -1 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<1x3x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}

// -----

// Condition 8: weights of the queries for each key.

// CHECK-LABEL: func.func @along_queries
// CHECK-NOT: onnx.Attention
// CHECK: return
func.func @along_queries(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x4x6xf32>, %v: tensor<2x3x6x4xf32>) -> tensor<2x3x5x4xf32> {
  %c = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%q, %k) : (tensor<2x3x5x4xf32>, tensor<2x3x4x6xf32>) -> tensor<2x3x5x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<2x3x5x6xf32>, tensor<f32>) -> tensor<2x3x5x6xf32>
  %3 = onnx.Softmax(%1) {axis = 2 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x3x5x6xf32>, tensor<2x3x6x4xf32>) -> tensor<2x3x5x4xf32>
  return %4 : tensor<2x3x5x4xf32>
}
