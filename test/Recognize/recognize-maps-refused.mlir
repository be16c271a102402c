// RUN: strut-opt %s --strut-recognize-linear --strut-recognize-maps --canonicalize --cse | FileCheck %s

// What is no map of features, the same for every token, stays as it is written.

// A nonlinear operator between two weights: two regions.

// CHECK-LABEL: func.func @nonlinear_between
// CHECK-NOT: lowrank
// CHECK: layer.linear
// CHECK-NEXT: onnx.Relu
// CHECK-NEXT: layer.linear
// CHECK-NOT: lowrank
func.func @nonlinear_between(%x: tensor<?x24xf32>) -> tensor<?x40xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Relu(%0) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  return %2 : tensor<?x40xf32>
}

// Blocks that are computed at run time.

// CHECK-LABEL: func.func @weight_not_constant
// CHECK-NOT: layer.
// CHECK: return
func.func @weight_not_constant(%x: tensor<?x8xf32>, %w: tensor<2x4x3xf32>) -> tensor<?x6xf32> {
  %pieces = onnx.Constant() {value = dense<[-1, 2, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %flat = onnx.Constant() {value = dense<[-1, 6]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  %1 = onnx.Einsum(%0, %w) {equation = "mkp,kpq->mkq"} : (tensor<?x2x4xf32>, tensor<2x4x3xf32>) -> tensor<?x2x3xf32>
  %2 = onnx.Reshape(%1, %flat) : (tensor<?x2x3xf32>, tensor<2xi64>) -> tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}

// The weight is summed with tokens: a mixer of tokens.

// CHECK-LABEL: func.func @tokens_mixed
// CHECK-NOT: layer.
// CHECK: return
func.func @tokens_mixed(%x: tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %0 = onnx.MatMul(%w, %x) : (tensor<4x4xf32>, tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  return %0 : tensor<?x4x8xf32>
}

// Tokens become features on the way.

// CHECK-LABEL: func.func @tokens_to_features
// CHECK: onnx.Reshape
// CHECK: layer.linear %{{.*}} : tensor<?x32xf32>
// CHECK-NOT: layer.form
func.func @tokens_to_features(%x: tensor<?x4x8xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %w = onnx.Constant() {value = dense<1.0> : tensor<32x6xf32>} : () -> tensor<32x6xf32>
  %flat = onnx.Constant() {value = dense<[-1, 32]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32>
  %1 = onnx.Reshape(%0, %flat) : (tensor<?x4x8xf32>, tensor<2xi64>) -> tensor<?x32xf32>
  %2 = onnx.MatMul(%1, %w) : (tensor<?x32xf32>, tensor<32x6xf32>) -> tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}

// What lies between is read by another, too: it is computed anyway.

// CHECK-LABEL: func.func @middle_is_read
// CHECK-NOT: layer.form
// CHECK: return
func.func @middle_is_read(%x: tensor<?x24xf32>) -> (tensor<?x40xf32>, tensor<?x6xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.MatMul(%0, %u) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  return %1, %0 : tensor<?x40xf32>, tensor<?x6xf32>
}

// Maps of two values are no map of one.

// CHECK-LABEL: func.func @two_roots
// CHECK-NOT: layer.form
// CHECK: return
func.func @two_roots(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.MatMul(%y, %v) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// An addend that differs between tokens ends the map.

// CHECK-LABEL: func.func @addend_of_tokens
// CHECK: layer.linear
// CHECK-NEXT: onnx.Add
// CHECK-NEXT: layer.linear
// CHECK-NOT: lowrank
func.func @addend_of_tokens(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %c = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<2x8xf32>, tensor<8x2xf32>) -> tensor<2x2xf32>
  %1 = onnx.Add(%0, %c) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<2x2xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %2 : tensor<2x8xf32>
}

// A reshape of which two extents are unknown may exchange tokens.

// CHECK-LABEL: func.func @unknown_reshape
// CHECK: layer.block_linear
// CHECK: onnx.Reshape
// CHECK: onnx.Reshape
// CHECK: layer.linear
// CHECK-NOT: blockdense
func.func @unknown_reshape(%x: tensor<?x8xf32>, %to: tensor<3xi64>) -> tensor<?x?x5xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<6x5xf32>} : () -> tensor<6x5xf32>
  %pieces = onnx.Constant() {value = dense<[-1, 2, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  %1 = onnx.Einsum(%0, %w) {equation = "mkp,kpq->mkq"} : (tensor<?x2x4xf32>, tensor<2x4x3xf32>) -> tensor<?x2x3xf32>
  %2 = onnx.Reshape(%1, %to) : (tensor<?x2x3xf32>, tensor<3xi64>) -> tensor<?x?x6xf32>
  %3 = onnx.MatMul(%2, %u) : (tensor<?x?x6xf32>, tensor<6x5xf32>) -> tensor<?x?x5xf32>
  return %3 : tensor<?x?x5xf32>
}

// One convolution is what it is called, with a normalisation behind it, too; and a window of
// several elements, or one that strides, is no map of channels.

// CHECK-LABEL: func.func @convolutions_stay
// CHECK-NOT: layer.
// CHECK: return
func.func @convolutions_stay(%x: tensor<?x8x?x?xf32>) -> (tensor<?x6x?x?xf32>, tensor<?x5x?x?xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<6x8x1x1xf32>} : () -> tensor<6x8x1x1xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<5x6x1x1xf32>} : () -> tensor<5x6x1x1xf32>
  %k = onnx.Constant() {value = dense<1.0> : tensor<6x8x3x3xf32>} : () -> tensor<6x8x3x3xf32>
  %0 = onnx.Conv(%x, %w) {kernel_shape = array<i64: 1, 1>} : (tensor<?x8x?x?xf32>, tensor<6x8x1x1xf32>) -> tensor<?x6x?x?xf32>
  %1 = onnx.BatchNormalization(%0, %c, %c, %c, %c) {epsilon = 1.0e-5 : f32} : (tensor<?x6x?x?xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6x?x?xf32>
  %2 = onnx.Conv(%x, %k) {kernel_shape = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x8x?x?xf32>, tensor<6x8x3x3xf32>) -> tensor<?x6x?x?xf32>
  %3 = onnx.Conv(%2, %u) {kernel_shape = array<i64: 1, 1>, strides = array<i64: 2, 2>} : (tensor<?x6x?x?xf32>, tensor<5x6x1x1xf32>) -> tensor<?x5x?x?xf32>
  return %1, %3 : tensor<?x6x?x?xf32>, tensor<?x5x?x?xf32>
}

// Chunks in another order, chunks that are left out, a chunk through a function, chunks of
// tokens, results beside each other along tokens.

// CHECK-LABEL: func.func @chunks_exchanged
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
func.func @chunks_exchanged(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0:2 = onnx.Split(%x) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %1 = onnx.MatMul(%0#1, %w1) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %2 = onnx.MatMul(%0#0, %w2) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @chunk_left_out
// CHECK: onnx.Split
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
func.func @chunk_left_out(%x: tensor<?x12xf32>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0:3 = onnx.Split(%x) {axis = -1 : i64, num_outputs = 3 : i64} : (tensor<?x12xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %1 = onnx.MatMul(%0#0, %w1) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %2 = onnx.MatMul(%0#1, %w2) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @chunk_through_a_function
// CHECK: onnx.Split
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
func.func @chunk_through_a_function(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0:2 = onnx.Split(%x) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %1 = onnx.MatMul(%0#0, %w1) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %r = onnx.Relu(%0#1) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.MatMul(%r, %w2) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @chunks_of_tokens
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
func.func @chunks_of_tokens(%x: tensor<?x4x4xf32>) -> tensor<?x4x3xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0:2 = onnx.Split(%x) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x4x4xf32>) -> (tensor<?x2x4xf32>, tensor<?x2x4xf32>)
  %1 = onnx.MatMul(%0#0, %w1) : (tensor<?x2x4xf32>, tensor<4x3xf32>) -> tensor<?x2x3xf32>
  %2 = onnx.MatMul(%0#1, %w2) : (tensor<?x2x4xf32>, tensor<4x3xf32>) -> tensor<?x2x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x2x3xf32>, tensor<?x2x3xf32>) -> tensor<?x4x3xf32>
  return %3 : tensor<?x4x3xf32>
}

// CHECK-LABEL: func.func @beside_along_tokens
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Concat
func.func @beside_along_tokens(%x: tensor<5x8xf32>) -> tensor<10x3xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %1 = onnx.MatMul(%x, %w1) : (tensor<5x8xf32>, tensor<8x3xf32>) -> tensor<5x3xf32>
  %2 = onnx.MatMul(%x, %w2) : (tensor<5x8xf32>, tensor<8x3xf32>) -> tensor<5x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 0 : i64} : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<10x3xf32>
  return %3 : tensor<10x3xf32>
}

// A part of the features through one layer.

// CHECK-LABEL: func.func @one_chunk
// CHECK: onnx.Split
// CHECK-NEXT: layer.linear
func.func @one_chunk(%x: tensor<?x8xf32>) -> (tensor<?x3xf32>, tensor<?x4xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %0:2 = onnx.Split(%x) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %1 = onnx.MatMul(%0#0, %w) : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
  return %1, %0#1 : tensor<?x3xf32>, tensor<?x4xf32>
}

// Condition 7: a reshape that gives tokens each other's extents mixes them.

// CHECK-LABEL: func.func @tokens_exchanged
// CHECK: layer.linear
// CHECK-NEXT: onnx.Reshape
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.form
func.func @tokens_exchanged(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %eight = onnx.Constant() {value = dense<8> : tensor<1xi64>} : () -> tensor<1xi64>
  %b = onnx.Shape(%x) {end = 1 : i64, start = 0 : i64} : (tensor<?x?x8xf32>) -> tensor<1xi64>
  %s = onnx.Shape(%x) {end = 2 : i64, start = 1 : i64} : (tensor<?x?x8xf32>) -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = onnx.Concat(%s, %b, %two) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x?x8xf32>, tensor<8x2xf32>) -> tensor<?x?x2xf32>
  %1 = onnx.Reshape(%0, %to) : (tensor<?x?x2xf32>, tensor<3xi64>) -> tensor<?x?x2xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x?x2xf32>, tensor<2x8xf32>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}

// The map ends where tokens and features become one axis.

// CHECK-LABEL: func.func @tokens_join_features
// CHECK: layer.linear
// CHECK: layer.linear {{.*}}layer.form = "lowrank"
// CHECK-NEXT: onnx.Reshape
// CHECK-NEXT: onnx.Mul
func.func @tokens_join_features(%x: tensor<?x4x8xf32>) -> tensor<?x32xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %flat = onnx.Constant() {value = dense<[-1, 32]> : tensor<2xi64>} : () -> tensor<2xi64>
  %c = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x4x8xf32>, tensor<8x2xf32>) -> tensor<?x4x2xf32>
  %1 = onnx.MatMul(%0, %u) : (tensor<?x4x2xf32>, tensor<2x8xf32>) -> tensor<?x4x8xf32>
  %2 = onnx.Reshape(%1, %flat) : (tensor<?x4x8xf32>, tensor<2xi64>) -> tensor<?x32xf32>
  %3 = onnx.Mul(%2, %c) : (tensor<?x32xf32>, tensor<f32>) -> tensor<?x32xf32>
  return %3 : tensor<?x32xf32>
}

// Tokens in another order.

// CHECK-LABEL: func.func @tokens_gathered
// CHECK: layer.linear
// CHECK: %[[G:.*]] = onnx.Gather
// CHECK: layer.linear %[[G]]
func.func @tokens_gathered(%x: tensor<5x8xf32>) -> tensor<5x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %back = onnx.Constant() {value = dense<[4, 3, 2, 1, 0]> : tensor<5xi64>} : () -> tensor<5xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<5x8xf32>, tensor<8x2xf32>) -> tensor<5x2xf32>
  %1 = onnx.Gather(%0, %back) {axis = 0 : i64} : (tensor<5x2xf32>, tensor<5xi64>) -> tensor<5x2xf32>
  %2 = onnx.Einsum(%1, %u) {equation = "bk,kn->bn"} : (tensor<5x2xf32>, tensor<2x8xf32>) -> tensor<5x8xf32>
  return %2 : tensor<5x8xf32>
}

// Condition 3: a convolution that strides, one that adds a border, one with a window.

// CHECK-LABEL: func.func @strided
// CHECK-NOT: layer.
// CHECK: return
func.func @strided(%x: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x8x1x1xf32>} : () -> tensor<2x8x1x1xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x2x1x1xf32>} : () -> tensor<8x2x1x1xf32>
  %0 = onnx.Conv(%x, %w) {strides = array<i64: 2, 2>} : (tensor<?x8x?x?xf32>, tensor<2x8x1x1xf32>) -> tensor<?x2x?x?xf32>
  %1 = onnx.Conv(%0, %u) : (tensor<?x2x?x?xf32>, tensor<8x2x1x1xf32>) -> tensor<?x8x?x?xf32>
  return %1 : tensor<?x8x?x?xf32>
}

// CHECK-LABEL: func.func @bordered
// CHECK-NOT: layer.
// CHECK: return
func.func @bordered(%x: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x8x1x1xf32>} : () -> tensor<2x8x1x1xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x2x1x1xf32>} : () -> tensor<8x2x1x1xf32>
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x8x?x?xf32>, tensor<2x8x1x1xf32>) -> tensor<?x2x?x?xf32>
  %1 = onnx.Conv(%0, %u) : (tensor<?x2x?x?xf32>, tensor<8x2x1x1xf32>) -> tensor<?x8x?x?xf32>
  return %1 : tensor<?x8x?x?xf32>
}

