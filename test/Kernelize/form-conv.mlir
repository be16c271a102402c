// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// An implicit matrix product over windows, channels-last, then back.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d6, d1 * 2 + d4, d2 * 2 + d5 * 3)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d6, d4, d5)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[BACK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// CHECK-LABEL: func.func @strided
func.func @strided(%x: tensor<?x3x9x9xf32> {onnx.dims = ["n", "", "", ""]}, %w: tensor<8x3x3x2xf32>, %b: tensor<8xf32>) -> tensor<?x8x4x3xf32> {
  // CHECK: %[[C:.*]] = kernel.contract ins(%arg0, %arg1, %arg2 :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x4x3x8xf32>)
  // CHECK-SAME: indexing_maps = [#[[X]], #[[W]], #[[B]], #[[Y]]]
  // CHECK: kernel.map ins(%[[C]] : tensor<?x4x3x8xf32>) outs(%{{.*}} : tensor<?x8x4x3xf32>) attributes {indexing_maps = [#[[BACK]],
  %0 = onnx.Conv(%x, %w, %b) {strides = array<i64: 2, 2>, dilations = array<i64: 1, 3>} : (tensor<?x3x9x9xf32>, tensor<8x3x3x2xf32>, tensor<8xf32>) -> tensor<?x8x4x3xf32>
  return %0 : tensor<?x8x4x3xf32>
}

// -----

// A padded image lies channels-last: borders are filled, the image goes between them.

// CHECK-DAG: #[[READ:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: func.func @padded
// CHECK-SAME: %[[N:[a-z0-9]+]]: index, %[[L:[a-z0-9]+]]: index)
func.func @padded(%x: tensor<?x2x?xf32> {onnx.dims = ["n", "", "l"]}, %w: tensor<4x2x3xf32>) -> tensor<?x4x?xf32> {
  // CHECK: %[[P:.*]] = arith.addi %[[L]], %{{.*}} : index
  // CHECK: %[[E:.*]] = tensor.empty(%[[N]], %[[P]]) : tensor<?x?x2xf32>
  // CHECK: %[[LOW:.*]] = tensor.extract_slice %[[E]][0, 0, 0] [%[[N]], 1, 2] [1, 1, 1]
  // CHECK: %[[FILLED:.*]] = kernel.map ins() outs(%[[LOW]]
  // CHECK: arith.constant 0.0
  // CHECK: %[[E1:.*]] = tensor.insert_slice %[[FILLED]] into %[[E]]
  // CHECK: tensor.extract_slice %[[E1]][0, %{{.*}}, 0] [%[[N]], 1, 2] [1, 1, 1]
  // CHECK: %[[E2:.*]] = tensor.insert_slice %{{.*}} into %[[E1]]
  // CHECK: %[[MIDDLE:.*]] = tensor.extract_slice %[[E2]][0, 1, 0] [%[[N]], %[[L]], 2] [1, 1, 1]
  // CHECK: kernel.map ins(%arg0 : tensor<?x2x?xf32>) outs(%[[MIDDLE]] : {{.*}}) attributes {indexing_maps = [#[[READ]],
  // CHECK: %[[WHOLE:.*]] = tensor.insert_slice %{{.*}} into %[[E2]]
  // CHECK: kernel.contract ins(%[[WHOLE]], %arg1
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1, 1>} : (tensor<?x2x?xf32>, tensor<4x2x3xf32>) -> tensor<?x4x?xf32>
  return %0 : tensor<?x4x?xf32>
}

// -----

// One filter per channel is a row kernel over the window.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d3, d1 + d4, d2 + d5)>
// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<?x8x6x6xf32> {onnx.dims = ["n", "", "", ""]}, %w: tensor<8x1x3x3xf32>) -> tensor<?x8x4x4xf32> {
  // CHECK: kernel.rows ins(%arg0, %arg1 :
  // CHECK-SAME: axes = 3 : i64, indexing_maps = [#[[X]],
  // CHECK: arith.mulf
  // CHECK: kernel.combine add
  %0 = onnx.Conv(%x, %w) {group = 8 : i64} : (tensor<?x8x6x6xf32>, tensor<8x1x3x3xf32>) -> tensor<?x8x4x4xf32>
  return %0 : tensor<?x8x4x4xf32>
}

