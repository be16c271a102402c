// A whole tile that shares the next panel with others asks for half of a row of it in each of its
// steps, two lines of four, in L2; one of many tiles asks for its own panel in L1 besides, four steps on.
// Nothing asks for a right side that is not packed. Of a model whose weights no cache holds, a tile asks
// for its own panel in L2, all four lines, 16 KiB ahead and two lines more; but a single row does not.
// One that is not to ask asks for what it has.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: sed 's/\b8x/65536x/g; s/x8xf32/x65536xf32/g; s/0, 2048/0, 16777216/' %s | strut-opt --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=LARGE

// CHECK-LABEL: func private @contract_0
// CHECK: scf.index_switch
// CHECK: case 1 {
// CHECK-NOT: memref.prefetch
// The default case is the whole tile.
// CHECK: default {
// CHECK: arith.cmpi uge, %{{.*}}, %c8
// CHECK: scf.if
// CHECK: memref.prefetch %[[PANELS:.*]][{{.*}}], read, locality<2>, data
// CHECK-NEXT: arith.addi
// CHECK-NEXT: memref.prefetch %[[PANELS]][{{.*}}], read, locality<2>, data
// CHECK-NEXT: memref.prefetch %[[PANELS]][{{.*}}], read, locality<3>, data
// CHECK-COUNT-3: memref.prefetch %[[PANELS]][{{.*}}], read, locality<3>, data
// CHECK-NEXT: vector.load %[[PANELS]]
// CHECK-NOT: memref.prefetch
// CHECK: } else {
// CHECK-COUNT-2: memref.prefetch %[[PANELS]][{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func private @contract_1
// CHECK-NOT: memref.prefetch
// CHECK: return

// LARGE-LABEL: func private @contract_0
// LARGE: case 1 {
// LARGE-NOT: memref.prefetch
// LARGE: case 2 {
// LARGE: %[[DISTANCE:.*]] = arith.select %[[ASKS:.*]], %c4128, %c0
// LARGE: arith.select %[[ASKS]], %c64, %c0
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE-NOT: memref.prefetch
// LARGE: case 3 {
// LARGE: default {
// LARGE-COUNT-2: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<3>, data
// LARGE-NOT: memref.prefetch
// LARGE: } else {
// LARGE-COUNT-4: memref.prefetch {{.*}}, read, locality<2>, data
// LARGE-NOT: memref.prefetch
// LARGE-LABEL: func private @contract_1

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
