// RUN: strut-opt %s --pass-pipeline='builtin.module(strut-form-programs{targets="{g = #cuda.target<sm_80>}"},kernel.program(strut-bufferize-host,strut-plan-memory,strut-emit-simt,canonicalize,cse))' | FileCheck %s

// Queries are slices of rows of an open number that hold 192 features, keys and values slices that begin at an
// open place: of heads of 16 features both lie in runs of 16 bytes. Values of 20 begin every 40 bytes.

// CHECK: cuda.kernels = ["tensor_attention_k16_k16_w8_32x32_0", "tensor_attention_k16_k16_w8_32x32_128_1"]
func.func @main(%x: tensor<?x?x192xf16> {strut.name = "x", strut.dims = ["B", "M", ""]},
                %c: tensor<?x?x64xf16> {strut.name = "c", strut.dims = ["B", "T", ""]},
                %w: tensor<?x?x4x20xf16> {strut.name = "w", strut.dims = ["B", "S", "", ""]},
                %b: index, %m: index, %t: index, %s: index)
    -> (tensor<?x?x4x20xf16> {strut.name = "y"}) attributes {strut.symbols = ["B", "M", "T", "S"]} {
  %q = tensor.extract_slice %x[0, 0, 64] [%b, %m, 64] [1, 1, 1] : tensor<?x?x192xf16> to tensor<?x?x64xf16>
  %qs = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%b, %m, 4, 16] : tensor<?x?x64xf16> into tensor<?x?x4x16xf16>
  %from = arith.subi %t, %s : index
  %k = tensor.extract_slice %c[0, %from, 0] [%b, %s, 64] [1, 1, 1] : tensor<?x?x64xf16> to tensor<?x?x64xf16>
  %ks = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%b, %s, 4, 16] : tensor<?x?x64xf16> into tensor<?x?x4x16xf16>
  %o = tensor.empty(%b, %m) : tensor<?x?x4x20xf16>
  %y = kernel.attention ins(%qs, %ks, %w : tensor<?x?x4x16xf16>, tensor<?x?x4x16xf16>, tensor<?x?x4x20xf16>)
      outs(%o : tensor<?x?x4x20xf16>)
      attributes {indexing_maps = [
        affine_map<(b, h, m, s, d, e) -> (b, m, h, d)>, affine_map<(b, h, m, s, d, e) -> (b, s, h, d)>,
        affine_map<(b, h, m, s, d, e) -> (b, s, h, e)>, affine_map<(b, h, m, s, d, e) -> (b, m, h, e)>]} {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> tensor<?x?x4x20xf16>
  return %y : tensor<?x?x4x20xf16>
}
