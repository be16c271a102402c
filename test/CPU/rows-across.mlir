// Sums of columns: the axis is outermost in memory, so lanes run across rows and every
// lane sums its own. Four vectors at a time, a masked one at a time at the edge.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 16, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=NARROW

// CHECK-LABEL: func private @rows_0
// CHECK: %[[FITS:.*]] = arith.cmpi ule
// CHECK: scf.if %[[FITS]] {
// CHECK: %[[SUMS:.*]]:4 = scf.for {{.*}} step %c1 iter_args
// CHECK-COUNT-4: vector.load %arg0[{{.*}} vector<16xf32>
// CHECK: scf.yield {{.*}} : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
// No lanes are added to each other.
// CHECK-NOT: shuffle
// CHECK: vector.store %[[SUMS]]#0, %arg1
// CHECK: vector.store %[[SUMS]]#3, %arg1
// CHECK: else
// CHECK: scf.for {{.*}} step %c16 {
// CHECK: scf.for {{.*}} step %c1 iter_args
// CHECK: vector.maskedload %arg0
// CHECK: vector.maskedstore %arg1
// CHECK: return

// NARROW-LABEL: func private @rows_0
// NARROW-COUNT-4: vector.load %arg0[{{.*}} vector<4xf32>
// NARROW: vector.maskedstore {{.*}} vector<4xf32>

#rc = affine_map<(c, r) -> (r, c)>
#c = affine_map<(c, r) -> (c)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32>, %y: memref<?xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.rows ins(%x : memref<?x?xf32>) outs(%y : memref<?xf32>) attributes {axes = 1 : i64, indexing_maps = [#rc, #c]} {
  ^bb0(%e: f32):
    %s = kernel.combine add %e : f32
    kernel.yield %s : f32
  }
  return
}
