// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// The rows that a group has on average choose the tile; a block finds its group.

// CHECK: cuda.kernels = ["tensor_grouped_k16_w16_32x64_0", "tensor_grouped_k16_w16_128x128_1", "tensor_grouped_k16_w16_64x64_2"]
// CHECK-LABEL: func.func private @main(
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c256
// CHECK: scf.if %[[FEW]]
// CHECK: cuda.launch @device::@tensor_grouped_k16_w16_32x64_0 on %{{.*}} grid %{{.*}}, %c128
// CHECK-LABEL: func.func @tensor_grouped_k16_w16_64x64_2(
// The tiles of 32 groups are counted by the lanes of each warp.
// CHECK: scf.for
// CHECK-COUNT-2: memref.load {{.*}} : memref<?xi32
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: scf.yield
// CHECK-COUNT-10: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl
// CHECK: scf.if
// The rows that are gathered.
// CHECK-COUNT-2: memref.load {{.*}} : memref<?xi32
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.mma.sync

func.func @main(%x: tensor<?x64xf16> {strut.name = "x", strut.dims = ["S", ""]},
                %w: tensor<8x64x320xf16> {strut.name = "w", strut.dims = ["", "", ""]},
                %order: tensor<?xi32> {strut.name = "order", strut.dims = ["S"]},
                %offsets: tensor<9xi32> {strut.name = "offsets", strut.dims = [""]}, %s: index)
    -> (tensor<?x320xf32> {strut.name = "y"}) attributes {strut.symbols = ["S"]} {
  %o = tensor.empty(%s) : tensor<?x320xf32>
  %y = kernel.grouped ins(%x, %w, %order, %offsets
        : tensor<?x64xf16>, tensor<8x64x320xf16>, tensor<?xi32>, tensor<9xi32>)
      outs(%o : tensor<?x320xf32>)
      attributes {indexing_maps = [
        affine_map<(g, s, n, k) -> (s, k)>, affine_map<(g, s, n, k) -> (g, k, n)>,
        affine_map<(g, s, n, k) -> ()>, affine_map<(g, s, n, k) -> ()>,
        affine_map<(g, s, n, k) -> (s, n)>]} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x320xf32>
  return %y : tensor<?x320xf32>
}
