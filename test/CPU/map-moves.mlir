// How operands are read that do not lie along the lanes: one with steps element by
// element, rows of a table by whole vectors at a fetched index; and a map of no
// dimensions, which has no loop but that over its one task.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

#ij = affine_map<(i, j) -> (i, j)>
#steps = affine_map<(i, j) -> (i, j * 2)>
#i = affine_map<(i, j) -> (i)>
#none = affine_map<(i, j) -> ()>
#scalar = affine_map<() -> ()>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32>, %ids: memref<?xi64>, %table: memref<50x?xf32>, %s: memref<f32>,
                %y: memref<?x?xf32> {strut.output = 0 : i64}, %z: memref<?x?xf32> {strut.output = 1 : i64},
                %t: memref<f32> {strut.output = 2 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  // CHECK-LABEL: func private @map_0
  // CHECK: scf.for %[[AT:.*]] = %{{.*}} to %{{.*}} step %c16
  // CHECK-COUNT-16: memref.load %arg0
  // CHECK: vector.from_elements {{.*}} : vector<16xf32>
  // CHECK: vector.store %{{.*}}, %arg1
  // The rest: lanes beyond the end read the first element.
  // CHECK: scf.if
  // CHECK: arith.select
  // CHECK: vector.from_elements {{.*}} : vector<16xf32>
  // CHECK: vector.maskedstore
  kernel.map ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>) attributes {indexing_maps = [#steps, #ij]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  // CHECK-LABEL: func private @map_1
  // CHECK: %[[ID:.*]] = memref.load %arg0
  // CHECK: scf.for %[[AT:.*]] = %{{.*}} to %{{.*}} step %c16
  // CHECK: %[[ROW:.*]] = arith.index_cast %[[ID]]
  // CHECK-NOT: memref.load
  // CHECK: vector.load %arg1[%[[ROW]], %{{.*}}]{{.*}} vector<16xf32>
  // CHECK: scf.if
  // CHECK: vector.maskedload %arg1[
  // CHECK: vector.maskedstore
  kernel.map ins(%ids, %table : memref<?xi64>, memref<50x?xf32>) outs(%z : memref<?x?xf32>)
      attributes {indexing_maps = [#i, #none, #ij]} {
  ^bb0(%id: i64, %unused: none):
    %row = arith.index_cast %id : i64 to index
    %d = kernel.index 1
    %e = kernel.fetch 1[%row, %d] : f32
    kernel.yield %e : f32
  }
  // CHECK-LABEL: func private @map_2
  // CHECK: scf.for
  // CHECK-NEXT: memref.load %arg0[] : memref<f32>
  // CHECK-NEXT: arith.mulf {{.*}} : f32
  // CHECK-NEXT: memref.store %{{.*}}, %arg1[] : memref<f32>
  kernel.map ins(%s : memref<f32>) outs(%t : memref<f32>) attributes {indexing_maps = [#scalar, #scalar]} {
  ^bb0(%e: f32):
    %q = arith.mulf %e, %e : f32
    kernel.yield %q : f32
  }
  return
}
