// RUN: strut-opt %s --strut-recognize-linear --strut-recognize-maps --canonicalize --cse | FileCheck %s

// BlockShuffle, nb 3, as bmm between reshapes and transposes: the middle transposes
// arrive as one, and the parts of the middle reshape do not divide each other. The bias
// goes before the last shuffle.

// CHECK-LABEL: func.func @block_shuffle_bmm
// CHECK-DAG: %[[LAST:.*]] = onnx.Constant() {value = dense<[0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 16, 5, 11, 17]>
// CHECK-DAG: %[[MIDDLE:.*]] = onnx.Constant() {value = dense<[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]>
// CHECK-DAG: %[[BIAS:.*]] = onnx.Constant() {value = dense<[0.000000e+00, 3.000000e+00, 6.000000e+00, 9.000000e+00, 1.200000e+01, 1.500000e+01, 1.000000e+00,
// CHECK: %[[Z:.*]] = layer.block_linear %arg0, %{{.*}} : tensor<?x?x12xf32>, tensor<3x4x4xf32> -> tensor<?x?x12xf32>
// CHECK-NEXT: %[[P:.*]] = onnx.Gather(%[[Z]], %[[MIDDLE]]) {axis = 2 : i64}
// CHECK-NEXT: %[[Y:.*]] = layer.block_linear %[[P]], %{{.*}} bias %[[BIAS]] : tensor<?x?x12xf32>, tensor<3x4x6xf32>, tensor<18xf32> -> tensor<?x?x18xf32>
// CHECK-NEXT: onnx.Gather(%[[Y]], %[[LAST]]) {axis = 2 : i64, layer.form = "blockshuffle"}
// CHECK-NEXT: return
func.func @block_shuffle_bmm(%x: tensor<?x?x12xf32>) -> tensor<?x?x18xf32> {
  %bias = onnx.Constant() {value = dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]> : tensor<18xf32>} : () -> tensor<18xf32>
  %pieces = onnx.Constant() {value = dense<[-1, 3, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %shuffled = onnx.Constant() {value = dense<[-1, 4, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %n = onnx.Constant() {value = dense<18> : tensor<1xi64>} : () -> tensor<1xi64>
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4x4xf32>} : () -> tensor<3x4x4xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x6xf32>} : () -> tensor<3x4x6xf32>
  %b = onnx.Shape(%x) {end = 1 : i64, start = 0 : i64} : (tensor<?x?x12xf32>) -> tensor<1xi64>
  %s = onnx.Shape(%x) {end = 2 : i64, start = 1 : i64} : (tensor<?x?x12xf32>) -> tensor<1xi64>
  %0 = onnx.Reshape(%x, %pieces) {allowzero = 1 : i64} : (tensor<?x?x12xf32>, tensor<3xi64>) -> tensor<?x3x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0, 2>} : (tensor<?x3x4xf32>) -> tensor<3x?x4xf32>
  %2 = onnx.MatMul(%1, %w1) : (tensor<3x?x4xf32>, tensor<3x4x4xf32>) -> tensor<3x?x4xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 1, 0, 2>} : (tensor<3x?x4xf32>) -> tensor<?x3x4xf32>
  %4 = onnx.Reshape(%3, %shuffled) {allowzero = 1 : i64} : (tensor<?x3x4xf32>, tensor<3xi64>) -> tensor<?x4x3xf32>
  %5 = onnx.Transpose(%4) {perm = array<i64: 2, 0, 1>} : (tensor<?x4x3xf32>) -> tensor<3x?x4xf32>
  %6 = onnx.MatMul(%5, %w2) : (tensor<3x?x4xf32>, tensor<3x4x6xf32>) -> tensor<3x?x6xf32>
  %7 = onnx.Transpose(%6) {perm = array<i64: 1, 2, 0>} : (tensor<3x?x6xf32>) -> tensor<?x6x3xf32>
  %to = onnx.Concat(%b, %s, %n) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %8 = onnx.Reshape(%7, %to) {allowzero = 1 : i64} : (tensor<?x6x3xf32>, tensor<3xi64>) -> tensor<?x?x18xf32>
  %9 = onnx.Add(%bias, %8) : (tensor<18xf32>, tensor<?x?x18xf32>) -> tensor<?x?x18xf32>
  return %9 : tensor<?x?x18xf32>
}

