// A kernel does not allocate, so what a region needs beside its operands must be small
// and of static shape.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize))' --verify-diagnostics --split-input-file

func.func @main_bind() {
  return
}
func.func @main(%x: memref<?xf32>, %y: memref<f32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  // expected-error @+1 {{needs a temporary of type 'memref<?xf32>'; a kernel has at most 16384 bytes for these}}
  kernel.region ins(%x : memref<?xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: tensor<?xf32>, %o: tensor<f32>):
    %zero = arith.constant 0 : index
    %n = tensor.dim %a, %zero : tensor<?xf32>
    %t = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.mul ins(%a, %a : tensor<?xf32>, tensor<?xf32>) outs(%t : tensor<?xf32>) -> tensor<?xf32>
    %e = tensor.extract %s[%zero] : tensor<?xf32>
    %r = tensor.insert %e into %o[] : tensor<f32>
    kernel.yield %r : tensor<f32>
  }
  return
}

// -----

func.func @main_bind() {
  return
}
func.func @main(%x: memref<4097xf32>, %y: memref<f32> {strut.output = 0 : i64})
    attributes {strut.symbols = [], strut.lifetimes = []} {
  // expected-error @+1 {{needs a temporary of type 'memref<4097xf32>'}}
  kernel.region ins(%x : memref<4097xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: tensor<4097xf32>, %o: tensor<f32>):
    %zero = arith.constant 0 : index
    %t = tensor.empty() : tensor<4097xf32>
    %s = linalg.mul ins(%a, %a : tensor<4097xf32>, tensor<4097xf32>) outs(%t : tensor<4097xf32>) -> tensor<4097xf32>
    %e = tensor.extract %s[%zero] : tensor<4097xf32>
    %r = tensor.insert %e into %o[] : tensor<f32>
    kernel.yield %r : tensor<f32>
  }
  return
}
