// RUN: strut-opt %s --strut-form-kernels --strut-fuse-kernels --cse --strut-verify-kernels --split-input-file | FileCheck %s

// The host reads the condition. A branch holds its kernels, and what reads the result reads
// that of the branch.

// CHECK-LABEL: func.func @branch
func.func @branch(%c: tensor<i1>, %x: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> tensor<?x4xf32> {
  // CHECK: %[[C:.*]] = tensor.extract %arg0[]
  // CHECK: %[[R:.*]] = scf.if %[[C]] -> (tensor<?x4xf32>)
  // CHECK:   kernel.map ins(%arg1
  // CHECK:   math.exp
  // CHECK: } else {
  // CHECK:   scf.yield %arg1
  // CHECK: }
  // CHECK: kernel.map ins(%[[R]] :
  // CHECK:   arith.addf
  %y = onnx.If(%c) else_branch {
    %same = onnx.Identity(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    onnx.Yield %same : tensor<?x4xf32>
  } then_branch {
    %e = onnx.Exp(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    onnx.Yield %e : tensor<?x4xf32>
  } : (tensor<i1>) -> tensor<?x4xf32>
  %twice = onnx.Add(%y, %y) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %twice : tensor<?x4xf32>
}

// -----

// A condition that dimensions decide leaves the branch taken; shapes that both branches give
// stay shapes.

// CHECK-LABEL: func.func @known
// CHECK-NOT: scf.if
// CHECK: kernel.map ins(%arg1
// CHECK: scf.if
// CHECK-NOT: tensor<2xi64>
// CHECK: } else {
func.func @known(%c: tensor<i1>, %x: tensor<?x4xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %one = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %zero = onnx.Constant() {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %shape = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
  %n = onnx.Gather(%shape, %zero) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %m = onnx.Add(%n, %one) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %more = onnx.Greater(%m, %n) : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %y = onnx.If(%more) else_branch {
    %same = onnx.Identity(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    onnx.Yield %same : tensor<?x4xf32>
  } then_branch {
    %e = onnx.Exp(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    onnx.Yield %e : tensor<?x4xf32>
  } : (tensor<i1>) -> tensor<?x4xf32>
  %z, %to = onnx.If(%c) else_branch {
    %a = onnx.Exp(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    %s = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
    onnx.Yield %a, %s : tensor<?x4xf32>, tensor<2xi64>
  } then_branch {
    %b = onnx.Abs(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    onnx.Yield %b, %shape : tensor<?x4xf32>, tensor<2xi64>
  } : (tensor<i1>) -> (tensor<?x4xf32>, tensor<2xi64>)
  %w = onnx.Reshape(%z, %to) : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<?x4xf32>
  return %y, %w : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A number of steps that is read before the first one. States are copied when nothing reads
// the old ones any more, and those that change places through memory of their own.

// CHECK-LABEL: func.func @counted
func.func @counted(%n: tensor<i64>, %x: tensor<?xf32> {onnx.dims = ["n"]}, %z: tensor<?xf32> {onnx.dims = ["n"]}) -> (tensor<?xf32>, tensor<?xf32>) {
  // CHECK: %[[E:.*]] = tensor.extract %arg0[]
  // CHECK: %[[END:.*]] = arith.index_cast %[[E]] : i64 to index
  // CHECK: scf.for %{{.*}} to %[[END]] step %{{.*}} iter_args(%[[P:.*]] = %arg1, %[[Q:.*]] = %arg2)
  // CHECK: %[[NEW:.*]] = kernel.map ins(%[[P]] :
  // CHECK: arith.subf
  // CHECK: %[[OLD:.*]] = kernel.map ins(%[[Q]] : tensor<?xf32>) outs(%{{.*}} :
  // CHECK: %[[A:.*]] = kernel.map ins(%[[OLD]] : tensor<?xf32>) outs(%[[P]] :
  // CHECK: %[[B:.*]] = kernel.map ins(%[[NEW]] : tensor<?xf32>) outs(%[[Q]] :
  // CHECK: scf.yield %[[A]], %[[B]]
  %none = onnx.Absent
  %a, %b = onnx.Loop(%n, %none, %x, %z) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %p: tensor<?xf32>, %q: tensor<?xf32>):
    %r = onnx.Neg(%p) : (tensor<?xf32>) -> tensor<?xf32>
    onnx.Yield %c, %q, %r : tensor<i1>, tensor<?xf32>, tensor<?xf32>
  } : (tensor<i64>, none, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>)
  return %a, %b : tensor<?xf32>, tensor<?xf32>
}

// -----

// A condition that a step computes is read before the state is overwritten.

// CHECK-LABEL: func.func @until
func.func @until(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: scf.while (%[[I:.*]] = %{{.*}}, %[[GO:.*]] = %{{.*}}, %[[S:.*]] = %arg0)
  // CHECK: %[[LESS:.*]] = arith.cmpi slt, %[[I]],
  // CHECK: %[[BOTH:.*]] = arith.andi %[[LESS]], %[[GO]]
  // CHECK: scf.condition(%[[BOTH]]) %[[I]], %[[GO]], %[[S]]
  // CHECK: ^bb0(%[[J:.*]]: index, %{{.*}}: i1, %[[T:.*]]: tensor<4xf32>):
  // CHECK: kernel.rows
  // CHECK: %[[NEXT:.*]] = tensor.extract
  // CHECK: %[[AFTER:.*]] = kernel.map ins(%{{.*}}) outs(%[[T]] :
  // CHECK: %[[K:.*]] = arith.addi %[[J]],
  // CHECK: scf.yield %[[K]], %[[NEXT]], %[[AFTER]]
  %most = onnx.Constant() {value = dense<50> : tensor<i64>} : () -> tensor<i64>
  %yes = onnx.Constant() {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %limit = onnx.Constant() {value = dense<9.0> : tensor<f32>} : () -> tensor<f32>
  %a = onnx.Loop(%most, %yes, %x) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %p: tensor<4xf32>):
    %none = onnx.Absent
    %q = onnx.Add(%p, %p) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %s = onnx.ReduceSum(%q, %none) {keepdims = 0 : i64} : (tensor<4xf32>, none) -> tensor<f32>
    %d = onnx.Less(%s, %limit) : (tensor<f32>, tensor<f32>) -> tensor<i1>
    onnx.Yield %d, %q : tensor<i1>, tensor<4xf32>
  } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return %a : tensor<4xf32>
}

// -----

// A row of each step goes to its place in the result, the last one first.

// CHECK-LABEL: func.func @scan
func.func @scan(%h: tensor<3xf32>, %x: tensor<?x3xf32> {onnx.dims = ["s", ""]}) -> (tensor<3xf32>, tensor<?x3xf32>) {
  // CHECK: %[[Y0:.*]] = tensor.empty(%arg2) : tensor<?x3xf32>
  // CHECK: scf.for %[[T:.*]] = {{.*}} to %arg2 step {{.*}} iter_args(%[[H:.*]] = %arg0, %[[Y:.*]] = %[[Y0]])
  // CHECK: tensor.extract_slice %arg1[%[[T]], 0] [1, 3] [1, 1] : tensor<?x3xf32> to tensor<3xf32>
  // CHECK: %[[LAST:.*]] = arith.subi %arg2,
  // CHECK: %[[BACK:.*]] = arith.subi %[[LAST]], %[[T]]
  // CHECK: %[[SLOT:.*]] = tensor.extract_slice %[[Y]][%[[BACK]], 0]
  // CHECK: tensor.insert_slice %{{.*}} into %[[Y]][%[[BACK]], 0]
  %f, %y = onnx.Scan(%h, %x) {num_scan_inputs = 1 : i64, scan_output_directions = array<i64: 1>} body {
  ^bb0(%state: tensor<3xf32>, %row: tensor<3xf32>):
    %n = onnx.Add(%state, %row) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    onnx.Yield %n, %n : tensor<3xf32>, tensor<3xf32>
  } : (tensor<3xf32>, tensor<?x3xf32>) -> (tensor<3xf32>, tensor<?x3xf32>)
  return %f, %y : tensor<3xf32>, tensor<?x3xf32>
}