// The same as two Einsums with the weights first and untransposed, 32 to 8 in 4 blocks.

// CHECK-LABEL: func.func @block_shuffle_einsum
// CHECK: %[[W1:.*]] = onnx.Transpose(%{{.*}}) {perm = array<i64: 0, 2, 1>} : (tensor<4x2x8xf32>) -> tensor<4x8x2xf32>
// CHECK: %[[Z:.*]] = layer.block_linear %arg0, %[[W1]]
// CHECK: %[[P:.*]] = onnx.Gather(%[[Z]]
// CHECK: %[[Y:.*]] = layer.block_linear %[[P]]
// CHECK: onnx.Gather(%[[Y]], %{{.*}}) {axis = 2 : i64, layer.form = "blockshuffle"}
// CHECK-NEXT: return
func.func @block_shuffle_einsum(%x: tensor<1x5x32xf32>) -> tensor<1x5x8xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x2x8xf32>} : () -> tensor<4x2x8xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x2x2xf32>} : () -> tensor<4x2x2xf32>
  %pieces = onnx.Constant() {value = dense<[1, 5, 4, 8]> : tensor<4xi64>} : () -> tensor<4xi64>
  %shuffled = onnx.Constant() {value = dense<[1, 5, 2, 4]> : tensor<4xi64>} : () -> tensor<4xi64>
  %flat = onnx.Constant() {value = dense<[1, 5, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<1x5x32xf32>, tensor<4xi64>) -> tensor<1x5x4x8xf32>
  %1 = onnx.Einsum(%w1, %0) {equation = "kqp,bskp->bskq"} : (tensor<4x2x8xf32>, tensor<1x5x4x8xf32>) -> tensor<1x5x4x2xf32>
  %2 = onnx.Reshape(%1, %shuffled) : (tensor<1x5x4x2xf32>, tensor<4xi64>) -> tensor<1x5x2x4xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x5x2x4xf32>) -> tensor<1x5x4x2xf32>
  %4 = onnx.Einsum(%w2, %3) {equation = "ltr,bslr->bstl"} : (tensor<4x2x2xf32>, tensor<1x5x4x2xf32>) -> tensor<1x5x2x4xf32>
  %5 = onnx.Reshape(%4, %flat) : (tensor<1x5x2x4xf32>, tensor<3xi64>) -> tensor<1x5x8xf32>
  return %5 : tensor<1x5x8xf32>
}

