// RUN: strut-opt %s --strut-join-contractions --split-input-file | FileCheck %s

// Condition 2: it has more columns than are read.

kernel.weight @u : tensor<8x12xf32> = dense<1.0> : tensor<8x12xf32>
kernel.weight @v : tensor<4x6xf32> = dense<2.0> : tensor<4x6xf32>
// CHECK-LABEL: func.func @first_columns
func.func @first_columns(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %n: index, %all: index, %some: index) -> tensor<?x?xf32> {
  // CHECK-NOT: sums
  // CHECK: return
  %0 = kernel.use @u : tensor<8x12xf32>
  %1 = tensor.empty(%n, %all) : tensor<?x?xf32>
  %2 = kernel.contract ins(%x, %0 : tensor<?x8xf32>, tensor<8x12xf32>) outs(%1 : tensor<?x?xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x?xf32>
  %3 = kernel.use @v : tensor<4x6xf32>
  %4 = tensor.empty(%n, %some) : tensor<?x?xf32>
  %5 = kernel.contract ins(%y, %3, %2 : tensor<?x4xf32>, tensor<4x6xf32>, tensor<?x?xf32>) outs(%4 : tensor<?x?xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
  ^bb0(%a: f32, %b: f32):
    %6 = arith.mulf %a, %b : f32
    kernel.yield %6 : f32
  } -> tensor<?x?xf32>
  return %5 : tensor<?x?xf32>
}

// -----

// Condition 4: what a loop carries is read, and written.

kernel.weight @u : tensor<6x6xf32> = dense<1.0> : tensor<6x6xf32>
kernel.weight @v : tensor<6x6xf32> = dense<2.0> : tensor<6x6xf32>
// CHECK-LABEL: func.func @loop_reads
func.func @loop_reads(%x: tensor<2x6xf32>, %h: tensor<2x6xf32>, %begin: index, %end: index, %step: index) -> tensor<2x6xf32> {
  // CHECK-NOT: sums
  // CHECK: return
  %u = kernel.use @u : tensor<6x6xf32>
  %v = kernel.use @v : tensor<6x6xf32>
  %y = scf.for %i = %begin to %end step %step iter_args(%s = %h) -> tensor<2x6xf32> {
    %0 = tensor.empty() : tensor<2x6xf32>
    %1 = kernel.contract ins(%s, %u : tensor<2x6xf32>, tensor<6x6xf32>) outs(%0 : tensor<2x6xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
    ^bb0(%a: f32):
      kernel.yield %a : f32
    } -> tensor<2x6xf32>
    %2 = kernel.contract ins(%x, %v, %1 : tensor<2x6xf32>, tensor<6x6xf32>, tensor<2x6xf32>) outs(%0 : tensor<2x6xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
    ^bb0(%a: f32, %b: f32):
      %3 = arith.mulf %a, %b : f32
      kernel.yield %3 : f32
    } -> tensor<2x6xf32>
    scf.yield %2 : tensor<2x6xf32>
  }
  return %y : tensor<2x6xf32>
}

// -----

kernel.weight @u : tensor<6x6xf32> = dense<1.0> : tensor<6x6xf32>
kernel.weight @v : tensor<6x6xf32> = dense<2.0> : tensor<6x6xf32>
// CHECK-LABEL: func.func @loop_writes
func.func @loop_writes(%x: tensor<2x6xf32>, %h: tensor<2x6xf32>, %begin: index, %end: index, %step: index) -> tensor<2x6xf32> {
  // CHECK-NOT: sums
  // CHECK: return
  %u = kernel.use @u : tensor<6x6xf32>
  %v = kernel.use @v : tensor<6x6xf32>
  %y = scf.for %i = %begin to %end step %step iter_args(%s = %h) -> tensor<2x6xf32> {
    %0 = tensor.empty() : tensor<2x6xf32>
    %1 = kernel.contract ins(%x, %u : tensor<2x6xf32>, tensor<6x6xf32>) outs(%0 : tensor<2x6xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
    ^bb0(%a: f32):
      kernel.yield %a : f32
    } -> tensor<2x6xf32>
    %2 = kernel.contract ins(%x, %v, %1 : tensor<2x6xf32>, tensor<6x6xf32>, tensor<2x6xf32>) outs(%s : tensor<2x6xf32>) attributes {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]} {
    ^bb0(%a: f32, %b: f32):
      %3 = arith.mulf %a, %b : f32
      kernel.yield %3 : f32
    } -> tensor<2x6xf32>
    scf.yield %2 : tensor<2x6xf32>
  }
  return %y : tensor<2x6xf32>
}
