// RUN: strut-opt %s --strut-form-kernels --strut-fuse-kernels --cse --split-input-file | FileCheck %s

// One contraction for the inputs of all steps, outside of the loop; in it one of the state and
// one kernel of all gates, which writes both states and the step's output in place.

// CHECK-LABEL: func.func @lstm
func.func @lstm(%x: tensor<?x?x7xf32> {onnx.dims = ["t", "b", ""]}, %w: tensor<1x44x7xf32>, %r: tensor<1x44x11xf32>)
    -> tensor<?x1x?x11xf32> {
  // CHECK: %[[ALL:.*]] = kernel.contract
  // CHECK-SAME: outs(%{{.*}} : tensor<?x?x44xf32>)
  // CHECK: scf.for %[[T:.*]] = {{.*}} iter_args(%[[H:.*]] = {{.*}}, %[[C:.*]] = {{.*}}, %[[Y:.*]] = {{.*}})
  // CHECK: %[[STEP:.*]] = tensor.extract_slice %[[ALL]][%[[T]], 0, 0]
  // CHECK: kernel.contract ins(%[[H]], %{{.*}}, %[[STEP]] :
  // CHECK: %[[PLACE:.*]] = tensor.extract_slice %[[Y]][%[[T]], 0, 0, 0]
  // CHECK: %[[NEXT:.*]]:3 = kernel.map
  // CHECK-SAME: %[[C]] :
  // CHECK-SAME: outs(%[[H]], %[[C]], %[[PLACE]] :
  // CHECK: %[[WHOLE:.*]] = tensor.insert_slice %[[NEXT]]#2 into %[[Y]]
  // CHECK: scf.yield %[[NEXT]]#0, %[[NEXT]]#1, %[[WHOLE]]
  %y, %h, %c = onnx.LSTM(%x, %w, %r) {hidden_size = 11 : i64}
    : (tensor<?x?x7xf32>, tensor<1x44x7xf32>, tensor<1x44x11xf32>) -> (tensor<?x1x?x11xf32>, none, none)
  return %y : tensor<?x1x?x11xf32>
}

// -----

// A step in reverse counts from the end. The last state alone needs no output of the steps.

// CHECK-LABEL: func.func @reverse
func.func @reverse(%x: tensor<?x2x7xf32> {onnx.dims = ["t", "", ""]}, %w: tensor<1x5x7xf32>, %r: tensor<1x5x5xf32>)
    -> tensor<1x2x5xf32> {
  // CHECK: scf.for %[[I:.*]] = {{.*}} to %[[END:.*]] step {{.*}} iter_args(%[[H:.*]] =
  // CHECK: %[[LAST:.*]] = arith.subi %[[END]],
  // CHECK: %[[T:.*]] = arith.subi %[[LAST]], %[[I]]
  // CHECK: tensor.extract_slice %{{.*}}[%[[T]], 0, 0]
  // CHECK: kernel.contract
  // CHECK: kernel.map ins(%{{.*}}) outs(%[[H]] :
  %y, %h = onnx.RNN(%x, %w, %r) {direction = "reverse", hidden_size = 5 : i64}
    : (tensor<?x2x7xf32>, tensor<1x5x7xf32>, tensor<1x5x5xf32>) -> (none, tensor<1x2x5xf32>)
  return %h : tensor<1x2x5xf32>
}
