// RUN: strut-opt %s --strut-lift-idioms --canonicalize | FileCheck %s

// GELU: Div by sqrt(2) or Mul by 1/sqrt(2), 0.5 in any place, factors in any order.

// CHECK-LABEL: func.func @gelu_div
func.func @gelu_div(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %sqrt2 = onnx.Constant() {value = dense<1.41421354> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NEXT: %[[Y:.*]] = onnx.Gelu(%arg0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.Div(%x, %sqrt2) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Erf(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Add(%1, %one) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%x, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @gelu_mul
func.func @gelu_mul(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %rsqrt2 = onnx.Constant() {value = dense<0.707106769> : tensor<1xf32>} : () -> tensor<1xf32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NEXT: onnx.Gelu(%arg0)
  // CHECK-NEXT: return
  %h = onnx.Mul(%half, %x) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = onnx.Mul(%rsqrt2, %x) : (tensor<1xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Erf(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Add(%one, %1) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %h) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}

// x (0.5 erf + 0.5)

// CHECK-LABEL: func.func @gelu_distributed
func.func @gelu_distributed(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %sqrt2 = onnx.Constant() {value = dense<1.41421354> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NEXT: onnx.Gelu(%arg0)
  // CHECK-NEXT: return
  %0 = onnx.Div(%x, %sqrt2) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Erf(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = onnx.Add(%2, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%x, %3) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @gelu_tanh
func.func @gelu_tanh(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %three = onnx.Constant() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %c = onnx.Constant() {value = dense<0.044715> : tensor<f32>} : () -> tensor<f32>
  %d = onnx.Constant() {value = dense<0.797884583> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NEXT: onnx.Gelu(%arg0) {approximate = "tanh"}
  // CHECK-NEXT: return
  %0 = onnx.Pow(%x, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Add(%x, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %d) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %4 = onnx.Tanh(%3) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = onnx.Add(%4, %one) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %6 = onnx.Mul(%x, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %7 = onnx.Mul(%6, %5) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %7 : tensor<?x4xf32>
}

// A wrong constant, and an erf that somebody else reads, are left alone.

// CHECK-LABEL: func.func @no_gelu
func.func @no_gelu(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %sqrt2 = onnx.Constant() {value = dense<1.41421354> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NOT: onnx.Gelu
  // CHECK: return
  %0 = onnx.Div(%x, %two) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Erf(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Add(%1, %one) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%x, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %5 = onnx.Div(%x, %sqrt2) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %6 = onnx.Erf(%5) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = onnx.Add(%6, %one) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %8 = onnx.Mul(%x, %7) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = onnx.Mul(%8, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  return %4, %7, %9 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  %axis = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant() {value = dense<1.0e-12> : tensor<f32>} : () -> tensor<f32>
  %gamma = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %beta = onnx.Constant() {value = dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: onnx.LayerNormalization(%arg0, %{{.*}}, %{{.*}}) {axis = -1 : i64, epsilon = {{0*}}9.99999996E-13 : f32}
  // CHECK-NEXT: return
  %0 = onnx.ReduceMean(%x, %axis) : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %1 = onnx.Sub(%x, %0) : (tensor<?x?x4xf32>, tensor<?x?x1xf32>) -> tensor<?x?x4xf32>
  %2 = onnx.Pow(%1, %two) : (tensor<?x?x4xf32>, tensor<f32>) -> tensor<?x?x4xf32>
  %3 = onnx.ReduceMean(%2, %axis) : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %4 = onnx.Add(%3, %eps) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %5 = onnx.Sqrt(%4) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %6 = onnx.Div(%1, %5) : (tensor<?x?x4xf32>, tensor<?x?x1xf32>) -> tensor<?x?x4xf32>
  %7 = onnx.Mul(%6, %gamma) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %8 = onnx.Add(%7, %beta) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  return %8 : tensor<?x?x4xf32>
}

// Attention, with the scale at the scores and a mask.

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x12x?x32xf32>, %k: tensor<?x12x32x?xf32>, %v: tensor<?x12x?x32xf32>, %mask: tensor<?x1x1x?xf32>) -> tensor<?x12x?x32xf32> {
  %root = onnx.Constant() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NEXT: %[[K:.*]] = onnx.Transpose(%arg1) {perm = array<i64: 0, 1, 3, 2>}
  // CHECK-NEXT: %[[Y:.*]] = onnx.Attention(%arg0, %[[K]], %arg2, %arg3) {scale = 2.500000e-01 : f32}
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.MatMul(%q, %k) : (tensor<?x12x?x32xf32>, tensor<?x12x32x?xf32>) -> tensor<?x12x?x?xf32>
  %1 = onnx.Div(%0, %root) : (tensor<?x12x?x?xf32>, tensor<f32>) -> tensor<?x12x?x?xf32>
  %2 = onnx.Add(%mask, %1) : (tensor<?x1x1x?xf32>, tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %3 = onnx.Softmax(%2) {axis = -1 : i64} : (tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<?x12x?x?xf32>, tensor<?x12x?x32xf32>) -> tensor<?x12x?x32xf32>
  return %4 : tensor<?x12x?x32xf32>
}

// The scale in two parts, at the query and at the key; no mask.

// CHECK-LABEL: func.func @attention_scaled_operands
func.func @attention_scaled_operands(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32> {
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  // CHECK: onnx.Attention(%arg0, %{{.*}}, %arg2) {scale = 2.500000e-01 : f32}
  %0 = onnx.Mul(%q, %half) : (tensor<2x4x8x16xf32>, tensor<f32>) -> tensor<2x4x8x16xf32>
  %1 = onnx.Mul(%half, %k) : (tensor<f32>, tensor<2x4x16x8xf32>) -> tensor<2x4x16x8xf32>
  %2 = onnx.MatMul(%0, %1) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = onnx.Softmax(%2) {axis = 3 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %4 : tensor<2x4x8x16xf32>
}

// A bias of positions and a mask of padding are one mask.

// CHECK-LABEL: func.func @attention_of_two_masks
func.func @attention_of_two_masks(%q: tensor<?x12x?x32xf32>, %k: tensor<?x12x32x?xf32>, %v: tensor<?x12x?x32xf32>, %bias: tensor<1x12x?x?xf32>, %mask: tensor<?x1x1x?xf32>) -> tensor<?x12x?x32xf32> {
  // CHECK: %[[M:.*]] = onnx.Add(%arg3, %arg4)
  // CHECK: onnx.Attention(%arg0, %{{.*}}, %arg2, %[[M]]) {scale = 1.000000e+00 : f32}
  // CHECK-NOT: onnx.Softmax
  %0 = onnx.MatMul(%q, %k) : (tensor<?x12x?x32xf32>, tensor<?x12x32x?xf32>) -> tensor<?x12x?x?xf32>
  %1 = onnx.Add(%0, %bias) : (tensor<?x12x?x?xf32>, tensor<1x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %2 = onnx.Add(%mask, %1) : (tensor<?x1x1x?xf32>, tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %3 = onnx.Softmax(%2) {axis = -1 : i64} : (tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<?x12x?x?xf32>, tensor<?x12x?x32xf32>) -> tensor<?x12x?x32xf32>
  return %4 : tensor<?x12x?x32xf32>
}

// Of halves, with a softmax of f32.

// CHECK-LABEL: func.func @attention_of_halves
// CHECK-NOT: onnx.Softmax
// CHECK: onnx.Attention(%arg0, %{{.*}}, %arg2, %arg3) {scale = 2.500000e-01 : f32} : (tensor<?x12x?x32xf16>,
// CHECK-SAME: -> tensor<?x12x?x32xf16>
// CHECK-NOT: onnx.Cast
func.func @attention_of_halves(%q: tensor<?x12x?x32xf16>, %k: tensor<?x12x32x?xf16>, %v: tensor<?x12x?x32xf16>, %mask: tensor<?x1x1x?xf16>) -> tensor<?x12x?x32xf16> {
  %root = onnx.Constant() {value = dense<4.0> : tensor<f16>} : () -> tensor<f16>
  %0 = onnx.MatMul(%q, %k) : (tensor<?x12x?x32xf16>, tensor<?x12x32x?xf16>) -> tensor<?x12x?x?xf16>
  %1 = onnx.Div(%0, %root) : (tensor<?x12x?x?xf16>, tensor<f16>) -> tensor<?x12x?x?xf16>
  %2 = onnx.Add(%1, %mask) : (tensor<?x12x?x?xf16>, tensor<?x1x1x?xf16>) -> tensor<?x12x?x?xf16>
  %3 = onnx.Cast(%2) {to = 1 : i64} : (tensor<?x12x?x?xf16>) -> tensor<?x12x?x?xf32>
  %4 = onnx.Softmax(%3) {axis = -1 : i64} : (tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
  %5 = onnx.Cast(%4) {to = 10 : i64} : (tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf16>
  %6 = onnx.MatMul(%5, %v) : (tensor<?x12x?x?xf16>, tensor<?x12x?x32xf16>) -> tensor<?x12x?x32xf16>
  return %6 : tensor<?x12x?x32xf16>
}

// The lowest number of f16 does not swallow the scores.

// CHECK-LABEL: func.func @no_attention_of_halves_where
func.func @no_attention_of_halves_where(%q: tensor<2x4x8x16xf16>, %k: tensor<2x4x16x8xf16>, %v: tensor<2x4x8x16xf16>, %mask: tensor<1x1x8x8xi1>) -> tensor<2x4x8x16xf16> {
  %low = onnx.Constant() {value = dense<-6.5504E+4> : tensor<f16>} : () -> tensor<f16>
  // CHECK-NOT: onnx.Attention
  // CHECK: return
  %0 = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf16>, tensor<2x4x16x8xf16>) -> tensor<2x4x8x8xf16>
  %1 = onnx.Where(%mask, %0, %low) : (tensor<1x1x8x8xi1>, tensor<2x4x8x8xf16>, tensor<f16>) -> tensor<2x4x8x8xf16>
  %2 = onnx.Softmax(%1) : (tensor<2x4x8x8xf16>) -> tensor<2x4x8x8xf16>
  %3 = onnx.MatMul(%2, %v) : (tensor<2x4x8x8xf16>, tensor<2x4x8x16xf16>) -> tensor<2x4x8x16xf16>
  return %3 : tensor<2x4x8x16xf16>
}

// A softmax along another axis is none.

// CHECK-LABEL: func.func @no_attention
func.func @no_attention(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32> {
  // CHECK-NOT: onnx.Attention
  // CHECK: return
  %2 = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = onnx.Softmax(%2) {axis = 2 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = onnx.MatMul(%3, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %4 : tensor<2x4x8x16xf32>
}

// A bool mask that selects the lowest float becomes one that adds it.

// CHECK-LABEL: func.func @attention_where
func.func @attention_where(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>, %mask: tensor<1x1x8x8xi1>) -> tensor<2x4x8x16xf32> {
  %low = onnx.Constant() {value = dense<-3.40282347E+38> : tensor<f32>} : () -> tensor<f32>
  // CHECK-DAG: %[[LOW:.*]] = onnx.Constant() {value = dense<-3.40282347E+38>
  // CHECK-DAG: %[[ZERO:.*]] = onnx.Constant() {value = dense<0.000000e+00>
  // CHECK: %[[M:.*]] = onnx.Where(%arg3, %[[ZERO]], %[[LOW]]) : (tensor<1x1x8x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x8x8xf32>
  // CHECK: onnx.Attention(%arg0, %{{.*}}, %arg2, %[[M]]) {scale = 1.000000e+00 : f32}
  %0 = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %1 = onnx.Where(%mask, %0, %low) : (tensor<1x1x8x8xi1>, tensor<2x4x8x8xf32>, tensor<f32>) -> tensor<2x4x8x8xf32>
  %2 = onnx.Softmax(%1) : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = onnx.MatMul(%2, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %3 : tensor<2x4x8x16xf32>
}

// A constant that does not swallow the scores is left alone.

// CHECK-LABEL: func.func @no_attention_where
func.func @no_attention_where(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>, %mask: tensor<1x1x8x8xi1>) -> tensor<2x4x8x16xf32> {
  %low = onnx.Constant() {value = dense<-1.0E+4> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NOT: onnx.Attention
  // CHECK: return
  %0 = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %1 = onnx.Where(%mask, %0, %low) : (tensor<1x1x8x8xi1>, tensor<2x4x8x8xf32>, tensor<f32>) -> tensor<2x4x8x8xf32>
  %2 = onnx.Softmax(%1) : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = onnx.MatMul(%2, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %3 : tensor<2x4x8x16xf32>
}

// Rows without a finite score are 0, as Where(IsNaN) makes them; with another
// value for them it is another formula.

// CHECK-LABEL: func.func @attention_nan
// CHECK-NOT: onnx.Softmax
// CHECK: onnx.Attention(
// CHECK-NOT: onnx.IsNaN
func.func @attention_nan(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32> {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %p = onnx.Softmax(%s) {axis = -1 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %n = onnx.IsNaN(%p) : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xi1>
  %w = onnx.Where(%n, %zero, %p) : (tensor<2x4x8x8xi1>, tensor<f32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %y = onnx.MatMul(%w, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %y : tensor<2x4x8x16xf32>
}

// CHECK-LABEL: func.func @no_attention_nan
// CHECK: onnx.Softmax
// CHECK-NOT: onnx.Attention
func.func @no_attention_nan(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32> {
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.MatMul(%q, %k) : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %p = onnx.Softmax(%s) {axis = -1 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %n = onnx.IsNaN(%p) : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xi1>
  %w = onnx.Where(%n, %one, %p) : (tensor<2x4x8x8xi1>, tensor<f32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %y = onnx.MatMul(%w, %v) : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %y : tensor<2x4x8x16xf32>
}

// RMS normalisation by a reciprocal, a division of 1 and a division of x.

// CHECK-LABEL: func.func @rms_norm
func.func @rms_norm(%x: tensor<?x?x4xf32>) -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) {
  %g = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant() {value = dense<1.0e-06> : tensor<f32>} : () -> tensor<f32>
  %axis = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Pow(%x, %two) : (tensor<?x?x4xf32>, tensor<f32>) -> tensor<?x?x4xf32>
  %m = onnx.ReduceMean(%s, %axis) {keepdims = 1 : i64} : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %e = onnx.Add(%m, %eps) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %r = onnx.Sqrt(%e) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  // CHECK: %[[A:.*]] = onnx.RMSNormalization(%arg0, %[[G:.*]]) {axis = -1 : i64, epsilon = 9.99999997E-7 : f32}
  %i = onnx.Reciprocal(%r) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %a = onnx.Mul(%x, %i) : (tensor<?x?x4xf32>, tensor<?x?x1xf32>) -> tensor<?x?x4xf32>
  %0 = onnx.Mul(%g, %a) : (tensor<4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: %[[B:.*]] = onnx.RMSNormalization(%arg0, %[[G]])
  %j = onnx.Div(%one, %r) : (tensor<f32>, tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %b = onnx.Mul(%j, %x) : (tensor<?x?x1xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %1 = onnx.Mul(%b, %g) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  // CHECK: %[[C:.*]] = onnx.RMSNormalization(%arg0, %[[G]])
  %c = onnx.Div(%x, %r) : (tensor<?x?x4xf32>, tensor<?x?x1xf32>) -> tensor<?x?x4xf32>
  %2 = onnx.Mul(%c, %g) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %0, %1, %2 : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>
}

// An epsilon after the root, none at all, the mean of another tensor, another axis
// and a cube are other formulas.

// CHECK-LABEL: func.func @no_rms_norm
// CHECK-NOT: onnx.RMSNormalization
// CHECK: return
func.func @no_rms_norm(%x: tensor<?x4x4xf32>, %z: tensor<?x4x4xf32>) -> (tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>) {
  %g = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %three = onnx.Constant() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant() {value = dense<1.0e-06> : tensor<f32>} : () -> tensor<f32>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %middle = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Mul(%x, %x) : (tensor<?x4x4xf32>, tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
  %m = onnx.ReduceMean(%s, %last) : (tensor<?x4x4xf32>, tensor<1xi64>) -> tensor<?x4x1xf32>
  %r0 = onnx.Sqrt(%m) : (tensor<?x4x1xf32>) -> tensor<?x4x1xf32>
  %e0 = onnx.Add(%r0, %eps) : (tensor<?x4x1xf32>, tensor<f32>) -> tensor<?x4x1xf32>
  %d0 = onnx.Div(%x, %e0) : (tensor<?x4x4xf32>, tensor<?x4x1xf32>) -> tensor<?x4x4xf32>
  %0 = onnx.Mul(%d0, %g) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  %d1 = onnx.Div(%x, %r0) : (tensor<?x4x4xf32>, tensor<?x4x1xf32>) -> tensor<?x4x4xf32>
  %1 = onnx.Mul(%d1, %g) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  %e2 = onnx.Add(%m, %eps) : (tensor<?x4x1xf32>, tensor<f32>) -> tensor<?x4x1xf32>
  %r2 = onnx.Sqrt(%e2) : (tensor<?x4x1xf32>) -> tensor<?x4x1xf32>
  %d2 = onnx.Div(%z, %r2) : (tensor<?x4x4xf32>, tensor<?x4x1xf32>) -> tensor<?x4x4xf32>
  %2 = onnx.Mul(%d2, %g) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  %m3 = onnx.ReduceMean(%s, %middle) : (tensor<?x4x4xf32>, tensor<1xi64>) -> tensor<?x1x4xf32>
  %e3 = onnx.Add(%m3, %eps) : (tensor<?x1x4xf32>, tensor<f32>) -> tensor<?x1x4xf32>
  %r3 = onnx.Sqrt(%e3) : (tensor<?x1x4xf32>) -> tensor<?x1x4xf32>
  %d3 = onnx.Div(%x, %r3) : (tensor<?x4x4xf32>, tensor<?x1x4xf32>) -> tensor<?x4x4xf32>
  %3 = onnx.Mul(%d3, %g) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  %s4 = onnx.Pow(%x, %three) : (tensor<?x4x4xf32>, tensor<f32>) -> tensor<?x4x4xf32>
  %m4 = onnx.ReduceMean(%s4, %last) : (tensor<?x4x4xf32>, tensor<1xi64>) -> tensor<?x4x1xf32>
  %e4 = onnx.Add(%m4, %eps) : (tensor<?x4x1xf32>, tensor<f32>) -> tensor<?x4x1xf32>
  %r4 = onnx.Sqrt(%e4) : (tensor<?x4x1xf32>) -> tensor<?x4x1xf32>
  %d4 = onnx.Div(%x, %r4) : (tensor<?x4x4xf32>, tensor<?x4x1xf32>) -> tensor<?x4x4xf32>
  %4 = onnx.Mul(%d4, %g) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  return %0, %1, %2, %3, %4 : tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>
}

// Keys transposed by way of three axes, the shapes cut out of the keys' own.

// CHECK-LABEL: func.func @transposed_keys
func.func @transposed_keys(%k: tensor<?x8x?x32xf32>) -> tensor<?x8x32x?xf32> {
  %minus = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %minus2 = onnx.Constant() {value = dense<-2> : tensor<1xi64>} : () -> tensor<1xi64>
  %most = onnx.Constant() {value = dense<9223372036854775807> : tensor<1xi64>} : () -> tensor<1xi64>
  %least = onnx.Constant() {value = dense<-9223372036854775808> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Shape(%k) {start = 0 : i64} : (tensor<?x8x?x32xf32>) -> tensor<4xi64>
  %n = onnx.Slice(%s, %minus, %most) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %m = onnx.Slice(%s, %minus2, %minus) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %rest = onnx.Slice(%s, %least, %minus2) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %flat = onnx.Concat(%minus, %m, %n) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %full = onnx.Concat(%rest, %n, %m) {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  // CHECK: %[[T:.*]] = onnx.Transpose(%arg0) {perm = array<i64: 0, 1, 3, 2>}
  // CHECK-NEXT: return %[[T]]
  %0 = onnx.Reshape(%k, %flat) : (tensor<?x8x?x32xf32>, tensor<3xi64>) -> tensor<?x?x32xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1>} : (tensor<?x?x32xf32>) -> tensor<?x32x?xf32>
  %2 = onnx.Reshape(%1, %full) : (tensor<?x32x?xf32>, tensor<4xi64>) -> tensor<?x8x32x?xf32>
  return %2 : tensor<?x8x32x?xf32>
}

// The axes of another tensor, or in another order, prove nothing.

// CHECK-LABEL: func.func @not_transposed_keys
// CHECK-COUNT-3: onnx.Reshape
func.func @not_transposed_keys(%k: tensor<?x8x?x?xf32>, %z: tensor<?x8x?x?xf32>) -> (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) {
  %minus = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %inner = onnx.Shape(%k) {start = 2 : i64} : (tensor<?x8x?x?xf32>) -> tensor<2xi64>
  %whole = onnx.Shape(%k) : (tensor<?x8x?x?xf32>) -> tensor<4xi64>
  %order = onnx.Constant() {value = dense<[0, 1, 3, 2]> : tensor<4xi64>} : () -> tensor<4xi64>
  %other = onnx.Shape(%z) : (tensor<?x8x?x?xf32>) -> tensor<4xi64>
  %swapped = onnx.Gather(%other, %order) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  %flat = onnx.Concat(%minus, %inner) {axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  %0 = onnx.Reshape(%k, %flat) : (tensor<?x8x?x?xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1>} : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %2 = onnx.Reshape(%1, %whole) : (tensor<?x?x?xf32>, tensor<4xi64>) -> tensor<?x?x?x?xf32>
  %3 = onnx.Reshape(%1, %swapped) : (tensor<?x?x?xf32>, tensor<4xi64>) -> tensor<?x?x?x?xf32>
  return %2, %3 : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>
}

// Group normalisation: instance normalisation of the groups, scaled and shifted per
// channel, constants on either side. The shape is that of x, or has one unknown extent.

// CHECK-LABEL: func.func @group_normalization
func.func @group_normalization(%x: tensor<?x4x?x?xf32>, %y: tensor<?x4x5xf32>) -> (tensor<?x4x?x?xf32>, tensor<?x4x5xf32>) {
  %ones = onnx.Constant() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %zeros = onnx.Constant() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %zero = onnx.Constant() {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %g = onnx.Constant() {value = dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %b = onnx.Constant() {value = dense<5.0> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %h = onnx.Constant() {value = dense<[[[6.0], [7.0], [8.0], [9.0]]]> : tensor<1x4x1xf32>} : () -> tensor<1x4x1xf32>
  %two = onnx.Constant() {value = dense<[0, 2, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %whole = onnx.Constant() {value = dense<[0, 1, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %back = onnx.Constant() {value = dense<[-1, 4, 5]> : tensor<3xi64>} : () -> tensor<3xi64>
  // CHECK: onnx.GroupNormalization(%arg0, %{{.*}}, %{{.*}}) {epsilon = 1.000000e-03 : f32, num_groups = 2 : i64}
  // CHECK: onnx.GroupNormalization(%arg1, %{{.*}}, %{{.*}}) {epsilon = 9.99999974E-6 : f32, num_groups = 1 : i64}
  // CHECK-NOT: onnx.InstanceNormalization
  %s = onnx.Shape(%x) : (tensor<?x4x?x?xf32>) -> tensor<4xi64>
  %0 = onnx.Reshape(%x, %two) : (tensor<?x4x?x?xf32>, tensor<3xi64>) -> tensor<?x2x?xf32>
  %1 = onnx.InstanceNormalization(%0, %ones, %zeros) {epsilon = 1.000000e-03 : f32} : (tensor<?x2x?xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x?xf32>
  %2 = onnx.Reshape(%1, %s) : (tensor<?x2x?xf32>, tensor<4xi64>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Mul(%2, %g) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %4 = onnx.Add(%3, %b) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %5 = onnx.Reshape(%y, %whole) : (tensor<?x4x5xf32>, tensor<3xi64>) -> tensor<?x1x20xf32>
  %6 = onnx.InstanceNormalization(%5, %one, %zero) : (tensor<?x1x20xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<?x1x20xf32>
  %7 = onnx.Reshape(%6, %back) : (tensor<?x1x20xf32>, tensor<3xi64>) -> tensor<?x4x5xf32>
  %8 = onnx.Mul(%h, %7) : (tensor<1x4x1xf32>, tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  %9 = onnx.Add(%h, %8) : (tensor<1x4x1xf32>, tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  return %4, %9 : tensor<?x4x?x?xf32>, tensor<?x4x5xf32>
}

// Not those: a scale of the groups, an image that comes back turned, a batch that is
// split, a factor along the last axis, and a normalised image that is read twice.

// CHECK-LABEL: func.func @not_group_normalization
// CHECK-NOT: onnx.GroupNormalization
// CHECK: return
func.func @not_group_normalization(%x: tensor<?x4x?x?xf32>, %y: tensor<?x4x4xf32>) -> (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>) {
  %ones = onnx.Constant() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %zeros = onnx.Constant() {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %scale = onnx.Constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %g = onnx.Constant() {value = dense<3.0> : tensor<4x1x1xf32>} : () -> tensor<4x1x1xf32>
  %h = onnx.Constant() {value = dense<3.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %row = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %two = onnx.Constant() {value = dense<[0, 2, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %split = onnx.Constant() {value = dense<[-1, 2, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %order = onnx.Constant() {value = dense<[0, 1, 3, 2]> : tensor<4xi64>} : () -> tensor<4xi64>
  %s = onnx.Shape(%x) : (tensor<?x4x?x?xf32>) -> tensor<4xi64>
  %turned = onnx.Gather(%s, %order) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  %t = onnx.Shape(%y) : (tensor<?x4x4xf32>) -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %two) : (tensor<?x4x?x?xf32>, tensor<3xi64>) -> tensor<?x2x?xf32>
  %1 = onnx.InstanceNormalization(%0, %scale, %zeros) : (tensor<?x2x?xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x?xf32>
  %2 = onnx.Reshape(%1, %s) : (tensor<?x2x?xf32>, tensor<4xi64>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Mul(%2, %g) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %4 = onnx.Add(%3, %g) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %5 = onnx.InstanceNormalization(%0, %ones, %zeros) : (tensor<?x2x?xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x?xf32>
  %6 = onnx.Reshape(%5, %turned) : (tensor<?x2x?xf32>, tensor<4xi64>) -> tensor<?x4x?x?xf32>
  %7 = onnx.Mul(%6, %g) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %8 = onnx.Add(%7, %g) : (tensor<?x4x?x?xf32>, tensor<4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %9 = onnx.Reshape(%y, %split) : (tensor<?x4x4xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  %10 = onnx.InstanceNormalization(%9, %ones, %zeros) : (tensor<?x2x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x4xf32>
  %11 = onnx.Reshape(%10, %t) : (tensor<?x2x4xf32>, tensor<3xi64>) -> tensor<?x4x4xf32>
  %12 = onnx.Mul(%11, %h) : (tensor<?x4x4xf32>, tensor<4x1xf32>) -> tensor<?x4x4xf32>
  %13 = onnx.Add(%12, %h) : (tensor<?x4x4xf32>, tensor<4x1xf32>) -> tensor<?x4x4xf32>
  %14 = onnx.Reshape(%y, %two) : (tensor<?x4x4xf32>, tensor<3xi64>) -> tensor<?x2x8xf32>
  %15 = onnx.InstanceNormalization(%14, %ones, %zeros) : (tensor<?x2x8xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x8xf32>
  %16 = onnx.Reshape(%15, %t) : (tensor<?x2x8xf32>, tensor<3xi64>) -> tensor<?x4x4xf32>
  %17 = onnx.Mul(%16, %row) : (tensor<?x4x4xf32>, tensor<4xf32>) -> tensor<?x4x4xf32>
  %18 = onnx.Add(%17, %h) : (tensor<?x4x4xf32>, tensor<4x1xf32>) -> tensor<?x4x4xf32>
  %19 = onnx.InstanceNormalization(%14, %ones, %zeros) {epsilon = 1.000000e-03 : f32} : (tensor<?x2x8xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x8xf32>
  %20 = onnx.Reshape(%19, %t) : (tensor<?x2x8xf32>, tensor<3xi64>) -> tensor<?x4x4xf32>
  %21 = onnx.Mul(%20, %h) : (tensor<?x4x4xf32>, tensor<4x1xf32>) -> tensor<?x4x4xf32>
  %22 = onnx.Add(%21, %h) : (tensor<?x4x4xf32>, tensor<4x1xf32>) -> tensor<?x4x4xf32>
  return %4, %8, %13, %18, %20, %22 : tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>
}
