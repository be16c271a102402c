// What the emitters cannot write is an error at the kernel.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels))' --verify-diagnostics --split-input-file

#mk = affine_map<(m, k) -> (m, k)>
#k = affine_map<(m, k) -> (k)>
#m = affine_map<(m, k) -> (m)>
func.func @main_bind() {
  return
}
func.func @main(%x: memref<4x8xf32>, %w: memref<8xf32>, %y: memref<4xf32> {strut.output = 0 : i64}) attributes {strut.symbols = [], strut.lifetimes = []} {
  // expected-error @+1 {{needs a column dimension}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<8xf32>) outs(%y : memref<4xf32>) attributes {indexing_maps = [#mk, #k, #m]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#q = affine_map<(m, s, d, e) -> (m, d)>
#k = affine_map<(m, s, d, e) -> (s, d)>
#v = affine_map<(m, s, d, e) -> (s, e)>
#o = affine_map<(m, s, d, e) -> (m, e)>
func.func @main_bind() {
  return
}
func.func @main(%q: memref<4x32xf32>, %k: memref<9x32xf32>, %y: memref<4x32xf32> {strut.output = 0 : i64}) attributes {strut.symbols = [], strut.lifetimes = []} {
  // expected-error @+1 {{has no workspace for its keys; run strut-assign-layouts first}}
  kernel.attention ins(%q, %k, %k : memref<4x32xf32>, memref<9x32xf32>, memref<9x32xf32>) outs(%y : memref<4x32xf32>) attributes {indexing_maps = [#q, #k, #v, #o]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  }
  return
}

// -----

#q = affine_map<(m, s, d, e) -> (m, d)>
#k = affine_map<(m, s, d, e) -> (s, d)>
#v = affine_map<(m, s, d, e) -> (e, s)>
#o = affine_map<(m, s, d, e) -> (m, e)>
func.func @main_bind() {
  return
}
func.func @main(%q: memref<4x32xf32>, %k: memref<9x32xf32>, %v: memref<32x9xf32>, %s: memref<?xf32>, %y: memref<4x32xf32> {strut.output = 0 : i64}) attributes {strut.symbols = [], strut.lifetimes = []} {
  // expected-error @+1 {{values that are contiguous along their features}}
  kernel.attention ins(%q, %k, %v : memref<4x32xf32>, memref<9x32xf32>, memref<32x9xf32>) outs(%y : memref<4x32xf32>) workspace(%s : memref<?xf32>) attributes {indexing_maps = [#q, #k, #v, #o]} {
  ^bb0(%score: f32):
    kernel.yield %score : f32
  }
  return
}
