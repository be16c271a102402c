//===- Harness.cpp - Runs kernels given as text ---------------------------===//
#include "Harness.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"
#include "strut/CPU/Passes.h"
#include "strut/Pipeline/Pipeline.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace strut::test {

static FailureOr<cpu::Launches> emit(cpu::Emitter &emitter, OpBuilder &b, Operation *op) {
  if (auto map = dyn_cast<kernel::MapOp>(op))
    return cpu::emitMap(emitter, b, map);
  return cpu::emitRows(emitter, b, cast<kernel::RowsOp>(op));
}

/// Replaces kernels by calls over all tasks, in two ranges.
static LogicalResult emitKernels(kernel::ProgramOp program, const cpu::Target &target) {
  cpu::Emitter emitter(program, target);
  SmallVector<Operation *> ops;
  program.walk([&](kernel::KernelOpInterface op) { ops.push_back(op); });
  for (Operation *op : ops) {
    OpBuilder b(op);
    FailureOr<cpu::Launches> launches = emit(emitter, b, op);
    if (failed(launches))
      return failure();
    for (cpu::Emitter::Launch &launch : *launches) {
      Value zero = arith::ConstantIndexOp::create(b, op->getLoc(), 0);
      Value two = arith::ConstantIndexOp::create(b, op->getLoc(), 2);
      Value half = arith::DivUIOp::create(b, op->getLoc(), launch.tasks, two);
      for (auto [begin, end] : {std::pair(half, launch.tasks), std::pair(zero, half)}) {
        SmallVector<Value> arguments(launch.arguments);
        arguments.append({begin, end});
        func::CallOp::create(b, op->getLoc(), launch.kernel, arguments);
      }
    }
    op->erase();
  }
  return verify(program);
}

static LogicalResult lower(ModuleOp module) {
  PassManager manager(module.getContext());
  cpu::buildPipeline(manager.nest<kernel::ProgramOp>());
  return manager.run(module);
}

static DialectRegistry &registry() {
  static DialectRegistry *all = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    auto *registry = new DialectRegistry;
    registerAllDialects(*registry);
    registerAllExtensions(*registry);
    registerAllToLLVMIRTranslations(*registry);
    registry->insert<kernel::KernelDialect, cpu::CPUDialect>();
    return registry;
  }();
  return *all;
}

static std::unique_ptr<MLIRContext> makeContext() {
  auto context = std::make_unique<MLIRContext>(registry(), MLIRContext::Threading::DISABLED);
  context
      ->loadDialect<affine::AffineDialect, cpu::CPUDialect, arith::ArithDialect, math::MathDialect,
                    memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  return context;
}

/// All of the module as the program of a target.
static kernel::ProgramOp makeProgram(ModuleOp module, const cpu::Target &target) {
  auto attribute = cpu::TargetAttr::get(module.getContext(), target.vectorBytes,
                                        target.vectorRegisters, target.fma);
  OpBuilder b(module.getContext());
  auto program = kernel::ProgramOp::create(b, module.getLoc(), "cpu", attribute);
  program.getBody().takeBody(module.getBodyRegion());
  module.getBodyRegion().emplaceBlock().push_back(program);
  return program;
}

/// Parses, emits and lowers; null and a failed test where that is impossible.
static OwningOpRef<ModuleOp> compile(MLIRContext &context, const std::string &source,
                                     const cpu::Target &target, int64_t &kernels) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module) {
    ADD_FAILURE() << "the kernels could not be parsed";
    return nullptr;
  }
  kernel::ProgramOp program = makeProgram(*module, target);
  if (failed(emitKernels(program, target))) {
    ADD_FAILURE() << "the kernels could not be emitted";
    return nullptr;
  }
  for (auto function : program.getOps<func::FuncOp>())
    if (function.getName() == "test")
      function->setAttr("llvm.emit_c_interface", UnitAttr::get(&context));
    else
      ++kernels;
  if (getenv("STRUT_TEST_DUMP"))
    module->dump();
  if (failed(lower(*module))) {
    ADD_FAILURE() << "the kernels could not be lowered";
    return nullptr;
  }
  return pipeline::takeProgram(program);
}

Program::Program(const std::string &source, const cpu::Target &target) : context(makeContext()) {
  OwningOpRef<ModuleOp> module = compile(*context, source, target, kernels);
  if (!module)
    return;
  auto machine = llvm::cantFail(
      llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost()).createTargetMachine());
  auto optimize = makeOptimizingTransformer(3, 0, machine.get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  options.enableObjectDump = true;
  // LLJIT must compile for the same machine as the optimiser saw.
  engine = llvm::cantFail(ExecutionEngine::create(*module, options, std::move(machine)));
  if (const char *file = getenv("STRUT_TEST_OBJECT"))
    engine->dumpToObjectFile(file);
}

void Program::call(std::vector<int64_t> &fields) {
  // Without the C interface a function takes the fields of its descriptors; the
  // packed form takes pointers to them.
  std::vector<void *> pointers;
  for (int64_t &field : fields)
    pointers.push_back(&field);
  ASSERT_TRUE(valid());
  ASSERT_FALSE(bool(engine->invokePacked("test", pointers)));
}

std::vector<std::string> undefinedSymbols(const std::string &source, const cpu::Target &target,
                                          const std::string &triple, const std::string &cpu) {
  std::unique_ptr<MLIRContext> context = makeContext();
  int64_t kernels = 0;
  OwningOpRef<ModuleOp> module = compile(*context, source, target, kernels);
  if (!module)
    return {"not compiled"};
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(*module, llvmContext);
  llvm::Triple parsed(triple);
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(parsed, error);
  if (!code || !backend)
    return {"no back end: " + error};
  std::unique_ptr<llvm::TargetMachine> machine(
      backend->createTargetMachine(parsed, cpu, "", {}, llvm::Reloc::PIC_));
  code->setTargetTriple(parsed);
  code->setDataLayout(machine->createDataLayout());
  llvm::cantFail(makeOptimizingTransformer(2, 0, machine.get())(code.get()));
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream os(buffer);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::ObjectFile))
    return {"no object files"};
  passes.run(*code);
  auto object = llvm::cantFail(
      llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(os.str(), "kernels.o")));
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef &symbol : object->symbols())
    if (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined)
      if (llvm::StringRef name = llvm::cantFail(symbol.getName()); !name.empty())
        names.push_back(name.str());
  return names;
}

} // namespace strut::test
