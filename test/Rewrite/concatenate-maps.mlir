// RUN: strut-opt %s -split-input-file --strut-concatenate-maps='machine=%S/Inputs/machine.json' | FileCheck %s
// RUN: not strut-opt %s --strut-concatenate-maps='machine=absent.json' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: no machine is named 'absent.json', and it is no file that can be read

// Queries with a bias, keys and values that are narrower and have none.
// CHECK-LABEL: func @attention
func.func @attention(%x: tensor<?x7x4xf32>) -> tensor<?x7x4xf32> {
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00, 1.000000e+00, 1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00, 3.000000e+00, 3.000000e+00], {{.*}}> : tensor<4x8xf32>}
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[5.000000e+00, 5.000000e+00, 5.000000e+00, 5.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00]> : tensor<8xf32>}
  // CHECK: %[[Y:.*]] = layer.linear %arg0, %[[W]] bias %[[B]] : tensor<?x7x4xf32>, tensor<4x8xf32>, tensor<8xf32> -> tensor<?x7x8xf32>
  // CHECK: %[[S:.*]] = onnx.Constant() {value = dense<[4, 2, 2]> : tensor<3xi64>}
  // CHECK: %[[P:.*]]:3 = onnx.Split(%[[Y]], %[[S]]) {axis = 2 : i64} {{.*}} -> (tensor<?x7x4xf32>, tensor<?x7x2xf32>, tensor<?x7x2xf32>)
  // CHECK: onnx.Attention(%[[P]]#0, %[[P]]#1, %[[P]]#2
  // CHECK-NOT: layer.linear
  // CHECK: return
  %wq = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wk = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %wv = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b = onnx.Constant() {value = dense<5.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %q = layer.linear %x, %wq bias %b : tensor<?x7x4xf32>, tensor<4x4xf32>, tensor<4xf32> -> tensor<?x7x4xf32>
  %k = layer.linear %x, %wk : tensor<?x7x4xf32>, tensor<4x2xf32> -> tensor<?x7x2xf32>
  %v = layer.linear %x, %wv : tensor<?x7x4xf32>, tensor<4x2xf32> -> tensor<?x7x2xf32>
  %none = onnx.Absent
  %y = onnx.Attention(%q, %k, %v, %none, %none, %none, %none) {q_num_heads = 2 : i64, kv_num_heads = 1 : i64} : (tensor<?x7x4xf32>, tensor<?x7x2xf32>, tensor<?x7x2xf32>, none, none, none, none) -> tensor<?x7x4xf32>
  return %y : tensor<?x7x4xf32>
}

// -----

