// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// The axis is iterated last, wherever it lies.

// CHECK-DAG: #[[MAP:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: func.func @softmax
func.func @softmax(%x: tensor<?x4x8xf32> {onnx.dims = ["n", "", ""]}) -> tensor<?x4x8xf32> {
  // CHECK: kernel.rows
  // CHECK-SAME: axes = 1 : i64, indexing_maps = [#[[MAP]], #[[MAP]]]
  // CHECK: kernel.combine max
  // CHECK: math.exp
  // CHECK: kernel.combine add
  %0 = onnx.Softmax(%x) {axis = 1 : i64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  return %0 : tensor<?x4x8xf32>
}

// -----

// f16 is computed in f32.

// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: tensor<?x8xf16> {onnx.dims = ["n", ""]}, %g: tensor<8xf16>, %b: tensor<8xf16>) -> tensor<?x8xf16> {
  // CHECK: kernel.rows ins(%arg0, %arg1, %arg2 :
  // CHECK: arith.extf
  // CHECK: kernel.combine add %{{.*}} : f32
  // CHECK: arith.subf
  // CHECK: kernel.combine add %{{.*}} : f32
  // CHECK: math.sqrt
  // CHECK: arith.truncf
  %0 = onnx.LayerNormalization(%x, %g, %b) : (tensor<?x8xf16>, tensor<8xf16>, tensor<8xf16>) -> tensor<?x8xf16>
  return %0 : tensor<?x8xf16>
}

// -----

// A symbolic number of elements is counted on the way.

// CHECK-LABEL: func.func @mean
func.func @mean(%x: tensor<4x?xf32> {onnx.dims = ["", "n"]}) -> tensor<4x1xf32> {
  %axes = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK: %[[R:.*]] = kernel.rows ins(%arg0 {{.*}} outs(%{{.*}} : tensor<4xf32>)
  // CHECK: %[[S:.*]] = kernel.combine add
  // CHECK: %[[N:.*]] = kernel.combine add
  // CHECK: arith.divf %[[S]], %[[N]]
  // CHECK: tensor.expand_shape %[[R]] {{\[}}[0, 1]] output_shape [4, 1]
  %0 = onnx.ReduceMean(%x, %axes) : (tensor<4x?xf32>, tensor<1xi64>) -> tensor<4x1xf32>
  return %0 : tensor<4x1xf32>
}

// -----

// Without axes everything is reduced, to a scalar.

// CHECK-LABEL: func.func @all
func.func @all(%x: tensor<4x5xf32>) -> tensor<f32> {
  // CHECK: kernel.rows {{.*}} outs(%{{.*}} : tensor<f32>)
  // CHECK-SAME: axes = 2 : i64
  %0 = onnx.ReduceMax(%x) {keepdims = 0 : i64} : (tensor<4x5xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// Constant parameters of a batch normalisation are folded: x * 2 + 3.

// CHECK-DAG: kernel.weight @{{.*}} : tensor<2xf32> = dense<2.000000e+00>
// CHECK-DAG: kernel.weight @{{.*}} : tensor<2xf32> = dense<3.000000e+00>
// CHECK-LABEL: func.func @batch_norm
func.func @batch_norm(%x: tensor<?x2x4x4xf32> {onnx.dims = ["n", "", "", ""]}) -> tensor<?x2x4x4xf32> {
  %scale = onnx.Constant() {value = dense<4.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %bias = onnx.Constant() {value = dense<5.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %mean = onnx.Constant() {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %var = onnx.Constant() {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  // CHECK: kernel.map ins(%arg0,
  // CHECK: arith.mulf
  // CHECK-NEXT: arith.addf
  // CHECK-NEXT: kernel.yield
  %0 = onnx.BatchNormalization(%x, %scale, %bias, %mean, %var) {epsilon = 1.0 : f32} : (tensor<?x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x4x4xf32>
  return %0 : tensor<?x2x4x4xf32>
}
