// RUN: strut-opt %s --strut-recognize-pool-mixer | FileCheck %s

// The normalised image is not computed; the layer's name is made of its nodes'.

// CHECK-LABEL: func.func @normalised
func.func @normalised(%x: tensor<?x4x?x?xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<?x4x?x?xf32> {
  // CHECK: layer.pool_mixer %arg0 scale %arg1 window [3, 5] before [1, 3] epsilon 0.0010000000474974513 : tensor<?x4x?x?xf32>, tensor<4xf32>
  // CHECK-NEXT: return
  %n = onnx.GroupNormalization(%x, %g, %b) {num_groups = 1 : i64, epsilon = 1.000000e-03 : f32} : (tensor<?x4x?x?xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x?x?xf32>
  %p = onnx.AveragePool(%n) {kernel_shape = array<i64: 3, 5>, pads = array<i64: 1, 3, 1, 1>} : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %0 = onnx.Sub(%p, %n) : (tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  return %0 : tensor<?x4x?x?xf32>
}

// Condition 3: another reader, and groups of channels. The mixer is there all the same.

// CHECK-LABEL: func.func @normalised_before
func.func @normalised_before(%x: tensor<?x4x?xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<?x4x?xf32>, tensor<?x4x?xf32>, tensor<?x4x?xf32>) {
  // CHECK: %[[N:.*]] = onnx.GroupNormalization
  // CHECK: %[[M:.*]] = onnx.GroupNormalization
  // CHECK: layer.pool_mixer %[[N]] window [3] before [1] :
  // CHECK: layer.pool_mixer %[[M]] window [3] before [1] :
  %n = onnx.GroupNormalization(%x, %g, %b) {num_groups = 1 : i64} : (tensor<?x4x?xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x?xf32>
  %m = onnx.GroupNormalization(%x, %g, %b) {num_groups = 2 : i64} : (tensor<?x4x?xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x?xf32>
  %p = onnx.AveragePool(%n) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>} : (tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  %q = onnx.AveragePool(%m) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>} : (tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  %0 = onnx.Sub(%p, %n) : (tensor<?x4x?xf32>, tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  %1 = onnx.Sub(%q, %m) : (tensor<?x4x?xf32>, tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
  return %n, %0, %1 : tensor<?x4x?xf32>, tensor<?x4x?xf32>, tensor<?x4x?xf32>
}

// Condition 1: strides, dilations, and pads that make the image larger in one axis and
// smaller in the other. Condition 2: pads that are counted. Then the pool of another
// image, and the centre less the pool.

// CHECK-LABEL: func.func @kept
// CHECK-NOT: layer.pool_mixer
// CHECK: return
func.func @kept(%x: tensor<1x4x1x?xf32>, %z: tensor<1x4x1x?xf32>) -> (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) {
  %p0 = onnx.AveragePool(%x) {kernel_shape = array<i64: 1, 3>, pads = array<i64: 0, 1, 0, 1>, strides = array<i64: 1, 2>} : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %0 = onnx.Sub(%p0, %x) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p1 = onnx.AveragePool(%x) {kernel_shape = array<i64: 1, 3>, pads = array<i64: 0, 2, 0, 2>, dilations = array<i64: 1, 2>} : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %1 = onnx.Sub(%p1, %x) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p2 = onnx.AveragePool(%x) {kernel_shape = array<i64: 1, 5>, pads = array<i64: 0, 1, 0, 1>} : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %2 = onnx.Sub(%p2, %x) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p3 = onnx.AveragePool(%x) {kernel_shape = array<i64: 1, 3>, pads = array<i64: 0, 1, 0, 1>, count_include_pad = 1 : i64} : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %3 = onnx.Sub(%p3, %x) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p4 = onnx.AveragePool(%z) {kernel_shape = array<i64: 1, 3>, pads = array<i64: 0, 1, 0, 1>} : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %4 = onnx.Sub(%p4, %x) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %5 = onnx.Sub(%z, %p4) : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>
}

// Condition 1: gaps in the window. Three places have a mean of one, which is subtracted from all.

// CHECK-LABEL: func.func @gaps
// CHECK-NOT: layer.pool_mixer
// CHECK: return
func.func @gaps(%x: tensor<1x4x?xf32>) -> tensor<1x4x?xf32> {
  %0 = onnx.AveragePool(%x) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>, dilations = array<i64: 2>} : (tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
  %1 = onnx.Sub(%0, %x) : (tensor<1x4x?xf32>, tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
  return %1 : tensor<1x4x?xf32>
}
