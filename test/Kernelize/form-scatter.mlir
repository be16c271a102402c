// RUN: strut-opt %s --strut-form-kernels --canonicalize --split-input-file | FileCheck %s

// Rows of a cache at places that are repeated for all their elements: a region that
// starts with the cache, reads each place once and writes a whole row.

// CHECK-LABEL: func.func @repeated
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<?x4x?x32xf32>
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<?x4x?x32xf32>
func.func @repeated(%cache: tensor<?x4x?x32xf32> {onnx.dims = ["batch", "", "length", ""]},
                    %rows: tensor<?x4x?x32xf32> {onnx.dims = ["batch", "", "seq", ""]},
                    %places: tensor<?xi64> {onnx.dims = ["seq"]}) -> tensor<?x4x?x32xf32> {
  %axes = onnx.Constant() {value = dense<[0, 1, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  // CHECK: %[[COLUMN:.*]] = tensor.expand_shape
  // CHECK-NOT: kernel.map
  // CHECK: kernel.region ins(%[[ROWS]], %[[COLUMN]] : tensor<?x4x?x32xf32>, tensor<1x1x?x1xi64>) outs(%[[CACHE]] : tensor<?x4x?x32xf32>) attributes {updates}
  // CHECK: tensor.extract %{{.*}}[%[[ZERO:.*]], %[[ZERO]], %[[J:.*]], %[[ZERO]]] : tensor<1x1x?x1xi64>
  // CHECK: tensor.extract_slice %{{.*}}[1, 1, 1, 32] [1, 1, 1, 1] : tensor<?x4x?x32xf32> to tensor<32xf32>
  // CHECK: linalg.copy
  // CHECK: tensor.insert_slice
  %column = onnx.Unsqueeze(%places, %axes) : (tensor<?xi64>, tensor<3xi64>) -> tensor<1x1x?x1xi64>
  %shape = onnx.Shape(%rows) : (tensor<?x4x?x32xf32>) -> tensor<4xi64>
  %indices = onnx.Expand(%column, %shape) : (tensor<1x1x?x1xi64>, tensor<4xi64>) -> tensor<?x4x?x32xi64>
  %next = onnx.ScatterElements(%cache, %indices, %rows) {axis = 2 : i64} : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xi64>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  return %next : tensor<?x4x?x32xf32>
}

// -----

// Places of single elements stay a loop over these.

// CHECK-LABEL: func.func @single
func.func @single(%data: tensor<5x6xf32>, %indices: tensor<4x3xi64>, %updates: tensor<4x3xf32>) -> tensor<5x6xf32> {
  // CHECK: kernel.region {{.*}} attributes {updates}
  // CHECK-NOT: linalg
  // CHECK: tensor.insert
  %y = onnx.ScatterElements(%data, %indices, %updates) {axis = 1 : i64} : (tensor<5x6xf32>, tensor<4x3xi64>, tensor<4x3xf32>) -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}

// -----

// A reduction is pointwise code on the slices.

// CHECK-LABEL: func.func @added
func.func @added(%data: tensor<5x6xf32>, %indices: tensor<4x1xi64>, %updates: tensor<4x6xf32>) -> tensor<5x6xf32> {
  // CHECK: linalg.generic
  // CHECK: arith.addf
  %y = onnx.ScatterND(%data, %indices, %updates) {reduction = "add"} : (tensor<5x6xf32>, tensor<4x1xi64>, tensor<4x6xf32>) -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}

// -----

// Starts per element of the batch; a circular cache goes on at its beginning.

// CHECK-LABEL: func.func @circular
func.func @circular(%cache: tensor<?x4x?x32xf32> {onnx.dims = ["batch", "", "length", ""]},
                    %rows: tensor<?x4x?x32xf32> {onnx.dims = ["batch", "", "seq", ""]},
                    %starts: tensor<?xi64> {onnx.dims = ["batch"]}) -> tensor<?x4x?x32xf32> {
  // CHECK: kernel.region
  // CHECK: arith.addi
  // CHECK: arith.remsi
  // CHECK: linalg.copy
  %next = onnx.TensorScatter(%cache, %rows, %starts) {axis = -2 : i64, mode = "circular"} : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?xi64>) -> tensor<?x4x?x32xf32>
  return %next : tensor<?x4x?x32xf32>
}
