// Compositions get the name of their kind; what only looks like one gets none.
// RUN: strut-opt %s --strut-name-nets | FileCheck %s

// CHECK-LABEL: func.func @gated
// CHECK-COUNT-5: layer.net = {kind = "gated", number = 0 : i32}
// CHECK: return
func.func @gated(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = layer.linear %3, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// A gate of another value is a product of two nets.
// CHECK-LABEL: func.func @other_input
// CHECK-NOT: layer.net
// CHECK: return
func.func @other_input(%x: tensor<?x6xf32>, %y: tensor<?x6xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %y, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// A linear part beside a net of the same value.
// CHECK-LABEL: func.func @dual
// CHECK-COUNT-5: layer.net = {kind = "dual", number = 0 : i32}
// CHECK: return
func.func @dual(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x6xf32>} : () -> tensor<6x6xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x6xf32> -> tensor<?x6xf32>
  %1 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %2 = onnx.Gelu(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = layer.linear %2, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// Channels of the gate are changed and written back; what something else gives is no change of theirs.

// CHECK-LABEL: func.func @changed_channels
// CHECK-COUNT-12: layer.net = {kind = "unlearned", number = 0 : i32}
// CHECK: return
func.func @changed_channels(%x: tensor<?x6xf32>, %z: tensor<8x?xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %at = onnx.Constant() {value = dense<[[1], [5]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %m = onnx.Constant() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<?x8xf32>) -> tensor<8x?xf32>
  %2 = onnx.GatherND(%1, %at) : (tensor<8x?xf32>, tensor<2x1xi64>) -> tensor<2x?xf32>
  %3 = onnx.Sub(%m, %2) : (tensor<f32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  %4 = onnx.Less(%3, %m) : (tensor<2x?xf32>, tensor<f32>) -> tensor<2x?xi1>
  %5 = onnx.Where(%4, %3, %2) : (tensor<2x?xi1>, tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  %6 = onnx.ScatterND(%1, %at, %5) : (tensor<8x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<8x?xf32>
  %7 = onnx.Transpose(%6) {perm = array<i64: 1, 0>} : (tensor<8x?xf32>) -> tensor<?x8xf32>
  %8 = onnx.Sigmoid(%7) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %9 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %10 = onnx.Mul(%8, %9) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %11 = layer.linear %10, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  return %11 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @other_channels
// CHECK-NOT: layer.net
// CHECK: return
func.func @other_channels(%x: tensor<?x6xf32>, %z: tensor<8x?xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %at = onnx.Constant() {value = dense<[[1], [5]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %m = onnx.Constant() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<?x8xf32>) -> tensor<8x?xf32>
  %2 = onnx.GatherND(%z, %at) : (tensor<8x?xf32>, tensor<2x1xi64>) -> tensor<2x?xf32>
  %3 = onnx.Sub(%m, %2) : (tensor<f32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  %4 = onnx.Less(%3, %m) : (tensor<2x?xf32>, tensor<f32>) -> tensor<2x?xi1>
  %5 = onnx.Where(%4, %3, %2) : (tensor<2x?xi1>, tensor<2x?xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  %6 = onnx.ScatterND(%1, %at, %5) : (tensor<8x?xf32>, tensor<2x1xi64>, tensor<2x?xf32>) -> tensor<8x?xf32>
  %7 = onnx.Transpose(%6) {perm = array<i64: 1, 0>} : (tensor<8x?xf32>) -> tensor<?x8xf32>
  %8 = onnx.Sigmoid(%7) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %9 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %10 = onnx.Mul(%8, %9) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %11 = layer.linear %10, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  return %11 : tensor<?x6xf32>
}

// A key that is compared from both sides, and from one.

// CHECK-LABEL: func.func @within_a_box
// CHECK: onnx.Mul({{.*}}layer.net = {kind = "unlearned"
// CHECK: return
func.func @within_a_box(%x: tensor<?x6xf32>) -> (tensor<?x8xf32>, tensor<1x8xi1>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %lo = onnx.Constant() {value = dense<-1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %hi = onnx.Constant() {value = dense<1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = onnx.Gather(%3, %last) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x8xf32>
  %5 = onnx.GreaterOrEqual(%4, %lo) : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xi1>
  %6 = onnx.GreaterOrEqual(%hi, %4) : (tensor<8xf32>, tensor<1x8xf32>) -> tensor<1x8xi1>
  %7 = onnx.And(%5, %6) : (tensor<1x8xi1>, tensor<1x8xi1>) -> tensor<1x8xi1>
  return %3, %7 : tensor<?x8xf32>, tensor<1x8xi1>
}

// CHECK-LABEL: func.func @beyond
// CHECK: onnx.Mul({{.*}}layer.net = {kind = "gated"
// CHECK: return
func.func @beyond(%x: tensor<?x6xf32>) -> (tensor<?x8xf32>, tensor<1x8xi1>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<6x8xf32>} : () -> tensor<6x8xf32>
  %lo = onnx.Constant() {value = dense<-1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %hi = onnx.Constant() {value = dense<1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %v : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = layer.linear %x, %w : tensor<?x6xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = onnx.Gather(%3, %last) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<1x8xf32>
  %5 = onnx.GreaterOrEqual(%4, %lo) : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xi1>
  %6 = onnx.GreaterOrEqual(%4, %hi) : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xi1>
  %7 = onnx.And(%5, %6) : (tensor<1x8xi1>, tensor<1x8xi1>) -> tensor<1x8xi1>
  return %3, %7 : tensor<?x8xf32>, tensor<1x8xi1>
}
