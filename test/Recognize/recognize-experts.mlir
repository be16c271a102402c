// RUN: strut-opt %s --strut-recognize-experts -split-input-file | FileCheck %s

// All experts in one product, the bias on either side; the router is one op.

// CHECK-LABEL: func.func @batched
// CHECK: %[[W:.*]], %[[E:.*]] = layer.route %arg1 top 2 of selected : tensor<?x3xf32> -> tensor<?x2xf32>, tensor<?x2xi64>
// CHECK: %[[Y:.*]] = layer.experts %arg0 by %[[W]], %[[E]] in %{{.*}} bias %{{.*}} out %{{.*}} {activation = #layer.activation<relu>} :
// CHECK-SAME: tensor<3x8x5xf32>, tensor<3x5xf32>, tensor<3x5x6xf32>) -> tensor<?x6xf32>
// CHECK-NEXT: return %[[Y]]
func.func @batched(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// Weights that are divided by their sum are those of the selected logits; others stay as they are.

// CHECK-LABEL: func.func @renormalised
// CHECK: layer.route %arg1 top 2 of selected
// CHECK: layer.experts
func.func @renormalised(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %all = onnx.Softmax(%l) {axis = -1 : i64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %best, %e = onnx.TopK(%all, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %total = onnx.ReduceSum(%best, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %p = onnx.Div(%best, %total) : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @over_all
// CHECK: layer.route %arg1 top 2 of all
// CHECK: layer.experts
func.func @over_all(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %all = onnx.Softmax(%l) {axis = -1 : i64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %p, %e = onnx.TopK(%all, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @other_gates
// CHECK: %[[TOP:.*]]:2 = onnx.TopK
// CHECK: %[[P:.*]] = onnx.Sigmoid(%[[TOP]]#0)
// CHECK: layer.experts %arg0 by %[[P]], %[[TOP]]#1
func.func @other_gates(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Sigmoid(%best) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// Side condition 1: scores that are added to something, that are not zeros else, and a choice of the
// smallest, which is one all the same.

// CHECK-LABEL: func.func @added
// CHECK-NOT: layer.experts
// CHECK: return
func.func @added(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "add"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @on_ones
// CHECK-NOT: layer.experts
// CHECK: return
func.func @on_ones(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) {value = dense<1.0> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @on_input
// CHECK-NOT: layer.experts
// CHECK: return
func.func @on_input(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.Identity(%zeros) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @smallest
// CHECK-NOT: layer.experts
// CHECK: return
func.func @smallest(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 0 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x3xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<?x3xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x3xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<3x?xf32>, tensor<1xi64>) -> tensor<3x?x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x?x8xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x?x8xf32>, tensor<3x8x5xf32>) -> tensor<3x?x5xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<3x1x5xf32>, tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %2 = onnx.Relu(%1) : (tensor<3x?x5xf32>) -> tensor<3x?x5xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<3x?x5xf32>, tensor<3x5x6xf32>) -> tensor<3x?x6xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3x?x1xf32>, tensor<3x?x6xf32>) -> tensor<3x?x6xf32>
  %5 = onnx.ReduceSum(%4, %zero) {keepdims = 0 : i64} : (tensor<3x?x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %5 : tensor<?x6xf32>
}

// Gathered weights; gathered by other numbers they are no net.

// CHECK-LABEL: func.func @gathered
// CHECK: %[[W:.*]], %[[E:.*]] = layer.route
// CHECK: layer.experts %arg0 by %[[W]], %[[E]] in %{{.*}} out %{{.*}} {activation = #layer.activation<tanh>}
func.func @gathered(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %g1 = onnx.Gather(%w1, %e) {axis = 0 : i64} : (tensor<3x8x5xf32>, tensor<?x2xi64>) -> tensor<?x2x8x5xf32>
  %g2 = onnx.Gather(%w2, %e) {axis = 0 : i64} : (tensor<3x5x6xf32>, tensor<?x2xi64>) -> tensor<?x2x5x6xf32>
  %0 = onnx.Einsum(%x, %g1) {equation = "md,mkdh->mkh"} : (tensor<?x8xf32>, tensor<?x2x8x5xf32>) -> tensor<?x2x5xf32>
  %1 = onnx.Tanh(%0) : (tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
  %2 = onnx.Einsum(%1, %g2) {equation = "mkh,mkho->mko"} : (tensor<?x2x5xf32>, tensor<?x2x5x6xf32>) -> tensor<?x2x6xf32>
  %f = onnx.Unsqueeze(%p, %last) : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x2x1xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<?x2x6xf32>, tensor<?x2x1xf32>) -> tensor<?x2x6xf32>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %4 = onnx.ReduceSum(%3, %one) {keepdims = 0 : i64} : (tensor<?x2x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @gathered_otherwise
// CHECK-NOT: layer.experts
// CHECK: return
func.func @gathered_otherwise(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x8x5xf32>} : () -> tensor<3x8x5xf32> loc("w1")
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<3x1x5xf32>} : () -> tensor<3x1x5xf32> loc("b1")
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<3x5x6xf32>} : () -> tensor<3x5x6xf32> loc("w2")
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %e2 = onnx.Add(%e, %e) : (tensor<?x2xi64>, tensor<?x2xi64>) -> tensor<?x2xi64>
  %g1 = onnx.Gather(%w1, %e) {axis = 0 : i64} : (tensor<3x8x5xf32>, tensor<?x2xi64>) -> tensor<?x2x8x5xf32>
  %g2 = onnx.Gather(%w2, %e2) {axis = 0 : i64} : (tensor<3x5x6xf32>, tensor<?x2xi64>) -> tensor<?x2x5x6xf32>
  %0 = onnx.Einsum(%x, %g1) {equation = "md,mkdh->mkh"} : (tensor<?x8xf32>, tensor<?x2x8x5xf32>) -> tensor<?x2x5xf32>
  %1 = onnx.Tanh(%0) : (tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
  %2 = onnx.Einsum(%1, %g2) {equation = "mkh,mkho->mko"} : (tensor<?x2x5xf32>, tensor<?x2x5x6xf32>) -> tensor<?x2x6xf32>
  %f = onnx.Unsqueeze(%p, %last) : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x2x1xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<?x2x6xf32>, tensor<?x2x1xf32>) -> tensor<?x2x6xf32>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %4 = onnx.ReduceSum(%3, %one) {keepdims = 0 : i64} : (tensor<?x2x6xf32>, tensor<1xi64>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// One net an expert, in any order, and something beside them: stacked by number.

// CHECK-LABEL: func.func @masked
// CHECK: %[[A:.*]] = onnx.Constant() {value = dense<"0x{{(00002040)+(00006040)+(0000C03F)+}}"> : tensor<3x8x5xf32>}
// CHECK: %[[Y:.*]] = layer.experts %arg0 by %{{.*}}, %{{.*}} in %[[A]] out
// CHECK: %[[S:.*]] = onnx.Add(%[[Y]], %{{.*}})
// CHECK: return %[[S]]
func.func @masked(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
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
  %n0 = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
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
  %n1 = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y1 = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %a2 = onnx.Constant() {value = dense<3.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a2")
  %c2 = onnx.Constant() {value = dense<6.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c2")
  %n2 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h2 = layer.linear %x, %a2 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r2 = onnx.Relu(%h2) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o2 = layer.linear %r2, %c2 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q2 = onnx.Equal(%e, %n2) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m2 = onnx.Cast(%q2) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u2 = onnx.Mul(%p, %m2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s2 = onnx.ReduceSum(%u2, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t2 = onnx.Mul(%o2, %s2) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y2 = onnx.Add(%y1, %t2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %skip = onnx.Constant() {value = dense<9.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %around = layer.linear %x, %skip : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %sum = onnx.Add(%around, %y2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %sum : tensor<?x6xf32>
}

// Side condition 2: a number twice, and one that no net has. Side condition 3: another function.

// CHECK-LABEL: func.func @twice
// CHECK-NOT: layer.experts
// CHECK: return
func.func @twice(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
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
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y1 = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %a2 = onnx.Constant() {value = dense<3.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a2")
  %c2 = onnx.Constant() {value = dense<6.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c2")
  %n2 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h2 = layer.linear %x, %a2 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r2 = onnx.Relu(%h2) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o2 = layer.linear %r2, %c2 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q2 = onnx.Equal(%e, %n2) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m2 = onnx.Cast(%q2) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u2 = onnx.Mul(%p, %m2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s2 = onnx.ReduceSum(%u2, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t2 = onnx.Mul(%o2, %s2) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y2 = onnx.Add(%y1, %t2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y2 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @beyond
// CHECK-NOT: layer.experts
// CHECK: return
func.func @beyond(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
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
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y1 = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %a2 = onnx.Constant() {value = dense<3.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a2")
  %c2 = onnx.Constant() {value = dense<6.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c2")
  %n2 = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %h2 = layer.linear %x, %a2 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r2 = onnx.Relu(%h2) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o2 = layer.linear %r2, %c2 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q2 = onnx.Equal(%e, %n2) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m2 = onnx.Cast(%q2) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u2 = onnx.Mul(%p, %m2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s2 = onnx.ReduceSum(%u2, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t2 = onnx.Mul(%o2, %s2) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y2 = onnx.Add(%y1, %t2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y2 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @unlike
// CHECK-NOT: layer.experts
// CHECK: return
func.func @unlike(%x: tensor<?x8xf32>, %l: tensor<?x3xf32>, %zeros: tensor<?x3xf32>, %shape: tensor<2xi64>) -> tensor<?x6xf32> {
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
  %n1 = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %h1 = layer.linear %x, %a1 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r1 = onnx.Relu(%h1) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o1 = layer.linear %r1, %c1 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q1 = onnx.Equal(%e, %n1) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m1 = onnx.Cast(%q1) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u1 = onnx.Mul(%p, %m1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s1 = onnx.ReduceSum(%u1, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t1 = onnx.Mul(%o1, %s1) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y1 = onnx.Add(%t0, %t1) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %a2 = onnx.Constant() {value = dense<3.5> : tensor<8x5xf32>} : () -> tensor<8x5xf32> loc("a2")
  %c2 = onnx.Constant() {value = dense<6.5> : tensor<5x6xf32>} : () -> tensor<5x6xf32> loc("c2")
  %n2 = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %h2 = layer.linear %x, %a2 : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %r2 = onnx.Tanh(%h2) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o2 = layer.linear %r2, %c2 : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %q2 = onnx.Equal(%e, %n2) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %m2 = onnx.Cast(%q2) {to = 1 : i64} : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %u2 = onnx.Mul(%p, %m2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %s2 = onnx.ReduceSum(%u2, %last) {keepdims = 1 : i64} : (tensor<?x2xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %t2 = onnx.Mul(%o2, %s2) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %y2 = onnx.Add(%y1, %t2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y2 : tensor<?x6xf32>
}
