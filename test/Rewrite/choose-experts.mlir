// RUN: strut-opt %s --strut-choose-experts='machine=%S/Inputs/machine.json' | FileCheck %s
// RUN: not strut-opt %s --strut-choose-experts='machine=absent.json' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: no machine is named 'absent.json', and it is no file that can be read

// Few rows of small nets go through all of them, for that takes fewer kernels; many through the
// chosen ones. Both read the same weights.

// CHECK-LABEL: func @both
// CHECK: %[[A:.*]] = onnx.Constant() {value = dense<1.000000e+00> : tensor<4x64x32xf32>}
// CHECK: layer.alternatives of %arg0 : tensor<?x64xf32> by [#layer.case<[0] below {{[0-9]+}} -> 1>] else 0
// CHECK-SAME: layer.kind = "moe", names = ["routed", "all"]
// CHECK: %[[R:.*]] = layer.experts %arg0 by %arg1, %arg2 in %[[A]] out
// CHECK-NEXT: layer.yield %[[R]]
// CHECK: onnx.MatMul(%{{.*}}, %[[A]]) : (tensor<1x?x64xf32>, tensor<4x64x32xf32>) -> tensor<4x?x32xf32>
// CHECK: onnx.Relu
// CHECK: onnx.Equal(%{{.*}}, %{{.*}}) : (tensor<1x?x2xi64>, tensor<4x1x1xi64>) -> tensor<4x?x2xi1>
// CHECK: %[[Y:.*]] = onnx.ReduceSum(%{{.*}}, %{{.*}}) {keepdims = 0 : i64} {{.*}} -> tensor<?x16xf32>
// CHECK-NEXT: layer.yield %[[Y]]
func.func @both(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>) -> tensor<?x16xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x64x32xf32>} : () -> tensor<4x64x32xf32>
  %o = onnx.Constant() {value = dense<2.0> : tensor<4x32x16xf32>} : () -> tensor<4x32x16xf32>
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>}
      : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<4x64x32xf32>, tensor<4x32x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// One number of rows, one form; large nets are never all computed.

// CHECK-LABEL: func @few_rows
// CHECK-NOT: layer.alternatives
// CHECK: onnx.ReduceSum{{.*}}layer.chosen = "all", layer.kind = "moe"
func.func @few_rows(%x: tensor<3x64xf32>, %w: tensor<3x2xf32>, %e: tensor<3x2xi64>) -> tensor<3x16xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x64x32xf32>} : () -> tensor<4x64x32xf32>
  %b = onnx.Constant() {value = dense<3.0> : tensor<4x32xf32>} : () -> tensor<4x32xf32>
  %o = onnx.Constant() {value = dense<2.0> : tensor<4x32x16xf32>} : () -> tensor<4x32x16xf32>
  %y = layer.experts %x by %w, %e in %a bias %b gate %a out %o {activation = #layer.activation<swish>, alpha = 1.0 : f64}
      : (tensor<3x64xf32>, tensor<3x2xf32>, tensor<3x2xi64>, tensor<4x64x32xf32>, tensor<4x32xf32>, tensor<4x64x32xf32>, tensor<4x32x16xf32>) -> tensor<3x16xf32>
  return %y : tensor<3x16xf32>
}

// CHECK-LABEL: func @large
// CHECK-NOT: layer.alternatives
// CHECK: layer.experts {{.*}}layer.chosen = "routed", layer.kind = "moe"
func.func @large(%x: tensor<?x512xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi64>) -> tensor<?x512xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<16x512x1024xf32>} : () -> tensor<16x512x1024xf32>
  %o = onnx.Constant() {value = dense<2.0> : tensor<16x1024x512xf32>} : () -> tensor<16x1024x512xf32>
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>}
      : (tensor<?x512xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<16x512x1024xf32>, tensor<16x1024x512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// Condition 1: rows along several axes. Condition 2: a weight that is computed.

// CHECK-LABEL: func @kept
// CHECK-NOT: layer.kind
// CHECK: return
func.func @kept(%x: tensor<?x?x64xf32>, %w: tensor<?x?x2xf32>, %e: tensor<?x?x2xi64>, %z: tensor<?x64xf32>, %v: tensor<?x2xf32>, %f: tensor<?x2xi64>, %c: tensor<4x64x32xf32>) -> (tensor<?x?x16xf32>, tensor<?x16xf32>) {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x64x32xf32>} : () -> tensor<4x64x32xf32>
  %o = onnx.Constant() {value = dense<2.0> : tensor<4x32x16xf32>} : () -> tensor<4x32x16xf32>
  %0 = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<relu>}
      : (tensor<?x?x64xf32>, tensor<?x?x2xf32>, tensor<?x?x2xi64>, tensor<4x64x32xf32>, tensor<4x32x16xf32>) -> tensor<?x?x16xf32>
  %1 = layer.experts %z by %v, %f in %c out %o {activation = #layer.activation<relu>}
      : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<4x64x32xf32>, tensor<4x32x16xf32>) -> tensor<?x16xf32>
  return %0, %1 : tensor<?x?x16xf32>, tensor<?x16xf32>
}
