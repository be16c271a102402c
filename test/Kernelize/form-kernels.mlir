// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// The function gets an index argument per symbolic dimension, in the order in
// which the inputs name them; the same name is the same argument.

// CHECK: kernel.weight @w : tensor<8x4xf32> = dense<1.000000e+00>
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32> {strut.dims = ["batch", "seq", ""], strut.name = "x"}
// CHECK-SAME: %[[Y:.*]]: tensor<?x4xf32> {strut.dims = ["seq", ""], strut.name = "y"}
// CHECK-SAME: %[[BATCH:[a-z0-9]+]]: index
// CHECK-SAME: %[[SEQ:[a-z0-9]+]]: index
// CHECK-SAME: -> (tensor<?x?x4xf32> {strut.name = "z"})
// CHECK-SAME: strut.symbols = ["batch", "seq"]
func.func @main(%x: tensor<?x?x8xf32> {onnx.name = "x", onnx.dims = ["batch", "seq", ""]}, %y: tensor<?x4xf32> {onnx.name = "y", onnx.dims = ["seq", ""]}) -> (tensor<?x?x4xf32> {onnx.name = "z"}) {
  // CHECK: %[[W:.*]] = kernel.use @w : tensor<8x4xf32>
  // CHECK: %[[E:.*]] = tensor.empty(%[[BATCH]], %[[SEQ]]) : tensor<?x?x4xf32>
  // CHECK: %[[P:.*]] = kernel.contract ins(%[[X]], %[[W]] : tensor<?x?x8xf32>, tensor<8x4xf32>) outs(%[[E]]
  // CHECK: kernel.map ins(%[[P]], %[[Y]] : tensor<?x?x4xf32>, tensor<?x4xf32>) outs(%[[E]]
  %w = onnx.Constant() {value = dense<1.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32> loc("w")
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  %1 = onnx.Add(%0, %y) : (tensor<?x?x4xf32>, tensor<?x4xf32>) -> tensor<?x?x4xf32>
  return %1 : tensor<?x?x4xf32>
}

// -----

// Equal constants are declared once, also under two names; a scalar becomes a
// constant of the body.

// CHECK-COUNT-1: kernel.weight
// CHECK-NOT: kernel.weight
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32> loc("a")
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32> loc("b")
  %half = onnx.Constant() {value = dense<0.5> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = onnx.Add(%x, %a) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.Mul(%0, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: kernel.map ins(%{{.*}} : tensor<4xf32>)
  // CHECK: arith.constant 5.000000e-01 : f32
  // CHECK: arith.mulf
  %2 = onnx.Mul(%1, %half) : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// Forms are lowered within the branches of a switch over the product of extents.

// CHECK-LABEL: func.func @alternatives
// CHECK-SAME: %[[B:[a-z0-9]+]]: index, %[[S:[a-z0-9]+]]: index)
func.func @alternatives(%x: tensor<?x?x8xf32> {onnx.name = "x", onnx.dims = ["b", "s", ""]}) -> tensor<?x?x8xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x2xf32>} : () -> tensor<8x2xf32> loc("u")
  %v = onnx.Constant() {value = dense<1.0> : tensor<2x8xf32>} : () -> tensor<2x8xf32> loc("v")
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32> loc("w")
  // CHECK: %[[M:.*]] = arith.muli %[[B]], %[[S]] : index
  // CHECK: %[[LESS:.*]] = arith.cmpi ult, %[[M]], %{{.*}} : index
  // CHECK: %[[CHOICE:.*]] = arith.select %[[LESS]], %{{.*}}, %{{.*}} : index
  // CHECK: %[[Y:.*]] = scf.index_switch %[[CHOICE]] -> tensor<?x?x8xf32>
  // CHECK-NEXT: case 0 {
  // CHECK: kernel.contract
  // CHECK: kernel.contract
  // CHECK: scf.yield
  // CHECK: default {
  // CHECK: kernel.contract
  // CHECK-NOT: kernel.contract
  // CHECK: scf.yield
  // CHECK: %[[Z:.*]] = kernel.map ins(%[[Y]]
  // CHECK: return %[[Z]]
  %y = layer.alternatives of %x : tensor<?x?x8xf32> by [#layer.case<[0, 1] below 48 -> 0>] else 1 -> tensor<?x?x8xf32> {
    %a = layer.linear %x, %u : tensor<?x?x8xf32>, tensor<8x2xf32> -> tensor<?x?x2xf32>
    %b = layer.linear %a, %v : tensor<?x?x2xf32>, tensor<2x8xf32> -> tensor<?x?x8xf32>
    layer.yield %b : tensor<?x?x8xf32>
  }, {
    %c = layer.linear %x, %w : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
    layer.yield %c : tensor<?x?x8xf32>
  }
  return %y : tensor<?x?x8xf32>
}

// -----

// A dimension that nobody named gets the name of its input and axis.

// CHECK-LABEL: func.func @unnamed
// CHECK-SAME: strut.symbols = ["x_0"]
func.func @unnamed(%x: tensor<?xf32> {onnx.name = "x"}) -> tensor<?xf32> {
  %y = onnx.Exp(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
