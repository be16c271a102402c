// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// 64 queries by 64 keys: both products in registers of 4 warps, and nothing of the scores in memory.

// CHECK: cuda.kernels = ["tensor_attention_k16_k16_w16_64x64_0", "tensor_attention_k16_k16_w16_64x64_128_1"]
// CHECK: %[[TALL:.*]] = arith.ceildivui %{{.*}}, %c128
// CHECK: %[[FEW:.*]] = arith.cmpi ult, %[[TALL]], %c96
// CHECK: scf.if %[[FEW]]
// CHECK: cuda.launch @device::@tensor_attention_k16_k16_w16_64x64_0 on %{{.*}} grid %{{.*}}, %c128
// CHECK-LABEL: func.func @tensor_attention_k16_k16_w16_64x64_0(
// CHECK-SAME: attributes {cuda.blocks = 2 : i64, cuda.threads = 128 : i64}
// Queries and the first keys are one group.
// CHECK-COUNT-8: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
// CHECK: nvvm.cp.async.commit.group
// 32 sums, and of two rows the maximum and the total.
// CHECK: %{{.*}}:36 = scf.for
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK-NEXT: nvvm.cp.async.wait.group 1
// CHECK-NEXT: nvvm.barrier0
// CHECK-COUNT-32: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: nvvm.barrier0
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// The row's maximum is subtracted by the FMA that scales a score for the power of two.
// CHECK: %[[POWER:.*]] = math.fma
// CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"(%[[POWER]])
// CHECK-COUNT-31: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: nvvm.barrier0
// CHECK-COUNT-4: nvvm.convert.f32x2.to.f16x2
// CHECK-COUNT-32: nvvm.mma.sync
// CHECK-NOT: memref.store {{.*}}, 3>
// CHECK: scf.yield
// Two tiles of 16 rows a warp: twice the sums and products, and the same copies of keys and values.
// CHECK-LABEL: func.func @tensor_attention_k16_k16_w16_64x64_128_1(
// CHECK: %{{.*}}:72 = scf.for
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-64: nvvm.mma.sync
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-64: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: return
func.func @main(%q: tensor<?x64xf16> {strut.name = "q", strut.dims = ["M", ""]},
                %k: tensor<?x64xf16> {strut.name = "k", strut.dims = ["S", ""]},
                %v: tensor<?x64xf16> {strut.name = "v", strut.dims = ["S", ""]},
                %m: index, %s: index)
    -> (tensor<?x64xf16> {strut.name = "y"}) attributes {strut.symbols = ["M", "S"]} {
  %o = tensor.empty(%m) : tensor<?x64xf16>
  %y = kernel.attention ins(%q, %k, %v : tensor<?x64xf16>, tensor<?x64xf16>, tensor<?x64xf16>)
      outs(%o : tensor<?x64xf16>)
      attributes {indexing_maps = [
        affine_map<(m, s, d, e) -> (m, d)>, affine_map<(m, s, d, e) -> (s, d)>,
        affine_map<(m, s, d, e) -> (s, e)>, affine_map<(m, s, d, e) -> (m, e)>]} {
  ^bb0(%a: f32):
    %c = arith.constant 0.125 : f32
    %t = arith.mulf %a, %c : f32
    kernel.yield %t : f32
  } -> tensor<?x64xf16>
  return %y : tensor<?x64xf16>
}
