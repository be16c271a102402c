// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,expand-strided-metadata,lower-affine,arith-expand,convert-scf-to-cf,strut-convert-to-nvvm,reconcile-unrealized-casts,canonicalize,cse))' | FileCheck %s

// The arguments of a launch are one struct: the host's function writes it, the driver
// passes it by value, the kernel reads it in place.

// CHECK: llvm.func @strut_rt_device_launch(!llvm.ptr, i32, !llvm.ptr, i64, i64, i32)
// CHECK-LABEL: llvm.func @main(
// CHECK: %[[BUNDLE:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>, struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>)>
// CHECK: llvm.call @strut_rt_device_launch(%{{.*}}, %{{.*}}, %[[BUNDLE]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: builtin.module @device
// CHECK: llvm.func @map_0(%[[ARGUMENTS:.*]]: !llvm.ptr {llvm.byval = !llvm.struct<(struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>, struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>)>, nvvm.grid_constant})
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.maxntid = array<i32: 256, 1, 1>
// CHECK-SAME: nvvm.minctasm = 2 : i32
// CHECK: llvm.load %[[ARGUMENTS]]
// CHECK-NOT: unrealized_conversion_cast
func.func @main(%x: tensor<?xf32> {strut.name = "x", strut.dims = ["N"]}, %n: index)
    -> (tensor<?xf32> {strut.name = "y"}) attributes {strut.symbols = ["N"]} {
  %o = tensor.empty(%n) : tensor<?xf32>
  %y = kernel.map ins(%x : tensor<?xf32>) outs(%o : tensor<?xf32>)
      attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {
  ^bb0(%e: f32):
    %q = arith.negf %e : f32
    kernel.yield %q : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}
