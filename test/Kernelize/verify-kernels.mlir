// RUN: not strut-opt %s --pass-pipeline='builtin.module(func.func(strut-verify-kernels))' --split-input-file 2>&1 | FileCheck %s

// CHECK: error: {{.*}}'onnx.Relu' of node 'act' is neither a kernel nor a view of a tensor nor arithmetic on dimensions
func.func @onnx(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("act")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'arith.addf' of node 'sum' is neither
func.func @arithmetic(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.addf %x, %x : tensor<4xf32> loc("sum")
  return %0 : tensor<4xf32>
}

// -----

// Views, index arithmetic and control flow may stand beside kernels.

// CHECK-NOT: error
// CHECK: func.func @fine
func.func @fine(%x: tensor<?x4xf32>, %n: index) -> tensor<?x4xf32> {
  %c4 = arith.constant 4 : index
  %m = arith.muli %n, %c4 : index
  %less = arith.cmpi ult, %m, %c4 : index
  %form = arith.index_cast %less : i1 to index
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  %1 = tensor.empty(%m) : tensor<?xf32>
  %2 = scf.index_switch %form -> tensor<?xf32>
  case 0 {
    %3 = kernel.map ins(%0 : tensor<?xf32>) outs(%1 : tensor<?xf32>)
        attributes {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    ^bb0(%e: f32):
      %s = math.exp %e : f32
      kernel.yield %s : f32
    } -> tensor<?xf32>
    scf.yield %3 : tensor<?xf32>
  }
  default {
    scf.yield %0 : tensor<?xf32>
  }
  %4 = tensor.expand_shape %2 [[0, 1]] output_shape [%n, 4] : tensor<?xf32> into tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}
