// RUN: strut-opt %s --strut-recognize-experts -split-input-file | FileCheck %s

// Broadcasting repeats what a mixture has one of for each row, choice or expert.

// What is added may be larger than the mixture.

// CHECK-LABEL: func.func @larger_addend
// CHECK: %[[Y:.*]] = layer.experts %arg0 {{.*}} -> tensor<5x6xf32>
// CHECK: onnx.Add(%[[Y]], %arg2) : (tensor<5x6xf32>, tensor<3x5x6xf32>) -> tensor<3x5x6xf32>
func.func @larger_addend(%x: tensor<5x8xf32>, %l: tensor<5x2xf32>, %o: tensor<3x5x6xf32>) -> tensor<3x5x6xf32> {
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %a0 = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c0 = onnx.Constant() {value = dense<3.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r0 = onnx.Relu(%h0) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o0 = layer.linear %r0, %c0 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<5x2xi1>) -> tensor<5x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<5x6xf32>, tensor<5x1xf32>) -> tensor<5x6xf32>
  %a1 = onnx.Constant() {value = dense<2.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c1 = onnx.Constant() {value = dense<4.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r1 = onnx.Relu(%h1) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o1 = layer.linear %r1, %c1 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<5x2xi1>) -> tensor<5x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<5x6xf32>, tensor<5x1xf32>) -> tensor<5x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<5x6xf32>, tensor<5x6xf32>) -> tensor<5x6xf32>
  %v = onnx.Add(%y, %o) : (tensor<5x6xf32>, tensor<3x5x6xf32>) -> tensor<3x5x6xf32>
  return %v : tensor<3x5x6xf32>
}

// -----

// Condition 9: one weight for all rows.

// CHECK-LABEL: func.func @one_weight
// CHECK-NOT: layer.experts
// CHECK: return
func.func @one_weight(%x: tensor<5x8xf32>, %l: tensor<5x2xf32>, %w: tensor<1x2xf32>) -> tensor<5x6xf32> {
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %a0 = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c0 = onnx.Constant() {value = dense<3.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r0 = onnx.Relu(%h0) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o0 = layer.linear %r0, %c0 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<5x2xi1>) -> tensor<5x2xf32>
  %u0 = onnx.Mul(%w, %m0) : (tensor<1x2xf32>, tensor<5x2xf32>) -> tensor<5x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<5x6xf32>, tensor<5x1xf32>) -> tensor<5x6xf32>
  %a1 = onnx.Constant() {value = dense<2.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c1 = onnx.Constant() {value = dense<4.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r1 = onnx.Relu(%h1) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o1 = layer.linear %r1, %c1 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<5x2xi1>) -> tensor<5x2xf32>
  %u1 = onnx.Mul(%w, %m1) : (tensor<1x2xf32>, tensor<5x2xf32>) -> tensor<5x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<5x6xf32>, tensor<5x1xf32>) -> tensor<5x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<5x6xf32>, tensor<5x6xf32>) -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}

// -----

// Condition 9: a row more of a net, along an axis that the number of the expert has.

// CHECK-LABEL: func.func @wide_number
// CHECK-NOT: layer.experts
// CHECK: return
func.func @wide_number(%x: tensor<5x8xf32>, %l: tensor<5x2xf32>) -> tensor<1x5x6xf32> {
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %a0 = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c0 = onnx.Constant() {value = dense<3.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r0 = onnx.Relu(%h0) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o0 = layer.linear %r0, %c0 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<5x2xi1>) -> tensor<5x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<5x6xf32>, tensor<5x1xf32>) -> tensor<5x6xf32>
  %a1 = onnx.Constant() {value = dense<2.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c1 = onnx.Constant() {value = dense<4.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<1x1x1xi64>} : () -> tensor<1x1x1xi64>
  %h1 = layer.linear %x, %a1 : tensor<5x8xf32>, tensor<8x4xf32> -> tensor<5x4xf32>
  %r1 = onnx.Relu(%h1) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %o1 = layer.linear %r1, %c1 : tensor<5x4xf32>, tensor<4x6xf32> -> tensor<5x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<5x2xi64>, tensor<1x1x1xi64>) -> tensor<1x5x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<1x5x2xi1>) -> tensor<1x5x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<5x2xf32>, tensor<1x5x2xf32>) -> tensor<1x5x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<1x5x2xf32>, tensor<1xi64>) -> tensor<1x5x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<5x6xf32>, tensor<1x5x1xf32>) -> tensor<1x5x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<5x6xf32>, tensor<1x5x6xf32>) -> tensor<1x5x6xf32>
  return %y : tensor<1x5x6xf32>
}

