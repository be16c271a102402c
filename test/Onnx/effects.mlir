// RUN: strut-opt %s --canonicalize --cse | FileCheck %s

// Equal operations merge and unused ones go.

// CHECK-LABEL: func.func @pure
// CHECK-NEXT: %[[A:.*]] = onnx.Relu(%arg0)
// CHECK-NEXT: %[[B:.*]] = onnx.Add(%[[A]], %[[A]])
// CHECK-NEXT: return %[[B]]
func.func @pure(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %dead = onnx.Sigmoid(%b) : (tensor<4xf32>) -> tensor<4xf32>
  %c = onnx.Add(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// Random tensors: the unused one goes, the two used ones stay two.

// CHECK-LABEL: func.func @random
// CHECK-COUNT-2: onnx.RandomNormal
// CHECK-NOT: onnx.RandomNormal
func.func @random() -> tensor<6xf32> {
  %a = onnx.RandomNormal() {shape = array<i64: 6>} : () -> tensor<6xf32>
  %b = onnx.RandomNormal() {shape = array<i64: 6>} : () -> tensor<6xf32>
  %dead = onnx.RandomNormal() {shape = array<i64: 6>} : () -> tensor<6xf32>
  %c = onnx.Add(%a, %b) : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  return %c : tensor<6xf32>
}

// An If is as pure as its bodies.

// CHECK-LABEL: func.func @bodies
// CHECK-NEXT: return
func.func @bodies(%c: tensor<i1>, %x: tensor<4xf32>) {
  %i = onnx.If(%c) else_branch {
    %neg = onnx.Neg(%x) : (tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %neg : tensor<4xf32>
  } then_branch {
    onnx.Yield %x : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  return
}
