//===- Host.h - The host function and the runtime --------------*- C++ -*-===//
#ifndef STRUT_EMIT_HOST_H
#define STRUT_EMIT_HOST_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace strut::emit {

/// Of a program: its weights in the order of their places, each a dictionary of the weight's
/// symbol, its layout if it has one, and its offset in bytes; and where the last one ends.
inline constexpr llvm::StringLiteral kWeightsAttr = "emit.weights";
inline constexpr llvm::StringLiteral kWeightBytesAttr = "emit.weight_bytes";

/// The planned host function of a program on its way to what the runtime calls. The same for
/// all targets: only what launches a kernel differs.
class Host {
public:
  /// Appends the arguments for weights and launcher to @main, and turns every kernel.use into
  /// a view of the weights, each distinct (weight, layout) at a place of its own.
  Host(kernel::ProgramOp program, mlir::func::FuncOp main);

  /// The StrutLauncher of the run, in @main.
  mlir::Value getLauncher() const { return launcher; }

  /// Once the kernels are launches: adds `@strut_run` and `@strut_bind`, which join @main and
  /// @main_bind to the runtime (program.h).
  void finish();

private:
  mlir::Value addArgument(mlir::Type type);
  void placeWeights();
  void generateRun();
  void generateBind();

  kernel::ProgramOp program;
  mlir::func::FuncOp main;
  mlir::MLIRContext *context;
  mlir::Value weights, launcher;
};

} // namespace strut::emit

#endif // STRUT_EMIT_HOST_H
