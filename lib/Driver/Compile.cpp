//===- Compile.cpp - a model file to a native library ----------------------===//

#include "strut/Driver/Compile.h"
#include "DeviceCode.h"
#include "Module.h"
#include "Pipeline.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "strut/Cost/Machine.h"
#include "strut/Driver/Output.h"
#include "strut/Driver/Progress.h"
#include "strut/Driver/Register.h"
#include "strut/Emit/Host.h"
#include "strut/GPU/CUDA.h"
#include "strut/Import/Preflight.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Package/Ptx.h"
#include "strut/Pipeline/Pipeline.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/Internalize.h"
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
  /// A program in the LLVM dialect.
  struct Program {
    mlir::OwningOpRef<mlir::ModuleOp> host;
    mlir::OwningOpRef<mlir::ModuleOp> device; ///< the kernels of a GPU's program
    const package::TargetSpec *gpu = nullptr; ///< that GPU
    package::ProgramInfo info;
  };

  /// Runs passes; their diagnostics are the error.
  Error runPasses(StringRef stage, function_ref<void(mlir::OpPassManager &)> build);
  Error check();
  Error resolveTargets();
  Error resolveRewrites(rewrite::Options &rewrites);
  Expected<SmallVector<kernel::ProgramOp>> formPrograms();
  Error lower();
  Error emitEach(ArrayRef<kernel::ProgramOp> formed);
  Expected<std::unique_ptr<Module>> translate(mlir::ModuleOp code);
  Expected<std::unique_ptr<Module>> deviceCode(Program &program);
  Expected<std::unique_ptr<Module>> hostCode();
  Error writeDeviceCode(Program &program);
  Error writeHostCode();
  Error finish();
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
  LLVMContext llvmContext;
  package::TargetSpec host;
  GpuTargets gpus;
  std::vector<Program> programs;
  package::WeightPlan weights;
  std::string machineName;
};

} // namespace

/// Whether only kernels for a GPU are asked for.
static bool isForGpusAlone(const CompileOptions &options) {
  return options.noCpu || options.emit == CompileOptions::Ptx ||
         options.emit == CompileOptions::Cubin || options.emit == CompileOptions::MlirGpu;
}

std::string strut::driver::machineFor(const CompileOptions &options,
                                      const package::TargetSpec &target) {
  if (!options.machine.empty())
    return options.machine;
  if (isForGpusAlone(options)) {
    auto gpus = resolveGpus(options);
    if (gpus && !gpus->archs.empty())
      return cost::machineForGpu(package::computeCapability(gpus->archs.front())).name;
    if (!gpus)
      consumeError(gpus.takeError()); // which compile() tells
  }
  bool isNative = target.isHostArchitecture() && (options.cpu.empty() || options.cpu == "native");
  std::string measured = cost::calibratedFile();
  if (isNative && !measured.empty() && sys::fs::exists(measured))
    return measured;
  return cost::machineForCpu(target.cpu, package::vectorUnit(target).bytes).name;
}

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

/// Kernels on tensors to a program for each target, those for GPUs first: a session tries them
/// in this order.
Expected<SmallVector<kernel::ProgramOp>> Compilation::formPrograms() {
  std::vector<std::string> wanted;
  // What is written of kernels is written of the first architecture.
  for (const package::TargetSpec &gpu : gpus.archs)
    if (options.emit == CompileOptions::Artifact || wanted.empty())
      wanted.push_back(pipeline::programForGpu(gpu, gpus.precision));
  if (!isForGpusAlone(options))
    wanted.push_back(pipeline::programFor(host));
  if (Error error = runPasses("plan", [&](auto &pm) { pipeline::buildPlanPipeline(pm, wanted); }))
    return std::move(error);
  SmallVector<kernel::ProgramOp> formed(module->getOps<kernel::ProgramOp>());
  std::partition(formed.begin(), formed.end(), pipeline::isForGpu);
  if (Error error = emitEach(formed))
    return std::move(error);
  return formed;
}

/// What the runtime must know of a kernel function.
static package::ProgramInfo::Kernel kernelOf(mlir::ModuleOp device, StringRef name) {
  mlir::Operation *function = device.lookupSymbol(name);
  auto number = [&](StringRef attribute) -> uint32_t {
    auto found = function->getAttrOfType<mlir::IntegerAttr>(attribute);
    return found ? uint32_t(found.getInt()) : 0;
  };
  return {name.str(), number(gpu::kSharedAttr), number(gpu::kTensorMapsAttr),
          number(gpu::kResidentAttr)};
}

