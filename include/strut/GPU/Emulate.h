//===- Emulate.h - Kernels for the emulator --------------------*- C++ -*-===//
#ifndef STRUT_GPU_EMULATE_H
#define STRUT_GPU_EMULATE_H

#include "llvm/Support/Error.h"

namespace llvm {
class Module;
}

namespace strut::gpu {

/// The symbol of the image in a library of emulated kernels.
inline constexpr llvm::StringLiteral kEmulatedImage = "strut_emulated_image";

/// Turns a module of kernels, as PTX would be made of it, into the code of an emulated image
/// (strut/Runtime/emulator.h) for the host. Its target is yet to be set. Fails on an
/// intrinsic, an inline assembly or a function that the emulator does not know: what it does
/// not understand it must not run.
llvm::Error emulate(llvm::Module &module);

} // namespace strut::gpu

#endif // STRUT_GPU_EMULATE_H
