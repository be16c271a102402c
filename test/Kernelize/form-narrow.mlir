// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Elements of less than a byte, and floats of 8 bits, are bytes at the kernel level. The
// function says what they are in the model.

// CHECK-LABEL: func.func @widen
// CHECK-SAME: %{{.*}}: tensor<5xi8> {strut.dims = [""], strut.element = i4}
// CHECK-SAME: -> tensor<5xf32>
// CHECK: ^bb0(%[[BYTE:.*]]: i8):
// CHECK-NEXT: %[[PLACES:.*]] = arith.constant 28 : i32
// CHECK-NEXT: %[[WIDE:.*]] = arith.extui %[[BYTE]] : i8 to i32
// CHECK-NEXT: %[[HIGH:.*]] = arith.shli %[[WIDE]], %[[PLACES]]
// CHECK-NEXT: %[[NUMBER:.*]] = arith.shrsi %[[HIGH]], %[[PLACES]]
// CHECK-NEXT: arith.sitofp %[[NUMBER]] : i32 to f32
func.func @widen(%x: tensor<5xi4>) -> tensor<5xf32> {
  %0 = onnx.Cast(%x) {to = 1 : i64} : (tensor<5xi4>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// No sign, no bits above.

// CHECK-LABEL: func.func @narrow
// CHECK-SAME: -> (tensor<5xi8> {strut.element = ui2})
// CHECK: arith.fptosi %{{.*}} : f32 to i32
// CHECK: %[[LOW:.*]] = arith.trunci %{{.*}} : i32 to i8
// CHECK: %[[MASK:.*]] = arith.constant 3 : i8
// CHECK: %[[BITS:.*]] = arith.andi %[[LOW]], %[[MASK]]
// CHECK: kernel.yield %[[BITS]] : i8
func.func @narrow(%x: tensor<5xf32>) -> tensor<5xui2> {
  %0 = onnx.Cast(%x) {to = 25 : i64} : (tensor<5xf32>) -> tensor<5xui2>
  return %0 : tensor<5xui2>
}

// -----

// 448 is the largest of f8E4M3FN. By default what is beyond stays there; without it, it is
// NaN, whose bits come next.

// CHECK-LABEL: func.func @saturate
// CHECK: %[[LARGEST:.*]] = arith.constant 126 : i32
// CHECK: %[[BEYOND:.*]] = arith.cmpi ugt, %[[ROUNDED:.*]], %[[LARGEST]]
// CHECK: arith.select %[[BEYOND]], %[[LARGEST]], %[[ROUNDED]]
// CHECK: kernel.map
// CHECK: %[[NAN:.*]] = arith.constant 127 : i32
// CHECK: arith.select %{{.*}}, %[[NAN]], %{{.*}}
func.func @saturate(%x: tensor<5xf32>) -> (tensor<5xf8E4M3FN>, tensor<5xf8E4M3FN>) {
  %0 = onnx.Cast(%x) {to = 17 : i64} : (tensor<5xf32>) -> tensor<5xf8E4M3FN>
  %1 = onnx.Cast(%x) {saturate = 0 : i64, to = 17 : i64} : (tensor<5xf32>) -> tensor<5xf8E4M3FN>
  return %0, %1 : tensor<5xf8E4M3FN>, tensor<5xf8E4M3FN>
}

// -----

// A double is not rounded to f32 first.

// CHECK-LABEL: func.func @double
// CHECK-NOT: arith.truncf
// CHECK: arith.bitcast %{{.*}} : f64 to i64
func.func @double(%x: tensor<5xf64>) -> tensor<5xf8E5M2> {
  %0 = onnx.Cast(%x) {to = 19 : i64} : (tensor<5xf64>) -> tensor<5xf8E5M2>
  return %0 : tensor<5xf8E5M2>
}

// -----

// Constants are unpacked; one that is a single element is folded into the body.

// CHECK: kernel.weight @{{.*}} : tensor<3xi8> = dense<[1, 15, 8]>
// CHECK-LABEL: func.func @constants
// CHECK: arith.constant 56 : i8
func.func @constants() -> (tensor<3xi32>, tensor<f32>) {
  %0 = onnx.Constant() {value = dense<[1, -1, -8]> : tensor<3xi4>} : () -> tensor<3xi4>
  %1 = onnx.Cast(%0) {to = 6 : i64} : (tensor<3xi4>) -> tensor<3xi32>
  %2 = onnx.Constant() {value = dense<1.0> : tensor<f8E4M3FN>} : () -> tensor<f8E4M3FN>
  %3 = onnx.Cast(%2) {to = 1 : i64} : (tensor<f8E4M3FN>) -> tensor<f32>
  return %1, %3 : tensor<3xi32>, tensor<f32>
}

// -----

// What only moves elements moves bytes.

// CHECK-LABEL: func.func @move
// CHECK: kernel.map ins(%arg0 : tensor<2x3xi8>) outs(%{{.*}} : tensor<3x2xi8>)
// CHECK: ^bb0(%[[X:.*]]: i8):
// CHECK-NEXT: kernel.yield %[[X]]
func.func @move(%x: tensor<2x3xf4E2M1FN>) -> tensor<3x2xf4E2M1FN> {
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<2x3xf4E2M1FN>) -> tensor<3x2xf4E2M1FN>
  return %0 : tensor<3x2xf4E2M1FN>
}
