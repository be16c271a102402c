// RUN: strut-opt %s -split-input-file --strut-choose-forms='machine=%S/Inputs/machine.json size-budget=400%%' | FileCheck %s
// RUN: strut-opt %s -split-input-file --strut-choose-forms='machine=%S/Inputs/machine.json size-budget=0' | FileCheck %s --check-prefix=ONE
// RUN: strut-opt %s -split-input-file --strut-choose-forms='machine=%S/Inputs/machine.json reduced-precision' | FileCheck %s --check-prefix=REDUCED
// RUN: not strut-opt %s --strut-choose-forms='machine=absent.json' 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not strut-opt %s --strut-choose-forms='size-budget=much' 2>&1 | FileCheck %s --check-prefix=BUDGET
// ABSENT: no machine is named 'absent.json', and it is no file that can be read
// BUDGET: the size budget 'much' must be a share as 20%, or bytes as 64M

// Few rows go through the product, many through the factors; the product of all leading
// dimensions decides. One form alone is worst by less if it is the factors.
// CHECK-LABEL: func @both
// ONE-LABEL: func @both
func.func @both(%x: tensor<?x4x128xf32>) -> tensor<?x4x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %a = onnx.Constant() {value = dense<3.0> : tensor<16xf32>} : () -> tensor<16xf32>
  // CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = {{.*}} : tensor<128x128xf32>}
  // CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<9.600000e+01> : tensor<128xf32>}
  // CHECK: layer.alternatives of %{{.*}} : tensor<?x4x128xf32> by [#layer.case<[0, 1] below [[BOUND:[0-9]+]] -> 0>] else 1
  // CHECK-SAME: layer.considered = [#layer.form<"merged" : {{\[\[}}3.276800e+04, 6.553600e+04, 1.024000e+03]]>, #layer.form<"factored"
  // CHECK-SAME: names = ["merged", "factored"]
  // CHECK: layer.linear %{{.*}}, %[[W]] bias %[[B]]
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear
  // ONE-NOT: layer.alternatives
  // ONE: layer.linear
  // ONE-NEXT: layer.linear {{.*}}layer.chosen = "factored"
  %d = layer.linear %x, %u bias %a : tensor<?x4x128xf32>, tensor<128x16xf32>, tensor<16xf32> -> tensor<?x4x16xf32>
  %y = layer.linear %d, %v : tensor<?x4x16xf32>, tensor<16x128xf32> -> tensor<?x4x128xf32>
  return %y : tensor<?x4x128xf32>
}

// -----

