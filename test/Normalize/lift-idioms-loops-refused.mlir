// RUN: strut-opt %s --strut-lift-idioms -split-input-file | FileCheck %s

// Steps of loops over experts that are not the same on all rows, beside those that are.

// Places that one TopK found along each row.

// CHECK-LABEL: func.func @along_rows
// CHECK-NOT: onnx.NonZero
// CHECK: return
func.func @along_rows(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %l: tensor<?x3xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
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
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %ys = onnx.Shape(%y) : (tensor<?x6xf32>) -> tensor<2xi64>
  %zs = onnx.ConstantOfShape(%ys) : (tensor<2xi64>) -> tensor<?x6xf32>
  %us = onnx.Shape(%u) : (tensor<?x6xf32>) -> tensor<2xi64>
  %at2 = onnx.Expand(%row, %us) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x6xi64>
  %d = onnx.ScatterElements(%zs, %at2, %u) {axis = 0 : i64} : (tensor<?x6xf32>, tensor<?x6xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %0 = onnx.Add(%y, %d) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 1: along each column, a row may have a number twice.

// CHECK-LABEL: func.func @along_columns
// CHECK: onnx.NonZero
// CHECK: return
func.func @along_columns(%x: tensor<3x8xf32>, %w: tensor<3x2xf32>, %y: tensor<3x6xf32>, %l: tensor<3x3xf32>) -> tensor<3x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %best, %e = onnx.TopK(%l, %two) {axis = 0 : i64} : (tensor<3x3xf32>, tensor<1xi64>) -> (tensor<3x2xf32>, tensor<3x2xi64>)
  %hit = onnx.Equal(%e, %n) : (tensor<3x2xi64>, tensor<i64>) -> tensor<3x2xi1>
  %nz = onnx.NonZero(%hit) : (tensor<3x2xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<3x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<3x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %ys = onnx.Shape(%y) : (tensor<3x6xf32>) -> tensor<2xi64>
  %zs = onnx.ConstantOfShape(%ys) : (tensor<2xi64>) -> tensor<3x6xf32>
  %us = onnx.Shape(%u) : (tensor<?x6xf32>) -> tensor<2xi64>
  %at2 = onnx.Expand(%row, %us) : (tensor<?x1xi64>, tensor<2xi64>) -> tensor<?x6xi64>
  %d = onnx.ScatterElements(%zs, %at2, %u) {axis = 0 : i64} : (tensor<3x6xf32>, tensor<?x6xi64>, tensor<?x6xf32>) -> tensor<3x6xf32>
  %0 = onnx.Add(%y, %d) : (tensor<3x6xf32>, tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}

// -----

// Hits of numbers that one TopK gives.

// CHECK-LABEL: func.func @one_hot
// CHECK-NOT: onnx.NonZero
// CHECK: return
func.func @one_hot(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %l: tensor<?x3xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %best, %e = onnx.TopK(%l, %two) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %depth = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %bits = onnx.Constant() {value = dense<[0, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %hot = onnx.OneHot(%e, %depth, %bits) {axis = -1 : i64} : (tensor<?x2xi64>, tensor<i64>, tensor<2xi64>) -> tensor<?x2x3xi64>
  %all = onnx.Transpose(%hot) {perm = array<i64: 2, 1, 0>} : (tensor<?x2x3xi64>) -> tensor<3x2x?xi64>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<3x2x?xi64>, tensor<i64>) -> tensor<2x?xi64>
  %nz = onnx.NonZero(%hit) : (tensor<2x?xi64>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 2: a number below 0 is one from the last expert on.

// CHECK-LABEL: func.func @any_one_hot
// CHECK: onnx.NonZero
// CHECK: return
func.func @any_one_hot(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %depth = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %bits = onnx.Constant() {value = dense<[0, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %hot = onnx.OneHot(%e, %depth, %bits) {axis = -1 : i64} : (tensor<?x2xi64>, tensor<i64>, tensor<2xi64>) -> tensor<?x2x3xi64>
  %all = onnx.Transpose(%hot) {perm = array<i64: 2, 1, 0>} : (tensor<?x2x3xi64>) -> tensor<3x2x?xi64>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<3x2x?xi64>, tensor<i64>) -> tensor<2x?xi64>
  %nz = onnx.NonZero(%hit) : (tensor<2x?xi64>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 2: the hits of an expert are along the second axis.

// CHECK-LABEL: func.func @one_hot_between
// CHECK: onnx.NonZero
// CHECK: return
func.func @one_hot_between(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %l: tensor<?x3xf32>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %best, %e = onnx.TopK(%l, %two) {axis = 1 : i64} : (tensor<?x3xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %depth = onnx.Constant() {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %bits = onnx.Constant() {value = dense<[0, 1]> : tensor<2xi64>} : () -> tensor<2xi64>
  %hot = onnx.OneHot(%e, %depth, %bits) {axis = 1 : i64} : (tensor<?x2xi64>, tensor<i64>, tensor<2xi64>) -> tensor<?x3x2xi64>
  %all = onnx.Transpose(%hot) {perm = array<i64: 2, 1, 0>} : (tensor<?x3x2xi64>) -> tensor<2x3x?xi64>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<2x3x?xi64>, tensor<i64>) -> tensor<3x?xi64>
  %nz = onnx.NonZero(%hit) : (tensor<3x?xi64>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Numbers of experts along the last axis.

// CHECK-LABEL: func.func @numbers
// CHECK-NOT: onnx.NonZero
// CHECK: return
func.func @numbers(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %numbers = onnx.Constant() {value = dense<[0, 1, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %deep = onnx.Unsqueeze(%e, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %same = onnx.Equal(%deep, %numbers) : (tensor<?x2x1xi64>, tensor<3xi64>) -> tensor<?x2x3xi1>
  %all = onnx.Transpose(%same) {perm = array<i64: 2, 1, 0>} : (tensor<?x2x3xi1>) -> tensor<3x2x?xi1>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<3x2x?xi1>, tensor<i64>) -> tensor<2x?xi1>
  %nz = onnx.NonZero(%hit) : (tensor<2x?xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 2: each row is compared with one expert of its own.

// CHECK-LABEL: func.func @numbers_of_rows
// CHECK: onnx.NonZero
// CHECK: return
func.func @numbers_of_rows(%x: tensor<3x8xf32>, %w: tensor<3x2xf32>, %y: tensor<3x6xf32>, %e: tensor<3x2xi64>) -> tensor<3x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %numbers = onnx.Constant() {value = dense<[[[0]], [[1]], [[2]]]> : tensor<3x1x1xi64>} : () -> tensor<3x1x1xi64>
  %deep = onnx.Unsqueeze(%e, %last) : (tensor<3x2xi64>, tensor<1xi64>) -> tensor<3x2x1xi64>
  %same = onnx.Equal(%deep, %numbers) : (tensor<3x2x1xi64>, tensor<3x1x1xi64>) -> tensor<3x2x1xi1>
  %all = onnx.Transpose(%same) {perm = array<i64: 2, 1, 0>} : (tensor<3x2x1xi1>) -> tensor<1x2x3xi1>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<1x2x3xi1>, tensor<i64>) -> tensor<2x3xi1>
  %nz = onnx.NonZero(%hit) : (tensor<2x3xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<3x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<3x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<3x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}

// -----

// Condition 2: experts in another order.

// CHECK-LABEL: func.func @other_order
// CHECK: onnx.NonZero
// CHECK: return
func.func @other_order(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>) -> tensor<?x6xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<8x6xf32>} : () -> tensor<8x6xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %n = onnx.Constant() {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %numbers = onnx.Constant() {value = dense<[0, 2, 1]> : tensor<3xi64>} : () -> tensor<3xi64>
  %deep = onnx.Unsqueeze(%e, %last) : (tensor<?x2xi64>, tensor<1xi64>) -> tensor<?x2x1xi64>
  %same = onnx.Equal(%deep, %numbers) : (tensor<?x2x1xi64>, tensor<3xi64>) -> tensor<?x2x3xi1>
  %all = onnx.Transpose(%same) {perm = array<i64: 2, 1, 0>} : (tensor<?x2x3xi1>) -> tensor<3x2x?xi1>
  %hit = onnx.Gather(%all, %n) {axis = 0 : i64} : (tensor<3x2x?xi1>, tensor<i64>) -> tensor<2x?xi1>
  %nz = onnx.NonZero(%hit) : (tensor<2x?xi1>) -> tensor<2x?xi64>
  %t = onnx.Transpose(%nz) {perm = array<i64: 1, 0>} : (tensor<2x?xi64>) -> tensor<?x2xi64>
  %row = onnx.Slice(%t, %one, %two, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %choice = onnx.Slice(%t, %zero, %one, %one) : (tensor<?x2xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %v = onnx.Squeeze(%row, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %r = onnx.Gather(%x, %v) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%r, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Condition 3: rows of another value, found by the choice.

// CHECK-LABEL: func.func @rows_by_choice
// CHECK: onnx.NonZero
// CHECK: return
func.func @rows_by_choice(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>, %y: tensor<?x6xf32>, %e: tensor<?x2xi64>, %z: tensor<?x8xf32>) -> tensor<?x6xf32> {
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
  %v1 = onnx.Squeeze(%choice, %one) : (tensor<?x1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %rz = onnx.Gather(%z, %v1) {axis = 0 : i64} : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %rs = onnx.Add(%r, %rz) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %h = onnx.MatMul(%rs, %a) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %at = onnx.Concat(%row, %choice) {axis = -1 : i64} : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64>
  %q = onnx.GatherND(%w, %at) : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %p = onnx.Unsqueeze(%q, %last) : (tensor<?xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %u = onnx.Mul(%h, %p) : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x6xf32>
  %0 = onnx.ScatterND(%y, %row, %u) {reduction = "add"} : (tensor<?x6xf32>, tensor<?x1xi64>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}
