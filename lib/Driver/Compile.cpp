//===- Compile.cpp - a model file to a native library ----------------------===//

#include "strut/Driver/Compile.h"
#include "Module.h"
#include "Pipeline.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "strut/Driver/Output.h"
#include "strut/Driver/Progress.h"
#include "strut/Driver/Register.h"
#include "strut/Import/Preflight.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Package/Ptx.h"
#include "strut/Pipeline/Pipeline.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <chrono>

using namespace llvm;
using namespace strut;
using namespace strut::driver;

/// Of a module written at the layer stage.
constexpr StringLiteral kLayerStage = "strut.layer_stage";

/// Writes a stage as text, or as bytecode where the name asks for it.
static Error writeStage(mlir::ModuleOp module, const std::string &path) {
  return writeFile(path.empty() ? "-" : path, [&](raw_pwrite_stream &stream) -> Error {
    if (!StringRef(path).ends_with(".mlirbc")) {
      module->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
      stream << "\n";
      return Error::success();
    }
    if (failed(mlir::writeBytecodeToFile(module, stream)))
      return createStringError("cannot write '" + path + "' as bytecode");
    return Error::success();
  });
}

namespace {

/// One call of compile().
class Compilation {
public:
  Compilation(const CompileOptions &options, raw_ostream &log) : options(options), log(log) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// Keeps what a crash has left in no state to be destroyed.
  ~Compilation() {
    if (!crashed)
      return;
    (void)module.release();
    (void)contextOwner.release();
  }

  Error run();

private:
  /// Runs passes; their diagnostics are the error.
  Error runPasses(StringRef stage, function_ref<void(mlir::OpPassManager &)> build);
  Error check();
  Error resolveGpu(package::TargetSpec &gpu);
  Error lower(const package::TargetSpec &target);
  Error finish(const package::TargetSpec &target);
  Error writePtx(const package::TargetSpec &gpu);
  void timed(StringRef stage, std::chrono::steady_clock::time_point start);
  Error pastStage() {
    return createStringError(options.input + " is past the stage that is asked for");
  }

  const CompileOptions &options;
  raw_ostream &log;
  Progress progress{log};
  std::unique_ptr<mlir::MLIRContext> contextOwner =
      std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
  mlir::MLIRContext &context = *contextOwner;
  bool crashed = false;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  package::ModelInfo model;
  package::ProgramInfo program;
  package::WeightPlan weights;
};

} // namespace

void Compilation::timed(StringRef stage, std::chrono::steady_clock::time_point start) {
  if (!options.timing)
    return;
  std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  log << formatv("{0,-12} {1,9:f1} ms\n", stage, spent.count());
}

Error Compilation::runPasses(StringRef stage, function_ref<void(mlir::OpPassManager &)> build) {
  progress.stage(stage);
  auto start = std::chrono::steady_clock::now();
  auto manager = std::make_unique<mlir::PassManager>(&context);
  build(*manager);
  PassesResult result = driver::runPasses(std::move(manager), *module, stage, options.crash, log);
  crashed = result.crashed;
  if (!result.error)
    timed(stage, start);
  return std::move(result.error);
}

/// The pre-flight report; an error if any node is unsupported.
Error Compilation::check() {
  PreflightReport report = preflight(*module, kernelize::unsupportedReason);
  if (options.checkOnly && options.json) {
    outs() << formatv("{0:2}\n", report.toJSON());
    if (!report.ok())
      return createStringError("the model has unsupported nodes");
    return Error::success();
  }
  if (report.ok()) {
    if (options.checkOnly)
      log << options.input << ": every node can be compiled\n";
    return Error::success();
  }
  std::string text;
  raw_string_ostream os(text);
  report.print(os);
  return createStringError(StringRef(text).rtrim());
}

/// Kernels on tensors to the LLVM dialect, noting what the packager must know.
Error Compilation::lower(const package::TargetSpec &target) {
  auto described = describeInterface(*module);
  if (!described)
    return described.takeError();
  model = std::move(*described);
  model.symbol = options.name;
  std::vector<KernelMetadata> kernels = describeWork(*module);
  if (Error error = runPasses(
          "plan", [&](auto &pm) { pipeline::buildPlanPipeline(pm, pipeline::programFor(target)); }))
    return error;
  program = completeInterface(pipeline::getProgram(*module), model);
  if (Error error = runPasses(
          "emit", [&](auto &pm) { pipeline::buildCPUPipeline(pm, {options.allowScalarLoops}); }))
    return error;
  nameScalarRegions(pipeline::getProgram(*module), kernels);
  model.metadata = writeMetadata(kernels);
  auto planned = pipeline::planWeights(pipeline::getProgram(*module));
  if (!planned)
    return planned.takeError();
  weights = std::move(*planned);
  module = pipeline::takeProgram(pipeline::getProgram(*module));
  return Error::success();
}

/// Kernels on tensors to PTX.
Error Compilation::writePtx(const package::TargetSpec &gpu) {
  if (Error error = runPasses(
          "plan", [&](auto &pm) { pipeline::buildPlanPipeline(pm, pipeline::programForGpu(gpu)); }))
    return error;
  if (Error error = runPasses("emit", pipeline::buildGPUPipeline))
    return error;
  progress.stage("generate code");
  auto device = pipeline::takeDeviceModule(pipeline::getProgram(*module));
  LLVMContext llvmContext;
  Diagnostics diagnostics(context);
  std::unique_ptr<Module> code = mlir::translateModuleToLLVMIR(*device, llvmContext, "strut");
  if (!code)
    return diagnostics.take("cannot translate to LLVM IR");
  package::optimizeForGpu(*code, gpu);
  auto ptx = package::emitPtx(*code, gpu);
  if (!ptx)
    return ptx.takeError();
  return writeFile(options.output.empty() ? "-" : options.output,
                   [&](raw_pwrite_stream &stream) -> Error {
                     stream << *ptx;
                     return Error::success();
                   });
}

