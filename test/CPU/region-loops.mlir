// A region becomes one task of plain loops on its operands' memory: no copies, its
// temporary on the stack, its function marked as scalar where a loop over data is (here
// of a transposition).
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

// CHECK: kernel.program @any {{.*}}cpu.scalar_regions = array<i1: true>
// CHECK-LABEL: func private @region_0
// CHECK-SAME: attributes {cpu.scalar}
// CHECK: %[[STACK:.*]] = memref.alloca() : memref<8xf32>
// CHECK: scf.for
// CHECK: vector.maskedstore %[[STACK]][%c0]
// CHECK: %[[E:.*]] = memref.load %[[STACK]][%c3]
// CHECK: scf.for %[[R:.*]] = %c0
// CHECK: scf.for %[[C:.*]] = %c0
// CHECK: %[[X:.*]] = memref.load %arg0[%[[C]], %[[R]]]
// CHECK: %[[S:.*]] = arith.addf %[[X]], %[[E]]
// CHECK: memref.store %[[S]], %arg1[%[[R]], %[[C]]]
// CHECK-NOT: memref.copy
// CHECK: return
// CHECK-LABEL: func private @region_0_task

#rc = affine_map<(r, c) -> (r, c)>
#cr = affine_map<(r, c) -> (c, r)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32>, %n: index, %y: memref<?x?xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.region ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>) scalars(%n : index) {
  ^bb0(%a: tensor<?x?xf32>, %o: tensor<?x?xf32>, %m: index):
    %t = tensor.empty() : tensor<8xf32>
    %one = arith.constant 1.0 : f32
    %f = linalg.fill ins(%one : f32) outs(%t : tensor<8xf32>) -> tensor<8xf32>
    %c = arith.constant 3 : index
    %e = tensor.extract %f[%c] : tensor<8xf32>
    %g = linalg.generic {indexing_maps = [#cr, #rc], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<?x?xf32>) outs(%o : tensor<?x?xf32>) {
    ^bb1(%p: f32, %q: f32):
      %s = arith.addf %p, %e : f32
      linalg.yield %s : f32
    } -> tensor<?x?xf32>
    kernel.yield %g : tensor<?x?xf32>
  }
  return
}
