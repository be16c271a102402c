// A whole tile asks for half of a row of the next panel in each of its steps, two lines of four; tiles
// of fewer rows, of which a task has two at most, ask for nothing, and neither does a right side that
// is not packed.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s

// CHECK-LABEL: func private @contract_0
// CHECK: scf.index_switch
// CHECK: case 1 {
// CHECK-NOT: memref.prefetch
// The default case is the whole tile.
// CHECK: default {
// CHECK: memref.prefetch %[[PANELS:.*]][{{.*}}], read, locality<2>, data
// CHECK-NEXT: arith.addi
// CHECK-NEXT: memref.prefetch %[[PANELS]][{{.*}}], read, locality<2>, data
// CHECK-NEXT: vector.load %[[PANELS]]
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func private @contract_1
// CHECK-NOT: memref.prefetch
// CHECK: return

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

kernel.weight @w : tensor<8x64xf32> = #kernel.file<"m.onnx", 0, 2048>
func.func @main_bind(%m: index) -> (index, index) {
  %c64 = arith.constant 64 : index
  return %m, %c64 : index, index
}
func.func @main(%x: memref<?x8xf32> {strut.name = "x", strut.dims = ["M", ""]},
                %v: memref<8x16xf32> {strut.name = "v", strut.dims = ["", ""]}, %m: index,
                %y: memref<?x64xf32> {strut.output = 0 : i64}, %z: memref<?x16xf32> {strut.output = 1 : i64})
    attributes {strut.symbols = ["M"], strut.lifetimes = []} {
  %w = kernel.use @w : !kernel.packed<tensor<8x64xf32>, #cpu.panels<rows = [0], cols = [1], n = 64>>
  kernel.contract ins(%x, %w : memref<?x8xf32>, !kernel.packed<tensor<8x64xf32>, #cpu.panels<rows = [0], cols = [1], n = 64>>) outs(%y : memref<?x64xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  kernel.contract ins(%x, %v : memref<?x8xf32>, memref<8x16xf32>) outs(%z : memref<?x16xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
