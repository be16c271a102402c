//===- Passes.h - The CPU back end -----------------------------*- C++ -*-===//
#ifndef STRUT_CPU_PASSES_H
#define STRUT_CPU_PASSES_H

#include "mlir/Pass/Pass.h"
#include "strut/CPU/Target.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace strut::cpu {

#define GEN_PASS_DECL
#include "strut/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "strut/CPU/Passes.h.inc"

struct Options {
  /// Warn of scalar loops over data instead of refusing them.
  bool allowScalarLoops = false;
};

/// Kernels on planned memory to the LLVM dialect; on `kernel.program`.
void buildPipeline(mlir::OpPassManager &pm, const Options &options = {});

} // namespace strut::cpu

#endif // STRUT_CPU_PASSES_H
