//===- Ptx.h - Device code for NVIDIA GPUs ---------------------*- C++ -*-===//
//
// PTX is written by LLVM in this process: no CUDA toolkit takes part. The driver of a
// machine compiles it for its GPU, the architecture that it names or a later one.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_PTX_H
#define STRUT_PACKAGE_PTX_H

#include "strut/Package/Target.h"

namespace strut::package {

/// Optimises a module of kernels as for code of that target, in place.
void optimizeForGpu(llvm::Module &module, const TargetSpec &gpu);

/// The PTX of an optimised module, which is consumed. Fails where it would call a function
/// that is not in it, which only a toolkit's libraries could provide.
llvm::Expected<std::string> emitPtx(llvm::Module &module, const TargetSpec &gpu);

/// A shared library for the host, made of a module of emulated kernels (gpu::emulate) and
/// exporting `symbol` alone: its bytes.
llvm::Expected<std::string> linkEmulated(llvm::Module &module, llvm::StringRef symbol,
                                         const TargetSpec &host);

} // namespace strut::package

#endif // STRUT_PACKAGE_PTX_H
