// RUN: strut-opt %s | strut-opt | FileCheck %s
// RUN: strut-opt %s --mlir-print-op-generic | strut-opt | FileCheck %s
// RUN: strut-opt %s --emit-bytecode | strut-opt | FileCheck %s

// Operators print under their own names, bodies under the attribute's.

// CHECK-LABEL: func.func @operators
func.func @operators(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<*xf32> {
  // CHECK: onnx.Conv(%arg0, %arg1) {group = 1 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
  %a = onnx.Conv(%x, %w) {group = 1 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32>
  // An older form, another domain, an annotation.
  // CHECK: onnx.Clip_v6({{.*}}) {max = 6.000000e+00 : f32, my.note}
  %b = onnx.Clip_v6(%a) {max = 6.0 : f32, my.note} : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  // CHECK: onnx.com.microsoft.QuickGelu(
  %c = onnx.com.microsoft.QuickGelu(%b) : (tensor<1x4x8x8xf32>) -> tensor<*xf32>
  return %c : tensor<*xf32>
}

// CHECK-LABEL: func.func @absent
func.func @absent(%x: tensor<4xf32>, %max: tensor<f32>) -> (tensor<4xf32>, !onnx.unknown) {
  // CHECK: %[[NONE:.*]] = onnx.Absent
  // CHECK: onnx.Clip(%arg0, %[[NONE]], %arg1) : (tensor<4xf32>, none, tensor<f32>)
  %no = onnx.Absent
  %y = onnx.Clip(%x, %no, %max) : (tensor<4xf32>, none, tensor<f32>) -> tensor<4xf32>
  // CHECK: %{{.*}}:2 = onnx.Dropout(%arg0) : (tensor<4xf32>) -> (!onnx.unknown, none)
  %z, %mask = onnx.Dropout(%x) : (tensor<4xf32>) -> (!onnx.unknown, none)
  return %y, %z : tensor<4xf32>, !onnx.unknown
}

// CHECK-LABEL: func.func @bodies
func.func @bodies(%c: tensor<i1>, %n: tensor<i64>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: onnx.If(%arg0) else_branch {
  // CHECK-NEXT: onnx.Neg(%arg2)
  // CHECK-NEXT: onnx.Yield %{{.*}} : tensor<4xf32>
  // CHECK-NEXT: } then_branch {
  // CHECK-NEXT: onnx.Yield %arg2 : tensor<4xf32>
  // CHECK-NEXT: } : (tensor<i1>) -> tensor<4xf32>
  %i = onnx.If(%c) else_branch {
    %neg = onnx.Neg(%x) : (tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %neg : tensor<4xf32>
  } then_branch {
    onnx.Yield %x : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  // CHECK: onnx.Loop(%arg1, %arg0, %arg2) body {
  // CHECK-NEXT: ^bb0(%{{.*}}: tensor<i64>, %[[GO:.*]]: tensor<i1>, %[[ACC:.*]]: tensor<4xf32>):
  // CHECK-NEXT: onnx.Yield %[[GO]], %[[ACC]] : tensor<i1>, tensor<4xf32>
  %l = onnx.Loop(%n, %c, %x) body {
  ^bb0(%trip: tensor<i64>, %go: tensor<i1>, %acc: tensor<4xf32>):
    onnx.Yield %go, %acc : tensor<i1>, tensor<4xf32>
  } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return %i, %l : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @types
// CHECK-SAME: !onnx.seq<tensor<?xf32>>, %arg1: !onnx.optional<tensor<4xi64>>, %arg2: !onnx.map<!onnx.string, tensor<f32>>, %arg3: tensor<3x!onnx.string>, %arg4: tensor<4xf8E4M3FN>
func.func @types(%a: !onnx.seq<tensor<?xf32>>, %b: !onnx.optional<tensor<4xi64>>,
                 %c: !onnx.map<!onnx.string, tensor<f32>>, %d: tensor<3x!onnx.string>,
                 %e: tensor<4xf8E4M3FN>) {
  return
}

// CHECK-LABEL: func.func @named
// CHECK-SAME: %arg0: tensor<?x8xf32> {onnx.dims = ["rows", ""], onnx.name = "x"}
// CHECK-SAME: -> (tensor<?x8xf32> {onnx.name = "y"})
func.func @named(%x: tensor<?x8xf32> {onnx.dims = ["rows", ""], onnx.name = "x"}) -> (tensor<?x8xf32> {onnx.name = "y"}) {
  return %x : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @weights
// CHECK: onnx.Constant() {value = #onnx.file_data<"/a folder/\22w\22.bin", 16, 1024> : tensor<16x16xf32>}
func.func @weights() {
  %w = onnx.Constant() {value = #onnx.file_data<"/a folder/\22w\22.bin", 16, 1024> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  return
}
