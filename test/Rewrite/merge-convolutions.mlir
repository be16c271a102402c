// RUN: strut-opt %s --strut-merge-convolutions | FileCheck %s
// RUN: strut-opt %s --strut-merge-convolutions=reduced-precision | FileCheck %s --check-prefix=REDUCED

// 3x3, 1x1 and the image itself: the middle tap of the 3x3 takes what the others add.

// CHECK-LABEL: func.func @three
func.func @three(%x: tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32> {
  %w3 = onnx.Constant() {value = dense<1.0> : tensor<2x2x3x3xf32>} : () -> tensor<2x2x3x3xf32>
  %b3 = onnx.Constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w1 = onnx.Constant() {value = dense<[[[[0.5]], [[0.25]]], [[[0.125]], [[4.0]]]]> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %none = onnx.Absent
  // CHECK-DAG: dense<{{\[\[\[}}[1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 2.500000e+00, 1.000000e+00]{{.*}}[1.000000e+00, 1.250000e+00, 1.000000e+00]{{.*}}[1.000000e+00, 1.125000e+00, 1.000000e+00]{{.*}}[1.000000e+00, 6.000000e+00, 1.000000e+00]
  // CHECK-DAG: dense<[1.000000e+00, 2.000000e+00]>
  // CHECK: onnx.Conv
  // CHECK-SAME: pads = array<i64: 1, 1, 1, 1>
  // CHECK-NOT: onnx.Add
  // CHECK-NOT: onnx.Conv
  // CHECK: return
  %0 = onnx.Conv(%x, %w3, %b3) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x2x?x?xf32>, tensor<2x2x3x3xf32>, tensor<2xf32>) -> tensor<?x2x?x?xf32>
  %1 = onnx.Conv(%x, %w1, %none) : (tensor<?x2x?x?xf32>, tensor<2x2x1x1xf32>, none) -> tensor<?x2x?x?xf32>
  %2 = onnx.Add(%1, %0) : (tensor<?x2x?x?xf32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %3 = onnx.Add(%x, %2) : (tensor<?x2x?x?xf32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  return %3 : tensor<?x2x?x?xf32>
}

// The batch normalisation of the image: (x - 2) * 3 / sqrt(4) + 5 = 1.5 x + 2.
// What another image adds stays.

// CHECK-LABEL: func.func @normalised
func.func @normalised(%x: tensor<?x1x?xf32>, %y: tensor<?x1x?xf32>) -> tensor<?x1x?xf32> {
  %w = onnx.Constant() {value = dense<[[[1.0, 2.0, 3.0, 4.0, 5.0]]]> : tensor<1x1x5xf32>} : () -> tensor<1x1x5xf32>
  %w3 = onnx.Constant() {value = dense<[[[10.0, 20.0, 30.0]]]> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %three = onnx.Constant() {value = dense<3.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %five = onnx.Constant() {value = dense<5.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %four = onnx.Constant() {value = dense<4.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %none = onnx.Absent
  // CHECK-DAG: dense<{{\[\[\[}}1.000000e+00, 1.200000e+01, 2.450000e+01, 3.400000e+01, 5.000000e+00{{\]\]\]}}>
  // CHECK-DAG: %[[BIAS:.*]] = onnx.Constant() {value = dense<2.000000e+00> : tensor<1xf32>}
  // CHECK: %[[CONV:.*]] = onnx.Conv(%arg0, %{{.*}}, %{{.*}}) {{.*}}pads = array<i64: 2, 2>
  // CHECK: onnx.Add(%{{.*}}, %{{.*}})
  // CHECK-NOT: onnx.BatchNormalization
  // CHECK: return
  %0 = onnx.Conv(%x, %w, %none) {pads = array<i64: 2, 2>} : (tensor<?x1x?xf32>, tensor<1x1x5xf32>, none) -> tensor<?x1x?xf32>
  %1 = onnx.Conv(%x, %w3, %none) {pads = array<i64: 1, 1>} : (tensor<?x1x?xf32>, tensor<1x1x3xf32>, none) -> tensor<?x1x?xf32>
  %2 = onnx.BatchNormalization(%x, %three, %five, %two, %four) {epsilon = 0.0 : f32} : (tensor<?x1x?xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<?x1x?xf32>
  %3 = onnx.Sum(%0, %y, %1, %2) : (tensor<?x1x?xf32>, tensor<?x1x?xf32>, tensor<?x1x?xf32>, tensor<?x1x?xf32>) -> tensor<?x1x?xf32>
  return %3 : tensor<?x1x?xf32>
}

// Filters per channel cover filters per channel, not what mixes channels: that
// would cost more products than both. Other strides, pads that make the results
// unequal, windows with gaps, a branch with another reader and f16 stay too.

// CHECK-LABEL: func.func @kept
// REDUCED-LABEL: func.func @kept
// REDUCED: %[[SUM:.*]] = onnx.Conv(%arg1, {{.*}} -> tensor<1x8x9x9xf16>
// REDUCED: return {{.*}}, %[[SUM]] :
func.func @kept(%x: tensor<1x8x9x9xf32>, %h: tensor<1x8x9x9xf16>) -> (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf16>) {
  %dw = onnx.Constant() {value = dense<1.0> : tensor<8x1x3x3xf32>} : () -> tensor<8x1x3x3xf32>
  %pw = onnx.Constant() {value = dense<1.0> : tensor<8x8x1x1xf32>} : () -> tensor<8x8x1x1xf32>
  %half = onnx.Constant() {value = dense<1.0> : tensor<8x1x3x3xf16>} : () -> tensor<8x1x3x3xf16>
  %none = onnx.Absent
  // CHECK-COUNT-5: onnx.Add
  // CHECK: return
  %0 = onnx.Conv(%x, %dw, %none) {group = 8 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x8x9x9xf32>, tensor<8x1x3x3xf32>, none) -> tensor<1x8x9x9xf32>
  %1 = onnx.Conv(%x, %pw, %none) : (tensor<1x8x9x9xf32>, tensor<8x8x1x1xf32>, none) -> tensor<1x8x9x9xf32>
  %2 = onnx.Add(%0, %1) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %3 = onnx.Conv(%x, %dw, %none) {group = 8 : i64, dilations = array<i64: 2, 2>, pads = array<i64: 2, 2, 2, 2>} : (tensor<1x8x9x9xf32>, tensor<8x1x3x3xf32>, none) -> tensor<1x8x9x9xf32>
  %4 = onnx.Add(%3, %x) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %5 = onnx.Conv(%x, %dw, %none) {group = 8 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x8x9x9xf32>, tensor<8x1x3x3xf32>, none) -> tensor<1x8x9x9xf32>
  %6 = onnx.Add(%x, %5) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %7 = onnx.Conv(%h, %half, %none) {group = 8 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x8x9x9xf16>, tensor<8x1x3x3xf16>, none) -> tensor<1x8x9x9xf16>
  %8 = onnx.Add(%h, %7) : (tensor<1x8x9x9xf16>, tensor<1x8x9x9xf16>) -> tensor<1x8x9x9xf16>
  %9 = onnx.Conv(%x, %dw, %none) {group = 8 : i64, strides = array<i64: 2, 2>, pads = array<i64: 5, 5, 6, 6>} : (tensor<1x8x9x9xf32>, tensor<8x1x3x3xf32>, none) -> tensor<1x8x9x9xf32>
  %10 = onnx.Add(%9, %x) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %11 = onnx.Relu(%5) : (tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %12 = onnx.Mul(%6, %11) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  return %2, %4, %12, %10, %8 : tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>, tensor<1x8x9x9xf16>
}

// Dimensions that are open: windows with gaps, other strides, results of other sizes. Where an extent is 1 they can be added.

// CHECK-LABEL: func.func @gaps
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @gaps(%x: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %0 = onnx.Conv(%x, %w) {dilations = array<i64: 2, 2>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %2 : tensor<?x4x?x?xf32>
}

// CHECK-LABEL: func.func @strides
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @strides(%x: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) {strides = array<i64: 2, 2>} : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %2 : tensor<?x4x?x?xf32>
}

// CHECK-LABEL: func.func @sizes
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @sizes(%x: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %2 : tensor<?x4x?x?xf32>
}

// A weight that is given, statistics that are, a normalisation in training: the others merge.

// CHECK-LABEL: func.func @one_is_given
// CHECK: onnx.Conv(%arg0, %arg1)
// CHECK: onnx.Conv(
// CHECK-NOT: onnx.Conv(
// CHECK: return
func.func @one_is_given(%x: tensor<?x4x?x?xf32>, %g: tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Conv(%x, %g) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Sum(%0, %1, %2) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %3 : tensor<?x4x?x?xf32>
}

// CHECK-LABEL: func.func @statistics_are_given
// CHECK: onnx.BatchNormalization
// CHECK: onnx.Conv(
// CHECK-NOT: onnx.Conv(
// CHECK: return
func.func @statistics_are_given(%x: tensor<?x4x?x?xf32>, %g: tensor<4xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.BatchNormalization(%x, %g, %g, %g, %g) {epsilon = 1.0e-5 : f32} : (tensor<?x4x?x?xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Sum(%0, %1, %2) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %3 : tensor<?x4x?x?xf32>
}

// CHECK-LABEL: func.func @in_training
// CHECK: onnx.BatchNormalization
// CHECK: onnx.Add
func.func @in_training(%x: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %g = onnx.Constant() {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %2 = onnx.BatchNormalization(%x, %g, %g, %g, %g) {epsilon = 1.0e-5 : f32, training_mode = 1 : i64} : (tensor<?x4x?x?xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Add(%0, %2) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %3 : tensor<?x4x?x?xf32>
}

// Condition 6: three groups of channels are not two.

// CHECK-LABEL: func.func @groups
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @groups(%x: tensor<?x6x?x?xf32>) -> tensor<?x6x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<6x3x1x1xf32>} : () -> tensor<6x3x1x1xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<6x2x1x1xf32>} : () -> tensor<6x2x1x1xf32>
  %0 = onnx.Conv(%x, %w) {group = 2 : i64} : (tensor<?x6x?x?xf32>, tensor<6x3x1x1xf32>) -> tensor<?x6x?x?xf32>
  %1 = onnx.Conv(%x, %v) {group = 3 : i64} : (tensor<?x6x?x?xf32>, tensor<6x2x1x1xf32>) -> tensor<?x6x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x6x?x?xf32>, tensor<?x6x?x?xf32>) -> tensor<?x6x?x?xf32>
  return %2 : tensor<?x6x?x?xf32>
}

// Condition 3: a bias that is given. The others merge.

// CHECK-LABEL: func.func @one_bias_is_given
// CHECK: onnx.Conv(%arg0, %{{.*}}, %arg1)
// CHECK: onnx.Conv(
// CHECK-NOT: onnx.Conv(
// CHECK: return
func.func @one_bias_is_given(%x: tensor<?x4x?x?xf32>, %g: tensor<4xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Conv(%x, %u, %g) : (tensor<?x4x?x?xf32>, tensor<4x4x1x1xf32>, tensor<4xf32>) -> tensor<?x4x?x?xf32>
  %3 = onnx.Sum(%0, %1, %2) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %3 : tensor<?x4x?x?xf32>
}

// Condition 2: pads that are a rule.

// CHECK-LABEL: func.func @same
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @same(%x: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %0 = onnx.Conv(%x, %w) {auto_pad = "SAME_UPPER"} : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %2 : tensor<?x4x?x?xf32>
}

// Condition 2: one channel that is added to each of four; an image that has one place.

// CHECK-LABEL: func.func @channels
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @channels(%x: tensor<?x4x?x?xf32>) -> tensor<?x?x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x3x3xf32>} : () -> tensor<4x4x3x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<1x4x3x3xf32>} : () -> tensor<1x4x3x3xf32>
  %0 = onnx.Conv(%x, %w) : (tensor<?x4x?x?xf32>, tensor<4x4x3x3xf32>) -> tensor<?x?x?x?xf32>
  %1 = onnx.Conv(%x, %v) : (tensor<?x4x?x?xf32>, tensor<1x4x3x3xf32>) -> tensor<?x?x?x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  return %2 : tensor<?x?x?x?xf32>
}

// CHECK-LABEL: func.func @place
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Sum
func.func @place(%y: tensor<2x4x9x9xf32>, %s: tensor<2x4x1x1xf32>) -> tensor<2x4x9x9xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x4x1x1xf32>} : () -> tensor<4x4x1x1xf32>
  %0 = onnx.Conv(%s, %w) : (tensor<2x4x1x1xf32>, tensor<4x4x1x1xf32>) -> tensor<2x4x1x1xf32>
  %1 = onnx.Conv(%s, %v) : (tensor<2x4x1x1xf32>, tensor<4x4x1x1xf32>) -> tensor<2x4x1x1xf32>
  %2 = onnx.Sum(%y, %0, %1) : (tensor<2x4x9x9xf32>, tensor<2x4x1x1xf32>, tensor<2x4x1x1xf32>) -> tensor<2x4x9x9xf32>
  return %2 : tensor<2x4x9x9xf32>
}

// What is added to each place comes behind what has the type of the sum. An image that is added
// twice counts twice.

// CHECK-LABEL: func.func @first_is_small
// CHECK: dense<[{{\[\[\[}}1.000000e+00, 1.000000e+00, 1.000000e+00], [1.000000e+00, 3.000000e+00, 1.000000e+00],
// CHECK: %[[CONV:.*]] = onnx.Conv(
// CHECK: onnx.Add(%[[CONV]], %arg1) {{.*}} -> tensor<2x1x9x9xf32>
// CHECK: return
func.func @first_is_small(%x: tensor<2x1x9x9xf32>, %s: tensor<2x1x1x1xf32>) -> tensor<2x1x9x9xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<1x1x3x3xf32>} : () -> tensor<1x1x3x3xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<2x1x9x9xf32>, tensor<1x1x3x3xf32>) -> tensor<2x1x9x9xf32>
  %2 = onnx.Sum(%s, %x, %0, %x) : (tensor<2x1x1x1xf32>, tensor<2x1x9x9xf32>, tensor<2x1x9x9xf32>, tensor<2x1x9x9xf32>) -> tensor<2x1x9x9xf32>
  return %2 : tensor<2x1x9x9xf32>
}