// CHECK-LABEL: func.func @windowed
// CHECK-NOT: layer.
// CHECK: return
func.func @windowed(%x: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x8x3x3xf32>} : () -> tensor<2x8x3x3xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x2x1x1xf32>} : () -> tensor<8x2x1x1xf32>
  %0 = onnx.Conv(%x, %w) : (tensor<?x8x?x?xf32>, tensor<2x8x3x3xf32>) -> tensor<?x2x?x?xf32>
  %1 = onnx.Conv(%0, %u) : (tensor<?x2x?x?xf32>, tensor<8x2x1x1xf32>) -> tensor<?x8x?x?xf32>
  return %1 : tensor<?x8x?x?xf32>
}

// Condition 2: tokens are summed over, with a weight of each; they begin a map of their own.

// CHECK-LABEL: func.func @tokens_summed
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x4x3xf32>
// CHECK: onnx.Reshape
// CHECK: layer.linear {{.*}} : tensor<?x12xf32>, tensor<12x6xf32>
func.func @tokens_summed(%x: tensor<?x4x8xf32>) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<4x3x6xf32>} : () -> tensor<4x3x6xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x4x8xf32>, tensor<8x3xf32>) -> tensor<?x4x3xf32>
  %1 = onnx.Einsum(%0, %w) {equation = "btk,tkn->bn"} : (tensor<?x4x3xf32>, tensor<4x3x6xf32>) -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}

