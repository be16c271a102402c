// RUN: strut-opt %s --strut-lift-idioms --canonicalize | FileCheck %s

// x·sigmoid(x), either operand first, and with a factor inside.

// CHECK-LABEL: func.func @swish
func.func @swish(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %alpha = onnx.Constant() {value = dense<1.702> : tensor<f32>} : () -> tensor<f32>
  // CHECK-DAG: %[[A:.*]] = onnx.Swish(%arg0) {alpha = 1.000000e+00 : f32}
  // CHECK-DAG: %[[B:.*]] = onnx.Swish(%[[A]]) {alpha = 1.000000e+00 : f32}
  // CHECK-DAG: %[[C:.*]] = onnx.Swish(%[[B]]) {alpha = 1.702000e+00 : f32}
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %0 = onnx.Sigmoid(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Mul(%x, %0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Sigmoid(%1) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%alpha, %3) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = onnx.Sigmoid(%4) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = onnx.Mul(%3, %5) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1, %3, %6 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// The gate of another value, a gate that somebody else reads, and a product that has
// more elements than x.

// CHECK-LABEL: func.func @no_swish
func.func @no_swish(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<1x?x4xf32>) {
  %one = onnx.Constant() {value = dense<1.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  // CHECK-NOT: onnx.Swish
  // CHECK: return
  %0 = onnx.Sigmoid(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Mul(%y, %0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Sigmoid(%y) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%y, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Sigmoid(%3) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = onnx.Mul(%3, %4) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = onnx.Mul(%one, %5) : (tensor<1x1x1xf32>, tensor<?x4xf32>) -> tensor<1x?x4xf32>
  return %1, %2, %4, %6 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<1x?x4xf32>
}

// CHECK-LABEL: func.func @mish
func.func @mish(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  // CHECK: %[[A:.*]] = onnx.Mish(%arg0)
  // CHECK: %[[B:.*]] = onnx.Mish(%[[A]])
  // CHECK: return %[[A]], %[[B]]
  %0 = onnx.Softplus(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Tanh(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Exp(%2) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Add(%one, %3) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = onnx.Log(%4) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = onnx.Tanh(%5) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = onnx.Mul(%2, %6) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %2, %7 : tensor<?x4xf32>, tensor<?x4xf32>
}

// log(2 + exp(x)) is no softplus.

// CHECK-LABEL: func.func @no_mish
func.func @no_mish(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %two = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NOT: onnx.Mish
  // CHECK: return
  %0 = onnx.Exp(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Add(%0, %two) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Log(%1) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Tanh(%2) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}

// relu6(x + 3) / 6: Clip and Div, Min of Relu and Mul, Max of Min with the factor inside.

// CHECK-LABEL: func.func @hard_sigmoid
func.func @hard_sigmoid(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>, %z: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %three = onnx.Constant() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %six = onnx.Constant() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %sixth = onnx.Constant() {value = dense<0.166666672> : tensor<f32>} : () -> tensor<f32>
  // CHECK: %[[A:.*]] = onnx.HardSigmoid(%arg0) {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32}
  // CHECK: %[[B:.*]] = onnx.HardSigmoid(%arg1) {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32}
  // CHECK: %[[C:.*]] = onnx.HardSigmoid(%arg2) {alpha = 0.166666672 : f32, beta = 5.000000e-01 : f32}
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %0 = onnx.Add(%x, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Clip(%0, %zero, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Div(%1, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = onnx.Add(%three, %y) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Relu(%3) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = onnx.Min(%six, %4) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = onnx.Mul(%sixth, %5) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = onnx.Div(%z, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %8 = onnx.Add(%7, %half) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %9 = onnx.Min(%8, %one) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %10 = onnx.Max(%9, %zero) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  return %2, %6, %10 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// A ramp from another foot, to another height, and one that somebody else reads; a
// product of more axes than x.

// CHECK-LABEL: func.func @no_hard_sigmoid
func.func @no_hard_sigmoid(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<1x?x4xf32>) {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %low = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %three = onnx.Constant() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %five = onnx.Constant() {value = dense<5.0> : tensor<f32>} : () -> tensor<f32>
  %six = onnx.Constant() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %six3 = onnx.Constant() {value = dense<6.0> : tensor<1x1x1xf32>} : () -> tensor<1x1x1xf32>
  // CHECK-NOT: onnx.HardSigmoid
  // CHECK: return
  %0 = onnx.Add(%x, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Clip(%0, %low, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Div(%1, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = onnx.Clip(%0, %zero, %five) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %4 = onnx.Div(%3, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %5 = onnx.Add(%4, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %6 = onnx.Clip(%5, %zero, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %7 = onnx.Div(%6, %six3) : (tensor<?x4xf32>, tensor<1x1x1xf32>) -> tensor<1x?x4xf32>
  return %2, %4, %6, %7 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<1x?x4xf32>
}

// The sixth at the product, at x, at the ramp, and in a HardSigmoid.

// CHECK-LABEL: func.func @hard_swish
func.func @hard_swish(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %three = onnx.Constant() {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %six = onnx.Constant() {value = dense<6.0> : tensor<f32>} : () -> tensor<f32>
  %sixth = onnx.Constant() {value = dense<0.166666672> : tensor<f32>} : () -> tensor<f32>
  // CHECK: %[[A:.*]] = onnx.HardSwish(%arg0)
  // CHECK: %[[B:.*]] = onnx.HardSwish(%[[A]])
  // CHECK: %[[C:.*]] = onnx.HardSwish(%[[B]])
  // CHECK: %[[D:.*]] = onnx.HardSwish(%[[C]])
  // CHECK: return %[[D]]
  %0 = onnx.Add(%x, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = onnx.Clip(%0, %zero, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Div(%2, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %4 = onnx.Add(%3, %three) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %5 = onnx.Clip(%4, %zero, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %6 = onnx.Mul(%3, %sixth) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %7 = onnx.Mul(%6, %5) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %8 = onnx.Add(%three, %7) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = onnx.Clip(%8, %zero, %six) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %10 = onnx.Div(%9, %six) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %11 = onnx.Mul(%7, %10) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %12 = onnx.HardSigmoid(%11) {alpha = 0.166666672 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %13 = onnx.Mul(%12, %11) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %13 : tensor<?x4xf32>
}

// Another slope and a ramp of another value.

// CHECK-LABEL: func.func @no_hard_swish
func.func @no_hard_swish(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK-NOT: onnx.HardSwish
  // CHECK: return
  %0 = onnx.HardSigmoid(%x) {alpha = 0.2 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Mul(%0, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.HardSigmoid(%y) {alpha = 0.166666672 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1, %3 : tensor<?x4xf32>, tensor<?x4xf32>
}

// max(x, 0), with a 0 of one element, or one that is repeated to the shape of x by way of ones.

// CHECK-LABEL: func.func @relu
func.func @relu(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant() {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  // CHECK: %[[A:.*]] = onnx.Relu(%arg0)
  // CHECK: %[[B:.*]] = onnx.Relu(%[[A]])
  // CHECK: %[[C:.*]] = onnx.Relu(%[[B]])
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %0 = onnx.Max(%zero, %x) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %shape = onnx.Shape(%0) : (tensor<?x4xf32>) -> tensor<2xi64>
  %ones = onnx.Expand(%one, %shape) : (tensor<f32>, tensor<2xi64>) -> tensor<?x4xf32>
  %zeros = onnx.Mul(%zero, %ones) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Max(%0, %zeros) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %own = onnx.Shape(%1) : (tensor<?x4xf32>) -> tensor<2xi64>
  %more = onnx.ConstantOfShape(%own) {value = dense<1.0> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<?x4xf32>
  %none = onnx.Mul(%more, %zero) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = onnx.Max(%none, %1) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// Another number, three operands, infinity times 0, which is NaN, and zeros that may be more
// rows than x.

// CHECK-LABEL: func.func @no_relu
func.func @no_relu(%x: tensor<?x4xf32>, %shape: tensor<2xi64>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %zero = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %few = onnx.Constant() {value = dense<1.0e-30> : tensor<f32>} : () -> tensor<f32>
  %infinity = onnx.Constant() {value = dense<0x7F800000> : tensor<f32>} : () -> tensor<f32>
  // CHECK-NOT: onnx.Relu
  // CHECK: return
  %0 = onnx.Max(%few, %x) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = onnx.Max(%x, %zero, %zero) : (tensor<?x4xf32>, tensor<f32>, tensor<f32>) -> tensor<?x4xf32>
  %own = onnx.Shape(%x) : (tensor<?x4xf32>) -> tensor<2xi64>
  %repeated = onnx.Expand(%infinity, %own) : (tensor<f32>, tensor<2xi64>) -> tensor<?x4xf32>
  %nans = onnx.Mul(%zero, %repeated) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = onnx.Max(%x, %nans) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %zeros = onnx.Expand(%zero, %shape) : (tensor<f32>, tensor<2xi64>) -> tensor<?x4xf32>
  %3 = onnx.Max(%x, %zeros) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0, %1, %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
