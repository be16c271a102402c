// RUN: strut-opt %s -split-input-file --strut-split-parts | FileCheck %s

// What reads parts of pointwise code, through a reshape and a Concat, reads the parts that
// went in.

// CHECK-LABEL: func @parts
// CHECK-SAME: (%[[X:.*]]: tensor<4x6x2xf32>, %[[RE:.*]]: tensor<2x2x6x1xf32>, %[[IM:.*]]: tensor<2x2x6x1xf32>)
func.func @parts(%x: tensor<4x6x2xf32>, %re: tensor<2x2x6x1xf32>, %im: tensor<2x2x6x1xf32>) -> (tensor<4x6x1xf32>, tensor<4x6xf32>) {
  %none = onnx.Absent
  %shape = onnx.Constant() {value = dense<[4, 6, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %half = onnx.Constant() {value = dense<5.0e-01> : tensor<f32>} : () -> tensor<f32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %second = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  // CHECK: %[[F:.*]] = onnx.DFT(%[[X]]
  %f = onnx.DFT(%x, %none, %none) : (tensor<4x6x2xf32>, none, none) -> tensor<4x6x2xf32>
  %0 = onnx.Concat(%re, %im) {axis = -1 : i64} : (tensor<2x2x6x1xf32>, tensor<2x2x6x1xf32>) -> tensor<2x2x6x2xf32>
  // CHECK-NOT: onnx.Concat
  // CHECK-DAG: onnx.Mul(%[[RE]], %{{.*}}) : (tensor<2x2x6x1xf32>, tensor<f32>)
  // CHECK-DAG: onnx.Mul(%[[IM]], %{{.*}}) : (tensor<2x2x6x1xf32>, tensor<f32>)
  // CHECK-DAG: onnx.Slice(%[[F]]
  // CHECK-DAG: onnx.Slice(%[[F]]
  // CHECK-DAG: %[[A:.*]] = onnx.Mul(%{{.*}}) : (tensor<4x6x1xf32>, tensor<4x6x1xf32>)
  // CHECK-DAG: %[[B:.*]] = onnx.Squeeze(%{{.*}}) : (tensor<4x6x1xf32>, tensor<1xi64>) -> tensor<4x6xf32>
  // CHECK: return %{{.*}}, %[[B]]
  %1 = onnx.Mul(%0, %half) : (tensor<2x2x6x2xf32>, tensor<f32>) -> tensor<2x2x6x2xf32>
  %2 = onnx.Reshape(%1, %shape) : (tensor<2x2x6x2xf32>, tensor<3xi64>) -> tensor<4x6x2xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<4x6x2xf32>, tensor<4x6x2xf32>) -> tensor<4x6x2xf32>
  %4 = onnx.Slice(%3, %zero, %one, %last, %none) : (tensor<4x6x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<4x6x1xf32>
  %5 = onnx.Gather(%3, %second) {axis = 2 : i64} : (tensor<4x6x2xf32>, tensor<i64>) -> tensor<4x6xf32>
  return %4, %5 : tensor<4x6x1xf32>, tensor<4x6xf32>
}

// -----

// Factors go into the transform; a signal with zeros beside it is real.

// CHECK-LABEL: func @scales
// CHECK-SAME: (%[[X:.*]]: tensor<?x6x1xf32>, %[[Y:.*]]: tensor<?x4x2xf32>)
func.func @scales(%x: tensor<?x6x1xf32>, %y: tensor<?x4x2xf32>) -> (tensor<?x6x2xf32>, tensor<?x4x2xf32>, tensor<?x6x1xf32>, tensor<?x6x2xf32>) {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %five = onnx.Constant() {value = dense<5.0> : tensor<1xf32>} : () -> tensor<1xf32>
  // CHECK: onnx.DFT(%[[X]], %{{.*}}) {layer.scale = 2.500000e+00 : f64}
  %0 = onnx.Div(%x, %two) : (tensor<?x6x1xf32>, tensor<f32>) -> tensor<?x6x1xf32>
  %1 = onnx.DFT(%0, %none, %none) : (tensor<?x6x1xf32>, none, none) -> tensor<?x6x2xf32>
  %2 = onnx.Mul(%five, %1) : (tensor<1xf32>, tensor<?x6x2xf32>) -> tensor<?x6x2xf32>
  // A divisor that is the transform, and a product that somebody else reads.
  // CHECK: onnx.DFT(%[[Y]], %{{.*}}) : (
  // CHECK: onnx.Div
  // CHECK: %[[S:.*]] = onnx.Mul(%[[X]]
  %3 = onnx.DFT(%y, %none, %none) : (tensor<?x4x2xf32>, none, none) -> tensor<?x4x2xf32>
  %4 = onnx.Div(%two, %3) : (tensor<f32>, tensor<?x4x2xf32>) -> tensor<?x4x2xf32>
  %5 = onnx.Mul(%x, %two) : (tensor<?x6x1xf32>, tensor<f32>) -> tensor<?x6x1xf32>
  // CHECK: onnx.DFT(%[[S]], %{{.*}}) : (
  %6 = onnx.DFT(%5, %none, %none) : (tensor<?x6x1xf32>, none, none) -> tensor<?x6x2xf32>
  return %2, %4, %5, %6 : tensor<?x6x2xf32>, tensor<?x4x2xf32>, tensor<?x6x1xf32>, tensor<?x6x2xf32>
}

// -----

// CHECK-LABEL: func @real
// CHECK-SAME: (%[[X:.*]]: tensor<2x6x1xf32>)
func.func @real(%x: tensor<2x6x1xf32>) -> (tensor<2x6x2xf32>, tensor<2x10x1xf32>) {
  %none = onnx.Absent
  %zeros = onnx.Constant() {value = dense<0.0> : tensor<2x6x1xf32>} : () -> tensor<2x6x1xf32>
  %0 = onnx.Concat(%x, %zeros) {axis = 2 : i64} : (tensor<2x6x1xf32>, tensor<2x6x1xf32>) -> tensor<2x6x2xf32>
  // CHECK: onnx.DFT(%[[X]], %{{.*}}) : (tensor<2x6x1xf32>
  %1 = onnx.DFT(%0, %none, %none) : (tensor<2x6x2xf32>, none, none) -> tensor<2x6x2xf32>
  // Half a spectrum has two parts.
  // CHECK: onnx.DFT(%{{.*}}) {inverse = 1 : i64, onesided = 1 : i64} : (tensor<2x6x2xf32>
  %2 = onnx.DFT(%0, %none, %none) {inverse = 1 : i64, onesided = 1 : i64} : (tensor<2x6x2xf32>, none, none) -> tensor<2x10x1xf32>
  return %1, %2 : tensor<2x6x2xf32>, tensor<2x10x1xf32>
}

// -----

// Read as a whole as well, or at a place that is no part: nothing is split.

// CHECK-LABEL: func @whole
func.func @whole(%x: tensor<4x6x2xf32>) -> (tensor<4x6x2xf32>, tensor<4x6xf32>, tensor<4x2xf32>) {
  %none = onnx.Absent
  %second = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %f = onnx.DFT(%x, %none, %none) : (tensor<4x6x2xf32>, none, none) -> tensor<4x6x2xf32>
  // CHECK: onnx.Abs(%{{.*}}) : (tensor<4x6x2xf32>)
  %0 = onnx.Abs(%f) : (tensor<4x6x2xf32>) -> tensor<4x6x2xf32>
  %1 = onnx.Gather(%0, %second) {axis = 2 : i64} : (tensor<4x6x2xf32>, tensor<i64>) -> tensor<4x6xf32>
  // CHECK: onnx.Neg(%{{.*}}) : (tensor<4x6x2xf32>)
  %2 = onnx.Neg(%f) : (tensor<4x6x2xf32>) -> tensor<4x6x2xf32>
  %3 = onnx.Gather(%2, %second) {axis = 1 : i64} : (tensor<4x6x2xf32>, tensor<i64>) -> tensor<4x2xf32>
  return %0, %1, %3 : tensor<4x6x2xf32>, tensor<4x6xf32>, tensor<4x2xf32>
}

// -----

// The imaginary part is none (6), and one number of it is.

// CHECK-LABEL: func @complex
// CHECK-COUNT-2: onnx.DFT(%{{.*}}) : (tensor<1x2x2xf32>
func.func @complex(%re: tensor<1x2x1xf32>, %im: tensor<1x2x1xf32>) -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %none = onnx.Absent
  %some = onnx.Constant() {value = dense<[[[0.0], [1.0]]]> : tensor<1x2x1xf32>} : () -> tensor<1x2x1xf32>
  %0 = onnx.Concat(%re, %im) {axis = 2 : i64} : (tensor<1x2x1xf32>, tensor<1x2x1xf32>) -> tensor<1x2x2xf32>
  %1 = onnx.DFT(%0, %none, %none) : (tensor<1x2x2xf32>, none, none) -> tensor<1x2x2xf32>
  %2 = onnx.Concat(%re, %some) {axis = 2 : i64} : (tensor<1x2x1xf32>, tensor<1x2x1xf32>) -> tensor<1x2x2xf32>
  %3 = onnx.DFT(%2, %none, %none) : (tensor<1x2x2xf32>, none, none) -> tensor<1x2x2xf32>
  return %1, %3 : tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// -----

// Reshapes that are read as a whole too (1), whose extents are computed (3), and one that copies
// the extent of the parts to another axis (3); a Concat of something else.

// CHECK-LABEL: func @other_reshapes
// CHECK: onnx.Reshape(%arg0, %{{.*}}) {{.*}} -> tensor<2x2x2xf32>
// CHECK: onnx.Reshape(%arg0, %arg1) {{.*}} -> tensor<2x2x2xf32>
// CHECK: onnx.Reshape(%arg0, %{{.*}}) {{.*}} -> tensor<2x2x2xf32>
// CHECK: onnx.Concat(
func.func @other_reshapes(%x: tensor<4x2xf32>, %given: tensor<3xi64>, %y: tensor<2x2x2xf32>)
    -> (tensor<2x2x2xf32>, tensor<2x2x1xf32>, tensor<2x2x1xf32>, tensor<2x2x1xf32>, tensor<4x2x1xf32>) {
  %none = onnx.Absent
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = onnx.Constant() {value = dense<2> : tensor<3xi64>} : () -> tensor<3xi64>
  %copied = onnx.Constant() {value = dense<[2, 0, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %to) : (tensor<4x2xf32>, tensor<3xi64>) -> tensor<2x2x2xf32>
  %1 = onnx.Gather(%0, %one) {axis = 2 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %2 = onnx.Reshape(%x, %given) : (tensor<4x2xf32>, tensor<3xi64>) -> tensor<2x2x2xf32>
  %3 = onnx.Gather(%2, %one) {axis = 2 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %4 = onnx.Reshape(%x, %copied) : (tensor<4x2xf32>, tensor<3xi64>) -> tensor<2x2x2xf32>
  %5 = onnx.Gather(%4, %one) {axis = 2 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %6 = onnx.DFT(%y, %none, %none) : (tensor<2x2x2xf32>, none, none) -> tensor<2x2x2xf32>
  %7 = onnx.Concat(%6, %y) {axis = 0 : i64} : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<4x2x2xf32>
  %8 = onnx.Gather(%7, %one) {axis = 2 : i64} : (tensor<4x2x2xf32>, tensor<1xi64>) -> tensor<4x2x1xf32>
  %9 = onnx.Gather(%6, %one) {axis = 2 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  return %0, %1, %3, %5, %8 : tensor<2x2x2xf32>, tensor<2x2x1xf32>, tensor<2x2x1xf32>, tensor<2x2x1xf32>, tensor<4x2x1xf32>
}

// -----

// (4) Two numbers, one that makes an axis, and factors whose product overflows or has lost bits.

// CHECK-LABEL: func @no_scale
// CHECK-COUNT-2: onnx.Mul(
// CHECK: onnx.DFT({{.*}}layer.scale = 1.{{[0-9]*}}E+30
// CHECK: onnx.Mul(
// CHECK: onnx.DFT({{.*}}layer.scale = 1.{{[0-9]*}}E-30
// CHECK: onnx.Div(
// CHECK-NOT: layer.scale
// CHECK: return
func.func @no_scale(%x: tensor<4x6x1xf32>)
    -> (tensor<4x6x2xf32>, tensor<1x4x6x2xf32>, tensor<4x6x2xf32>, tensor<4x6x2xf32>, tensor<4x6x2xf32>) {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %wide = onnx.Constant() {value = dense<2.0> : tensor<1x1x1x1xf32>} : () -> tensor<1x1x1x1xf32>
  %big = onnx.Constant() {value = dense<1.0e30> : tensor<f32>} : () -> tensor<f32>
  %small = onnx.Constant() {value = dense<1.0e-30> : tensor<f32>} : () -> tensor<f32>
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.DFT(%x, %none, %none) : (tensor<4x6x1xf32>, none, none) -> tensor<4x6x2xf32>
  %1 = onnx.Mul(%0, %two) : (tensor<4x6x2xf32>, tensor<2xf32>) -> tensor<4x6x2xf32>
  %2 = onnx.Mul(%x, %wide) : (tensor<4x6x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x4x6x1xf32>
  %3 = onnx.DFT(%2, %none, %none) : (tensor<1x4x6x1xf32>, none, none) -> tensor<1x4x6x2xf32>
  %4 = onnx.Mul(%x, %big) : (tensor<4x6x1xf32>, tensor<f32>) -> tensor<4x6x1xf32>
  %5 = onnx.DFT(%4, %none, %none) : (tensor<4x6x1xf32>, none, none) -> tensor<4x6x2xf32>
  %6 = onnx.Mul(%5, %big) : (tensor<4x6x2xf32>, tensor<f32>) -> tensor<4x6x2xf32>
  %7 = onnx.Mul(%x, %small) : (tensor<4x6x1xf32>, tensor<f32>) -> tensor<4x6x1xf32>
  %8 = onnx.DFT(%7, %none, %none) : (tensor<4x6x1xf32>, none, none) -> tensor<4x6x2xf32>
  %9 = onnx.Mul(%8, %small) : (tensor<4x6x2xf32>, tensor<f32>) -> tensor<4x6x2xf32>
  %10 = onnx.Div(%x, %zero) : (tensor<4x6x1xf32>, tensor<f32>) -> tensor<4x6x1xf32>
  %11 = onnx.DFT(%10, %none, %none) : (tensor<4x6x1xf32>, none, none) -> tensor<4x6x2xf32>
  return %1, %3, %6, %9, %11 : tensor<4x6x2xf32>, tensor<1x4x6x2xf32>, tensor<4x6x2xf32>, tensor<4x6x2xf32>, tensor<4x6x2xf32>
}

// -----

// (2) An operand whose last axis is open. (3) A reshape that makes parts of something else.

// CHECK-LABEL: func.func @open_axis
// CHECK: onnx.Mul(%{{.*}}, %{{.*}}) : (tensor<4x6x2xf32>, tensor<4x6x?xf32>)
func.func @open_axis(%x: tensor<4x6x2xf32>, %o: tensor<4x6x?xf32>) -> tensor<4x6x1xf32> {
  %none = onnx.Absent
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %f = onnx.DFT(%x, %none, %none) : (tensor<4x6x2xf32>, none, none) -> tensor<4x6x2xf32>
  %0 = onnx.Mul(%f, %o) : (tensor<4x6x2xf32>, tensor<4x6x?xf32>) -> tensor<4x6x2xf32>
  %1 = onnx.Gather(%0, %one) {axis = 2 : i64} : (tensor<4x6x2xf32>, tensor<1xi64>) -> tensor<4x6x1xf32>
  return %1 : tensor<4x6x1xf32>
}

// -----

// CHECK-LABEL: func.func @parts_made
// CHECK: onnx.Reshape({{.*}} -> tensor<4x6x2xf32>
func.func @parts_made(%x: tensor<4x6x2xf32>) -> tensor<4x6x1xf32> {
  %none = onnx.Absent
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %wide = onnx.Constant() {value = dense<[4, 12]> : tensor<2xi64>} : () -> tensor<2xi64>
  %to = onnx.Constant() {value = dense<[4, 6, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %f = onnx.DFT(%x, %none, %none) : (tensor<4x6x2xf32>, none, none) -> tensor<4x6x2xf32>
  %0 = onnx.Reshape(%f, %wide) : (tensor<4x6x2xf32>, tensor<2xi64>) -> tensor<4x12xf32>
  %1 = onnx.Relu(%0) : (tensor<4x12xf32>) -> tensor<4x12xf32>
  %2 = onnx.Reshape(%1, %to) : (tensor<4x12xf32>, tensor<3xi64>) -> tensor<4x6x2xf32>
  %3 = onnx.Gather(%2, %one) {axis = 2 : i64} : (tensor<4x6x2xf32>, tensor<1xi64>) -> tensor<4x6x1xf32>
  return %3 : tensor<4x6x1xf32>
}

// -----

// (4) An infinite factor. (5) f16.

// CHECK-LABEL: func.func @other_factors
// CHECK: onnx.Mul(%arg0
// CHECK-NOT: layer.scale
// CHECK: onnx.Mul(%arg1
// CHECK-NOT: layer.scale
// CHECK: return
func.func @other_factors(%x: tensor<4x6x1xf32>, %h: tensor<4x6x1xf16>) -> (tensor<4x6x2xf32>, tensor<4x6x2xf16>) {
  %none = onnx.Absent
  %inf = onnx.Constant() {value = dense<0x7F800000> : tensor<f32>} : () -> tensor<f32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<f16>} : () -> tensor<f16>
  %0 = onnx.Mul(%x, %inf) : (tensor<4x6x1xf32>, tensor<f32>) -> tensor<4x6x1xf32>
  %1 = onnx.DFT(%0, %none, %none) : (tensor<4x6x1xf32>, none, none) -> tensor<4x6x2xf32>
  %2 = onnx.Mul(%h, %two) : (tensor<4x6x1xf16>, tensor<f16>) -> tensor<4x6x1xf16>
  %3 = onnx.DFT(%2, %none, %none) : (tensor<4x6x1xf16>, none, none) -> tensor<4x6x2xf16>
  return %1, %3 : tensor<4x6x2xf32>, tensor<4x6x2xf16>
}
