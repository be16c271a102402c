// RUN: strut-opt %s --strut-form-kernels --cse --strut-fuse-kernels --strut-collapse-dimensions --cse --strut-join-contractions --canonicalize --split-input-file | FileCheck %s

// A gated net: no value of the hidden width is stored but the product of both halves.

// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[N:.*]] = affine_map<(d0, d1, d2) -> (d1)>
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func.func @gated
func.func @gated(%x: tensor<?x?x8xf32> {onnx.dims = ["b", "s", ""]}) -> tensor<?x?x8xf32> {
  %gate = onnx.Constant() {value = dense<1.0> : tensor<8x20xf32>} : () -> tensor<8x20xf32>
  %up = onnx.Constant() {value = dense<2.0> : tensor<8x20xf32>} : () -> tensor<8x20xf32>
  %bias = onnx.Constant() {value = dense<3.0> : tensor<20xf32>} : () -> tensor<20xf32>
  %down = onnx.Constant() {value = dense<4.0> : tensor<20x8xf32>} : () -> tensor<20x8xf32>
  // CHECK-DAG: %[[GATE:.*]] = kernel.use @[[G:.*]] : tensor<8x20xf32>
  // CHECK-DAG: %[[UP:.*]] = kernel.use @[[U:.*]] : tensor<8x20xf32>
  // CHECK: %[[H:.*]] = kernel.contract ins(%[[X:.*]], %{{.*}}, %[[X]], %{{.*}}, %{{.*}} :
  // CHECK-SAME: indexing_maps = [#[[MK]], #[[KN]], #[[MK]], #[[KN]], #[[N]], #[[MN]]]
  // CHECK-SAME: sums = array<i64: 0, 1>
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
  // CHECK: math.exp
  // CHECK: kernel.contract ins(%[[H]],
  // CHECK-NOT: = kernel.
  // CHECK: return
  %g = layer.linear %x, %gate bias %bias : tensor<?x?x8xf32>, tensor<8x20xf32>, tensor<20xf32> -> tensor<?x?x20xf32>
  %s = onnx.Sigmoid(%g) : (tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  %a = onnx.Mul(%g, %s) : (tensor<?x?x20xf32>, tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  %u = layer.linear %x, %up : tensor<?x?x8xf32>, tensor<8x20xf32> -> tensor<?x?x20xf32>
  %p = onnx.Mul(%a, %u) : (tensor<?x?x20xf32>, tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  %y = layer.linear %p, %down : tensor<?x?x20xf32>, tensor<20x8xf32> -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// -----

// x V + f(x W) U + b: one sum over both k.

// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d1)>
// CHECK-DAG: #[[MR:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// CHECK-DAG: #[[RN:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d1)>
// CHECK-LABEL: func.func @dual
func.func @dual(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x5xf32>} : () -> tensor<8x5xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<5x6xf32>} : () -> tensor<5x6xf32>
  %b = onnx.Constant() {value = dense<4.0> : tensor<6xf32>} : () -> tensor<6xf32>
  // CHECK: %[[T:.*]] = kernel.contract ins(%{{[^:]*}} : tensor<?x8xf32>, tensor<8x5xf32>)
  // CHECK: kernel.contract
  // CHECK-SAME: sums = array<i64: 0, 0>
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
  // CHECK-NEXT: %[[Y:.*]] = arith.addf %[[SUM]], %[[BIAS]]
  // CHECK-NEXT: kernel.yield %[[Y]]
  // CHECK-NOT: = kernel.
  // CHECK: return
  %l = layer.linear %x, %v bias %b : tensor<?x8xf32>, tensor<8x6xf32>, tensor<6xf32> -> tensor<?x6xf32>
  %h = layer.linear %x, %w : tensor<?x8xf32>, tensor<8x5xf32> -> tensor<?x5xf32>
  %t = onnx.Tanh(%h) : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %o = layer.linear %t, %u : tensor<?x5xf32>, tensor<5x6xf32> -> tensor<?x6xf32>
  %y = onnx.Add(%l, %o) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Three sums into one, and an activation of the whole.

// CHECK-LABEL: func.func @three
func.func @three(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x4xf32> {onnx.dims = ["n", ""]}, %z: tensor<?x3xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %w = onnx.Constant() {value = dense<3.0> : tensor<3x6xf32>} : () -> tensor<3x6xf32>
  // CHECK: kernel.contract {{.*}} sums = array<i64: 0, 0, 0>
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32):
  // CHECK-NEXT: %[[Y:.*]] = math.tanh %[[SUM]]
  // CHECK-NEXT: kernel.yield %[[Y]]
  // CHECK-NOT: = kernel.
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %b = layer.linear %y, %v : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  %c = layer.linear %z, %w : tensor<?x3xf32>, tensor<3x6xf32> -> tensor<?x6xf32>
  %d = onnx.Add(%a, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %e = onnx.Add(%c, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %t = onnx.Tanh(%e) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %t : tensor<?x6xf32>
}

// -----

// A value that is added twice is no part of one sum, but of a second one.

// CHECK-LABEL: func.func @doubled
func.func @doubled(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  // CHECK: kernel.contract {{.*}} sums = array<i64: 0, 1>
  // CHECK-NOT: = kernel.
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %b = layer.linear %y, %v : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  %s = onnx.Sigmoid(%a) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %d = onnx.Mul(%a, %s) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %e = onnx.Add(%d, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %e : tensor<?x6xf32>
}

// -----

// Not in halves: a sum is rounded to them before it is added to another, which stays two sums.

// CHECK-LABEL: func.func @rounded
func.func @rounded(%x: tensor<?x8xf16> {onnx.dims = ["n", ""]}, %y: tensor<?x4xf16> {onnx.dims = ["n", ""]}) -> tensor<?x6xf16> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf16>} : () -> tensor<8x6xf16>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf16>} : () -> tensor<4x6xf16>
  // CHECK: kernel.contract {{.*}} sums = array<i64: 0, 1>
  // CHECK: arith.truncf
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf16>, tensor<8x6xf16> -> tensor<?x6xf16>
  %b = layer.linear %y, %v : tensor<?x4xf16>, tensor<4x6xf16> -> tensor<?x6xf16>
  %e = onnx.Add(%a, %b) : (tensor<?x6xf16>, tensor<?x6xf16>) -> tensor<?x6xf16>
  return %e : tensor<?x6xf16>
}

// -----

// Condition 1: something else reads the value between.

// CHECK-LABEL: func.func @read_twice
func.func @read_twice(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %b = layer.linear %y, %v : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  %e = onnx.Add(%a, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %a, %e : tensor<?x6xf32>, tensor<?x6xf32>
}

// -----

// Condition 2: it is read along other rows, or a row of it by all.

// CHECK-LABEL: func.func @transposed
func.func @transposed(%x: tensor<6x8xf32>, %y: tensor<6x4xf32>) -> tensor<6x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.linear %x, %u : tensor<6x8xf32>, tensor<8x6xf32> -> tensor<6x6xf32>
  %t = onnx.Transpose(%a) {perm = array<i64: 1, 0>} : (tensor<6x6xf32>) -> tensor<6x6xf32>
  %b = layer.linear %y, %v : tensor<6x4xf32>, tensor<4x6xf32> -> tensor<6x6xf32>
  %e = onnx.Add(%t, %b) : (tensor<6x6xf32>, tensor<6x6xf32>) -> tensor<6x6xf32>
  return %e : tensor<6x6xf32>
}

// CHECK-LABEL: func.func @broadcast
func.func @broadcast(%x: tensor<1x8xf32>, %y: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.linear %x, %u : tensor<1x8xf32>, tensor<8x6xf32> -> tensor<1x6xf32>
  %b = layer.linear %y, %v : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  %e = onnx.Add(%a, %b) : (tensor<1x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %e : tensor<?x6xf32>
}

// Half of what a map computes.
// CHECK-LABEL: func.func @part
func.func @part(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x12xf32>} : () -> tensor<8x12xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %0 = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %6 = onnx.Constant() {value = dense<6> : tensor<1xi64>} : () -> tensor<1xi64>
  %1 = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x12xf32> -> tensor<?x12xf32>
  %s = onnx.Slice(%a, %0, %6, %1) : (tensor<?x12xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x6xf32>
  %b = layer.linear %y, %v : tensor<?x4xf32>, tensor<4x6xf32> -> tensor<?x6xf32>
  %e = onnx.Add(%s, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %e : tensor<?x6xf32>
}

// -----

// Condition 3: a right-hand side is computed; there are blocks.

// CHECK-LABEL: func.func @computed
func.func @computed(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}, %v: tensor<8x6xf32>) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %b = layer.linear %x, %v : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %e = onnx.Mul(%a, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %e : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @blocks
func.func @blocks(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x4x3xf32>} : () -> tensor<2x4x3xf32>
  // CHECK-NOT: sums
  // CHECK: return
  %a = layer.block_linear %x, %u : tensor<?x8xf32>, tensor<2x4x3xf32> -> tensor<?x6xf32>
  %b = layer.block_linear %x, %v : tensor<?x8xf32>, tensor<2x4x3xf32> -> tensor<?x6xf32>
  %e = onnx.Mul(%a, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %e : tensor<?x6xf32>
}

// -----

// Condition 6: the fifth sum is one too many.

// CHECK-LABEL: func.func @five
func.func @five(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x6xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %w = onnx.Constant() {value = dense<3.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %p = onnx.Constant() {value = dense<4.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %q = onnx.Constant() {value = dense<5.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  // CHECK: kernel.contract
  // CHECK: kernel.contract
  // CHECK-NOT: array<i64: 0, 1, 2, 3, 4>
  // CHECK: return
  %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %b = layer.linear %x, %v : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %c = layer.linear %x, %w : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %d = layer.linear %x, %p : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %e = layer.linear %x, %q : tensor<?x8xf32>, tensor<8x6xf32> -> tensor<?x6xf32>
  %0 = onnx.Mul(%a, %b) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %1 = onnx.Mul(%0, %c) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %2 = onnx.Mul(%1, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %3 = onnx.Mul(%2, %e) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %3 : tensor<?x6xf32>
}
