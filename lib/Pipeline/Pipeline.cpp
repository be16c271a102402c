//===- Pipeline.cpp - The road from a module to generated code ------------===//
#include "strut/Pipeline/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "strut/GPU/Passes.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Normalize/Passes.h"
#include "strut/Plan/Passes.h"
#include "strut/Recognize/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace strut::pipeline {

bool hasNoLowering(onnx_ir::AnyOp op) { return kernelize::unsupportedReason(op).has_value(); }

void buildNormalizePipeline(OpPassManager &pm, bool foldConstants) {
  pm.addPass(normalize::createShareConstants());
  pm.addPass(normalize::createInferShapes());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(normalize::createFoldIntegers());
  pm.addPass(normalize::createInferShapes());
  pm.addPass(normalize::createExpandOperators());
  if (foldConstants)
    pm.addPass(normalize::createFoldConstants());
  pm.addNestedPass<func::FuncOp>(normalize::createLiftIdioms());
  if (foldConstants) // masks that were added one after the other
    pm.addPass(normalize::createFoldConstants());
  pm.addNestedPass<func::FuncOp>(normalize::createFoldChannelMasks());
  pm.addNestedPass<func::FuncOp>(normalize::createLiftScatter());
  // What no lowering takes falls to the function body of its schema.
  pm.addPass(normalize::createExpandFunctions(hasNoLowering));
  pm.addNestedPass<func::FuncOp>(normalize::createFoldIntegers());
  pm.addPass(normalize::createInferShapes());
  pm.addPass(normalize::createUnrollLoops());
  pm.addPass(normalize::createInferShapes());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildLayerPipeline(OpPassManager &pm, const rewrite::Options &options) {
  recognize::buildPipeline(pm);
  rewrite::buildPipeline(pm, options);
  pm.addNestedPass<func::FuncOp>(recognize::createNameNets());
}

void buildKernelPipeline(OpPassManager &pm) { kernelize::buildPipeline(pm); }

/// The name of the program for a target.
static std::string nameFor(StringRef kind, StringRef cpu) {
  std::string name = (kind + "_" + cpu).str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

std::string programFor(const package::TargetSpec &target) {
  std::string name = nameFor("cpu", target.cpu);
  package::VectorUnit unit = package::vectorUnit(target);
  return llvm::formatv("{0} = #cpu.target<vector_bytes = {1}, vector_registers = {2}, fma = {3}>",
                       name, unit.bytes, unit.registers, unit.fma ? "true" : "false");
}

std::string programForGpu(const package::TargetSpec &gpu, gpu::Precision precision) {
  return llvm::formatv("{0} = #cuda.target<{1}, precision = {2}>", nameFor("cuda", gpu.cpu),
                       gpu.cpu, gpu::stringifyPrecision(precision));
}

void buildPlanPipeline(OpPassManager &pm, ArrayRef<std::string> programs) {
  pm.addPass(plan::createFormPrograms({"{" + llvm::join(programs, ", ") + "}"}));
  OpPassManager &program = pm.nest<kernel::ProgramOp>();
  program.addPass(cpu::createAssignLayouts());
  program.addPass(gpu::createRoundFactors());
  program.addPass(gpu::createFormChains());
  program.addPass(gpu::createSplitSteps());
  plan::buildPipeline(program);
}

void buildCPUPipeline(OpPassManager &pm, const cpu::Options &options) {
  cpu::buildPipeline(pm.nest<kernel::ProgramOp>(), options);
}

void buildGPUPipeline(OpPassManager &pm) { gpu::buildPipeline(pm.nest<kernel::ProgramOp>()); }

bool isForGpu(kernel::ProgramOp program) { return isa<gpu::TargetAttr>(program.getTarget()); }

kernel::ProgramOp getProgram(ModuleOp module) {
  return *module.getOps<kernel::ProgramOp>().begin();
}

std::optional<SmallVector<int64_t>> foldBind(kernel::ProgramOp planned, ArrayRef<int64_t> dims) {
  Block &bind = planned.lookupSymbol<func::FuncOp>("main_bind").front();
  Builder b(planned.getContext());
  DenseMap<Value, Attribute> known;
  for (auto [argument, extent] : llvm::zip(bind.getArguments(), dims))
    known[argument] = b.getIndexAttr(extent);
  for (Operation &op : bind.without_terminator()) {
    SmallVector<Attribute> operands =
        llvm::map_to_vector(op.getOperands(), [&](Value v) { return known.lookup(v); });
    SmallVector<OpFoldResult> folded;
    if (failed(op.fold(operands, folded)) || folded.size() != op.getNumResults())
      return std::nullopt;
    for (auto [result, value] : llvm::zip(op.getResults(), folded))
      known[result] = isa<Value>(value) ? known.lookup(cast<Value>(value)) : cast<Attribute>(value);
  }
  SmallVector<int64_t> values;
  for (Value value : bind.getTerminator()->getOperands()) {
    auto number = dyn_cast_or_null<IntegerAttr>(known.lookup(value));
    if (!number)
      return std::nullopt;
    values.push_back(number.getInt());
  }
  return values;
}

OwningOpRef<ModuleOp> takeProgram(kernel::ProgramOp program) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(program.getLoc());
  module->getBodyRegion().takeBody(program.getBody());
  program.erase();
  return module;
}

OwningOpRef<ModuleOp> takeDeviceModule(kernel::ProgramOp program) {
  auto device = program.lookupSymbol<ModuleOp>(gpu::kDeviceModule);
  device->remove();
  return device;
}

} // namespace strut::pipeline