// -----

// Condition 9: one row with several choices of experts.

// CHECK-LABEL: func.func @one_row
// CHECK-NOT: layer.experts
// CHECK: return
func.func @one_row(%x: tensor<1x8xf32>, %l: tensor<5x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x3xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<5x3xf32>, tensor<5x2xi64>, tensor<5x2xf32>) -> tensor<5x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x5x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<1x8xf32>, tensor<3x8x4xf32>) -> tensor<3x1x4xf32>
  %1 = onnx.Relu(%0) : (tensor<3x1x4xf32>) -> tensor<3x1x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x1x4xf32>, tensor<3x4x6xf32>) -> tensor<3x1x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x1x6xf32>, tensor<3x5x1xf32>) -> tensor<3x5x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x5x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %4 : tensor<5x6xf32>
}

// -----

// Condition 9: rows beyond those with numbers, whose scores are 0.

// CHECK-LABEL: func.func @fewer_numbers
// CHECK-NOT: layer.experts
// CHECK: return
func.func @fewer_numbers(%x: tensor<5x8xf32>, %l: tensor<3x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<3x3xf32>, tensor<1xi64>) -> (tensor<3x2xf32>, tensor<3x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<5x3xf32>, tensor<3x2xi64>, tensor<3x2xf32>) -> tensor<5x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x5x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<5x8xf32>, tensor<3x8x4xf32>) -> tensor<3x5x4xf32>
  %1 = onnx.Relu(%0) : (tensor<3x5x4xf32>) -> tensor<3x5x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x5x4xf32>, tensor<3x4x6xf32>) -> tensor<3x5x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x5x6xf32>, tensor<3x5x1xf32>) -> tensor<3x5x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x5x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %4 : tensor<5x6xf32>
}

// -----

// Condition 9: one row, repeated because there are more rows of scores.

// CHECK-LABEL: func.func @more_scores
// CHECK-NOT: layer.experts
// CHECK: return
func.func @more_scores(%x: tensor<1x8xf32>, %l: tensor<1x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<1x3xf32>, tensor<1xi64>) -> (tensor<1x2xf32>, tensor<1x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<5x3xf32>, tensor<1x2xi64>, tensor<1x2xf32>) -> tensor<5x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x5x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<1x8xf32>, tensor<3x8x4xf32>) -> tensor<3x1x4xf32>
  %1 = onnx.Relu(%0) : (tensor<3x1x4xf32>) -> tensor<3x1x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x1x4xf32>, tensor<3x4x6xf32>) -> tensor<3x1x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x1x6xf32>, tensor<3x5x1xf32>) -> tensor<3x5x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x5x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %4 : tensor<5x6xf32>
}

// -----

// Condition 10: all experts share the outer weight.

// CHECK-LABEL: func.func @shared_outer
// CHECK-NOT: layer.experts
// CHECK: return
func.func @shared_outer(%x: tensor<5x8xf32>, %l: tensor<5x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<1x4x6xf32>} : () -> tensor<1x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x3xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<5x3xf32>, tensor<5x2xi64>, tensor<5x2xf32>) -> tensor<5x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x5x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<5x8xf32>, tensor<3x8x4xf32>) -> tensor<3x5x4xf32>
  %1 = onnx.Relu(%0) : (tensor<3x5x4xf32>) -> tensor<3x5x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x5x4xf32>, tensor<1x4x6xf32>) -> tensor<3x5x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x5x6xf32>, tensor<3x5x1xf32>) -> tensor<3x5x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x5x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %4 : tensor<5x6xf32>
}

// -----

// Condition 10: all experts share the gate.

