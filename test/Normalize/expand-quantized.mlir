// RUN: strut-opt %s --strut-expand-operators --split-input-file | FileCheck %s

// 64 products of at most 255 · 255 add up to less than 2^24: exact in f32. The sum passes
// through int32.

// CHECK-LABEL: func.func @single
// CHECK: %[[A:.*]] = onnx.Cast(%arg0) {to = 1 : i64}
// CHECK: %[[B:.*]] = onnx.Cast(%arg1) {to = 1 : i64}
// CHECK: %[[SUM:.*]] = onnx.MatMul(%[[A]], %[[B]]) : (tensor<?x64xf32>, tensor<64x8xf32>)
// CHECK: %[[Y:.*]] = onnx.Cast(%[[SUM]]) {to = 6 : i64}
// CHECK: return %[[Y]]
func.func @single(%a: tensor<?x64xui8>, %b: tensor<64x8xui8>) -> tensor<?x8xi32> {
  %0 = onnx.MatMulInteger(%a, %b) : (tensor<?x64xui8>, tensor<64x8xui8>) -> tensor<?x8xi32>
  return %0 : tensor<?x8xi32>
}

// -----

// 259 do not: in two parts, whose sums are added as integers.

// CHECK-LABEL: func.func @parts
// CHECK: %[[A:.*]] = onnx.Cast(%arg0)
// CHECK: %[[B:.*]] = onnx.Cast(%arg1)
// CHECK: %[[A0:.*]] = onnx.Slice(%[[A]], {{.*}} -> tensor<?x258xf32>
// CHECK: %[[B0:.*]] = onnx.Slice(%[[B]], {{.*}} -> tensor<258x8xf32>
// CHECK: %[[S0:.*]] = onnx.MatMul(%[[A0]], %[[B0]])
// CHECK: %[[I0:.*]] = onnx.Cast(%[[S0]]) {to = 6 : i64}
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x1xf32>, tensor<1x8xf32>)
// CHECK: %[[I1:.*]] = onnx.Cast({{.*}}) {to = 6 : i64}
// CHECK: onnx.Add(%[[I0]], %[[I1]])
func.func @parts(%a: tensor<?x259xui8>, %b: tensor<259x8xui8>) -> tensor<?x8xi32> {
  %0 = onnx.MatMulInteger(%a, %b) : (tensor<?x259xui8>, tensor<259x8xui8>) -> tensor<?x8xi32>
  return %0 : tensor<?x8xi32>
}

// -----

// An extent that is open, or of too many parts: f64, and through i64, for the sum wraps in 32
// bits. So does a grouped convolution of several parts, whose channels are of several groups.

// CHECK-LABEL: func.func @double
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x?xf64>, tensor<?x8xf64>)
// CHECK: %[[WIDE:.*]] = onnx.Cast({{.*}}) {to = 7 : i64}
// CHECK: onnx.Cast(%[[WIDE]]) {to = 6 : i64}
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x4096xf64>, tensor<4096x8xf64>)
// CHECK: onnx.Conv({{.*}}) {group = 2 : i64} : (tensor<1x128x8x8xf64>, tensor<4x64x3x3xf64>)
func.func @double(%a: tensor<?x?xui8>, %b: tensor<?x8xui8>, %c: tensor<?x4096xui8>, %d: tensor<4096x8xui8>,
                  %e: tensor<1x128x8x8xui8>, %f: tensor<4x64x3x3xui8>)
    -> (tensor<?x8xi32>, tensor<?x8xi32>, tensor<1x4x6x6xi32>) {
  %0 = onnx.MatMulInteger(%a, %b) : (tensor<?x?xui8>, tensor<?x8xui8>) -> tensor<?x8xi32>
  %1 = onnx.MatMulInteger(%c, %d) : (tensor<?x4096xui8>, tensor<4096x8xui8>) -> tensor<?x8xi32>
  %2 = onnx.ConvInteger(%e, %f) {group = 2 : i64} : (tensor<1x128x8x8xui8>, tensor<4x64x3x3xui8>) -> tensor<1x4x6x6xi32>
  return %0, %1, %2 : tensor<?x8xi32>, tensor<?x8xi32>, tensor<1x4x6x6xi32>
}

// -----

// Channels of a convolution with one group: 28 of nine taps each.

// CHECK-LABEL: func.func @channels
// CHECK: onnx.Conv({{.*}}) {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x28x8x8xf32>, tensor<4x28x3x3xf32>)
// CHECK: onnx.Conv({{.*}}) {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x4x8x8xf32>, tensor<4x4x3x3xf32>)
func.func @channels(%e: tensor<1x32x8x8xui8>, %f: tensor<4x32x3x3xui8>) -> tensor<1x4x8x8xi32> {
  %0 = onnx.ConvInteger(%e, %f) {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x32x8x8xui8>, tensor<4x32x3x3xui8>) -> tensor<1x4x8x8xi32>
  return %0 : tensor<1x4x8x8xi32>
}

// -----

