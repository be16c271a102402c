// RUN: strut-opt %s | strut-opt | FileCheck %s

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<?x7x768xf32>, %w: tensor<768x3072xf32>, %b: tensor<3072xf32>) -> tensor<?x7x3072xf32> {
  // CHECK: layer.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x7x768xf32>, tensor<768x3072xf32>, tensor<3072xf32> -> tensor<?x7x3072xf32>
  %y = layer.linear %x, %w bias %b : tensor<?x7x768xf32>, tensor<768x3072xf32>, tensor<3072xf32> -> tensor<?x7x3072xf32>
  // CHECK: layer.linear %{{.*}}, %{{.*}} : tensor<?x7x768xf32>, tensor<768x3072xf32> -> tensor<?x7x3072xf32>
  %z = layer.linear %x, %w : tensor<?x7x768xf32>, tensor<768x3072xf32> -> tensor<?x7x3072xf32>
  return %y : tensor<?x7x3072xf32>
}

// CHECK-LABEL: func.func @alternatives
func.func @alternatives(%x: tensor<?x?x8xf32>, %u: tensor<8x2xf32>, %v: tensor<2x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x?x8xf32> {
  // CHECK: layer.alternatives of %{{.*}} : tensor<?x?x8xf32> by [#layer.case<[0, 1] below 48 -> 0>] else 1 -> tensor<?x?x8xf32> {
  %y = layer.alternatives of %x : tensor<?x?x8xf32> by [#layer.case<[0, 1] below 48 -> 0>] else 1 -> tensor<?x?x8xf32> {
    %a = layer.linear %x, %u : tensor<?x?x8xf32>, tensor<8x2xf32> -> tensor<?x?x2xf32>
    %b = layer.linear %a, %v : tensor<?x?x2xf32>, tensor<2x8xf32> -> tensor<?x?x8xf32>
    // CHECK: layer.yield %{{.*}} : tensor<?x?x8xf32>
    // CHECK-NEXT: }, {
    layer.yield %b : tensor<?x?x8xf32>
  }, {
    %c = layer.linear %x, %w : tensor<?x?x8xf32>, tensor<8x8xf32> -> tensor<?x?x8xf32>
    layer.yield %c : tensor<?x?x8xf32>
  }
  return %y : tensor<?x?x8xf32>
}

// CHECK-LABEL: func @block_linear
func.func @block_linear(%x: tensor<?x6xf32>, %w: tensor<3x2x4xf32>, %b: tensor<12xf32>) -> tensor<?x12xf32> {
  // CHECK: layer.block_linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x6xf32>, tensor<3x2x4xf32>, tensor<12xf32> -> tensor<?x12xf32>
  %y = layer.block_linear %x, %w bias %b : tensor<?x6xf32>, tensor<3x2x4xf32>, tensor<12xf32> -> tensor<?x12xf32>
  // CHECK: layer.block_linear %{{.*}}, %{{.*}} : tensor<?x6xf32>, tensor<3x2x4xf32> -> tensor<?x12xf32>
  %z = layer.block_linear %x, %w : tensor<?x6xf32>, tensor<3x2x4xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// A type may know less, or more, than can be inferred.

// CHECK-LABEL: func @refined
func.func @refined(%x: tensor<7x8xf32>, %u: tensor<?x8xf32>, %w: tensor<8x4xf32>) {
  // CHECK: layer.linear %{{.*}} -> tensor<?x4xf32>
  %y = layer.linear %x, %w : tensor<7x8xf32>, tensor<8x4xf32> -> tensor<?x4xf32>
  // CHECK: layer.linear %{{.*}} -> tensor<7x4xf32>
  %z = layer.linear %u, %w : tensor<?x8xf32>, tensor<8x4xf32> -> tensor<7x4xf32>
  return
}

// CHECK-LABEL: func @pool_mixer
func.func @pool_mixer(%x: tensor<?x8x?x?xf32>, %s: tensor<8xf32>) -> tensor<?x8x?x?xf32> {
  // CHECK: layer.pool_mixer %{{.*}} scale %{{.*}} window [3, 2] before [1, 0] epsilon 1.000000e-05 : tensor<?x8x?x?xf32>, tensor<8xf32>
  %y = layer.pool_mixer %x scale %s window [3, 2] before [1, 0] epsilon 1.0e-5 : tensor<?x8x?x?xf32>, tensor<8xf32>
  // CHECK: layer.pool_mixer %{{.*}} window [1, 5] before [0, 4] : tensor<?x8x?x?xf32>
  %z = layer.pool_mixer %y window [1, 5] before [0, 4] : tensor<?x8x?x?xf32>
  return %z : tensor<?x8x?x?xf32>
}
