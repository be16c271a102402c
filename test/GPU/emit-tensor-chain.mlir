// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s
// RUN: not strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_75>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt))' 2>&1 | FileCheck %s --check-prefix=OLD

// OLD: 'kernel.chain' op has no form for this GPU: it needs sm_80, halves or f32, a known number of steps

// A block has 32 rows of the middle, all of their columns, and then some tiles of the result's. A
// slice takes 100 ns, and may take 34 more, for 16 of them save a tile of 551: 4e12 bytes/s give
// slices of 6 KiB to 87 blocks in that time.

// CHECK: cuda.kernels = ["tensor_chain_k16_w16_w16_32x64_0", "tensor_chain_k16_w16_w16_128x64_1", "tensor_chain_k16_w16_w16_64x64_2"]
// CHECK: func.func private @main(
// No buffer has the middle.
// CHECK-SAME: strut.lifetimes = []
// CHECK: %[[ROWS:.*]] = memref.dim
// CHECK: arith.cmpi ule, %[[ROWS]], %c32
// CHECK: arith.cmpi ugt, %[[ROWS]], %c6912
// CHECK: %[[DOWN:.*]] = arith.ceildivui %[[ROWS]], %c32
// CHECK: %[[SOME:.*]] = arith.maxui %[[DOWN]], %c1
// CHECK: arith.divui %c87, %[[SOME]]
// CHECK: cuda.launch @device::@tensor_chain_k16_w16_w16_32x64_0 on %{{.*}} grid %{{.*}}, %c128(
// CHECK: func.func @tensor_chain_k16_w16_w16_32x64_0({{.*}}cuda.shared = 67584
// The second right side is on its way before the factors of the first product.
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK: nvvm.mma.sync
// CHECK: arith.maximumf
// CHECK: arith.truncf
// CHECK: llvm.store {{.*}} : i16, !llvm.ptr<3>
// CHECK: scf.for
// CHECK: nvvm.mma.sync
func.func @main(%x: tensor<?x512xf16> {strut.name = "x", strut.dims = ["M", ""]},
                %a: tensor<512x32xf16> {strut.name = "a", strut.dims = ["", ""]},
                %b: tensor<32x512xf16> {strut.name = "b", strut.dims = ["", ""]}, %m: index)
    -> (tensor<?x512xf32> {strut.name = "y"}) attributes {strut.symbols = ["M"]} {
  %o = tensor.empty(%m) : tensor<?x512xf32>
  %y = kernel.chain ins(%x, %a, %b : tensor<?x512xf16>, tensor<512x32xf16>, tensor<32x512xf16>)
      outs(%o : tensor<?x512xf32>)
      attributes {middle_extras = 0 : i64, indexing_maps = [
        affine_map<(m, n, r, k) -> (m, k)>, affine_map<(m, n, r, k) -> (k, r)>,
        affine_map<(m, n, r, k) -> (r, n)>, affine_map<(m, n, r, k) -> (m, n)>]}
  middle {
  ^bb0(%sum: f32):
    %zero = arith.constant 0.0 : f32
    %p = arith.maximumf %sum, %zero : f32
    %t = arith.truncf %p : f32 to f16
    kernel.yield %t : f16
  } then {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}
