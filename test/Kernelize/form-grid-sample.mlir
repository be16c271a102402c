// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Places and weights are computed once for all channels, in f64; the image is fetched with them.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3, 0)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3, 1)>
// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<?x8x4x5xf32> {onnx.dims = ["n", "", "", ""]}, %g: tensor<?x3x3x2xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x8x3x3xf32> {
  // The last coordinate is that of the outermost axis.
  // CHECK: %[[PY:.*]] = kernel.map ins(%arg1 : {{.*}}) outs(%{{.*}} : tensor<2x?x3x3xi32>) attributes {indexing_maps = [#[[Y]],
  // CHECK: f64
  // CHECK: %[[WY:.*]] = kernel.map ins(%arg1 : {{.*}}) outs(%{{.*}} : tensor<2x?x3x3xf32>) attributes {indexing_maps = [#[[Y]],
  // CHECK: %[[PX:.*]] = kernel.map ins(%arg1 : {{.*}}) outs(%{{.*}} : tensor<2x?x3x3xi32>) attributes {indexing_maps = [#[[X]],
  // CHECK: %[[WX:.*]] = kernel.map ins(%arg1 : {{.*}}) outs(%{{.*}} : tensor<2x?x3x3xf32>) attributes {indexing_maps = [#[[X]],
  // CHECK: kernel.map ins(%arg0, %[[PY]], %[[WY]], %[[PY]], %[[WY]], %[[PX]], %[[WX]], %[[PX]], %[[WX]] :
  // CHECK-COUNT-4: kernel.fetch
  %0 = onnx.GridSample(%x, %g) {mode = "linear"} : (tensor<?x8x4x5xf32>, tensor<?x3x3x2xf32>) -> tensor<?x8x3x3xf32>
  return %0 : tensor<?x8x3x3xf32>
}

// -----

// Sixteen neighbours are rows of terms.

// CHECK-LABEL: func.func @cubic
func.func @cubic(%x: tensor<1x8x4x5xf32>, %g: tensor<1x3x3x2xf32>) -> tensor<1x8x3x3xf32> {
  // CHECK: kernel.rows ins(%arg0, {{.*}} attributes {axes = 2 : i64
  // CHECK: kernel.fetch
  // CHECK: kernel.combine add
  %0 = onnx.GridSample(%x, %g) {mode = "cubic", padding_mode = "border"} : (tensor<1x8x4x5xf32>, tensor<1x3x3x2xf32>) -> tensor<1x8x3x3xf32>
  return %0 : tensor<1x8x3x3xf32>
}

// -----

// The elements of windows are sampled once for all output channels, and contracted; the mask is a
// factor of the weights along one axis.

// CHECK-LABEL: func.func @deformed
func.func @deformed(%x: tensor<?x4x5x5xf32> {onnx.dims = ["n", "", "", ""]}, %w: tensor<6x2x2x2xf32>, %o: tensor<?x8x4x4xf32> {onnx.dims = ["n", "", "", ""]}, %m: tensor<?x4x4x4xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x6x4x4xf32> {
  %none = onnx.Absent
  // CHECK: kernel.map ins(%{{.*}} : tensor<?x1x4x2x4x4xf32>) outs(%{{.*}} : tensor<2x?x1x4x4x4xi32>)
  // CHECK: kernel.map ins(%{{.*}}, %{{.*}} : tensor<?x1x4x2x4x4xf32>, tensor<?x1x4x4x4xf32>) outs(%{{.*}} : tensor<2x?x1x4x4x4xf32>)
  // CHECK: kernel.map {{.*}} outs(%{{.*}} : tensor<?x1x4x4x4x4xf32>)
  // CHECK-COUNT-4: kernel.fetch
  // CHECK: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<?x2x2x4x4x4xf32>, tensor<2x3x2x4xf32>) outs(%{{.*}} : tensor<?x4x4x2x3xf32>)
  %0 = onnx.DeformConv(%x, %w, %o, %none, %m) {group = 2 : i64} : (tensor<?x4x5x5xf32>, tensor<6x2x2x2xf32>, tensor<?x8x4x4xf32>, none, tensor<?x4x4x4xf32>) -> tensor<?x6x4x4xf32>
  return %0 : tensor<?x6x4x4xf32>
}
