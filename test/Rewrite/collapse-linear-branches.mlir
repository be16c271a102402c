// RUN: strut-opt %s --strut-collapse-linear-branches --strut-merge-sums --canonicalize | FileCheck %s
// RUN: strut-opt %s --strut-collapse-linear-branches=reduced-precision --canonicalize | FileCheck %s --check-prefix=REDUCED

// One of five hidden channels passes the activation, with a shortcut around it. All weights
// are 1 but where they tell channels apart: channels 1 to 4 of the first map have 2, 3, 4,
// 5 as biases and meet rows of 1; 5 x x 1 x 4 channels and the shortcut make 4 off the
// diagonal and 5 on it.

// CHECK-LABEL: func.func @split
// CHECK-DAG: %[[LIN:.*]] = onnx.Constant() {value = dense<{{\[\[}}5.000000e+00, 4.000000e+00], [4.000000e+00, 5.000000e+00]]>
// CHECK-DAG: %[[BIAS:.*]] = onnx.Constant() {value = dense<[2.400000e+01, 2.500000e+01]>
// CHECK-DAG: %[[IN:.*]] = onnx.Constant() {value = dense<1.000000e+00> : tensor<2x1xf32>}
// CHECK-DAG: %[[ACTIVE:.*]] = onnx.Constant() {value = dense<1.000000e+00> : tensor<1xf32>}
// CHECK-DAG: %[[OUT:.*]] = onnx.Constant() {value = dense<7.000000e+00> : tensor<1x2xf32>}
// CHECK-DAG: %[[Y:.*]] = layer.linear %arg0, %[[LIN]] bias %[[BIAS]]
// CHECK-DAG: %[[U:.*]] = layer.linear %arg0, %[[IN]] bias %[[ACTIVE]]
// CHECK-DAG: %[[V:.*]] = onnx.Gelu(%[[U]]) {approximate = "tanh"} : (tensor<?x1xf32>) -> tensor<?x1xf32>
// CHECK-DAG: %[[Z:.*]] = layer.linear %[[V]], %[[OUT]] :
// CHECK: %[[SUM:.*]] = onnx.Add(%[[Y]], %[[Z]])
// CHECK-NEXT: return %[[SUM]]
func.func @split(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x5xf32>} : () -> tensor<2x5xf32>
  %b1 = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>} : () -> tensor<5xf32>
  %w2 = onnx.Constant() {value = dense<[[7.0, 7.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]> : tensor<5x2xf32>} : () -> tensor<5x2xf32>
  %b2 = onnx.Constant() {value = dense<[10.0, 11.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %sizes = onnx.Constant() {value = dense<[1, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w1 bias %b1 : tensor<?x2xf32>, tensor<2x5xf32>, tensor<5xf32> -> tensor<?x5xf32>
  %1:2 = onnx.Split(%0, %sizes) {axis = -1 : i64} : (tensor<?x5xf32>, tensor<2xi64>) -> (tensor<?x1xf32>, tensor<?x4xf32>)
  %2 = onnx.Gelu(%1#0) {approximate = "tanh"} : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %3 = onnx.Concat(%2, %1#1) {axis = 1 : i64} : (tensor<?x1xf32>, tensor<?x4xf32>) -> tensor<?x5xf32>
  %4 = layer.linear %3, %w2 bias %b2 : tensor<?x5xf32>, tensor<5x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  %5 = onnx.Add(%4, %x) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %5 : tensor<?x2xf32>
}

// A choice by a vector, of channels that are not the first, transposed on the way: only
// channel 2 is active. Where the order of the channels changes, rows change with them.

// CHECK-LABEL: func.func @chosen
// CHECK-DAG: dense<{{\[\[}}1.300000e+01], [2.600000e+01]]> : tensor<2x1xf32>
// CHECK-DAG: dense<{{\[\[}}4.000000e+00], [8.000000e+00]]> : tensor<2x1xf32>
// CHECK-DAG: dense<4.000000e+00> : tensor<1x1xf32>
// CHECK-NOT: onnx.Where
// CHECK: return
func.func @chosen(%x: tensor<3x2xf32>) -> tensor<3x1xf32> {
  %w1 = onnx.Constant() {value = dense<[[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %w2 = onnx.Constant() {value = dense<[[3.0], [5.0], [4.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %mask = onnx.Constant() {value = dense<[[false], [false], [true]]> : tensor<3x1xi1>} : () -> tensor<3x1xi1>
  %0 = layer.linear %x, %w1 : tensor<3x2xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %2 = onnx.Relu(%1) : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %3 = onnx.Where(%mask, %2, %1) : (tensor<3x1xi1>, tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  %4 = onnx.Transpose(%3) {perm = array<i64: 1, 0>} : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %5 = layer.linear %4, %w2 : tensor<3x3xf32>, tensor<3x1xf32> -> tensor<3x1xf32>
  return %5 : tensor<3x1xf32>
}

// Gathered channels: the second and third column, in the other order, meet rows 3 and 5, the
// first one, which is active, row 4.

// CHECK-LABEL: func.func @gathered
// CHECK-DAG: dense<2.200000e+01> : tensor<2x1xf32>
// CHECK-DAG: dense<1.000000e+00> : tensor<2x1xf32>
// CHECK-DAG: dense<4.000000e+00> : tensor<1x1xf32>
// CHECK-NOT: onnx.Gather
// CHECK: return
func.func @gathered(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %w1 = onnx.Constant() {value = dense<[[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %w2 = onnx.Constant() {value = dense<[[3.0], [5.0], [4.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %idle = onnx.Constant() {value = dense<[-1, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %active = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Gather(%0, %idle) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  %2 = onnx.Gather(%0, %active) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %3 = onnx.Tanh(%2) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %4 = onnx.Concat(%1, %3) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x3xf32>
  %5 = layer.linear %4, %w2 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  return %5 : tensor<?x1xf32>
}

// CHECK-LABEL: func.func @kept
// (1) a choice by data, (2) another reader, (4) f16, (5) a = h - d/2: as many products.
// CHECK-COUNT-4: onnx.Where
// CHECK: return
// REDUCED-LABEL: func.func @kept
// REDUCED-DAG: %[[LIN:.*]] = onnx.Constant() {value = dense<6.000000e+00> : tensor<2x2xf16>}
// REDUCED: layer.linear %arg2, %[[LIN]] : tensor<?x2xf16>
func.func @kept(%x: tensor<?x2xf32>, %m: tensor<4xi1>, %h: tensor<?x2xf16>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf16>, tensor<?x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %v1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf16>} : () -> tensor<2x4xf16>
  %v2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf16>} : () -> tensor<4x2xf16>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %three = onnx.Constant() {value = dense<[true, true, true, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%m, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %4 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %5 = onnx.Relu(%4) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = onnx.Where(%one, %5, %4) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = layer.linear %6, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %8 = layer.linear %h, %v1 : tensor<?x2xf16>, tensor<2x4xf16> -> tensor<?x4xf16>
  %9 = onnx.Relu(%8) : (tensor<?x4xf16>) -> tensor<?x4xf16>
  %10 = onnx.Where(%one, %9, %8) : (tensor<4xi1>, tensor<?x4xf16>, tensor<?x4xf16>) -> tensor<?x4xf16>
  %11 = layer.linear %10, %v2 : tensor<?x4xf16>, tensor<4x2xf16> -> tensor<?x2xf16>
  %12 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %13 = onnx.Relu(%12) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %14 = onnx.Where(%three, %13, %12) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %15 = layer.linear %14, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3, %7, %5, %11, %15 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf16>, tensor<?x2xf32>
}

// (3) A bias that is no constant.

// CHECK-LABEL: func.func @given_bias
// CHECK: onnx.Where
func.func @given_bias(%x: tensor<?x2xf32>, %b: tensor<4xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 bias %b : tensor<?x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// (6) A product that overflows.

// CHECK-LABEL: func.func @overflow
// CHECK: onnx.Where
func.func @overflow(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0e30> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<1.0e30> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// Shortcuts, which strut-merge-sums takes in: of another value, around a weight that is read
// twice, in f16; one that is.

// CHECK-LABEL: func.func @shortcuts
// CHECK-COUNT-3: onnx.Add
// CHECK-NOT: onnx.Add
// CHECK: return
func.func @shortcuts(%x: tensor<?x2xf32>, %z: tensor<?x2xf32>, %h: tensor<?x2xf16>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf16>, tensor<?x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %half = onnx.Constant() {value = dense<1.0> : tensor<2x2xf16>} : () -> tensor<2x2xf16>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = onnx.Add(%0, %z) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = layer.linear %x, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %3 = layer.linear %z, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %4 = onnx.Add(%x, %2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %5 = layer.linear %h, %half : tensor<?x2xf16>, tensor<2x2xf16> -> tensor<?x2xf16>
  %6 = onnx.Add(%h, %5) : (tensor<?x2xf16>, tensor<?x2xf16>) -> tensor<?x2xf16>
  %7 = layer.linear %x, %u : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %8 = onnx.Sum(%x, %7) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %1, %3, %4, %6, %8 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf16>, tensor<?x2xf32>
}

// (1) A function that differs between channels, two maps, channels that are rows of the map.

// CHECK-LABEL: func.func @function_per_channel
// CHECK: onnx.Where
func.func @function_per_channel(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %c = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @two_maps
// CHECK: onnx.Where
func.func @two_maps(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %v1 = onnx.Constant() {value = dense<3.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %x, %v1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %2 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Where(%one, %2, %1) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = layer.linear %3, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @rows_as_channels
// CHECK: onnx.Where
func.func @rows_as_channels(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<4x2xf32>, tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = onnx.Relu(%1) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = onnx.Where(%one, %2, %1) : (tensor<4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = layer.linear %3, %w2 : tensor<4x4xf32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// (1) Every other channel, and two of them backwards; slices, pieces and places along rows.

// CHECK-LABEL: func.func @slices
// CHECK: onnx.Slice
func.func @slices(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one_ = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Slice(%0, %zero, %end, %one_, %two) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %back = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %2 = onnx.Slice(%0, %three, %one_, %one_, %back) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %3 = onnx.Relu(%2) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = onnx.Concat(%1, %3) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %4, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %5 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @sliced_rows
// CHECK: onnx.Slice
// CHECK: onnx.Where
func.func @sliced_rows(%x: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w1 : tensor<8x2xf32>, tensor<2x4xf32> -> tensor<8x4xf32>
  %1 = onnx.Slice(%0, %zero, %end, %zero) : (tensor<8x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x4xf32>
  %2 = onnx.Relu(%1) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = onnx.Where(%one, %2, %1) : (tensor<4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = layer.linear %3, %w2 : tensor<4x4xf32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @pieces_of_rows
// CHECK: onnx.Split
// CHECK: onnx.Where
func.func @pieces_of_rows(%x: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<8x2xf32>, tensor<2x4xf32> -> tensor<8x4xf32>
  %1, %r = onnx.Split(%0) {axis = 0 : i64, num_outputs = 2 : i64} : (tensor<8x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
  %2 = onnx.Relu(%1) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = onnx.Where(%one, %2, %1) : (tensor<4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = layer.linear %3, %w2 : tensor<4x4xf32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @rows_exchanged
// CHECK: onnx.Gather
// CHECK: onnx.Where
func.func @rows_exchanged(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %back = onnx.Constant() {value = dense<[3, 2, 1, 0]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = layer.linear %x, %w1 : tensor<4x2xf32>, tensor<2x4xf32> -> tensor<4x4xf32>
  %1 = onnx.Gather(%0, %back) {axis = 0 : i64} : (tensor<4x4xf32>, tensor<4xi64>) -> tensor<4x4xf32>
  %2 = onnx.Relu(%1) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = onnx.Where(%one, %2, %1) : (tensor<4xi1>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = layer.linear %3, %w2 : tensor<4x4xf32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// (2) The map itself has another reader.

// CHECK-LABEL: func.func @map_is_read
// CHECK: onnx.Where
func.func @map_is_read(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3, %0 : tensor<?x2xf32>, tensor<?x4xf32>
}

// (6) A bias that overflows.

// CHECK-LABEL: func.func @bias_overflows
// CHECK: onnx.Where
func.func @bias_overflows(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0e-20> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b1 = onnx.Constant() {value = dense<1.0e30> : tensor<4xf32>} : () -> tensor<4xf32>
  %w2 = onnx.Constant() {value = dense<1.0e10> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[true, false, false, false]> : tensor<4xi1>} : () -> tensor<4xi1>
  %0 = layer.linear %x, %w1 bias %b1 : tensor<?x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %2, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// (1) A slice of rows and channels, with axes and without; pieces of rows that are more rows; one
// place on two axes.

// CHECK-LABEL: func.func @slice_of_both
// CHECK: onnx.Slice
func.func @slice_of_both(%x: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %starts = onnx.Constant() {value = dense<0> : tensor<2xi64>} : () -> tensor<2xi64>
  %ends = onnx.Constant() {value = dense<[2, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %axes = onnx.Constant() {value = dense<[1, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w1 : tensor<8x2xf32>, tensor<2x4xf32> -> tensor<8x4xf32>
  %1 = onnx.Slice(%0, %starts, %ends, %axes) : (tensor<8x4xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<4x2xf32>
  %2 = layer.linear %1, %w2 : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @slice_of_all
// CHECK: onnx.Slice
func.func @slice_of_all(%x: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %starts = onnx.Constant() {value = dense<0> : tensor<2xi64>} : () -> tensor<2xi64>
  %ends = onnx.Constant() {value = dense<[2, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w1 : tensor<8x2xf32>, tensor<2x4xf32> -> tensor<8x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %2 = onnx.Slice(%1, %starts, %ends) : (tensor<4x8xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<2x4xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 1, 0>} : (tensor<2x4xf32>) -> tensor<4x2xf32>
  %4 = layer.linear %3, %w2 : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @more_rows
// CHECK: onnx.Concat
func.func @more_rows(%x: tensor<3x2xf32>) -> tensor<6x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w1 : tensor<3x2xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<3x4xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>)
  %1 = onnx.Concat(%a, %b) {axis = 0 : i64} : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<6x2xf32>
  %2 = onnx.Slice(%1, %zero, %one, %one) : (tensor<6x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<6x1xf32>
  %3 = layer.linear %2, %w2 : tensor<6x1xf32>, tensor<1x2xf32> -> tensor<6x2xf32>
  return %3 : tensor<6x2xf32>
}

// CHECK-LABEL: func.func @two_axes
// CHECK: onnx.Gather
func.func @two_axes(%x: tensor<3x2xf32>) -> tensor<3x1x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %from = onnx.Constant() {value = dense<[[0], [1]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %0 = layer.linear %x, %w1 : tensor<3x2xf32>, tensor<2x4xf32> -> tensor<3x4xf32>
  %1 = onnx.Gather(%0, %from) {axis = 1 : i64} : (tensor<3x4xf32>, tensor<2x1xi64>) -> tensor<3x2x1xf32>
  %2 = onnx.Transpose(%1) {perm = array<i64: 0, 2, 1>} : (tensor<3x2x1xf32>) -> tensor<3x1x2xf32>
  %3 = layer.linear %2, %w2 : tensor<3x1x2xf32>, tensor<2x2xf32> -> tensor<3x1x2xf32>
  return %3 : tensor<3x1x2xf32>
}

// (1) A choice per row, and one that repeats them.

// CHECK-LABEL: func.func @chosen_rows
// CHECK: onnx.Where
func.func @chosen_rows(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[[true], [false]]> : tensor<2x1xi1>} : () -> tensor<2x1xi1>
  %0 = layer.linear %x, %w1 : tensor<2x2xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = onnx.Relu(%0) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<2x1xi1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = layer.linear %2, %w2 : tensor<2x4xf32>, tensor<4x2xf32> -> tensor<2x2xf32>
  return %3 : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @repeated
// CHECK: onnx.Where
func.func @repeated(%x: tensor<1x2xf32>) -> tensor<3x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %one = onnx.Constant() {value = dense<[[true, false, false, false], [true, false, false, false], [true, false, false, false]]> : tensor<3x4xi1>} : () -> tensor<3x4xi1>
  %0 = layer.linear %x, %w1 : tensor<1x2xf32>, tensor<2x4xf32> -> tensor<1x4xf32>
  %1 = onnx.Relu(%0) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = onnx.Where(%one, %1, %0) : (tensor<3x4xi1>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<3x4xf32>
  %3 = layer.linear %2, %w2 : tensor<3x4xf32>, tensor<4x2xf32> -> tensor<3x2xf32>
  return %3 : tensor<3x2xf32>
}
