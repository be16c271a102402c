// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{cuda_sm_75 = #cuda.target<sm_75>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// Before sm_80: head size 136 takes two blocks of 128 columns. Between two barriers a buffer in shared memory is
// either written or read.

// CHECK: cuda.launch @device::@attention_0 on %{{.*}} grid %{{.*}}, %c256
// CHECK-LABEL: func.func @attention_0(
// CHECK-SAME: cuda.threads = 256
// The sums of 4 rows by 8 columns, and the maximum and the total of a row.
// CHECK: %[[LOOP:.*]]:34 = scf.for
// The product of queries and keys.
// CHECK: scf.for
// CHECK: nvvm.barrier0
// CHECK-COUNT-16: math.fma
// CHECK: nvvm.barrier0
// CHECK-COUNT-16: memref.store {{.*}} memref<64x68xf32, 3>
// CHECK: nvvm.barrier0
// The score's own code, within the loop over the keys of a thread.
// CHECK: %[[HIGHEST:.*]] = scf.for
// CHECK: math.tanh
// CHECK: arith.maximumf
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK: math.exp
// CHECK: scf.for
// CHECK: math.exp
// CHECK: arith.addf
// CHECK-COUNT-2: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier0
// The product of weights and values.
// CHECK: nvvm.barrier0
// CHECK-COUNT-32: math.fma
// CHECK: nvvm.barrier0
// CHECK: memref.store %[[LOOP]]#33
// CHECK: nvvm.barrier0
// CHECK-COUNT-4: arith.divf
// CHECK: return

func.func @main(%q: tensor<?x24xf32> {strut.name = "q", strut.dims = ["M", ""]},
                %k: tensor<90x24xf32> {strut.name = "k", strut.dims = ["", ""]},
                %v: tensor<90x136xf32> {strut.name = "v", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x136xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x136xf32>
  %y = kernel.attention ins(%q, %k, %v : tensor<?x24xf32>, tensor<90x24xf32>, tensor<90x136xf32>)
      outs(%o : tensor<?x136xf32>)
      attributes {indexing_maps = [affine_map<(m, s, d, e) -> (m, d)>, affine_map<(m, s, d, e) -> (s, d)>,
                                   affine_map<(m, s, d, e) -> (s, e)>, affine_map<(m, s, d, e) -> (m, e)>]} {
  ^bb0(%score: f32):
    %t = math.tanh %score : f32
    kernel.yield %t : f32
  } -> tensor<?x136xf32>
  return %y : tensor<?x136xf32>
}
