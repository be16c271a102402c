// RUN: strut-opt %s --strut-fold-channel-masks --canonicalize | FileCheck %s

// A constant of the full shape, equal along batch and rows.

// CHECK-LABEL: func.func @repeated
// CHECK-DAG: %[[M:.*]] = onnx.Constant() {value = dense<[true, false, true]> : tensor<3xi1>}
// CHECK: onnx.Where(%[[M]], %arg0, %arg1)
func.func @repeated(%x: tensor<2x2x3xf32>, %y: tensor<2x2x3xf32>) -> tensor<2x2x3xf32> {
  %m = onnx.Constant() {value = dense<[[[true, false, true], [true, false, true]], [[true, false, true], [true, false, true]]]> : tensor<2x2x3xi1>} : () -> tensor<2x2x3xi1>
  %0 = onnx.Where(%m, %x, %y) : (tensor<2x2x3xi1>, tensor<2x2x3xf32>, tensor<2x2x3xf32>) -> tensor<2x2x3xf32>
  return %0 : tensor<2x2x3xf32>
}

// Not equal along the rows; equal, but the mask makes the result larger.

// CHECK-LABEL: func.func @other_masks
// CHECK-DAG: %[[M:.*]] = onnx.Constant() {{.*}}tensor<2x3xi1>
// CHECK-DAG: %[[N:.*]] = onnx.Constant() {{.*}}tensor<4x3xi1>
// CHECK: onnx.Where(%[[M]], %arg0, %arg1)
// CHECK: onnx.Where(%[[N]], %arg2, %arg2)
func.func @other_masks(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>, %z: tensor<1x3xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>) {
  %m = onnx.Constant() {value = dense<[[true, false, true], [true, false, false]]> : tensor<2x3xi1>} : () -> tensor<2x3xi1>
  %n = onnx.Constant() {value = dense<true> : tensor<4x3xi1>} : () -> tensor<4x3xi1>
  %0 = onnx.Where(%m, %x, %y) : (tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = onnx.Where(%n, %z, %z) : (tensor<4x3xi1>, tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<4x3xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<4x3xf32>
}

// The newer exporter: a transposed mask, scattered to at channels of its first axis.

// CHECK-LABEL: func.func @transposed
// CHECK-DAG: %[[M:.*]] = onnx.Constant() {value = dense<[true, true, false, false]> : tensor<4xi1>}
// CHECK: onnx.Where(%[[M]], %{{.*}}, %arg0)
func.func @transposed(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32> {
  %no = onnx.Constant() {value = dense<false> : tensor<i1>} : () -> tensor<i1>
  %yes = onnx.Constant() {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %from = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %to = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %step = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %axes = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %part = onnx.Constant() {value = dense<[2, 1, 1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Shape(%x) : (tensor<?x?x4xf32>) -> tensor<3xi64>
  %1 = onnx.Expand(%no, %0) : (tensor<i1>, tensor<3xi64>) -> tensor<?x?x4xi1>
  %2 = onnx.Transpose(%1) {perm = array<i64: 2, 1, 0>} : (tensor<?x?x4xi1>) -> tensor<4x?x?xi1>
  %3 = onnx.Range(%from, %to, %step) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<2xi64>
  %4 = onnx.Unsqueeze(%3, %axes) : (tensor<2xi64>, tensor<1xi64>) -> tensor<2x1xi64>
  %5 = onnx.Expand(%yes, %part) : (tensor<i1>, tensor<3xi64>) -> tensor<2x?x?xi1>
  %6 = onnx.ScatterND(%2, %4, %5) : (tensor<4x?x?xi1>, tensor<2x1xi64>, tensor<2x?x?xi1>) -> tensor<4x?x?xi1>
  %7 = onnx.Transpose(%6) {perm = array<i64: 2, 1, 0>} : (tensor<4x?x?xi1>) -> tensor<?x?x4xi1>
  %8 = onnx.Relu(%x) : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %9 = onnx.Where(%7, %8, %x) : (tensor<?x?x4xi1>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %9 : tensor<?x?x4xf32>
}

// The older one: a grid of indices, whose first coordinates run over all of their axes.

// CHECK-LABEL: func.func @grid
// CHECK-DAG: %[[M:.*]] = onnx.Constant() {value = dense<[false, true, true, false]> : tensor<4xi1>}
// CHECK: onnx.Where(%[[M]], %{{.*}}, %arg0)
func.func @grid(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %column = onnx.Constant() {value = dense<[-1, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %places = onnx.Constant() {value = dense<[1, -2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %first = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
  %1 = onnx.ConstantOfShape(%0) {value = dense<false> : tensor<1xi1>} : (tensor<2xi64>) -> tensor<?x4xi1>
  %2 = onnx.Shape(%1) : (tensor<?x4xi1>) -> tensor<2xi64>
  %3 = onnx.Gather(%2, %zero) : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %4 = onnx.Range(%zero, %3, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %5 = onnx.Reshape(%4, %column) : (tensor<?xi64>, tensor<2xi64>) -> tensor<?x1xi64>
  %6 = onnx.Unsqueeze(%3, %first) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %7 = onnx.Concat(%6, %two) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %8 = onnx.Expand(%5, %7) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x2xi64>
  %9 = onnx.Unsqueeze(%8, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %10 = onnx.Expand(%places, %7) : (tensor<2xi64>, tensor<2xi64>) -> tensor<?x2xi64>
  %11 = onnx.Unsqueeze(%10, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %12 = onnx.Concat(%9, %11) {axis = -1 : i64} : (tensor<?x2x1xi64>, tensor<?x2x1xi64>) -> tensor<?x2x2xi64>
  %13 = onnx.ConstantOfShape(%7) {value = dense<true> : tensor<1xi1>} : (tensor<2xi64>) -> tensor<?x2xi1>
  %14 = onnx.ScatterND(%1, %12, %13) : (tensor<?x4xi1>, tensor<?x2x2xi64>, tensor<?x2xi1>) -> tensor<?x4xi1>
  %15 = onnx.Relu(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %16 = onnx.Where(%14, %15, %x) : (tensor<?x4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %16 : tensor<?x4xf32>
}

// The rows that the grid names are those of another tensor: how many there are is not known.

// CHECK-LABEL: func.func @other_grid
// CHECK: onnx.ScatterND
func.func @other_grid(%x: tensor<?x4xf32>, %z: tensor<?xf32>, %u: tensor<?x2xi1>) -> tensor<?x4xf32> {
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %places = onnx.Constant() {value = dense<[[1, 2]]> : tensor<1x2xi64>} : () -> tensor<1x2xi64>
  %0 = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
  %1 = onnx.ConstantOfShape(%0) {value = dense<false> : tensor<1xi1>} : (tensor<2xi64>) -> tensor<?x4xi1>
  %2 = onnx.Shape(%z) : (tensor<?xf32>) -> tensor<1xi64>
  %3 = onnx.Gather(%2, %zero) : (tensor<1xi64>, tensor<i64>) -> tensor<i64>
  %4 = onnx.Range(%zero, %3, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %5 = onnx.Unsqueeze(%4, %last) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %s = onnx.Shape(%u) : (tensor<?x2xi1>) -> tensor<2xi64>
  %8 = onnx.Expand(%5, %s) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x2xi64>
  %9 = onnx.Unsqueeze(%8, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %10 = onnx.Expand(%places, %s) : (tensor<1x2xi64>, tensor<2xi64>) -> tensor<?x2xi64>
  %11 = onnx.Unsqueeze(%10, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %12 = onnx.Concat(%9, %11) {axis = -1 : i64} : (tensor<?x2x1xi64>, tensor<?x2x1xi64>) -> tensor<?x2x2xi64>
  %13 = onnx.ConstantOfShape(%s) {value = dense<true> : tensor<1xi1>} : (tensor<2xi64>) -> tensor<?x2xi1>
  %14 = onnx.ScatterND(%1, %12, %13) : (tensor<?x4xi1>, tensor<?x2x2xi64>, tensor<?x2xi1>) -> tensor<?x4xi1>
  %15 = onnx.Relu(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %16 = onnx.Where(%14, %15, %x) : (tensor<?x4xi1>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %16 : tensor<?x4xf32>
}

// u[..., 1:3] = relu(u[..., 1:3]), transposed, and a scatter that leaves a gap, that adds,
// or that writes something of unknown extents, which all stay.

// CHECK-LABEL: func.func @assigned
// CHECK: %[[R:.*]] = onnx.Relu
// CHECK: %[[C:.*]] = onnx.Concat(%{{.*}}, %[[R]], %{{.*}}) {axis = 1 : i64}
// CHECK-COUNT-3: onnx.ScatterND
// CHECK-NOT: onnx.ScatterND
// CHECK: return %[[C]],
func.func @assigned(%u: tensor<?x4xf32>, %v: tensor<2x?xf32>) -> (tensor<?x4xf32>, tensor<4x?xf32>, tensor<4x?xf32>, tensor<4x?xf32>) {
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %places = onnx.Constant() {value = dense<[[1], [2]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %apart = onnx.Constant() {value = dense<[[1], [3]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %0 = onnx.Slice(%u, %one, %three, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %1 = onnx.Relu(%0) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = onnx.Transpose(%1) {perm = array<i64: 1, 0>} : (tensor<?x2xf32>) -> tensor<2x?xf32>
  %3 = onnx.Transpose(%u) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %4 = onnx.ScatterND(%3, %places, %2) : (tensor<4x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<4x?xf32>
  %5 = onnx.Transpose(%4) {perm = array<i64: 1, 0>} : (tensor<4x?xf32>) -> tensor<?x4xf32>
  %6 = onnx.ScatterND(%3, %apart, %2) : (tensor<4x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<4x?xf32>
  %7 = onnx.ScatterND(%3, %places, %2) {reduction = "add"} : (tensor<4x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<4x?xf32>
  %8 = onnx.ScatterND(%3, %places, %v) : (tensor<4x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<4x?xf32>
  return %5, %6, %7, %8 : tensor<?x4xf32>, tensor<4x?xf32>, tensor<4x?xf32>, tensor<4x?xf32>
}
