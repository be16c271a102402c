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

/// Kernels on planned memory to the LLVM dialect; on `kernel.program`.
void buildPipeline(mlir::OpPassManager &pm);

} // namespace strut::cpu

#endif // STRUT_CPU_PASSES_H