// CHECK-LABEL: func.func @block_dense
// CHECK: %[[Z:.*]] = layer.block_linear %arg0, %{{.*}} : tensor<?x?x8xf32>, tensor<2x4x3xf32> -> tensor<?x?x6xf32>
// CHECK-NEXT: layer.linear %[[Z]], %{{.*}} bias %{{.*}} {layer.form = "blockdense"}
// CHECK-NEXT: return
func.func @block_dense(%x: tensor<?x?x8xf32>) -> tensor<?x?x32xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<6x32xf32>} : () -> tensor<6x32xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<32xf32>} : () -> tensor<32xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %first = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %second = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %rest = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %pieces = onnx.Constant() {value = dense<[-1, 2, 4]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<?x?x8xf32>, tensor<3xi64>) -> tensor<?x2x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0, 2>} : (tensor<?x2x4xf32>) -> tensor<2x?x4xf32>
  %2 = onnx.MatMul(%1, %w) : (tensor<2x?x4xf32>, tensor<2x4x3xf32>) -> tensor<2x?x3xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 1, 0, 2>} : (tensor<2x?x3xf32>) -> tensor<?x2x3xf32>
  %shape = onnx.Shape(%x) : (tensor<?x?x8xf32>) -> tensor<3xi64>
  %b = onnx.Gather(%shape, %first) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %s = onnx.Gather(%shape, %second) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %bs = onnx.Unsqueeze(%b, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %ss = onnx.Unsqueeze(%s, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %to = onnx.Concat(%bs, %ss, %rest) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  // The type has lost the extent of the features.
  %4 = onnx.Reshape(%3, %to) : (tensor<?x2x3xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  %5 = onnx.MatMul(%4, %u) : (tensor<?x?x?xf32>, tensor<6x32xf32>) -> tensor<?x?x32xf32>
  %6 = onnx.Add(%c, %5) : (tensor<32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  return %6 : tensor<?x?x32xf32>
}

// torch.mm on rows, with Gemm as the older exporter has it.

// CHECK-LABEL: func.func @low_rank_mm
// CHECK: %[[Z:.*]] = layer.linear %arg0, %{{.*}} : tensor<?x?x24xf32>, tensor<24x6xf32> -> tensor<?x?x6xf32>
// CHECK: layer.linear %[[Z]], %{{.*}} bias %{{.*}} {layer.form = "lowrank"} : tensor<?x?x6xf32>
// CHECK-NEXT: return
func.func @low_rank_mm(%x: tensor<?x?x24xf32>) -> tensor<?x?x40xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x24xf32>} : () -> tensor<6x24xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<40x6xf32>} : () -> tensor<40x6xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<40xf32>} : () -> tensor<40xf32>
  %rows = onnx.Constant() {value = dense<[-1, 24]> : tensor<2xi64>} : () -> tensor<2xi64>
  %rest = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Reshape(%x, %rows) : (tensor<?x?x24xf32>, tensor<2xi64>) -> tensor<?x24xf32>
  %1 = onnx.Gemm(%0, %v) {transB = 1 : i64, beta = 0.0 : f32} : (tensor<?x24xf32>, tensor<6x24xf32>) -> tensor<?x6xf32>
  %2 = onnx.Gemm(%1, %u) {transB = 1 : i64, beta = 0.0 : f32} : (tensor<?x6xf32>, tensor<40x6xf32>) -> tensor<?x40xf32>
  %lead = onnx.Shape(%x) {end = 2 : i64, start = 0 : i64} : (tensor<?x?x24xf32>) -> tensor<2xi64>
  %to = onnx.Concat(%lead, %rest) {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<3xi64>
  %3 = onnx.Reshape(%2, %to) : (tensor<?x40xf32>, tensor<3xi64>) -> tensor<?x?x40xf32>
  %4 = onnx.Add(%3, %c) : (tensor<?x?x40xf32>, tensor<40xf32>) -> tensor<?x?x40xf32>
  return %4 : tensor<?x?x40xf32>
}

// A sum of maps of one value; what stands as it would be written stays, and is named.

// CHECK-LABEL: func.func @lora
// CHECK: onnx.Add(%{{.*}}, %{{.*}}) {layer.form = "lora"}
func.func @lora(%x: tensor<?x24xf32>) -> tensor<?x20xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<24x20xf32>} : () -> tensor<24x20xf32>
  %a = onnx.Constant() {value = dense<1.0> : tensor<24x4xf32>} : () -> tensor<24x4xf32>
  %b = onnx.Constant() {value = dense<1.0> : tensor<4x20xf32>} : () -> tensor<4x20xf32>
  %s = onnx.Constant() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.MatMul(%x, %w) : (tensor<?x24xf32>, tensor<24x20xf32>) -> tensor<?x20xf32>
  %1 = onnx.MatMul(%x, %a) : (tensor<?x24xf32>, tensor<24x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.MatMul(%1, %b) : (tensor<?x4xf32>, tensor<4x20xf32>) -> tensor<?x20xf32>
  %3 = onnx.Mul(%s, %2) : (tensor<f32>, tensor<?x20xf32>) -> tensor<?x20xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x20xf32>, tensor<?x20xf32>) -> tensor<?x20xf32>
  return %4 : tensor<?x20xf32>
}

// Weights of several axes: what is summed over and what is made are groups of features.

