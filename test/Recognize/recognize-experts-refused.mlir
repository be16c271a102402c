// RUN: strut-opt %s --strut-recognize-experts -split-input-file | FileCheck %s

// -----

// Two nets, which are a mixture, and each with one thing changed.

// CHECK-LABEL: func.func @two
// CHECK: layer.experts %arg0
func.func @two(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Condition 1: the largest of each column.

// CHECK-LABEL: func.func @along_rows
// CHECK-NOT: layer.experts
// CHECK: return
func.func @along_rows(%x: tensor<2x8xf32>, %l: tensor<2x2xf32>) -> tensor<2x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = 0 : i64, largest = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<2x8xf32>, tensor<8x5xf32> -> tensor<2x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<2x5xf32>) -> tensor<2x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<2x5xf32>, tensor<5x6xf32> -> tensor<2x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<2x2xi64>, tensor<i64>) -> tensor<2x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<2x2xi1>) -> tensor<2x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<2x6xf32>, tensor<2x1xf32>) -> tensor<2x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<2x8xf32>, tensor<8x5xf32> -> tensor<2x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<2x5xf32>) -> tensor<2x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<2x5xf32>, tensor<5x6xf32> -> tensor<2x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<2x2xi64>, tensor<i64>) -> tensor<2x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<2x2xi1>) -> tensor<2x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<2x6xf32>, tensor<2x1xf32>) -> tensor<2x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x6xf32>
  return %y : tensor<2x6xf32>
}

// -----

// Condition 3: a bias in one of the nets, another slope.

// CHECK-LABEL: func.func @one_bias
// CHECK-NOT: layer.experts
// CHECK: return
func.func @one_bias(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %b1 = onnx.Constant() {value = dense<7.5> : tensor<5xf32>} : () -> tensor<5xf32>
  %h1 = layer.linear %x, %a1 bias %b1 : tensor<?x8xf32>, tensor<8x5xf32>, tensor<5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// CHECK-LABEL: func.func @other_slope
// CHECK-NOT: layer.experts
// CHECK: return
func.func @other_slope(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.LeakyRelu(%h0) {alpha = 0.1 : f32} : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.LeakyRelu(%h1) {alpha = 0.2 : f32} : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Condition 5: other rows, other numbers, other weights.

// CHECK-LABEL: func.func @other_rows
// CHECK-NOT: layer.experts
// CHECK: return
func.func @other_rows(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>, %z: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %z, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// CHECK-LABEL: func.func @other_numbers
// CHECK-NOT: layer.experts
// CHECK: return
func.func @other_numbers(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>, %f: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%f, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// CHECK-LABEL: func.func @other_weights
// CHECK-NOT: layer.experts
// CHECK: return
func.func @other_weights(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>, %w: tensor<?x2xf32>) -> tensor<?x6xf32> {
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%w, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Condition 2: one net, broadcast to all numbers.

// CHECK-LABEL: func.func @too_few
// CHECK-NOT: layer.experts
// CHECK: return
func.func @too_few(%x: tensor<?x8xf32>, %l: tensor<?x4xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<1x8x5xf32>} : () -> tensor<1x8x5xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<1x5x6xf32>} : () -> tensor<1x5x6xf32>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x4xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x4xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<4x?xf32>, tensor<1xi64>) -> tensor<4x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<1x8x5xf32>) -> tensor<1x?x5xf32>
  %1 = onnx.Relu(%0) : (tensor<1x?x5xf32>) -> tensor<1x?x5xf32>
  %2 = onnx.MatMul(%1, %w2) : (tensor<1x?x5xf32>, tensor<1x5x6xf32>) -> tensor<1x?x6xf32>
  %3 = onnx.Mul(%f, %2) : (tensor<4x?x1xf32>, tensor<1x?x6xf32>) -> tensor<4x?x6xf32>
  %4 = onnx.ReduceSum(%3, %zero) {keepdims = 0 : i64} : (tensor<4x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}