// The number of rows is known: no alternatives.
// CHECK-LABEL: func @few
func.func @few(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  // CHECK: %[[Y:.*]] = layer.linear %arg0, %{{[0-9]+}} {layer.chosen = "merged", {{.*}}tensor<128x128xf32>
  // CHECK-NEXT: return %[[Y]]
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Blocks, a permutation between, a transposed weight: 1 2 | 3 4 through blocks (1) and
// (10), exchanged, and summed with factors 1 and 100.
// CHECK-LABEL: func @structured
func.func @structured(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %u = onnx.Constant() {value = dense<[[[1.0]], [[10.0]]]> : tensor<2x1x1xf32>} : () -> tensor<2x1x1xf32>
  %p = onnx.Constant() {value = dense<[1, -2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %v = onnx.Constant() {value = dense<[[1.0, 100.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  // CHECK: onnx.Constant() {value = dense<{{\[}}[1.000000e+02], [1.000000e+01]]> : tensor<2x1xf32>}
  // CHECK: layer.linear
  // CHECK-NEXT: return
  %vt = onnx.Transpose(%v) {perm = array<i64: 1, 0>} : (tensor<1x2xf32>) -> tensor<2x1xf32>
  %d = layer.block_linear %x, %u : tensor<1x2xf32>, tensor<2x1x1xf32> -> tensor<1x2xf32>
  %e = onnx.Gather(%d, %p) {axis = -1 : i64} : (tensor<1x2xf32>, tensor<2xi64>) -> tensor<1x2xf32>
  %y = layer.linear %e, %vt : tensor<1x2xf32>, tensor<2x1xf32> -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// Condition 1: what lies between is an output too.
// CHECK-LABEL: func @read_between
func.func @read_between(%x: tensor<2x128xf32>) -> (tensor<2x16xf32>, tensor<2x128xf32>) {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear
  // CHECK-NOT: layer.considered
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %d, %y : tensor<2x16xf32>, tensor<2x128xf32>
}

// -----

// Condition 2: a weight that is computed.
// CHECK-LABEL: func @not_constant
func.func @not_constant(%x: tensor<2x128xf32>, %v: tensor<16x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear
  // CHECK-NOT: layer.considered
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Condition 2: half precision.
// CHECK-LABEL: func @half
// REDUCED-LABEL: func @half
// REDUCED: layer.linear %arg0, %{{.*}} {layer.chosen = "merged", {{.*}} tensor<128x128xf16> -> tensor<2x128xf16>
func.func @half(%x: tensor<2x128xf16>) -> tensor<2x128xf16> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf16>} : () -> tensor<128x16xf16>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf16>} : () -> tensor<16x128xf16>
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear
  // CHECK-NOT: layer.considered
  %d = layer.linear %x, %u : tensor<2x128xf16>, tensor<128x16xf16> -> tensor<2x16xf16>
  %y = layer.linear %d, %v : tensor<2x16xf16>, tensor<16x128xf16> -> tensor<2x128xf16>
  return %y : tensor<2x128xf16>
}

// -----

// Condition 3: 1e30 times 1e30 is no number of f32.
// CHECK-LABEL: func @overflow
func.func @overflow(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0e30> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<1.0e30> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear {{.*}}layer.chosen = "factored"
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Condition 4.
// CHECK-LABEL: func @compressed
func.func @compressed(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  // CHECK: layer.linear
  // CHECK-NEXT: layer.linear
  // CHECK-NOT: layer.considered
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32> loc(#compressed)
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32> loc(#compressed)
  return %y : tensor<2x128xf32>
}
#compressed = loc(fused<"compress-linear">["dense", "dense"])

// -----

// A nonlinearity between: nothing to choose.
// CHECK-LABEL: func @ffn
func.func @ffn(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  // CHECK-NOT: layer.considered
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %r = onnx.Relu(%d) : (tensor<2x16xf32>) -> tensor<2x16xf32>
  %y = layer.linear %r, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// A bias that overflows.

// CHECK-LABEL: func.func @bias_overflows
// CHECK: layer.linear
// CHECK-NEXT: layer.linear {{.*}}layer.chosen = "factored"
func.func @bias_overflows(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %v = onnx.Constant() {value = dense<1.0e-20> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %b = onnx.Constant() {value = dense<1.0e30> : tensor<16xf32>} : () -> tensor<16xf32>
  %u = onnx.Constant() {value = dense<1.0e10> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %0 = layer.linear %x, %v bias %b : tensor<2x128xf32>, tensor<128x16xf32>, tensor<16xf32> -> tensor<2x16xf32>
  %1 = layer.linear %0, %u : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %1 : tensor<2x128xf32>
}

// -----

// Condition 2: no elements.
// CHECK-LABEL: func.func @empty
// CHECK: layer.block_linear
// CHECK-NOT: layer.considered
func.func @empty(%x: tensor<2x6xf32>) -> tensor<2x2xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<2x3x0xf32>} : () -> tensor<2x3x0xf32>
  %v = onnx.Constant() {value = dense<1.0> : tensor<0x2xf32>} : () -> tensor<0x2xf32>
  %d = layer.block_linear %x, %u : tensor<2x6xf32>, tensor<2x3x0xf32> -> tensor<2x0xf32>
  %y = layer.linear %d, %v : tensor<2x0xf32>, tensor<0x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// Condition 4: another rewrite made the factors.
// CHECK-LABEL: func.func @rewritten
// CHECK: layer.linear {{.*}}layer.chosen = "merged"
func.func @rewritten(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32> loc(fused<"absorb-affine">["a"])
  %y = layer.linear %d, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Condition 5: indices on two axes, that are computed, along the rows.
// CHECK-LABEL: func.func @two_axes
// CHECK: layer.linear
// CHECK: onnx.Gather
// CHECK: layer.linear
// CHECK-NOT: layer.considered
func.func @two_axes(%x: tensor<2x128xf32>) -> tensor<2x1x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %p = onnx.Constant() {value = dense<1> : tensor<1x16xi64>} : () -> tensor<1x16xi64>
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %e = onnx.Gather(%d, %p) {axis = 1 : i64} : (tensor<2x16xf32>, tensor<1x16xi64>) -> tensor<2x1x16xf32>
  %y = layer.linear %e, %v : tensor<2x1x16xf32>, tensor<16x128xf32> -> tensor<2x1x128xf32>
  return %y : tensor<2x1x128xf32>
}

// -----

// CHECK-LABEL: func.func @computed
// CHECK: layer.linear
// CHECK: onnx.Gather
// CHECK: layer.linear
// CHECK-NOT: layer.considered
func.func @computed(%x: tensor<2x128xf32>, %p: tensor<16xi64>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %e = onnx.Gather(%d, %p) {axis = 1 : i64} : (tensor<2x16xf32>, tensor<16xi64>) -> tensor<2x16xf32>
  %y = layer.linear %e, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// CHECK-LABEL: func.func @rows
// CHECK: layer.linear
// CHECK: onnx.Gather
// CHECK: layer.linear
// CHECK-NOT: layer.considered
func.func @rows(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %p = onnx.Constant() {value = dense<[1, 0]> : tensor<2xi64>} : () -> tensor<2xi64>
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %e = onnx.Gather(%d, %p) {axis = 0 : i64} : (tensor<2x16xf32>, tensor<2xi64>) -> tensor<2x16xf32>
  %y = layer.linear %e, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Condition 6: the longest chain, without the order that ends it.
// CHECK-LABEL: func.func @longest
// CHECK: %[[Y:.*]] = layer.linear %arg0, {{.*}}layer.chosen = "merged"
// CHECK-NEXT: onnx.Gather(%[[Y]]
// CHECK-NEXT: return
func.func @longest(%x: tensor<2x128xf32>) -> tensor<2x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %s = onnx.Constant() {value = dense<3.0> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %p = onnx.Constant() {value = dense<1> : tensor<128xi64>} : () -> tensor<128xi64>
  %d = layer.linear %x, %u : tensor<2x128xf32>, tensor<128x16xf32> -> tensor<2x16xf32>
  %e = layer.linear %d, %s : tensor<2x16xf32>, tensor<16x16xf32> -> tensor<2x16xf32>
  %f = layer.linear %e, %v : tensor<2x16xf32>, tensor<16x128xf32> -> tensor<2x128xf32>
  %y = onnx.Gather(%f, %p) {axis = 1 : i64} : (tensor<2x128xf32>, tensor<128xi64>) -> tensor<2x128xf32>
  return %y : tensor<2x128xf32>
}

// -----

// Condition 7: no rows.
// CHECK-LABEL: func.func @no_rows
// CHECK: layer.linear
// CHECK-NEXT: layer.linear
// CHECK-NOT: layer.considered
func.func @no_rows(%x: tensor<?x0x128xf32>) -> tensor<?x0x128xf32> {
  %u = onnx.Constant() {value = dense<1.0> : tensor<128x16xf32>} : () -> tensor<128x16xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<16x128xf32>} : () -> tensor<16x128xf32>
  %d = layer.linear %x, %u : tensor<?x0x128xf32>, tensor<128x16xf32> -> tensor<?x0x16xf32>
  %y = layer.linear %d, %v : tensor<?x0x16xf32>, tensor<16x128xf32> -> tensor<?x0x128xf32>
  return %y : tensor<?x0x128xf32>
}