// CHECK-LABEL: func.func @einsum_of_groups
// CHECK: layer.linear %arg0, %{{.*}} : tensor<?x24xf32>, tensor<24x8xf32> -> tensor<?x8xf32>
// CHECK: layer.linear %{{.*}}, %{{.*}} {layer.form = "lowrank"} : tensor<?x8xf32>, tensor<8x20xf32> -> tensor<?x20xf32>
// CHECK-NEXT: return
func.func @einsum_of_groups(%x: tensor<?x24xf32>) -> tensor<?x20xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x2x24xf32>} : () -> tensor<4x2x24xf32>
  %b = onnx.Constant() {value = dense<1.0> : tensor<4x20x2xf32>} : () -> tensor<4x20x2xf32>
  %0 = onnx.Einsum(%x, %a) {equation = "...d,erd->...er"} : (tensor<?x24xf32>, tensor<4x2x24xf32>) -> tensor<?x4x2xf32>
  %1 = onnx.Einsum(%0, %b) {equation = "...er,eor->...o"} : (tensor<?x4x2xf32>, tensor<4x20x2xf32>) -> tensor<?x20xf32>
  return %1 : tensor<?x20xf32>
}

// Convolutions of one tap between transpositions are maps of channels, groups blocks.

// CHECK-LABEL: func.func @convolutions
// CHECK: layer.block_linear %arg0, %{{.*}} bias %{{.*}} : tensor<?x?x8xf32>, tensor<2x4x3xf32>, tensor<6xf32> -> tensor<?x?x6xf32>
// CHECK: layer.linear %{{.*}} {layer.form = "blockdense"} : tensor<?x?x6xf32>, tensor<6x5xf32> -> tensor<?x?x5xf32>
// CHECK-NEXT: return
func.func @convolutions(%x: tensor<?x?x8xf32>) -> tensor<?x?x5xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<6x4x1xf32>} : () -> tensor<6x4x1xf32>
  %b1 = onnx.Constant() {value = dense<1.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %w2 = onnx.Constant() {value = dense<1.0> : tensor<5x6x1xf32>} : () -> tensor<5x6x1xf32>
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<?x?x8xf32>) -> tensor<?x8x?xf32>
  %1 = onnx.Conv(%0, %w1, %b1) {group = 2 : i64, kernel_shape = array<i64: 1>} : (tensor<?x8x?xf32>, tensor<6x4x1xf32>, tensor<6xf32>) -> tensor<?x6x?xf32>
  %2 = onnx.Conv(%1, %w2) {kernel_shape = array<i64: 1>} : (tensor<?x6x?xf32>, tensor<5x6x1xf32>) -> tensor<?x5x?xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1>} : (tensor<?x5x?xf32>) -> tensor<?x?x5xf32>
  return %3 : tensor<?x?x5xf32>
}

// A factor that an exporter wrote out for every token is one for every feature.

// CHECK-LABEL: func.func @expanded_constants
// CHECK: layer.block_linear %arg0
// CHECK: onnx.Mul(%{{.*}}, %{{.*}}) {layer.form = "blockdiagonal"} : (tensor<2x5x6xf32>, tensor<f32>)
func.func @expanded_constants(%x: tensor<2x5x8xf32>) -> tensor<2x5x6xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  %s = onnx.Constant() {value = dense<2.0> : tensor<2x5x6xf32>} : () -> tensor<2x5x6xf32>
  %pieces = onnx.Constant() {value = dense<[2, 5, 2, 4]> : tensor<4xi64>} : () -> tensor<4xi64>
  %flat = onnx.Constant() {value = dense<[2, 5, 6]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<2x5x8xf32>, tensor<4xi64>) -> tensor<2x5x2x4xf32>
  %1 = onnx.Einsum(%0, %w) {equation = "bskp,kpq->bskq"} : (tensor<2x5x2x4xf32>, tensor<2x4x3xf32>) -> tensor<2x5x2x3xf32>
  %2 = onnx.Reshape(%1, %flat) : (tensor<2x5x2x3xf32>, tensor<3xi64>) -> tensor<2x5x6xf32>
  %3 = onnx.Mul(%2, %s) : (tensor<2x5x6xf32>, tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return %3 : tensor<2x5x6xf32>
}

// Channels of images: the features lie between tokens, and the map between transpositions.

