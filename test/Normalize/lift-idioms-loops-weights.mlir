// RUN: strut-opt %s --strut-lift-idioms -split-input-file | FileCheck %s

// Steps of loops over experts that weight or write other rows than those that were found.

// Condition 4: the weight of another choice.

// CHECK-LABEL: func.func @other_choice
// CHECK: onnx.NonZero
// CHECK: return
func.func @other_choice(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %row) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 4: the weight of another row.

// CHECK-LABEL: func.func @other_row
// CHECK: onnx.NonZero
// CHECK: return
func.func @other_row(%x: tensor<2x8xf32>, %w: tensor<2x2xf32>, %y: tensor<2x6xf32>, %e: tensor<2x2xi64>) -> tensor<2x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<2x2xi64>, tensor<i64>) -> tensor<2x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<2x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<2x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%choice, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<2x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<2x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// -----

// Condition 4: one weight for each column.

// CHECK-LABEL: func.func @weights_of_columns
// CHECK: onnx.NonZero
// CHECK: return
func.func @weights_of_columns(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %zero) : (tensor<?xf32>, tensor<1xi64>) -> tensor<1x?xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<1x?xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 4: weights that were rounded stay so.

// CHECK-LABEL: func.func @rounded
// CHECK: %[[I:.*]] = onnx.Cast(%arg1) {to = 7 : i64}
// CHECK: %[[W:.*]] = onnx.Cast(%[[I]])
// CHECK: onnx.Mul(%[[W]], %{{.*}})
// CHECK: return
func.func @rounded(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %i = onnx.Cast(%w) {to = 7 : i64} : (tensor<?x2xf32>) -> tensor<?x2xi64>
  %wi = onnx.Cast(%i) {to = 1 : i64} : (tensor<?x2xi64>) -> tensor<?x2xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%wi, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 4: weights in another shape stay so.

// CHECK-LABEL: func.func @reshaped
// CHECK: %[[W:.*]] = onnx.Reshape(%arg1, %{{.*}})
// CHECK: onnx.Mul(%[[W]], %{{.*}})
// CHECK: return
func.func @reshaped(%x: tensor<5x8xf32>, %w: tensor<2x5xf32>, %y: tensor<5x6xf32>, %e: tensor<5x2xi64>) -> tensor<5x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<5x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<5x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %shape = onnx.Constant() {value = dense<[5, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %wr = onnx.Reshape(%w, %shape) : (tensor<2x5xf32>, tensor<2xi64>) -> tensor<5x2xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%wr, %at) : (tensor<5x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<5x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// -----

// Condition 5: more rows than have numbers.

// CHECK-LABEL: func.func @more_rows
// CHECK: onnx.NonZero
// CHECK: return
func.func @more_rows(%x: tensor<8x8xf32>, %w: tensor<5x2xf32>, %y: tensor<5x6xf32>, %e: tensor<5x2xi64>) -> tensor<5x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<5x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<8x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<5x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<5x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// -----

// Condition 5: more results than rows.

// CHECK-LABEL: func.func @more_results
// CHECK: onnx.NonZero
// CHECK: return
func.func @more_results(%x: tensor<5x8xf32>, %w: tensor<5x2xf32>, %y: tensor<8x6xf32>, %e: tensor<5x2xi64>) -> tensor<8x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<5x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<5x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<5x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<8x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<8x6xf32>
  return %0 : tensor<8x6xf32>
}

// -----

// Condition 5: more weights than choices.

// CHECK-LABEL: func.func @more_weights
// CHECK: onnx.NonZero
// CHECK: return
func.func @more_weights(%x: tensor<5x8xf32>, %w: tensor<5x4xf32>, %y: tensor<5x6xf32>, %e: tensor<5x2xi64>) -> tensor<5x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %hit = onnx.Equal(%e, %n) : (tensor<5x2xi64>, tensor<i64>) -> tensor<5x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<5x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<5x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<5x4xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<5x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// -----

// Condition 6: the first column alone is written.

// CHECK-LABEL: func.func @one_column
// CHECK: onnx.NonZero
// CHECK: return
func.func @one_column(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %l: tensor<?x3xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x1xf32>} : () -> tensor<8x1xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %best, %e = onnx.TopK(%l, %two) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %hit = onnx.Equal(%e, %n) : (tensor<?x2xi64>, tensor<i64>) -> tensor<?x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<?x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x1xf32>) -> tensor<?x1xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %ys = onnx.Shape(%y) : (tensor<?x6xf32>) -> tensor<2xi64>
  %zs = onnx.ConstantOfShape(%ys) : (tensor<2xi64>) -> tensor<?x6xf32>
  %us = onnx.Shape(%u) : (tensor<?x1xf32>) -> tensor<2xi64>
  %at2 = onnx.Expand(%row, %us) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x1xi64>
  %d = onnx.ScatterElements(%zs, %at2, %u) {axis = 0 : i64} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.Add(%y, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}
