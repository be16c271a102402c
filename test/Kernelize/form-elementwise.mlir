// RUN: strut-opt %s --strut-form-kernels --cse --split-input-file | FileCheck %s

// Broadcasting is in the maps: missing axes are dropped, extents of 1 read at 0.

// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @broadcast
func.func @broadcast(%a: tensor<?x1xf32> {onnx.dims = ["n", ""]}, %b: tensor<8xf32>, %c: tensor<i1>) -> tensor<?x8xf32> {
  // CHECK: kernel.map ins(%arg0, %arg1 : tensor<?x1xf32>, tensor<8xf32>) outs(%{{.*}} : tensor<?x8xf32>)
  // CHECK-SAME: indexing_maps = [#[[COLUMN]], #[[ROW]], #[[ALL]]]
  // CHECK: arith.subf
  %0 = onnx.Sub(%a, %b) : (tensor<?x1xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Half precision is computed in single.

// CHECK-LABEL: func.func @half
func.func @half(%x: tensor<4xf16>) -> tensor<4xf16> {
  // CHECK: ^bb0(%[[X:.*]]: f16):
  // CHECK-NEXT: %[[W:.*]] = arith.extf %[[X]] : f16 to f32
  // CHECK-NEXT: %[[E:.*]] = math.exp %[[W]] : f32
  // CHECK-NEXT: %[[Y:.*]] = arith.truncf %[[E]] : f32 to f16
  // CHECK-NEXT: kernel.yield %[[Y]]
  %0 = onnx.Exp(%x) : (tensor<4xf16>) -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

// The machine's division never sees 0 or -1.

// CHECK-LABEL: func.func @integer_division
func.func @integer_division(%x: tensor<4xi64>, %y: tensor<4xi64>) -> tensor<4xi64> {
  // CHECK: %[[BAD:.*]] = arith.ori
  // CHECK: %[[SAFE:.*]] = arith.select %[[BAD]]
  // CHECK: arith.divsi %{{.*}}, %[[SAFE]]
  %0 = onnx.Div(%x, %y) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// -----

// A float outside an integer type is brought to its end.

// CHECK-LABEL: func.func @cast
func.func @cast(%x: tensor<4xf32>) -> tensor<4xi32> {
  // CHECK: %[[SAFE:.*]] = arith.select
  // CHECK: arith.fptosi %[[SAFE]] : f32 to i32
  // CHECK: arith.select
  // CHECK: arith.select
  %0 = onnx.Cast(%x) {to = 6 : i64} : (tensor<4xf32>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

// The bound that is absent is not applied.

// CHECK-LABEL: func.func @clip
func.func @clip(%x: tensor<4xf32>, %max: tensor<f32>) -> tensor<4xf32> {
  %none = onnx.Absent
  // CHECK: arith.minimumf
  // CHECK-NOT: arith.maximumf
  %0 = onnx.Clip(%x, %none, %max) : (tensor<4xf32>, none, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @logic
func.func @logic(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: arith.cmpf olt
  // CHECK: arith.xori
  // CHECK: arith.select
  %0 = onnx.Less(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = onnx.Not(%0) : (tensor<4xi1>) -> tensor<4xi1>
  %2 = onnx.Where(%1, %x, %y) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