// CHECK-LABEL: func.func @channels
// CHECK: %[[X:.*]] = onnx.Transpose(%arg0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x24x?x?xf32>) -> tensor<?x?x?x24xf32>
// CHECK: %[[Z:.*]] = layer.linear %[[X]], %{{.*}} : tensor<?x?x?x24xf32>, tensor<24x6xf32> -> tensor<?x?x?x6xf32>
// CHECK: %[[Y:.*]] = layer.linear %[[Z]], %{{.*}} bias %{{.*}} {layer.form = "lowrank"} : tensor<?x?x?x6xf32>
// CHECK: %[[R:.*]] = onnx.Transpose(%[[Y]]) {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x?x?x40xf32>) -> tensor<?x40x?x?xf32>
// CHECK-NEXT: return %[[R]]
func.func @channels(%x: tensor<?x24x?x?xf32>) -> tensor<?x40x?x?xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<6x24x1x1xf32>} : () -> tensor<6x24x1x1xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<40x6x1x1xf32>} : () -> tensor<40x6x1x1xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<40xf32>} : () -> tensor<40xf32>
  %0 = onnx.Conv(%x, %v) {kernel_shape = array<i64: 1, 1>} : (tensor<?x24x?x?xf32>, tensor<6x24x1x1xf32>) -> tensor<?x6x?x?xf32>
  %1 = onnx.Conv(%0, %u, %c) {kernel_shape = array<i64: 1, 1>} : (tensor<?x6x?x?xf32>, tensor<40x6x1x1xf32>, tensor<40xf32>) -> tensor<?x40x?x?xf32>
  return %1 : tensor<?x40x?x?xf32>
}

// A LoRA update of a convolution, of which the image itself is a term.

// CHECK-LABEL: func.func @channels_lora
// CHECK: %[[X:.*]] = onnx.Transpose(%arg0)
// CHECK-COUNT-3: layer.linear
// CHECK: %[[Y:.*]] = onnx.Add({{.*}}) {layer.form = "sum"}
// CHECK-NEXT: onnx.Transpose(%[[Y]])
func.func @channels_lora(%x: tensor<?x24x5x7xf32>) -> tensor<?x24x5x7xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<24x24x1x1xf32>} : () -> tensor<24x24x1x1xf32>
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x24x1x1xf32>} : () -> tensor<4x24x1x1xf32>
  %b = onnx.Constant() {value = dense<1.0> : tensor<24x4x1x1xf32>} : () -> tensor<24x4x1x1xf32>
  %s = onnx.Constant() {value = dense<4.0> : tensor<24x1x1xf32>} : () -> tensor<24x1x1xf32>
  %0 = onnx.Conv(%x, %w) {kernel_shape = array<i64: 1, 1>} : (tensor<?x24x5x7xf32>, tensor<24x24x1x1xf32>) -> tensor<?x24x5x7xf32>
  %1 = onnx.Conv(%x, %a) {kernel_shape = array<i64: 1, 1>} : (tensor<?x24x5x7xf32>, tensor<4x24x1x1xf32>) -> tensor<?x4x5x7xf32>
  %2 = onnx.Conv(%1, %b) {kernel_shape = array<i64: 1, 1>} : (tensor<?x4x5x7xf32>, tensor<24x4x1x1xf32>) -> tensor<?x24x5x7xf32>
  %3 = onnx.Mul(%2, %s) : (tensor<?x24x5x7xf32>, tensor<24x1x1xf32>) -> tensor<?x24x5x7xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x24x5x7xf32>, tensor<?x24x5x7xf32>) -> tensor<?x24x5x7xf32>
  %5 = onnx.Add(%x, %4) : (tensor<?x24x5x7xf32>, tensor<?x24x5x7xf32>) -> tensor<?x24x5x7xf32>
  return %5 : tensor<?x24x5x7xf32>
}

// Groups with a shuffle of channels between: a Monarch map. Its normalisation is a factor and
// an addend.