// CHECK-LABEL: func.func @shared_gate
// CHECK-NOT: layer.experts
// CHECK: return
func.func @shared_gate(%x: tensor<5x8xf32>, %l: tensor<5x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x3xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<5x3xf32>, tensor<5x2xi64>, tensor<5x2xf32>) -> tensor<5x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x5x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<5x8xf32>, tensor<3x8x4xf32>) -> tensor<3x5x4xf32>
  %w3 = onnx.Constant() {value = dense<3.0> : tensor<1x8x4xf32>} : () -> tensor<1x8x4xf32>
  %g = onnx.MatMul(%x, %w3) : (tensor<5x8xf32>, tensor<1x8x4xf32>) -> tensor<1x5x4xf32>
  %o = onnx.Sigmoid(%g) : (tensor<1x5x4xf32>) -> tensor<1x5x4xf32>
  %1 = onnx.Mul(%o, %0) : (tensor<1x5x4xf32>, tensor<3x5x4xf32>) -> tensor<3x5x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x5x4xf32>, tensor<3x4x6xf32>) -> tensor<3x5x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x5x6xf32>, tensor<3x5x1xf32>) -> tensor<3x5x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x5x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %4 : tensor<5x6xf32>
}

// -----

// Condition 10: a bias of one number for all hidden features.

// CHECK-LABEL: func.func @narrow_bias
// CHECK-NOT: layer.experts
// CHECK: return
func.func @narrow_bias(%x: tensor<5x8xf32>, %l: tensor<5x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %b1 = onnx.Constant() {value = dense<3.0> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x3xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %g1 = onnx.Gather(%w1, %e) {axis = 0 : i64} : (tensor<3x8x4xf32>, tensor<5x2xi64>) -> tensor<5x2x8x4xf32>
  %c1 = onnx.Gather(%b1, %e) {axis = 0 : i64} : (tensor<3x1xf32>, tensor<5x2xi64>) -> tensor<5x2x1xf32>
  %g2 = onnx.Gather(%w2, %e) {axis = 0 : i64} : (tensor<3x4x6xf32>, tensor<5x2xi64>) -> tensor<5x2x4x6xf32>
  %0 = onnx.Einsum(%g1, %x) {equation = "mkij,mi->mkj"} : (tensor<5x2x8x4xf32>, tensor<5x8xf32>) -> tensor<5x2x4xf32>
  %1 = onnx.Add(%0, %c1) : (tensor<5x2x4xf32>, tensor<5x2x1xf32>) -> tensor<5x2x4xf32>
  %2 = onnx.Relu(%1) : (tensor<5x2x4xf32>) -> tensor<5x2x4xf32>
  %3 = onnx.Einsum(%g2, %2) {equation = "mkij,mki->mkj"} : (tensor<5x2x4x6xf32>, tensor<5x2x4xf32>) -> tensor<5x2x6xf32>
  %f = onnx.Unsqueeze(%p, %last) : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x2x1xf32>
  %4 = onnx.Mul(%3, %f) : (tensor<5x2x6xf32>, tensor<5x2x1xf32>) -> tensor<5x2x6xf32>
  %5 = onnx.ReduceSum(%4, %one) {keepdims = 0 : i64} : (tensor<5x2x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %5 : tensor<5x6xf32>
}

// -----

// Condition 6: a diagonal of each weight times the row, element by element.

// CHECK-LABEL: func.func @diagonal
// CHECK-NOT: layer.experts
// CHECK: return
func.func @diagonal(%x: tensor<5x4xf32>, %l: tensor<5x3xf32>) -> tensor<5x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4x4xf32>} : () -> tensor<3x4x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %b1 = onnx.Constant() {value = dense<3.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<5x3xf32>, tensor<1xi64>) -> (tensor<5x2xf32>, tensor<5x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %g1 = onnx.Gather(%w1, %e) {axis = 0 : i64} : (tensor<3x4x4xf32>, tensor<5x2xi64>) -> tensor<5x2x4x4xf32>
  %c1 = onnx.Gather(%b1, %e) {axis = 0 : i64} : (tensor<3x4xf32>, tensor<5x2xi64>) -> tensor<5x2x4xf32>
  %g2 = onnx.Gather(%w2, %e) {axis = 0 : i64} : (tensor<3x4x6xf32>, tensor<5x2xi64>) -> tensor<5x2x4x6xf32>
  %0 = onnx.Einsum(%g1, %x) {equation = "mkii,mi->mki"} : (tensor<5x2x4x4xf32>, tensor<5x4xf32>) -> tensor<5x2x4xf32>
  %1 = onnx.Add(%0, %c1) : (tensor<5x2x4xf32>, tensor<5x2x4xf32>) -> tensor<5x2x4xf32>
  %2 = onnx.Relu(%1) : (tensor<5x2x4xf32>) -> tensor<5x2x4xf32>
  %3 = onnx.Einsum(%g2, %2) {equation = "mkij,mki->mkj"} : (tensor<5x2x4x6xf32>, tensor<5x2x4xf32>) -> tensor<5x2x6xf32>
  %f = onnx.Unsqueeze(%p, %last) : (tensor<5x2xf32>, tensor<1xi64>) -> tensor<5x2x1xf32>
  %4 = onnx.Mul(%3, %f) : (tensor<5x2x6xf32>, tensor<5x2x1xf32>) -> tensor<5x2x6xf32>
  %5 = onnx.ReduceSum(%4, %one) {keepdims = 0 : i64} : (tensor<5x2x6xf32>, tensor<1xi64>) -> tensor<5x6xf32>
  return %5 : tensor<5x6xf32>
}

// -----

// Condition 8: each weight is divided by the sum of another row.

// CHECK-LABEL: func.func @sum_of_columns
// CHECK: %[[P:.*]] = onnx.Div
// CHECK-NOT: layer.route
// CHECK: layer.experts %arg0 by %[[P]]
func.func @sum_of_columns(%x: tensor<2x8xf32>, %l: tensor<2x3xf32>) -> tensor<2x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x4xf32>} : () -> tensor<3x8x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %all = onnx.Softmax(%l) {axis = -1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %best, %e = onnx.TopK(%all, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<2x3xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %total = onnx.ReduceSum(%best, %last) {keepdims = 0 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2xf32>
  %p = onnx.Div(%best, %total) : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x2xi64>, tensor<2x2xf32>) -> tensor<2x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x2xf32>, tensor<1xi64>) -> tensor<3x2x1xf32>
  %0 = onnx.MatMul(%x, %w1) : (tensor<2x8xf32>, tensor<3x8x4xf32>) -> tensor<3x2x4xf32>
  %1 = onnx.Relu(%0) : (tensor<3x2x4xf32>) -> tensor<3x2x4xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<3x2x4xf32>, tensor<3x4x6xf32>) -> tensor<3x2x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<3x2x6xf32>, tensor<3x2x1xf32>) -> tensor<3x2x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<3x2x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %4 : tensor<2x6xf32>
}

