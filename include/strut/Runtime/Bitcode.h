//===- Bitcode.h - The runtime, as the compiler links it -------------------===//
//
// The freestanding C runtime (lib/Runtime/*.c) is compiled to bitcode for each
// target when Strut is built. The compiler links it into every module it emits:
//
//   llvm::StringRef bitcode = strut::runtime::bitcodeFor(triple);
//   ... llvm::parseBitcodeFile, set the module's data layout, llvm::Linker,
//   internalise all but the table.
//
// It has no CPU or features pinned: the module decides. It leaves undefined only C
// library functions out of lib/Runtime/allowed-symbols.txt.
// Its module-level assembly defines `strut_process_v1`, which must stay exported
// and keep its binding: it is how all models of a process find their one pool.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_RUNTIME_BITCODE_H
#define STRUT_RUNTIME_BITCODE_H

#include "llvm/ADT/StringRef.h"

namespace llvm {
class Triple;
}

namespace strut::runtime {

/// The runtime for `triple`; empty where Strut has none (anything but 64-bit
/// GNU/Linux on x86-64 and AArch64). Lives as long as the program.
llvm::StringRef bitcodeFor(const llvm::Triple &triple);

/// What artefacts with code for a GPU have besides. It leaves undefined functions out of
/// lib/Runtime/device-symbols.txt as well.
llvm::StringRef deviceBitcodeFor(const llvm::Triple &triple);

} // namespace strut::runtime

#endif // STRUT_RUNTIME_BITCODE_H
