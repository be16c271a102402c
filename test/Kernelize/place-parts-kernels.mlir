// RUN: strut-opt %s --strut-place-parts --split-input-file | FileCheck %s

// Condition 1: a kernel of another block computes the part; one that writes what a loop carries.

kernel.weight @w : tensor<8x16xf32> = dense<1.0> : tensor<8x16xf32>
// CHECK-LABEL: func.func @before_the_loop
func.func @before_the_loop(%x: tensor<4x8xf32>, %h: tensor<4x24xf32>, %begin: index, %end: index, %step: index) -> tensor<4x24xf32> {
  // CHECK: %[[OWN:.*]] = tensor.empty() : tensor<4x16xf32>
  // CHECK: %[[A:.*]] = kernel.contract {{.*}} outs(%[[OWN]] :
  // CHECK: scf.for
  // CHECK: kernel.map ins(%[[A]] :
  %w = kernel.use @w : tensor<8x16xf32>
  %0 = tensor.empty() : tensor<4x16xf32>
  %a = kernel.contract ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%0 : tensor<4x16xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } -> tensor<4x16xf32>
  %y = scf.for %i = %begin to %end step %step iter_args(%p = %h) -> tensor<4x24xf32> {
    %1 = tensor.empty() : tensor<4x24xf32>
    %2 = tensor.extract_slice %1[0, 0] [4, 16] [1, 1] : tensor<4x24xf32> to tensor<4x16xf32>
    %3 = kernel.map ins(%a : tensor<4x16xf32>) outs(%2 : tensor<4x16xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } -> tensor<4x16xf32>
    %4 = tensor.insert_slice %3 into %1[0, 0] [4, 16] [1, 1] : tensor<4x16xf32> into tensor<4x24xf32>
    %5 = tensor.extract_slice %4[0, 16] [4, 8] [1, 1] : tensor<4x24xf32> to tensor<4x8xf32>
    %6 = kernel.map ins(%x : tensor<4x8xf32>) outs(%5 : tensor<4x8xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } -> tensor<4x8xf32>
    %7 = tensor.insert_slice %6 into %4[0, 16] [4, 8] [1, 1] : tensor<4x8xf32> into tensor<4x24xf32>
    %8 = kernel.map ins(%7, %p : tensor<4x24xf32>, tensor<4x24xf32>) outs(%p : tensor<4x24xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32, %t: f32):
      %9 = arith.addf %s, %t : f32
      kernel.yield %9 : f32
    } -> tensor<4x24xf32>
    scf.yield %8 : tensor<4x24xf32>
  }
  return %y : tensor<4x24xf32>
}

// -----

// CHECK-LABEL: func.func @carried
func.func @carried(%x: tensor<4x8xf32>, %h: tensor<4x16xf32>, %g: tensor<4x24xf32>, %begin: index, %end: index, %step: index) -> (tensor<4x16xf32>, tensor<4x24xf32>) {
  // CHECK: scf.for {{.*}} iter_args(%[[P:.*]] = %arg1, %{{.*}} = %arg2)
  // CHECK: %[[A:.*]] = kernel.map {{.*}} outs(%[[P]] :
  // CHECK: kernel.map ins(%[[A]] :
  %y:2 = scf.for %i = %begin to %end step %step iter_args(%p = %h, %q = %g) -> (tensor<4x16xf32>, tensor<4x24xf32>) {
    %a = kernel.map ins(%p : tensor<4x16xf32>) outs(%p : tensor<4x16xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32):
      %0 = arith.negf %s : f32
      kernel.yield %0 : f32
    } -> tensor<4x16xf32>
    %1 = tensor.empty() : tensor<4x24xf32>
    %2 = tensor.extract_slice %1[0, 0] [4, 16] [1, 1] : tensor<4x24xf32> to tensor<4x16xf32>
    %3 = kernel.map ins(%a : tensor<4x16xf32>) outs(%2 : tensor<4x16xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } -> tensor<4x16xf32>
    %4 = tensor.insert_slice %3 into %1[0, 0] [4, 16] [1, 1] : tensor<4x16xf32> into tensor<4x24xf32>
    %5 = tensor.extract_slice %4[0, 16] [4, 8] [1, 1] : tensor<4x24xf32> to tensor<4x8xf32>
    %6 = kernel.map ins(%x : tensor<4x8xf32>) outs(%5 : tensor<4x8xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } -> tensor<4x8xf32>
    %7 = tensor.insert_slice %6 into %4[0, 16] [4, 8] [1, 1] : tensor<4x8xf32> into tensor<4x24xf32>
    %8 = kernel.map ins(%7, %q : tensor<4x24xf32>, tensor<4x24xf32>) outs(%q : tensor<4x24xf32>) attributes {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]} {
    ^bb0(%s: f32, %t: f32):
      %9 = arith.addf %s, %t : f32
      kernel.yield %9 : f32
    } -> tensor<4x24xf32>
    scf.yield %a, %8 : tensor<4x16xf32>, tensor<4x24xf32>
  }
  return %y#0, %y#1 : tensor<4x16xf32>, tensor<4x24xf32>
}
