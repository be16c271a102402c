//===- Passes.td - From tensors to planned memory ----------*- tablegen -*-===//
#ifndef STRUT_PLAN_PASSES
#define STRUT_PLAN_PASSES

include "mlir/Pass/PassBase.td"

def FormPrograms : Pass<"strut-form-programs", "::mlir::ModuleOp"> {
  let summary = "give each target a program of its own";
  let description = [{
    Clones the functions of the module into one `kernel.program` per target; the
    weights stay in the module, for all programs. The kernels of `@main` are numbered
    first (`kernel.number`), by which the observer of a run is told of them. `targets` is a dictionary of
    program names and target attributes:

    `strut-form-programs{targets="{cpu_znver4 = #cpu.target<vector_bytes = 64>}"}`
  }];
  let dependentDialects = ["::strut::kernel::KernelDialect"];
  let options = [
    Option<"targets", "targets", "std::string", "", "programs and their targets, as a dictionary">
  ];
}

def BufferizeHost : Pass<"strut-bufferize-host", "::strut::kernel::ProgramOp"> {
  let summary = "turn the tensors of the host function into memrefs";
  let description = [{
    Results of `@main` become trailing memref arguments, in order, marked
    `strut.output`; in their place `@main` returns the extents of the outputs, axis
    by axis, as index values. Then One-Shot Bufferize runs: kernels write in place,
    inputs are read-only, and every intermediate is one `memref.alloc`.

    A result with the attribute `strut.alias` may lie in the memory of that input. It
    is written at the very end, when nothing reads the input any more: the copies to
    such outputs follow all others, and one that would read an input reads a copy of
    it made before.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

def PlanMemory : Pass<"strut-plan-memory", "::strut::kernel::ProgramOp"> {
  let summary = "place every intermediate in one arena";
  let description = [{
    Every `memref.alloc` of `@main` becomes a view of an arena at an offset that
    is chosen when dimensions are bound. `@main` gets the arguments `%arena` and one
    offset per buffer, and the attribute `strut.lifetimes`: first and last
    position, inclusive, at which each buffer is live. What is copied to an output
    at its end is computed there in the first place. An output marked `strut.alias`
    may be the memory of an input: it is computed there only if nothing reads the
    input from the first write on, except a pointwise kernel that reads each element
    where it writes. A copy of that whole input to begin with is left out, since the
    runtime makes it where the output has memory of its own.

    `@main_bind` takes the dimensions and returns the size of each buffer in
    bytes, then the extents of the outputs and the form of each choice, and last a
    number for each `cf.assert` of `@main`, 0 where what it asserts of dimensions
    holds. `@main` keeps the messages as `strut.requirements`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
  let statistics = [
    Statistic<"buffers", "buffers", "buffers placed in the arena">,
    Statistic<"inPlace", "outputs-in-place", "outputs computed without a copy">
  ];
}

#endif // STRUT_PLAN_PASSES
