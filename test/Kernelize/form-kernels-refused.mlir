// RUN: not strut-opt %s --strut-form-kernels --split-input-file 2>&1 | FileCheck %s

// Every node without a lowering is named, not only the first.

// CHECK: error: {{.*}}ImageDecoder node 'first' cannot be compiled: this operator is not supported yet
// CHECK: error: {{.*}}ImageDecoder node 'second' cannot be compiled: this operator is not supported yet
func.func @unknown(%x: tensor<9xui8>, %y: tensor<9xui8>) -> (tensor<2x2x3xui8>, tensor<2x2x3xui8>) {
  %0 = onnx.ImageDecoder(%x) : (tensor<9xui8>) -> tensor<2x2x3xui8> loc("first")
  %1 = onnx.ImageDecoder(%y) : (tensor<9xui8>) -> tensor<2x2x3xui8> loc("second")
  return %0, %1 : tensor<2x2x3xui8>, tensor<2x2x3xui8>
}

// -----

// Each step would draw the same numbers.

// CHECK: error: {{.*}}RandomNormalLike node 'noise' cannot be compiled: it would draw the same numbers in each step of a loop
func.func @steps(%n: tensor<i64>, %x: tensor<8xf32>) -> tensor<8xf32> {
  %none = onnx.Absent
  %y = onnx.Loop(%n, %none, %x) body {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<8xf32>):
    %z = onnx.RandomNormalLike(%v) : (tensor<8xf32>) -> tensor<8xf32> loc("noise")
    onnx.Yield %c, %z : tensor<i1>, tensor<8xf32>
  } : (tensor<i64>, none, tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// CHECK: error: {{.*}}Equal node 'same' cannot be compiled: it has elements of type !onnx.string, which is not supported
func.func @types(%x: tensor<2x!onnx.string>) -> tensor<2xi1> {
  %0 = onnx.Equal(%x, %x) : (tensor<2x!onnx.string>, tensor<2x!onnx.string>) -> tensor<2xi1> loc("same")
  return %0 : tensor<2xi1>
}

// -----

// Two dimensions that nothing says to be equal. A branch may not run, so that bind cannot ask
// for it.

// CHECK: error: {{.*}}Add node 'sum' cannot be compiled: its operands have shapes [?] and [?], and it cannot be told that they broadcast
func.func @broadcast(%c: tensor<i1>, %x: tensor<?xf32> {onnx.dims = ["n"]}, %y: tensor<?xf32> {onnx.dims = ["m"]}) -> tensor<?xf32> {
  %0 = onnx.If(%c) else_branch {
    onnx.Yield %x : tensor<?xf32>
  } then_branch {
    %1 = onnx.Add(%x, %y) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> loc("sum")
    onnx.Yield %1 : tensor<?xf32>
  } : (tensor<i1>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// A shape that depends on data.

// CHECK: error: {{.*}}Reshape node 'view' cannot be compiled: its shape is computed from data and not from shapes
func.func @data(%x: tensor<8xf32>, %s: tensor<2xi64>) -> tensor<?x?xf32> {
  %t = onnx.Abs(%s) : (tensor<2xi64>) -> tensor<2xi64>
  %0 = onnx.Reshape(%x, %t) : (tensor<8xf32>, tensor<2xi64>) -> tensor<?x?xf32> loc("view")
  return %0 : tensor<?x?xf32>
}

// -----

// CHECK: error: input 0 of the model is a 'tensor<*xf32>'; only tensors of known rank can be compiled
func.func @rank(%x: tensor<*xf32>) -> tensor<*xf32> {
  %0 = onnx.Relu(%x) : (tensor<*xf32>) -> tensor<*xf32> loc("act")
  return %0 : tensor<*xf32>
}

// -----

// CHECK: error: {{.*}}MaxUnpool node 'unpool' cannot be compiled: the window of spatial axis 0 is not valid
func.func @window(%x: tensor<1x1x2xf32>, %i: tensor<1x1x2xi64>) -> tensor<1x1x4xf32> {
  %0 = onnx.MaxUnpool(%x, %i) {kernel_shape = array<i64: 2>, pads = array<i64: 1, 1>} : (tensor<1x1x2xf32>, tensor<1x1x2xi64>) -> tensor<1x1x4xf32> loc("unpool")
  return %0 : tensor<1x1x4xf32>
}

// -----

// CHECK: error: {{.*}}Transpose node 'turn' cannot be compiled: its perm is no permutation of the axes
func.func @permutation(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 7>} : (tensor<2x3xf32>) -> tensor<3x2xf32> loc("turn")
  return %0 : tensor<3x2xf32>
}

// -----

// CHECK: error: {{.*}}Softmax node 'soft' cannot be compiled: its axis does not exist
func.func @axis(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = onnx.Softmax(%x) {axis = 5 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("soft")
  return %0 : tensor<2x3xf32>
}

// -----

// CHECK: error: {{.*}}ConstantOfShape node 'fill' cannot be compiled: its result would have a negative extent
func.func @negative() -> tensor<?xf32> {
  %s = onnx.Constant() {value = dense<-4> : tensor<1xi64>} : () -> tensor<1xi64>
  %0 = onnx.ConstantOfShape(%s) : (tensor<1xi64>) -> tensor<?xf32> loc("fill")
  return %0 : tensor<?xf32>
}

// -----

// CHECK: error: {{.*}}Resize node 'large' cannot be compiled: it has neither scales nor sizes
func.func @no_scale(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %none = onnx.Absent
  %0 = onnx.Resize(%x, %none, %none, %none) : (tensor<2x3xf32>, none, none, none) -> tensor<2x3xf32> loc("large")
  return %0 : tensor<2x3xf32>
}

// -----

// The sum would take in what is beyond the number of elements that are found.

// CHECK: error: {{.*}}ReduceSum node 'total' cannot be compiled: an operand has an extent that is computed from data
func.func @counted(%x: tensor<8xf32>) -> tensor<i64> {
  %none = onnx.Absent
  %k = onnx.NonZero(%x) : (tensor<8xf32>) -> tensor<1x?xi64>
  %s = onnx.ReduceSum(%k, %none) {keepdims = 0 : i64} : (tensor<1x?xi64>, none) -> tensor<i64> loc("total")
  return %s : tensor<i64>
}

// -----

// What decides the shape comes before what is read at run time.

// CHECK: error: {{.*}}Resize node 'large' cannot be compiled: its scales are known only when it runs, and the model does not declare the extent of axis 0 of its result
func.func @scales_of_the_run(%x: tensor<?x3xf32> {onnx.dims = ["n", ""]}, %s: tensor<?xf32> {onnx.dims = ["k"]}) -> tensor<?x?xf32> {
  %none = onnx.Absent
  %0 = onnx.Resize(%x, %none, %s) : (tensor<?x3xf32>, none, tensor<?xf32>) -> tensor<?x?xf32> loc("large")
  return %0 : tensor<?x?xf32>
}

// -----

// CHECK: error: {{.*}}Resize node 'large' cannot be compiled: the number of its sizes is not known; declare the operand's shape
func.func @number_of_sizes(%x: tensor<2x3xf32>, %s: tensor<?xi64> {onnx.dims = ["k"]}) -> tensor<4x6xf32> {
  %none = onnx.Absent
  %0 = onnx.Resize(%x, %none, %none, %s) : (tensor<2x3xf32>, none, none, tensor<?xi64>) -> tensor<4x6xf32> loc("large")
  return %0 : tensor<4x6xf32>
}

// -----

// CHECK: error: {{.*}}Resize node 'large' cannot be compiled: its scales are not 2 numbers, as many as its axes ask for
func.func @too_few_scales(%x: tensor<2x3xf32>, %s: tensor<1xf32>) -> tensor<4x6xf32> {
  %none = onnx.Absent
  %0 = onnx.Resize(%x, %none, %s) : (tensor<2x3xf32>, none, tensor<1xf32>) -> tensor<4x6xf32> loc("large")
  return %0 : tensor<4x6xf32>
}

// -----

// CHECK: error: {{.*}}Resize node 'large' cannot be compiled: one of its axes does not exist, or is named twice
func.func @axis_twice(%x: tensor<2x3xf32>, %s: tensor<2xf32>) -> tensor<4x6xf32> {
  %none = onnx.Absent
  %0 = onnx.Resize(%x, %none, %s) {axes = array<i64: 1, -1>} : (tensor<2x3xf32>, none, tensor<2xf32>) -> tensor<4x6xf32> loc("large")
  return %0 : tensor<4x6xf32>
}

// -----

// CHECK: error: {{.*}}GridSample node 'warp' cannot be compiled: the last extent of its grid is not 2, a coordinate for each spatial axis
func.func @coordinates(%x: tensor<1x2x4x4xf32>, %g: tensor<1x3x3x3xf32>) -> tensor<1x2x3x3xf32> {
  %0 = onnx.GridSample(%x, %g) : (tensor<1x2x4x4xf32>, tensor<1x3x3x3xf32>) -> tensor<1x2x3x3xf32> loc("warp")
  return %0 : tensor<1x2x3x3xf32>
}

// -----

// CHECK: error: {{.*}}ConvTranspose node 'up' cannot be compiled: how many channels its input has is not known; declare that there are 2, as many as its weight takes
func.func @channels(%x: tensor<1x?x4xf32> {onnx.dims = ["", "c", ""]}, %w: tensor<2x1x3xf32>) -> tensor<1x1x6xf32> {
  %0 = onnx.ConvTranspose(%x, %w) : (tensor<1x?x4xf32>, tensor<2x1x3xf32>) -> tensor<1x1x6xf32> loc("up")
  return %0 : tensor<1x1x6xf32>
}

// -----

// CHECK: error: {{.*}}Conv node 'down' cannot be compiled: its input has 3 channels, and its weight takes 2
func.func @other_channels(%x: tensor<1x3x4xf32>, %w: tensor<1x2x3xf32>) -> tensor<1x1x2xf32> {
  %0 = onnx.Conv(%x, %w) : (tensor<1x3x4xf32>, tensor<1x2x3xf32>) -> tensor<1x1x2xf32> loc("down")
  return %0 : tensor<1x1x2xf32>
}

// -----

// CHECK: error: {{.*}}Col2Im node 'fold' cannot be compiled: its channels are not known to be whole blocks
func.func @blocks(%x: tensor<1x7x4xf32>) -> tensor<1x?x4x4xf32> {
  %i = onnx.Constant() {value = dense<4> : tensor<2xi64>} : () -> tensor<2xi64>
  %b = onnx.Constant() {value = dense<2> : tensor<2xi64>} : () -> tensor<2xi64>
  %0 = onnx.Col2Im(%x, %i, %b) : (tensor<1x7x4xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<1x?x4x4xf32> loc("fold")
  return %0 : tensor<1x?x4x4xf32>
}

// -----

// CHECK: error: {{.*}}NonZero node 'found' cannot be compiled: what it computes from data decides a shape, which is not supported inside of a branch or a loop
func.func @inside(%c: tensor<i1>, %x: tensor<8xf32>) -> tensor<1x?xi64> {
  %y = onnx.If(%c) else_branch {
    %a = onnx.NonZero(%x) : (tensor<8xf32>) -> tensor<1x?xi64>
    onnx.Yield %a : tensor<1x?xi64>
  } then_branch {
    %b = onnx.NonZero(%x) : (tensor<8xf32>) -> tensor<1x?xi64> loc("found")
    onnx.Yield %b : tensor<1x?xi64>
  } : (tensor<i1>) -> tensor<1x?xi64>
  return %y : tensor<1x?xi64>
}
