//===- Passes.td - From onnx to layers ---------------------*- tablegen -*-===//
#ifndef STRUT_RECOGNIZE_PASSES
#define STRUT_RECOGNIZE_PASSES

include "mlir/Pass/PassBase.td"

def RecognizeLinear : Pass<"strut-recognize-linear", "::mlir::func::FuncOp"> {
  let summary = "recognise linear maps with constant weights";
  let description = [{
    A MatMul or Gemm whose right side is a constant matrix becomes `layer.linear`,
    and an Add of a constant vector that follows becomes its bias. Transposed
    operands become transposed values, the factors of Gemm multiplications.
    Bit-exact, but for the factors, which are equal over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numLinear", "num-linear", "Number of linear maps recognised">,
    Statistic<"numBias", "num-bias", "Number of additions that became a bias">
  ];
}

#endif // STRUT_RECOGNIZE_PASSES
