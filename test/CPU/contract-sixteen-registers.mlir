// With 16 registers, of which a whole tile's sums take 12, the loop over k takes four steps in their
// order and stays as it is written, each row's place in a register of its own; tiles of few rows
// have room. With 32 registers it is LLVM's to unroll.
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 32, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 32, vector_registers = 32>}"},kernel.program(strut-lower-kernels,canonicalize,cse))' | FileCheck %s --check-prefix=MANY
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{any = #cpu.target<vector_bytes = 32, vector_registers = 16>}"},kernel.program(strut-lower-kernels,canonicalize,cse,expand-strided-metadata,lower-affine,arith-expand,convert-scf-to-cf,convert-vector-to-llvm,strut-convert-to-llvm))' | FileCheck %s --check-prefix=LLVM

// CHECK: #[[ROLLED:.*]] = #llvm.loop_annotation<unroll =
// CHECK-LABEL: func private @contract_0
// CHECK: case 1 {
// CHECK-NOT: llvm.loop_annotation
// CHECK: case 5 {
// CHECK: default {
// CHECK-COUNT-6: llvm.inline_asm "", "=r,0"
// CHECK-NOT: llvm.inline_asm
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %[[WHOLE:.*]] step %c4
// CHECK-COUNT-48: vector.fma
// CHECK-NOT: vector.fma
// CHECK: } {llvm.loop_annotation = #[[ROLLED]]}
// CHECK: scf.for %{{.*}} = %[[WHOLE]] to %{{.*}} step %c1
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: vector.fma
// CHECK: } {llvm.loop_annotation = #[[ROLLED]]}
// The epilogue takes both vectors of a row as one.
// CHECK: vector.load %{{.*}} : memref<96xf32>, vector<16xf32>
// CHECK: vector.store %{{.*}} : memref<?x?xf32, strided<[?, 1], offset: ?>>, vector<16xf32>

// MANY-NOT: loop_annotation

// LLVM: #[[ROLLED:.*]] = #llvm.loop_annotation<unroll =
// LLVM: llvm.br {{.*}} {loop_annotation = #[[ROLLED]]}

kernel.weight @w : tensor<8x16xf32> = #kernel.file<"m.onnx", 0, 512>
func.func @main_bind(%m: index) -> index {
  return %m : index
}
func.func @main(%x: memref<?x8xf32> {strut.name = "x", strut.dims = ["M", ""]}, %m: index,
                %y: memref<?x16xf32> {strut.output = 0 : i64})
    attributes {strut.symbols = ["M"], strut.lifetimes = []} {
  %w = kernel.use @w : !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>
  kernel.contract ins(%x, %w : memref<?x8xf32>, !kernel.packed<tensor<8x16xf32>, #cpu.panels<rows = [0], cols = [1], n = 16>>) outs(%y : memref<?x16xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%acc: f32):
    %r = arith.negf %acc : f32
    kernel.yield %r : f32
  }
  return
}
