// RUN: strut-opt %s --strut-form-kernels --canonicalize --split-input-file | FileCheck %s

// A place that an open axis may not have is asserted of the dimension.

// CHECK-LABEL: func.func @place
// CHECK-SAME: %[[N:[a-z0-9]+]]: index) -> tensor<3xf32>
// CHECK-NOT: strut.notes
// CHECK: %[[REST:.*]] = arith.addi %[[N]], %c-3
// CHECK: %[[HOLDS:.*]] = arith.cmpi sge, %[[REST]], %c0
// CHECK: cf.assert %[[HOLDS]], "node 'third': it reads element 2 of axis 0 of its data, which has fewer"
// CHECK-NOT: kernel.fetch
func.func @place(%x: tensor<?x3xf32> {onnx.dims = ["n", ""]}) -> tensor<3xf32> {
  %i = onnx.Constant() {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %y = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<?x3xf32>, tensor<i64>) -> tensor<3xf32> loc("third")
  return %y : tensor<3xf32>
}

// -----

// Indices of a run are counted if they are no places, once however many nodes have them.

// CHECK-LABEL: func.func @indices
// CHECK-SAME: %[[I:arg1]]: tensor<4xi64>
// CHECK-SAME: -> (tensor<4x3xf32>, tensor<4x3xf32>, tensor<i64>)
// CHECK-SAME: strut.notes = ["node 'rows': a number in 'indices' lies outside of axis 0 of its data"]
// CHECK-NOT: cf.assert
// CHECK: %[[STRAYS:.*]] = kernel.rows ins(%[[I]] : tensor<4xi64>) outs(%{{.*}} : tensor<i64>)
// CHECK: arith.cmpi uge
// CHECK: kernel.combine add
// CHECK-NOT: kernel.rows
// CHECK: return %{{.*}}, %{{.*}}, %[[STRAYS]]
func.func @indices(%x: tensor<?x3xf32> {onnx.dims = ["n", ""]}, %i: tensor<4xi64>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %y = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<?x3xf32>, tensor<4xi64>) -> tensor<4x3xf32> loc("rows")
  %z = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<?x3xf32>, tensor<4xi64>) -> tensor<4x3xf32> loc("again")
  return %y, %z : tensor<4x3xf32>, tensor<4x3xf32>
}

// -----

// Nothing is asked of indices that are known to be places.

// CHECK-LABEL: func.func @places
// CHECK-NOT: cf.assert
// CHECK-NOT: strut.notes
func.func @places(%x: tensor<5x?xf32> {onnx.dims = ["", "n"]}) -> tensor<2x?xf32> {
  %i = onnx.Constant() {value = dense<[-5, 4]> : tensor<2xi64>} : () -> tensor<2xi64>
  %y = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<5x?xf32>, tensor<2xi64>) -> tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}

// -----

// A branch that does not run has no trouble.

// CHECK-LABEL: func.func @branch
// CHECK-SAME: -> (tensor<3xf32>, tensor<i64>)
// CHECK: %[[IF:.*]]:2 = scf.if %{{.*}} -> (tensor<3xf32>, tensor<i64>) {
// CHECK: %[[NONE:.*]] = kernel.map ins()
// CHECK: scf.yield %{{.*}}, %[[NONE]]
// CHECK: } else {
// CHECK: %[[STRAY:.*]] = kernel.map ins(%{{.*}} : tensor<i64>) outs(%{{.*}} : tensor<i64>)
// CHECK: scf.yield %{{.*}}, %[[STRAY]]
// CHECK: return %{{.*}}, %[[IF]]#1
func.func @branch(%c: tensor<i1>, %x: tensor<?x3xf32> {onnx.dims = ["n", ""]}, %i: tensor<i64>) -> tensor<3xf32> {
  %y = onnx.If(%c) else_branch {
    %a = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<?x3xf32>, tensor<i64>) -> tensor<3xf32> loc("row")
    onnx.Yield %a : tensor<3xf32>
  } then_branch {
    %zero = onnx.Constant() {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
    onnx.Yield %zero : tensor<3xf32>
  } : (tensor<i1>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// A loop carries whether there has been any.

// CHECK-LABEL: func.func @loop
// CHECK-SAME: -> (tensor<3xf32>, tensor<i64>)
// CHECK: %[[NONE:.*]] = kernel.map ins() outs(%{{.*}} : tensor<i64>)
// CHECK: %[[LOOP:.*]]:2 = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[SOFAR:.*]] = %[[NONE]])
// CHECK: %[[EITHER:.*]] = kernel.map ins(%[[SOFAR]], %{{.*}} : tensor<i64>, tensor<i64>)
// CHECK: arith.ori
// CHECK: kernel.map ins(%[[EITHER]] : tensor<i64>) outs(%[[SOFAR]] : tensor<i64>)
// CHECK: return %[[LOOP]]#0, %[[LOOP]]#1
func.func @loop(%n: tensor<i64>, %x: tensor<?x3xf32> {onnx.dims = ["n", ""]}, %y: tensor<3xf32>) -> tensor<3xf32> {
  %none = onnx.Absent
  %z = onnx.Loop(%n, %none, %y) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<3xf32>):
    %row = onnx.Gather(%x, %i) {axis = 0 : i64} : (tensor<?x3xf32>, tensor<i64>) -> tensor<3xf32> loc("row")
    %w = onnx.Add(%v, %row) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    onnx.Yield %c, %w : tensor<i1>, tensor<3xf32>
  } : (tensor<i64>, none, tensor<3xf32>) -> tensor<3xf32>
  return %z : tensor<3xf32>
}

// -----

// Extents of which nothing says that they are equal are asserted to be, once.

// CHECK-LABEL: func.func @agree
// CHECK-SAME: %[[N:[a-z0-9]+]]: index, %[[M:[a-z0-9]+]]: index) -> tensor<?x3xf32>
// CHECK: %[[REST:.*]] = arith.subi %[[N]], %[[M]]
// CHECK: %[[HOLDS:.*]] = arith.cmpi eq, %[[REST]], %c0
// CHECK: cf.assert %[[HOLDS]], "node 'sum': extents that have to be equal are not, which depend on n, m; {{.*}}"
// CHECK-NOT: cf.assert
func.func @agree(%x: tensor<?x3xf32> {onnx.dims = ["n", ""]}, %y: tensor<?x3xf32> {onnx.dims = ["m", ""]}) -> tensor<?x3xf32> {
  %s = onnx.Add(%x, %y) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32> loc("sum")
  %p = onnx.Mul(%s, %y) : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32> loc("product")
  return %p : tensor<?x3xf32>
}
