// RUN: strut-opt %s --strut-split-gates --canonicalize | FileCheck %s

// The second half is the gate of this GEGLU: its columns are 3 and 4.

// CHECK-LABEL: func.func @geglu
// CHECK-DAG: %[[WA:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00]]> : tensor<1x2xf32>}
// CHECK-DAG: %[[WG:.*]] = onnx.Constant() {value = dense<{{\[\[}}3.000000e+00, 4.000000e+00]]> : tensor<1x2xf32>}
// CHECK-DAG: %[[BA:.*]] = onnx.Constant() {value = dense<[5.000000e+00, 6.000000e+00]> : tensor<2xf32>}
// CHECK-DAG: %[[BG:.*]] = onnx.Constant() {value = dense<[7.000000e+00, 8.000000e+00]> : tensor<2xf32>}
// CHECK-DAG: %[[A:.*]] = layer.linear %arg0, %[[WA]] bias %[[BA]]
// CHECK-DAG: %[[U:.*]] = layer.linear %arg0, %[[WG]] bias %[[BG]]
// CHECK-DAG: %[[G:.*]] = onnx.Gelu(%[[U]])
// CHECK: %[[Y:.*]] = onnx.Mul(%[[A]], %[[G]])
// CHECK-NEXT: return %[[Y]]
func.func @geglu(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %b = onnx.Constant() {value = dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = layer.linear %x, %w bias %b : tensor<?x1xf32>, tensor<1x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1:2 = onnx.Split(%0) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %2 = onnx.Gelu(%1#1) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = onnx.Mul(%1#0, %2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// SwiGLU by slices, without a bias.

// CHECK-LABEL: func.func @swiglu
// CHECK-COUNT-2: layer.linear
// CHECK-NOT: onnx.Slice
// CHECK: onnx.Mul
func.func @swiglu(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<9223372036854775807> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %2 = onnx.Slice(%0, %two, %end, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %3 = onnx.Swish(%1) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = onnx.Mul(%3, %2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// (1) The same channels on both sides, (2) another reader of one half, (3) a weight that is
// no constant.

// CHECK-LABEL: func.func @kept
// CHECK-COUNT-3: layer.linear
// CHECK-NOT: layer.linear
// CHECK: return
func.func @kept(%x: tensor<?x1xf32>, %v: tensor<1x4xf32>) -> (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %u = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%0, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = layer.linear %x, %u : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %4:2 = onnx.Split(%3) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %5 = onnx.Mul(%4#0, %4#1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %6 = layer.linear %x, %v : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %7:2 = onnx.Split(%6) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %8 = onnx.Mul(%7#0, %7#1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %2, %5, %4#1, %8 : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// (1) Halves of two maps, halves along another axis of the map, a half with two functions.

// CHECK-LABEL: func.func @two_maps
// CHECK-COUNT-2: onnx.Split
func.func @two_maps(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %v = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %x, %v : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %c, %d = onnx.Split(%1) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %2 = onnx.Mul(%a, %d) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @halves_of_rows
// CHECK: onnx.Split
func.func @halves_of_rows(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %v = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<4x1xf32>, tensor<1x4xf32> -> tensor<4x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %a, %b = onnx.Split(%1) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<4x4xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>)
  %2 = onnx.Sigmoid(%a) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = onnx.Mul(%2, %b) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %3 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @functions_left
// CHECK: onnx.Concat
func.func @functions_left(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %v = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %c, %d = onnx.Split(%a) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>)
  %1 = onnx.Relu(%c) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %2 = onnx.Concat(%1, %d) {axis = 1 : i64} : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %3 = onnx.Mul(%2, %b) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @functions_right
// CHECK: onnx.Concat
func.func @functions_right(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %v = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %c, %d = onnx.Split(%a) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>)
  %1 = onnx.Relu(%c) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %2 = onnx.Concat(%1, %d) {axis = 1 : i64} : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %3 = onnx.Mul(%b, %2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// (2) The map itself has another reader.

// CHECK-LABEL: func.func @map_is_read
// CHECK: onnx.Split
func.func @map_is_read(%x: tensor<?x1xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %v = onnx.Constant() {value = dense<[[5.0, 6.0, 7.0, 8.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %a, %b = onnx.Split(%0) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %2 = onnx.Mul(%a, %b) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %2, %0 : tensor<?x2xf32>, tensor<?x4xf32>
}
