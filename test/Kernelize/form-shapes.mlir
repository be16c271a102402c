// RUN: strut-opt %s --strut-form-kernels --canonicalize --split-input-file | FileCheck %s

// Heads are split by a shape that is computed from Shape nodes: nothing of that
// arithmetic remains, and the view has the function's dimensions.

// CHECK-LABEL: func.func @split_heads
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?x384xf32>
// CHECK-SAME: %[[B:[a-z0-9]+]]: index, %[[S:[a-z0-9]+]]: index)
func.func @split_heads(%x: tensor<?x?x384xf32> {onnx.dims = ["batch", "seq", ""]}) -> tensor<?x12x?x32xf32> {
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %axis = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %heads = onnx.Constant() {value = dense<12> : tensor<1xi64>} : () -> tensor<1xi64>
  %size = onnx.Constant() {value = dense<32> : tensor<1xi64>} : () -> tensor<1xi64>
  %s0 = onnx.Shape(%x) : (tensor<?x?x384xf32>) -> tensor<3xi64>
  %b = onnx.Gather(%s0, %zero) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %s = onnx.Gather(%s0, %one) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %b1 = onnx.Unsqueeze(%b, %axis) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %s1 = onnx.Unsqueeze(%s, %axis) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %shape = onnx.Concat(%b1, %s1, %heads, %size) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  // CHECK-NEXT: %[[V:.*]] = tensor.expand_shape %[[X]] {{\[}}[0], [1], [2, 3]] output_shape [%[[B]], %[[S]], 12, 32] : tensor<?x?x384xf32> into tensor<?x?x12x32xf32>
  // CHECK-NEXT: tensor.empty(%[[B]], %[[S]]) : tensor<?x12x?x32xf32>
  // CHECK-NEXT: kernel.map ins(%[[V]]
  %0 = onnx.Reshape(%x, %shape) : (tensor<?x?x384xf32>, tensor<4xi64>) -> tensor<?x?x12x32xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x12x32xf32>) -> tensor<?x12x?x32xf32>
  return %1 : tensor<?x12x?x32xf32>
}

// -----

// 0 copies an axis, -1 is inferred, also from symbols.

