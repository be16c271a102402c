// RUN: strut-opt %s -split-input-file --pass-pipeline='builtin.module(strut-form-kernels,func.func(cse,strut-fuse-kernels,cse))' | FileCheck %s

// BlockShuffle: the shuffles are in the maps of the second product, of which a row is written
// (column, block), and the bias is its epilogue.
// CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>
// CHECK-DAG: #[[BIAS:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1)>
// CHECK-LABEL: func @main
// CHECK-NOT: kernel.map
// CHECK: %[[A:.*]] = kernel.contract
// CHECK: %[[Z:.*]] = tensor.collapse_shape %[[A]]
// CHECK: %[[V:.*]] = tensor.expand_shape %[[Z]] {{.*}} into tensor<?x3x2xf32>
// CHECK: %[[B:.*]] = kernel.contract ins(%[[V]], %{{.*}}, %{{.*}} : tensor<?x3x2xf32>, tensor<2x3x5xf32>, tensor<5x2xf32>)
// CHECK-SAME: indexing_maps = [#[[IN]], #{{.*}}, #[[BIAS]], #[[OUT]]]
// CHECK-NOT: kernel.map
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[B]] {{.*}} into tensor<?x10xf32>
// CHECK: return %[[Y]]
func.func @main(%x: tensor<?x8xf32> {onnx.name = "x", onnx.dims = ["M", ""]}) -> (tensor<?x10xf32> {onnx.name = "y"}) {
  %v = onnx.Constant() {value = dense<0.5> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  %w = onnx.Constant() {value = dense<0.5> : tensor<2x3x5xf32>} : () -> tensor<2x3x5xf32>
  %bias = onnx.Constant() {value = dense<0.5> : tensor<10xf32>} : () -> tensor<10xf32>
  %i = onnx.Constant() {value = dense<[0, 2, 4, 1, 3, 5]> : tensor<6xi64>} : () -> tensor<6xi64>
  %j = onnx.Constant() {value = dense<[0, 5, 1, 6, 2, 7, 3, 8, 4, 9]> : tensor<10xi64>} : () -> tensor<10xi64>
  %a = layer.block_linear %x, %v : tensor<?x8xf32>, tensor<2x4x3xf32> -> tensor<?x6xf32>
  %b = onnx.Gather(%a, %i) {axis = 1} : (tensor<?x6xf32>, tensor<6xi64>) -> tensor<?x6xf32>
  %c = layer.block_linear %b, %w : tensor<?x6xf32>, tensor<2x3x5xf32> -> tensor<?x10xf32>
  %d = onnx.Gather(%c, %j) {axis = 1} : (tensor<?x10xf32>, tensor<10xi64>) -> tensor<?x10xf32>
  %e = onnx.Add(%d, %bias) : (tensor<?x10xf32>, tensor<10xf32>) -> tensor<?x10xf32>
  return %e : tensor<?x10xf32>
}

// -----

// Nine blocks are too many to be written side by side; the shuffle stays a move.
// CHECK-LABEL: func @many_blocks
// CHECK: kernel.contract
// CHECK: kernel.map
func.func @many_blocks(%x: tensor<?x9xf32> {onnx.name = "x", onnx.dims = ["M", ""]}) -> (tensor<?x18xf32> {onnx.name = "y"}) {
  %w = onnx.Constant() {value = dense<0.5> : tensor<9x1x2xf32>} : () -> tensor<9x1x2xf32>
  %j = onnx.Constant() {value = dense<[0, 2, 4, 6, 8, 10, 12, 14, 16, 1, 3, 5, 7, 9, 11, 13, 15, 17]> : tensor<18xi64>} : () -> tensor<18xi64>
  %c = layer.block_linear %x, %w : tensor<?x9xf32>, tensor<9x1x2xf32> -> tensor<?x18xf32>
  %d = onnx.Gather(%c, %j) {axis = 1} : (tensor<?x18xf32>, tensor<18xi64>) -> tensor<?x18xf32>
  return %d : tensor<?x18xf32>
}

// -----

// A permutation that no transposition spells is looked up, as is one that reads a place twice.
// CHECK-LABEL: func @no_shuffle
// CHECK-COUNT-2: kernel.fetch
func.func @no_shuffle(%x: tensor<?x6xf32> {onnx.name = "x", onnx.dims = ["M", ""]}) -> (tensor<?x6xf32> {onnx.name = "y"}, tensor<?x6xf32> {onnx.name = "z"}) {
  %i = onnx.Constant() {value = dense<[0, 2, 1, 3, 4, 5]> : tensor<6xi64>} : () -> tensor<6xi64>
  %j = onnx.Constant() {value = dense<[0, 2, 4, 0, 2, 4]> : tensor<6xi64>} : () -> tensor<6xi64>
  %y = onnx.Gather(%x, %i) {axis = 1} : (tensor<?x6xf32>, tensor<6xi64>) -> tensor<?x6xf32>
  %z = onnx.Gather(%x, %j) {axis = 1} : (tensor<?x6xf32>, tensor<6xi64>) -> tensor<?x6xf32>
  return %y, %z : tensor<?x6xf32>, tensor<?x6xf32>
}

// -----

// Pointwise code after a view of a product that somebody else reads stays there.
// CHECK-LABEL: func @read_twice
// CHECK: kernel.contract
// CHECK: tensor.collapse_shape
// CHECK: kernel.map
func.func @read_twice(%x: tensor<?x4xf32> {onnx.name = "x", onnx.dims = ["M", ""]}) -> (tensor<?x6xf32> {onnx.name = "y"}, tensor<?x6xf32> {onnx.name = "z"}) {
  %w = onnx.Constant() {value = dense<0.5> : tensor<2x2x3xf32>} : () -> tensor<2x2x3xf32>
  %y = layer.block_linear %x, %w : tensor<?x4xf32>, tensor<2x2x3xf32> -> tensor<?x6xf32>
  %z = onnx.Tanh(%y) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y, %z : tensor<?x6xf32>, tensor<?x6xf32>
}
