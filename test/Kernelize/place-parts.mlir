// RUN: strut-opt %s --strut-form-kernels --cse --strut-fuse-kernels --cse --strut-place-parts --cse --split-input-file | FileCheck %s
// RUN: strut-opt %s --strut-form-kernels --cse --strut-fuse-kernels --cse --strut-place-parts --strut-collapse-dimensions --cse --split-input-file | FileCheck %s --check-prefix=COLLAPSED

// Two layers of a dense block: what the second one reads begins what both are put into.

// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x48xf32> {
  // CHECK: %[[WHOLE:.*]] = tensor.empty(%{{.*}}) : tensor<?x48xf32>
  // CHECK: %[[TO_A:.*]] = tensor.extract_slice %[[WHOLE]][0, 0] [%{{.*}}, 16]
  // CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%[[TO_A]] :
  // CHECK: %[[HAS_A:.*]] = tensor.insert_slice %[[A]] into %[[WHOLE]][0, 0]
  // CHECK: %[[OF_A:.*]] = tensor.extract_slice %[[HAS_A]][0, 0] [%{{.*}}, 16]
  // CHECK: %[[RA:.*]] = kernel.map ins(%[[OF_A]] :
  // CHECK: %[[TO_B:.*]] = tensor.extract_slice %[[HAS_A]][0, 16] [%{{.*}}, 16]
  // CHECK: %[[B:.*]] = kernel.contract ins(%[[RA]], {{.*}} outs(%[[TO_B]] :
  // CHECK: %[[HAS_B:.*]] = tensor.insert_slice %[[B]] into %[[HAS_A]][0, 16]
  // CHECK: %[[AB:.*]] = tensor.extract_slice %[[HAS_B]][0, 0] [%{{.*}}, 32]
  // CHECK: %[[RAB:.*]] = kernel.map ins(%[[AB]] :
  // CHECK: %[[TO_C:.*]] = tensor.extract_slice %[[HAS_B]][0, 32] [%{{.*}}, 16]
  // CHECK: %[[C:.*]] = kernel.contract ins(%[[RAB]], {{.*}} outs(%[[TO_C]] :
  // CHECK: %[[ABC:.*]] = tensor.insert_slice %[[C]] into %[[HAS_B]][0, 32]
  // CHECK: %[[Y:.*]] = kernel.map ins(%[[ABC]] :
  // CHECK: return %[[Y]]
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<32x16xf32>} : () -> tensor<32x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %ra = onnx.Relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %b = onnx.MatMul(%ra, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x32xf32>
  %rab = onnx.Relu(%ab) : (tensor<?x32xf32>) -> tensor<?x32xf32>
  %c = onnx.MatMul(%rab, %u) : (tensor<?x32xf32>, tensor<32x16xf32>) -> tensor<?x16xf32>
  %abc = onnx.Concat(%a, %b, %c) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x48xf32>
  %y = onnx.Tanh(%abc) : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// -----

// The product would read and write one tensor: what it reads is copied.

// CHECK-LABEL: func.func @direct
func.func @direct(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x32xf32> {
  // CHECK: %[[OWN:.*]] = tensor.empty(%{{.*}}) : tensor<?x16xf32>
  // CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%[[OWN]] :
  // CHECK: kernel.map ins(%[[A]] :
  // CHECK: kernel.contract ins(%[[A]],
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %b = onnx.MatMul(%a, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x32xf32>
  %y = onnx.Tanh(%ab) : (tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// A concatenation that is returned may lie in memory of the caller's: its part is copied.

// CHECK-LABEL: func.func @returned
func.func @returned(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x24xf32>, tensor<?x16xf32>) {
  // CHECK: %[[OWN:.*]] = tensor.empty(%{{.*}}) : tensor<?x16xf32>
  // CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%[[OWN]] :
  // CHECK: kernel.map ins(%[[A]] :
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %r = onnx.Relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %ax = onnx.Concat(%a, %x) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x8xf32>) -> tensor<?x24xf32>
  return %ax, %r : tensor<?x24xf32>, tensor<?x16xf32>
}

// -----

// A part has gaps, and so has what is written there, for whoever reads it as it was written.

// COLLAPSED-LABEL: func.func @gaps
func.func @gaps(%x: tensor<?x4x8xf32> {onnx.dims = ["n", "", ""]}) -> tensor<?x4x32xf32> {
  // COLLAPSED: %[[A:.*]] = kernel.contract
  // COLLAPSED: kernel.map ins(%[[A]] : tensor<?x4x16xf32>)
  // COLLAPSED: return
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<16x16xf32>} : () -> tensor<16x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x4x8xf32>, tensor<8x16xf32>) -> tensor<?x4x16xf32>
  %e = onnx.Exp(%a) : (tensor<?x4x16xf32>) -> tensor<?x4x16xf32>
  %b = onnx.MatMul(%e, %w) : (tensor<?x4x16xf32>, tensor<16x16xf32>) -> tensor<?x4x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 2 : i64} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>) -> tensor<?x4x32xf32>
  %y = onnx.Tanh(%ab) : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return %y : tensor<?x4x32xf32>
}

