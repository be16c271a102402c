// RUN: strut-opt %s --strut-expand-layers | FileCheck %s
// RUN: strut-opt %s --strut-expand-layers=form=0 | FileCheck %s --check-prefix=FIRST
// RUN: not strut-opt %s --strut-expand-layers=form=2 2>&1 | FileCheck %s --check-prefix=THIRD

// CHECK-LABEL: func @linear
// CHECK: %[[P:.*]] = onnx.MatMul(%arg0, %arg1) : (tensor<?x3x8xf32>, tensor<8x4xf32>) -> tensor<?x3x4xf32>
// CHECK: %[[Y:.*]] = onnx.Add(%[[P]], %arg2)
// CHECK: return %[[Y]]
func.func @linear(%x: tensor<?x3x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>) -> tensor<?x3x4xf32> {
  %y = layer.linear %x, %w bias %b
      : tensor<?x3x8xf32>, tensor<8x4xf32>, tensor<4xf32> -> tensor<?x3x4xf32>
  return %y : tensor<?x3x4xf32>
}

// A vector is one row.

// CHECK-LABEL: func @vector
// CHECK: onnx.MatMul(%arg0, %arg1) : (tensor<8xf64>, tensor<8x4xf64>) -> tensor<4xf64>
// CHECK-NOT: onnx.Add
func.func @vector(%x: tensor<8xf64>, %w: tensor<8x4xf64>) -> tensor<4xf64> {
  %y = layer.linear %x, %w : tensor<8xf64>, tensor<8x4xf64> -> tensor<4xf64>
  return %y : tensor<4xf64>
}

// CHECK-LABEL: func @block_linear
// CHECK: %[[PIECES:.*]] = onnx.Constant() {value = dense<[0, 3, 1, 2]> : tensor<4xi64>}
// CHECK: %[[X:.*]] = onnx.Reshape(%arg0, %[[PIECES]])
// CHECK: %[[P:.*]] = onnx.MatMul(%[[X]], %arg1)
// CHECK: %[[WHOLE:.*]] = onnx.Constant() {value = dense<[0, 12]> : tensor<2xi64>}
// CHECK: %[[Y:.*]] = onnx.Reshape(%[[P]], %[[WHOLE]])
// CHECK: onnx.Add(%[[Y]], %arg2)
func.func @block_linear(%x: tensor<?x6xf32>, %w: tensor<3x2x4xf32>, %b: tensor<12xf32>) -> tensor<?x12xf32> {
  %y = layer.block_linear %x, %w bias %b
      : tensor<?x6xf32>, tensor<3x2x4xf32>, tensor<12xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// Layers within forms, too; the default form where none is asked for.

// CHECK-LABEL: func @alternatives
// CHECK-NOT: layer.
// CHECK: %[[P:.*]] = onnx.MatMul(%arg0, %arg3)
// CHECK-NOT: onnx.MatMul
// CHECK: return %[[P]]
// FIRST-LABEL: func @alternatives
// FIRST: %[[P:.*]] = onnx.MatMul(%arg0, %arg1)
// FIRST: %[[Q:.*]] = onnx.MatMul(%[[P]], %arg2)
// FIRST: return %[[Q]]
// THIRD: error: 'layer.alternatives' op has no form 2
func.func @alternatives(%x: tensor<?x8xf32>, %u: tensor<8x2xf32>, %v: tensor<2x8xf32>, %w: tensor<8x8xf32>)
    -> tensor<?x8xf32> {
  %y = layer.alternatives of %x : tensor<?x8xf32> by [#layer.case<[0] below 48 -> 0>] else 1
      -> tensor<?x8xf32> {
    %a = layer.linear %x, %u : tensor<?x8xf32>, tensor<8x2xf32> -> tensor<?x2xf32>
    %b = layer.linear %a, %v : tensor<?x2xf32>, tensor<2x8xf32> -> tensor<?x8xf32>
    layer.yield %b : tensor<?x8xf32>
  }, {
    %c = layer.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    layer.yield %c : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func @pool_mixer
// CHECK: %[[P:.*]] = onnx.AveragePool(%arg0) {kernel_shape = array<i64: 3>, pads = array<i64: 1, 1>}
// CHECK: %[[D:.*]] = onnx.Sub(%[[P]], %arg0)
// CHECK: %[[Y:.*]] = onnx.Mul(%[[D]], %{{.*}})
// CHECK: %[[S:.*]] = onnx.Sqrt
// CHECK: %[[Z:.*]] = onnx.Div(%[[Y]], %[[S]])
// CHECK: return %[[Z]]
func.func @pool_mixer(%x: tensor<2x8x?xf32>, %s: tensor<8xf32>) -> tensor<2x8x?xf32> {
  %y = layer.pool_mixer %x scale %s window [3] before [1] epsilon 1.0e-5 : tensor<2x8x?xf32>, tensor<8xf32>
  return %y : tensor<2x8x?xf32>
}

// CHECK-LABEL: func @experts
// CHECK: %[[TOP:.*]]:2 = onnx.TopK(%arg1, %{{.*}})
// CHECK: %[[W:.*]] = onnx.Softmax(%[[TOP]]#0)
// CHECK: %[[A:.*]] = onnx.Gather(%arg2, %[[TOP]]#1)
// CHECK: %[[H:.*]] = onnx.MatMul(%{{.*}}, %[[A]])
// CHECK: %[[G:.*]] = onnx.Gelu(%[[H]]) {approximate = "tanh"}
// CHECK: %[[O:.*]] = onnx.Gather(%arg3, %[[TOP]]#1)
// CHECK: %[[N:.*]] = onnx.MatMul(%[[G]], %[[O]])
// CHECK: %[[F:.*]] = onnx.Unsqueeze(%[[W]], %{{.*}})
// CHECK: %[[P:.*]] = onnx.Mul(%[[N]], %[[F]])
// CHECK: onnx.ReduceSum(%[[P]], %{{.*}}) {keepdims = 0 : i64} {{.*}} -> tensor<?x6xf32>
func.func @experts(%x: tensor<?x8xf32>, %l: tensor<?x4xf32>, %a: tensor<4x8x16xf32>, %o: tensor<4x16x6xf32>) -> tensor<?x6xf32> {
  %w, %e = layer.route %l top 2 of selected : tensor<?x4xf32> -> tensor<?x2xf32>, tensor<?x2xi64>
  %y = layer.experts %x by %w, %e in %a out %o {activation = #layer.activation<gelu_tanh>}
      : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<4x8x16xf32>, tensor<4x16x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}
