// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90a>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// CHECK: cuda.kernels = ["warpgroup_contract_kw_64x64_0", "warpgroup_contract_kw_128x256_1", "warpgroup_contract_kw_128x128_2"]
// CHECK-LABEL: func.func @warpgroup_contract_kw_128x256_1(
// CHECK-SAME: cuda.resident = 1 : i64, cuda.shared = 229440 : i64, cuda.tensor_maps = 3 : i64, cuda.threads = 384 : i64
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier0

// One thread copies: a box of rows of x, and one of 64 columns of w at a time.
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: nvvm.elect.sync
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK-COUNT-5: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK-NOT: nvvm.cp.async.bulk.tensor.shared.cluster.global

// The others multiply, one stage while the one before is waited for.
// CHECK: nvvm.setmaxregister increase 232
// CHECK: nvvm.mbarrier.try_wait
// CHECK: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK: nvvm.mbarrier.arrive
// CHECK: wgmma.wait_group.sync.aligned 0;

// Results are made in registers and copied from shared memory.
// CHECK: arith.maximumf
// CHECK: nvvm.stmatrix
// CHECK: nvvm.fence.proxy
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
func.func @main(%x: tensor<?x72xbf16> {strut.name = "x", strut.dims = ["N", ""]},
                %w: tensor<72x320xbf16> {strut.name = "w", strut.dims = ["", ""]}, %n: index)
    -> (tensor<?x320xbf16> {strut.name = "y"}) attributes {strut.symbols = ["N"]} {
  %o = tensor.empty(%n) : tensor<?x320xbf16>
  %y = kernel.contract ins(%x, %w : tensor<?x72xbf16>, tensor<72x320xbf16>)
      outs(%o : tensor<?x320xbf16>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%a: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %a, %zero : f32
    %t = arith.truncf %r : f32 to bf16
    kernel.yield %t : bf16
  } -> tensor<?x320xbf16>
  return %y : tensor<?x320xbf16>
}
