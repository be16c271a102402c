//===- Passes.td - The CPU back end ------------------------*- tablegen -*-===//
#ifndef STRUT_CPU_PASSES
#define STRUT_CPU_PASSES

include "mlir/Pass/PassBase.td"

/// A pass of the CPU back end: it works on programs whose target is a `#cpu.target`
/// and leaves others alone.
class CPUPass<string argument> : Pass<argument, "::strut::kernel::ProgramOp">;

def AssignLayouts : CPUPass<"strut-assign-layouts"> {
  let summary = "choose how the weights of contractions are stored";
  let description = [{
    The right-hand side of a `kernel.contract` that is a weight becomes a packed
    operand in panels of columns. One that is computed and has no unit stride
    along its columns gets a workspace in which it is packed at run time; so do
    the keys of `kernel.attention`. A weight of windows in `kernel.rows` (a filter
    per channel) becomes one panel, contiguous along what the result is.
  }];
  let dependentDialects = ["::strut::cpu::CPUDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"packed", "packed", "weights in panels">,
    Statistic<"workspaces", "workspaces", "operands packed at run time">
  ];
}

def LowerKernels : CPUPass<"strut-lower-kernels"> {
  let summary = "emit the kernels of a bufferised host function";
  let description = [{
    Every kernel op of `@main` becomes a `cpu.launch` of a function written as
    scf, vector and memref ops. Weights get their places; the program's attribute
    `emit.weights` lists them in the order of their use. The functions
    `@strut_run` and `@strut_bind` join `@main` and `@main_bind` to the runtime.
  }];
  let dependentDialects = ["::strut::cpu::CPUDialect", "::strut::emit::EmitDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect",
                           "::mlir::bufferization::BufferizationDialect"];
  let statistics = [
    Statistic<"launches", "launches", "launches in the host function">,
    Statistic<"functions", "functions", "kernel functions written">
  ];
}

def CheckVectorized : CPUPass<"strut-check-vectorized"> {
  let summary = "refuse scalar loops over data in emitted kernels";
  let description = [{
    A loop of a launched kernel, the one over its tasks apart, is an error that names
    the node unless

    1. something in it has an operand or a result of vector type with more than one
       element: elements that are gathered one by one into a vector count, and so do
       functions that are computed lane by lane;
    2. nothing in it touches memory: it computes indices;
    3. it starts at a constant and ends at a constant of at most 64, or at the minimum
       of such a constant and something else: the lanes of one vector, a handful of axes.

    Loops within a loop must be fine themselves. Functions with the attribute
    `cpu.scalar` are left alone: bodies of `kernel.region`, which are loops as they
    were written. LLVM may vectorise these, but nobody says so; `strut inspect` counts
    them as `scalar-region`.
  }];
  let options = [
    Option<"warnOnly", "warn-only", "bool", "false", "warn of scalar loops and go on">
  ];
  let statistics = [
    Statistic<"checked", "checked", "loops looked at">,
    Statistic<"declared", "declared", "kernels that are scalar as they were written">
  ];
}

def ConvertToLLVM : CPUPass<"strut-convert-to-llvm"> {
  let summary = "turn emitted kernels and the host function into the LLVM dialect";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // STRUT_CPU_PASSES