// -----

// Condition 1: the best row of each column, which two columns may have.

// CHECK-LABEL: func.func @best_of_columns
// CHECK-NOT: layer.experts
// CHECK: return
func.func @best_of_columns(%x: tensor<1x8xf32>, %l: tensor<3x2xf32>, %w: tensor<1x2xf32>) -> tensor<1x6xf32> {
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %e = onnx.ArgMax(%l) {axis = 0 : i64, keepdims = 1 : i64} : (tensor<3x2xf32>) -> tensor<1x2xi64>
  %a0 = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c0 = onnx.Constant() {value = dense<3.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<1x8xf32>, tensor<8x4xf32> -> tensor<1x4xf32>
  %r0 = onnx.Relu(%h0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %o0 = layer.linear %r0, %c0 : tensor<1x4xf32>, tensor<4x6xf32> -> tensor<1x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<1x2xi64>, tensor<i64>) -> tensor<1x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<1x2xi1>) -> tensor<1x2xf32>
  %u0 = onnx.Mul(%w, %m0) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<1x2xf32>, tensor<1xi64>) -> tensor<1x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<1x6xf32>, tensor<1x1xf32>) -> tensor<1x6xf32>
  %a1 = onnx.Constant() {value = dense<2.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %c1 = onnx.Constant() {value = dense<4.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<1x8xf32>, tensor<8x4xf32> -> tensor<1x4xf32>
  %r1 = onnx.Relu(%h1) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %o1 = layer.linear %r1, %c1 : tensor<1x4xf32>, tensor<4x6xf32> -> tensor<1x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<1x2xi64>, tensor<i64>) -> tensor<1x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<1x2xi1>) -> tensor<1x2xf32>
  %u1 = onnx.Mul(%w, %m1) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<1x2xf32>, tensor<1xi64>) -> tensor<1x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<1x6xf32>, tensor<1x1xf32>) -> tensor<1x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %y : tensor<1x6xf32>
}
