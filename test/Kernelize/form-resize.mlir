// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Where extents and scales are known, so are the places of the neighbours and their weights:
// constants, which both axes share. Axes of two neighbours each are one kernel.

// CHECK-DAG: #[[H0:.*]] = affine_map<(d0, d1, d2, d3) -> (0, d2)>
// CHECK-DAG: #[[H1:.*]] = affine_map<(d0, d1, d2, d3) -> (1, d2)>
// CHECK-DAG: #[[W0:.*]] = affine_map<(d0, d1, d2, d3) -> (0, d3)>
// CHECK-DAG: #[[W1:.*]] = affine_map<(d0, d1, d2, d3) -> (1, d3)>
// CHECK-DAG: kernel.weight @[[WEIGHTS:[a-z0-9_]+]] : tensor<2x4xf32> = dense<{{\[}}[2.500000e-01, 7.500000e-01, 2.500000e-01, 7.500000e-01], [7.500000e-01, 2.500000e-01, 7.500000e-01, 2.500000e-01]]>
// CHECK-DAG: kernel.weight @[[PLACES:[a-z0-9_]+]] : tensor<2x4xi32> = dense<{{\[}}[0, 0, 0, 1], [0, 1, 1, 1]]>
// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<?x3x2x2xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x3x4x4xf32> {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK-DAG: %[[P:.*]] = kernel.use @[[PLACES]]
  // CHECK-DAG: %[[W:.*]] = kernel.use @[[WEIGHTS]]
  // CHECK: kernel.map ins(%arg0, %[[P]], %[[W]], %[[P]], %[[W]], %[[P]], %[[W]], %[[P]], %[[W]] :
  // CHECK-SAME: indexing_maps = [#{{.*}}, #[[W0]], #[[W0]], #[[W1]], #[[W1]], #[[H0]], #[[H0]], #[[H1]], #[[H1]], #
  // CHECK-COUNT-4: kernel.fetch
  // CHECK-NOT: kernel.
  // CHECK: kernel.yield
  %0 = onnx.Resize(%x, %none, %two) {mode = "linear"} : (tensor<?x3x2x2xf32>, none, tensor<4xf32>) -> tensor<?x3x4x4xf32>
  return %0 : tensor<?x3x4x4xf32>
}

// -----

// Else one small kernel computes them, for each axis.

// CHECK-LABEL: func.func @nearest
func.func @nearest(%x: tensor<1x3x?x8xf32> {onnx.dims = ["", "", "h", ""]}) -> tensor<1x3x?x16xf32> {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[1.0, 1.0, 2.0, 2.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK-DAG: %[[WIDE:.*]] = kernel.use {{.*}} : tensor<1x16xi32>
  // CHECK-DAG: %[[HIGH:.*]] = kernel.map ins() outs(%{{.*}} : tensor<1x?xi32>)
  // CHECK: kernel.map ins(%arg0, %[[WIDE]], %[[HIGH]] :
  // CHECK-COUNT-1: kernel.fetch
  // CHECK-NOT: kernel.fetch
  // CHECK: return
  %0 = onnx.Resize(%x, %none, %two) {coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"} : (tensor<1x3x?x8xf32>, none, tensor<4xf32>) -> tensor<1x3x?x16xf32>
  return %0 : tensor<1x3x?x16xf32>
}

// -----

// Many neighbours are summed one axis after another: first the one that loses elements, then the
// innermost; between them halves are wide.

// CHECK-LABEL: func.func @cubic
func.func @cubic(%x: tensor<1x4x4x4xf16>) -> tensor<1x2x8x8xf16> {
  %none = onnx.Absent
  %two = onnx.Constant() {value = dense<[1.0, 0.5, 2.0, 2.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: kernel.map ins(%arg0, {{.*}}) outs(%{{.*}} : tensor<1x2x4x4xf32>)
  // CHECK: kernel.map {{.*}} outs(%{{.*}} : tensor<1x2x4x8xf32>)
  // CHECK: kernel.map {{.*}} outs(%{{.*}} : tensor<1x2x8x8xf16>)
  %0 = onnx.Resize(%x, %none, %two) {mode = "cubic"} : (tensor<1x4x4x4xf16>, none, tensor<4xf32>) -> tensor<1x2x8x8xf16>
  return %0 : tensor<1x2x8x8xf16>
}

// -----

// A filter that a small scale stretches is a row of neighbours, whose weights are divided by their
// sum; how many there are is arithmetic on dimensions.

// CHECK-LABEL: func.func @smooth
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>
func.func @smooth(%x: tensor<?xf32> {onnx.dims = ["n"]}) -> tensor<9xf32> {
  %none = onnx.Absent
  %nine = onnx.Constant() {value = dense<9> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: arith.ceildivsi
  // CHECK: %[[PLACES:.*]] = kernel.map ins() outs(%{{.*}} : tensor<?x9xi32>)
  // CHECK: %[[WEIGHTS:.*]] = kernel.rows ins() outs(%{{.*}} : tensor<?x9xf32>) attributes {axes = 1
  // CHECK: kernel.combine add
  // CHECK: kernel.rows ins(%[[X]], %[[PLACES]], %[[WEIGHTS]] : {{.*}}) outs(%{{.*}} : tensor<9xf32>)
  // CHECK: kernel.fetch
  // CHECK: kernel.combine add
  %0 = onnx.Resize(%x, %none, %none, %nine) {mode = "linear", antialias = 1 : i64} : (tensor<?xf32>, none, none, tensor<1xi64>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}

// -----

// What a run brings is fetched by the kernels that compute the tables.

// CHECK-LABEL: func.func @scales_of_the_run
// CHECK-SAME: %[[S:.*]]: tensor<1xf32>
func.func @scales_of_the_run(%x: tensor<5xf32>, %s: tensor<1xf32>) -> tensor<8xf32> {
  %none = onnx.Absent
  // CHECK-COUNT-2: kernel.map ins(%arg1 : tensor<1xf32>) outs(%{{.*}} : tensor<2x8x
  %0 = onnx.Resize(%x, %none, %s) {mode = "linear"} : (tensor<5xf32>, none, tensor<1xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// The aspect ratio is kept by the smaller of two quotients.

// CHECK-LABEL: func.func @aspect
// CHECK-SAME: %[[H:[a-z0-9]+]]: index
func.func @aspect(%x: tensor<?x8xf32> {onnx.dims = ["h", ""]}) -> tensor<?x?xf32> {
  %none = onnx.Absent
  %sizes = onnx.Constant() {value = dense<[6, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  // CHECK: arith.minsi
  // CHECK: kernel.map ins(%arg0, {{.*}}) outs(%{{.*}} : tensor<?x?xf32>)
  %0 = onnx.Resize(%x, %none, %none, %sizes) {keep_aspect_ratio_policy = "not_larger"} : (tensor<?x8xf32>, none, none, tensor<2xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// With nothing to change nothing is computed.

// CHECK-LABEL: func.func @same
// CHECK-NEXT: return %arg0
func.func @same(%x: tensor<?x8xf32> {onnx.dims = ["h", ""]}) -> tensor<?x8xf32> {
  %none = onnx.Absent
  %one = onnx.Constant() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = onnx.Resize(%x, %none, %one) {mode = "cubic"} : (tensor<?x8xf32>, none, tensor<2xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
