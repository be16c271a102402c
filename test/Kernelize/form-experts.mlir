// RUN: strut-opt %s --strut-form-kernels --cse | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-kernels,func.func(strut-fuse-kernels),strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-assign-layouts))' | FileCheck %s --check-prefix=PACKED

// Slots are sorted by expert once; each product reads them by that order, the first the rows
// of their tokens. The weight of a choice and both biases are in the epilogues.

// CHECK-DAG: #[[TOKEN:.*]] = affine_map<(d0, d1, d2, d3) -> (d1 floordiv 2, d3)>
// CHECK-DAG: #[[MATRIX:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
// CHECK-DAG: #[[SLOT:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-DAG: #[[FACTOR:.*]] = affine_map<(d0, d1, d2, d3) -> (d1)>

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[M:[a-z0-9]+]]: index)
// CHECK: %[[S:.*]] = arith.muli %[[M]]
// CHECK: %[[SORTED:.*]]:2 = kernel.region ins(%{{.*}} : tensor<?xi64>) outs(%{{.*}}, %{{.*}} : tensor<?xi32>, tensor<5xi32>)
// CHECK: %[[H:.*]] = kernel.grouped ins(%{{.*}}, %{{.*}}, %[[SORTED]]#0, %[[SORTED]]#1, %{{.*}} :
// CHECK-SAME: indexing_maps = [#[[TOKEN]], #[[MATRIX]]
// CHECK: arith.addf
// CHECK: arith.maximumf
// CHECK: %[[Y:.*]] = kernel.grouped ins(%[[H]], %{{.*}}, %[[SORTED]]#0, %[[SORTED]]#1, %{{.*}} :
// CHECK-SAME: indexing_maps = [#[[SLOT]], #[[MATRIX]], #{{.*}}, #{{.*}}, #[[FACTOR]]
// CHECK: arith.mulf
// CHECK: %[[PAIRS:.*]] = tensor.expand_shape %[[Y]]
// CHECK: kernel.map ins(%[[PAIRS]], %[[PAIRS]] :
// CHECK: arith.addf

// Each expert's matrix is packed, whichever way it lies.
// PACKED: kernel.use @in : !kernel.packed<tensor<4x8x16xf32>, #cpu.panels<rows = [1], cols = [2], n = 16>>
// PACKED: kernel.use @out : !kernel.packed<tensor<4x6x16xf32>, #cpu.panels<rows = [2], cols = [1], n = 16>>
func.func @main(%x: tensor<?x8xf32> {onnx.name = "x", onnx.dims = ["m", ""]}, %w: tensor<?x2xf32> {onnx.name = "w", onnx.dims = ["m", ""]}, %e: tensor<?x2xi64> {onnx.name = "e", onnx.dims = ["m", ""]}) -> tensor<?x6xf32> {
  %in = onnx.Constant() {value = dense<1.0> : tensor<4x8x16xf32>} : () -> tensor<4x8x16xf32> loc("in")
  %b = onnx.Constant() {value = dense<2.0> : tensor<4x16xf32>} : () -> tensor<4x16xf32> loc("b")
  %o = onnx.Constant() {value = dense<3.0> : tensor<4x6x16xf32>} : () -> tensor<4x6x16xf32> loc("out")
  %out = onnx.Transpose(%o) {perm = array<i64: 0, 2, 1>} : (tensor<4x6x16xf32>) -> tensor<4x16x6xf32>
  %y = layer.experts %x by %w, %e in %in bias %b out %out {activation = #layer.activation<relu>}
      : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<4x8x16xf32>, tensor<4x16xf32>, tensor<4x16x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
