// RUN: strut-opt %s --strut-fold-constants | FileCheck %s

// A weight made of others: 64 · 2 · 0.5 · 0.5 = 32, which is 0x42000000.

// CHECK-LABEL: func.func @product
// CHECK-NOT: onnx.MatMul
// CHECK: %[[W:.*]] = onnx.Constant() {value = dense_resource<product> : tensor<64x64xf32>}
// CHECK-NEXT: %[[Y:.*]] = onnx.Add(%arg0, %[[W]])
// CHECK-NEXT: return %[[Y]]
func.func @product(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = onnx.Constant() {value = dense<2.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %b = onnx.Constant() {value = dense<0.5> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %t = onnx.Transpose(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %p = onnx.MatMul(%t, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %q = onnx.Mul(%p, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc("product")
  %y = onnx.Add(%x, %q) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// Random numbers are drawn by every run.

// CHECK-LABEL: func.func @random
// CHECK: onnx.RandomNormal
// CHECK: onnx.Add
// CHECK: onnx.Add
func.func @random(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = onnx.Constant() {value = dense<2.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %r = onnx.RandomNormal() {shape = array<i64: 64, 64>} : () -> tensor<64x64xf32>
  %s = onnx.Add(%r, %a) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = onnx.Add(%x, %s) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// Repeating elements makes nothing that is worth storing; what is repeated may be.

// CHECK-LABEL: func.func @repeated
// CHECK: %[[S:.*]] = onnx.Constant() {value = dense_resource<{{.*}}> : tensor<1x8192xf32>}
// CHECK: onnx.Expand(%[[S]]
func.func @repeated(%x: tensor<2x8192xf32>) -> tensor<2x8192xf32> {
  %a = onnx.Constant() {value = dense<2.0> : tensor<1x8192xf32>} : () -> tensor<1x8192xf32>
  %shape = onnx.Constant() {value = dense<[2, 8192]> : tensor<2xi64>} : () -> tensor<2xi64>
  %s = onnx.Sqrt(%a) : (tensor<1x8192xf32>) -> tensor<1x8192xf32>
  %e = onnx.Expand(%s, %shape) : (tensor<1x8192xf32>, tensor<2xi64>) -> tensor<2x8192xf32>
  %y = onnx.Add(%x, %e) : (tensor<2x8192xf32>, tensor<2x8192xf32>) -> tensor<2x8192xf32>
  return %y : tensor<2x8192xf32>
}

// A value much larger than what it is made of is not stored; the vectors that make
// it are.

// CHECK-LABEL: func.func @outer
// CHECK: onnx.Mul
// CHECK: onnx.Add
func.func @outer(%x: tensor<512x512xf32>) -> tensor<512x512xf32> {
  %a = onnx.Constant() {value = dense<2.0> : tensor<1x512xf32>} : () -> tensor<1x512xf32>
  %b = onnx.Constant() {value = dense<3.0> : tensor<512x1xf32>} : () -> tensor<512x1xf32>
  %p = onnx.Mul(%a, %b) : (tensor<1x512xf32>, tensor<512x1xf32>) -> tensor<512x512xf32>
  %y = onnx.Add(%x, %p) : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %y : tensor<512x512xf32>
}

// Too little to be worth a run of the code generator.

// CHECK-LABEL: func.func @tiny
// CHECK: onnx.Sqrt
func.func @tiny(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = onnx.Constant() {value = dense<64.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.Sqrt(%a) : (tensor<f32>) -> tensor<f32>
  %y = onnx.Div(%x, %s) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// But a factor of scores is a number that attention is known by.

// CHECK-LABEL: func.func @factor_of_heads
// CHECK: %[[S:.*]] = onnx.Constant() {value = dense<8.000000e+00> : tensor<1xf32>}
// CHECK: onnx.Div(%arg0, %[[S]])
func.func @factor_of_heads(%x: tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32> {
  %a = onnx.Constant() {value = dense<64> : tensor<1xi64>} : () -> tensor<1xi64>
  %f = onnx.Cast(%a) {to = 1 : i64} : (tensor<1xi64>) -> tensor<1xf32>
  %s = onnx.Sqrt(%f) : (tensor<1xf32>) -> tensor<1xf32>
  %y = onnx.Div(%x, %s) : (tensor<?x4x?x64xf32>, tensor<1xf32>) -> tensor<?x4x?x64xf32>
  return %y : tensor<?x4x?x64xf32>
}

// Two wanted values of one graph, in one run, of integers.

// CHECK-LABEL: func.func @integers
// CHECK-NOT: onnx.Add
// CHECK: onnx.Gather
func.func @integers(%x: tensor<9000xf32>) -> tensor<90x100xf32> {
  %a = onnx.Constant() {value = dense<2> : tensor<90x100xi64>} : () -> tensor<90x100xi64>
  %s = onnx.Add(%a, %a) : (tensor<90x100xi64>, tensor<90x100xi64>) -> tensor<90x100xi64>
  %t = onnx.Add(%s, %a) : (tensor<90x100xi64>, tensor<90x100xi64>) -> tensor<90x100xi64>
  %y = onnx.Gather(%x, %t) : (tensor<9000xf32>, tensor<90x100xi64>) -> tensor<90x100xf32>
  return %y : tensor<90x100xf32>
}

// What is only repeated stays, also where a value that is folded reads it.

// CHECK-LABEL: func.func @repeated_and_folded
// CHECK-NOT: onnx.Sqrt
// CHECK: %[[E:.*]] = onnx.Expand(
// CHECK-NOT: onnx.MatMul
// CHECK: onnx.Add(%arg0, %{{.*}})
// CHECK: onnx.Add(%{{.*}}, %[[E]])
func.func @repeated_and_folded(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = onnx.Constant() {value = dense<4.0> : tensor<1x64xf32>} : () -> tensor<1x64xf32>
  %w = onnx.Constant() {value = dense<0.5> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %shape = onnx.Constant() {value = dense<64> : tensor<2xi64>} : () -> tensor<2xi64>
  %s = onnx.Sqrt(%a) : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %e = onnx.Expand(%s, %shape) : (tensor<1x64xf32>, tensor<2xi64>) -> tensor<64x64xf32>
  %p = onnx.MatMul(%e, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = onnx.Add(%x, %p) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %z = onnx.Add(%y, %e) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %z : tensor<64x64xf32>
}

// CHECK: product: "0x4000000000000042000000420000004200000042
