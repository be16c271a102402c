// Tiles of a group that has several ask for a share of the next group's panel, and of the next task's
// after the last group; a tile that is alone asks for nothing. Of several, each has three rows or more,
// so that those loops are not written for fewer.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

// CHECK-LABEL: func private @grouped_0
// CHECK: scf.index_switch
// CHECK-NEXT: case 1 {
// CHECK-NOT: memref.prefetch
// CHECK: scf.index_switch
// CHECK-NEXT: case 3 {
// Two lines, half of a row of the panel, for three to six rows each.
// CHECK-COUNT-8: memref.prefetch {{.*}}, read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: return

kernel.weight @w : tensor<4x8x64xf32> = #kernel.file<"m.onnx", 0, 8192>
func.func @main_bind(%m: index) -> (index, index) {
  %c64 = arith.constant 64 : index
  return %m, %c64 : index, index
}
func.func @main(%x: memref<?x8xf32> {strut.name = "x", strut.dims = ["M", ""]},
                %order: memref<?xi32> {strut.name = "order", strut.dims = ["M"]},
                %offsets: memref<5xi32> {strut.name = "offsets", strut.dims = [""]}, %m: index,
                %y: memref<?x64xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = ["M"], strut.lifetimes = []} {
  %w = kernel.use @w : !kernel.packed<tensor<4x8x64xf32>, #cpu.panels<rows = [1], cols = [2], n = 64>>
  kernel.grouped ins(%x, %w, %order, %offsets : memref<?x8xf32>, !kernel.packed<tensor<4x8x64xf32>, #cpu.panels<rows = [1], cols = [2], n = 64>>, memref<?xi32>, memref<5xi32>) outs(%y : memref<?x64xf32>) attributes {indexing_maps = [affine_map<(g, r, n, t) -> (r, t)>, affine_map<(g, r, n, t) -> (g, t, n)>, affine_map<(g, r, n, t) -> ()>, affine_map<(g, r, n, t) -> ()>, affine_map<(g, r, n, t) -> (r, n)>]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
