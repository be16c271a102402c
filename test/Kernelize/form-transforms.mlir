// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Along the last axis the matrix is on the right, with real and imaginary parts of the result
// side by side; both parts of a value are summed over.

// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3, d1)>
// CHECK-LABEL: func.func @last
func.func @last(%x: tensor<?x5x2xf32> {onnx.dims = ["b", "", ""]}) -> tensor<?x5x2xf32> {
  %none = onnx.Absent
  // CHECK: kernel.contract ins(%arg0, %{{.*}} : tensor<?x5x2xf32>, tensor<2x5x10xf32>) outs(%{{.*}} : tensor<?x10xf32>)
  // CHECK-SAME: indexing_maps = [#[[X]], #[[W]],
  %0 = onnx.DFT(%x, %none, %none) : (tensor<?x5x2xf32>, none, none) -> tensor<?x5x2xf32>
  return %0 : tensor<?x5x2xf32>
}

// -----

// Along another axis it is on the left, so that the columns are those of the values. A real
// signal has one part, and half of its spectrum is computed alone.

// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d2, d4)>
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d3)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d0, d2, d3)>
// CHECK-LABEL: func.func @across
func.func @across(%x: tensor<?x6x7x1xf32> {onnx.dims = ["b", "", "", ""]}) -> tensor<?x4x7x2xf32> {
  %none = onnx.Absent
  %axis = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  // CHECK: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<2x4x6xf32>, tensor<?x6x7xf32>) outs(%{{.*}} : tensor<2x?x4x7xf32>)
  // CHECK-SAME: indexing_maps = [#[[W]], #[[X]], #[[Y]]]
  %0 = onnx.DFT(%x, %none, %axis) {onesided = 1 : i64} : (tensor<?x6x7x1xf32>, none, tensor<i64>) -> tensor<?x4x7x2xf32>
  return %0 : tensor<?x4x7x2xf32>
}

// -----

// In factors: the first one along the axis, with a matrix for each n2, the second across it.

// CHECK-LABEL: func.func @factors
func.func @factors(%x: tensor<?x6x2xf32> {onnx.dims = ["b", "", ""]}) -> tensor<?x6x2xf32> {
  %none = onnx.Absent
  // CHECK: kernel.contract ins(%arg0, %{{.*}} : tensor<?x6x2xf32>, tensor<3x2x2x4xf32>) outs(%{{.*}} : tensor<?x3x4xf32>)
  // CHECK: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<2x3x2x3xf32>, tensor<?x3x2x2xf32>) outs(%{{.*}} : tensor<2x?x3x2xf32>)
  %0 = onnx.DFT(%x, %none, %none) {layer.factors = array<i64: 2, 3>} : (tensor<?x6x2xf32>, none, none) -> tensor<?x6x2xf32>
  return %0 : tensor<?x6x2xf32>
}

// -----

// A length of the run: the matrix is computed.

// CHECK-LABEL: func.func @dynamic
func.func @dynamic(%x: tensor<4x?x2xf32> {onnx.dims = ["", "n", ""]}) -> tensor<4x?x2xf32> {
  %none = onnx.Absent
  // CHECK: kernel.map ins() outs(%{{.*}} : tensor<2x?x2x?xf32>)
  // CHECK: math.cos
  // CHECK: kernel.contract
  %0 = onnx.DFT(%x, %none, %none) {inverse = 1 : i64} : (tensor<4x?x2xf32>, none, none) -> tensor<4x?x2xf32>
  return %0 : tensor<4x?x2xf32>
}

// -----

// Columns in several axes: one is that of the kernel, the weight is not copied for the others.

// CHECK-LABEL: func.func @weight_on_the_left
func.func @weight_on_the_left(%w: tensor<3x4xf32>, %x: tensor<?x4x5xf32> {onnx.dims = ["b", "", ""]}) -> tensor<?x3x5xf32> {
  // CHECK-NOT: kernel.map
  // CHECK: kernel.contract ins(%arg0, %arg1 : tensor<3x4xf32>, tensor<?x4x5xf32>)
  %0 = onnx.MatMul(%w, %x) : (tensor<3x4xf32>, tensor<?x4x5xf32>) -> tensor<?x3x5xf32>
  return %0 : tensor<?x3x5xf32>
}
