//===- Passes.cpp - The pipeline of this room -----------------------------===//
#include "strut/Rewrite/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_REGISTRATION
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {

void registerPasses() { registerRewritePasses(); }

void buildPipeline(OpPassManager &manager) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createMergeConvolutions());
  functions.addPass(createCanonicalizerPass());
}

} // namespace strut::rewrite
