// A region that updates its init: the slice is copied by vectors, masked at its end, and
// nothing else is touched. The function is not marked as scalar.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

// CHECK: kernel.program @any {{.*}}cpu.scalar_regions = array<i1: false>
// CHECK-LABEL: func private @region_0
// CHECK-NOT: cpu.scalar
// CHECK: scf.for
// CHECK: %[[PLACE:.*]] = memref.load %arg1
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0]
// CHECK: scf.for
// CHECK: vector.load
// CHECK: vector.store
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
// CHECK-NOT: memref.copy
// CHECK-NOT: memref.alloc
// CHECK: return

func.func @main_bind() {
  return
}
func.func @main(%rows: memref<?x37xf32>, %places: memref<?xi64>, %y: memref<?x37xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  kernel.region ins(%rows, %places : memref<?x37xf32>, memref<?xi64>) outs(%y : memref<?x37xf32>) attributes {updates} {
  ^bb0(%r: tensor<?x37xf32>, %p: tensor<?xi64>, %o: tensor<?x37xf32>):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %p, %c0 : tensor<?xi64>
    %all = scf.for %j = %c0 to %n step %c1 iter_args(%t = %o) -> tensor<?x37xf32> {
      %e = tensor.extract %p[%j] : tensor<?xi64>
      %at = arith.index_cast %e : i64 to index
      %new = tensor.extract_slice %r[%j, 0] [1, 37] [1, 1] : tensor<?x37xf32> to tensor<37xf32>
      %old = tensor.extract_slice %t[%at, 0] [1, 37] [1, 1] : tensor<?x37xf32> to tensor<37xf32>
      %c = linalg.copy ins(%new : tensor<37xf32>) outs(%old : tensor<37xf32>) -> tensor<37xf32>
      %u = tensor.insert_slice %c into %t[%at, 0] [1, 37] [1, 1] : tensor<37xf32> into tensor<?x37xf32>
      scf.yield %u : tensor<?x37xf32>
    }
    kernel.yield %all : tensor<?x37xf32>
  }
  return
}
