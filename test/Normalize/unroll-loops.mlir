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
