// RUN: strut-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @identity
// CHECK-NEXT: return %arg0
func.func @identity(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.Identity(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// Not where one of the types says more than the other.

// CHECK-LABEL: func.func @identity_of_another_type
// CHECK-NEXT: onnx.Identity
func.func @identity_of_another_type(%x: tensor<?xf32>) -> tensor<4xf32> {
  %y = onnx.Identity(%x) : (tensor<?xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @cast
// CHECK-NEXT: %[[H:.*]] = onnx.Cast(%arg0) {to = 10 : i64}
// CHECK-NEXT: return %arg0, %[[H]]
func.func @cast(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf16>) {
  %y = onnx.Cast(%x) {to = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %z = onnx.Cast(%x) {to = 10 : i64} : (tensor<4xf32>) -> tensor<4xf16>
  return %y, %z : tensor<4xf32>, tensor<4xf16>
}

// CHECK-LABEL: func.func @dropout
// CHECK-NEXT: return %arg0, %arg0
func.func @dropout(%x: tensor<4xf32>, %ratio: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %no = onnx.Constant() {value = dense<false> : tensor<i1>} : () -> tensor<i1>
  %a = onnx.Dropout(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b, %mask = onnx.Dropout(%x, %ratio, %no) : (tensor<4xf32>, tensor<f32>, tensor<i1>) -> (tensor<4xf32>, tensor<4xi1>)
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// In training, where that is not known, or where the mask is read, it stays.

// CHECK-LABEL: func.func @dropout_stays
// CHECK-COUNT-3: onnx.Dropout
func.func @dropout_stays(%x: tensor<4xf32>, %ratio: tensor<f32>, %flag: tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi1>) {
  %yes = onnx.Constant() {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %a = onnx.Dropout(%x, %ratio, %yes) : (tensor<4xf32>, tensor<f32>, tensor<i1>) -> tensor<4xf32>
  %b = onnx.Dropout(%x, %ratio, %flag) : (tensor<4xf32>, tensor<f32>, tensor<i1>) -> tensor<4xf32>
  %c, %mask = onnx.Dropout(%x) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi1>)
  return %a, %b, %mask : tensor<4xf32>, tensor<4xf32>, tensor<4xi1>
}

// CHECK-LABEL: func.func @transpose
// CHECK-NEXT: %[[T:.*]] = onnx.Transpose(%arg0) {perm = array<i64: 1, 0>}
// CHECK-NEXT: return %arg0, %[[T]]
func.func @transpose(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %y = onnx.Transpose(%x) {perm = array<i64: 0, 1>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %z = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y, %z : tensor<4x4xf32>, tensor<4x4xf32>
}

// CHECK-LABEL: func.func @transposes
// CHECK: %[[ONE:.*]] = onnx.Transpose(%arg0) {perm = array<i64: 1, 2, 0>}
// CHECK-NEXT: return %[[ONE]], %arg0
func.func @transposes(%x: tensor<2x?x4xf32>) -> (tensor<?x4x2xf32>, tensor<2x?x4xf32>) {
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<2x?x4xf32>) -> tensor<2x4x?xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 2, 1, 0>} : (tensor<2x4x?xf32>) -> tensor<?x4x2xf32>
  %2 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1>} : (tensor<2x4x?xf32>) -> tensor<2x?x4xf32>
  return %1, %2 : tensor<?x4x2xf32>, tensor<2x?x4xf32>
}
