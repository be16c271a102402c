//===- Passes.h - From layers to layers ------------------------*- C++ -*-===//
#ifndef STRUT_REWRITE_PASSES_H
#define STRUT_REWRITE_PASSES_H

#include "dialects/Layer/Layer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace strut::rewrite {

#define GEN_PASS_DECL
#include "strut/Rewrite/Passes.h.inc"

/// Registers the passes of this room by name.
void registerPasses();

struct Options {
  /// Largest error of a dense weight that may be factorised, as a share of its
  /// Frobenius norm; none are where it is 0.
  double compress = 0;
  /// The description of the machine by which forms are chosen, a file or a name; none
  /// are chosen where it is empty.
  std::string machine;
  /// By how much weights may grow where several forms are kept; see parseSizeBudget.
  std::string sizeBudget = "20%";
  /// Combine weights of f16 and bf16 as those of f32, though what is added to a larger number
  /// loses bits there.
  bool reducedPrecision = false;
};

/// Whether an onnx.Gather moves values within each row, by constant indices.
bool isSelection(mlir::Operation *op);

/// Bytes by which `weights` bytes may grow: "20%" of them, or "64M" (K, M, G; bytes
/// without a letter).
llvm::Expected<double> parseSizeBudget(llvm::StringRef text, double weights);

/// Rewrites a module of onnx and layer ops by algebra. What was rewritten has a
/// fused location that names the rewrite (docs/rewrites.md).
void buildPipeline(mlir::OpPassManager &manager, const Options &options = {});

} // namespace strut::rewrite

#endif // STRUT_REWRITE_PASSES_H
