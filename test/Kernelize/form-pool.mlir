// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// A pool is a row kernel; the extents of its window are attributes.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1 * 2 + d4, d2 * 2 + d5)>
// CHECK-LABEL: func.func @max
func.func @max(%x: tensor<?x4x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x4x4x4xf32> {
  // CHECK: kernel.rows ins(%arg0 {{.*}} outs(%{{.*}} : tensor<?x4x4x4xf32>)
  // CHECK-SAME: axes = 2 : i64, extents = array<i64: -1, -1, -1, -1, 2, 2>, indexing_maps = [#[[X]],
  // CHECK: kernel.combine max
  %0 = onnx.MaxPool(%x) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return %0 : tensor<?x4x4x4xf32>
}

// -----

// The maximum ignores padding: it is -inf.

// CHECK-LABEL: func.func @max_padded
func.func @max_padded(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  // CHECK: arith.constant 0xFF800000 : f32
  // CHECK: kernel.rows ins(%{{.*}} : tensor<1x6x6x1xf32>)
  %0 = onnx.MaxPool(%x) {kernel_shape = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  return %0 : tensor<1x1x4x4xf32>
}

// -----

// The mean divides by what of the window lies in the input, or by all of it.

// CHECK-LABEL: func.func @average
func.func @average(%x: tensor<1x1x4x4xf32>) -> (tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>) {
  // CHECK: kernel.rows
  // CHECK: kernel.combine add
  // CHECK: kernel.index 4
  // CHECK: kernel.combine add
  // CHECK: arith.divf
  %0 = onnx.AveragePool(%x) {kernel_shape = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  // CHECK: kernel.rows
  // CHECK: kernel.combine add
  // CHECK-NOT: kernel.index
  // CHECK: arith.constant 0.111111112 : f32
  %1 = onnx.AveragePool(%x) {kernel_shape = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>, count_include_pad = 1 : i64} : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  return %0, %1 : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>
}

// -----

// ceil_mode: the last window may hang over the end.

// CHECK-LABEL: func.func @ceil
func.func @ceil(%x: tensor<1x1x5x5xf32>) -> tensor<1x1x3x3xf32> {
  // CHECK: kernel.rows ins(%{{.*}} : tensor<1x6x6x1xf32>) outs(%{{.*}} : tensor<1x3x3x1xf32>)
  %0 = onnx.MaxPool(%x) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>, ceil_mode = 1 : i64} : (tensor<1x1x5x5xf32>) -> tensor<1x1x3x3xf32>
  return %0 : tensor<1x1x3x3xf32>
}

// -----

// What ceil_mode adds is no padding that count_include_pad counts. Of an extent that is not known
// it is as much as it can ever be.

// CHECK-LABEL: func.func @ceil_counted
func.func @ceil_counted(%x: tensor<1x1x?xf32> {onnx.dims = ["", "", "w"]}) -> tensor<1x1x?xf32> {
  // CHECK: arith.ceildivsi
  // CHECK: kernel.rows
  // CHECK: kernel.combine add
  // CHECK: arith.cmpi ult
  // CHECK: kernel.combine add
  // CHECK: arith.divf
  %0 = onnx.AveragePool(%x) {kernel_shape = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, ceil_mode = 1 : i64, count_include_pad = 1 : i64} : (tensor<1x1x?xf32>) -> tensor<1x1x?xf32>
  return %0 : tensor<1x1x?xf32>
}

// -----

// The index of a maximum is the smallest number of an element that equals it.

// CHECK-LABEL: func.func @indices
func.func @indices(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>) {
  // CHECK: kernel.rows {{.*}} outs(%{{.*}} : tensor<1x2x2x2xf32>)
  // CHECK: kernel.combine max
  // CHECK: kernel.rows {{.*}} outs(%{{.*}} : tensor<1x2x2x2xi64>)
  // CHECK: kernel.combine max
  // CHECK: kernel.combine min
  %0:2 = onnx.MaxPool(%x) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<1x2x4x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>)
  return %0#0, %0#1 : tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>
}

// -----

// Bytes without a sign have pads of 0.

// CHECK-LABEL: func.func @bytes
func.func @bytes(%x: tensor<1x1x4xui8>, %y: tensor<1x1x4xi8>) -> (tensor<1x1x4xui8>, tensor<1x1x4xi8>) {
  // CHECK: arith.constant 0 : i8
  // CHECK: kernel.rows
  %0 = onnx.MaxPool(%x) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>} : (tensor<1x1x4xui8>) -> tensor<1x1x4xui8>
  // CHECK: arith.constant -128 : i8
  // CHECK: kernel.rows
  %1 = onnx.MaxPool(%y) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>} : (tensor<1x1x4xi8>) -> tensor<1x1x4xi8>
  return %0, %1 : tensor<1x1x4xui8>, tensor<1x1x4xi8>
}
