// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = unit}"},kernel.program(strut-plan-memory))' --split-input-file --verify-diagnostics

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

// -----

func.func @main(%x: memref<i1>) attributes {strut.symbols = []} {
  %holds = memref.load %x[] : memref<i1>
  // expected-error @+1 {{an assertion must be one on dimensions alone}}
  cf.assert %holds, "node 'x': it is not so"
  return
}

// -----

func.func @main(%m: index) attributes {strut.symbols = ["M"]} {
  %c3 = arith.constant 3 : index
  %holds = arith.cmpi sge, %m, %c3 : index
  scf.if %holds {
    // expected-error @+1 {{an assertion must be one on dimensions alone}}
    cf.assert %holds, "node 'x': it may not run"
  }
  return
}
