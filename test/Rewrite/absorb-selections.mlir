// RUN: strut-opt %s --strut-absorb-selections --canonicalize | FileCheck %s

// Condition 1: columns of a dense weight and of its addend, in the order in which they are
// read.

// CHECK-LABEL: func.func @columns
// CHECK-DAG: dense<{{\[\[}}3.000000e+00, 1.000000e+00], [6.000000e+00, 4.000000e+00]]>
// CHECK-DAG: dense<[9.000000e+00, 7.000000e+00]>
// CHECK: layer.linear %arg0, %{{.*}} bias
// CHECK-NEXT: return
func.func @columns(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %b = onnx.Constant() {value = dense<[7.0, 8.0, 9.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %from = onnx.Constant() {value = dense<[2, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w bias %b : tensor<?x2xf32>, tensor<2x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
  %1 = onnx.Gather(%0, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Condition 2: rows of a dense weight, where every value is read once.

// CHECK-LABEL: func.func @rows
// CHECK: dense<{{\[\[}}3.000000e+00, 4.000000e+00], [5.000000e+00, 6.000000e+00], [1.000000e+00, 2.000000e+00]]>
// CHECK-NEXT: layer.linear %arg0
// CHECK-NEXT: return
func.func @rows(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %from = onnx.Constant() {value = dense<[2, 0, 1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Gather(%x, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<3xi64>) -> tensor<?x3xf32>
  %1 = layer.linear %0, %w : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Blocks keep their shuffle; the weight behind them takes it.

// CHECK-LABEL: func.func @behind_blocks
// CHECK: layer.block_linear
// CHECK-NEXT: layer.linear %{{.*}} {layer.form = "blockdense"}
// CHECK-NEXT: return
func.func @behind_blocks(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %from = onnx.Constant() {value = dense<[0, 2, 1, 3]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = layer.block_linear %x, %v : tensor<?x4xf32>, tensor<2x2x2xf32> -> tensor<?x4xf32>
  %1 = onnx.Gather(%0, %from) {axis = 1 : i64} : (tensor<?x4xf32>, tensor<4xi64>) -> tensor<?x4xf32>
  %2 = layer.linear %1, %w : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Condition 1: columns that are read twice would be computed twice.

// CHECK-LABEL: func.func @repeated
// CHECK: onnx.Gather
func.func @repeated(%x: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %from = onnx.Constant() {value = dense<[2, 0, 0, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Gather(%0, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<4xi64>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// Condition 2: a value that is not read would meet zeros, and may be infinite.

// CHECK-LABEL: func.func @not_all_read
// CHECK: onnx.Gather
func.func @not_all_read(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %from = onnx.Constant() {value = dense<[2, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = onnx.Gather(%x, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  %1 = layer.linear %0, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// Condition 3: another layer reads the weight.

// CHECK-LABEL: func.func @tied
// CHECK: onnx.Gather
func.func @tied(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %from = onnx.Constant() {value = dense<[1, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = onnx.Gather(%x, %from) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  %1 = layer.linear %0, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %2 = layer.linear %y, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %1, %2 : tensor<?x2xf32>, tensor<?x2xf32>
}

// (2) As many places as there are features, one of them twice.

// CHECK-LABEL: func.func @read_twice
// CHECK: onnx.Gather(%arg0
// CHECK: layer.linear
func.func @read_twice(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %from = onnx.Constant() {value = dense<[0, 0, 1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Gather(%x, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<3xi64>) -> tensor<?x3xf32>
  %1 = layer.linear %0, %w : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// (4) Blocks before and behind it.

// CHECK-LABEL: func.func @blocks
// CHECK: layer.block_linear
// CHECK-NEXT: onnx.Gather
// CHECK: onnx.Gather
// CHECK-NEXT: layer.block_linear
func.func @blocks(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32>) {
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x1x2xf32>} : () -> tensor<2x1x2xf32>
  %from = onnx.Constant() {value = dense<[1, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %some = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %0 = layer.block_linear %x, %u : tensor<?x4xf32>, tensor<2x2x2xf32> -> tensor<?x4xf32>
  %1 = onnx.Gather(%0, %from) {axis = 1 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  %2 = layer.linear %x, %some : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %3 = onnx.Relu(%2) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = onnx.Gather(%3, %from) {axis = 1 : i64} : (tensor<?x2xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  %5 = layer.block_linear %4, %v : tensor<?x2xf32>, tensor<2x1x2xf32> -> tensor<?x4xf32>
  return %1, %5 : tensor<?x2xf32>, tensor<?x4xf32>
}

// A factor between the layer and the order.

// CHECK-LABEL: func.func @factor
// CHECK: return
func.func @factor(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %f = onnx.Constant() {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %from = onnx.Constant() {value = dense<[2, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Mul(%0, %f) : (tensor<?x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  %2 = onnx.Gather(%1, %from) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}