/// LLVM dialect to what was asked for.
Error Compilation::finish(const package::TargetSpec &target) {
  progress.stage("generate code");
  LLVMContext llvmContext;
  Diagnostics diagnostics(context);
  std::unique_ptr<Module> code = mlir::translateModuleToLLVMIR(*module, llvmContext, "strut");
  if (!code)
    return diagnostics.take("cannot translate to LLVM IR");
  if (options.emit != CompileOptions::Artifact)
    package::applyTarget(*code, target);
  const std::string path = options.output.empty() ? "-" : options.output;
  if (options.emit == CompileOptions::Llvm)
    return writeFile(path, [&](raw_pwrite_stream &stream) -> Error {
      code->print(stream, nullptr);
      return Error::success();
    });
  package::CodeGenOptions codegen;
  codegen.threads = options.threads;
  if (options.emit == CompileOptions::Asm) {
    auto machine = package::createTargetMachine(target);
    package::optimize(*code, *machine, codegen);
    return writeFile(path, [&](raw_pwrite_stream &stream) {
      return package::emitAssembly(*code, *machine, stream);
    });
  }

  package::ArtifactRequest request;
  auto kind = package::artifactKind(options.output);
  if (!kind)
    return kind.takeError();
  request.kind = *kind;
  request.module = std::move(code);
  request.program = std::move(program);
  request.model = std::move(model);
  request.weights = std::move(weights);
  request.target = target;
  request.codegen = codegen;
  request.output = options.output;
  auto result = package::writeArtifact(std::move(request));
  if (!result)
    return result.takeError();
  if (options.timing)
    for (const auto &stage : result->stages)
      log << formatv("{0,-12} {1,9:f1} ms\n", stage.name, stage.seconds * 1e3);
  return Error::success();
}

/// The architecture that PTX is asked for, if it is.
Error Compilation::resolveGpu(package::TargetSpec &gpu) {
  bool ptx = options.emit == CompileOptions::Ptx;
  if (options.gpuArch.empty())
    return ptx ? createStringError("say which GPU the PTX is for: --gpu-arch sm_80 or later")
               : Error::success();
  if (!ptx)
    return createStringError("--gpu-arch needs --emit ptx: libraries have no GPU code yet");
  auto resolved = package::resolveGpuArch(options.gpuArch);
  if (!resolved)
    return resolved.takeError();
  gpu = std::move(*resolved);
  return Error::success();
}

Error Compilation::run() {
  auto target = package::resolveTarget(options.triple, options.cpu);
  if (!target)
    return target.takeError();
  if (!(options.compress >= 0 && options.compress < 1))
    return createStringError("the error that compression may make is a share of a weight: "
                             "at least 0 and less than 1");
  package::TargetSpec gpu;
  if (Error error = resolveGpu(gpu))
    return error;
  if (options.emit == CompileOptions::Artifact && !options.checkOnly)
    if (auto kind = package::artifactKind(options.output); !kind)
      return kind.takeError();

  progress.stage("import");
  auto start = std::chrono::steady_clock::now();
  auto read = readModule(options.input, context);
  if (!read)
    return read.takeError();
  module = std::move(*read);
  timed("import", start);
  if (Error error = fixDimensions(*module, options.dims))
    return error;
  if (Error error = aliasOutputs(*module, options.aliases))
    return error;
  // A layer stage is normal already, and normalising it again would fold what layers
  // are made of; unless its shapes have just changed.
  bool layers = (*module)->removeAttr(kLayerStage) != nullptr;
  if (options.emit == CompileOptions::MlirOnnx && !options.checkOnly) {
    if (layers || isKernelStage(*module))
      return pastStage();
    return writeStage(*module, options.output);
  }

  if (!isKernelStage(*module)) {
    if (!layers || !options.dims.empty())
      if (Error error =
              runPasses("normalize", [](auto &pm) { pipeline::buildNormalizePipeline(pm); }))
        return error;
    if (Error error = check())
      return error;
    if (options.checkOnly)
      return Error::success();
    if (options.compress > 0)
      reportRemarks(context, "compress-linear", log);
    if (Error error = runPasses(
            "recognize", [&](auto &pm) { pipeline::buildLayerPipeline(pm, {options.compress}); }))
      return error;
    if (options.emit == CompileOptions::MlirLayer) {
      (*module)->setAttr(kLayerStage, mlir::UnitAttr::get(&context));
      return writeStage(*module, options.output);
    }
    if (Error error = runPasses("kernelize", pipeline::buildKernelPipeline))
      return error;
  } else if (options.emit == CompileOptions::MlirLayer || options.checkOnly) {
    return pastStage();
  }
  if (options.emit == CompileOptions::MlirKernel)
    return writeStage(*module, options.output);
  if (options.emit == CompileOptions::Ptx)
    return writePtx(gpu);
  if (Error error = lower(*target))
    return error;
  return finish(*target);
}

Error strut::driver::compile(const CompileOptions &options, raw_ostream &log) {
  return Compilation(options, log).run();
}