// -----

// Condition 2: a part, and a concatenation that begins a longer one, is the right-hand side of a product.

// CHECK-LABEL: func.func @as_right_side
// CHECK: %[[OWN:.*]] = tensor.empty() : tensor<16x16xf32>
// CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%[[OWN]] :
// CHECK: kernel.contract ins(%arg1, %[[A]] :
func.func @as_right_side(%x: tensor<16x8xf32>, %p: tensor<4x16xf32>) -> (tensor<16x24xf32>, tensor<4x16xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<16x8xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
  %q = onnx.MatMul(%p, %a) : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %ax = onnx.Concat(%a, %x) {axis = 1 : i64} : (tensor<16x16xf32>, tensor<16x8xf32>) -> tensor<16x24xf32>
  %y = onnx.Tanh(%ax) : (tensor<16x24xf32>) -> tensor<16x24xf32>
  return %y, %q : tensor<16x24xf32>, tensor<4x16xf32>
}

// -----

// CHECK-LABEL: func.func @beginning_as_right_side
// CHECK-DAG: tensor.empty() : tensor<16x32xf32>
// CHECK-DAG: tensor.empty() : tensor<16x40xf32>
// CHECK: return
func.func @beginning_as_right_side(%x: tensor<16x8xf32>, %p: tensor<4x16xf32>) -> (tensor<16x40xf32>, tensor<4x32xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<16x8xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
  %b = onnx.MatMul(%x, %w) : (tensor<16x8xf32>, tensor<8x16xf32>) -> tensor<16x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 1 : i64} : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x32xf32>
  %q = onnx.MatMul(%p, %ab) : (tensor<4x16xf32>, tensor<16x32xf32>) -> tensor<4x32xf32>
  %abx = onnx.Concat(%a, %b, %x) {axis = 1 : i64} : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x8xf32>) -> tensor<16x40xf32>
  %y = onnx.Tanh(%abx) : (tensor<16x40xf32>) -> tensor<16x40xf32>
  return %y, %q : tensor<16x40xf32>, tensor<4x32xf32>
}

// -----

// Condition 3: what reads the beginning writes the rest: a map, a product.

// CHECK-LABEL: func.func @writer_reads_beginning
// CHECK: tensor.empty(%{{.*}}) : tensor<?x32xf32>
// CHECK: return
func.func @writer_reads_beginning(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> tensor<?x64xf32> {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %b = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x32xf32>
  %r = onnx.Relu(%ab) : (tensor<?x32xf32>) -> tensor<?x32xf32>
  %all = onnx.Concat(%a, %b, %r) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  %y = onnx.Tanh(%all) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// CHECK-LABEL: func.func @product_reads_beginning
// CHECK: %[[OWN:.*]] = tensor.empty(%{{.*}}) : tensor<?x16xf32>
// CHECK: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<?x32xf32>, tensor<32x16xf32>) outs(%[[OWN]] :
func.func @product_reads_beginning(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x48xf32>, tensor<?x16xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %w = onnx.Constant() {value = dense<2.0> : tensor<8x16xf32>} : () -> tensor<8x16xf32>
  %u = onnx.Constant() {value = dense<3.0> : tensor<32x16xf32>} : () -> tensor<32x16xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %b = onnx.MatMul(%x, %w) : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %ab = onnx.Concat(%a, %b) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x32xf32>
  %c = onnx.MatMul(%ab, %u) : (tensor<?x32xf32>, tensor<32x16xf32>) -> tensor<?x16xf32>
  %r = onnx.Exp(%c) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %all = onnx.Concat(%a, %b, %c) {axis = 1 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x48xf32>
  %y = onnx.Tanh(%all) : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return %y, %r : tensor<?x48xf32>, tensor<?x16xf32>
}

// -----

// Condition 4: a part that is read otherwise too lies in runs of 32 bytes.

// CHECK-LABEL: func.func @short_runs
// CHECK: %[[OWN:.*]] = tensor.empty(%{{.*}}) : tensor<?x8xf32>
// CHECK: kernel.contract {{.*}} outs(%[[OWN]] :
func.func @short_runs(%x: tensor<?x8xf32> {onnx.dims = ["n", ""]}) -> (tensor<?x16xf32>, tensor<?x8xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<8x8xf32>} : () -> tensor<8x8xf32>
  %a = onnx.MatMul(%x, %v) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %r = onnx.Exp(%a) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %ax = onnx.Concat(%a, %x) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  %y = onnx.Tanh(%ax) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y, %r : tensor<?x16xf32>, tensor<?x8xf32>
}