// Weights are known: what counts is what their magnitudes add up to, less a constant zero point.
// 1024 · 255 · 64 is just below 2^24, with 66 in place of 64 it is above.

// CHECK-LABEL: func.func @weights
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x1024xf32>, tensor<1024x8xf32>)
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x996xf32>, tensor<996x8xf32>)
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x28xf32>, tensor<28x8xf32>)
func.func @weights(%a: tensor<?x1024xui8>) -> (tensor<?x8xi32>, tensor<?x8xi32>) {
  %no = onnx.Absent
  %b = onnx.Constant() {value = dense<164> : tensor<1024x8xui8>} : () -> tensor<1024x8xui8>
  %z = onnx.Constant() {value = dense<100> : tensor<ui8>} : () -> tensor<ui8>
  %y = onnx.Constant() {value = dense<98> : tensor<ui8>} : () -> tensor<ui8>
  %0 = onnx.MatMulInteger(%a, %b, %no, %z) : (tensor<?x1024xui8>, tensor<1024x8xui8>, none, tensor<ui8>) -> tensor<?x8xi32>
  %1 = onnx.MatMulInteger(%a, %b, %no, %y) : (tensor<?x1024xui8>, tensor<1024x8xui8>, none, tensor<ui8>) -> tensor<?x8xi32>
  return %0, %1 : tensor<?x8xi32>, tensor<?x8xi32>
}

// -----

// A zero point for each row; one of zeros is none.

// CHECK-LABEL: func.func @rows
// CHECK: %[[A:.*]] = onnx.Cast(%arg0) {to = 1 : i64}
// CHECK: %[[Z:.*]] = onnx.Cast(%arg2) {to = 1 : i64}
// CHECK: %[[COLUMN:.*]] = onnx.Unsqueeze(%[[Z]], %{{.*}}) : (tensor<4xf32>, tensor<1xi64>) -> tensor<4x1xf32>
// CHECK: onnx.Sub(%[[A]], %[[COLUMN]])
// CHECK-NOT: onnx.Sub
func.func @rows(%a: tensor<4x8xi8>, %b: tensor<8x2xi8>, %z: tensor<4xi8>) -> tensor<4x2xi32> {
  %none = onnx.Constant() {value = dense<0> : tensor<2xi8>} : () -> tensor<2xi8>
  %0 = onnx.MatMulInteger(%a, %b, %z, %none) : (tensor<4x8xi8>, tensor<8x2xi8>, tensor<4xi8>, tensor<2xi8>) -> tensor<4x2xi32>
  return %0 : tensor<4x2xi32>
}

// -----

// Padding comes after the zero point is taken off. The bias is added in int32; what is left is
// scaled, rounded, moved to the zero point and clipped.

// CHECK-LABEL: func.func @convolution
// CHECK: %[[X:.*]] = onnx.Sub({{.*}}) : (tensor<1x3x8x8xf32>, tensor<f32>)
// CHECK: %[[SUM:.*]] = onnx.Conv(%[[X]], %{{.*}}) {pads = array<i64: 1, 1, 1, 1>}
// CHECK: %[[INT:.*]] = onnx.Cast(%[[SUM]]) {to = 6 : i64}
// CHECK: %[[BIAS:.*]] = onnx.Unsqueeze(%arg8, {{.*}} -> tensor<4x1x1xi32>
// CHECK: %[[ALL:.*]] = onnx.Add(%[[INT]], %[[BIAS]])
// CHECK: %[[SCALES:.*]] = onnx.Unsqueeze(%arg4, {{.*}} -> tensor<4x1x1xf32>
// CHECK: onnx.Mul(%arg1, %[[SCALES]])
// CHECK: onnx.Div
// CHECK: onnx.Cast(%[[ALL]]) {to = 1 : i64}
// CHECK: onnx.Mul
// CHECK: onnx.Round
// CHECK: onnx.Add
// CHECK: onnx.Clip
// CHECK: onnx.CastLike(%{{.*}}, %arg7) : {{.*}} -> tensor<1x4x8x8xui8>
func.func @convolution(%x: tensor<1x3x8x8xui8>, %sx: tensor<f32>, %zx: tensor<ui8>, %w: tensor<4x3x3x3xi8>,
                       %sw: tensor<4xf32>, %zw: tensor<4xi8>, %sy: tensor<f32>, %zy: tensor<ui8>,
                       %bias: tensor<4xi32>) -> tensor<1x4x8x8xui8> {
  %0 = onnx.QLinearConv(%x, %sx, %zx, %w, %sw, %zw, %sy, %zy, %bias) {pads = array<i64: 1, 1, 1, 1>} :
    (tensor<1x3x8x8xui8>, tensor<f32>, tensor<ui8>, tensor<4x3x3x3xi8>, tensor<4xf32>, tensor<4xi8>,
     tensor<f32>, tensor<ui8>, tensor<4xi32>) -> tensor<1x4x8x8xui8>
  return %0 : tensor<1x4x8x8xui8>
}
