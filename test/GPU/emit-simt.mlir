// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{cuda_sm_75 = #cuda.target<sm_75>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// One launch a kernel, equal kernels share a function, whatever their sizes.

// CHECK: kernel.program @cuda_sm_75 for #cuda.target<sm_75>
// CHECK-SAME: cuda.kernels = ["contract_0", "rows_1", "rows_2", "map_3"]
// CHECK-LABEL: func.func private @main(
// CHECK: cuda.launch @device::@contract_0 on %{{.*}} grid %{{.*}}, %c256
// CHECK-SAME: {number = 0 : i32}
// CHECK: cuda.launch @device::@rows_1
// CHECK: cuda.launch @device::@rows_2
// CHECK: cuda.launch @device::@map_3
// CHECK: cuda.launch @device::@map_3
// CHECK-NOT: kernel.map
// CHECK-LABEL: builtin.module @device

// A tile of the product: both slices are written before they are read, and read before
// the next are written.
// CHECK-DAG: memref.global "private" @contract_0_shared_0 : memref<16x68xf32, 3>
// CHECK-DAG: memref.global "private" @contract_0_shared_1 : memref<16x68xf32, 3>
// CHECK: func.func @contract_0(%{{.*}}: !llvm.ptr) attributes {cuda.blocks = 2 : i64, cuda.threads = 256 : i64}
// CHECK: emit.unbundle
// CHECK: nvvm.read.ptx.sreg.ctaid.x
// CHECK: scf.for
// CHECK: memref.store {{.*}} 3>
// CHECK: nvvm.barrier0
// CHECK: scf.for
// CHECK-COUNT-16: math.fma
// CHECK: nvvm.barrier0
// CHECK: scf.if
// CHECK: arith.addf
// CHECK: memref.store

// A long row has a block: a butterfly within the warp, then one over the warps' parts.
// CHECK-LABEL: func.func @rows_1(
// CHECK-SAME: cuda.threads = 256
// CHECK: scf.for %{{.*}} = %[[TID:.*]] to %{{.*}} step %{{.*}} iter_args
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK: scf.if
// CHECK: memref.store {{.*}} 3>
// CHECK: nvvm.barrier0
// CHECK-COUNT-5: nvvm.shfl.sync bfly

// A short one has a thread.
// CHECK-LABEL: func.func @rows_2(
// CHECK-SAME: cuda.threads = 128
// CHECK-NOT: nvvm.shfl
// CHECK-LABEL: func.func @map_3(
// CHECK: arith.cmpi ult
// CHECK: scf.if

// CHECK: func.func @strut_run(
// CHECK: func.func @strut_bind(
module {
  kernel.weight @w : tensor<48x320xf32> = dense<1.0> : tensor<48x320xf32>
  kernel.weight @b : tensor<320xf32> = dense<2.0> : tensor<320xf32>
  func.func @main(%x: tensor<?x48xf32> {strut.name = "x", strut.dims = ["N", ""]},
                  %z: tensor<?x9xf32> {strut.name = "z", strut.dims = ["N", ""]}, %n: index)
      -> (tensor<?x320xf32> {strut.name = "y"}, tensor<?xf32> {strut.name = "u"},
          tensor<?x9xf32> {strut.name = "v"}) attributes {strut.symbols = ["N"]} {
    %w = kernel.use @w : tensor<48x320xf32>
    %b = kernel.use @b : tensor<320xf32>
    %o = tensor.empty(%n) : tensor<?x320xf32>
    %h = kernel.contract ins(%x, %w, %b : tensor<?x48xf32>, tensor<48x320xf32>, tensor<320xf32>)
        outs(%o : tensor<?x320xf32>)
        attributes {kernel.number = 0 : i32, indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                     affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {
    ^bb0(%acc: f32, %bias: f32):
      %s = arith.addf %acc, %bias : f32
      kernel.yield %s : f32
    } -> tensor<?x320xf32>
    %p = tensor.empty(%n) : tensor<?x320xf32>
    %r = kernel.rows ins(%h : tensor<?x320xf32>) outs(%p : tensor<?x320xf32>)
        attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>]} {
    ^bb0(%e: f32):
      %t = kernel.combine add %e : f32
      %q = arith.divf %e, %t : f32
      kernel.yield %q : f32
    } -> tensor<?x320xf32>
    %a = tensor.empty(%n) : tensor<?xf32>
    %m = kernel.rows ins(%z : tensor<?x9xf32>) outs(%a : tensor<?xf32>)
        attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r)>]} {
    ^bb0(%e: f32):
      %t = kernel.combine max %e : f32
      kernel.yield %t : f32
    } -> tensor<?xf32>
    %c = tensor.empty(%n) : tensor<?x320xf32>
    %y = kernel.map ins(%r : tensor<?x320xf32>) outs(%c : tensor<?x320xf32>)
        attributes {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]} {
    ^bb0(%e: f32):
      %q = arith.negf %e : f32
      kernel.yield %q : f32
    } -> tensor<?x320xf32>
    %d = tensor.empty(%n) : tensor<?x9xf32>
    %v = kernel.map ins(%z : tensor<?x9xf32>) outs(%d : tensor<?x9xf32>)
        attributes {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]} {
    ^bb0(%e: f32):
      %q = arith.negf %e : f32
      kernel.yield %q : f32
    } -> tensor<?x9xf32>
    return %y, %m, %v : tensor<?x320xf32>, tensor<?xf32>, tensor<?x9xf32>
  }
}
