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

// The pads of an image are computed from a shape whose batch alone is open, and what
// is behind the pad has known extents.

// CHECK-LABEL: func.func @pads_from_a_shape
// CHECK-NOT: onnx.Concat
// CHECK: onnx.Pad({{.*}} -> tensor<?x3x7x14xf32>
func.func @pads_from_a_shape(%x: tensor<?x3x5x10xf32>) -> tensor<*xf32> {
  %none = onnx.Absent
  %seven = onnx.Constant() {value = dense<7> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %three = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %minus = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %first = onnx.Constant() {value = dense<-9223372036854775807> : tensor<1xi64>} : () -> tensor<1xi64>
  %pairs = onnx.Constant() {value = dense<[-1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<?x3x5x10xf32>) -> tensor<4xi64>
  %h = onnx.Gather(%s, %two) {axis = 0 : i64} : (tensor<4xi64>, tensor<i64>) -> tensor<i64>
  %w = onnx.Gather(%s, %three) {axis = 0 : i64} : (tensor<4xi64>, tensor<i64>) -> tensor<i64>
  %h0 = onnx.Mod(%h, %seven) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %h1 = onnx.Sub(%seven, %h0) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %h2 = onnx.Unsqueeze(%h1, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %w0 = onnx.Mod(%w, %seven) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %w1 = onnx.Sub(%seven, %w0) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %w2 = onnx.Unsqueeze(%w1, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %last = onnx.Concat(%zero, %w2, %zero, %h2) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  %rest = onnx.ConstantOfShape(%four) {value = dense<0> : tensor<1xi64>} : (tensor<1xi64>) -> tensor<?xi64>
  %all = onnx.Concat(%last, %rest) {axis = 0 : i64} : (tensor<4xi64>, tensor<?xi64>) -> tensor<?xi64>
  %table = onnx.Reshape(%all, %pairs) : (tensor<?xi64>, tensor<2xi64>) -> tensor<?x2xi64>
  %turned = onnx.Slice(%table, %minus, %first, %zero, %minus) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xi64>
  %columns = onnx.Transpose(%turned) {perm = array<i64: 1, 0>} : (tensor<?x2xi64>) -> tensor<2x?xi64>
  %pads = onnx.Reshape(%columns, %minus) : (tensor<2x?xi64>, tensor<1xi64>) -> tensor<?xi64>
  %y = onnx.Pad(%x, %pads, %none) {mode = "constant"} : (tensor<?x3x5x10xf32>, tensor<?xi64>, none) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// An open extent leaves its own element unknown and no other; a choice by a known one is
// made.

// CHECK-LABEL: func.func @open_extent
// CHECK-DAG: %[[OPEN:.*]] = onnx.Gather({{.*}} -> tensor<i64>
// CHECK-DAG: dense<[3, -1]> : tensor<2xi64>
// CHECK-DAG: dense<true>
// CHECK: return %[[OPEN]]
func.func @open_extent(%x: tensor<?x3xf32>) -> (tensor<i64>, tensor<2xi64>, tensor<i1>) {
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %three = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %pair = onnx.Constant() {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %which = onnx.Constant() {value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  %minus = onnx.Constant() {value = dense<-1> : tensor<2xi64>} : () -> tensor<2xi64>
  %s = onnx.Shape(%x) : (tensor<?x3xf32>) -> tensor<2xi64>
  %batch = onnx.Gather(%s, %zero) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %width = onnx.Gather(%s, %one) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %wide = onnx.Mul(%width, %pair) : (tensor<i64>, tensor<2xi64>) -> tensor<2xi64>
  %chosen = onnx.Where(%which, %wide, %minus) : (tensor<2xi1>, tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %same = onnx.Equal(%width, %three) : (tensor<i64>, tensor<i64>) -> tensor<i1>
  return %batch, %chosen, %same : tensor<i64>, tensor<2xi64>, tensor<i1>
}

// The branch that a known condition takes stands in place of the If, and types follow.

// CHECK-LABEL: func.func @branch
// CHECK-NOT: onnx.If
// CHECK: %[[Y:.*]] = onnx.Neg(%arg0) : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: return %[[Y]] : tensor<2x3xf32>
func.func @branch(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %axes = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<2x3xf32>) -> tensor<2xi64>
  %n = onnx.Gather(%s, %zero) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %c = onnx.Equal(%n, %one) : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %y = onnx.If(%c) else_branch {
    %b = onnx.Neg(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    onnx.Yield %b : tensor<2x3xf32>
  } then_branch {
    %a = onnx.Squeeze(%x, %axes) : (tensor<2x3xf32>, tensor<1xi64>) -> tensor<*xf32>
    onnx.Yield %a : tensor<*xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}
