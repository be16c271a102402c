// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90a>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90a>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,expand-strided-metadata,lower-affine,canonicalize,convert-scf-to-cf,strut-convert-to-nvvm))' | FileCheck %s --check-prefix=LLVM
// RUN: not strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt))' 2>&1 | FileCheck %s --check-prefix=OLD

// OLD: 'kernel.chain' op has no form for this GPU
// LLVM: nvvm.cluster_dim = array<i32: 8, 1, 1>

// Blocks of a cluster sum 64 steps each. They meet when their sums are there, add those of 4 rows each
// from all of them, meet again, and read the rows that others have made. None ends before all have.

// CHECK: cuda.kernels = ["tensor_chain_k16_w16_w16_32x64_of8_0"
// CHECK: func.func @tensor_chain_k16_w16_w16_32x64_of8_0({{.*}}cuda.cluster = 8
// CHECK: %[[RANK:.*]] = arith.remui %{{.*}}, %c8 : index
// CHECK: arith.muli %[[RANK]], %c64 : index
// CHECK: nvvm.mma.sync
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr<3>
// CHECK: nvvm.cluster.arrive {aligned}
// CHECK-NEXT: nvvm.cluster.wait {aligned}
// CHECK-COUNT-8: nvvm.mapa
// CHECK: arith.truncf
// CHECK: llvm.store {{.*}} : i16, !llvm.ptr<3>
// CHECK: nvvm.cluster.arrive {aligned}
// CHECK-NEXT: nvvm.cluster.wait {aligned}
// CHECK: %[[ROW:.*]] = nvvm.mapa
// CHECK: llvm.load %[[ROW]] {alignment = 16 : i64} : !llvm.ptr<7> -> vector<4xi32>
// CHECK: nvvm.cluster.arrive {aligned}
// CHECK-NEXT: nvvm.barrier0
// CHECK: nvvm.mma.sync
// CHECK: nvvm.cluster.wait {aligned}
// CHECK-NEXT: return
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x512xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x512xf32>
  %y = kernel.chain ins(%x, %a, %b : tensor<?x512xf16>, tensor<512x32xf16>, tensor<32x512xf16>)
      outs(%o : tensor<?x512xf32>)
      attributes {cuda.cluster = 8 : i64, middle_extras = 0 : i64, indexing_maps = [
        affine_map<(m, n, r, k) -> (m, k)>, affine_map<(m, n, r, k) -> (k, r)>,
        affine_map<(m, n, r, k) -> (r, n)>, affine_map<(m, n, r, k) -> (m, n)>]}
  middle {
  ^bb0(%sum: f32):
    %t = arith.truncf %sum : f32 to f16
    kernel.yield %t : f16
  } then {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}
