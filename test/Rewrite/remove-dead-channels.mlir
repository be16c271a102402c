// RUN: strut-opt %s --strut-remove-dead-channels --canonicalize | FileCheck %s

// Channel 1 has a row of zeros in the second weight, channel 2 a column and bias of zeros
// before a ReLU.

// CHECK-LABEL: func.func @plain
// CHECK-DAG: %[[W1:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00], [5.000000e+00]]> : tensor<2x1xf32>}
// CHECK-DAG: %[[B1:.*]] = onnx.Constant() {value = dense<9.000000e+00> : tensor<1xf32>}
// CHECK-DAG: %[[W2:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00]]> : tensor<1x2xf32>}
// CHECK: %[[U:.*]] = layer.linear %arg0, %[[W1]] bias %[[B1]]
// CHECK: %[[V:.*]] = onnx.Relu(%[[U]])
// CHECK: layer.linear %[[V]], %[[W2]] bias
func.func @plain(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<[[1.0, 2.0, 0.0], [5.0, 6.0, 0.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %b1 = onnx.Constant() {value = dense<[9.0, 10.0, 0.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %w2 = onnx.Constant() {value = dense<[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %b2 = onnx.Constant() {value = dense<[7.0, 8.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w1 bias %b1 : tensor<?x2xf32>, tensor<2x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
  %1 = onnx.Relu(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %w2 bias %b2 : tensor<?x3xf32>, tensor<3x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// A gated net with a factor per channel: channel 0 is 0 in the gate, 1 in the factor.

// CHECK-LABEL: func.func @gated
// CHECK-DAG: dense<3.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: dense<6.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: dense<9.000000e+00> : tensor<1xf32>
// CHECK-DAG: dense<1.200000e+01> : tensor<1x1xf32>
// CHECK: onnx.Swish({{.*}}) : (tensor<?x1xf32>) -> tensor<?x1xf32>
// CHECK: return
func.func @gated(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %g = onnx.Constant() {value = dense<[[0.0, 2.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %u = onnx.Constant() {value = dense<[[4.0, 5.0, 6.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %f = onnx.Constant() {value = dense<[7.0, 0.0, 9.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %d = onnx.Constant() {value = dense<[[10.0], [11.0], [12.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %0 = layer.linear %x, %g : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Swish(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %x, %u : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %3 = onnx.Mul(%1, %2) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %5 = layer.linear %4, %d : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  return %5 : tensor<?x1xf32>
}

// x·sigmoid(x) is 0 at 0: one value that an operator reads twice.

// CHECK-LABEL: func.func @silu
// CHECK-DAG: dense<2.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: dense<6.000000e+00> : tensor<1x1xf32>
// CHECK: return
func.func @silu(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %w = onnx.Constant() {value = dense<[[0.0, 2.0, 0.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d = onnx.Constant() {value = dense<[[5.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Mul(%0, %0) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %d : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  return %2 : tensor<?x1xf32>
}

// All are dead: one stays, for a layer has channels.

// CHECK-LABEL: func.func @all
// CHECK: layer.linear {{.*}} -> tensor<?x1xf32>
// CHECK: layer.linear {{.*}} -> tensor<?x2xf32>
// CHECK: return
func.func @all(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d = onnx.Constant() {value = dense<0.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Relu(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %d : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// (1) A softmax joins channels. (2) Another reader of the hidden layer, of a weight. (3) A bias that is
// given. (4) One of four: the width stays a multiple of 4. (5) A sigmoid is no 0 at 0.

// CHECK-LABEL: func.func @kept
// CHECK-NOT: tensor<?x2xf32>
// CHECK: return
func.func @kept(%x: tensor<?x1xf32>, %b: tensor<3xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>) {
  %w = onnx.Constant() {value = dense<[[0.0, 2.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d = onnx.Constant() {value = dense<[[5.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %0 = layer.linear %x, %w : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Softmax(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %d : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %w2 = onnx.Constant() {value = dense<[[0.0, 4.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d2 = onnx.Constant() {value = dense<[[8.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %3 = layer.linear %x, %w2 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %4 = onnx.Relu(%3) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %5 = layer.linear %4, %d2 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %w3 = onnx.Constant() {value = dense<[[0.0, 5.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d3 = onnx.Constant() {value = dense<[[9.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %6 = layer.linear %x, %w3 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %7 = onnx.Relu(%6) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %8 = layer.linear %7, %d3 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %9 = layer.linear %x, %w3 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %10 = onnx.Tanh(%9) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %11 = layer.linear %10, %d3 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %w4 = onnx.Constant() {value = dense<[[0.0, 6.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d4 = onnx.Constant() {value = dense<[[10.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %12 = layer.linear %x, %w4 bias %b : tensor<?x1xf32>, tensor<1x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
  %13 = onnx.Relu(%12) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %14 = layer.linear %13, %d4 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %w5 = onnx.Constant() {value = dense<[[0.0, 6.0, 3.0, 2.0]]> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %d5 = onnx.Constant() {value = dense<[[10.0], [6.0], [7.0], [8.0]]> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %15 = layer.linear %x, %w5 : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %16 = onnx.Relu(%15) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %17 = layer.linear %16, %d5 : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %w6 = onnx.Constant() {value = dense<[[0.0, 7.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %d6 = onnx.Constant() {value = dense<[[11.0], [6.0], [7.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %18 = layer.linear %x, %w6 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %19 = onnx.Sigmoid(%18) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %20 = layer.linear %19, %d6 : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  return %2, %5, %4, %8, %11, %14, %17, %20 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>
}

// (2) Something else reads the second weight, the first one.

// CHECK-LABEL: func.func @second_is_shared
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x3xf32>
func.func @second_is_shared(%x: tensor<?x1xf32>) -> (tensor<?x2xf32>, tensor<3x2xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %w2 = onnx.Constant() {value = dense<[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %0 = layer.linear %x, %w1 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Relu(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %w2 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %3 = onnx.Relu(%w2) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2, %3 : tensor<?x2xf32>, tensor<3x2xf32>
}

// CHECK-LABEL: func.func @first_is_shared
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x3xf32>
func.func @first_is_shared(%x: tensor<?x1xf32>) -> (tensor<?x2xf32>, tensor<1x3xf32>) {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %w2 = onnx.Constant() {value = dense<[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %0 = layer.linear %x, %w1 : tensor<?x1xf32>, tensor<1x3xf32> -> tensor<?x3xf32>
  %1 = onnx.Relu(%0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %2 = layer.linear %1, %w2 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %3 = onnx.Relu(%w1) : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return %2, %3 : tensor<?x2xf32>, tensor<1x3xf32>
}

// (4) Three channels of four take as long.

// CHECK-LABEL: func.func @three_of_four
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x4xf32>
func.func @three_of_four(%x: tensor<?x1xf32>) -> tensor<?x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %w2 = onnx.Constant() {value = dense<[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %0 = layer.linear %x, %w1 : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Relu(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %1, %w2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// (1) A gate per row, a constant per row, a value that is given.

// CHECK-LABEL: func.func @rows
// CHECK: layer.linear {{.*}} -> tensor<2x3xf32>
// CHECK: onnx.Mul({{.*}} -> tensor<2x3xf32>
// CHECK: layer.linear {{.*}} -> tensor<2x3xf32>
// CHECK: onnx.Add({{.*}} -> tensor<2x3xf32>
// CHECK: layer.linear {{.*}} -> tensor<2x3xf32>
// CHECK: onnx.Mul({{.*}} -> tensor<2x3xf32>
func.func @rows(%x: tensor<2x1xf32>, %g: tensor<2x3xf32>) -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>) {
  %w1 = onnx.Constant() {value = dense<[[1.0, 0.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %w2 = onnx.Constant() {value = dense<[[4.0], [0.0], [6.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %v1 = onnx.Constant() {value = dense<[[7.0, 0.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %v2 = onnx.Constant() {value = dense<[[7.0], [0.0], [6.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %u1 = onnx.Constant() {value = dense<[[8.0, 0.0, 3.0]]> : tensor<1x3xf32>} : () -> tensor<1x3xf32>
  %u2 = onnx.Constant() {value = dense<[[8.0], [0.0], [6.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %wg = onnx.Constant() {value = dense<2.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %each = onnx.Constant() {value = dense<[[1.0], [2.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %0 = layer.linear %x, %w1 : tensor<2x1xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %1 = layer.linear %x, %wg : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<2x1xf32>
  %2 = onnx.Mul(%0, %1) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  %3 = layer.linear %2, %w2 : tensor<2x3xf32>, tensor<3x1xf32> -> tensor<2x1xf32>
  %4 = layer.linear %x, %v1 : tensor<2x1xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %5 = onnx.Add(%4, %each) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  %6 = layer.linear %5, %v2 : tensor<2x3xf32>, tensor<3x1xf32> -> tensor<2x1xf32>
  %7 = layer.linear %x, %u1 : tensor<2x1xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %8 = onnx.Mul(%7, %g) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %9 = layer.linear %8, %u2 : tensor<2x3xf32>, tensor<3x1xf32> -> tensor<2x1xf32>
  return %3, %6, %9 : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>
}
