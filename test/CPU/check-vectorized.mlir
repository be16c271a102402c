// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-check-vectorized))' --verify-diagnostics --split-input-file

func.func private @scalar(%x: memref<?xf32>, %begin: index, %end: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    // expected-error @+1 {{the loop over its data is scalar, in the kernel 'scalar'}}
    scf.for %i = %zero to %n step %one {
      %e = memref.load %x[%i] : memref<?xf32>
      %s = arith.addf %e, %e : f32
      memref.store %s, %x[%i] : memref<?xf32>
    }
  }
  return
}
func.func @main(%x: memref<?xf32>, %executor: !llvm.ptr, %tasks: index) {
  cpu.launch @scalar on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  return
}

// -----

// A vector of one element is none; a loop of few steps with a loop over data in it does
// not hide that one.

func.func private @hidden(%x: memref<?xf32>, %begin: index, %end: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %four = arith.constant 4 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    scf.for %axis = %zero to %four step %one {
      // expected-error @+1 {{scalar}}
      scf.for %i = %zero to %n step %one {
        %e = vector.load %x[%i] : memref<?xf32>, vector<1xf32>
        vector.store %e, %x[%i] : memref<?xf32>, vector<1xf32>
      }
    }
  }
  return
}
func.func @main(%x: memref<?xf32>, %executor: !llvm.ptr, %tasks: index) {
  cpu.launch @hidden on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  return
}

// -----

// A scalar loop inside a loop that works on vectors, one of too many steps, and one
// that is no counted loop.

func.func private @nested(%x: memref<?xf32>, %begin: index, %end: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %many = arith.constant 65 : index
  %lanes = arith.constant 16 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    scf.for %i = %zero to %n step %lanes {
      %e = vector.load %x[%i] : memref<?xf32>, vector<16xf32>
      vector.store %e, %x[%i] : memref<?xf32>, vector<16xf32>
      // expected-error @+1 {{scalar}}
      scf.for %j = %zero to %many step %one {
        %s = memref.load %x[%j] : memref<?xf32>
        memref.store %s, %x[%i] : memref<?xf32>
      }
    }
    // expected-error @+1 {{scalar}}
    %r = scf.while (%i = %zero) : (index) -> index {
      %s = memref.load %x[%i] : memref<?xf32>
      memref.store %s, %x[%zero] : memref<?xf32>
      %more = arith.cmpi ult, %i, %n : index
      scf.condition(%more) %i : index
    } do {
    ^bb0(%i: index):
      %next = arith.addi %i, %one : index
      scf.yield %next : index
    }
  }
  return
}
func.func @main(%x: memref<?xf32>, %executor: !llvm.ptr, %tasks: index) {
  cpu.launch @nested on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  return
}

// -----

// What is fine: vectors, gathers, indices, the rest of a vector, few steps; functions
// that say that they are scalar; and what is not launched.

func.func private @fine(%x: memref<?xf32>, %begin: index, %end: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %two = arith.constant 2 : index
  %lanes = arith.constant 64 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    scf.for %i = %zero to %n step %two {
      %a = memref.load %x[%i] : memref<?xf32>
      %b = memref.load %x[%task] : memref<?xf32>
      %ab = vector.from_elements %a, %b : vector<2xf32>
      vector.store %ab, %x[%i] : memref<?xf32>, vector<2xf32>
    }
    %sum = scf.for %i = %zero to %n step %one iter_args(%at = %zero) -> index {
      %next = arith.addi %at, %i : index
      scf.yield %next : index
    }
    %rest = arith.minsi %sum, %lanes : index
    scf.for %i = %zero to %rest step %one {
      %a = memref.load %x[%i] : memref<?xf32>
      memref.store %a, %x[%sum] : memref<?xf32>
    }
    scf.for %i = %two to %lanes step %one {
      %a = memref.load %x[%i] : memref<?xf32>
      memref.store %a, %x[%zero] : memref<?xf32>
    }
  }
  return
}
func.func private @declared(%x: memref<?xf32>, %begin: index, %end: index) attributes {cpu.scalar} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = memref.dim %x, %zero : memref<?xf32>
  scf.for %task = %begin to %end step %one {
    scf.for %i = %zero to %n step %one {
      %e = memref.load %x[%i] : memref<?xf32>
      memref.store %e, %x[%i] : memref<?xf32>
    }
  }
  return
}
func.func @main(%x: memref<?xf32>, %executor: !llvm.ptr, %tasks: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  cpu.launch @fine on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  cpu.launch @declared on %executor : !llvm.ptr tasks %tasks (%x : memref<?xf32>)
  scf.for %i = %zero to %tasks step %one {
    %e = memref.load %x[%i] : memref<?xf32>
    memref.store %e, %x[%i] : memref<?xf32>
  }
  return
}
