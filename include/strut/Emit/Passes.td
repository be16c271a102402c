//===- Passes.td - What all back ends share ----------------*- tablegen -*-===//
#ifndef STRUT_EMIT_PASSES
#define STRUT_EMIT_PASSES

include "mlir/Pass/PassBase.td"

def ExpandMath : Pass<"strut-expand-math", "::strut::kernel::ProgramOp"> {
  let summary = "write elementary functions as arithmetic";
  let description = [{
    Functions of the math dialect that are no instruction everywhere become
    arithmetic on scalars and vectors alike, with the errors that MathCode.h
    states; so do remainders, arithmetic on f16 and bf16 (done in f32), and
    conversions to and from them that would call a library. A function without
    such code is an error that names it. Works on programs whose target implements the
    target interface of the kernel dialect.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let statistics = [Statistic<"expanded", "expanded", "ops rewritten">];
}

#endif // STRUT_EMIT_PASSES
