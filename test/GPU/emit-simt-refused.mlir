// RUN: strut-opt %s --verify-diagnostics --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt))'

// What is refused is named, all at once.
func.func @main(%x: tensor<4097xf32> {strut.name = "x", strut.dims = [""]}) -> (tensor<f32>, tensor<f32>)
    attributes {strut.symbols = []} {
  %o = tensor.empty() : tensor<f32>
  // expected-error @+1 {{needs a temporary of type 'memref<4097xf32>'}}
  %y = kernel.region ins(%x : tensor<4097xf32>) outs(%o : tensor<f32>) {
  ^bb0(%a: tensor<4097xf32>, %b: tensor<f32>):
    %zero = arith.constant 0 : index
    %t = tensor.empty() : tensor<4097xf32>
    %s = linalg.mul ins(%a, %a : tensor<4097xf32>, tensor<4097xf32>) outs(%t : tensor<4097xf32>) -> tensor<4097xf32>
    %e = tensor.extract %s[%zero] : tensor<4097xf32>
    %r = tensor.insert %e into %b[] : tensor<f32>
    kernel.yield %r : tensor<f32>
  } -> tensor<f32>
  %p = tensor.empty() : tensor<f32>
  // expected-error @+1 {{needs a temporary of type 'memref<4097xf32>'}}
  %z = kernel.region ins(%x : tensor<4097xf32>) outs(%p : tensor<f32>) {
  ^bb0(%a: tensor<4097xf32>, %b: tensor<f32>):
    %one = arith.constant 1 : index
    %t = tensor.empty() : tensor<4097xf32>
    %s = linalg.add ins(%a, %a : tensor<4097xf32>, tensor<4097xf32>) outs(%t : tensor<4097xf32>) -> tensor<4097xf32>
    %e = tensor.extract %s[%one] : tensor<4097xf32>
    %r = tensor.insert %e into %b[] : tensor<f32>
    kernel.yield %r : tensor<f32>
  } -> tensor<f32>
  return %y, %z : tensor<f32>, tensor<f32>
}
