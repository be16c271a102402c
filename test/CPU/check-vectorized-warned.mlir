// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-check-vectorized{warn-only=true}))' --verify-diagnostics | FileCheck %s

// CHECK: scf.for
func.func private @scalar(%x: memref<?xf32>, %begin: index, %end: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    // expected-warning @+1 {{the loop over its data is scalar, in the kernel 'scalar'}}
    scf.for %i = %zero to %n step %one {
      %e = memref.load %x[%i] : memref<?xf32>
      memref.store %e, %x[%i] : memref<?xf32>
    }
  }
  return
}
func.func @main(%x: memref<?xf32>, %executor: !llvm.ptr, %tasks: index) {
  cpu.launch @scalar on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  return
}
