//===- Passes.cpp - The pipeline of this room -----------------------------===//
#include "strut/Kernelize/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_REGISTRATION
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {

void registerPasses() { registerKernelizePasses(); }

void buildPipeline(OpPassManager &manager, const Options &options) {
  manager.addPass(createFormKernels());
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createCSEPass());
  if (options.fuse) {
    functions.addPass(createFuseKernels());
    functions.addPass(createCSEPass()); // extents of the same parts are the same
    functions.addPass(createPlaceParts());
  }
  if (options.collapseDimensions)
    functions.addPass(createCollapseDimensions());
  if (options.fuse) {
    functions.addPass(createCSEPass()); // views of the same rows are the same
    functions.addPass(createJoinContractions());
  }
  functions.addPass(createCSEPass());
  functions.addPass(createVerifyKernels());
}

} // namespace strut::kernelize
