// RUN: strut-opt %s -split-input-file --strut-factor-transforms='machine=%S/Inputs/quick.json' | FileCheck %s
// RUN: strut-opt %s -split-input-file --strut-factor-transforms='machine=%S/Inputs/machine.json' | FileCheck %s --check-prefix=SLOW
// RUN: not strut-opt %s --strut-factor-transforms='machine=absent.json' 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: no machine is named 'absent.json', and it is no file that can be read

// Transforms are too large to be written here: test/Execute/test_factor_transforms.py has them. Equal
// numbers are a Kronecker product of equal numbers.
// CHECK-LABEL: func @product
// SLOW-LABEL: func @product
func.func @product(%x: tensor<?x3x64xf32>) -> tensor<?x3x64xf32> {
  // CHECK: %[[X:.*]] = onnx.Reshape(%arg0, {{.*}}) : (tensor<?x3x64xf32>, tensor<4xi64>) -> tensor<?x3x2x32xf32>
  // CHECK: %[[W:.*]] = onnx.Constant() {value = dense<2.000000e+00> : tensor<32x16xf32>}
  // CHECK: %[[Y:.*]] = layer.linear %[[X]], %[[W]] : tensor<?x3x2x32xf32>, tensor<32x16xf32> -> tensor<?x3x2x16xf32>
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[Y]]) {perm = array<i64: 0, 1, 3, 2>}
  // CHECK: %[[V:.*]] = onnx.Constant() {value = dense<1.000000e+00> : tensor<2x4xf32>}
  // CHECK: %[[Z:.*]] = layer.linear %[[T]], %[[V]] {layer.chosen = "2 x 32", layer.considered = [#layer.form<"dense" : {{.*}}>, #layer.form<"2 x 32" : {{.*}}>], layer.kind = "transform"} : tensor<?x3x16x2xf32>, tensor<2x4xf32> -> tensor<?x3x16x4xf32>
  // CHECK: %[[U:.*]] = onnx.Transpose(%[[Z]]) {perm = array<i64: 0, 1, 3, 2>}
  // CHECK: %[[R:.*]] = onnx.Reshape(%[[U]], {{.*}}) : (tensor<?x3x4x16xf32>, tensor<3xi64>) -> tensor<?x3x64xf32>
  // CHECK: %[[S:.*]] = onnx.Add(%[[R]], %{{.*}}) : (tensor<?x3x64xf32>, tensor<64xf32>) -> tensor<?x3x64xf32>
  // CHECK: return %[[S]]
  // Condition 3: two kernels take longer where starting one does.
  // SLOW: layer.linear %arg0, {{.*}} tensor<64x64xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %b = onnx.Constant() {value = dense<3.0> : tensor<64xf32>} : () -> tensor<64xf32>
  %y = layer.linear %x, %w bias %b : tensor<?x3x64xf32>, tensor<64x64xf32>, tensor<64xf32> -> tensor<?x3x64xf32>
  return %y : tensor<?x3x64xf32>
}

// -----

// Condition 1: f16, and a matrix that is given.
// CHECK-LABEL: func @others
// CHECK-NOT: layer.considered
// CHECK: return
func.func @others(%x: tensor<5x64xf16>, %z: tensor<5x64xf32>, %v: tensor<64x64xf32>) -> (tensor<5x64xf16>, tensor<5x64xf32>) {
  %w = onnx.Constant() {value = dense<2.0> : tensor<64x64xf16>} : () -> tensor<64x64xf16>
  %0 = layer.linear %x, %w : tensor<5x64xf16>, tensor<64x64xf16> -> tensor<5x64xf16>
  %1 = layer.linear %z, %v : tensor<5x64xf32>, tensor<64x64xf32> -> tensor<5x64xf32>
  return %0, %1 : tensor<5x64xf16>, tensor<5x64xf32>
}

// -----

// Condition 3: no rows, and a matrix that is done with before its factors are.
// CHECK-LABEL: func @small
// CHECK-NOT: layer.considered
// CHECK: return
func.func @small(%x: tensor<0x64xf32>, %z: tensor<5x8xf32>) -> (tensor<0x64xf32>, tensor<5x8xf32>) {
  %w = onnx.Constant() {value = dense<2.0> : tensor<64x64xf32>} : () -> tensor<64x64xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %0 = layer.linear %x, %w : tensor<0x64xf32>, tensor<64x64xf32> -> tensor<0x64xf32>
  %1 = layer.linear %z, %v : tensor<5x8xf32>, tensor<8x8xf32> -> tensor<5x8xf32>
  return %0, %1 : tensor<0x64xf32>, tensor<5x8xf32>
}
