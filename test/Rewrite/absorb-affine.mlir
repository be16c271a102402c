// RUN: strut-opt %s --strut-absorb-affine --canonicalize | FileCheck %s
// RUN: strut-opt %s --strut-absorb-affine="normalisations=true" --canonicalize | FileCheck %s --check-prefix=NORM
// RUN: strut-opt %s --strut-absorb-affine="reduced-precision=true" | FileCheck %s --check-prefix=HALF

// A batch normalisation in channels-first order, both transposes gone: (x - 2) * 3 / sqrt(4) + 5
// is 1.5 x + 2.

// CHECK-LABEL: func.func @before_linear
func.func @before_linear(%x: tensor<?x?x2xf32>) -> tensor<?x?x3xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %b = onnx.Constant() {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %three = onnx.Constant() {value = dense<[3.0, 6.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %five = onnx.Constant() {value = dense<5.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %four = onnx.Constant() {value = dense<4.0> : tensor<2xf32>} : () -> tensor<2xf32>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.500000e+00, 3.000000e+00, 4.500000e+00], [1.200000e+01, 1.500000e+01, 1.800000e+01]]>
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[-1.000000e+00, 0.000000e+00, 1.000000e+00]>
  // CHECK: %[[Y:.*]] = layer.linear %arg0, %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<?x?x2xf32>) -> tensor<?x2x?xf32>
  %1 = onnx.BatchNormalization(%0, %three, %five, %two, %four) {epsilon = 0.0 : f32} : (tensor<?x2x?xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x?xf32>
  %2 = onnx.Transpose(%1) {perm = array<i64: 0, 2, 1>} : (tensor<?x2x?xf32>) -> tensor<?x?x2xf32>
  %3 = layer.linear %2, %w bias %b : tensor<?x?x2xf32>, tensor<2x3xf32>, tensor<3xf32> -> tensor<?x?x3xf32>
  return %3 : tensor<?x?x3xf32>
}

// LayerScale after a map scales its bias too, whichever operand it is. A chain of scalars
// goes through a reshape that splits the channels: (2 y + 4) / 2 - 1.

// CHECK-LABEL: func.func @after_linear
func.func @after_linear(%x: tensor<7x2xf32>) -> tensor<7x1x2xf32> {
  %wt = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %gamma = onnx.Constant() {value = dense<[10.0, 100.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %four = onnx.Constant() {value = dense<4.0> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %shape = onnx.Constant() {value = dense<[7, 1, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+01, 3.000000e+02], [2.000000e+01, 4.000000e+02]]>
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[1.100000e+01, 2.010000e+02]>
  // CHECK: %[[Y:.*]] = layer.linear %arg0, %[[W]] bias %[[B]]
  // CHECK-NEXT: %[[R:.*]] = onnx.Reshape(%[[Y]],
  // CHECK-NEXT: return %[[R]]
  %w = onnx.Transpose(%wt) {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %0 = layer.linear %x, %w bias %b : tensor<7x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<7x2xf32>
  %1 = onnx.Mul(%gamma, %0) : (tensor<2xf32>, tensor<7x2xf32>) -> tensor<7x2xf32>
  %2 = onnx.Mul(%1, %two) : (tensor<7x2xf32>, tensor<f32>) -> tensor<7x2xf32>
  %3 = onnx.Reshape(%2, %shape) : (tensor<7x2xf32>, tensor<3xi64>) -> tensor<7x1x2xf32>
  %4 = onnx.Add(%four, %3) : (tensor<1x1xf32>, tensor<7x1x2xf32>) -> tensor<7x1x2xf32>
  %5 = onnx.Div(%4, %two) : (tensor<7x1x2xf32>, tensor<f32>) -> tensor<7x1x2xf32>
  %6 = onnx.Sub(%5, %one) : (tensor<7x1x2xf32>, tensor<1xf32>) -> tensor<7x1x2xf32>
  return %6 : tensor<7x1x2xf32>
}

// Blocks: channel 2 is the first of the second block. An exporter has repeated the addend
// along the rows, which are all equal, and c - x is an affine map too.

// CHECK-LABEL: func.func @blocks
func.func @blocks(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  %w = onnx.Constant() {value = dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>} : () -> tensor<2x2x1xf32>
  %s = onnx.Constant() {value = dense<[1.0, 10.0, 100.0, 1000.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %t = onnx.Constant() {value = dense<[[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %c = onnx.Constant() {value = dense<[5.0, 6.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[\[}}-1.000000e+00], [-2.000000e+01]], {{\[\[}}-3.000000e+02], [-4.000000e+03]]]>
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[5.000000e+00, -1.000000e+00]>
  // CHECK: %[[Y:.*]] = layer.block_linear %arg0, %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.Mul(%x, %s) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = onnx.Add(%0, %t) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = layer.block_linear %1, %w : tensor<2x4xf32>, tensor<2x2x1xf32> -> tensor<2x2xf32>
  %3 = onnx.Sub(%c, %2) : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %3 : tensor<2x2xf32>
}

// Windows: output channel 1 of this grouped Conv reads input channels 2 and 3.

// CHECK-LABEL: func.func @convolution
func.func @convolution(%x: tensor<?x4x?xf32>) -> tensor<?x2x?xf32> {
  %w = onnx.Constant() {value = dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>} : () -> tensor<2x2x1xf32>
  %none = onnx.Absent
  %s = onnx.Constant() {value = dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %t = onnx.Constant() {value = dense<[[[1.0], [1.0], [1.0], [1.0]]]> : tensor<1x4x1xf32>} : () -> tensor<1x4x1xf32>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[\[}}1.000000e+00], [4.000000e+00]], {{\[\[}}9.000000e+00], [1.600000e+01]]]>
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[3.000000e+00, 7.000000e+00]>
  // CHECK: %[[Y:.*]] = onnx.Conv(%arg0, %[[W]], %[[B]])
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.Mul(%x, %s) : (tensor<?x4x?xf32>, tensor<4x1xf32>) -> tensor<?x4x?xf32>
  %1 = onnx.Add(%0, %t) : (tensor<?x4x?xf32>, tensor<1x4x1xf32>) -> tensor<?x4x?xf32>
  %2 = onnx.Conv(%1, %w, %none) {group = 2 : i64} : (tensor<?x4x?xf32>, tensor<2x2x1xf32>, none) -> tensor<?x2x?xf32>
  return %2 : tensor<?x2x?xf32>
}

// ConvTranspose has [in, out per group]: input 1 is the whole second group and leads to
// outputs 2 and 3. The addend before it stays (4), the factor does not.

// CHECK-LABEL: func.func @upwards
func.func @upwards(%x: tensor<?x2x?xf32>) -> tensor<?x4x?xf32> {
  %w = onnx.Constant() {value = dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>} : () -> tensor<2x2x1xf32>
  %none = onnx.Absent
  %t = onnx.Constant() {value = dense<7.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.Constant() {value = dense<[[10.0], [100.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %u = onnx.Constant() {value = dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[\[}}1.000000e+01], [4.000000e+01]], {{\[\[}}9.000000e+02], [1.600000e+03]]]>
  // CHECK: %[[S:.*]] = onnx.Add(%arg0,
  // CHECK: %[[Y:.*]] = onnx.ConvTranspose(%[[S]], %[[W]])
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.Add(%x, %t) : (tensor<?x2x?xf32>, tensor<f32>) -> tensor<?x2x?xf32>
  %1 = onnx.Mul(%0, %s) : (tensor<?x2x?xf32>, tensor<2x1xf32>) -> tensor<?x2x?xf32>
  %2 = onnx.ConvTranspose(%1, %w, %none) {group = 2 : i64} : (tensor<?x2x?xf32>, tensor<2x2x1xf32>, none) -> tensor<?x4x?xf32>
  %3 = onnx.Mul(%2, %u) : (tensor<?x4x?xf32>, tensor<4x1xf32>) -> tensor<?x4x?xf32>
  return %3 : tensor<?x4x?xf32>
}

// Zeros around an image: a factor before the Conv is absorbed, an addend is not (4).

// CHECK-LABEL: func.func @padded
// CHECK: onnx.Add(%arg0,
// CHECK-NOT: onnx.Mul
// CHECK: onnx.Conv
// CHECK: onnx.Sub(%arg0,
// CHECK: onnx.Conv
func.func @padded(%x: tensor<1x1x9xf32>) -> (tensor<1x1x9xf32>, tensor<1x1x9xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %none = onnx.Absent
  %t = onnx.Constant() {value = dense<7.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.Add(%x, %t) : (tensor<1x1x9xf32>, tensor<f32>) -> tensor<1x1x9xf32>
  %1 = onnx.Mul(%0, %t) : (tensor<1x1x9xf32>, tensor<f32>) -> tensor<1x1x9xf32>
  %2 = onnx.Conv(%1, %w, %none) {pads = array<i64: 1, 1>} : (tensor<1x1x9xf32>, tensor<1x1x3xf32>, none) -> tensor<1x1x9xf32>
  %3 = onnx.Sub(%x, %t) : (tensor<1x1x9xf32>, tensor<f32>) -> tensor<1x1x9xf32>
  %4 = onnx.Conv(%3, %v, %none) {auto_pad = "SAME_UPPER"} : (tensor<1x1x9xf32>, tensor<1x1x3xf32>, none) -> tensor<1x1x9xf32>
  return %2, %4 : tensor<1x1x9xf32>, tensor<1x1x9xf32>
}

// (1) A factor that is no constant, one that differs within a channel, an infinite one.

// CHECK-LABEL: func.func @other_factors
// CHECK-COUNT-2: onnx.Mul
// CHECK: onnx.Div
func.func @other_factors(%x: tensor<3x2xf32>, %f: tensor<2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %rows = onnx.Constant() {value = dense<[[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %zero = onnx.Constant() {value = dense<[1.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Mul(%0, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %2 = layer.linear %x, %v : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %3 = onnx.Mul(%2, %rows) : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %4 = layer.linear %x, %u : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %5 = onnx.Div(%4, %zero) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %1, %3, %5 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

// (2) Another reader of what lies between. Maps that all take the factor share it.

// CHECK-LABEL: func.func @readers
// CHECK: onnx.Mul
// CHECK: layer.linear
// CHECK: onnx.Relu
// CHECK-NOT: onnx.Mul
// CHECK: return
func.func @readers(%x: tensor<3x2xf32>, %z: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.Mul(%x, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %1 = layer.linear %0, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %2 = onnx.Relu(%0) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = onnx.Mul(%z, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %4 = layer.linear %3, %v : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %5 = layer.linear %3, %u : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  return %1, %2, %4, %5 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

// (3) The reshape mixes rows and channels. (5) A constant over the channel; a training
// normalisation. (6) A weight with another reader. (8) A product that overflows.

// CHECK-LABEL: func.func @kept
// CHECK: onnx.Reshape
// CHECK-NEXT: onnx.Mul
// CHECK: onnx.Div
// CHECK: onnx.BatchNormalization
// CHECK-COUNT-2: onnx.Mul
// CHECK: return
func.func @kept(%x: tensor<3x2xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %t = onnx.Constant() {value = dense<1.0e30> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %r = onnx.Constant() {value = dense<4.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %shape = onnx.Constant() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %f3 = onnx.Constant() {value = dense<[5.0, 7.0, 11.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %large = onnx.Constant() {value = dense<1.0e20> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Reshape(%0, %shape) : (tensor<3x2xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  %2 = onnx.Mul(%1, %f3) : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %3 = layer.linear %x, %v : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %4 = onnx.Div(%f, %3) : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %5 = layer.linear %x, %r : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %6 = onnx.BatchNormalization(%5, %f, %f, %f, %f) {training_mode = 1 : i64} : (tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %7 = layer.linear %x, %u : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %8 = onnx.Mul(%7, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %9 = layer.linear %8, %u : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %10 = layer.linear %x, %t : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %11 = onnx.Mul(%10, %large) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %2, %4, %6, %8, %9, %11 : tensor<2x3xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>
}

// (7) Reduced precision is folded on request.

// CHECK-LABEL: func.func @half
// CHECK: onnx.Mul
// HALF-LABEL: func.func @half
// HALF-NOT: onnx.Mul
// HALF: return
func.func @half(%x: tensor<3x2xbf16>) -> tensor<3x2xbf16> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xbf16>} : () -> tensor<2x2xbf16>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xbf16>} : () -> tensor<2xbf16>
  %0 = layer.linear %x, %w : tensor<3x2xbf16>, tensor<2x2xbf16> -> tensor<3x2xbf16>
  %1 = onnx.Mul(%0, %f) : (tensor<3x2xbf16>, tensor<2xbf16>) -> tensor<3x2xbf16>
  return %1 : tensor<3x2xbf16>
}

// What ends a normalisation of rows is folded on request, where all readers take it.

// CHECK-LABEL: func.func @rows
// CHECK: onnx.LayerNormalization(%arg0, %{{.*}}, %{{.*}})
// NORM-LABEL: func.func @rows
// NORM-DAG: %[[ONE:.*]] = onnx.Constant() {value = dense<1.000000e+00> : tensor<1xf32>}
// NORM-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}2.000000e+00], [9.000000e+00]]>
// NORM-DAG: %[[B:.*]] = onnx.Constant() {value = dense<7.000000e+00> : tensor<1xf32>}
// NORM: %[[N:.*]] = onnx.LayerNormalization(%arg0, %[[ONE]]) {axis = -1
// NORM: layer.linear %[[N]], %[[W]] bias %[[B]]
// NORM: %[[R:.*]] = onnx.RMSNormalization(%arg0, %[[ONE]])
// NORM: layer.linear %[[R]]
// NORM: %[[M:.*]] = onnx.RMSNormalization(%arg0, %{{.*}})
// NORM: onnx.Add(%[[M]], %arg0)
func.func @rows(%x: tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0], [3.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %v = onnx.Constant() {value = dense<[[1.0], [5.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %u = onnx.Constant() {value = dense<[[1.0], [7.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %gamma = onnx.Constant() {value = dense<[2.0, 3.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %beta = onnx.Constant() {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.LayerNormalization(%x, %gamma, %beta) {axis = -1 : i64} : (tensor<?x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %1 = layer.linear %0, %w : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %2 = onnx.RMSNormalization(%x, %gamma) {axis = -1 : i64} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %3 = layer.linear %2, %v : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %4 = onnx.RMSNormalization(%x, %gamma) {axis = -1 : i64, epsilon = 1.0e-3 : f32} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %5 = layer.linear %4, %u : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %6 = onnx.Add(%4, %x) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %1, %3, %5, %6 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x2xf32>
}

// (2) A factor that a map and something else reads; a map's result with two readers.

// CHECK-LABEL: func.func @factor_of_two_readers
// CHECK: %[[M:.*]] = onnx.Mul(%arg0
// CHECK: layer.linear %[[M]]
// CHECK: onnx.Relu(%[[M]])
func.func @factor_of_two_readers(%x: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.Mul(%x, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %1 = layer.linear %0, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %2 = onnx.Relu(%0) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1, %2 : tensor<3x2xf32>, tensor<3x2xf32>
}

// CHECK-LABEL: func.func @result_of_two_readers
// CHECK: %[[Y:.*]] = layer.linear
// CHECK: onnx.Relu(%[[Y]])
// CHECK: onnx.Mul(%[[Y]]
func.func @result_of_two_readers(%x: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Relu(%0) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = onnx.Mul(%0, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %1, %2 : tensor<3x2xf32>, tensor<3x2xf32>
}

// (4) An addend that two convolutions read, one of them with a border: it is there for both.

// CHECK-LABEL: func.func @shared_before_a_border
// CHECK: %[[S:.*]] = onnx.Add(%arg0
// CHECK: onnx.Conv(%[[S]]
// CHECK: onnx.Conv(%[[S]]
func.func @shared_before_a_border(%x: tensor<1x1x9xf32>) -> (tensor<1x1x7xf32>, tensor<1x1x9xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<1x1x3xf32>} : () -> tensor<1x1x3xf32>
  %t = onnx.Constant() {value = dense<7.0> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.Add(%x, %t) : (tensor<1x1x9xf32>, tensor<f32>) -> tensor<1x1x9xf32>
  %1 = onnx.Conv(%0, %w) : (tensor<1x1x9xf32>, tensor<1x1x3xf32>) -> tensor<1x1x7xf32>
  %2 = onnx.Conv(%0, %v) {pads = array<i64: 1, 1>} : (tensor<1x1x9xf32>, tensor<1x1x3xf32>) -> tensor<1x1x9xf32>
  return %1, %2 : tensor<1x1x7xf32>, tensor<1x1x9xf32>
}

// (8) A bias that overflows.

// CHECK-LABEL: func.func @bias_overflows
// CHECK: layer.linear
// CHECK: onnx.Mul
func.func @bias_overflows(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = onnx.Constant() {value = dense<1.0e30> : tensor<2xf32>} : () -> tensor<2xf32>
  %f = onnx.Constant() {value = dense<1.0e20> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w bias %b : tensor<3x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %1 = onnx.Mul(%0, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// (3) A normalisation of another axis, reshapes after which an axis is another one. What is before them is absorbed.

// CHECK-LABEL: func.func @other_axis
// CHECK: layer.linear
// CHECK: onnx.BatchNormalization
func.func @other_axis(%x: tensor<?x2x2xf32>) -> tensor<?x2x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w : tensor<?x2x2xf32>, tensor<2x2xf32> -> tensor<?x2x2xf32>
  %1 = onnx.BatchNormalization(%0, %f, %f, %f, %f) {epsilon = 1.0e-5 : f32} : (tensor<?x2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x2xf32>
  return %1 : tensor<?x2x2xf32>
}

// CHECK-LABEL: func.func @other_stride
// CHECK: onnx.Reshape
// CHECK-NEXT: onnx.Mul
func.func @other_stride(%x: tensor<3x2xf32>) -> tensor<2x3xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[[5.0], [7.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %to = onnx.Constant() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Reshape(%0, %to) : (tensor<3x2xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  %2 = onnx.Mul(%1, %f) : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @other_extent
// CHECK: layer.linear
// CHECK-NEXT: onnx.Reshape
// CHECK-NEXT: onnx.Mul
// CHECK-NOT: onnx.Mul
func.func @other_extent(%x: tensor<6x2xf32>) -> tensor<2x6xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %g = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %f = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>} : () -> tensor<6xf32>
  %to = onnx.Constant() {value = dense<[2, 6]> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = layer.linear %x, %w : tensor<6x2xf32>, tensor<2x2xf32> -> tensor<6x2xf32>
  %1 = onnx.Mul(%0, %g) : (tensor<6x2xf32>, tensor<2xf32>) -> tensor<6x2xf32>
  %2 = onnx.Reshape(%1, %to) : (tensor<6x2xf32>, tensor<2xi64>) -> tensor<2x6xf32>
  %3 = onnx.Mul(%2, %f) : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  return %3 : tensor<2x6xf32>
}

// (1) An infinite factor and an infinite addend stay; what is before them is absorbed.

// CHECK-LABEL: func.func @infinite
// CHECK: layer.linear
// CHECK-NEXT: onnx.Div
// CHECK-NOT: onnx.Mul
// CHECK: layer.linear
// CHECK-NEXT: onnx.Add
// CHECK-NOT: onnx.Mul
func.func @infinite(%x: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %zero = onnx.Constant() {value = dense<[1.0, 0.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %inf = onnx.Constant() {value = dense<0x7F800000> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Mul(%0, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %2 = onnx.Div(%1, %zero) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %3 = layer.linear %x, %v : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %4 = onnx.Mul(%3, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %5 = onnx.Add(%4, %inf) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %2, %5 : tensor<3x2xf32>, tensor<3x2xf32>
}

// (1) Constants that add an axis, and rows.

// CHECK-LABEL: func.func @broadcast
// CHECK: onnx.Mul({{.*}} -> tensor<1x1x2xf32>
// CHECK: onnx.Add({{.*}} -> tensor<3x2xf32>
// CHECK: return
func.func @broadcast(%x: tensor<1x2xf32>) -> (tensor<1x1x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[[[5.0, 7.0]]]> : tensor<1x1x2xf32>} : () -> tensor<1x1x2xf32>
  %g = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %0 = layer.linear %x, %w : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  %1 = onnx.Mul(%0, %f) : (tensor<1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %2 = layer.linear %x, %v : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  %3 = onnx.Add(%2, %g) : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1, %3 : tensor<1x1x2xf32>, tensor<3x2xf32>
}

// (2) One of two maps has a bias that is given.

// CHECK-LABEL: func.func @one_cannot
// CHECK: %[[Y:.*]] = onnx.Mul(%arg0
// CHECK: layer.linear %[[Y]]
// CHECK: layer.linear %[[Y]]
func.func @one_cannot(%x: tensor<3x2xf32>, %b: tensor<2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %f = onnx.Constant() {value = dense<[5.0, 7.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.Mul(%x, %f) : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %1 = layer.linear %0, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %2 = layer.linear %0, %v bias %b : tensor<3x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %1, %2 : tensor<3x2xf32>, tensor<3x2xf32>
}
