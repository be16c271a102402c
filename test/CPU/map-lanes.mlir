// Lanes run along the contiguous dimension: whole vectors, then one masked vector. What
// is the same for all lanes of a row is loaded once, as a scalar.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 16, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=NARROW

// CHECK-LABEL: func private @map_0
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %c1
// CHECK-NEXT: %[[SCALE:.*]] = memref.load %arg2[%[[ROW]]]
// CHECK: %[[REST:.*]] = arith.remui %{{.*}}, %c16
// CHECK: scf.for %[[AT:.*]] = %{{.*}} to %[[FULL:.*]] step %c16 {
// CHECK: vector.load %arg0[%[[ROW]], %[[AT]]]{{.*}} vector<16xf32>
// CHECK: vector.load %arg1[%[[AT]]]{{.*}} vector<16xf32>
// CHECK: vector.broadcast %[[SCALE]] : f32 to vector<16xf32>
// CHECK-NOT: mask
// CHECK: vector.store %{{.*}}, %arg3[%[[ROW]], %[[AT]]]
// CHECK: }
// CHECK: %[[SOME:.*]] = arith.cmpi ne, %[[REST]], %c0
// CHECK: scf.if %[[SOME]] {
// CHECK: %[[MASK:.*]] = vector.create_mask %[[REST]] : vector<16xi1>
// CHECK: vector.maskedload %arg0[%[[ROW]], %[[FULL]]], %[[MASK]]
// CHECK: vector.maskedload %arg1[%[[FULL]]], %[[MASK]]
// CHECK: vector.maskedstore %arg3[%[[ROW]], %[[FULL]]], %[[MASK]]
// CHECK-NOT: scf.
// CHECK: return

// NARROW-LABEL: func private @map_0
// NARROW: step %c4 {
// NARROW: vector.load {{.*}} vector<4xf32>
// NARROW: vector.maskedstore {{.*}} vector<4xf32>

#rc = affine_map<(r, c) -> (r, c)>
#c = affine_map<(r, c) -> (c)>
#r = affine_map<(r, c) -> (r)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32, strided<[?, 1]>>, %bias: memref<?xf32>, %scale: memref<?xf32>,
                %y: memref<?x?xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.map ins(%x, %bias, %scale : memref<?x?xf32, strided<[?, 1]>>, memref<?xf32>, memref<?xf32>)
      outs(%y : memref<?x?xf32>) attributes {indexing_maps = [#rc, #c, #r, #rc]} {
  ^bb0(%e: f32, %b: f32, %s: f32):
    %m = arith.mulf %e, %s : f32
    %a = arith.addf %m, %b : f32
    kernel.yield %a : f32
  }
  return
}
