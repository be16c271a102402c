// RUN: strut-opt %s --verify-diagnostics --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt))'

// Whatever has no form is named, all at once.
func.func @main(%x: tensor<4xf32> {strut.name = "x", strut.dims = [""]}) -> (tensor<4xf32>, tensor<4xf32>)
    attributes {strut.symbols = []} {
  %o = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{has no form for a GPU yet}}
  %y = kernel.region ins(%x : tensor<4xf32>) outs(%o : tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    kernel.yield %a : tensor<4xf32>
  } -> tensor<4xf32>
  %p = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{has no form for a GPU yet}}
  %z = kernel.region ins(%y : tensor<4xf32>) outs(%p : tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    kernel.yield %a : tensor<4xf32>
  } -> tensor<4xf32>
  return %y, %z : tensor<4xf32>, tensor<4xf32>
}
