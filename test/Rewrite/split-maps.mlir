// RUN: strut-opt %s --strut-split-maps | FileCheck %s
// RUN: strut-opt %s --strut-split-maps=reduced-precision | FileCheck %s --check-prefix=REDUCED

// Queries and values of a fused layer have updates: it becomes three.

// CHECK-LABEL: func.func @updated
// CHECK-DAG: %[[Q:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00, 2.000000e+00], [6.000000e+00, 7.000000e+00]]>
// CHECK-DAG: %[[QB:.*]] = onnx.Constant() {value = dense<[1.000000e+01, 2.000000e+01]>
// CHECK-DAG: layer.linear %arg0, %[[Q]] bias %[[QB]]
// CHECK-DAG: %[[K:.*]] = onnx.Constant() {value = dense<{{\[\[}}3.000000e+00], [8.000000e+00]]>
// CHECK-DAG: layer.linear %arg0, %[[K]] bias
// CHECK-DAG: %[[V:.*]] = onnx.Constant() {value = dense<{{\[\[}}4.000000e+00, 5.000000e+00], [9.000000e+00, 1.000000e+01]]>
// CHECK-DAG: layer.linear %arg0, %[[V]] bias
// CHECK-NOT: onnx.Split
// CHECK: return
func.func @updated(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x1xf32>, tensor<?x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]]> : tensor<2x5xf32>} : () -> tensor<2x5xf32>
  %b = onnx.Constant() {value = dense<[10.0, 20.0, 30.0, 40.0, 50.0]> : tensor<5xf32>} : () -> tensor<5xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %sizes = onnx.Constant() {value = dense<[2, 1, 2]> : tensor<3xi64>} : () -> tensor<3xi64>
  %0 = layer.linear %x, %w bias %b : tensor<?x2xf32>, tensor<2x5xf32>, tensor<5xf32> -> tensor<?x5xf32>
  %1:3 = onnx.Split(%0, %sizes) {axis = -1 : i64} : (tensor<?x5xf32>, tensor<3xi64>) -> (tensor<?x2xf32>, tensor<?x1xf32>, tensor<?x2xf32>)
  %2 = layer.linear %x, %u : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %3 = onnx.Add(%1#0, %2) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3, %1#1, %1#2 : tensor<?x2xf32>, tensor<?x1xf32>, tensor<?x2xf32>
}

// Slices, of which some features are in none.

// CHECK-LABEL: func.func @slices
// CHECK-DAG: %[[Q:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.000000e+00], [5.000000e+00]]>
// CHECK-DAG: layer.linear %arg0, %[[Q]]
// CHECK-DAG: %[[V:.*]] = onnx.Constant() {value = dense<{{\[\[}}3.000000e+00], [7.000000e+00]]>
// CHECK-DAG: layer.linear %arg0, %[[V]]
// CHECK-NOT: onnx.Slice
// CHECK: return
func.func @slices(%x: tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = onnx.Slice(%0, %zero, %one, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xf32>
  %2 = onnx.Slice(%0, %two, %three, %one) : (tensor<?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1xf32>
  %3 = layer.linear %x, %u : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %4 = onnx.Add(%3, %2) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
  return %1, %4 : tensor<?x1xf32>, tensor<?x1xf32>
}

// (1) Every second feature.

// CHECK-LABEL: func.func @strided
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @strided(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x1xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %four, %one, %two) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %three, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x1xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4, %2 : tensor<4x2xf32>, tensor<4x1xf32>
}

// (1) All features are read beside.

// CHECK-LABEL: func.func @read_whole
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @read_whole(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4, %2, %0 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>
}

// (2) The part is read beside.

// CHECK-LABEL: func.func @read_twice
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @read_twice(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %5 = onnx.Tanh(%1) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4, %2, %5 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// (2) What is added is a map of another value.

// CHECK-LABEL: func.func @another_value
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @another_value(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %y, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4, %2 : tensor<4x2xf32>, tensor<4x2xf32>
}

// (3) Another layer reads the weight.

// CHECK-LABEL: func.func @shared_weight
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @shared_weight(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %5 = layer.linear %y, %w : tensor<4x2xf32>, tensor<2x4xf32> -> tensor<4x4xf32>
  return %4, %2, %5 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>
}

// (3) Another layer reads the bias.

// CHECK-LABEL: func.func @shared_bias
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @shared_bias(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %v = onnx.Constant() {value = dense<1.5> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %5 = layer.linear %y, %v bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  return %4, %2, %5 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x4xf32>
}

// (4) A feature is in both parts.

// CHECK-LABEL: func.func @overlap
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf32>
// CHECK: return
func.func @overlap(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<4x4xf32>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %2 = onnx.Slice(%0, %one, %three, %one) : (tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf32>
  %3 = layer.linear %x, %u : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %4, %2 : tensor<4x2xf32>, tensor<4x2xf32>
}

// (5) Updates of f16 do not merge, unless that is asked for.

// CHECK-LABEL: func.func @f16
// CHECK: layer.linear %arg0, %{{.*}} bias %{{.*}} : {{.*}} -> tensor<4x4xf16>
// CHECK: return
// REDUCED-LABEL: func.func @f16
// REDUCED-NOT: onnx.Slice
// REDUCED: return
func.func @f16(%x: tensor<4x2xf16>, %y: tensor<4x2xf16>) -> (tensor<4x2xf16>, tensor<4x2xf16>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf16>} : () -> tensor<2x4xf16>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf16>} : () -> tensor<4xf16>
  %u = onnx.Constant() {value = dense<1.5> : tensor<2x2xf16>} : () -> tensor<2x2xf16>
  %zero = onnx.Constant() {value = dense<0> : tensor<1xi64>} : () -> tensor<1xi64>
  %one = onnx.Constant() {value = dense<1> : tensor<1xi64>} : () -> tensor<1xi64>
  %two = onnx.Constant() {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %three = onnx.Constant() {value = dense<3> : tensor<1xi64>} : () -> tensor<1xi64>
  %four = onnx.Constant() {value = dense<4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = layer.linear %x, %w bias %b : tensor<4x2xf16>, tensor<2x4xf16>, tensor<4xf16> -> tensor<4x4xf16>
  %1 = onnx.Slice(%0, %zero, %two, %one) : (tensor<4x4xf16>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf16>
  %2 = onnx.Slice(%0, %two, %four, %one) : (tensor<4x4xf16>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4x2xf16>
  %3 = layer.linear %x, %u : tensor<4x2xf16>, tensor<2x2xf16> -> tensor<4x2xf16>
  %4 = onnx.Add(%1, %3) : (tensor<4x2xf16>, tensor<4x2xf16>) -> tensor<4x2xf16>
  return %4, %2 : tensor<4x2xf16>, tensor<4x2xf16>
}