// Condition 7: weights and biases whose sum is beyond f32.

// CHECK-LABEL: func.func @overflow
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
// CHECK-COUNT-2: onnx.Conv(
// CHECK: onnx.Add
func.func @overflow(%x: tensor<?x1x?xf32>) -> (tensor<?x1x?xf32>, tensor<?x1x?xf32>) {
  %w = onnx.Constant() {value = dense<3.0e38> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  %v = onnx.Constant() {value = dense<1.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  %b = onnx.Constant() {value = dense<3.0e38> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = onnx.Conv(%x, %w) : (tensor<?x1x?xf32>, tensor<1x1x1xf32>) -> tensor<?x1x?xf32>
  %1 = onnx.Conv(%x, %w) : (tensor<?x1x?xf32>, tensor<1x1x1xf32>) -> tensor<?x1x?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x1x?xf32>, tensor<?x1x?xf32>) -> tensor<?x1x?xf32>
  %3 = onnx.Conv(%x, %v, %b) : (tensor<?x1x?xf32>, tensor<1x1x1xf32>, tensor<1xf32>) -> tensor<?x1x?xf32>
  %4 = onnx.Conv(%x, %v, %b) : (tensor<?x1x?xf32>, tensor<1x1x1xf32>, tensor<1xf32>) -> tensor<?x1x?xf32>
  %5 = onnx.Add(%3, %4) : (tensor<?x1x?xf32>, tensor<?x1x?xf32>) -> tensor<?x1x?xf32>
  return %2, %5 : tensor<?x1x?xf32>, tensor<?x1x?xf32>
}

// Condition 8: sums of no images.

// CHECK-LABEL: func.func @vectors
// CHECK: onnx.Add
func.func @vectors(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Add(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
