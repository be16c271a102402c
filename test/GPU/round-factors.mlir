// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80, precision = f16>}"},kernel.program(strut-round-factors,canonicalize))' | FileCheck %s
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{f = #cuda.target<sm_90a, precision = f16>, g = #cuda.target<sm_80, precision = f16>}"},kernel.program(strut-round-factors,canonicalize))' --mlir-disable-threading | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-round-factors,canonicalize))' | FileCheck %s --check-prefix=F32
// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_75, precision = f16>}"},kernel.program(strut-round-factors,canonicalize))' | FileCheck %s --check-prefix=F32

// Weights are stored rounded. The input is rounded once, the sums of the first product as they
// are stored: nothing else reads them. Odd rows stay f32.

// One pass does the same for all programs.

// F32-NOT: xf16
// BOTH-LABEL: kernel.program @f
// BOTH: kernel.map {{.*}} outs(%{{.*}} : tensor<?x48xf16>)
// CHECK-LABEL: kernel.program @g
// CHECK: %[[X:.*]] = kernel.map ins(%{{.*}} : tensor<?x48xf32>) outs(%{{.*}} : tensor<?x48xf16>)
// CHECK-NOT: kernel.map
// CHECK: %[[V:.*]] = kernel.use @v : !kernel.packed<tensor<48x32xf32>, #cuda.rounded<f16>>
// CHECK: %[[P:.*]] = kernel.contract ins(%[[X]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<?x32xf16>)
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK-NEXT: kernel.yield %{{.*}} : f16
// CHECK: %[[U:.*]] = kernel.use @u : !kernel.packed<tensor<32x48xf32>, #cuda.rounded<f16>>
// CHECK: kernel.contract ins(%[[P]], %[[U]] : {{.*}}) outs(%{{.*}} : tensor<?x48xf32>)
// CHECK: kernel.yield %{{.*}} : f32
// CHECK: %[[W:.*]] = kernel.use @w : tensor<48x7xf32>
// CHECK: kernel.contract ins(%{{.*}}, %[[W]] : tensor<?x48xf32>, tensor<48x7xf32>) outs(%{{.*}} : tensor<?x7xf32>)
#product = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
            affine_map<(m, n, k) -> (m, n)>]
kernel.weight @v : tensor<48x32xf32> = dense<1.0> : tensor<48x32xf32>
kernel.weight @u : tensor<32x48xf32> = dense<1.0> : tensor<32x48xf32>
kernel.weight @w : tensor<48x7xf32> = dense<1.0> : tensor<48x7xf32>
func.func @main(%x: tensor<?x48xf32> {strut.name = "x", strut.dims = ["N", ""]}, %n: index)
    -> (tensor<?x48xf32> {strut.name = "y"}, tensor<?x7xf32> {strut.name = "z"})
    attributes {strut.symbols = ["N"]} {
  %v = kernel.use @v : tensor<48x32xf32>
  %o = tensor.empty(%n) : tensor<?x32xf32>
  %p = kernel.contract ins(%x, %v : tensor<?x48xf32>, tensor<48x32xf32>)
      outs(%o : tensor<?x32xf32>) attributes {indexing_maps = #product} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x32xf32>
  %u = kernel.use @u : tensor<32x48xf32>
  %q = tensor.empty(%n) : tensor<?x48xf32>
  %y = kernel.contract ins(%p, %u : tensor<?x32xf32>, tensor<32x48xf32>)
      outs(%q : tensor<?x48xf32>) attributes {indexing_maps = #product} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x48xf32>
  %w = kernel.use @w : tensor<48x7xf32>
  %r = tensor.empty(%n) : tensor<?x7xf32>
  %z = kernel.contract ins(%y, %w : tensor<?x48xf32>, tensor<48x7xf32>)
      outs(%r : tensor<?x7xf32>) attributes {indexing_maps = #product} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x7xf32>
  return %y, %z : tensor<?x48xf32>, tensor<?x7xf32>
}
