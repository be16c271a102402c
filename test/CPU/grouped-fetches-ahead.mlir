// Tiles of a group that has several ask for a share of the next group's panel, and of the next task's
// after the last group; of several, each has three rows or more. Of a model whose weights no cache
// holds, a tile that is alone asks for all of the next group's panel, but if L2 does not hold that
// beside its own, for its own.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: sed 's/x8x/x8192x/g; s/?x8xf32/?x8192xf32/g; s/0, 8192/0, 8388608/' %s | strut-opt --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=LARGE

// CHECK-LABEL: func private @grouped_0
// CHECK: scf.index_switch
// CHECK-NEXT: case 1 {
// CHECK-NOT: memref.prefetch
// CHECK: case 3 {
// Two lines, half of a row of the panel, for three to six rows each; of many tiles, L1 is asked
// for four, too.
// CHECK-COUNT-2: memref.prefetch {{.*}}, read, locality<2>, data
// CHECK-COUNT-4: memref.prefetch {{.*}}, read, locality<3>, data
// CHECK-COUNT-2: memref.prefetch {{.*}}, read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: case 4 {
// CHECK: return

// LARGE-LABEL: func private @grouped_0
// LARGE: scf.index_switch
// LARGE-NEXT: case 1 {
// LARGE-NOT: memref.prefetch
// LARGE: case 2 {
// LARGE: %[[SMALL:.*]] = arith.cmpi ule, %{{.*}}, %c65536
// LARGE: arith.select %[[SMALL]], %{{.*}}, %c4096
// Of two rows, four lines; of three to six those, or two of the next.
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE: case 3 {
// LARGE-COUNT-2: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<3>, data
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE-NOT: memref.prefetch
// LARGE: case 4 {
// LARGE: return

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
