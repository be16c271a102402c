// RUN: strut-opt %s --strut-form-kernels --cse --strut-fuse-kernels --cse --split-input-file | FileCheck %s

// Bias, GELU and a residual end in one contraction.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-DAG: #[[BIAS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func.func @epilogue
func.func @epilogue(%x: tensor<?x?x8xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<8xf32>} : () -> tensor<8xf32>
  // CHECK: %[[Y:.*]] = kernel.contract ins(%arg0, %{{.*}}, %{{.*}}, %arg0 :
  // CHECK-SAME: indexing_maps = [#[[LHS]], #[[RHS]], #[[BIAS]], #[[OUT]], #[[OUT]]]
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[B:.*]]: f32, %[[R:.*]]: f32):
  // CHECK: arith.addf %[[B]], %[[ACC]]
  // CHECK: math.erf
  // CHECK: arith.addf %{{.*}}, %[[R]]
  // CHECK: kernel.yield
  // CHECK-NEXT: } -> tensor<?x?x8xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %1 = onnx.Add(%b, %0) : (tensor<8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %2 = onnx.Gelu(%1) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %3 = onnx.Add(%2, %x) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %3 : tensor<?x?x8xf32>
}

// -----

// A value that two read stays; so does the kernel between.

// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  // CHECK: kernel.contract
  // CHECK: kernel.map
  // CHECK: return
  %0 = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Tanh(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// x·sigmoid(x): the product is read twice, but at the same places.

// CHECK-LABEL: func.func @silu
func.func @silu(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  // CHECK: kernel.contract
  // CHECK-NOT: kernel.map
  // CHECK: return
  %0 = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Mul(%0, %1) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// -----

// Heads are read where they lie: the transpositions before attention go into its
// maps, the one behind it into where it writes. The mask stays computed once.

// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d4)>
// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d5)>
// CHECK-DAG: #[[M:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, 0, 0, d3)>
// CHECK-DAG: #[[O:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d5)>
// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x?x4x8xf32> {onnx.dims = ["b", "s", "", ""]}, %k: tensor<?x?x4x8xf32> {onnx.dims = ["b", "s", "", ""]}, %v: tensor<?x?x4x8xf32> {onnx.dims = ["b", "s", "", ""]}, %mask: tensor<?x1x1x?xf32> {onnx.dims = ["b", "", "", "s"]}) -> tensor<?x?x32xf32> {
  %shape = onnx.Constant() {value = dense<[0, 0, -1]> : tensor<3xi64>} : () -> tensor<3xi64>
  // CHECK: %[[MASK:.*]] = kernel.map
  // CHECK: math.exp
  // CHECK: %[[Y:.*]] = kernel.attention ins(%arg0, %arg1, %arg2, %[[MASK]] :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x?x4x8xf32>)
  // CHECK-SAME: indexing_maps = [#[[Q]], #[[K]], #[[V]], #[[M]], #[[O]]]
  // CHECK: tensor.collapse_shape %[[Y]]
  // CHECK-NEXT: return
  %0 = onnx.Transpose(%q) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %1 = onnx.Transpose(%k) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %2 = onnx.Transpose(%v) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x8xf32>) -> tensor<?x4x?x8xf32>
  %m = onnx.Exp(%mask) : (tensor<?x1x1x?xf32>) -> tensor<?x1x1x?xf32>
  %3 = onnx.Attention(%0, %1, %2, %m) {scale = 0.25 : f32} : (tensor<?x4x?x8xf32>, tensor<?x4x?x8xf32>, tensor<?x4x?x8xf32>, tensor<?x1x1x?xf32>) -> tensor<?x4x?x8xf32>
  %4 = onnx.Transpose(%3) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x4x?x8xf32>) -> tensor<?x?x4x8xf32>
  %5 = onnx.Reshape(%4, %shape) : (tensor<?x?x4x8xf32>, tensor<3xi64>) -> tensor<?x?x32xf32>
  return %5 : tensor<?x?x32xf32>
}

// -----

// A network of convolutions runs channels-last between its input and its output:
// the moves meet the maps and the windows of the next reader.

// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 + d4, d2 + d5, d6)>
// CHECK-DAG: #[[POOL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d3)>
// CHECK-LABEL: func.func @convolutions
func.func @convolutions(%x: tensor<?x3x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<16x3x1x1xf32>} : () -> tensor<16x3x1x1xf32>
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16x3x3xf32>} : () -> tensor<8x16x3x3xf32>
  %b = onnx.Constant() {value = dense<1.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %axes = onnx.Constant() {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%{{.*}} : tensor<?x8x8x16xf32>)
  // CHECK: arith.maximumf
  // CHECK: %[[B:.*]] = kernel.contract ins(%[[A]],
  // CHECK-SAME: outs(%{{.*}} : tensor<?x6x6x8xf32>)
  // CHECK-SAME: indexing_maps = [#[[WINDOW]],
  // CHECK: arith.maximumf
  // CHECK: %[[C:.*]] = kernel.rows ins(%[[B]] :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x3x3x8xf32>)
  // CHECK-SAME: extents = array<i64: -1, -1, -1, -1, 2, 2>
  // CHECK-SAME: indexing_maps = [#[[POOL]],
  // CHECK: kernel.rows ins(%[[C]]
  // CHECK-NOT: kernel.map
  // CHECK: return
  %0 = onnx.Conv(%x, %w) : (tensor<?x3x8x8xf32>, tensor<16x3x1x1xf32>) -> tensor<?x16x8x8xf32>
  %1 = onnx.Relu(%0) : (tensor<?x16x8x8xf32>) -> tensor<?x16x8x8xf32>
  %2 = onnx.Conv(%1, %v, %b) : (tensor<?x16x8x8xf32>, tensor<8x16x3x3xf32>, tensor<8xf32>) -> tensor<?x8x6x6xf32>
  %3 = onnx.Relu(%2) : (tensor<?x8x6x6xf32>) -> tensor<?x8x6x6xf32>
  %4 = onnx.MaxPool(%3) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<?x8x6x6xf32>) -> tensor<?x8x3x3xf32>
  %5 = onnx.ReduceMean(%4, %axes) {keepdims = 0 : i64} : (tensor<?x8x3x3xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  return %5 : tensor<?x8xf32>
}

// -----

// What is padded reads its source where it lies, and a kernel that alone is read through
// padded windows writes between the borders itself.

// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func.func @padded
func.func @padded(%x: tensor<?x4x4x2xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x2x8x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  // CHECK: %[[PART:.*]] = tensor.extract_slice %{{.*}}[0, 1, 1, 0] [%{{.*}}, 4, 4, 2] [1, 1, 1, 1]
  // CHECK: kernel.map ins(%arg0 : tensor<?x4x4x2xf32>) outs(%[[PART]] : tensor<?x4x4x2xf32>) attributes {indexing_maps = [#[[LAST]], #[[LAST]]]}
  // CHECK: %[[FIRST:.*]] = tensor.insert_slice
  // CHECK: %[[PART:.*]] = tensor.extract_slice %[[BORDERS:.*]][0, 1, 1, 0] [%{{.*}}, 6, 6, 2] [1, 1, 1, 1]
  // CHECK: %[[SUM:.*]] = kernel.contract ins(%[[FIRST]], %{{.*}} outs(%[[PART]] : tensor<?x6x6x2xf32>)
  // CHECK: tensor.insert_slice %[[SUM]] into %[[BORDERS]]
  // CHECK-NOT: kernel.map
  // CHECK: kernel.contract
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x4x4x2xf32>) -> tensor<?x2x4x4xf32>
  %1 = onnx.Conv(%0, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<?x2x6x6xf32>
  %2 = onnx.Conv(%1, %w) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x2x6x6xf32>, tensor<2x2x1x1xf32>) -> tensor<?x2x8x8xf32>
  return %2 : tensor<?x2x8x8xf32>
}

// -----

// Each operand of a Concat is computed where it belongs.

