// RUN: strut-opt %s --strut-narrow-prefixes --canonicalize | FileCheck %s

// A net cut off behind the first stages: 2 channels each. The first weight is transposed.

// CHECK-LABEL: func.func @stages
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>, %[[T:.*]]: tensor<i64>
// CHECK: %[[N:.*]] = onnx.Mul(%[[T]], %{{.*}})
// CHECK: %[[END:.*]] = onnx.Reshape(%[[N]], %{{.*}}) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
// CHECK: %[[W:.*]] = onnx.Slice(%{{.*}}, %{{.*}}, %[[END]], %{{.*}}) : (tensor<4x3xf32>, {{.*}}) -> tensor<?x3xf32>
// CHECK: %[[WT:.*]] = onnx.Transpose(%[[W]]) {perm = array<i64: 1, 0>} : (tensor<?x3xf32>) -> tensor<3x?xf32>
// CHECK: %[[B:.*]] = onnx.Slice(%{{.*}}, %{{.*}}, %[[END]], %{{.*}}) : (tensor<4xf32>, {{.*}}) -> tensor<?xf32>
// CHECK: %[[U:.*]] = layer.linear %[[X]], %[[WT]] bias %[[B]] : tensor<?x3xf32>, tensor<3x?xf32>, tensor<?xf32> -> tensor<?x?xf32>
// CHECK: %[[H:.*]] = onnx.Sigmoid(%[[U]]) : (tensor<?x?xf32>) -> tensor<?x?xf32>
// CHECK: %[[V:.*]] = onnx.Slice(%{{.*}}, %{{.*}}, %[[END]], %{{.*}}) : (tensor<4x2xf32>, {{.*}}) -> tensor<?x2xf32>
// CHECK: %[[Y:.*]] = layer.linear %[[H]], %[[V]] : tensor<?x?xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
// CHECK-NEXT: return %[[Y]]
func.func @stages(%x: tensor<?x3xf32>, %t: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %wt = onnx.Transpose(%w1) {perm = array<i64: 1, 0>} : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %n = onnx.Mul(%t, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %wt bias %b1 : tensor<?x3xf32>, tensor<3x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// A choice between the channels and 0, operands exchanged, a number of 32 bits.

// CHECK-LABEL: func.func @choice
// CHECK: onnx.Cast({{.*}}) {to = 7 : i64}
// CHECK-NOT: onnx.Where
// CHECK-COUNT-2: layer.linear
func.func @choice(%x: tensor<?x3xf32>, %n: tensor<1xi32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi32>} : () -> tensor<4xi32>
  %more = onnx.Greater(%n, %iota) : (tensor<1xi32>, tensor<4xi32>) -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%more, %1, %zero) : (tensor<4xi1>, tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// Gated nets, with the mask on the product, and on a factor.

// CHECK-LABEL: func.func @gated
// CHECK: %[[G:.*]] = layer.linear %arg0, {{.*}} -> tensor<?x?xf32>
// CHECK: %[[S:.*]] = onnx.Sigmoid(%[[G]])
// CHECK: %[[U:.*]] = layer.linear %arg0, {{.*}} -> tensor<?x?xf32>
// CHECK: %[[H:.*]] = onnx.Mul(%[[S]], %[[U]]) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
// CHECK: layer.linear %[[H]], %{{.*}} : tensor<?x?xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
// CHECK-COUNT-2: layer.linear %arg0, {{.*}} -> tensor<?x?xf32>
// CHECK: layer.linear %{{.*}} : tensor<?x?xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
// CHECK: return
func.func @gated(%x: tensor<?x3xf32>, %n: tensor<i64>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w3 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %x, %w2 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%mask, %3) : (tensor<4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %4, %w3 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %6 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %7 = onnx.Sigmoid(%6) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %8 = onnx.Mul(%7, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %9 = layer.linear %x, %w2 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %10 = onnx.Mul(%8, %9) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %11 = layer.linear %10, %w3 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %5, %11 : tensor<?x2xf32>, tensor<?x2xf32>
}

// (3) A gate that is data, (4) a product that something else reads, two masks of other lengths.

// CHECK-LABEL: func.func @other_gates
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @other_gates(%x: tensor<?x3xf32>, %g: tensor<?x4xf32>, %n: tensor<i64>, %m: tensor<i64>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w3 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %fewer = onnx.Less(%iota, %m) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %other = onnx.Cast(%fewer) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %g) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w3 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %4 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %5 = layer.linear %x, %w2 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %6 = onnx.Mul(%4, %5) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = onnx.Mul(%6, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %8 = layer.linear %7, %w3 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %9 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %10 = onnx.Mul(%9, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %11 = layer.linear %x, %w2 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %12 = onnx.Mul(%11, %other) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %13 = onnx.Mul(%10, %12) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %14 = layer.linear %13, %w3 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3, %8, %6, %14 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>
}

// (1) Channels that are not 0, 1, ..., those from n on, and a choice of 1.

// CHECK-LABEL: func.func @other_masks
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @other_masks(%x: tensor<?x3xf32>, %n: tensor<i64>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %odd = onnx.Constant() {value = dense<[0, 1, 3, 2]> : tensor<4xi64>} : () -> tensor<4xi64>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %lessOdd = onnx.Less(%odd, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %behind = onnx.Greater(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %maskOdd = onnx.Cast(%lessOdd) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %maskBehind = onnx.Cast(%behind) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %maskOdd) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %1, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %3 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %maskBehind) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %4, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %6 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %7 = onnx.Where(%less, %6, %one) : (tensor<4xi1>, tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %8 = layer.linear %7, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %2, %5, %8 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// (2) A number that may be negative, one per row, and one that is computed from data.

// CHECK-LABEL: func.func @other_numbers
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @other_numbers(%x: tensor<?x3xf32>, %n: tensor<i64>, %each: tensor<?x1xi64>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %minus = onnx.Constant() {value = dense<-1> : tensor<i64>} : () -> tensor<i64>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %before = onnx.Add(%n, %minus) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %sum = onnx.ReduceMax(%x) {keepdims = 0 : i64} : (tensor<?x3xf32>) -> tensor<f32>
  %data = onnx.Cast(%sum) {to = 7 : i64} : (tensor<f32>) -> tensor<i64>
  %lessBefore = onnx.Less(%iota, %before) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %lessEach = onnx.Less(%iota, %each) : (tensor<4xi64>, tensor<?x1xi64>) -> tensor<?x4xi1>
  %lessData = onnx.Less(%iota, %data) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %maskBefore = onnx.Cast(%lessBefore) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %maskEach = onnx.Cast(%lessEach) {to = 1 : i64} : (tensor<?x4xi1>) -> tensor<?x4xf32>
  %maskData = onnx.Cast(%lessData) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %maskBefore) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %1, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %3 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %maskEach) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %4, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %6 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %7 = onnx.Mul(%6, %maskData) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %8 = layer.linear %7, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %2, %5, %8 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// (3) A function of the whole row, (4) another reader, (5) a weight that is computed.

// CHECK-LABEL: func.func @other_nets
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @other_nets(%x: tensor<?x3xf32>, %n: tensor<i64>, %v: tensor<3x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %s = onnx.Softmax(%0) {axis = -1 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Mul(%s, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %1, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %3 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %r = onnx.Relu(%3) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%r, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %4, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %6 = layer.linear %x, %v : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %7 = onnx.Mul(%6, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %8 = layer.linear %7, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %2, %5, %r, %8 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>
}

// (5) The second weight is given, the first one, its bias.

// CHECK-LABEL: func.func @second_is_given
// CHECK: onnx.Cast
// CHECK: onnx.Mul
// CHECK: layer.linear
func.func @second_is_given(%x: tensor<?x3xf32>, %n: tensor<i64>, %w2: tensor<4x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @first_is_given
// CHECK: onnx.Cast
// CHECK: onnx.Mul
// CHECK: layer.linear
func.func @first_is_given(%x: tensor<?x3xf32>, %n: tensor<i64>, %w1: tensor<3x4xf32>) -> tensor<?x2xf32> {
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @bias_is_given
// CHECK: onnx.Cast
// CHECK: onnx.Mul
// CHECK: layer.linear
func.func @bias_is_given(%x: tensor<?x3xf32>, %n: tensor<i64>, %b: tensor<4xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 bias %b : tensor<?x3xf32>, tensor<3x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// (3) Channels of two functions, and in another order.

// CHECK-LABEL: func.func @two_functions
// CHECK: onnx.Cast
// CHECK: onnx.Mul
// CHECK: layer.linear
func.func @two_functions(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %1 = onnx.Relu(%a) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = onnx.Concat(%1, %b) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = layer.linear %3, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @exchanged
// CHECK: onnx.Cast
// CHECK: onnx.Mul
// CHECK: layer.linear
func.func @exchanged(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %2 = onnx.Concat(%b, %a) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = layer.linear %3, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// Condition 1: a number that is itself kept, too.

// CHECK-LABEL: func.func @up_to_a_number
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @up_to_a_number(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %kept = onnx.GreaterOrEqual(%n, %iota) : (tensor<i64>, tensor<4xi64>) -> tensor<4xi1>
  %mask = onnx.Cast(%kept) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// One channel, whose number has no axes.

// CHECK-LABEL: func.func @one_channel
// CHECK-COUNT-2: onnx.Slice
// CHECK: return
func.func @one_channel(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %iota = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %less = onnx.Less(%iota, %n) : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<i1>) -> tensor<f32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %1 = onnx.Mul(%0, %mask) : (tensor<?x1xf32>, tensor<f32>) -> tensor<?x1xf32>
  %2 = layer.linear %1, %w2 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Condition 3: no channels.

// CHECK-LABEL: func.func @no_channels
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @no_channels(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x0xf32>} : () -> tensor<3x0xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<0x2xf32>} : () -> tensor<0x2xf32>
  %iota = onnx.Constant() {value = dense<0> : tensor<0xi64>} : () -> tensor<0xi64>
  %less = onnx.Less(%iota, %n) : (tensor<0xi64>, tensor<i64>) -> tensor<0xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<0xi1>) -> tensor<0xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x0xf32> -> tensor<?x0xf32>
  %1 = onnx.Mul(%0, %mask) : (tensor<?x0xf32>, tensor<0xf32>) -> tensor<?x0xf32>
  %2 = layer.linear %1, %w2 : tensor<?x0xf32>, tensor<0x2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// (2) A number for each channel, as many as there are, of i16, with two axes, a difference.

// CHECK-LABEL: func.func @number_per_channel
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @number_per_channel(%x: tensor<?x3xf32>, %n: tensor<4xi64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @open_numbers
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @open_numbers(%x: tensor<?x3xf32>, %n: tensor<?xi64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<?xi64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @short_number
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @short_number(%x: tensor<?x3xf32>, %n: tensor<i16>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi16>} : () -> tensor<4xi16>
  %less = onnx.Less(%iota, %n) : (tensor<4xi16>, tensor<i16>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @number_with_axes
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @number_with_axes(%x: tensor<?x3xf32>, %n: tensor<1x1xi64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<1x1xi64>) -> tensor<1x4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<1x4xi1>) -> tensor<1x4xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @difference
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @difference(%x: tensor<?x3xf32>, %n: tensor<i64>, %m: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %d = onnx.Sub(%n, %m) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %less = onnx.Less(%iota, %d) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4xi1>) -> tensor<4xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// (1) Numbers that go on in the next row, that are those of rows, no mask at all, a choice that
// repeats rows. (3) Some of the channels of a map.

// CHECK-LABEL: func.func @next_row
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @next_row(%x: tensor<2x3xf32>, %n: tensor<i64>) -> tensor<2x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[[0, 1, 2, 3], [4, 5, 6, 7]]> : tensor<2x4xi64>} : () -> tensor<2x4xi64>
  %less = onnx.Less(%iota, %n) : (tensor<2x4xi64>, tensor<i64>) -> tensor<2x4xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<2x4xi1>) -> tensor<2x4xf32>
  %u = layer.linear %x, %w1 : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = layer.linear %h, %w2 : tensor<2x4xf32>, tensor<4x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @rows
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @rows(%x: tensor<4x3xf32>, %n: tensor<i64>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[[0], [1], [2], [3]]> : tensor<4x1xi64>} : () -> tensor<4x1xi64>
  %less = onnx.Less(%iota, %n) : (tensor<4x1xi64>, tensor<i64>) -> tensor<4x1xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<4x1xi1>) -> tensor<4x1xf32>
  %u = layer.linear %x, %w1 : tensor<4x3xf32>, tensor<3x4xf32> -> tensor<4x4xf32>
  %h = onnx.Mul(%u, %mask) : (tensor<4x4xf32>, tensor<4x1xf32>) -> tensor<4x4xf32>
  %y = layer.linear %h, %w2 : tensor<4x4xf32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @no_mask
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @no_mask(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %u = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %h = onnx.Relu(%u) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = layer.linear %h, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @repeated
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @repeated(%x: tensor<1x3xf32>, %n: tensor<i64>) -> tensor<5x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %iota = onnx.Constant() {value = dense<[0, 1, 2, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %zeros = onnx.Constant() {value = dense<0.0> : tensor<5x4xf32>} : () -> tensor<5x4xf32>
  %less = onnx.Less(%iota, %n) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %u = layer.linear %x, %w1 : tensor<1x3xf32>, tensor<3x4xf32> -> tensor<1x4xf32>
  %h = onnx.Where(%less, %u, %zeros) : (tensor<4xi1>, tensor<1x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %y = layer.linear %h, %w2 : tensor<5x4xf32>, tensor<4x2xf32> -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// CHECK-LABEL: func.func @some_channels
// CHECK-NOT: tensor<3x?xf32>
// CHECK: return
func.func @some_channels(%x: tensor<?x3xf32>, %n: tensor<i64>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4xf32>} : () -> tensor<3x4xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %iota = onnx.Constant() {value = dense<[0, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %less = onnx.Less(%iota, %n) : (tensor<2xi64>, tensor<i64>) -> tensor<2xi1>
  %mask = onnx.Cast(%less) {to = 1 : i64} : (tensor<2xi1>) -> tensor<2xf32>
  %0 = layer.linear %x, %w1 : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %2 = onnx.Mul(%1, %mask) : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %3 = layer.linear %2, %w2 : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}
