// RUN: strut-opt %s --strut-infer-shapes --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @types
// CHECK-SAME: -> (tensor<1x4x6x6xf32>, tensor<1x4x6x6xf32>)
func.func @types(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>, %c: tensor<i1>) -> (tensor<*xf32>, !onnx.unknown) {
  %a = onnx.Conv(%x, %w) : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<*xf32>
  // Types flow into bodies and out of them.
  // CHECK: onnx.If
  // CHECK: onnx.Neg({{.*}}) : (tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32>
  // CHECK: : (tensor<i1>) -> tensor<1x4x6x6xf32>
  %i = onnx.If(%c) else_branch {
    %n = onnx.Neg(%a) : (tensor<*xf32>) -> tensor<*xf32>
    onnx.Yield %n : tensor<*xf32>
  } then_branch {
    onnx.Yield %a : tensor<*xf32>
  } : (tensor<i1>) -> !onnx.unknown
  return %a, %i : tensor<*xf32>, !onnx.unknown
}

// -----

// Arithmetic on shapes is followed: the batch is kept, the rest flattened.

// CHECK-LABEL: func.func @shapes
// CHECK: onnx.Reshape({{.*}}) -> tensor<2x60xf32>
func.func @shapes(%x: tensor<2x3x4x5xf32>) -> tensor<?x?xf32> {
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %rest = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<2x3x4x5xf32>) -> tensor<4xi64>
  %n = onnx.Gather(%s, %zero) : (tensor<4xi64>, tensor<1xi64>) -> tensor<1xi64>
  %to = onnx.Concat(%n, %rest) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %y = onnx.Reshape(%x, %to) : (tensor<2x3x4x5xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// An operator without inference of its own is inferred through its body; a result
// that is left out stays out; what is not known yet does not disturb.

// CHECK-LABEL: func.func @bodies
// CHECK: onnx.GroupNormalization({{.*}}) -> tensor<?x?x?x?xf32>
// CHECK: onnx.MaxPool({{.*}}) -> (tensor<1x4x7x7xf32>, none)
// CHECK: onnx.Relu(%arg2) : (!onnx.unknown) -> !onnx.unknown
func.func @bodies(%x: tensor<1x4x8x8xf32>, %s: tensor<4xf32>, %u: !onnx.unknown) {
  %g = onnx.GroupNormalization(%x, %s, %s) {num_groups = 2 : i64} : (tensor<1x4x8x8xf32>, tensor<4xf32>, tensor<4xf32>) -> !onnx.unknown
  %p, %none = onnx.MaxPool(%x) {kernel_shape = array<i64: 2, 2>} : (tensor<1x4x8x8xf32>) -> (!onnx.unknown, none)
  %r = onnx.Relu(%u) : (!onnx.unknown) -> !onnx.unknown
  return
}

// -----

// Types are refined, never made vaguer.

// CHECK-LABEL: func.func @kept
// CHECK: onnx.Relu({{.*}}) -> tensor<4x?xf32>
func.func @kept(%x: tensor<?x?xf32>) -> tensor<4x?xf32> {
  %y = onnx.Relu(%x) : (tensor<?x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

// Weights tell what their operands must have; in all inputs that have the dimension.

// CHECK-LABEL: func.func @weights
// CHECK-SAME: tensor<?x6x?x?xf32> {onnx.dims = ["N", "", "H", "W"], onnx.name = "x"}
// CHECK-SAME: tensor<6x?xf32> {onnx.dims = ["", "N"], onnx.name = "z"}
// CHECK: onnx.Relu(%arg0) : (tensor<?x6x?x?xf32>) -> tensor<?x6x?x?xf32>
// CHECK: onnx.MatMul({{.*}}) : (tensor<?x?x?x4xf32>, tensor<4x5xf32>) -> tensor<?x?x?x5xf32>
func.func @weights(%x: tensor<?x?x?x?xf32> {onnx.name = "x", onnx.dims = ["N", "C", "H", "W"]},
                   %z: tensor<?x?xf32> {onnx.name = "z", onnx.dims = ["C", "N"]},
                   %w: tensor<4x3x3x3xf32>, %v: tensor<4x5xf32>) -> tensor<*xf32> {
  // expected-remark @+1 {{dimension 'C' of the inputs is 6, all that what follows takes}}
  %r = onnx.Relu(%x) : (tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %p = onnx.MaxPool(%r) {kernel_shape = array<i64: 2, 2>} : (tensor<?x?x?x?xf32>) -> tensor<*xf32>
  %c = onnx.Conv(%p, %w) {group = 2 : i64} : (tensor<*xf32>, tensor<4x3x3x3xf32>) -> tensor<*xf32>
  %t = onnx.Transpose(%c) {perm = array<i64: 0, 2, 3, 1>} : (tensor<*xf32>) -> tensor<*xf32>
  %y = onnx.MatMul(%t, %v) : (tensor<*xf32>, tensor<4x5xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

// A branch may not run, and an extent of 1 on the other side tells nothing of a sum.

// CHECK-LABEL: func.func @nothing_told
// CHECK-SAME: tensor<?x?xf32> {onnx.dims = ["N", "C"], onnx.name = "x"}
func.func @nothing_told(%x: tensor<?x?xf32> {onnx.name = "x", onnx.dims = ["N", "C"]}, %c: tensor<i1>,
                        %v: tensor<4x5xf32>, %b: tensor<4xf32>) -> (tensor<*xf32>, tensor<*xf32>) {
  %s = onnx.Add(%x, %b) : (tensor<?x?xf32>, tensor<4xf32>) -> tensor<*xf32>
  %i = onnx.If(%c) else_branch {
    onnx.Yield %x : tensor<?x?xf32>
  } then_branch {
    %y = onnx.MatMul(%x, %v) : (tensor<?x?xf32>, tensor<4x5xf32>) -> tensor<*xf32>
    onnx.Yield %y : tensor<*xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  return %s, %i : tensor<*xf32>, tensor<*xf32>
}

// -----

// Products from either side, and the inputs of recurrent layers.

// CHECK-LABEL: func.func @products
// CHECK-SAME: tensor<4x?xf32> {onnx.dims = ["", "M"], onnx.name = "a"}
// CHECK-SAME: tensor<5x?xf32> {onnx.dims = ["", "N"], onnx.name = "b"}
// CHECK-SAME: tensor<?x?x7xf32> {onnx.dims = ["S", "B", ""], onnx.name = "s"}
func.func @products(%a: tensor<?x?xf32> {onnx.name = "a", onnx.dims = ["K", "M"]},
                    %b: tensor<?x?xf32> {onnx.name = "b", onnx.dims = ["L", "N"]},
                    %s: tensor<?x?x?xf32> {onnx.name = "s", onnx.dims = ["S", "B", "I"]},
                    %v: tensor<4x5xf32>, %w: tensor<1x12x7xf32>, %r: tensor<1x12x3xf32>) {
  // expected-remark @+1 {{dimension 'K' of the inputs is 4}}
  %x = onnx.Gemm(%a, %v) {transA = 1 : i64} : (tensor<?x?xf32>, tensor<4x5xf32>) -> tensor<*xf32>
  // expected-remark @+1 {{dimension 'L' of the inputs is 5}}
  %y = onnx.MatMul(%v, %b) : (tensor<4x5xf32>, tensor<?x?xf32>) -> tensor<*xf32>
  // expected-remark @+1 {{dimension 'I' of the inputs is 7}}
  %l = onnx.LSTM(%s, %w, %r) {hidden_size = 3 : i64} : (tensor<?x?x?xf32>, tensor<1x12x7xf32>, tensor<1x12x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @contradiction(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{has type 'tensor<2x3xf32>' for result 0, which is declared as 'tensor<2x4xf32>'}}
  %y = onnx.Relu(%x) : (tensor<2x3xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @mismatch(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) {
  // expected-error @+1 {{Incompatible dimensions}}
  %z = onnx.MatMul(%x, %y) : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @body_gets_another_type(%n: tensor<i64>, %c: tensor<i1>, %x: tensor<4xf32>) {
  // expected-error @+1 {{input 2 of a body is declared as tensor<4xf64>, but gets tensor<*xf32>}}
  %l = onnx.Loop(%n, %c, %x) body {
  ^bb0(%trip: tensor<i64>, %go: tensor<i1>, %acc: tensor<4xf64>):
    onnx.Yield %go, %acc : tensor<i1>, tensor<4xf64>
  } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// A condition of shape [1] is taken for a scalar.

// CHECK-LABEL: func.func @condition_of_one_element
// CHECK: onnx.Loop
func.func @condition_of_one_element(%n: tensor<i64>, %c: tensor<1xi1>, %x: tensor<4xf32>) -> !onnx.unknown {
  %l = onnx.Loop(%n, %c, %x) body {
  ^bb0(%trip: tensor<i64>, %go: tensor<i1>, %acc: tensor<4xf32>):
    onnx.Yield %go, %acc : tensor<i1>, tensor<4xf32>
  } : (tensor<i64>, tensor<1xi1>, tensor<4xf32>) -> !onnx.unknown
  return %l : !onnx.unknown
}
