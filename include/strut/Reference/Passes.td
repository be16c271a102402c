//===- Passes.td - Executable definitions of layers --------*- tablegen -*-===//
#ifndef STRUT_REFERENCE_PASSES
#define STRUT_REFERENCE_PASSES

include "mlir/Pass/PassBase.td"

def ExpandLayers : Pass<"strut-expand-layers", "::mlir::func::FuncOp"> {
  let summary = "replace layers by their definitions in plain onnx operators";
  let description = [{
    What a layer means, in operators of the standard and as written in its formula,
    without regard to speed. Evaluated in f64 it is the reference that lowerings and
    rewrites are measured against; no pipeline runs it.

    - `layer.linear` is a MatMul, then an Add of the bias;
    - `layer.block_linear` is a batched MatMul between two Reshapes, then an Add;
    - `layer.pool_mixer` is an AveragePool less its input, times the scale, over the square
      root of the variance;
    - `layer.alternatives` is one of its forms: number `form`, or the default where it
      is negative. All must give the same values.
  }];
  let dependentDialects = ["::strut::onnx_ir::OnnxDialect"];
  let options = [
    Option<"form", "form", "int64_t", "-1", "Which form alternatives become">
  ];
  let statistics = [Statistic<"numExpanded", "num-expanded", "Number of layers expanded">];
}

#endif // STRUT_REFERENCE_PASSES
