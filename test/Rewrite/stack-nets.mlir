// RUN: strut-opt %s --strut-stack-nets --canonicalize | FileCheck %s
// RUN: strut-opt %s --strut-stack-nets=reduced-precision | FileCheck %s --check-prefix=REDUCED

// Two stages of a boosted network and where it began.

// CHECK-LABEL: func.func @stages
// CHECK-DAG: %[[U:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00]]> : tensor<1x3xf32>}
// CHECK-DAG: %[[A:.*]] = onnx.Constant() {value = dense<[4.000000e+00, 5.000000e+00, 0.000000e+00]> : tensor<3xf32>}
// CHECK-DAG: %[[V:.*]] = onnx.Constant() {value = dense<{{\[\[}}6.000000e+00], [7.000000e+00], [8.000000e+00]]> : tensor<3x1xf32>}
// CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<2.100000e+01> : tensor<1xf32>}
// CHECK-DAG: %[[F:.*]] = onnx.Constant() {value = dense<1.200000e+01> : tensor<1xf32>}
// CHECK: %[[H:.*]] = layer.linear %arg0, %[[U]] bias %[[A]]
// CHECK-NEXT: %[[S:.*]] = onnx.Sigmoid(%[[H]]) : (tensor<?x3xf32>) -> tensor<?x3xf32>
// CHECK-NEXT: %[[Y:.*]] = layer.linear %[[S]], %[[V]] bias %[[B]]
// CHECK-NEXT: onnx.Add(%[[Y]], %[[F]])
func.func @stages(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %u0 = onnx.Constant() {value = dense<[[1.0, 2.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %a0 = onnx.Constant() {value = dense<[4.0, 5.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %v0 = onnx.Constant() {value = dense<[[6.0], [7.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %b0 = onnx.Constant() {value = dense<10.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %u1 = onnx.Constant() {value = dense<[[3.0]]> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %v1 = onnx.Constant() {value = dense<[[8.0]]> : tensor<1x1xf32>} : () -> tensor<1x1xf32>
  %b1 = onnx.Constant() {value = dense<11.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %f = onnx.Constant() {value = dense<12.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = layer.linear %x, %u0 bias %a0 : tensor<?x1xf32>, tensor<1x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  %1 = onnx.Sigmoid(%0) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = layer.linear %1, %v0 bias %b0 : tensor<?x2xf32>, tensor<2x1xf32>, tensor<1xf32> -> tensor<?x1xf32>
  %3 = layer.linear %x, %u1 : tensor<?x1xf32>, tensor<1x1xf32> -> tensor<?x1xf32>
  %4 = onnx.Sigmoid(%3) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %5 = layer.linear %4, %v1 bias %b1 : tensor<?x1xf32>, tensor<1x1xf32>, tensor<1xf32> -> tensor<?x1xf32>
  %6 = onnx.Add(%f, %2) : (tensor<1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %7 = onnx.Add(%6, %5) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  return %7 : tensor<?x1xf32>
}

// (1) Other inputs, (2) other functions and attributes, (3) a reader of a hidden layer, of a
// weight, (4) f16, (5) biases whose sum is infinite.

// CHECK-LABEL: func.func @kept
// CHECK-COUNT-12: layer.linear
// CHECK-NOT: layer.linear
// CHECK: return
// REDUCED-LABEL: func.func @kept
// REDUCED: layer.linear %arg2, {{.*}} : tensor<?x1xf16>, tensor<1x4xf16>, tensor<4xf16> -> tensor<?x4xf16>
func.func @kept(%x: tensor<?x1xf32>, %z: tensor<?x1xf32>, %h: tensor<?x1xf16>) -> (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf16>, tensor<?x1xf32>) {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v0 = onnx.Constant() {value = dense<2.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %u1 = onnx.Constant() {value = dense<3.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v1 = onnx.Constant() {value = dense<4.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %0 = layer.linear %x, %u0 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %1 = onnx.LeakyRelu(%0) {alpha = 0.1 : f32} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = layer.linear %1, %v0 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %3 = layer.linear %z, %u1 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %4 = onnx.LeakyRelu(%3) {alpha = 0.1 : f32} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %5 = layer.linear %4, %v1 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %6 = onnx.Add(%2, %5) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %u2 = onnx.Constant() {value = dense<5.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v2 = onnx.Constant() {value = dense<6.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %u3 = onnx.Constant() {value = dense<7.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v3 = onnx.Constant() {value = dense<8.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %7 = layer.linear %x, %u2 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %8 = onnx.LeakyRelu(%7) {alpha = 0.1 : f32} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %9 = layer.linear %8, %v2 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %10 = layer.linear %x, %u3 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %11 = onnx.LeakyRelu(%10) {alpha = 0.2 : f32} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %12 = layer.linear %11, %v3 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %13 = onnx.Add(%9, %12) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %p0 = onnx.Constant() {value = dense<1.0> : tensor<1x2xf16>} : () -> tensor<1x2xf16>
  %q0 = onnx.Constant() {value = dense<2.0> : tensor<2x1xf16>} : () -> tensor<2x1xf16>
  %p1 = onnx.Constant() {value = dense<3.0> : tensor<1x2xf16>} : () -> tensor<1x2xf16>
  %q1 = onnx.Constant() {value = dense<4.0> : tensor<2x1xf16>} : () -> tensor<2x1xf16>
  %14 = layer.linear %h, %p0 : tensor<?x1xf16>, tensor<1x2xf16> -> tensor<?x2xf16>
  %15 = onnx.Relu(%14) : (tensor<?x2xf16>) -> tensor<?x2xf16>
  %16 = layer.linear %15, %q0 : tensor<?x2xf16>, tensor<2x1xf16> -> tensor<?x1xf16>
  %17 = layer.linear %h, %p1 : tensor<?x1xf16>, tensor<1x2xf16> -> tensor<?x2xf16>
  %18 = onnx.Relu(%17) : (tensor<?x2xf16>) -> tensor<?x2xf16>
  %19 = layer.linear %18, %q1 : tensor<?x2xf16>, tensor<2x1xf16> -> tensor<?x1xf16>
  %20 = onnx.Add(%16, %19) : (tensor<?x1xf16>, tensor<?x1xf16>) -> tensor<?x1xf16>
  return %6, %13, %20, %6 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf16>, tensor<?x1xf32>
}

// CHECK-LABEL: func.func @read
// CHECK-COUNT-8: layer.linear
// CHECK-NOT: layer.linear
// CHECK: return
func.func @read(%x: tensor<?x1xf32>) -> (tensor<?x1xf32>, tensor<?x2xf32>, tensor<?x1xf32>) {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v0 = onnx.Constant() {value = dense<2.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %u1 = onnx.Constant() {value = dense<3.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v1 = onnx.Constant() {value = dense<4.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %0 = layer.linear %x, %u0 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %1 = onnx.Relu(%0) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = layer.linear %1, %v0 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %3 = layer.linear %x, %u1 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %4 = onnx.Relu(%3) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %5 = layer.linear %4, %v1 : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %6 = onnx.Add(%2, %5) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  %u2 = onnx.Constant() {value = dense<5.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %v2 = onnx.Constant() {value = dense<6.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %v3 = onnx.Constant() {value = dense<7.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %b2 = onnx.Constant() {value = dense<3.0e38> : tensor<1xf32>} : () -> tensor<1xf32>
  %7 = layer.linear %x, %u2 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %8 = onnx.Relu(%7) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %9 = layer.linear %8, %v2 bias %b2 : tensor<?x2xf32>, tensor<2x1xf32>, tensor<1xf32> -> tensor<?x1xf32>
  %u3 = onnx.Constant() {value = dense<8.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %10 = layer.linear %x, %u3 : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %11 = onnx.Relu(%10) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %12 = layer.linear %11, %v3 bias %b2 : tensor<?x2xf32>, tensor<2x1xf32>, tensor<1xf32> -> tensor<?x1xf32>
  %13 = onnx.Add(%9, %12) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  return %6, %4, %13 : tensor<?x1xf32>, tensor<?x2xf32>, tensor<?x1xf32>
}

// (3) One weight for both, a net or a hidden layer that something else reads.

// CHECK-LABEL: func.func @shared_weight
// CHECK-NOT: x6xf32
// CHECK: return
func.func @shared_weight(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Relu(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @net_is_read
// CHECK-NOT: x6xf32
// CHECK: return
func.func @net_is_read(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Relu(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y, %o1 : tensor<?x2xf32>, tensor<?x2xf32>
}

// CHECK-LABEL: func.func @hidden_is_read
// CHECK-NOT: x6xf32
// CHECK: return
func.func @hidden_is_read(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x3xf32>) {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Relu(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y, %h1 : tensor<?x2xf32>, tensor<?x3xf32>
}

// (2) A function of rows, another function without attributes either.

// CHECK-LABEL: func.func @rows_together
// CHECK-NOT: x6xf32
// CHECK: return
func.func @rows_together(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Softmax(%h0) {axis = -1 : i64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Softmax(%h1) {axis = -1 : i64} : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @other_name
// CHECK-NOT: x6xf32
// CHECK: return
func.func @other_name(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Tanh(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// (4) The bias of one of three is given: the others become one.

// CHECK-LABEL: func.func @one_is_given
// CHECK: layer.linear %arg0, %{{.*}} bias %arg1 : tensor<?x2xf32>, tensor<2x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
// CHECK: layer.linear %arg0, {{.*}} -> tensor<?x6xf32>
func.func @one_is_given(%x: tensor<?x2xf32>, %b: tensor<3xf32>) -> tensor<?x2xf32> {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v0 = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v0 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v1 = onnx.Constant() {value = dense<6.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Relu(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v1 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %u2 = onnx.Constant() {value = dense<3.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v2 = onnx.Constant() {value = dense<7.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h2 = layer.linear %x, %u2 bias %b : tensor<?x2xf32>, tensor<2x3xf32>, tensor<3xf32> -> tensor<?x3xf32>
  %f2 = onnx.Relu(%h2) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o2 = layer.linear %f2, %v2 : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1, %o2) : (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// (3) The second weight of both is one.

// CHECK-LABEL: func.func @shared_second
// CHECK-NOT: x6xf32
// CHECK: return
func.func @shared_second(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %u0 = onnx.Constant() {value = dense<1.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %u1 = onnx.Constant() {value = dense<2.0> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %v = onnx.Constant() {value = dense<5.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h0 = layer.linear %x, %u0 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f0 = onnx.Relu(%h0) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o0 = layer.linear %f0, %v : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %h1 = layer.linear %x, %u1 : tensor<?x2xf32>, tensor<2x3xf32> -> tensor<?x3xf32>
  %f1 = onnx.Relu(%h1) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %o1 = layer.linear %f1, %v : tensor<?x3xf32>, tensor<3x2xf32> -> tensor<?x2xf32>
  %y = onnx.Sum(%o0, %o1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