// Keys of groups of heads are repeated, and their shape is asked for.
// CHECK-LABEL: func @groups
func.func @groups(%x: tensor<?x7x4xf32>) -> (tensor<?x4x7x1xf32>, tensor<4xi64>) {
  // CHECK: layer.linear %arg0, {{.*}} -> tensor<?x7x6xf32>
  // CHECK: onnx.Split
  // CHECK-NOT: layer.linear
  // CHECK: return
  %wq = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wk = onnx.Constant() {value = dense<2.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %four = onnx.Constant() {value = dense<[0, 7, 4, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %two = onnx.Constant() {value = dense<[0, 7, 2, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %axis = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %twice = onnx.Constant() {value = dense<[1, 1, 2, 1, 1]> : tensor<5xi64>} : () -> tensor<5xi64>
  %heads = onnx.Constant() {value = dense<[0, 4, 7, 1]> : tensor<4xi64>} : () -> tensor<4xi64>
  %q = layer.linear %x, %wq : tensor<?x7x4xf32>, tensor<4x4xf32> -> tensor<?x7x4xf32>
  %k = layer.linear %x, %wk : tensor<?x7x4xf32>, tensor<4x2xf32> -> tensor<?x7x2xf32>
  %0 = onnx.Reshape(%q, %four) : (tensor<?x7x4xf32>, tensor<4xi64>) -> tensor<?x7x4x1xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x7x4x1xf32>) -> tensor<?x4x7x1xf32>
  %2 = onnx.Reshape(%k, %two) : (tensor<?x7x2xf32>, tensor<4xi64>) -> tensor<?x7x2x1xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x7x2x1xf32>) -> tensor<?x2x7x1xf32>
  %shape = onnx.Shape(%3) : (tensor<?x2x7x1xf32>) -> tensor<4xi64>
  %4 = onnx.Unsqueeze(%3, %axis) : (tensor<?x2x7x1xf32>, tensor<1xi64>) -> tensor<?x2x1x7x1xf32>
  %5 = onnx.Expand(%4, %twice) : (tensor<?x2x1x7x1xf32>, tensor<5xi64>) -> tensor<?x2x2x7x1xf32>
  %6 = onnx.Reshape(%5, %heads) : (tensor<?x2x2x7x1xf32>, tensor<4xi64>) -> tensor<?x4x7x1xf32>
  %7 = onnx.Attention(%1, %6, %6) {scale = 1.0 : f32} : (tensor<?x4x7x1xf32>, tensor<?x4x7x1xf32>, tensor<?x4x7x1xf32>) -> tensor<?x4x7x1xf32>
  return %7, %shape : tensor<?x4x7x1xf32>, tensor<4xi64>
}

// -----

// Views lead to what reads a part of a row; a third reader is pointwise.
// CHECK-LABEL: func @through_views
func.func @through_views(%x: tensor<?x4xf32>) -> (tensor<?x?xf32>, tensor<?x4xf32>) {
  // CHECK: layer.linear %arg0, {{.*}} -> tensor<?x8xf32>
  // CHECK: onnx.Split
  // CHECK: layer.linear %arg0, {{.*}} -> tensor<?x4xf32>
  // CHECK-NOT: layer.linear
  %wa = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wb = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wc = onnx.Constant() {value = dense<3.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = layer.linear %x, %wa : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %x, %wb : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %c = layer.linear %x, %wc : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  %r = onnx.Relu(%c) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %s, %r : tensor<?x?xf32>, tensor<?x4xf32>
}

// -----

// Two values that are read.
// CHECK-LABEL: func @two_values
// CHECK-NOT: onnx.Split
func.func @two_values(%x: tensor<?x4xf32>, %z: tensor<?x4xf32>) -> tensor<?x?xf32> {
  %wa = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wb = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = layer.linear %x, %wa : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %z, %wb : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %s : tensor<?x?xf32>
}

// -----

// (1) A weight that is computed, and a bias that is.
// CHECK-LABEL: func @computed
// CHECK-NOT: onnx.Split
func.func @computed(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>, %bias: tensor<4xf32>) -> tensor<?x?xf32> {
  %wb = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wc = onnx.Constant() {value = dense<3.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = layer.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %x, %wb : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %c = layer.linear %x, %wc bias %bias : tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  %u = onnx.MatMul(%s, %c) : (tensor<?x?xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %f = onnx.MatMul(%u, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %f : tensor<?x?xf32>
}

// -----

// (2) One weight for both.
// CHECK-LABEL: func @shared_weight
// CHECK-NOT: onnx.Split
func.func @shared_weight(%x: tensor<?x4xf32>) -> tensor<?x?xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %c = onnx.Constant() {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = layer.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %x, %w bias %c : tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %s : tensor<?x?xf32>
}

// -----

// (3) An activation, an output, a cache and another map are written or computed in place.
// CHECK-LABEL: func @in_place
// CHECK-NOT: onnx.Split
func.func @in_place(%x: tensor<?x4xf32>, %past: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %wa = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wb = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wc = onnx.Constant() {value = dense<3.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wd = onnx.Constant() {value = dense<4.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %we = onnx.Constant() {value = dense<5.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %a = layer.linear %x, %wa : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %x, %wb : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %c = layer.linear %x, %wc : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %d = layer.linear %x, %wd : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %e = layer.linear %d, %we : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %r = onnx.Relu(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %all = onnx.Concat(%past, %c) {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r, %b, %all, %e : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// (4) So many rows that starting a kernel counts for nothing.
// CHECK-LABEL: func @many_rows
// CHECK-NOT: onnx.Split
func.func @many_rows(%x: tensor<100000x64xf32>) -> tensor<100000x100000xf32> {
  %wa = onnx.Constant() {value = dense<1.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %wb = onnx.Constant() {value = dense<2.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %a = layer.linear %x, %wa : tensor<100000x64xf32>, tensor<64x64xf32> -> tensor<100000x64xf32>
  %b = layer.linear %x, %wb : tensor<100000x64xf32>, tensor<64x64xf32> -> tensor<100000x64xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<100000x64xf32>) -> tensor<64x100000xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<100000x64xf32>, tensor<64x100000xf32>) -> tensor<100000x100000xf32>
  return %s : tensor<100000x100000xf32>
}

// -----

// (1) One of three has a bias that is computed: the others become one.

// CHECK-LABEL: func.func @one_is_computed
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x8xf32>
// CHECK: onnx.Split
// CHECK: layer.linear %arg0, %{{.*}} bias %arg1
func.func @one_is_computed(%x: tensor<?x4xf32>, %bias: tensor<4xf32>) -> tensor<?x?xf32> {
  %wa = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wb = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wc = onnx.Constant() {value = dense<3.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = layer.linear %x, %wa : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %b = layer.linear %x, %wb : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %c = layer.linear %x, %wc bias %bias : tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%b) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %s = onnx.MatMul(%a, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  %u = onnx.MatMul(%s, %c) : (tensor<?x?xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %r = onnx.MatMul(%u, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// -----

// (3) A factor of a chain. (1) A map without columns.

// CHECK-LABEL: func.func @factor_of_a_chain
// CHECK-COUNT-2: layer.linear
// CHECK-NOT: onnx.Split
// CHECK: return
func.func @factor_of_a_chain(%x: tensor<?x4xf32>) -> tensor<?x?xf32> {
  %wq = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wk = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %q = layer.linear %x, %wq {layer.considered = []} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %k = layer.linear %x, %wk : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %t = onnx.Transpose(%k) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %y = onnx.MatMul(%q, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func.func @no_columns
// CHECK: layer.linear {{.*}} -> tensor<?x8xf32>
// CHECK: onnx.Split
// CHECK: layer.linear {{.*}} -> tensor<?x0xf32>
func.func @no_columns(%x: tensor<?x4xf32>) -> (tensor<?x?xf32>, tensor<2xi64>) {
  %wq = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wk = onnx.Constant() {value = dense<2.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %wn = onnx.Constant() {value = dense<1.0> : tensor<4x0xf32>} : () -> tensor<4x0xf32>
  %q = layer.linear %x, %wq : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %k = layer.linear %x, %wk : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %n = layer.linear %x, %wn : tensor<?x4xf32>, tensor<4x0xf32> -> tensor<?x0xf32>
  %s = onnx.Shape(%n) : (tensor<?x0xf32>) -> tensor<2xi64>
  %t = onnx.Transpose(%k) {perm = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %y = onnx.MatMul(%q, %t) : (tensor<?x4xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %y, %s : tensor<?x?xf32>, tensor<2xi64>
}
