// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = unit}"},kernel.program(strut-bufferize-host))' --verify-diagnostics --split-input-file

func.func @main(%x: index) -> index attributes {strut.symbols = []} {
  // expected-error @+1 {{the host function must return ranked tensors, got 'index'}}
  return %x : index
}

// -----

func.func @main(%x: tensor<*xf32>) -> tensor<*xf32> attributes {strut.symbols = []} {
  // expected-error @+1 {{the host function must return ranked tensors, got 'tensor<*xf32>'}}
  return %x : tensor<*xf32>
}
