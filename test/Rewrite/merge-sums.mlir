// RUN: strut-opt %s --strut-merge-sums --canonicalize | FileCheck %s
// RUN: strut-opt %s --strut-merge-sums=reduced-precision --canonicalize | FileCheck %s --check-prefix=REDUCED

// LoRA: (x W + b) + 2 (x A) B = x (W + 2 A B) + b. Condition 1: maps of one input, one of
// them dense.

// CHECK-LABEL: func.func @lora
// CHECK-DAG: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}1.700000e+01, 1.000000e+00], [9.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00]]> : tensor<3x2xf32>}
// CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = dense<[5.000000e+00, 6.000000e+00]>
// CHECK: %[[Y:.*]] = layer.linear %arg0, %[[W]] bias %[[B]] {layer.form = "dense", layer.kind = "lora"}
// CHECK-NEXT: return %[[Y]]
func.func @lora(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %bias = onnx.Constant() {value = dense<[5.0, 6.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %a = onnx.Constant() {value = dense<[[2.0], [1.0], [0.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %b = onnx.Constant() {value = dense<[[4.0, 0.0]]> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %s = onnx.Constant() {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %w bias %bias : tensor<?x3xf32>, tensor<3x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  %1 = layer.linear %x, %a : tensor<?x3xf32>, tensor<3x1xf32> -> tensor<?x1xf32>
  %2 = layer.linear %1, %b : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %3 = onnx.Mul(%s, %2) : (tensor<f32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = onnx.Add(%3, %0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// Two dense maps and the input itself.

// CHECK-LABEL: func.func @residual
// CHECK: dense<{{\[\[}}2.000000e+00, 3.000000e+00], [3.000000e+00, 2.000000e+00]]>
// CHECK: layer.linear
// CHECK-NEXT: return
func.func @residual(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %v = onnx.Constant() {value = dense<[[2.0, 1.0], [1.0, 2.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %w = onnx.Constant() {value = dense<[[1.0, -2.0], [-2.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %2 = onnx.Add(%x, %0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = onnx.Sub(%2, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// A shortcut and a map of the same value, with something else added between.

// CHECK-LABEL: func.func @apart
// CHECK: %[[W:.*]] = onnx.Constant() {value = dense<{{\[\[}}3.000000e+00, 1.000000e+00], [1.000000e+00, 3.000000e+00]]>
// CHECK-DAG: %[[T:.*]] = onnx.Tanh(%arg0)
// CHECK-DAG: %[[Y:.*]] = layer.linear %arg0, %[[W]]
// CHECK: onnx.Add(%[[Y]], %[[T]])
// CHECK-NEXT: return
func.func @apart(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[2.0, 1.0], [1.0, 2.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = onnx.Tanh(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = onnx.Add(%2, %x) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// A guide that is switched off goes, and what is left stays low-rank. Its addend does not
// count either.

// CHECK-LABEL: func.func @dead_guide
// CHECK: layer.linear %arg0, %{{.*}} : tensor<?x4xf32>, tensor<4x1xf32>
// CHECK-NEXT: layer.linear %{{.*}} {layer.form = "lowrank"}
// CHECK-NEXT: return
func.func @dead_guide(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = onnx.Constant() {value = dense<3.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %bias = onnx.Constant() {value = dense<5.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = onnx.Constant() {value = dense<2.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b = onnx.Constant() {value = dense<4.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %off = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %w bias %bias : tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = onnx.Mul(%off, %0) : (tensor<f32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = layer.linear %x, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %3 = layer.linear %2, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %4 = onnx.Add(%1, %3) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}

// Condition 2: 0 times infinity is NaN.

// CHECK-LABEL: func.func @infinite_guide
// CHECK-COUNT-3: layer.linear
// CHECK: onnx.Add
func.func @infinite_guide(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<[[0x7F800000, 1.0], [1.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %a = onnx.Constant() {value = dense<2.0> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %b = onnx.Constant() {value = dense<4.0> : tensor<1x2xf32>} : () -> tensor<1x2xf32>
  %off = onnx.Constant() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = onnx.Mul(%off, %0) : (tensor<f32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = layer.linear %x, %a : tensor<?x2xf32>, tensor<2x1xf32> -> tensor<?x1xf32>
  %3 = layer.linear %2, %b : tensor<?x1xf32>, tensor<1x2xf32> -> tensor<?x2xf32>
  %4 = onnx.Add(%1, %3) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}

// Condition 3: one base of two layers would become a matrix for each.

// CHECK-LABEL: func.func @tied
// CHECK-COUNT-6: layer.linear
// CHECK-NOT: layer.linear
// CHECK: return
func.func @tied(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = onnx.Constant() {value = dense<2.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b = onnx.Constant() {value = dense<3.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %c = onnx.Constant() {value = dense<4.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %d = onnx.Constant() {value = dense<5.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %0 = layer.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %x, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %2 = layer.linear %1, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %3 = onnx.Add(%0, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = layer.linear %y, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %5 = layer.linear %y, %c : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %6 = layer.linear %5, %d : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %7 = onnx.Add(%4, %6) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %3, %7 : tensor<?x4xf32>, tensor<?x4xf32>
}

// Factors that two layers share, as VeRA has them, merge into the matrix of each.

// CHECK-LABEL: func.func @shared_factors
// CHECK-COUNT-2: layer.linear {{.*}} tensor<4x4xf32> -> tensor<?x4xf32>
// CHECK-NOT: layer.linear
// CHECK: return
func.func @shared_factors(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %v = onnx.Constant() {value = dense<1.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %w = onnx.Constant() {value = dense<6.0> : tensor<4x4xf32>} : () -> tensor<4x4xf32>
  %a = onnx.Constant() {value = dense<2.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b = onnx.Constant() {value = dense<3.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %s = onnx.Constant() {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = layer.linear %x, %v : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %1 = layer.linear %x, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %2 = layer.linear %1, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %3 = onnx.Mul(%2, %s) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = onnx.Add(%0, %3) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = layer.linear %y, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %6 = layer.linear %y, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %7 = layer.linear %6, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %8 = onnx.Add(%5, %7) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %4, %8 : tensor<?x4xf32>, tensor<?x4xf32>
}

// Condition 4: bf16 would lose bits, unless asked for.

// CHECK-LABEL: func.func @bf16
// CHECK-COUNT-2: layer.linear
// REDUCED-LABEL: func.func @bf16
// REDUCED: layer.linear
// REDUCED-NEXT: return
func.func @bf16(%x: tensor<?x2xbf16>) -> tensor<?x2xbf16> {
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xbf16>} : () -> tensor<2x2xbf16>
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xbf16>} : () -> tensor<2x2xbf16>
  %0 = layer.linear %x, %v : tensor<?x2xbf16>, tensor<2x2xbf16> -> tensor<?x2xbf16>
  %1 = layer.linear %x, %w : tensor<?x2xbf16>, tensor<2x2xbf16> -> tensor<?x2xbf16>
  %2 = onnx.Add(%0, %1) : (tensor<?x2xbf16>, tensor<?x2xbf16>) -> tensor<?x2xbf16>
  return %2 : tensor<?x2xbf16>
}

// Condition 5: what is not finite in its type stays apart.

// CHECK-LABEL: func.func @overflow
// CHECK-COUNT-2: layer.linear
func.func @overflow(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %v = onnx.Constant() {value = dense<3.0e38> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %w = onnx.Constant() {value = dense<2.0e38> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Several adapters without a dense layer: one of the rank of all, a factor in its second weight.

// CHECK-LABEL: func.func @adapters
// CHECK-DAG: %[[A:.*]] = onnx.Constant() {value = {{.*}} : tensor<4x3xf32>}
// CHECK-DAG: %[[B:.*]] = onnx.Constant() {value = {{.*}} : tensor<3x4xf32>}
// CHECK: %[[Z:.*]] = layer.linear %arg0, %[[A]] : tensor<?x4xf32>, tensor<4x3xf32> -> tensor<?x3xf32>
// CHECK-NEXT: %[[Y:.*]] = layer.linear %[[Z]], %[[B]] {layer.form = "lowrank"} : tensor<?x3xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @adapters(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a1 = onnx.Constant() {value = dense<1.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b1 = onnx.Constant() {value = dense<2.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %a2 = onnx.Constant() {value = dense<3.0> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %b2 = onnx.Constant() {value = dense<4.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32>
  %s = onnx.Constant() {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %a1 : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %1 = layer.linear %0, %b1 : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %2 = layer.linear %x, %a2 : tensor<?x4xf32>, tensor<4x2xf32> -> tensor<?x2xf32>
  %3 = layer.linear %2, %b2 : tensor<?x2xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
  %4 = onnx.Mul(%3, %s) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %5 = onnx.Add(%1, %4) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %5 : tensor<?x4xf32>
}

// Condition 1: a low-rank map beside blocks has nothing to go into.

// CHECK-LABEL: func.func @single_adapter
// CHECK-COUNT-2: layer.linear
// CHECK: layer.block_linear
// CHECK: onnx.Add
func.func @single_adapter(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b = onnx.Constant() {value = dense<2.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %w = onnx.Constant() {value = dense<3.0> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %0 = layer.linear %x, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %1 = layer.linear %0, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %2 = layer.block_linear %x, %w : tensor<?x4xf32>, tensor<2x2x2xf32> -> tensor<?x4xf32>
  %3 = onnx.Add(%1, %2) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}

// Condition 5: a factor that does not fit its type.

// CHECK-LABEL: func.func @adapters_overflow
// CHECK-COUNT-4: layer.linear
// CHECK: onnx.Add
func.func @adapters_overflow(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = onnx.Constant() {value = dense<1.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %b = onnx.Constant() {value = dense<3.0e38> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %c = onnx.Constant() {value = dense<2.0> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %d = onnx.Constant() {value = dense<2.0> : tensor<1x4xf32>} : () -> tensor<1x4xf32>
  %s = onnx.Constant() {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %0 = layer.linear %x, %a : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %1 = layer.linear %0, %b : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %2 = onnx.Mul(%1, %s) : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = layer.linear %x, %c : tensor<?x4xf32>, tensor<4x1xf32> -> tensor<?x1xf32>
  %4 = layer.linear %3, %d : tensor<?x1xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %5 = onnx.Add(%2, %4) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %5 : tensor<?x4xf32>
}

// (5) Biases whose sum overflows.

// CHECK-LABEL: func.func @biases_overflow
// CHECK-COUNT-2: layer.linear
// CHECK: onnx.Add
func.func @biases_overflow(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = onnx.Constant() {value = dense<2.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = onnx.Constant() {value = dense<3.0e38> : tensor<2xf32>} : () -> tensor<2xf32>
  %c = onnx.Constant() {value = dense<2.0e38> : tensor<2xf32>} : () -> tensor<2xf32>
  %0 = layer.linear %x, %w bias %b : tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  %1 = layer.linear %x, %v bias %c : tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32> -> tensor<?x2xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// A sum that overflows alone, but not behind the map that follows it, is no obstacle.

// CHECK-LABEL: func.func @overflow_inside
// CHECK: %[[W:.*]] = onnx.Constant() {value = dense<{{6.0*e+00|5.99999.*}}> : tensor<2x2xf32>}
// CHECK: layer.linear %arg0, %[[W]]
// CHECK-NEXT: return
func.func @overflow_inside(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %v = onnx.Constant() {value = dense<3.0e+38> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %t = onnx.Constant() {value = dense<2.0e+38> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %m = onnx.Constant() {value = dense<5.0e-39> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = layer.linear %x, %t : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = layer.linear %2, %m : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %4 = layer.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %5 = onnx.Add(%3, %4) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %5 : tensor<?x2xf32>
}

// (6) A map of one row that is added to every row: the sum of x and its map is not of the type of
// all. Addends without a map stay in order, and so do those of which a sum has another reader.

// CHECK-LABEL: func.func @one_row
// CHECK: return %{{.*}} : tensor<3x2xf32>
func.func @one_row(%x: tensor<1x2xf32>, %y: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %w : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  %1 = onnx.Sum(%x, %y, %0) : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<1x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// CHECK-LABEL: func.func @no_map
// CHECK-DAG: %[[N:.*]] = onnx.Neg(%arg1)
// CHECK-DAG: %[[M:.*]] = layer.linear %arg0
// CHECK: %[[A:.*]] = onnx.Add(%[[M]], %arg1)
// CHECK: onnx.Add(%[[A]], %[[N]])
func.func @no_map(%x: tensor<3x2xf32>, %y: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Neg(%y) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = onnx.Sum(%x, %y, %0, %1) : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// CHECK-LABEL: func.func @part_is_read
// CHECK: %[[A:.*]] = onnx.Add(%arg1, %arg1)
// CHECK: return %{{.*}}, %[[A]]
func.func @part_is_read(%x: tensor<3x2xf32>, %y: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<1.0> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = onnx.Add(%y, %y) : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %1 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %2 = onnx.Sum(%x, %0, %1) : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2, %0 : tensor<3x2xf32>, tensor<3x2xf32>
}

// (7) The matrix has another reader, so that nothing merges: addends stay in order, too.

// CHECK-LABEL: func.func @unmerged
// CHECK: %[[T:.*]] = onnx.Tanh(%arg0)
// CHECK: %[[A:.*]] = onnx.Add(%{{.*}}, %[[T]])
// CHECK-NOT: strut.group
// CHECK: onnx.Add(%[[A]], %arg0)
func.func @unmerged(%x: tensor<3x2xf32>, %y: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = onnx.Constant() {value = dense<[[2.0, 1.0], [1.0, 2.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %0 = layer.linear %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = onnx.Tanh(%x) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = onnx.Add(%0, %1) : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = onnx.Add(%2, %x) : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %4 = layer.linear %y, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  return %3, %4 : tensor<3x2xf32>, tensor<3x2xf32>
}
