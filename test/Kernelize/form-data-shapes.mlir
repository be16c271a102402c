// RUN: strut-opt %s --strut-form-kernels --split-input-file | FileCheck %s

// Elements of an input that say a shape are dimensions, also through arithmetic.

// CHECK-LABEL: func.func @elements
// CHECK-SAME: %arg1: index, %arg2: index) -> tensor<?x?xf32>
// CHECK-SAME: strut.elements = [array<i64: 0, 0, 0>, array<i64: 1, 0, 1>]
// CHECK-SAME: strut.symbols = ["size[0]", "size[1]"]
// CHECK: %[[TWICE:.*]] = arith.muli %arg2,
// CHECK: tensor.empty(%arg1, %[[TWICE]])
func.func @elements(%size: tensor<2xi64> {onnx.name = "size"}) -> tensor<?x?xf32> {
  %scale = onnx.Constant() {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %shape = onnx.Mul(%size, %scale) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %y = onnx.ConstantOfShape(%shape) {value = dense<1.0> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// Integers that say no shape are data.

// CHECK-LABEL: func.func @data(%arg0: tensor<2xi64> {{.*}}, %arg1: tensor<5xf32> {{[^,]*}}) -> (tensor<2xf32>, tensor<i64>)
// CHECK-NOT: strut.elements
func.func @data(%ids: tensor<2xi64>, %x: tensor<5xf32>) -> tensor<2xf32> {
  %y = onnx.Gather(%x, %ids) : (tensor<5xf32>, tensor<2xi64>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// As many places as there are elements, and the number of those that were found. The second axis
// is counted, so the result is packed.

// CHECK-LABEL: func.func @nonzero
// CHECK-SAME: -> (tensor<2x?xi64>, tensor<i64>)
// CHECK-SAME: strut.notes = {{\[\[}}array<i64: 0, 1>]]
// CHECK: %[[ALL:.*]] = arith.muli %arg1,
// CHECK: %[[MOST:.*]] = arith.maxsi %[[ALL]],
// CHECK: %[[FOUND:.*]]:2 = kernel.region ins(%{{.*}} : tensor<?xf32>)
// CHECK: tensor.empty(%[[MOST]]) : tensor<2x?xi64>
// CHECK: %[[PACKED:.*]] = kernel.region ins(%{{.*}}, %[[FOUND]]#1 :
// CHECK: %[[Y:.*]] = tensor.expand_shape %[[PACKED]]
// CHECK: return %[[Y]], %[[FOUND]]#1
func.func @nonzero(%x: tensor<?x2xf32> {onnx.dims = ["n", ""], onnx.name = "x"}) -> tensor<2x?xi64> {
  %y = onnx.NonZero(%x) : (tensor<?x2xf32>) -> tensor<2x?xi64>
  return %y : tensor<2x?xi64>
}

// -----

// What the model declares is taken, and whether the data agree is a result of the run.

// CHECK-LABEL: func.func @declared
// CHECK-SAME: -> (tensor<2x3xf32>, tensor<i64>)
// CHECK-SAME: strut.notes = ["node 'view': its shape is not the one that the model declares, [2, 3]"]
// CHECK: %[[OK:.*]] = kernel.map
// CHECK: %[[Y:.*]] = tensor.expand_shape %arg0
// CHECK: return %[[Y]], %[[OK]]
func.func @declared(%x: tensor<6xf32>, %s: tensor<2xi64>) -> tensor<2x3xf32> {
  %y = onnx.Reshape(%x, %s) : (tensor<6xf32>, tensor<2xi64>) -> tensor<2x3xf32> loc("view")
  return %y : tensor<2x3xf32>
}
