//===- Jit.h - Generated code in this process -------------------*- C++ -*-===//
#ifndef STRUT_LIB_EVALUATE_JIT_H
#define STRUT_LIB_EVALUATE_JIT_H

#include "strut/Package/Target.h"
#include "strut/Runtime/program.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"

namespace strut::evaluate {

/// The functions of a module of generated code, while it lives.
class Jit {
public:
  /// Generates code for this machine. The executor of a run is the calling thread.
  static llvm::Expected<Jit> compile(llvm::Module &module, const package::TargetSpec &host);

  /// StrutProgram's functions of these names.
  int32_t (*bind)(const int64_t *dims, int64_t *bytes, int64_t *shapes) = nullptr;
  void (*run)(const StrutFrame *frame) = nullptr;

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace strut::evaluate

#endif // STRUT_LIB_EVALUATE_JIT_H
