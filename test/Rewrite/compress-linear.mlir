// RUN: strut-opt %s --strut-compress-linear=tolerance=1e-3 --remark-format=emitRemark --remarks-filter=compress-linear 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=SAYS < %t
// RUN: strut-opt %s --strut-compress-linear=tolerance=1e-12 | FileCheck %s --check-prefix=EXACT
// RUN: FileCheck %s --check-prefix=SILENT < %t

// Rank 1: the second row is twice the first.

// CHECK-LABEL: func.func @low_rank
func.func @low_rank(%x: tensor<?x2xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[DOWN:.*]] = layer.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  // CHECK: layer.linear %[[DOWN]], %{{.*}} bias %{{.*}} : tensor<?x1xf32>, tensor<1x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // SAYS: weight of 2 x 4 became low rank 1: 75.0 % of the parameters, relative error
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %b = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = layer.linear %x, %w bias %b : tensor<?x2xf32>, tensor<2x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// Four pieces of 2 x 3, each of rank 1, though the whole has rank 4: two blocks of
// 2 x 2, the middle values [0 1 2 3] in the order [0 2 1 3], two blocks of 2 x 3.
// That is as many parameters as ranks of 2 would take, and all are 20 of 24.

// CHECK-LABEL: func.func @monarch
func.func @monarch(%x: tensor<2x?x4xf32>) -> tensor<2x?x6xf32> {
  // CHECK: %[[FIRST:.*]] = layer.block_linear %arg0, %{{.*}} : tensor<2x?x4xf32>, tensor<2x2x2xf32> -> tensor<2x?x4xf32>
  // CHECK: %[[ORDER:.*]] = onnx.Constant() {value = dense<[0, 2, 1, 3]> : tensor<4xi64>}
  // CHECK: %[[SHUFFLED:.*]] = onnx.Gather(%[[FIRST]], %[[ORDER]]) {axis = 2 : i64}
  // CHECK: layer.block_linear %[[SHUFFLED]], %{{.*}} : tensor<2x?x4xf32>, tensor<2x2x3xf32> -> tensor<2x?x6xf32>
  // SAYS: weight of 4 x 6 became 2 x 2 blocks of rank 1: 83.3 % of the parameters, relative error
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 1.0, 0.0, 1.0], [2.0, 4.0, 6.0, 3.0, 0.0, 3.0],
                                       [5.0, 0.0, 0.0, 1.0, 1.0, 2.0], [1.0, 0.0, 0.0, 7.0, 7.0, 14.0]]> : tensor<4x6xf32>} : () -> tensor<4x6xf32>
  %0 = layer.linear %x, %w : tensor<2x?x4xf32>, tensor<4x6xf32> -> tensor<2x?x6xf32>
  return %0 : tensor<2x?x6xf32>
}

// A weight that is used transposed is factorised as it is used.

// CHECK-LABEL: func.func @transposed
func.func @transposed(%x: tensor<?x4xf64>) -> tensor<?x2xf64> {
  // CHECK: layer.linear %arg0, %{{.*}} : tensor<?x4xf64>, tensor<4x1xf64>
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]]> : tensor<2x4xf64>} : () -> tensor<2x4xf64>
  %t = onnx.Transpose(%w) {perm = array<i64: 1, 0>} : (tensor<2x4xf64>) -> tensor<4x2xf64>
  %0 = layer.linear %x, %t : tensor<?x4xf64>, tensor<4x2xf64> -> tensor<?x2xf64>
  return %0 : tensor<?x2xf64>
}

// Condition 1: constant, f32 or f64, finite. Condition 2: a row or a column is its own
// factor. Condition 3: one reader. And what has full rank has no smaller factors.

// CHECK-LABEL: func.func @kept
func.func @kept(%x: tensor<?x2xf32>, %v: tensor<2x4xf32>, %h: tensor<?x2xf16>, %one: tensor<?x1xf32>) -> (tensor<?x4xf32>, tensor<?x4xf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x4xf32>, tensor<?x4xf32>) {
  %w16 = onnx.Constant() {value = dense<1.0> : tensor<2x4xf16>} : () -> tensor<2x4xf16>
  %inf = onnx.Constant() {value = dense<0x7F800000> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %row = onnx.Constant() {value = dense<3.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %twice = onnx.Constant() {value = dense<5.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %full = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, -1.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  // CHECK: layer.linear %arg0, %arg1 : tensor<?x2xf32>, tensor<2x4xf32>
  // CHECK-NEXT: layer.linear %arg2, %{{.*}} : tensor<?x2xf16>, tensor<2x4xf16>
  // CHECK-NEXT: layer.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<2x4xf32>
  // CHECK-NEXT: layer.linear %arg3, %{{.*}} : tensor<?x1xf32>, tensor<1x4xf32>
  // CHECK-NEXT: layer.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<2x4xf32>
  // CHECK-NEXT: onnx.Relu
  // CHECK-NEXT: layer.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<2x4xf32>
  // SAYS: weight of 2 x 4 stays dense: it is not finite
  // SAYS: weight of 2 x 4 stays dense: something else reads it too
  // SAYS: weight of 2 x 4 stays dense: no factors within the tolerance are much smaller
  %0 = layer.linear %x, %v : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %h, %w16 : tensor<?x2xf16>, tensor<2x4xf16> -> tensor<?x4xf16>
  %2 = layer.linear %x, %inf : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %3 = layer.linear %one, %row : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %4 = layer.linear %x, %twice : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %5 = onnx.Relu(%twice) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %6 = layer.linear %x, %full : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<?x4xf32>, tensor<?x4xf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<2x4xf32>, tensor<?x4xf32>
}

// Of what has no factors of its own, or no numbers, nothing is said.

// CHECK-LABEL: func.func @silent
// SILENT-NOT: weight of 1 x
// SILENT-NOT: weight of 3 x
func.func @silent(%x: tensor<?x3xf32>, %v: tensor<3x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = layer.linear %x, %v : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %x, %v : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// (3) Something else reads the matrix that is transposed. (4) Factors of f32 that are off by more
// than 1e-12. (5) Two matrices of rank 2 have nine
// tenths of the parameters of one of 4 x 5.

// CHECK-LABEL: func.func @transposed_for_one
// CHECK: layer.linear %arg0, %{{.*}} : tensor<?x4xf32>, tensor<4x2xf32>
func.func @transposed_for_one(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<2x4xf32>) {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %t = onnx.Transpose(%w) {perm = array<i64: 1, 0>} : (tensor<2x4xf32>) -> tensor<4x2xf32>
  %0 = layer.linear %x, %t : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = onnx.Relu(%w) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0, %1 : tensor<?x2xf32>, tensor<2x4xf32>
}

// EXACT-LABEL: func.func @rounded
// EXACT: layer.linear %arg0, %{{.*}} : tensor<?x2xf32>, tensor<2x4xf32>
func.func @rounded(%x: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 3.0, 5.0, 7.0], [3.0, 9.0, 15.0, 21.0]]> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @as_large
// CHECK: layer.linear %arg0, %{{.*}} : tensor<?x4xf32>, tensor<4x5xf32>
func.func @as_large(%x: tensor<?x4xf32>) -> tensor<?x5xf32> {
  %w = onnx.Constant() {value = dense<[[1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 5.0, 7.0, 0.0], [3.0, 3.0, 8.0, 11.0, 5.0], [1.0, -1.0, 2.0, 3.0, -5.0]]> : tensor<4x5xf32>} : () -> tensor<4x5xf32>
  %0 = layer.linear %x, %w : tensor<?x4xf32>, tensor<4x5xf32> -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
