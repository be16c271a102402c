// RUN: strut-opt %s --strut-form-kernels --cse --strut-fuse-kernels | FileCheck %s

// Images lie channels-last between the ends of a network: the first kernel reads channels
// first, and nothing is transposed after it. The same holds where the last kernel writes
// an image: it alone is followed by a transposition.

// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d1, d2)>
// CHECK-DAG: #[[POINTS:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[WINDOWS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 + d4, d2 + d5, d6)>
// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[BACK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// CHECK-DAG: #[[AS_READ:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d4, d1, d2)>
// CHECK-LABEL: func.func @network
func.func @network(%x: tensor<?x3x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> (tensor<?x5xf32>, tensor<?x6x8x8xf32>) {
  %one = onnx.Constant() {value = dense<1.0> : tensor<6x3x1x1xf32>} : () -> tensor<6x3x1x1xf32>
  %square = onnx.Constant() {value = dense<2.0> : tensor<6x6x3x3xf32>} : () -> tensor<6x6x3x3xf32>
  %wide = onnx.Constant() {value = dense<3.0> : tensor<6x12x1x1xf32>} : () -> tensor<6x12x1x1xf32>
  %pointwise = onnx.Constant() {value = dense<6.0> : tensor<6x6x1x1xf32>} : () -> tensor<6x6x1x1xf32>
  %scale = onnx.Constant() {value = dense<4.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %fc = onnx.Constant() {value = dense<5.0> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  // CHECK: kernel.contract ins(%arg0, {{.*}}indexing_maps = [#[[FIRST]],
  %0 = onnx.Conv(%x, %one) : (tensor<?x3x8x8xf32>, tensor<6x3x1x1xf32>) -> tensor<?x6x8x8xf32>
  %1 = onnx.BatchNormalization(%0, %scale, %scale, %scale, %scale) {epsilon = 1.0e-05 : f32} : (tensor<?x6x8x8xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6x8x8xf32>
  %2 = onnx.Relu(%1) : (tensor<?x6x8x8xf32>) -> tensor<?x6x8x8xf32>
  // The image has another reader, so that it is copied between the borders as it lies.
  // CHECK: kernel.map ins(%{{.*}}) outs(%{{.*}}) attributes {indexing_maps = [#[[LAST]], #[[LAST]]]}
  // CHECK: kernel.contract {{.*}}indexing_maps = [#[[WINDOWS]],
  // CHECK: arith.addf
  // CHECK: arith.maximumf
  %3 = onnx.Conv(%2, %square) {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x6x8x8xf32>, tensor<6x6x3x3xf32>) -> tensor<?x6x8x8xf32>
  %4 = onnx.Add(%3, %2) : (tensor<?x6x8x8xf32>, tensor<?x6x8x8xf32>) -> tensor<?x6x8x8xf32>
  %5 = onnx.Relu(%4) : (tensor<?x6x8x8xf32>) -> tensor<?x6x8x8xf32>
  // Both parts are written where they belong.
  // CHECK: kernel.contract {{.*}} outs(%{{.*}} : tensor<?x8x8x6xf32>) attributes {indexing_maps = [#[[POINTS]],
  // CHECK: kernel.map ins(%{{.*}}) outs(%{{.*}}) attributes {indexing_maps = [#[[LAST]], #[[LAST]]]}
  // CHECK: kernel.contract ins(%{{.*}} : tensor<?x8x8x12xf32>, {{.*}}indexing_maps = [#[[POINTS]],
  %6 = onnx.Conv(%5, %pointwise) : (tensor<?x6x8x8xf32>, tensor<6x6x1x1xf32>) -> tensor<?x6x8x8xf32>
  %7 = onnx.Concat(%6, %5) {axis = 1 : i64} : (tensor<?x6x8x8xf32>, tensor<?x6x8x8xf32>) -> tensor<?x12x8x8xf32>
  %8 = onnx.Conv(%7, %wide) : (tensor<?x12x8x8xf32>, tensor<6x12x1x1xf32>) -> tensor<?x6x8x8xf32>
  // CHECK: kernel.map ins(%{{.*}}) outs(%{{.*}} : tensor<?x6x8x8xf32>) attributes {indexing_maps = [#[[BACK]], #[[LAST]]]}
  // CHECK: kernel.rows ins(%{{.*}} : tensor<?x8x8x6xf32>) outs(%{{.*}} : tensor<?x4x4x6xf32>)
  // CHECK: kernel.rows ins(%{{.*}} : tensor<?x4x4x6xf32>) outs(%{{.*}} : tensor<?x6xf32>)
  // CHECK: kernel.contract
  %9 = onnx.MaxPool(%8) {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<?x6x8x8xf32>) -> tensor<?x6x4x4xf32>
  %10 = onnx.GlobalAveragePool(%9) : (tensor<?x6x4x4xf32>) -> tensor<?x6x1x1xf32>
  %11 = onnx.Flatten(%10) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
  %12 = onnx.Gemm(%11, %fc) {transB = 1 : i64} : (tensor<?x6xf32>, tensor<5x6xf32>) -> tensor<?x5xf32>
  // CHECK-NOT: kernel.{{map|rows|contract}}
  // CHECK: return
  return %12, %8 : tensor<?x5xf32>, tensor<?x6x8x8xf32>
}

// What is fetched in runs of channels is fetched in that order: an image is enlarged as it lies,
// and at the end of a network transposed, not fetched here and there.

// CHECK-LABEL: func.func @resize
func.func @resize(%x: tensor<?x3x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x6x16x16xf32> {
  %one = onnx.Constant() {value = dense<1.0> : tensor<6x3x1x1xf32>} : () -> tensor<6x3x1x1xf32>
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: kernel.contract {{.*}} outs(%{{.*}} : tensor<?x8x8x6xf32>)
  %0 = onnx.Conv(%x, %one) : (tensor<?x3x8x8xf32>, tensor<6x3x1x1xf32>) -> tensor<?x6x8x8xf32>
  // CHECK: kernel.map {{.*}} outs(%{{.*}} : tensor<?x16x16x6xf32>)
  // CHECK: %[[C:.*]] = kernel.index 3
  // CHECK-COUNT-4: kernel.fetch 0[%{{.*}}, %{{.*}}, %{{.*}}, %[[C]]] : f32
  // CHECK: kernel.map ins(%{{.*}} : tensor<?x16x16x6xf32>) outs(%{{.*}} : tensor<?x6x16x16xf32>) attributes {indexing_maps = [#[[BACK]], #[[LAST]]]}
  %1 = onnx.Resize(%0, %none, %two) {mode = "linear"} : (tensor<?x6x8x8xf32>, none, tensor<4xf32>) -> tensor<?x6x16x16xf32>
  return %1 : tensor<?x6x16x16xf32>
}

// A norm over whole images is spelt channels first. Products that sum over the channels alone read
// it, so that it is written as the image lies. What is an output is not.

// CHECK-LABEL: func.func @norm
func.func @norm(%x: tensor<?x3x8x8xf32> {onnx.dims = ["n", "", "", ""]}) -> (tensor<?x5x8x8xf32>, tensor<?x6x8x8xf32>) {
  %one = onnx.Constant() {value = dense<1.0> : tensor<6x3x1x1xf32>} : () -> tensor<6x3x1x1xf32>
  %wide = onnx.Constant() {value = dense<3.0> : tensor<5x6x1x1xf32>} : () -> tensor<5x6x1x1xf32>
  %scale = onnx.Constant() {value = dense<4.0> : tensor<6xf32>} : () -> tensor<6xf32>
  %0 = onnx.Conv(%x, %one) : (tensor<?x3x8x8xf32>, tensor<6x3x1x1xf32>) -> tensor<?x6x8x8xf32>
  // CHECK: kernel.rows ins(%{{.*}}) outs(%{{.*}} : tensor<?x8x8x1x6xf32>) attributes {axes = 3 : i64, indexing_maps = [#[[AS_READ]], {{.*}}, #[[AS_READ]]]}
  // CHECK: kernel.contract ins(%{{.*}} : tensor<?x8x8x6xf32>, {{.*}}indexing_maps = [#[[POINTS]],
  %1 = onnx.GroupNormalization(%0, %scale, %scale) {num_groups = 1 : i64} : (tensor<?x6x8x8xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6x8x8xf32>
  %2 = onnx.Conv(%1, %wide) : (tensor<?x6x8x8xf32>, tensor<5x6x1x1xf32>) -> tensor<?x5x8x8xf32>
  // CHECK: kernel.rows ins(%{{.*}}) outs(%{{.*}} : tensor<?x1x6x8x8xf32>)
  %3 = onnx.Sin(%0) : (tensor<?x6x8x8xf32>) -> tensor<?x6x8x8xf32>
  %4 = onnx.GroupNormalization(%3, %scale, %scale) {num_groups = 1 : i64} : (tensor<?x6x8x8xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<?x6x8x8xf32>
  return %2, %4 : tensor<?x5x8x8xf32>, tensor<?x6x8x8xf32>
}
