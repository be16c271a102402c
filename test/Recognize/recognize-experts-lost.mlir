// RUN: strut-opt %s --strut-recognize-experts -verify-diagnostics | FileCheck %s

// Nets that a router may choose and that the file does not have.

// CHECK-LABEL: func.func @lost
// CHECK-NOT: layer.experts
// CHECK: return
func.func @lost(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %a0 = onnx.Constant() {value = dense<1.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a0")
  %c0 = onnx.Constant() {value = dense<4.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c0")
  %n0 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h0 = layer.linear %x, %a0 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r0 = onnx.Relu(%h0) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o0 = layer.linear %r0, %c0 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q0 = onnx.Equal(%e, %n0) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m0 = onnx.Cast(%q0) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u0 = onnx.Mul(%p, %m0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s0 = onnx.ReduceSum(%u0, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t0 = onnx.Mul(%o0, %s0) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %a1 = onnx.Constant() {value = dense<2.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a1")
  %c1 = onnx.Constant() {value = dense<5.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c1")
  %n1 = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  // expected-warning @+1 {{the router chooses from 3 experts, but 2 are left in the file}}
  %y1 = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y1 : tensor<?x6xf32>
}