/// Kernels on tensors to the LLVM dialect, noting what the packager must know.
Error Compilation::lower() {
  auto described = describeInterface(*module);
  if (!described)
    return described.takeError();
  model = std::move(*described);
  model.symbol = options.name;
  std::vector<KernelMetadata> kernels = describeWork(*module);
  auto formed = formPrograms();
  if (!formed)
    return formed.takeError();
  if (options.emit == CompileOptions::MlirGpu)
    return Error::success();
  // Programs that read the same weights in the same layouts share them.
  DenseMap<mlir::Attribute, uint64_t> begins;
  for (auto [program, lowered] : zip(*formed, programs)) {
    if (!pipeline::isForGpu(program))
      nameScalarRegions(program, kernels);
    auto [place, isNew] = begins.try_emplace(program->getAttr(emit::kWeightsAttr), 0);
    if (isNew) {
      auto begin = pipeline::addWeights(program, weights);
      if (!begin)
        return begin.takeError();
      place->second = *begin;
    }
    lowered.info.weightsBegin = place->second;
    lowered.info.weightsUsed = pipeline::weightBytesOf(program);
  }
  model.metadata = writeMetadata(kernels, machineName);
  for (auto [program, lowered] : zip(*formed, programs)) {
    if (auto target = mlir::dyn_cast<gpu::TargetAttr>(program.getTarget())) {
      auto names = program->getAttrOfType<mlir::ArrayAttr>(gpu::kKernelsAttr);
      lowered.device = pipeline::takeDeviceModule(program);
      for (auto name : names.getAsValueRange<mlir::StringAttr>())
        lowered.info.kernels.push_back(kernelOf(*lowered.device, name));
      lowered.gpu =
          &*find_if(gpus.archs, [&](const auto &gpu) { return gpu.cpu == target.getArch(); });
    }
    lowered.host = pipeline::takeProgram(program);
  }
  return Error::success();
}

/// Runs each program through its back end, the others set aside.
Error Compilation::emitEach(ArrayRef<kernel::ProgramOp> formed) {
  for (kernel::ProgramOp program : formed) {
    programs.push_back({{}, {}, nullptr, completeInterface(program, model)});
    program->remove();
  }
  Error failed = Error::success();
  for (kernel::ProgramOp program : formed) {
    module->push_back(program);
    if (!failed)
      failed = runPasses("emit", [&](auto &pm) {
        if (pipeline::isForGpu(program))
          pipeline::buildGPUPipeline(pm);
        else
          pipeline::buildCPUPipeline(pm, {options.allowScalarLoops});
      });
    if (!crashed && program != formed.back())
      program->remove();
  }
  if (!crashed)
    for (kernel::ProgramOp program : formed)
      if (!program->getBlock())
        module->push_back(program);
  return failed;
}

Expected<std::unique_ptr<Module>> Compilation::translate(mlir::ModuleOp code) {
  Diagnostics diagnostics(context);
  std::unique_ptr<Module> translated = mlir::translateModuleToLLVMIR(code, llvmContext, "strut");
  if (!translated)
    return diagnostics.take("cannot translate to LLVM IR");
  return translated;
}

/// A program's kernels, optimised for the GPU.
Expected<std::unique_ptr<Module>> Compilation::deviceCode(Program &program) {
  auto code = translate(*program.device);
  if (code)
    package::optimizeForGpu(**code, *program.gpu);
  return code;
}

/// The host functions of all programs in one module.
Expected<std::unique_ptr<Module>> Compilation::hostCode() {
  std::unique_ptr<Module> whole;
  for (auto [number, program] : enumerate(programs)) {
    auto code = translate(*program.host);
    if (!code)
      return code.takeError();
    for (std::string *name : {&program.info.bind, &program.info.run}) {
      Function *entry = (*code)->getFunction(*name);
      *name += "_" + std::to_string(number);
      entry->setName(*name);
    }
    // Each program has a @main of its own.
    internalizeModule(**code, [&](const GlobalValue &value) {
      return value.getName() == program.info.bind || value.getName() == program.info.run;
    });
    if (!whole)
      whole = std::move(*code);
    else if (Linker::linkModules(*whole, std::move(*code)))
      return createStringError("cannot join the programs of CPU and GPU");
  }
  return whole;
}

static Error writeText(const std::string &path, function_ref<void(raw_ostream &)> write) {
  return writeFile(path.empty() ? "-" : path, [&](raw_pwrite_stream &stream) -> Error {
    write(stream);
    return Error::success();
  });
}

