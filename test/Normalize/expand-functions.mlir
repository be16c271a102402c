// RUN: strut-opt %s --strut-expand-functions --mlir-print-debuginfo | FileCheck %s
// RUN: strut-opt %s --strut-expand-functions=ops=Celu | FileCheck %s --check-prefix=ONE

// A body that depends on nothing; the attribute is bound, the default filled in.

// CHECK-LABEL: func.func @celu
// CHECK-NOT: onnx.Celu
// CHECK: onnx.Constant() {value{{.*}}1.000000e+00
// CHECK-NOT: onnx.Celu
// CHECK: onnx.Where
// CHECK: return
// ONE-LABEL: func.func @celu
// ONE-NOT: onnx.Celu
func.func @celu(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = onnx.Celu(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("celu")
  return %y : tensor<2x3xf32>
}

// A body that depends on types and attributes.

// CHECK-LABEL: func.func @gelu
// CHECK-NOT: onnx.Gelu
// CHECK: onnx.Tanh({{.*}}) : (tensor<4x?xf32>) -> tensor<4x?xf32>
// ONE-LABEL: func.func @gelu
// ONE: onnx.Gelu
func.func @gelu(%x: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %y = onnx.Gelu(%x) {approximate = "tanh"} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// A body of a body: through Swish to the end. An optional operand is left out.

// CHECK-LABEL: func.func @microsoft
// CHECK-NOT: onnx.com
// CHECK: onnx.Sigmoid
// CHECK-NOT: onnx.com
// CHECK: return
func.func @microsoft(%x: tensor<2x8xf32>, %g: tensor<8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %y = onnx.com.microsoft.QuickGelu(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %z = onnx.com.microsoft.SkipLayerNormalization(%x, %y, %g) : (tensor<2x8xf32>, tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return %y, %z : tensor<2x8xf32>, tensor<2x8xf32>
}

// CHECK-LABEL: func.func @activations
// CHECK-NOT: onnx.com
// CHECK: onnx.Erf
// CHECK-NOT: onnx.com
// CHECK: onnx.Erf
// CHECK-NOT: onnx.com
// CHECK: onnx.Tanh
// CHECK-NOT: onnx.com
// CHECK: return
func.func @activations(%x: tensor<2x8xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  %g = onnx.com.microsoft.Gelu(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %h = onnx.com.microsoft.BiasGelu(%g, %b) : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %i = onnx.com.microsoft.FastGelu(%h) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %i : tensor<2x8xf32>
}

// One position per token is the standard's own operator; one offset for all is not.

// CHECK-LABEL: func.func @rotary
// CHECK-NOT: onnx.com.microsoft.RotaryEmbedding(%arg0, %arg1,
// CHECK: onnx.com.microsoft.RotaryEmbedding(%arg0, %arg2,
func.func @rotary(%x: tensor<2x4x64xf32>, %p: tensor<2x4xi64>, %o: tensor<1xi64>, %c: tensor<16x8xf32>) -> (tensor<2x4x64xf32>, tensor<2x4x64xf32>) {
  %y = onnx.com.microsoft.RotaryEmbedding(%x, %p, %c, %c) {num_heads = 4 : i64} : (tensor<2x4x64xf32>, tensor<2x4xi64>, tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<2x4x64xf32>
  %z = onnx.com.microsoft.RotaryEmbedding(%x, %o, %c, %c) {num_heads = 4 : i64} : (tensor<2x4x64xf32>, tensor<1xi64>, tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<2x4x64xf32>
  return %y, %z : tensor<2x4x64xf32>, tensor<2x4x64xf32>
}

// Types that are returned may become more precise.

// CHECK-LABEL: func.func @refined
// CHECK-SAME: -> tensor<2x3xf32>
func.func @refined(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  %y = onnx.HardSwish(%x) : (tensor<2x3xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// What has no body stays.

// CHECK-LABEL: func.func @none
// CHECK: onnx.MatMul
func.func @none(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = onnx.MatMul(%x, %x) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// Every part is named after the node first.
// CHECK-DAG: #[[NODE:.*]] = loc("celu")
// CHECK-DAG: loc(fused[#[[NODE]], #{{.*}}])