// Features that the weight does not have.

// CHECK-LABEL: func.func @features_pass
// CHECK: layer.linear %arg0
// CHECK: onnx.Reshape
// CHECK: layer.linear
// CHECK-NOT: layer.form
func.func @features_pass(%x: tensor<?x8xf32>) -> tensor<?x2x4xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %to = onnx.Constant() {value = dense<[-1, 2, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Reshape(%0, %to) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  %2 = onnx.MatMul(%1, %w) : (tensor<?x2x4xf32>, tensor<4x4xf32>) -> tensor<?x2x4xf32>
  return %2 : tensor<?x2x4xf32>
}

// Nothing is summed over; a label of the weight alone is.

// CHECK-LABEL: func.func @nothing_summed
// CHECK: onnx.Einsum
// CHECK-NOT: layer.
func.func @nothing_summed(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = onnx.Constant() {value = dense<2.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %0 = onnx.Einsum(%x, %w) {equation = "bk,k->bk"} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @summed_alone
// CHECK: onnx.Einsum
// CHECK-NOT: layer.
func.func @summed_alone(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x6x5xf32>} : () -> tensor<8x6x5xf32>
  %0 = onnx.Einsum(%x, %w) {equation = "bk,knj->bn"} : (tensor<?x8xf32>, tensor<8x6x5xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// Condition 4: an addend that makes more tokens, or more features, of one.

// CHECK-LABEL: func.func @addend_grows
// CHECK: layer.linear
// CHECK-NEXT: onnx.Add
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.form
func.func @addend_grows(%x: tensor<1x8xf32>) -> tensor<3x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %c = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<1x8xf32>, tensor<8x2xf32>) -> tensor<1x2xf32>
  %1 = onnx.Add(%0, %c) : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<3x2xf32>, tensor<2x8xf32>) -> tensor<3x8xf32>
  return %2 : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @feature_grows
// CHECK: layer.linear
// CHECK-NEXT: onnx.Add
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.form
func.func @feature_grows(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x1xf32>} : () -> tensor<8x1xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<3x8xf32>} : () -> tensor<3x8xf32>
  %c = onnx.Constant() {value = dense<5.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x1xf32>) -> tensor<?x1xf32>
  %1 = onnx.Add(%0, %c) : (tensor<?x1xf32>, tensor<3xf32>) -> tensor<?x3xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x3xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// Condition 5: a constant divided by the value, a value divided by 0.

// CHECK-LABEL: func.func @divides
// CHECK: layer.linear
// CHECK-NEXT: onnx.Div
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.form
func.func @divides(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %c = onnx.Constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x2xf32>) -> tensor<?x2xf32>
  %1 = onnx.Div(%c, %0) : (tensor<2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x2xf32>, tensor<2x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @divided_by_zero
// CHECK: layer.linear
// CHECK-NEXT: onnx.Div
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.form
func.func @divided_by_zero(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32>
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32>
  %c = onnx.Constant() {value = dense<[1.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x2xf32>) -> tensor<?x2xf32>
  %1 = onnx.Div(%0, %c) : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %2 = onnx.MatMul(%1, %u) : (tensor<?x2xf32>, tensor<2x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// Condition 6: maps of one value, one of them with tokens exchanged.

// CHECK-LABEL: func.func @other_axes
// CHECK: layer.linear
// CHECK: layer.linear
// CHECK: onnx.Add
// CHECK-NOT: layer.form
func.func @other_axes(%x: tensor<4x4x8xf32>) -> tensor<4x4x8xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %0 = onnx.MatMul(%x, %v) : (tensor<4x4x8xf32>, tensor<8x8xf32>) -> tensor<4x4x8xf32>
  %1 = onnx.MatMul(%x, %u) : (tensor<4x4x8xf32>, tensor<8x8xf32>) -> tensor<4x4x8xf32>
  %2 = onnx.Transpose(%1) {perm = array<i64: 1, 0, 2>} : (tensor<4x4x8xf32>) -> tensor<4x4x8xf32>
  %3 = onnx.Add(%2, %0) : (tensor<4x4x8xf32>, tensor<4x4x8xf32>) -> tensor<4x4x8xf32>
  return %3 : tensor<4x4x8xf32>
}

// Condition 1: an addend that is given at run time.

// CHECK-LABEL: func.func @given_addend
// CHECK-NOT: layer.
// CHECK: onnx.Conv(%arg0, %{{.*}}, %arg1)
// CHECK-NOT: layer.
// CHECK: return
func.func @given_addend(%x: tensor<1x8x9x9xf32>, %c: tensor<2xf32>) -> tensor<1x8x9x9xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x8x1x1xf32>} : () -> tensor<2x8x1x1xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<8x2x1x1xf32>} : () -> tensor<8x2x1x1xf32>
  %0 = onnx.Conv(%x, %w, %c) : (tensor<1x8x9x9xf32>, tensor<2x8x1x1xf32>, tensor<2xf32>) -> tensor<1x2x9x9xf32>
  %1 = onnx.Conv(%0, %u) : (tensor<1x2x9x9xf32>, tensor<8x2x1x1xf32>) -> tensor<1x8x9x9xf32>
  return %1 : tensor<1x8x9x9xf32>
}
