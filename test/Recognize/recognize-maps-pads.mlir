// RUN: strut-opt %s --strut-recognize-linear --strut-recognize-maps --canonicalize --cse | FileCheck %s

// Features beside zeros, constants and each other.

// A weight does without the rows that meet zeros.

// CHECK-LABEL: func.func @pad_before_dense
// CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[}}[3.000000e+00, 4.000000e+00], [5.000000e+00, 6.000000e+00]]> : tensor<2x2xf32>}
// CHECK: layer.linear %arg0, %[[W]] {layer.form = "dense"} : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
// CHECK-NEXT: return
func.func @pad_before_dense(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %pads = onnx.Constant() {value = dense<[0, 1, 0, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = onnx.Pad(%x, %pads) {mode = "constant"} : (tensor<?x2xf32>, tensor<4xi64>) -> tensor<?x4xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Zeros between two weights: fewer rows of the second one, a bias before it stays where it was.

// CHECK-LABEL: func.func @pad_between
// CHECK: %[[Z:.*]] = layer.linear %arg0, %{{.*}} bias %{{.*}} : tensor<?x24xf32>, tensor<24x6xf32>, tensor<6xf32> -> tensor<?x6xf32>
// CHECK-NEXT: layer.linear %[[Z]], %{{.*}} {layer.form = "lowrank"} : tensor<?x6xf32>, tensor<6x40xf32> -> tensor<?x40xf32>
// CHECK-NEXT: return
func.func @pad_between(%x: tensor<?x24xf32>) -> tensor<?x40xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x40xf32>} : () -> tensor<8x40xf32>
  %pads = onnx.Constant() {value = dense<[0, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %axes = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Add(%0, %c) : (tensor<?x6xf32>, tensor<6xf32>) -> tensor<?x6xf32>
  %2 = onnx.Pad(%1, %pads, %zero, %axes) {mode = "constant"} : (tensor<?x6xf32>, tensor<2xi64>, tensor<f32>, tensor<1xi64>) -> tensor<?x8xf32>
  %3 = onnx.MatMul(%2, %u) : (tensor<?x8xf32>, tensor<8x40xf32>) -> tensor<?x40xf32>
  return %3 : tensor<?x40xf32>
}

// A Monarch map of a number of features that blocks do not divide: padded before, cut after.

// CHECK-LABEL: func.func @padded_blocks
// CHECK: %[[X:.*]] = onnx.Pad(%arg0, %{{.*}}) {mode = "constant"} : (tensor<?x10xf32>, tensor<4xi64>) -> tensor<?x12xf32>
// CHECK-NEXT: %[[Z:.*]] = layer.block_linear %[[X]]
// CHECK-NEXT: %[[P:.*]] = onnx.Gather(%[[Z]]
// CHECK-NEXT: %[[Y:.*]] = layer.block_linear %[[P]]
// CHECK-NEXT: onnx.Gather(%[[Y]], %{{.*}}) {axis = 1 : i64, layer.form = "blockshuffle"} : (tensor<?x12xf32>, tensor<11xi64>) -> tensor<?x11xf32>
// CHECK-NEXT: return
func.func @padded_blocks(%x: tensor<?x10xf32>) -> tensor<?x11xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<3x4x4xf32>} : () -> tensor<3x4x4xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<3x4x4xf32>} : () -> tensor<3x4x4xf32>
  %pads = onnx.Constant() {value = dense<[0, 0, 0, 2]> : tensor<4xi64>} : () -> tensor<4xi64>
  %pieces = onnx.Constant() {value = dense<[-1, 3, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %shuffled = onnx.Constant() {value = dense<[-1, 4, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %flat = onnx.Constant() {value = dense<[-1, 12]> : tensor<2xi64>} : () -> tensor<2xi64>
  %from = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = onnx.Constant() {value = dense<11> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %p = onnx.Pad(%x, %pads) {mode = "constant"} : (tensor<?x10xf32>, tensor<4xi64>) -> tensor<?x12xf32>
  %0 = onnx.Reshape(%p, %pieces) : (tensor<?x12xf32>, tensor<3xi64>) -> tensor<?x3x4xf32>
  %1 = onnx.Einsum(%0, %w) {equation = "mkp,kpq->mkq"} : (tensor<?x3x4xf32>, tensor<3x4x4xf32>) -> tensor<?x3x4xf32>
  %2 = onnx.Reshape(%1, %shuffled) : (tensor<?x3x4xf32>, tensor<3xi64>) -> tensor<?x4x3xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1>} : (tensor<?x4x3xf32>) -> tensor<?x3x4xf32>
  %4 = onnx.Einsum(%3, %u) {equation = "mkp,kpq->mqk"} : (tensor<?x3x4xf32>, tensor<3x4x4xf32>) -> tensor<?x4x3xf32>
  %5 = onnx.Reshape(%4, %flat) : (tensor<?x4x3xf32>, tensor<2xi64>) -> tensor<?x12xf32>
  %6 = onnx.Slice(%5, %from, %to, %last) : (tensor<?x12xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x11xf32>
  return %6 : tensor<?x11xf32>
}

// A 1 beside the features makes a row of the weight its bias.

// CHECK-LABEL: func.func @one_beside
// CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[1.000000e+01, 1.200000e+01]>
// CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[}}[1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]>
// CHECK: layer.linear %arg0, %[[W]] bias %[[B]] {layer.form = "dense"}
// CHECK-NEXT: return
func.func @one_beside(%x: tensor<?x2xf32>, %shape: tensor<2xi64>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %one = onnx.Constant() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %ones = onnx.Expand(%one, %shape) : (tensor<1x1xf32>, tensor<2xi64>) -> tensor<?x1xf32>
  %0 = onnx.Concat(%x, %ones) {axis = -1 : i64} : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x3xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Parts of a value in another order, one of them turned around, and zeros as a constant.

// CHECK-LABEL: func.func @parts
// CHECK-DAG: %[[FROM:.*]] = onnx.Constant() {value = dense<[2, 3, 0, 1]> : tensor<4xi64>}
// CHECK-DAG: %[[SIGN:.*]] = onnx.Constant() {value = dense<[1.000000e+00, 1.000000e+00, -1.000000e+00, -1.000000e+00]>
// CHECK: %[[Q:.*]] = onnx.Mul(%arg0, %[[SIGN]])
// CHECK-NEXT: %[[P:.*]] = onnx.Gather(%[[Q]], %[[FROM]]) {axis = 1 : i64}
// CHECK-NEXT: layer.linear %[[P]], %{{.*}} {layer.form = "dense"} : tensor<?x4xf32>, tensor<4x3xf32> -> tensor<?x3xf32>
// CHECK-NEXT: return
func.func @parts(%x: tensor<?x4xf32>, %shape: tensor<2xi64>) -> tensor<?x3xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<6x3xf32>} : () -> tensor<6x3xf32>
  %zeros = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<?x2xf32>
  %0:2 = onnx.Split(%x) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %1 = onnx.Neg(%0#1) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = onnx.Concat(%1, %zeros, %0#0) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x6xf32>
  %3 = onnx.MatMul(%2, %w) : (tensor<?x6xf32>, tensor<6x3xf32>) -> tensor<?x3xf32>
  return %3 : tensor<?x3xf32>
}

// Reflected features are read twice.

// CHECK-LABEL: func.func @reflected
// CHECK-DAG: %[[FROM:.*]] = onnx.Constant() {value = dense<[2, 1, 0, 1, 2, 1]> : tensor<6xi64>}
// CHECK: %[[P:.*]] = onnx.Gather(%arg0, %[[FROM]])
// CHECK-NEXT: layer.linear %[[P]]
func.func @reflected(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<6x2xf32>} : () -> tensor<6x2xf32>
  %pads = onnx.Constant() {value = dense<[0, 2, 0, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = onnx.Pad(%x, %pads) {mode = "reflect"} : (tensor<?x3xf32>, tensor<4xi64>) -> tensor<?x6xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<?x6xf32>, tensor<6x2xf32>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Zeros behind the last weight, of a Pad or a Concat, stay as they are written.

// CHECK-LABEL: func.func @zeros_behind
// CHECK: %[[Y:.*]] = layer.linear %{{.*}} {layer.form = "lowrank"}
// CHECK-NEXT: %[[P:.*]] = onnx.Pad(%[[Y]]
// CHECK-NEXT: onnx.Concat(%[[P]]
func.func @zeros_behind(%x: tensor<5x8xf32>) -> tensor<5x12xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %pads = onnx.Constant() {value = dense<[0, 1, 0, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %zeros = onnx.Constant() {value = dense<0.0> : tensor<5x2xf32>} : () -> tensor<5x2xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<5x8xf32>, tensor<8x2xf32>) -> tensor<5x2xf32>
  %1 = onnx.MatMul(%0, %u) : (tensor<5x2xf32>, tensor<2x8xf32>) -> tensor<5x8xf32>
  %2 = onnx.Pad(%1, %pads) {mode = "constant"} : (tensor<5x8xf32>, tensor<4xi64>) -> tensor<5x10xf32>
  %3 = onnx.Concat(%2, %zeros) {axis = 1 : i64} : (tensor<5x10xf32>, tensor<5x2xf32>) -> tensor<5x12xf32>
  return %3 : tensor<5x12xf32>
}

// Refused: rows of infinity, for they make NaN of zeros.

// CHECK-LABEL: func.func @infinite_row
// CHECK: onnx.Pad
// CHECK: layer.linear %{{.*}} : tensor<?x3xf32>, tensor<3x2xf32>
func.func @infinite_row(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [0x7F800000, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %pads = onnx.Constant() {value = dense<[0, 0, 0, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = onnx.Pad(%x, %pads) {mode = "constant"} : (tensor<?x2xf32>, tensor<4xi64>) -> tensor<?x3xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Refused: tokens that are added, a border that the run gives, constants that tell tokens apart.

// CHECK-LABEL: func.func @other_borders
// CHECK: onnx.Pad
// CHECK: layer.linear %{{.*}} : tensor<{{.*}}x2x3xf32>
// CHECK: onnx.Pad
// CHECK: layer.linear %{{.*}} : tensor<{{.*}}x2x3xf32>
// CHECK: onnx.Concat
// CHECK: layer.linear %{{.*}} : tensor<{{.*}}x2x3xf32>
func.func @other_borders(%x: tensor<?x1x2xf32>, %y: tensor<?x2x2xf32>, %number: tensor<f32>) -> (tensor<?x2x2xf32>, tensor<?x2x2xf32>, tensor<1x2x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %tokens = onnx.Constant() {value = dense<[0, 1, 0, 0, 0, 1]> : tensor<6xi64>} : () -> tensor<6xi64>
  %features = onnx.Constant() {value = dense<[0, 0, 0, 0, 0, 1]> : tensor<6xi64>} : () -> tensor<6xi64>
  %c = onnx.Constant() {value = dense<[[[1.0], [2.0]]]> : tensor<1x2x1xf32>} : () -> tensor<1x2x1xf32>
  %z = onnx.Constant() {value = dense<0.0> : tensor<1x2x2xf32>} : () -> tensor<1x2x2xf32>
  %0 = onnx.Pad(%x, %tokens) {mode = "constant"} : (tensor<?x1x2xf32>, tensor<6xi64>) -> tensor<?x2x3xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<?x2x3xf32>, tensor<3x2xf32>) -> tensor<?x2x2xf32>
  %2 = onnx.Pad(%y, %features, %number) {mode = "constant"} : (tensor<?x2x2xf32>, tensor<6xi64>, tensor<f32>) -> tensor<?x2x3xf32>
  %3 = onnx.MatMul(%2, %w) : (tensor<?x2x3xf32>, tensor<3x2xf32>) -> tensor<?x2x2xf32>
  %4 = onnx.Mul(%number, %z) : (tensor<f32>, tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %5 = onnx.Concat(%4, %c) {axis = 2 : i64} : (tensor<1x2x2xf32>, tensor<1x2x1xf32>) -> tensor<1x2x3xf32>
  %6 = onnx.MatMul(%5, %w) : (tensor<1x2x3xf32>, tensor<3x2xf32>) -> tensor<1x2x2xf32>
  return %1, %3, %6 : tensor<?x2x2xf32>, tensor<?x2x2xf32>, tensor<1x2x2xf32>
}

// (6) Multiples of two values beside each other, and a number between two values.

// CHECK-LABEL: func.func @two_values
// CHECK: %[[C:.*]] = onnx.Concat(
// CHECK-NEXT: layer.linear %[[C]]
func.func @two_values(%x: tensor<?x2xf32>, %z: tensor<?x2xf32>) -> tensor<?x3xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %s = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.Mul(%x, %s) : (tensor<?x2xf32>, tensor<f32>) -> tensor<?x2xf32>
  %1 = onnx.Mul(%z, %s) : (tensor<?x2xf32>, tensor<f32>) -> tensor<?x2xf32>
  %2 = onnx.Concat(%0, %1) {axis = -1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w : tensor<?x4xf32>, tensor<4x3xf32> -> tensor<?x3xf32>
  return %3 : tensor<?x3xf32>
}

// CHECK-LABEL: func.func @between_two_values
// CHECK: %[[C:.*]] = onnx.Concat(%arg0, %{{.*}}, %arg1)
// CHECK-NEXT: layer.linear %[[C]]
func.func @between_two_values(%x: tensor<1x2xf32>, %z: tensor<1x2xf32>) -> tensor<1x3xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<5x3xf32>} : () -> tensor<5x3xf32>
  %c = onnx.Constant() {value = dense<7.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %0 = onnx.Concat(%x, %c, %z) {axis = -1 : i64} : (tensor<1x2xf32>, tensor<1x1xf32>, tensor<1x2xf32>) -> tensor<1x5xf32>
  %1 = layer.linear %0, %w : tensor<1x5xf32>, tensor<5x3xf32> -> tensor<1x3xf32>
  return %1 : tensor<1x3xf32>
}