// -----

// Groups of several channels are a batch of products; of few, they are rows like single ones.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d3 * 3 + d7, d1 + d5, d2 + d6)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d3, d4, d7, d5, d6)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d3, d4)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>
// CHECK-LABEL: func.func @groups
func.func @groups(%x: tensor<?x6x6x6xf32> {onnx.dims = ["n", "", "", ""]}, %w: tensor<8x3x3x3xf32>, %b: tensor<8xf32>, %v: tensor<6x3x3x3xf32>) -> (tensor<?x8x4x4xf32>, tensor<?x6x4x4xf32>) {
  // CHECK: %[[FILTERS:.*]] = tensor.expand_shape %arg1 {{\[\[}}0, 1], [2], [3], [4]] output_shape [2, 4, 3, 3, 3]
  // CHECK: %[[BIAS:.*]] = tensor.expand_shape %arg2 {{\[\[}}0, 1]] output_shape [2, 4]
  // CHECK: %[[C:.*]] = kernel.contract ins(%arg0, %[[FILTERS]], %[[BIAS]] :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x4x4x2x4xf32>)
  // CHECK-SAME: indexing_maps = [#[[X]], #[[W]], #[[B]], #[[Y]]]
  // CHECK: tensor.collapse_shape %[[C]] {{\[\[}}0], [1], [2], [3, 4]]
  // CHECK: kernel.rows
  %none = onnx.Absent
  %0 = onnx.Conv(%x, %w, %b) {group = 2 : i64} : (tensor<?x6x6x6xf32>, tensor<8x3x3x3xf32>, tensor<8xf32>) -> tensor<?x8x4x4xf32>
  %1 = onnx.Conv(%x, %v, %none) {group = 2 : i64} : (tensor<?x6x6x6xf32>, tensor<6x3x3x3xf32>, none) -> tensor<?x6x4x4xf32>
  return %0, %1 : tensor<?x8x4x4xf32>, tensor<?x6x4x4xf32>
}

// -----

// SAME padding that depends on the extent needs the extent, unless the stride is 1.

