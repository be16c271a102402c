// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target}"},kernel.program(strut-lower-kernels))' | FileCheck %s --check-prefix=HOST

// Weights get places in the order of their use, on lines of 64 bytes: 8 rows of one
// panel of 16 make 512. A weight used twice has one place, and one that is read both
// packed and plain has two.
// CHECK: emit.weight_bytes = 1088 : i64
// CHECK-SAME: emit.weights = [
// CHECK-SAME: {layout = #cpu.panels<rows = [0], cols = [1], n = 16>, offset = 0 : i64, weight = @w}
// CHECK-SAME: {offset = 512 : i64, weight = @bias}
// CHECK-SAME: {offset = 576 : i64, weight = @w}
kernel.weight @w : tensor<8x16xf32> = #kernel.file<"m.onnx", 0, 512>
kernel.weight @bias : tensor<3xf32> = dense<1.0> : tensor<3xf32>

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#i = affine_map<(i) -> (i)>
#ij = affine_map<(i, j) -> (i, j)>

// The sizes of buffers and outputs belong to the planner; the emitter joins them on.
func.func @main_bind(%m: index) -> (index, index) {
  %c16 = arith.constant 16 : index
  return %m, %c16 : index, index
}

// Two contractions of one shape share their code; the host function launches.
// HOST-LABEL: func private @main(
// HOST: cpu.launch @[[CONTRACT:contract_[0-9]+]] on
// HOST: cpu.launch @[[CONTRACT]] on
// HOST: cpu.launch @map_
// HOST: cpu.launch @map_
// HOST-NOT: kernel.
// HOST: return
// HOST-COUNT-1: func private @contract_{{[0-9]+}}(
// HOST: func private @[[CONTRACT]]_task(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// HOST-NOT: func private @contract_
// HOST: func @strut_run(%{{.*}}: !llvm.ptr)
// HOST: func @strut_bind(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
func.func @main(%x: memref<?x8xf32> {strut.name = "x", strut.dims = ["M", ""]}, %m: index,
                %y: memref<?x16xf32> {strut.output = 0 : i64}, %z: memref<?x16xf32> {strut.output = 1 : i64},
                %b: memref<3xf32> {strut.output = 2 : i64}, %v: memref<8x16xf32> {strut.output = 3 : i64})
    attributes {strut.symbols = ["M"], strut.lifetimes = []} {
  %w = kernel.use @w : !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  kernel.contract ins(%x, %w : memref<?x8xf32>, !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>) outs(%y : memref<?x16xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  %again = kernel.use @w : !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  kernel.contract ins(%x, %again : memref<?x8xf32>, !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>) outs(%z : memref<?x16xf32>) attributes {indexing_maps = [#mk, #kn, #mn]} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  %bias = kernel.use @bias : memref<3xf32>
  kernel.map ins(%bias : memref<3xf32>) outs(%b : memref<3xf32>) attributes {indexing_maps = [#i, #i]} {
  ^bb0(%e: f32):
    kernel.yield %e : f32
  }
  %plain = kernel.use @w : memref<8x16xf32>
  kernel.map ins(%plain : memref<8x16xf32>) outs(%v : memref<8x16xf32>) attributes {indexing_maps = [#ij, #ij]} {
  ^bb0(%e: f32):
    %s = arith.addf %e, %e : f32
    kernel.yield %s : f32
  }
  return
}