// CHECK-LABEL: func.func @inferred
// CHECK-SAME: %[[B:[a-z0-9]+]]: index, %[[S:[a-z0-9]+]]: index)
func.func @inferred(%x: tensor<?x?x12x32xf32> {onnx.dims = ["batch", "seq", "", ""]}) -> (tensor<?x?x384xf32>, tensor<?x384xf32>) {
  %keep = onnx.Constant() {value = dense<[0, 0, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %rows = onnx.Constant() {value = dense<[-1, 384]> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1], [2, 3]] : tensor<?x?x12x32xf32> into tensor<?x?x384xf32>
  %0 = onnx.Reshape(%x, %keep) : (tensor<?x?x12x32xf32>, tensor<3xi64>) -> tensor<?x?x384xf32>
  // CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2, 3]] : tensor<?x?x12x32xf32> into tensor<?x384xf32>
  %1 = onnx.Reshape(%x, %rows) : (tensor<?x?x12x32xf32>, tensor<2xi64>) -> tensor<?x384xf32>
  return %0, %1 : tensor<?x?x384xf32>, tensor<?x384xf32>
}

// -----

// Groups that do not nest are flattened on the way.

// CHECK-LABEL: func.func @flattened
func.func @flattened(%x: tensor<2x3x5xf32>) -> tensor<3x2x5xf32> {
  %shape = onnx.Constant() {value = dense<[3, 2, 5]> : tensor<3xi64>} : () -> tensor<3xi64>
  // CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<2x3x5xf32> into tensor<6x5xf32>
  // CHECK: tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2]] output_shape [3, 2, 5] : tensor<6x5xf32> into tensor<3x2x5xf32>
  %0 = onnx.Reshape(%x, %shape) : (tensor<2x3x5xf32>, tensor<3xi64>) -> tensor<3x2x5xf32>
  return %0 : tensor<3x2x5xf32>
}

// -----

// A constant stays a constant under a view; the weight has the new shape.

// CHECK: kernel.weight @{{.*}} : tensor<4x1xf32>
// CHECK-LABEL: func.func @constant
func.func @constant(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %c = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %axis = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Unsqueeze(%c, %axis) : (tensor<4xf32>, tensor<1xi64>) -> tensor<4x1xf32>
  // CHECK: kernel.map
  // CHECK-SAME: tensor<4x1xf32>
  %1 = onnx.Mul(%x, %0) : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// -----

// Positions 0..seq of a table of 512 stand for seq where they are added to
// something of that extent; the function says how large it may be.

// CHECK-LABEL: func.func @limit
// CHECK-SAME: strut.limits = {seq = 512 : i64}
func.func @limit(%x: tensor<?x?x4xf32> {onnx.dims = ["batch", "seq", ""]}) -> tensor<?x?x4xf32> {
  %table = onnx.Constant() {value = dense<1.0> : tensor<512x4xf32>} : () -> tensor<512x4xf32>
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<?x?x4xf32>) -> tensor<3xi64>
  %seq = onnx.Gather(%s, %one) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %end = onnx.Unsqueeze(%seq, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %p = onnx.Slice(%table, %zero, %end, %zero) : (tensor<512x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x4xf32>
  %y = onnx.Add(%x, %p) : (tensor<?x?x4xf32>, tensor<?x4xf32>) -> tensor<?x?x4xf32>
  return %y : tensor<?x?x4xf32>
}

// -----

// What is halved and doubled again agrees with what it was, for even sizes.

// CHECK-LABEL: func.func @multiple
// CHECK-SAME: strut.multiples = {h = 2 : i64}
func.func @multiple(%x: tensor<1x2x?x8xf32> {onnx.dims = ["", "", "h", ""]}) -> tensor<1x4x?x8xf32> {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %half = onnx.MaxPool(%x) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<1x2x?x8xf32>) -> tensor<1x2x?x4xf32>
  %up = onnx.Resize(%half, %none, %two) {mode = "linear"} : (tensor<1x2x?x4xf32>, none, tensor<4xf32>) -> tensor<1x2x?x8xf32>
  %y = onnx.Concat(%x, %up) {axis = 1 : i64} : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) -> tensor<1x4x?x8xf32>
  return %y : tensor<1x4x?x8xf32>
}

// -----

// A head count times a sum of sizes divides the elements of keys and cache.

// CHECK-LABEL: func.func @sum_divides
func.func @sum_divides(%past: tensor<?x2x?x4xf32> {onnx.dims = ["b", "", "past", ""]}, %new: tensor<?x2x?x4xf32> {onnx.dims = ["b", "", "seq", ""]}) -> tensor<?x?x4xf32> {
  %k = onnx.Concat(%past, %new) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %s = onnx.Shape(%k) {start = 2 : i64} : (tensor<?x2x?x4xf32>) -> tensor<2xi64>
  %rest = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %to = onnx.Concat(%rest, %s) {axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  // CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2], [3]] : tensor<?x2x?x4xf32> into tensor<?x?x4xf32>
  %r = onnx.Reshape(%k, %to) : (tensor<?x2x?x4xf32>, tensor<3xi64>) -> tensor<?x?x4xf32>
  return %r : tensor<?x?x4xf32>
}

// -----

// Sizes used as data are computed from the function's dimensions.

// CHECK-LABEL: func.func @size_as_data
// CHECK-SAME: %[[N:[a-z0-9]+]]: index)
func.func @size_as_data(%x: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> tensor<2xf32> {
  // CHECK: kernel.map ins()
  // CHECK: arith.select %{{.*}}, %{{.*}}, %[[N]] : index
  // CHECK: arith.index_cast
  %s = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
  %f = onnx.Cast(%s) {to = 1 : i64} : (tensor<2xi64>) -> tensor<2xf32>
  return %f : tensor<2xf32>
}

// -----

// Slices are views; Concat writes each operand to its place.

// CHECK-LABEL: func.func @parts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x6xf32>
// CHECK-SAME: %[[N:[a-z0-9]+]]: index)
func.func @parts(%x: tensor<?x6xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  // CHECK: %[[A:.*]] = tensor.extract_slice %[[X]][0, 0] [%[[N]], 3] [1, 1]
  // CHECK: %[[B:.*]] = tensor.extract_slice %[[X]][0, 3] [%[[N]], 3] [1, 1]
  %0:2 = onnx.Split(%x) {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<?x6xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>)
  // CHECK: %[[E:.*]] = tensor.empty(%[[N]]) : tensor<?x6xf32>
  // CHECK: %[[P:.*]] = tensor.extract_slice %[[E]][0, 0] [%[[N]], 3] [1, 1]
  // CHECK: %[[C:.*]] = kernel.map ins(%[[B]] : tensor<?x3xf32>) outs(%[[P]]
  // CHECK: %[[I:.*]] = tensor.insert_slice %[[C]] into %[[E]][0, 0] [%[[N]], 3] [1, 1]
  // CHECK: %[[Q:.*]] = tensor.extract_slice %[[I]][0, 3] [%[[N]], 3] [1, 1]
  // CHECK: %[[D:.*]] = kernel.map ins(%[[A]] : tensor<?x3xf32>) outs(%[[Q]]
  // CHECK: tensor.insert_slice %[[D]] into %[[I]][0, 3] [%[[N]], 3] [1, 1]
  %1 = onnx.Concat(%0#1, %0#0) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}

// -----

// Integers have no sign at the kernel level; the function says which had none before.

// CHECK-LABEL: func.func @unsigned
// CHECK-SAME: tensor<4xi8> {strut.dims = [""], strut.element = ui8}, %{{.*}}: tensor<4xi8> {strut.dims = [""], strut.element = ui8})
// CHECK-SAME: -> (tensor<4xi8> {strut.element = ui8})
// CHECK: kernel.map
// CHECK: arith.maxui
func.func @unsigned(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> {
  %0 = onnx.Max(%x, %y) : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}
