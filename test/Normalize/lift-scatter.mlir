// RUN: strut-opt %s --strut-lift-scatter --canonicalize | FileCheck %s

// cache[:, :, places] = rows: nothing of the cache is moved.

// CHECK-LABEL: func.func @third_axis
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<2x4x?x32xf32>, %[[ROWS:[a-z0-9]+]]: tensor<2x4x?x32xf32>
func.func @third_axis(%cache: tensor<2x4x?x32xf32>, %rows: tensor<2x4x?x32xf32>, %places: tensor<?x1xi64>) -> tensor<2x4x?x32xf32> {
  // CHECK: %[[COLUMN:.*]] = onnx.Constant() {value = dense<[1, 1, -1, 1]> : tensor<4xi64>}
  // CHECK-NOT: onnx.Transpose
  // CHECK: %[[ONCE:.*]] = onnx.Reshape(%{{.*}}, %[[COLUMN]])
  // CHECK: %[[SHAPE:.*]] = onnx.Shape(%[[ROWS]])
  // CHECK: %[[INDICES:.*]] = onnx.Expand(%[[ONCE]], %[[SHAPE]])
  // CHECK: %[[NEXT:.*]] = onnx.ScatterElements(%[[CACHE]], %[[INDICES]], %[[ROWS]]) {axis = 2 : i64}
  // CHECK-NEXT: return %[[NEXT]]
  %0 = onnx.Transpose(%cache) {perm = array<i64: 2, 0, 1, 3>} : (tensor<2x4x?x32xf32>) -> tensor<?x2x4x32xf32>
  %1 = onnx.Transpose(%rows) {perm = array<i64: 2, 0, 1, 3>} : (tensor<2x4x?x32xf32>) -> tensor<?x2x4x32xf32>
  %2 = onnx.ScatterND(%0, %places, %1) : (tensor<?x2x4x32xf32>, tensor<?x1xi64>, tensor<?x2x4x32xf32>) -> tensor<?x2x4x32xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 1, 2, 0, 3>} : (tensor<?x2x4x32xf32>) -> tensor<2x4x?x32xf32>
  return %3 : tensor<2x4x?x32xf32>
}

// A reduction goes along; the result is turned if nobody turns it back.

// CHECK-LABEL: func.func @added
func.func @added(%cache: tensor<4x?x32xf32>, %rows: tensor<?x4x32xf32>, %places: tensor<?x1xi64>) -> tensor<?x4x32xf32> {
  // CHECK: onnx.ScatterElements({{.*}}) {axis = 1 : i64, reduction = "add"}
  // CHECK: onnx.Transpose
  %0 = onnx.Transpose(%cache) {perm = array<i64: 1, 0, 2>} : (tensor<4x?x32xf32>) -> tensor<?x4x32xf32>
  %1 = onnx.ScatterND(%0, %places, %rows) {reduction = "add"} : (tensor<?x4x32xf32>, tensor<?x1xi64>, tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return %1 : tensor<?x4x32xf32>
}

// Not the last axis, not places of several axes, not the first axis as it lies.

// CHECK-LABEL: func.func @kept
func.func @kept(%x: tensor<4x?xf32>, %u: tensor<?x4xf32>, %y: tensor<4x5x6xf32>, %v: tensor<3x6xf32>, %w: tensor<3x5x6xf32>,
                %places: tensor<?x1xi64>, %pairs: tensor<3x2xi64>, %rows: tensor<3x1xi64>)
    -> (tensor<?x4xf32>, tensor<5x4x6xf32>, tensor<4x5x6xf32>) {
  // CHECK-NOT: onnx.ScatterElements
  // CHECK: return
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<4x?xf32>) -> tensor<?x4xf32>
  %1 = onnx.ScatterND(%0, %places, %u) : (tensor<?x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Transpose(%y) {perm = array<i64: 1, 0, 2>} : (tensor<4x5x6xf32>) -> tensor<5x4x6xf32>
  %3 = onnx.ScatterND(%2, %pairs, %v) : (tensor<5x4x6xf32>, tensor<3x2xi64>, tensor<3x6xf32>) -> tensor<5x4x6xf32>
  %4 = onnx.ScatterND(%y, %rows, %w) : (tensor<4x5x6xf32>, tensor<3x1xi64>, tensor<3x5x6xf32>) -> tensor<4x5x6xf32>
  return %1, %3, %4 : tensor<?x4xf32>, tensor<5x4x6xf32>, tensor<4x5x6xf32>
}