// CHECK-LABEL: func.func @same
func.func @same(%x: tensor<1x1x5x5xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x3x3xf32> {
  // CHECK: tensor.extract_slice %{{.*}}[0, 1, 1, 0] [1, 5, 5, 1] [1, 1, 1, 1] : tensor<1x7x7x1xf32>
  %0 = onnx.Conv(%x, %w) {auto_pad = "SAME_UPPER", strides = array<i64: 2, 2>} : (tensor<1x1x5x5xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x3x3xf32>
  return %0 : tensor<1x1x3x3xf32>
}

// -----

// A window of one element is a plain contraction over pixels.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d1 * 2, d2 * 2)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d3, d4)>
// CHECK: kernel.weight @[[F:[a-z_0-9]+]] : tensor<2x3xf32>
// CHECK-LABEL: func.func @pointwise
func.func @pointwise(%x: tensor<?x3x9x9xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x2x5x5xf32> {
  // CHECK: kernel.use @[[F]] : tensor<2x3xf32>
  // CHECK: kernel.contract
  // CHECK-SAME: indexing_maps = [#[[X]], #[[W]],
  %w = onnx.Constant() {value = dense<[[[[1.0]], [[2.0]], [[3.0]]], [[[4.0]], [[5.0]], [[6.0]]]]> : tensor<2x3x1x1xf32>} : () -> tensor<2x3x1x1xf32>
  %0 = onnx.Conv(%x, %w) {strides = array<i64: 2, 2>} : (tensor<?x3x9x9xf32>, tensor<2x3x1x1xf32>) -> tensor<?x2x5x5xf32>
  return %0 : tensor<?x2x5x5xf32>
}

// -----

// So is one whose weight was computed by the compiler: its shape is another, its
// elements stay where they are, and nothing is left to pack when it runs.

// CHECK: kernel.weight @[[F:[a-z_0-9]+]] : tensor<2x2xf32> = dense_resource<w>
// CHECK-LABEL: func.func @computed
func.func @computed(%x: tensor<?x2x9x9xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x2x9x9xf32> {
  // CHECK: %[[USE:.*]] = kernel.use @[[F]] : tensor<2x2xf32>
  // CHECK: kernel.contract ins(%arg0, %[[USE]]
  %w = onnx.Constant() {value = dense_resource<w> : tensor<2x2x1x1xf32>} : () -> tensor<2x2x1x1xf32>
  %0 = onnx.Conv(%x, %w) : (tensor<?x2x9x9xf32>, tensor<2x2x1x1xf32>) -> tensor<?x2x9x9xf32>
  return %0 : tensor<?x2x9x9xf32>
}

{-# dialect_resources: { builtin: { w: "0x040000000000803F000000400000404000008040" } } #-}

// -----

// Windows that tile the result are a product: each pixel becomes a tile.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d6, d1, d2)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d6, d5, d3, d4)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d5)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d3, d2, d4, d5)>
// CHECK-LABEL: func.func @transposed_tiles
func.func @transposed_tiles(%x: tensor<?x4x5x6xf32> {onnx.dims = ["n", "", "", ""]}, %w: tensor<4x7x2x3xf32>, %b: tensor<7xf32>) -> tensor<?x7x10x18xf32> {
  // CHECK: %[[C:.*]] = kernel.contract ins(%arg0, %arg1, %arg2 :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x5x2x6x3x7xf32>)
  // CHECK-SAME: indexing_maps = [#[[X]], #[[W]], #[[B]], #[[Y]]]
  // CHECK: tensor.collapse_shape %[[C]] {{\[\[}}0], [1, 2], [3, 4], [5]]
  %0 = onnx.ConvTranspose(%x, %w, %b) {strides = array<i64: 2, 3>} : (tensor<?x4x5x6xf32>, tensor<4x7x2x3xf32>, tensor<7xf32>) -> tensor<?x7x10x18xf32>
  return %0 : tensor<?x7x10x18xf32>
}

// -----

// A group's channels are found by the number of the output channel.

// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4) -> ((d2 floordiv 3) * 2 + d4, d2 mod 3, d3)>
// CHECK-LABEL: func.func @transposed_groups
func.func @transposed_groups(%x: tensor<1x4x5xf32>, %w: tensor<4x3x2xf32>) -> tensor<1x6x10xf32> {
  // CHECK: kernel.rows ins(%arg0, %arg1 : {{.*}}) outs(%{{.*}} : tensor<1x10x6xf32>) attributes {axes = 2 : i64, extents = array<i64: -1, -1, -1, -1, 2>, indexing_maps = [#{{.*}}, #[[W]],
  %0 = onnx.ConvTranspose(%x, %w) {group = 2 : i64, strides = array<i64: 2>} : (tensor<1x4x5xf32>, tensor<4x3x2xf32>) -> tensor<1x6x10xf32>
  return %0 : tensor<1x6x10xf32>
}

// -----

// Blocks are added up by gathering.

// CHECK-LABEL: func.func @col2im
func.func @col2im(%x: tensor<?x12x4xf32> {onnx.dims = ["n", "", ""]}) -> tensor<?x3x4x4xf32> {
  %i = onnx.Constant() {value = dense<4> : tensor<2xi64>} : () -> tensor<2xi64>
  %b = onnx.Constant() {value = dense<2> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: kernel.rows ins(%arg0 : {{.*}}) outs(%{{.*}} : tensor<?x3x4x4xf32>) attributes {axes = 1 : i64, extents = array<i64: -1, -1, -1, -1, 4>
  // CHECK: kernel.fetch
  // CHECK: kernel.combine add
  %0 = onnx.Col2Im(%x, %i, %b) {strides = array<i64: 2, 2>} : (tensor<?x12x4xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<?x3x4x4xf32>
  return %0 : tensor<?x3x4x4xf32>
}
