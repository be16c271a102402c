// A region that is one scf.forall over its inits is a task for each iteration, in which nothing
// is left of the loop: the last extent runs fastest. What decides the bounds is computed by the
// host.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

// CHECK-LABEL: func private @main(
// CHECK: %[[ROWS:.*]] = memref.dim %arg0, %c0
// CHECK: %[[BLOCKS:.*]] = arith.ceildivui %arg1, %c64
// CHECK: %[[TASKS:.*]] = arith.muli %[[ROWS]], %[[BLOCKS]]
// CHECK: cpu.launch @region_0 {{.*}} tasks %[[TASKS]]
// CHECK-LABEL: func private @region_0(
// CHECK-NOT: scf.forall
// CHECK: scf.for %[[TASK:.*]] = %arg3 to %arg4
// CHECK: %[[BLOCK:.*]] = arith.remui %[[TASK]]
// CHECK: %[[ROW:.*]] = arith.divui %[[TASK]]
// CHECK: memref.subview %arg1[%[[ROW]]
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return

func.func @main_bind() {
  return
}
func.func @main(%x: memref<?x?xf32>, %n: index, %y: memref<?x?xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.region ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>) scalars(%n : index) {
  ^bb0(%a: tensor<?x?xf32>, %o: tensor<?x?xf32>, %m: index):
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %rows = tensor.dim %a, %c0 : tensor<?x?xf32>
    %blocks = arith.ceildivui %m, %c64 : index
    %all = scf.forall (%r, %b) in (%rows, %blocks) shared_outs(%t = %o) -> tensor<?x?xf32> {
      %begin = arith.muli %b, %c64 : index
      %rest = arith.subi %m, %begin : index
      %size = arith.minui %rest, %c64 : index
      %from = tensor.extract_slice %a[%r, %begin] [1, %size] [1, 1] : tensor<?x?xf32> to tensor<?xf32>
      %to = tensor.extract_slice %t[%r, %begin] [1, %size] [1, 1] : tensor<?x?xf32> to tensor<?xf32>
      %c = linalg.copy ins(%from : tensor<?xf32>) outs(%to : tensor<?xf32>) -> tensor<?xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %c into %t[%r, %begin] [1, %size] [1, 1] : tensor<?xf32> into tensor<?x?xf32>
      }
    }
    kernel.yield %all : tensor<?x?xf32>
  }
  return
}
