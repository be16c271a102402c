// RUN: strut-opt %s --strut-expand-operators --split-input-file | FileCheck %s

// Products of integers are in expand-quantized.mlir.

// A pooling over channels: places of the image are its channels. Of an even number the one more
// comes behind.

// CHECK-LABEL: func.func @lrn
// CHECK: %[[SQUARE:.*]] = onnx.Mul(%arg0, %arg0)
// CHECK: %[[FLAT:.*]] = onnx.Reshape(%[[SQUARE]], %{{.*}}) : {{.*}} -> tensor<?x8x?xf32>
// CHECK: %[[TURNED:.*]] = onnx.Transpose(%[[FLAT]]) {perm = array<i64: 0, 2, 1>}
// CHECK: onnx.AveragePool(%[[TURNED]]) {count_include_pad = 1 : i64, kernel_shape = array<i64: 4>, pads = array<i64: 1, 2>}
// CHECK: onnx.Transpose
// CHECK: %[[SHAPE:.*]] = onnx.Shape(%arg0)
// CHECK: onnx.Reshape(%{{.*}}, %[[SHAPE]])
// CHECK: %[[POWER:.*]] = onnx.Pow
// CHECK: onnx.Div(%arg0, %[[POWER]]) : {{.*}} -> tensor<?x8x?x?xf32>
func.func @lrn(%x: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  %0 = onnx.LRN(%x) {size = 4 : i64} : (tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32>
  return %0 : tensor<?x8x?x?xf32>
}

// -----

// CHECK-LABEL: func.func @binarizer
// CHECK: %[[LIKE:.*]] = onnx.CastLike(%{{.*}}, %arg0) : (tensor<f32>, tensor<4xi64>) -> tensor<i64>
// CHECK: %[[ABOVE:.*]] = onnx.Greater(%arg0, %[[LIKE]])
// CHECK: onnx.CastLike(%[[ABOVE]], %arg0)
func.func @binarizer(%x: tensor<4xi64>) -> tensor<4xi64> {
  %0 = onnx.ai.onnx.ml.Binarizer(%x) {threshold = 2.0 : f32} : (tensor<4xi64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// -----

// A vector is a row.

// CHECK-LABEL: func.func @features
// CHECK: %[[ROW:.*]] = onnx.Unsqueeze(%arg0, %{{.*}})
// CHECK: %[[FLAT:.*]] = onnx.Reshape(%arg1, %{{.*}}) : {{.*}} -> tensor<2xi64>
// CHECK: onnx.Gather(%[[ROW]], %[[FLAT]]) {axis = -1 : i64} : {{.*}} -> tensor<1x2xf32>
func.func @features(%x: tensor<4xf32>, %y: tensor<1x2xi64>) -> tensor<1x2xf32> {
  %0 = onnx.ai.onnx.ml.ArrayFeatureExtractor(%x, %y) : (tensor<4xf32>, tensor<1x2xi64>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// What has no rank says too little.

// CHECK-LABEL: func.func @unranked
// CHECK: onnx.LRN
func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  %0 = onnx.LRN(%x) {size = 4 : i64} : (tensor<*xf32>) -> tensor<*xf32>
  return %0 : tensor<*xf32>
}

// -----

// Pairs at distances 1 and 2, each a comparison of two slices with all pairs. Single elements
// have no distance.

// CHECK-LABEL: func.func @n_grams
// CHECK: onnx.Slice({{.*}} -> tensor<?x6xi64>
// CHECK: onnx.Equal({{.*}} : (tensor<?x6x1xi64>, tensor<1xi64>)
// CHECK: onnx.Slice({{.*}} -> tensor<?x5xi64>
// CHECK: onnx.Equal
// CHECK: onnx.Slice({{.*}} -> tensor<?x5xi64>
// CHECK: onnx.Equal
// CHECK: %[[FOUND:.*]] = onnx.And({{.*}} -> tensor<?x5x2xi1>
// CHECK: onnx.ReduceSum({{.*}} {keepdims = 0 : i64} : {{.*}} -> tensor<?x2xf32>
// CHECK: onnx.MatMul({{.*}} -> tensor<?x4xf32>
// CHECK: onnx.Slice({{.*}} -> tensor<?x4xi64>
// CHECK: onnx.MatMul
// CHECK-NOT: onnx.MatMul
func.func @n_grams(%x: tensor<?x6xi64>) -> tensor<?x4xf32> {
  %0 = onnx.TfIdfVectorizer(%x) {max_gram_length = 2 : i64, max_skip_count = 1 : i64, min_gram_length = 1 : i64, mode = "TF",
    ngram_counts = array<i64: 0, 1>, ngram_indexes = array<i64: 3, 0, 1>, pool_int64s = array<i64: 7, 1, 2, 3, 4>} :
    (tensor<?x6xi64>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