// CHECK-LABEL: func.func @channels_shuffled
// CHECK: layer.block_linear %{{.*}} : tensor<?x5x7x12xf32>, tensor<3x4x4xf32> -> tensor<?x5x7x12xf32>
// CHECK: onnx.Mul
// CHECK: onnx.Add
// CHECK: onnx.Gather
// CHECK: layer.block_linear %{{.*}} {layer.form = "blockshuffle"} : tensor<?x5x7x12xf32>, tensor<3x4x6xf32> -> tensor<?x5x7x18xf32>
// CHECK-NEXT: onnx.Transpose
// CHECK-NEXT: return
func.func @channels_shuffled(%x: tensor<?x12x5x7xf32>) -> tensor<?x18x5x7xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<12x4x1x1xf32>} : () -> tensor<12x4x1x1xf32>
  %u = onnx.Constant() {value = dense<2.0> : tensor<18x4x1x1xf32>} : () -> tensor<18x4x1x1xf32>
  %c = onnx.Constant() {value = dense<3.0> : tensor<12xf32>} : () -> tensor<12xf32>
  %split = onnx.Constant() {value = dense<[0, 3, 4, 5, 7]> : tensor<5xi64>} : () -> tensor<5xi64>
  %flat = onnx.Constant() {value = dense<[0, 12, 5, 7]> : tensor<4xi64>} : () -> tensor<4xi64>
  %0 = onnx.Conv(%x, %v) {group = 3 : i64, kernel_shape = array<i64: 1, 1>} : (tensor<?x12x5x7xf32>, tensor<12x4x1x1xf32>) -> tensor<?x12x5x7xf32>
  %1 = onnx.BatchNormalization(%0, %c, %c, %c, %c) {epsilon = 1.0e-5 : f32} : (tensor<?x12x5x7xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<?x12x5x7xf32>
  %2 = onnx.Reshape(%1, %split) : (tensor<?x12x5x7xf32>, tensor<5xi64>) -> tensor<?x3x4x5x7xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1, 3, 4>} : (tensor<?x3x4x5x7xf32>) -> tensor<?x4x3x5x7xf32>
  %4 = onnx.Reshape(%3, %flat) : (tensor<?x4x3x5x7xf32>, tensor<4xi64>) -> tensor<?x12x5x7xf32>
  %5 = onnx.Conv(%4, %u) {group = 3 : i64, kernel_shape = array<i64: 1, 1>} : (tensor<?x12x5x7xf32>, tensor<18x4x1x1xf32>) -> tensor<?x18x5x7xf32>
  return %5 : tensor<?x18x5x7xf32>
}

// A layer for each chunk of the features, as a list of modules has them.

