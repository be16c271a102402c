//===- Ptx.cpp - Device code for NVIDIA GPUs ------------------------------===//
#include "strut/Package/Ptx.h"
#include "strut/Package/CodeGen.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace strut::package {

void optimizeForGpu(Module &module, const TargetSpec &gpu) {
  std::unique_ptr<TargetMachine> machine = createTargetMachine(gpu);
  module.setTargetTriple(gpu.triple);
  module.setDataLayout(machine->createDataLayout());
  CodeGenOptions options;
  options.vectorize = false; // a thread of a GPU has no vectors
  optimize(module, *machine, options);
}

Expected<std::string> emitPtx(Module &module, const TargetSpec &gpu) {
  std::unique_ptr<TargetMachine> machine = createTargetMachine(gpu);
  SmallString<0> text;
  raw_svector_ostream stream(text);
  if (Error error = emitAssembly(module, *machine, stream))
    return std::move(error);
  if (size_t at = text.str().find(".extern .func"); at != StringRef::npos)
    return createStringError("the kernels call a function that no GPU has: " +
                             text.str().substr(at).split('\n').first.trim());
  return text.str().str();
}

} // namespace strut::package
