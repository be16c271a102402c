//===- CodeGen.h - From an LLVM module to object code ----------*- C++ -*-===//
#ifndef STRUT_PACKAGE_CODEGEN_H
#define STRUT_PACKAGE_CODEGEN_H

#include "strut/Package/Target.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace llvm {
class raw_pwrite_stream;
}

namespace strut::package {

using ObjectCode = llvm::SmallVector<char, 0>;

/// How hard LLVM works. Kernels come vectorised from their emitters, so O2 and O3
/// differ little on them.
enum class OptLevel { O0, O1, O2, O3 };

struct CodeGenOptions {
  OptLevel level = OptLevel::O3;
  /// LLVM's own loop and superword vectorisers. The loops that matter are already
  /// vector code; host-side index arithmetic does not gain.
  bool vectorize = true;
  /// Threads that generate code; 0 = as many as there are. The parts of a module
  /// do not depend on it, so neither does a byte of the artefact.
  unsigned threads = 0;
};

/// Runs the PassBuilder's pipeline of that level over the whole module.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, const CodeGenOptions &options);

/// Generates an object file from a module as it is. The module is consumed by
/// code generation in the sense that it must not be emitted twice.
llvm::Expected<ObjectCode> emitObject(llvm::Module &module, llvm::TargetMachine &machine);
llvm::Error emitObject(llvm::Module &module, llvm::TargetMachine &machine,
                       llvm::raw_pwrite_stream &out);

/// The same as assembly text.
llvm::Error emitAssembly(llvm::Module &module, llvm::TargetMachine &machine,
                         llvm::raw_pwrite_stream &out);

/// Generates code for the runtime's bitcode modules, which are optimised already and keep to
/// the baseline of their architecture, and for a module of generated code: that is
/// split into parts, each optimised and compiled in its own LLVMContext, all in
/// parallel. Local symbols become hidden ones, so link the objects together and hide
/// what is hidden. The number of parts depends on the module alone.
llvm::Expected<std::vector<ObjectCode>> compileInParts(llvm::Module &module,
                                                       llvm::ArrayRef<llvm::StringRef> runtime,
                                                       const TargetSpec &target,
                                                       const CodeGenOptions &options);

} // namespace strut::package

#endif // STRUT_PACKAGE_CODEGEN_H
