// RUN: strut-opt %s -split-input-file -verify-diagnostics | strut-opt -split-input-file | FileCheck %s

#lhs = affine_map<(g, s, n, k) -> (s floordiv 2, k)>
#rhs = affine_map<(g, s, n, k) -> (g, k, n)>
#list = affine_map<(g, s, n, k) -> ()>
#bias = affine_map<(g, s, n, k) -> (g, n)>
#init = affine_map<(g, s, n, k) -> (s, n)>

// CHECK-LABEL: func @tensors
func.func @tensors(%x: tensor<?x8xf32>, %w: tensor<3x8x4xf32>, %order: tensor<?xi32>, %offsets: tensor<4xi32>, %b: tensor<3x4xf32>, %o: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: kernel.grouped ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<3x8x4xf32>, tensor<?xi32>, tensor<4xi32>, tensor<3x4xf32>) outs(%{{.*}} : tensor<?x4xf32>)
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
  %y = kernel.grouped ins(%x, %w, %order, %offsets, %b : tensor<?x8xf32>, tensor<3x8x4xf32>, tensor<?xi32>, tensor<4xi32>, tensor<3x4xf32>)
      outs(%o : tensor<?x4xf32>) attributes {indexing_maps = [#lhs, #rhs, #list, #list, #bias, #init]} {
  ^bb0(%acc: f32, %bias: f32):
    %s = arith.addf %acc, %bias : f32
    kernel.yield %s : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

#lhs = affine_map<(g, s, n, k) -> (s, k)>
#rhs = affine_map<(g, s, n, k) -> (g, k, n)>
#list = affine_map<(g, s, n, k) -> ()>
#init = affine_map<(g, s, n, k) -> (s, n)>

// Constraint 2: lists of another type.
func.func @lists(%x: memref<?x8xf32>, %w: memref<3x8x4xf32>, %order: memref<?xi64>, %offsets: memref<4xi32>, %o: memref<?x4xf32>) {
  // expected-error @+1 {{needs order and offsets that are lists of i32 with the empty map, got 'memref<?xi64>'}}
  kernel.grouped ins(%x, %w, %order, %offsets : memref<?x8xf32>, memref<3x8x4xf32>, memref<?xi64>, memref<4xi32>)
      outs(%o : memref<?x4xf32>) attributes {indexing_maps = [#lhs, #rhs, #list, #list, #init]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(g, s, n, k) -> (g, s, k)>
#rhs = affine_map<(g, s, n, k) -> (g, k, n)>
#list = affine_map<(g, s, n, k) -> ()>
#init = affine_map<(g, s, n, k) -> (s, n)>

// Constraint 3: a left side that depends on the group.
func.func @sides(%x: memref<3x?x8xf32>, %w: memref<3x8x4xf32>, %order: memref<?xi32>, %offsets: memref<4xi32>, %o: memref<?x4xf32>) {
  // expected-error @+1 {{needs maps of lhs over (s, k), of rhs over (g, n, k), of init over (s, n)}}
  kernel.grouped ins(%x, %w, %order, %offsets : memref<3x?x8xf32>, memref<3x8x4xf32>, memref<?xi32>, memref<4xi32>)
      outs(%o : memref<?x4xf32>) attributes {indexing_maps = [#lhs, #rhs, #list, #list, #init]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#lhs = affine_map<(g, s, n, k) -> (s, k)>
#rhs = affine_map<(g, s, n, k) -> (g, k, n)>
#list = affine_map<(g, s, n, k) -> ()>
#init = affine_map<(g, s, n, k) -> (s, n)>

// Constraint 4: an extra operand that depends on the term.
func.func @extras(%x: memref<?x8xf32>, %w: memref<3x8x4xf32>, %order: memref<?xi32>, %offsets: memref<4xi32>, %o: memref<?x4xf32>) {
  // expected-error @+1 {{has an extra operand that depends on the contracted dimension}}
  kernel.grouped ins(%x, %w, %order, %offsets, %x : memref<?x8xf32>, memref<3x8x4xf32>, memref<?xi32>, memref<4xi32>, memref<?x8xf32>)
      outs(%o : memref<?x4xf32>) attributes {indexing_maps = [#lhs, #rhs, #list, #list, #lhs, #init]} {
  ^bb0(%acc: f32, %e: f32):
    kernel.yield %acc : f32
  }
  return
}
