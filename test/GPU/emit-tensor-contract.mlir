// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_90a, precision = tf32>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s --check-prefix=TF32

// Of one product there are three tiles, and the sizes of the run say which one is launched.

// CHECK: kernel.program @g for #cuda.target<sm_80>
// CHECK-SAME: cuda.kernels = ["tensor_contract_k16_w16_32x64_0", "tensor_contract_k16_w16_128x64_1", "tensor_contract_k16_w16_64x64_2", "contract_3"]
// CHECK-LABEL: func.func private @main(
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c32
// CHECK: scf.if %[[FEW]]
// CHECK: cuda.launch @device::@tensor_contract_k16_w16_32x64_0 on %{{.*}} grid %{{.*}}, %c128
// CHECK: scf.if
// CHECK: cuda.launch @device::@tensor_contract_k16_w16_128x64_1 on %{{.*}} grid %{{.*}}, %c256
// CHECK: cuda.launch @device::@tensor_contract_k16_w16_64x64_2
// CHECK: cuda.launch @device::@contract_3

// Slices are copied ahead; every slice is a group, of which the oldest is waited for.
// CHECK-LABEL: func.func @tensor_contract_k16_w16_128x64_1(
// CHECK-SAME: attributes {cuda.blocks = 2 : i64, cuda.threads = 256 : i64}
// CHECK-COUNT-3: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group 2
// CHECK-NEXT: nvvm.barrier0
// CHECK: scf.if
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// Both sides are split into two numbers of tf32: three products each.
// CHECK: nvvm.convert.float.to.tf32 {{.*}}rna
// CHECK: nvvm.ldmatrix {{.*}}num = 4
// CHECK-COUNT-48: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<tf32>
// CHECK: nvvm.barrier0
// The epilogue is there once.
// CHECK: llvm.store {{.*}} : vector<2xf32>, !llvm.ptr<3>
// CHECK: nvvm.barrier0
// CHECK: arith.maximumf
// CHECK-NOT: arith.maximumf
// CHECK-LABEL: func.func @tensor_contract_k16_w16_64x64_2(

// TF32: cuda.kernels = ["tensor_contract_k16_w16_32x64_0", "tensor_contract_k16_w16_128x128_1", "tensor_contract_k16_w16_64x64_2", "contract_3"]
// TF32-LABEL: func.func @tensor_contract_k16_w16_128x128_1(
// TF32-COUNT-64: nvvm.mma.sync
// TF32-NOT: nvvm.mma.sync
// TF32-LABEL: func.func @tensor_contract_k16_w16_64x64_2(
func.func @main(%x: tensor<?x48xf32> {strut.name = "x", strut.dims = ["N", ""]},
                %v: tensor<48x320xf32> {strut.name = "v", strut.dims = ["", ""]},
                %w: tensor<48x7xf32> {strut.name = "w", strut.dims = ["", ""]}, %n: index)
    -> (tensor<?x320xf32> {strut.name = "y"}, tensor<?x7xf32> {strut.name = "z"})
    attributes {strut.symbols = ["N"]} {
  %o = tensor.empty(%n) : tensor<?x320xf32>
  %y = kernel.contract ins(%x, %v : tensor<?x48xf32>, tensor<48x320xf32>)
      outs(%o : tensor<?x320xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%a: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %a, %zero : f32
    kernel.yield %r : f32
  } -> tensor<?x320xf32>
  %p = tensor.empty(%n) : tensor<?x7xf32>
  %z = kernel.contract ins(%x, %w : tensor<?x48xf32>, tensor<48x7xf32>) outs(%p : tensor<?x7xf32>)
      attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                   affine_map<(m, n, k) -> (m, n)>]} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x7xf32>
  return %y, %z : tensor<?x320xf32>, tensor<?x7xf32>
}
