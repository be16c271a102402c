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
};

/// Rewrites a module of onnx and layer ops by algebra. What was rewritten has a
/// fused location that names the rewrite (docs/rewrites.md).
void buildPipeline(mlir::OpPassManager &manager, const Options &options = {});

} // namespace strut::rewrite

#endif // STRUT_REWRITE_PASSES_H
