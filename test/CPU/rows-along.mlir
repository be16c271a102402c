// A softmax along a contiguous axis, in three passes over each row: the maximum, four
// vectors at a time; exponentials and their sum, which wait in the result; the quotients.
// Each pass ends with one masked vector.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 16, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=NARROW

// CHECK-LABEL: func private @rows_0
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK: scf.for %[[AT:.*]] = %c0 to %{{.*}} step %c64 iter_args
// CHECK-COUNT-4: vector.load %arg0[{{.*}} vector<16xf32>
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c16 iter_args
// CHECK: scf.if %[[SOME:.*]] ->
// CHECK: %[[MASK:.*]] = vector.create_mask
// CHECK: %[[READ:.*]] = vector.maskedload %arg0[
// CHECK: arith.select %[[MASK]], %[[READ]], %[[LOWEST]]
// The lanes of a vector become one value, in halves.
// CHECK: vector.shuffle {{.*}} : vector<16xf32>
// CHECK: vector.shuffle {{.*}} : vector<8xf32>
// CHECK: vector.shuffle {{.*}} : vector<4xf32>
// CHECK: %[[MAX:.*]] = arith.select {{.*}} : f32
// CHECK: scf.for {{.*}} step %c32 iter_args
// CHECK: vector.broadcast %[[MAX]]
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: vector.store %{{.*}}, %arg1
// CHECK: scf.if %[[SOME]] ->
// CHECK: math.exp
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[ZERO]]
// CHECK: vector.maskedstore %arg1
// CHECK: scf.for {{.*}} step %c16 {
// CHECK: vector.load %arg1
// CHECK-NOT: math.exp
// CHECK: arith.divf
// CHECK: scf.if %[[SOME]] {
// CHECK: vector.maskedstore %arg1
// CHECK: return

// NARROW-LABEL: func private @rows_0
// NARROW: step %c16 iter_args
// NARROW-COUNT-4: vector.load %arg0[{{.*}} vector<4xf32>
// NARROW: vector.shuffle {{.*}} : vector<4xf32>

#rc = affine_map<(r, c) -> (r, c)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32>, %y: memref<?x?xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.rows ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>) attributes {axes = 1 : i64, indexing_maps = [#rc, #rc]} {
  ^bb0(%e: f32):
    %max = kernel.combine max %e : f32
    %d = arith.subf %e, %max : f32
    %p = math.exp %d : f32
    %s = kernel.combine add %p : f32
    %q = arith.divf %p, %s : f32
    kernel.yield %q : f32
  }
  return
}
