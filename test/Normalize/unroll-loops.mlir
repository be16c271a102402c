// RUN: strut-opt %s --strut-unroll-loops --split-input-file | FileCheck %s
// RUN: strut-opt %s --strut-unroll-loops=max-steps=2 --split-input-file | FileCheck %s --check-prefix=FEW

// A running sum, from the last row to the first: the body once a row.

// CHECK-LABEL: func.func @sums
// CHECK-NOT: onnx.Scan
// CHECK: onnx.Constant() {value = dense<2> : tensor<i64>}
// CHECK: %[[LAST:.*]] = onnx.Gather(%arg1, %{{.*}}) {axis = 0 : i64}
// CHECK: %[[A:.*]] = onnx.Add(%arg0, %[[LAST]])
// CHECK: %[[B:.*]] = onnx.Add(%[[A]],
// CHECK: %[[C:.*]] = onnx.Add(%[[B]],
// CHECK: %[[ALL:.*]] = onnx.Concat({{.*}}) {axis = 0 : i64}
// CHECK: return %[[C]], %[[ALL]]
// FEW-LABEL: func.func @sums
// FEW: onnx.Scan
func.func @sums(%s: tensor<2xf32>, %x: tensor<3x2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>) {
  %f, %y = onnx.Scan(%s, %x) {num_scan_inputs = 1 : i64, scan_input_directions = array<i64: 1>} body {
  ^bb0(%state: tensor<2xf32>, %row: tensor<2xf32>):
    %n = onnx.Add(%state, %row) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    onnx.Yield %n, %n : tensor<2xf32>, tensor<2xf32>
  } : (tensor<2xf32>, tensor<3x2xf32>) -> (tensor<2xf32>, tensor<3x2xf32>)
  return %f, %y : tensor<2xf32>, tensor<3x2xf32>
}

// -----

// As many steps as the run brings stay a loop.

// CHECK-LABEL: func.func @unknown
// CHECK: onnx.Scan
func.func @unknown(%s: tensor<2xf32>, %x: tensor<?x2xf32>) -> (tensor<2xf32>, tensor<?x2xf32>) {
  %f, %y = onnx.Scan(%s, %x) {num_scan_inputs = 1 : i64} body {
  ^bb0(%state: tensor<2xf32>, %row: tensor<2xf32>):
    %n = onnx.Add(%state, %row) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    onnx.Yield %n, %n : tensor<2xf32>, tensor<2xf32>
  } : (tensor<2xf32>, tensor<?x2xf32>) -> (tensor<2xf32>, tensor<?x2xf32>)
  return %f, %y : tensor<2xf32>, tensor<?x2xf32>
}

// -----

// A Loop of constant steps: its number is a constant, its condition true, and a state may grow.

// CHECK-LABEL: func.func @growing
// CHECK-NOT: onnx.Loop
// CHECK: %[[A:.*]] = onnx.Concat(%arg0, %arg0)
// CHECK: %[[B:.*]] = onnx.Concat(%[[A]], %arg0)
// CHECK: return %[[B]]
// FEW-LABEL: func.func @growing
func.func @growing(%x: tensor<2xf32>) -> tensor<*xf32> {
  %two = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %yes = onnx.Constant() {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %y = onnx.Loop(%two, %yes, %x) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %s: tensor<*xf32>):
    %n = onnx.Concat(%s, %x) {axis = 0 : i64} : (tensor<*xf32>, tensor<2xf32>) -> tensor<*xf32>
    onnx.Yield %c, %n : tensor<i1>, tensor<*xf32>
  } : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

// A Loop that stays gets the types of its states from what they start with.

// CHECK-LABEL: func.func @typed
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<i1>, %[[S:.*]]: tensor<2xf32>):
// CHECK: onnx.Add(%[[S]], %[[S]]) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// FEW-LABEL: func.func @typed
func.func @typed(%m: tensor<i64>, %x: tensor<2xf32>) -> tensor<*xf32> {
  %none = onnx.Absent
  %y = onnx.Loop(%m, %none, %x) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %s: tensor<*xf32>):
    %n = onnx.Add(%s, %s) : (tensor<*xf32>, tensor<*xf32>) -> tensor<*xf32>
    onnx.Yield %c, %n : tensor<i1>, tensor<*xf32>
  } : (tensor<i64>, none, tensor<2xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}
