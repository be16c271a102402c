//===- Harness.cpp - Runs kernels given as text ---------------------------===//
#include "Harness.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "strut/CPU/Emit.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace strut::test {

static FailureOr<cpu::Launches> emit(cpu::Emitter &emitter, OpBuilder &b, Operation *op) {
  if (auto map = dyn_cast<kernel::MapOp>(op))
    return cpu::emitMap(emitter, b, map);
  return cpu::emitRows(emitter, b, cast<kernel::RowsOp>(op));
}

/// Replaces kernels by calls over all tasks, in two ranges.
static LogicalResult emitKernels(ModuleOp module, const cpu::Target &target) {
  cpu::Emitter emitter(module, target);
  SmallVector<Operation *> ops;
  module.walk([&](kernel::KernelOpInterface op) { ops.push_back(op); });
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
  return verify(module);
}

static LogicalResult lower(ModuleOp module) {
  PassManager manager(module.getContext());
  const char *pipeline = "canonicalize,cse,convert-scf-to-cf,expand-strided-metadata,lower-affine,"
                         "convert-vector-to-llvm,convert-math-to-llvm,finalize-memref-to-llvm,"
                         "arith-expand,convert-arith-to-"
                         "llvm,convert-index-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,"
                         "convert-ub-to-llvm,reconcile-unrealized-casts,canonicalize,cse";
  if (failed(parsePassPipeline(pipeline, manager)))
    return failure();
  return manager.run(module);
}

static DialectRegistry &registry() {
  static DialectRegistry *all = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto *registry = new DialectRegistry;
    registerAllDialects(*registry);
    registerAllExtensions(*registry);
    registerAllToLLVMIRTranslations(*registry);
    registerAllPasses();
    registry->insert<kernel::KernelDialect>();
    return registry;
  }();
  return *all;
}

Program::Program(const std::string &source, const cpu::Target &target)
    : context(std::make_unique<MLIRContext>(registry(), MLIRContext::Threading::DISABLED)) {
  context->loadDialect<affine::AffineDialect, arith::ArithDialect, math::MathDialect,
                       memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, context.get());
  if (!module || failed(emitKernels(*module, target))) {
    ADD_FAILURE() << "the kernels could not be emitted";
    return;
  }
  for (auto function : module->getOps<func::FuncOp>())
    if (function.getName() == "test")
      function->setAttr("llvm.emit_c_interface", UnitAttr::get(context.get()));
    else
      ++kernels;
  if (getenv("STRUT_TEST_DUMP"))
    module->dump();
  if (failed(lower(*module))) {
    ADD_FAILURE() << "the kernels could not be lowered";
    return;
  }
  auto machine = llvm::cantFail(
      llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost()).createTargetMachine());
  ExecutionEngineOptions options;
  auto optimize = makeOptimizingTransformer(3, 0, machine.get());
  options.transformer = optimize;
  options.enableObjectDump = true;
  engine = llvm::cantFail(ExecutionEngine::create(*module, options));
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

} // namespace strut::test