// CHECK-LABEL: func.func @chunks
// CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{.*}}> : tensor<2x4x3xf32>}
// CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[0.000000e+00, 0.000000e+00, 0.000000e+00, 7.000000e+00, 8.000000e+00, 9.000000e+00]>
// CHECK: %[[Z:.*]] = layer.block_linear %arg0, %[[W]] bias %[[B]] : tensor<?x?x8xf32>, tensor<2x4x3xf32>, tensor<6xf32> -> tensor<?x?x6xf32>
// CHECK: layer.linear %[[Z]], %{{.*}} {layer.form = "blockdense"}
// CHECK-NEXT: return
func.func @chunks(%x: tensor<?x?x8xf32>) -> tensor<?x?x5xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %b2 = onnx.Constant() {value = dense<[7.0, 8.0, 9.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<6x5xf32>} : () -> tensor<6x5xf32>
  %0:2 = onnx.Split(%x) {axis = -1 : i64, num_outputs = 2 : i64} : (tensor<?x?x8xf32>) -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>)
  %1 = onnx.MatMul(%0#0, %w1) : (tensor<?x?x4xf32>, tensor<4x3xf32>) -> tensor<?x?x3xf32>
  %2 = onnx.MatMul(%0#1, %w2) : (tensor<?x?x4xf32>, tensor<4x3xf32>) -> tensor<?x?x3xf32>
  %3 = onnx.Add(%2, %b2) : (tensor<?x?x3xf32>, tensor<3xf32>) -> tensor<?x?x3xf32>
  %4 = onnx.Concat(%1, %3) {axis = 2 : i64} : (tensor<?x?x3xf32>, tensor<?x?x3xf32>) -> tensor<?x?x6xf32>
  %5 = onnx.MatMul(%4, %u) : (tensor<?x?x6xf32>, tensor<6x5xf32>) -> tensor<?x?x5xf32>
  return %5 : tensor<?x?x5xf32>
}

// Chunks of channels.

// CHECK-LABEL: func.func @chunks_of_channels
// CHECK: layer.block_linear %{{.*}} {layer.form = "blockdiagonal"} : tensor<?x5x7x8xf32>, tensor<2x4x3xf32> -> tensor<?x5x7x6xf32>
// CHECK-NEXT: onnx.Transpose
func.func @chunks_of_channels(%x: tensor<?x8x5x7xf32>) -> tensor<?x6x5x7xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<3x4x1x1xf32>} : () -> tensor<3x4x1x1xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<3x4x1x1xf32>} : () -> tensor<3x4x1x1xf32>
  %0:2 = onnx.Split(%x) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x8x5x7xf32>) -> (tensor<?x4x5x7xf32>, tensor<?x4x5x7xf32>)
  %1 = onnx.Conv(%0#0, %w1) {kernel_shape = array<i64: 1, 1>} : (tensor<?x4x5x7xf32>, tensor<3x4x1x1xf32>) -> tensor<?x3x5x7xf32>
  %2 = onnx.Conv(%0#1, %w2) {kernel_shape = array<i64: 1, 1>} : (tensor<?x4x5x7xf32>, tensor<3x4x1x1xf32>) -> tensor<?x3x5x7xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3x5x7xf32>, tensor<?x3x5x7xf32>) -> tensor<?x6x5x7xf32>
  return %3 : tensor<?x6x5x7xf32>
}

// Layers of one value beside each other are one.

// CHECK-LABEL: func.func @beside
// CHECK: layer.linear %arg0, %{{.*}} {layer.form = "dense"} : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
// CHECK-NEXT: return
func.func @beside(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %w2 = onnx.Constant() {value = dense<2.0> : tensor<8x3xf32>} : () -> tensor<8x3xf32>
  %1 = onnx.MatMul(%x, %w1) : (tensor<?x8xf32>, tensor<8x3xf32>) -> tensor<?x3xf32>
  %2 = onnx.MatMul(%x, %w2) : (tensor<?x8xf32>, tensor<8x3xf32>) -> tensor<?x3xf32>
  %3 = onnx.Concat(%1, %2) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}

// Slices with steps: all features from the last to the first, every second one from the
// first on, and every second one from behind, which ends before a given feature.

// CHECK-LABEL: func.func @steps
// CHECK-DAG: %[[TURNED:.*]] = onnx.Constant() {value = dense<[5, 4, 3, 2, 1, 0]> : tensor<6xi64>}
// CHECK-DAG: %[[SECOND:.*]] = onnx.Constant() {value = dense<[0, 2, 4]> : tensor<3xi64>}
// CHECK-DAG: %[[BEHIND:.*]] = onnx.Constant() {value = dense<[4, 2]> : tensor<2xi64>}
// CHECK: %[[A:.*]] = layer.linear %arg0
// CHECK-NEXT: %[[B:.*]] = onnx.Gather(%[[A]], %[[TURNED]]) {axis = 1 : i64}
// CHECK-NEXT: layer.linear %[[B]], {{.*}} {layer.form = "lowrank"}
// CHECK: onnx.Gather(%{{.*}}, %[[SECOND]]) {axis = 1 : i64}
// CHECK: onnx.Gather(%{{.*}}, %[[BEHIND]]) {axis = 1 : i64}
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @steps(%x: tensor<?x24xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<24x6xf32>} : () -> tensor<24x6xf32>
  %u6 = onnx.Constant() {value = dense<2.0> : tensor<6x40xf32>} : () -> tensor<6x40xf32>
  %u3 = onnx.Constant() {value = dense<2.0> : tensor<3x40xf32>} : () -> tensor<3x40xf32>
  %u2 = onnx.Constant() {value = dense<2.0> : tensor<2x40xf32>} : () -> tensor<2x40xf32>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %first = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %back = onnx.Constant() {value = dense<-2> : tensor<1xi64>} : () -> tensor<1xi64>
  %before = onnx.Constant() {value = dense<-9223372036854775808> : tensor<1xi64>} : () -> tensor<1xi64>
  %beyond = onnx.Constant() {value = dense<9223372036854775807> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Slice(%0, %last, %before, %one, %last) : (tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x6xf32>
  %2 = onnx.MatMul(%1, %u6) : (tensor<?x6xf32>, tensor<6x40xf32>) -> tensor<?x40xf32>
  %3 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %4 = onnx.Slice(%3, %first, %beyond, %one, %two) : (tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x3xf32>
  %5 = onnx.MatMul(%4, %u3) : (tensor<?x3xf32>, tensor<3x40xf32>) -> tensor<?x40xf32>
  %6 = onnx.MatMul(%x, %v) : (tensor<?x24xf32>, tensor<24x6xf32>) -> tensor<?x6xf32>
  %7 = onnx.Slice(%6, %back, %one, %last, %back) : (tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2xf32>
  %8 = onnx.MatMul(%7, %u2) : (tensor<?x2xf32>, tensor<2x40xf32>) -> tensor<?x40xf32>
  return %2, %5, %8 : tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>
}

// A product that is written as factors and their sum: one stage of a butterfly, 2 x 2 maps
// of features that lie 3 apart, with the summed axis left out, and kept: the same map.

// CHECK-LABEL: func.func @factors_and_sum
// CHECK-DAG: %[[PAIRS:.*]] = onnx.Constant() {value = dense<[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]> : tensor<12xi64>}
// CHECK: %[[P:.*]] = onnx.Gather(%arg0, %[[PAIRS]]) {axis = 1 : i64}
// CHECK-NEXT: %[[Z:.*]] = layer.block_linear %[[P]], %{{.*}} : tensor<?x12xf32>, tensor<6x2x2xf32> -> tensor<?x12xf32>
// CHECK-NEXT: %[[Y:.*]] = onnx.Gather(%[[Z]]{{.*}} {axis = 1 : i64, layer.form = "blockdiagonal"}
// CHECK-NEXT: return %[[Y]], %[[Y]]
func.func @factors_and_sum(%x: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %w = onnx.Constant() {value = dense<2.0> : tensor<2x2x2x3xf32>} : () -> tensor<2x2x2x3xf32>
  %pieces = onnx.Constant() {value = dense<[-1, 2, 1, 2, 3]> : tensor<5xi64>} : () -> tensor<5xi64>
  %flat = onnx.Constant() {value = dense<[-1, 12]> : tensor<2xi64>} : () -> tensor<2xi64>
  %axis = onnx.Constant() {value = dense<-2> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Reshape(%x, %pieces) : (tensor<?x12xf32>, tensor<5xi64>) -> tensor<?x2x1x2x3xf32>
  %1 = onnx.Mul(%w, %0) : (tensor<2x2x2x3xf32>, tensor<?x2x1x2x3xf32>) -> tensor<?x2x2x2x3xf32>
  %2 = onnx.ReduceSum(%1, %axis) {keepdims = 0 : i64} : (tensor<?x2x2x2x3xf32>, tensor<1xi64>) -> tensor<?x2x2x3xf32>
  %3 = onnx.Reshape(%2, %flat) : (tensor<?x2x2x3xf32>, tensor<2xi64>) -> tensor<?x12xf32>
  %4 = onnx.Reshape(%x, %pieces) : (tensor<?x12xf32>, tensor<5xi64>) -> tensor<?x2x1x2x3xf32>
  %5 = onnx.Mul(%4, %w) : (tensor<?x2x1x2x3xf32>, tensor<2x2x2x3xf32>) -> tensor<?x2x2x2x3xf32>
  %6 = onnx.ReduceSum(%5, %axis) : (tensor<?x2x2x2x3xf32>, tensor<1xi64>) -> tensor<?x2x2x1x3xf32>
  %7 = onnx.Reshape(%6, %flat) : (tensor<?x2x2x1x3xf32>, tensor<2xi64>) -> tensor<?x12xf32>
  return %3, %7 : tensor<?x12xf32>, tensor<?x12xf32>
}
