// RUN: strut-opt %s -split-input-file --strut-choose-transforms='machine=%S/Inputs/machine.json' | FileCheck %s
// RUN: not strut-opt %s --strut-choose-transforms='machine=absent.json' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: no machine is named 'absent.json', and it is no file that can be read

// A long transform in factors, a short one as it is, a prime as there is no other way.

// CHECK-LABEL: func @lengths
func.func @lengths(%x: tensor<?x4x1024x2xf32>, %y: tensor<?x8x2xf32>, %z: tensor<?x101x2xf32>) -> (tensor<?x4x1024x2xf32>, tensor<?x8x2xf32>, tensor<?x101x2xf32>) {
  %none = onnx.Absent
  %axis = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  // CHECK: onnx.DFT({{.*}}) {layer.chosen = "16 x 16 x 4", layer.considered = [#layer.form<"dense" : {{\[\[}}8.388608e+06, 1.677722e+07, 1.638400e+04]]>, #layer.form<"16 x 16 x 4" : {{\[\[}}1.310720e+05, 2.621440e+05, 1.638400e+04], [{{.*}}layer.factors = array<i64: 16, 16, 4>
  %0 = onnx.DFT(%x, %none, %none) : (tensor<?x4x1024x2xf32>, none, none) -> tensor<?x4x1024x2xf32>
  // CHECK: onnx.DFT({{.*}}layer.chosen = "dense"{{.*}}layer.factors = array<i64: 8>
  %1 = onnx.DFT(%y, %none, %axis) : (tensor<?x8x2xf32>, none, tensor<i64>) -> tensor<?x8x2xf32>
  // CHECK: onnx.DFT({{.*}}layer.factors = array<i64: 101>
  %2 = onnx.DFT(%z, %none, %axis) : (tensor<?x101x2xf32>, none, tensor<i64>) -> tensor<?x101x2xf32>
  return %0, %1, %2 : tensor<?x4x1024x2xf32>, tensor<?x8x2xf32>, tensor<?x101x2xf32>
}

// -----

// Half a spectrum says less than the length of its signal; frames have a length of their own.

// CHECK-LABEL: func @others
func.func @others(%x: tensor<?x513x2xf32>, %s: tensor<?x?x1xf32>, %w: tensor<4096xf32>) -> (tensor<?x1024x1xf32>, tensor<?x?x2049x2xf32>) {
  %none = onnx.Absent
  %step = onnx.Constant() {value = dense<160> : tensor<i64>} : () -> tensor<i64>
  // CHECK: onnx.DFT({{.*}}layer.form<"dense" : {{\[\[}}8.388608e+06{{.*}}layer.factors = array<i64: 16, 16, 4>
  %0 = onnx.DFT(%x, %none, %none) {inverse = 1 : i64, onesided = 1 : i64} : (tensor<?x513x2xf32>, none, none) -> tensor<?x1024x1xf32>
  // CHECK: onnx.STFT({{.*}}layer.factors = array<i64: {{[0-9]+}}, {{[0-9]+}}
  %1 = onnx.STFT(%s, %step, %w, %none) {onesided = 1 : i64} : (tensor<?x?x1xf32>, tensor<i64>, tensor<4096xf32>, none) -> tensor<?x?x2049x2xf32>
  return %0, %1 : tensor<?x1024x1xf32>, tensor<?x?x2049x2xf32>
}

// -----

// An axis or a length that the run says.

// CHECK-LABEL: func @unknown
// CHECK-NOT: layer.factors
func.func @unknown(%x: tensor<4x1024x2xf32>, %axis: tensor<i64>, %y: tensor<4x?x2xf32>) -> (tensor<4x1024x2xf32>, tensor<4x?x2xf32>) {
  %none = onnx.Absent
  %0 = onnx.DFT(%x, %none, %axis) : (tensor<4x1024x2xf32>, none, tensor<i64>) -> tensor<4x1024x2xf32>
  %1 = onnx.DFT(%y, %none, %none) : (tensor<4x?x2xf32>, none, none) -> tensor<4x?x2xf32>
  return %0, %1 : tensor<4x1024x2xf32>, tensor<4x?x2xf32>
}
