// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = unit}"},kernel.program(strut-plan-memory))' --verify-diagnostics

#i = affine_map<(i) -> (i)>
func.func @main(%x: memref<4xf32>) attributes {strut.symbols = []} {
  // expected-error @+1 {{a planned buffer must be dense, got 'memref<4xf32, strided<[2]>>'}}
  %a = memref.alloc() : memref<4xf32, strided<[2]>>
  kernel.map ins(%x : memref<4xf32>) outs(%a : memref<4xf32, strided<[2]>>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  return
}
