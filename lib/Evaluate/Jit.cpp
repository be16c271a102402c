//===- Jit.cpp - Generated code in this process ---------------------------===//
#include "Jit.h"
#include "strut/Package/CodeGen.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace strut::evaluate {

/// The runtime's strut_rt_parallel, on the calling thread.
static void runInline(const StrutLauncher *, StrutTaskFn body, void *argument, int64_t tasks,
                      int32_t) {
  body(argument, 0, tasks);
}

Expected<Jit> Jit::compile(Module &module, const package::TargetSpec &host) {
  package::applyTarget(module, host);
  // Kernels come vectorised from their emitters, and run once: what costs LLVM time
  // beyond cleaning up is not worth it.
  std::unique_ptr<TargetMachine> machine =
      package::createTargetMachine(host, CodeGenOptLevel::Less);
  package::CodeGenOptions codegen;
  codegen.level = package::OptLevel::O1;
  codegen.vectorize = false;
  package::optimize(module, *machine, codegen);
  Expected<package::ObjectCode> object = package::emitObject(module, *machine);
  if (!object)
    return object.takeError();

  Expected<std::unique_ptr<orc::LLJIT>> created = orc::LLJITBuilder().create();
  if (!created)
    return created.takeError();
  Jit result;
  result.jit = std::move(*created);
  orc::JITDylib &library = result.jit->getMainJITDylib();
  orc::SymbolMap own;
  own[result.jit->mangleAndIntern("strut_rt_parallel")] =
      orc::ExecutorSymbolDef(orc::ExecutorAddr::fromPtr(&runInline), JITSymbolFlags::Exported);
  if (Error error = library.define(orc::absoluteSymbols(std::move(own))))
    return std::move(error);
  // memcpy and what else the C library has.
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      result.jit->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  if (Error error = result.jit->addObjectFile(
          std::make_unique<SmallVectorMemoryBuffer>(std::move(*object), "evaluate", false)))
    return std::move(error);

  Expected<orc::ExecutorAddr> bind = result.jit->lookup("strut_bind");
  if (!bind)
    return bind.takeError();
  Expected<orc::ExecutorAddr> run = result.jit->lookup("strut_run");
  if (!run)
    return run.takeError();
  result.bind = bind->toPtr<decltype(result.bind)>();
  result.run = run->toPtr<decltype(result.run)>();
  return result;
}

} // namespace strut::evaluate