// CHECK-LABEL: func.func @concat
func.func @concat(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x16xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  // CHECK: tensor.extract_slice
  // CHECK: kernel.contract
  // CHECK: tensor.insert_slice
  // CHECK: tensor.extract_slice
  // CHECK: kernel.map
  // CHECK: math.exp
  // CHECK: tensor.insert_slice
  // CHECK-NOT: kernel
  // CHECK: return
  %0 = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Exp(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Concat(%0, %1) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return %2 : tensor<?x16xf32>
}

// -----

// Work on a small tensor is not repeated for each place that reads it, but a
// conversion is.

// CHECK-LABEL: func.func @broadcast
func.func @broadcast(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %s: tensor<8xf32>, %i: tensor<8xi32>) -> tensor<?x8xf32> {
  // CHECK: %[[S:.*]] = kernel.map ins(%arg1 : tensor<8xf32>)
  // CHECK: math.exp
  // CHECK: kernel.map ins(%arg0, %[[S]], %arg2 : tensor<?x8xf32>, tensor<8xf32>, tensor<8xi32>)
  // CHECK: arith.sitofp
  // CHECK-NOT: kernel.map
  %0 = onnx.Exp(%s) : (tensor<8xf32>) -> tensor<8xf32>
  %1 = onnx.Cast(%i) {to = 1 : i64} : (tensor<8xi32>) -> tensor<8xf32>
  %2 = onnx.Mul(%x, %0) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %3 = onnx.Add(%2, %1) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// -----

// What follows a reduction joins it.

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?xf32> {
  %axes = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: kernel.rows ins(%arg0 :
  // CHECK: arith.mulf
  // CHECK: kernel.combine add
  // CHECK: math.log
  // CHECK-NOT: kernel.map
  // CHECK: return
  %0 = onnx.Mul(%x, %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.ReduceSum(%0, %axes) {keepdims = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?xf32>
  %2 = onnx.Log(%1) : (tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}

// -----

// A kernel keeps the operand that alone says how long a dimension is.

// CHECK-LABEL: func.func @extents
func.func @extents(%x: tensor<4x1xf32>) -> tensor<4xf32> {
  %shape = onnx.Constant() {value = dense<[4, 8]> : tensor<2xi64>} : () -> tensor<2xi64>
  %axes = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: %[[E:.*]] = kernel.map ins(%arg0 : tensor<4x1xf32>)
  // CHECK: kernel.rows ins(%[[E]] : tensor<4x8xf32>)
  %0 = onnx.Expand(%x, %shape) : (tensor<4x1xf32>, tensor<2xi64>) -> tensor<4x8xf32>
  %1 = onnx.ReduceSum(%0, %axes) {keepdims = 0 : i64} : (tensor<4x8xf32>, tensor<1xi64>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// A left side that is the same for every batch is read again, not copied.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-LABEL: func.func @repeated
func.func @repeated(%a: tensor<4x8xf32>, %b: tensor<3x8x5xf32>) -> tensor<3x4x5xf32> {
  // CHECK-NOT: kernel.map
  // CHECK: kernel.contract ins(%arg0, %arg1 :
  // CHECK-SAME: indexing_maps = [#[[LHS]],
  %0 = onnx.MatMul(%a, %b) : (tensor<4x8xf32>, tensor<3x8x5xf32>) -> tensor<3x4x5xf32>
  return %0 : tensor<3x4x5xf32>
}

// -----

// A row kernel takes in a transposition of its results if there is one per row. What it writes
// along rows, or along channels that its window does not slide over, it goes on writing so.

// CHECK-LABEL: func.func @transposed
func.func @transposed(%x: tensor<4x5x8xf32>, %image: tensor<1x6x8x8xf32>) -> (tensor<5x4xf32>, tensor<4x8x5xf32>, tensor<1x6x8x8xf32>) {
  %axes = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: kernel.rows ins(%arg0 : tensor<4x5x8xf32>) outs(%{{.*}} : tensor<5x4xf32>)
  // CHECK-NOT: kernel.map
  %0 = onnx.ReduceSum(%x, %axes) {keepdims = 0 : i64} : (tensor<4x5x8xf32>, tensor<1xi64>) -> tensor<4x5xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  // CHECK: %[[S:.*]] = kernel.rows ins(%arg0 : tensor<4x5x8xf32>) outs(%{{.*}} : tensor<4x5x8xf32>)
  // CHECK: kernel.map ins(%[[S]] : tensor<4x5x8xf32>) outs(%{{.*}} : tensor<4x8x5xf32>)
  %2 = onnx.Softmax(%x) : (tensor<4x5x8xf32>) -> tensor<4x5x8xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1>} : (tensor<4x5x8xf32>) -> tensor<4x8x5xf32>
  %filter = onnx.Constant() {value = dense<1.0> : tensor<6x1x3x3xf32>} : () -> tensor<6x1x3x3xf32>
  // CHECK: %[[C:.*]] = kernel.rows {{.*}} outs(%{{.*}} : tensor<1x8x8x6xf32>)
  // CHECK: kernel.map ins(%[[C]] : tensor<1x8x8x6xf32>) outs(%{{.*}} : tensor<1x6x8x8xf32>)
  %4 = onnx.Conv(%image, %filter) {group = 6 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x6x8x8xf32>, tensor<6x1x3x3xf32>) -> tensor<1x6x8x8xf32>
  return %1, %3, %4 : tensor<5x4xf32>, tensor<4x8x5xf32>, tensor<1x6x8x8xf32>
}

// -----

// A map of places: what reads the result, reads it along channels, as the input lies. The
// operands change sides, for both maps of a chain, and no transposition is left.

// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1)>
// CHECK-LABEL: func.func @places
func.func @places(%x: tensor<?x21x40xf32> {onnx.dims = ["b", "", ""]}, %w: tensor<21x35xf32>, %v: tensor<35x21xf32>) -> tensor<?x21x40xf32> {
  // CHECK: %[[H:.*]] = kernel.contract ins(%arg1, %arg0 : tensor<21x35xf32>, tensor<?x21x40xf32>) outs(%{{.*}} : tensor<?x35x40xf32>)
  // CHECK-SAME: indexing_maps = [#[[W]], #[[X]], #[[Y]]]
  // CHECK: kernel.contract ins(%arg2, %[[H]], %arg0 : tensor<35x21xf32>, tensor<?x35x40xf32>, tensor<?x21x40xf32>) outs(%{{.*}} : tensor<?x21x40xf32>)
  // CHECK-NOT: kernel.map
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<?x21x40xf32>) -> tensor<?x40x21xf32>
  %1 = layer.linear %0, %w : tensor<?x40x21xf32>, tensor<21x35xf32> -> tensor<?x40x35xf32>
  %2 = onnx.Relu(%1) : (tensor<?x40x35xf32>) -> tensor<?x40x35xf32>
  %3 = layer.linear %2, %v : tensor<?x40x35xf32>, tensor<35x21xf32> -> tensor<?x40x21xf32>
  %4 = onnx.Transpose(%3) {perm = array<i64: 0, 2, 1>} : (tensor<?x40x21xf32>) -> tensor<?x21x40xf32>
  %5 = onnx.Add(%x, %4) : (tensor<?x21x40xf32>, tensor<?x21x40xf32>) -> tensor<?x21x40xf32>
  return %5 : tensor<?x21x40xf32>
}

// -----

// Somebody reads the result along its columns, or there are few channels: nothing is turned.

// CHECK-LABEL: func.func @not_turned
func.func @not_turned(%x: tensor<?x21x40xf32> {onnx.dims = ["b", "", ""]}, %y: tensor<?x21x3xf32> {onnx.dims = ["b", "", ""]}, %w: tensor<21x35xf32>) -> (tensor<?x35x40xf32>, tensor<?x40x35xf32>, tensor<?x35x3xf32>) {
  // CHECK: kernel.contract ins(%arg0, %arg2 : tensor<?x21x40xf32>, tensor<21x35xf32>) outs(%{{.*}} : tensor<?x40x35xf32>)
  // CHECK: kernel.contract ins(%arg1, %arg2 : tensor<?x21x3xf32>, tensor<21x35xf32>) outs(%{{.*}} : tensor<?x3x35xf32>)
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<?x21x40xf32>) -> tensor<?x40x21xf32>
  %1 = layer.linear %0, %w : tensor<?x40x21xf32>, tensor<21x35xf32> -> tensor<?x40x35xf32>
  %2 = onnx.Transpose(%1) {perm = array<i64: 0, 2, 1>} : (tensor<?x40x35xf32>) -> tensor<?x35x40xf32>
  %3 = onnx.Transpose(%y) {perm = array<i64: 0, 2, 1>} : (tensor<?x21x3xf32>) -> tensor<?x3x21xf32>
  %4 = layer.linear %3, %w : tensor<?x3x21xf32>, tensor<21x35xf32> -> tensor<?x3x35xf32>
  %5 = onnx.Transpose(%4) {perm = array<i64: 0, 2, 1>} : (tensor<?x3x35xf32>) -> tensor<?x35x3xf32>
  return %2, %1, %5 : tensor<?x35x40xf32>, tensor<?x40x35xf32>, tensor<?x35x3xf32>
}

// -----

// A permutation goes on behind a view that keeps its runs together, and behind a slice.

// CHECK-LABEL: func.func @views_of_permutations
func.func @views_of_permutations(%x: tensor<2x6x4x5xf32>) -> tensor<2x20x3xf32> {
  %shape = onnx.Constant() {value = dense<[2, 20, 6]> : tensor<3xi64>} : () -> tensor<3xi64>
  %start = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %end = onnx.Constant() {value = dense<6> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %none = onnx.Absent
  // CHECK: tensor.collapse_shape
  // CHECK: tensor.extract_slice
  // CHECK: kernel.map
  // CHECK-NOT: kernel.map
  %0 = onnx.Transpose(%x) {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x6x4x5xf32>) -> tensor<2x4x5x6xf32>
  %1 = onnx.Reshape(%0, %shape) : (tensor<2x4x5x6xf32>, tensor<3xi64>) -> tensor<2x20x6xf32>
  %2 = onnx.Slice(%1, %start, %end, %last, %none) : (tensor<2x20x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, none) -> tensor<2x20x3xf32>
  %3 = onnx.Exp(%2) : (tensor<2x20x3xf32>) -> tensor<2x20x3xf32>
  return %3 : tensor<2x20x3xf32>
}

// -----

// Condition 1: what costs more than a load and has two readers is computed once, before a map and
// rows, and beside the epilogue of a product.

// CHECK-LABEL: func.func @two_readers
// CHECK: math.tanh
// CHECK: math.tanh
// CHECK-NOT: math.tanh
// CHECK: return
func.func @two_readers(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %z: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x8xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %axis = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.Tanh(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Mul(%0, %z) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.ReduceSum(%0, %axis) {keepdims = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?xf32>
  %3 = onnx.Tanh(%z) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %5 = onnx.Add(%4, %3) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1, %2, %3, %5 : tensor<?x8xf32>, tensor<?xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Condition 2: a matrix and its transpose are two inputs.

// CHECK-DAG: #[[AS:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[BACK:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @with_transpose
// CHECK: kernel.map ins(%arg0, %arg0 : {{.*}}indexing_maps = [#[[AS]], #[[BACK]], #[[AS]]]
func.func @with_transpose(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = onnx.Sub(%x, %0) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// -----

// Condition 3: rows that are repeated before a product stay, for the repetition is no column.

// CHECK-LABEL: func.func @repeated_rows
// CHECK: kernel.map
// CHECK: kernel.contract
func.func @repeated_rows(%a: tensor<1x4x8xf32>, %w: tensor<8x5xf32>) -> tensor<3x4x5xf32> {
  %to = onnx.Constant() {value = dense<[3, 4, 8]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = onnx.Expand(%a, %to) : (tensor<1x4x8xf32>, tensor<3xi64>) -> tensor<3x4x8xf32>
  %1 = onnx.MatMul(%0, %w) : (tensor<3x4x8xf32>, tensor<8x5xf32>) -> tensor<3x4x5xf32>
  return %1 : tensor<3x4x5xf32>
}

// -----

// Condition 4: attention's body is its score.

// CHECK-LABEL: func.func @after_attention
// CHECK: kernel.attention
// CHECK: kernel.map
// CHECK: math.tanh
func.func @after_attention(%q: tensor<1x2x7x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x8xf32>) -> tensor<1x2x7x8xf32> {
  %none = onnx.Absent
  %0 = onnx.Attention(%q, %k, %v, %none, %none, %none, %none) : (tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, none, none, none, none) -> tensor<1x2x7x8xf32>
  %1 = onnx.Tanh(%0) : (tensor<1x2x7x8xf32>) -> tensor<1x2x7x8xf32>
  return %1 : tensor<1x2x7x8xf32>
}

// -----

// Condition 5: elements that are fetched by number, of a product, of a map and of rows.

// CHECK-LABEL: func.func @fetched
// CHECK: kernel.contract
// CHECK: kernel.fetch
// CHECK: arith.subf
// CHECK: kernel.map
// CHECK: kernel.fetch
func.func @fetched(%x: tensor<8xf32>, %at: tensor<i64>, %z: tensor<9x8xf32>, %rows: tensor<3xi64>) -> (tensor<f32>, tensor<3x8xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %0 = onnx.MatMul(%x, %w) : (tensor<8xf32>, tensor<8x8xf32>) -> tensor<8xf32>
  %1 = onnx.Gather(%0, %at) {axis = 0 : i64} : (tensor<8xf32>, tensor<i64>) -> tensor<f32>
  %2 = onnx.Neg(%z) : (tensor<9x8xf32>) -> tensor<9x8xf32>
  %3 = onnx.Gather(%2, %rows) {axis = 0 : i64} : (tensor<9x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
  return %1, %3 : tensor<f32>, tensor<3x8xf32>
}

// -----

// CHECK-LABEL: func.func @fetched_sum
// CHECK: kernel.combine
// CHECK-NOT: kernel.fetch
// CHECK: kernel.map
// CHECK: kernel.fetch
func.func @fetched_sum(%z: tensor<9x8xf32>, %at: tensor<i64>) -> tensor<f32> {
  %axis = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.ReduceSum(%z, %axis) {keepdims = 0 : i64} : (tensor<9x8xf32>, tensor<1xi64>) -> tensor<9xf32>
  %1 = onnx.Gather(%0, %at) {axis = 0 : i64} : (tensor<9xf32>, tensor<i64>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// Condition 6: rows of a table beside a product, and as a mask.

// CHECK-LABEL: func.func @rows_beside
// CHECK: kernel.map
// CHECK: kernel.fetch
// CHECK: kernel.contract
// CHECK-NOT: kernel.fetch
// CHECK: return
func.func @rows_beside(%x: tensor<3x8xf32>, %z: tensor<9x8xf32>, %rows: tensor<3xi64>) -> tensor<3x8xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %0 = onnx.MatMul(%x, %w) : (tensor<3x8xf32>, tensor<8x8xf32>) -> tensor<3x8xf32>
  %1 = onnx.Gather(%z, %rows) {axis = 0 : i64} : (tensor<9x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
  %2 = onnx.Add(%0, %1) : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %2 : tensor<3x8xf32>
}

// -----

// CHECK-LABEL: func.func @rows_of_a_mask
// CHECK: kernel.map
// CHECK: kernel.fetch
// CHECK: kernel.attention
// CHECK-NOT: kernel.fetch
// CHECK: return
func.func @rows_of_a_mask(%q: tensor<1x2x7x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x8xf32>, %z: tensor<9x5xf32>, %rows: tensor<7xi64>) -> tensor<1x2x7x8xf32> {
  %none = onnx.Absent
  %m = onnx.Gather(%z, %rows) {axis = 0 : i64} : (tensor<9x5xf32>, tensor<7xi64>) -> tensor<7x5xf32>
  %0 = onnx.Attention(%q, %k, %v, %m, %none, %none, %none) : (tensor<1x2x7x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<7x5xf32>, none, none, none) -> tensor<1x2x7x8xf32>
  return %0 : tensor<1x2x7x8xf32>
}
