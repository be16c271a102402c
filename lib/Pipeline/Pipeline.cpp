//===- Pipeline.cpp - The road from a module to generated code ------------===//
#include "strut/Pipeline/Pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "strut/CPU/Passes.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Normalize/Passes.h"
#include "strut/Plan/Passes.h"
#include "strut/Recognize/Passes.h"

using namespace mlir;

namespace strut::pipeline {

bool hasNoLowering(onnx_ir::AnyOp op) { return kernelize::unsupportedReason(op).has_value(); }

void buildNormalizePipeline(OpPassManager &pm, bool foldConstants) {
  pm.addPass(normalize::createInferShapes());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (foldConstants)
    pm.addPass(normalize::createFoldConstants());
  pm.addNestedPass<func::FuncOp>(normalize::createLiftIdioms());
  // What no lowering takes falls to the function body of its schema.
  pm.addPass(normalize::createExpandFunctions(hasNoLowering));
  pm.addPass(normalize::createInferShapes());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildLayerPipeline(OpPassManager &pm) { recognize::buildPipeline(pm); }

void buildKernelPipeline(OpPassManager &pm) { kernelize::buildPipeline(pm); }

void buildPlanPipeline(OpPassManager &pm, const cpu::Target &target) {
  cpu::AssignLayoutsOptions layouts;
  layouts.vectorBytes = target.vectorBytes;
  layouts.vectorRegisters = target.vectorRegisters;
  pm.addPass(cpu::createAssignLayouts(layouts));
  plan::buildPipeline(pm);
}

void buildCPUPipeline(OpPassManager &pm, const cpu::Target &target) {
  cpu::buildPipeline(pm, target);
}

cpu::Target emitterTarget(const package::TargetSpec &target) {
  package::VectorUnit unit = package::vectorUnit(target);
  cpu::Target result;
  result.vectorBytes = unit.bytes;
  result.vectorRegisters = unit.registers;
  result.fma = unit.fma;
  return result;
}

} // namespace strut::pipeline
