// Mixtures in several spellings, and each with one thing changed by which it is none. All extents are 2,
// so that what is changed still fits.

// RUN: strut-opt %s --strut-recognize-experts | FileCheck %s
// CHECK-LABEL: func.func @batched
// CHECK: layer.experts
// CHECK-LABEL: func.func @gathered
// CHECK: layer.experts
// CHECK-LABEL: func.func @gated
// CHECK: layer.route %arg1 top 2 of selected
// CHECK: layer.experts {{.*}} gate

// Condition 6 of the pass: axes. In the batched form,
// RUN: sed 's/dense<0> : tensor<1xi64>} : () -> tensor<1xi64> loc("experts")/dense<1> : tensor<1xi64>} : () -> tensor<1xi64>/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-BATCHED
// RUN: sed 's/(%%s) {perm = array<i64: 1, 0>}/(%%s) {perm = array<i64: 0, 1>}/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-BATCHED
// RUN: sed 's/{axis = 1 : i64, reduction = "none"}/{axis = 0 : i64, reduction = "none"}/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-BATCHED
// RUN: sed 's/tensor<2x1x2xf32>/tensor<1x1x2xf32>/g' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-BATCHED
// and what is scattered is added (condition 4).
// RUN: sed 's/reduction = "none"/reduction = "add"/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-BATCHED
// NOT-BATCHED-LABEL: func.func @batched
// NOT-BATCHED-NOT: layer.experts
// NOT-BATCHED-LABEL: func.func @gathered

// In the gathered form,
// RUN: sed 's/(%%w3, %%e) {axis = 0/(%%w3, %%e) {axis = 1/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// RUN: sed 's/batch_dims = 0/batch_dims = 1/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// RUN: sed 's/md,mkdh->mkh/md,mkdh->mhk/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// RUN: sed 's/md,mkdh->mkh/kd,mkdh->mkh/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// RUN: sed 's/dense<1> : tensor<1xi64>} : () -> tensor<1xi64> loc("choices")/dense<0> : tensor<1xi64>} : () -> tensor<1xi64>/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// condition 5: nets in parts that two routers choose,
// RUN: sed 's/(%%w3, %%e)/(%%w3, %%others)/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// and condition 7: numbers that are given, or that a router has more of than there are nets.
// RUN: sed 's/(%%w\([34]\), %%e)/(%%w\1, %%given)/; s/(%%c3, %%e)/(%%c3, %%given)/; s/Unsqueeze(%%e,/Unsqueeze(%%given,/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// RUN: sed 's/onnx.TopK(%%m, %%k)/onnx.TopK(%%wide, %%k)/; s/(tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>) loc("router")/(tensor<2x3xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATHERED
// NOT-GATHERED-LABEL: func.func @gathered
// NOT-GATHERED-NOT: layer.experts
// NOT-GATHERED: return

// Gated nets: condition 5, both halves of the same rows; condition 3, with a function.
// RUN: sed 's/MatMul(%%r, %%w5)/MatMul(%%other, %%w5)/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATED
// RUN: sed 's/Mul(%%h2, %%h3)/Mul(%%h1, %%h3)/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-GATED
// NOT-GATED-LABEL: func.func @gated
// NOT-GATED-NOT: layer.experts
// NOT-GATED: return

// Condition 8: weights that are divided by another sum, by their sum over rows, or by nothing, and a softmax
// of another axis, are no router's that layer.route knows.
// RUN: sed 's/ReduceSum(%%best,/ReduceSum(%%l,/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-ROUTED
// RUN: sed 's/ReduceSum(%%best, %%last)/ReduceSum(%%best, %%zero)/; s/tensor<2x1xf32> loc("sum")/tensor<1x2xf32>/; s/tensor<2x1xf32>) -> tensor<2x2xf32> loc("shares")/tensor<1x2xf32>) -> tensor<2x2xf32>/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-ROUTED
// RUN: sed 's/onnx.Div(%%best, %%total)/onnx.Mul(%%best, %%total)/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-ROUTED
// RUN: sed 's/Softmax(%%l) {axis = -1/Softmax(%%l) {axis = 0/' %s | strut-opt --strut-recognize-experts | FileCheck %s --check-prefix=NOT-ROUTED
// NOT-ROUTED-LABEL: func.func @gated
// NOT-ROUTED-NOT: layer.route
// NOT-ROUTED: layer.experts

