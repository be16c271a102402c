//===- CodeGen.cpp - From an LLVM module to object code ---------*- C++ -*-===//
#include "strut/Package/CodeGen.h"
#include "strut/Package/Link.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/SplitModule.h"

using namespace llvm;

namespace strut::package {
namespace {

/// A part of this many instructions takes some tens of milliseconds, well above
/// the cost of splitting it off.
constexpr unsigned kInstructionsPerPart = 4000;
constexpr unsigned kMaxParts = 16;

CodeGenOptLevel codeGenLevel(OptLevel level) {
  switch (level) {
  case OptLevel::O0:
    return CodeGenOptLevel::None;
  case OptLevel::O1:
    return CodeGenOptLevel::Less;
  case OptLevel::O2:
    return CodeGenOptLevel::Default;
  case OptLevel::O3:
    return CodeGenOptLevel::Aggressive;
  }
  llvm_unreachable("all levels are listed");
}

OptimizationLevel pipelineLevel(OptLevel level) {
  switch (level) {
  case OptLevel::O0:
    return OptimizationLevel::O0;
  case OptLevel::O1:
    return OptimizationLevel::O1;
  case OptLevel::O2:
    return OptimizationLevel::O2;
  case OptLevel::O3:
    return OptimizationLevel::O3;
  }
  llvm_unreachable("all levels are listed");
}

/// Turns what LLVM reports while it lowers (an impossible inline asm, a stack frame
/// too large) into an error, where the default handler would end the process.
class DiagnosticCollector : public DiagnosticHandler {
public:
  explicit DiagnosticCollector(std::string &errors) : errors(errors) {}
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() != DS_Error)
      return true;
    std::string text;
    raw_string_ostream stream(text);
    DiagnosticPrinterRawOStream printer(stream);
    info.print(printer);
    // Further lines quote the source, which the user has never seen.
    errors += (errors.empty() ? "" : "; ") + StringRef(text).split('\n').first.str();
    return true;
  }

private:
  std::string &errors;
};

Error emit(Module &module, TargetMachine &machine, raw_pwrite_stream &out, CodeGenFileType type) {
  std::string errors;
  LLVMContext &context = module.getContext();
  std::unique_ptr<DiagnosticHandler> outer = context.getDiagnosticHandler();
  context.setDiagnosticHandler(std::make_unique<DiagnosticCollector>(errors));
  legacy::PassManager passes;
  bool unable = machine.addPassesToEmitFile(passes, out, nullptr, type);
  if (!unable)
    passes.run(module);
  context.setDiagnosticHandler(std::move(outer));
  if (unable)
    return createStringError("LLVM's " + machine.getTargetTriple().str() +
                             " back end cannot write this kind of file");
  if (!errors.empty())
    return createStringError("code generation failed: " + errors);
  return Error::success();
}

/// What LLVM may turn code into calls of: no more than an artefact may call.
TargetLibraryInfoImpl allowedFunctions(const Triple &triple) {
  TargetLibraryInfoImpl info(triple);
  info.disableAllFunctions();
  for (const std::string &name : allowedSymbols()) {
    LibFunc function;
    if (info.getLibFunc(name, function))
      info.setAvailable(function);
  }
  return info;
}

unsigned partsOf(const Module &module) {
  unsigned instructions = module.getInstructionCount();
  return std::clamp(instructions / kInstructionsPerPart, 1u, kMaxParts);
}

/// A module in serial form, so that it can be read into another LLVMContext.
struct Part {
  SmallVector<char, 0> bitcode;
  std::optional<Expected<ObjectCode>> object;
};

Expected<std::unique_ptr<Module>> readModule(StringRef bitcode, LLVMContext &context) {
  return parseBitcodeFile(MemoryBufferRef(bitcode, "part"), context);
}

Expected<ObjectCode> compilePart(const Part &part, const TargetSpec &target,
                                 const CodeGenOptions &options) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> module =
      readModule(StringRef(part.bitcode.data(), part.bitcode.size()), context);
  if (!module)
    return module.takeError();
  std::unique_ptr<TargetMachine> machine = createTargetMachine(target, codeGenLevel(options.level));
  optimize(**module, *machine, options);
  return emitObject(**module, *machine);
}

Expected<ObjectCode> compileRuntime(StringRef bitcode, const TargetSpec &target) {
  LLVMContext context;
  Expected<std::unique_ptr<Module>> module = readModule(bitcode, context);
  if (!module)
    return module.takeError();
  std::unique_ptr<TargetMachine> machine = createTargetMachine(target, CodeGenOptLevel::Default);
  applyBaseline(**module, target);
  (*module)->setTargetTriple(target.triple);
  (*module)->setDataLayout(machine->createDataLayout());
  return emitObject(**module, *machine);
}

std::vector<Part> splitModule(Module &module) {
  std::vector<Part> parts;
  auto add = [&](const Module &part) {
    raw_svector_ostream out(parts.emplace_back().bitcode);
    WriteBitcodeToFile(part, out);
  };
  unsigned number = partsOf(module);
  if (number == 1)
    add(module);
  else
    SplitModule(
        module, number, [&](std::unique_ptr<Module> part) { add(*part); },
        /*PreserveLocals=*/false, /*RoundRobin=*/true);
  return parts;
}

} // namespace

void optimize(Module &module, TargetMachine &machine, const CodeGenOptions &options) {
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = options.vectorize;
  tuning.SLPVectorization = options.vectorize;
  PassBuilder builder(&machine, tuning);
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  functions.registerPass(
      [&] { return TargetLibraryAnalysis(allowedFunctions(machine.getTargetTriple())); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  OptimizationLevel level = pipelineLevel(options.level);
  ModulePassManager passes = level == OptimizationLevel::O0
                                 ? builder.buildO0DefaultPipeline(level)
                                 : builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, modules);
}

Expected<ObjectCode> emitObject(Module &module, TargetMachine &machine) {
  ObjectCode object;
  raw_svector_ostream stream(object);
  if (Error error = emitObject(module, machine, stream))
    return std::move(error);
  return object;
}

Error emitObject(Module &module, TargetMachine &machine, raw_pwrite_stream &out) {
  return emit(module, machine, out, CodeGenFileType::ObjectFile);
}

Error emitAssembly(Module &module, TargetMachine &machine, raw_pwrite_stream &out) {
  return emit(module, machine, out, CodeGenFileType::AssemblyFile);
}

Expected<std::vector<ObjectCode>> compileInParts(Module &module, ArrayRef<StringRef> runtime,
                                                 const TargetSpec &target,
                                                 const CodeGenOptions &options) {
  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(module, &stream))
    return createStringError("generated code is not valid LLVM IR: " + problem);

  std::vector<Part> parts = splitModule(module);
  std::vector<Part> runtimeParts(runtime.size());
  DefaultThreadPool pool(hardware_concurrency(options.threads));
  for (Part &part : parts)
    pool.async([&] { part.object.emplace(compilePart(part, target, options)); });
  for (auto [part, bitcode] : zip(runtimeParts, runtime))
    pool.async([&part, bitcode, &target] { part.object.emplace(compileRuntime(bitcode, target)); });
  pool.wait();
  move(runtimeParts, std::back_inserter(parts));

  std::vector<ObjectCode> objects;
  Error errors = Error::success();
  for (Part &part : parts)
    if (*part.object)
      objects.push_back(std::move(**part.object));
    else
      errors = joinErrors(std::move(errors), part.object->takeError());
  if (errors)
    return std::move(errors);
  return objects;
}

} // namespace strut::package