/// The kernels of a GPU's program as PTX, LLVM IR or machine code.
Error Compilation::writeDeviceCode(Program &program) {
  auto code = deviceCode(program);
  if (!code)
    return code.takeError();
  if (options.emit == CompileOptions::Llvm)
    return writeText(options.output, [&](raw_ostream &stream) { (*code)->print(stream, nullptr); });
  auto text = package::emitPtx(**code, *program.gpu);
  if (text && options.emit == CompileOptions::Cubin)
    text = DeviceCode(gpus, host, log).cubin(*text, *program.gpu);
  if (!text)
    return text.takeError();
  return writeText(options.output, [&](raw_ostream &stream) { stream << *text; });
}

/// The code of the host as text.
Error Compilation::writeHostCode() {
  auto code = translate(*programs.back().host);
  if (!code)
    return code.takeError();
  package::applyTarget(**code, host);
  if (options.emit == CompileOptions::Llvm)
    return writeText(options.output, [&](raw_ostream &stream) { (*code)->print(stream, nullptr); });
  auto machine = package::createTargetMachine(host);
  package::optimize(**code, *machine, {});
  return writeFile(options.output.empty() ? "-" : options.output, [&](raw_pwrite_stream &stream) {
    return package::emitAssembly(**code, *machine, stream);
  });
}

/// LLVM dialect to what was asked for.
Error Compilation::finish() {
  progress.stage("generate code");
  if (options.emit == CompileOptions::MlirGpu)
    return writeStage(*module, options.output);
  if (options.emit != CompileOptions::Artifact && isForGpusAlone(options))
    return writeDeviceCode(programs.front());
  if (options.emit != CompileOptions::Artifact)
    return writeHostCode();

  package::ArtifactRequest request;
  auto kind = package::artifactKind(options.output);
  if (!kind)
    return kind.takeError();
  request.kind = *kind;
  DeviceCode maker(gpus, host, log);
  for (Program &program : programs) {
    if (!program.device)
      continue;
    auto kernels = deviceCode(program);
    if (!kernels)
      return kernels.takeError();
    auto images = maker.images(std::move(*kernels), *program.gpu);
    if (!images)
      return images.takeError();
    program.info.images = std::move(*images);
  }
  auto code = hostCode();
  if (!code)
    return code.takeError();
  request.module = std::move(*code);
  for (Program &program : programs)
    request.programs.push_back(std::move(program.info));
  request.model = std::move(model);
  request.weights = std::move(weights);
  request.target = host;
  request.codegen.threads = options.threads;
  request.output = options.output;
  auto result = package::writeArtifact(std::move(request));
  if (!result)
    return result.takeError();
  if (options.timing)
    for (const auto &stage : result->stages)
      log << formatv("{0,-12} {1,9:f1} ms\n", stage.name, stage.seconds * 1e3);
  return Error::success();
}

/// The machines that are asked for, each resolved.
Error Compilation::resolveTargets() {
  auto resolved = package::resolveTarget(options.triple, options.cpu);
  if (!resolved)
    return resolved.takeError();
  host = std::move(*resolved);
  auto resolvedGpus = resolveGpus(options);
  if (!resolvedGpus)
    return resolvedGpus.takeError();
  gpus = std::move(*resolvedGpus);
  return Error::success();
}

/// What rewrites are told; a machine or budget that makes no sense is said at once, and
/// not by a pass.
Error Compilation::resolveRewrites(rewrite::Options &rewrites) {
  rewrites.compress = options.compress;
  rewrites.reducedPrecision = options.reducedPrecision;
  rewrites.machine = machineFor(options, host);
  if (!options.sizeBudget.empty())
    rewrites.sizeBudget = options.sizeBudget;
  auto described = cost::readMachine(rewrites.machine);
  if (!described)
    return described.takeError();
  machineName = described->name;
  return rewrite::parseSizeBudget(rewrites.sizeBudget, 0).takeError();
}

Error Compilation::run() {
  if (Error error = resolveTargets())
    return error;
  if (!(options.compress >= 0 && options.compress < 1))
    return createStringError("the error that compression may make is a share of a weight: "
                             "at least 0 and less than 1");
  rewrite::Options rewriteOptions;
  if (Error error = resolveRewrites(rewriteOptions))
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
            "recognize", [&](auto &pm) { pipeline::buildLayerPipeline(pm, rewriteOptions); }))
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
  if (Error error = lower())
    return error;
  return finish();
}

Error strut::driver::compile(const CompileOptions &options, raw_ostream &log) {
  return Compilation(options, log).run();
}