func.func @batched(%x: tensor<2x2xf32>, %l: tensor<2x2xf32>, %shape: tensor<2xi64>) -> tensor<2x2xf32> {
  %w1 = onnx.Constant() {value = dense<1.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<2x1x2xf32>} : () -> tensor<2x1x2xf32>
  %w2 = onnx.Constant() {value = dense<3.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %experts = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64> loc("experts")
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%l, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<2x2xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64, reduction = "none"} : (tensor<2x2xf32>, tensor<2x2xi64>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<1x2x2xf32>
  %0 = onnx.MatMul(%r, %w1) : (tensor<1x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %1 = onnx.Add(%b1, %0) : (tensor<2x1x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %2 = onnx.Relu(%1) : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %3 = onnx.MatMul(%2, %w2) : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %4 = onnx.Mul(%f, %3) : (tensor<2x2x1xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %5 = onnx.ReduceSum(%4, %experts) {keepdims = 0 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2xf32>
  return %5 : tensor<2x2xf32>
}

func.func @gathered(%x: tensor<2x2xf32>, %m: tensor<2x2xf32>, %given: tensor<2x2xi64>, %wide: tensor<2x3xf32>) -> tensor<2x2xf32> {
  %w3 = onnx.Constant() {value = dense<1.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %c3 = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %w4 = onnx.Constant() {value = dense<3.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %choices = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64> loc("choices")
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %best, %e = onnx.TopK(%m, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>) loc("router")
  %p = onnx.Softmax(%best) {axis = -1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %best2, %others = onnx.TopK(%x, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %g3 = onnx.Gather(%w3, %e) {axis = 0 : i64} : (tensor<2x2x2xf32>, tensor<2x2xi64>) -> tensor<2x2x2x2xf32>
  %each = onnx.Unsqueeze(%e, %last) : (tensor<2x2xi64>, tensor<1xi64>) -> tensor<2x2x1xi64>
  %d3 = onnx.GatherND(%c3, %each) {batch_dims = 0 : i64} : (tensor<2x2xf32>, tensor<2x2x1xi64>) -> tensor<2x2x2xf32>
  %g4 = onnx.Gather(%w4, %e) {axis = 0 : i64} : (tensor<2x2x2xf32>, tensor<2x2xi64>) -> tensor<2x2x2x2xf32>
  %0 = onnx.Einsum(%x, %g3) {equation = "md,mkdh->mkh"} : (tensor<2x2xf32>, tensor<2x2x2x2xf32>) -> tensor<2x2x2xf32>
  %1 = onnx.Add(%0, %d3) : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %2 = onnx.Tanh(%1) : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %3 = onnx.Einsum(%2, %g4) {equation = "mkh,mkho->mko"} : (tensor<2x2x2xf32>, tensor<2x2x2x2xf32>) -> tensor<2x2x2xf32>
  %f = onnx.Unsqueeze(%p, %last) : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %4 = onnx.Mul(%3, %f) : (tensor<2x2x2xf32>, tensor<2x2x1xf32>) -> tensor<2x2x2xf32>
  %5 = onnx.ReduceSum(%4, %choices) {keepdims = 0 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2xf32>
  return %5 : tensor<2x2xf32>
}

func.func @gated(%x: tensor<2x2xf32>, %l: tensor<2x2xf32>, %shape: tensor<2xi64>, %other: tensor<1x2x2xf32>) -> tensor<2x2xf32> {
  %w5 = onnx.Constant() {value = dense<1.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %w6 = onnx.Constant() {value = dense<2.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %w7 = onnx.Constant() {value = dense<3.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %k = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %last = onnx.Constant() {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %all = onnx.Softmax(%l) {axis = -1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %best, %e = onnx.TopK(%all, %k) {axis = -1 : i64, largest = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %total = onnx.ReduceSum(%best, %last) {keepdims = 1 : i64} : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x1xf32> loc("sum")
  %p = onnx.Div(%best, %total) : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32> loc("shares")
  %z = onnx.ConstantOfShape(%shape) : (tensor<2xi64>) -> tensor<2x2xf32>
  %s = onnx.ScatterElements(%z, %e, %p) {axis = 1 : i64} : (tensor<2x2xf32>, tensor<2x2xi64>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %t = onnx.Transpose(%s) {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %f = onnx.Unsqueeze(%t, %last) : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<2x2x1xf32>
  %r = onnx.Unsqueeze(%x, %zero) : (tensor<2x2xf32>, tensor<1xi64>) -> tensor<1x2x2xf32>
  %h1 = onnx.MatMul(%r, %w5) : (tensor<1x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %h2 = onnx.Relu(%h1) : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %h3 = onnx.MatMul(%r, %w6) : (tensor<1x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %h = onnx.Mul(%h2, %h3) : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %o = onnx.MatMul(%h, %w7) : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %y = onnx.Mul(%f, %o) : (tensor<2x2x1xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %v = onnx.ReduceSum(%y, %zero) {keepdims = 0 : i64} : (tensor<2x2x2xf32>, tensor<1xi64>) -> tensor<2x2xf32>
  return %v : tensor<2x2xf32>
}
