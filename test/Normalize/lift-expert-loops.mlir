// RUN: strut-opt %s --strut-lift-idioms | FileCheck %s

// A step of a loop over experts is the same on all rows, with a weight of 0 where it was not
// chosen.

// CHECK-LABEL: func.func @step
// CHECK: %[[Q:.*]] = onnx.Equal(%arg2, %{{.*}}) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
// CHECK: %[[M:.*]] = onnx.Cast(%[[Q]]) {to = 1 : i64}
// CHECK: %[[K:.*]] = onnx.Mul(%arg1, %[[M]])
// CHECK: %[[S:.*]] = onnx.ReduceSum(%[[K]], %{{.*}}) {keepdims = 1 : i64}
// CHECK: %[[H:.*]] = onnx.MatMul(%arg0, %{{.*}})
// CHECK: %[[F:.*]] = onnx.Tanh(%[[H]])
// CHECK: %[[P:.*]] = onnx.Mul(%[[F]], %[[S]])
// CHECK: %[[Y:.*]] = onnx.Add(%arg3, %[[P]])
// CHECK: return %[[Y]]
func.func @step(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %hit = onnx.Equal(%e, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Tanh(%h) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s0, %s1) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %s0, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// Written back by a scatter without a reduction, a row must occur once: not by any numbers.

// CHECK-LABEL: func.func @places_of_a_choice
// CHECK: %[[H:.*]] = onnx.MatMul(%arg0, %{{.*}})
// CHECK: %[[F:.*]] = onnx.Tanh(%[[H]])
// CHECK-NOT: onnx.NonZero
// CHECK: return
func.func @places_of_a_choice(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %g:2 = onnx.TopK(%w, %k) : (tensor<?x2xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %hit = onnx.Equal(%g#1, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Tanh(%h) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s0, %s1) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %shape = onnx.Shape(%y) : (tensor<?x6xf32>) -> tensor<2xi64>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x6xf32>
  %us = onnx.Shape(%u) : (tensor<?x6xf32>) -> tensor<2xi64>
  %i = onnx.Expand(%s0, %us) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x6xi64>
  %d = onnx.ScatterElements(%z, %i, %u) {axis = 0 : i64} : (tensor<?x6xf32>, tensor<?x6xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %0 = onnx.Add(%y, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @any_numbers
// CHECK: onnx.NonZero
// CHECK: return
func.func @any_numbers(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %hit = onnx.Equal(%e, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Tanh(%h) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s0, %s1) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %shape = onnx.Shape(%y) : (tensor<?x6xf32>) -> tensor<2xi64>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x6xf32>
  %us = onnx.Shape(%u) : (tensor<?x6xf32>) -> tensor<2xi64>
  %i = onnx.Expand(%s0, %us) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x6xi64>
  %d = onnx.ScatterElements(%z, %i, %u) {axis = 0 : i64} : (tensor<?x6xf32>, tensor<?x6xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %0 = onnx.Add(%y, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// Written to other rows, with the weights of others, and rows that are not computed one by one.

// CHECK-LABEL: func.func @other_rows
// CHECK: onnx.NonZero
// CHECK: return
func.func @other_rows(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %hit = onnx.Equal(%e, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Tanh(%h) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s0, %s1) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %s1, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @other_weights
// CHECK: onnx.NonZero
// CHECK: return
func.func @other_weights(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %hit = onnx.Equal(%e, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Tanh(%h) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s1, %s0) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %s0, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @mixed_rows
// CHECK: onnx.NonZero
// CHECK: return
func.func @mixed_rows(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>, %y: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %c = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %hit = onnx.Equal(%e, %c) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %s0 = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s1 = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v0 = onnx.Squeeze(%s0, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %v1 = onnx.Squeeze(%s1, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v0) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %f = onnx.Softmax(%h) {axis = 0 : i64} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%s0, %s1) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%f, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %s0, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}
