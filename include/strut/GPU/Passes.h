//===- Passes.h - The NVIDIA back end --------------------------*- C++ -*-===//
#ifndef STRUT_GPU_PASSES_H
#define STRUT_GPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace strut::gpu {

#define GEN_PASS_DECL
#include "strut/GPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "strut/GPU/Passes.h.inc"

/// Kernels on planned memory to the LLVM dialect: the host function in the program, the
/// kernels in its device module. On `kernel.program`, for those with a `#cuda.target`.
void buildPipeline(mlir::OpPassManager &pm);

} // namespace strut::gpu

#endif // STRUT_GPU_PASSES_H
