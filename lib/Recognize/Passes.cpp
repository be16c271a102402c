//===- Passes.cpp - The pipeline of this room -----------------------------===//
#include "strut/Recognize/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace strut::recognize {
#define GEN_PASS_REGISTRATION
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {

void registerPasses() { registerRecognizePasses(); }

void buildPipeline(OpPassManager &manager) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createRecognizeLinear());
  functions.addPass(createRecognizeExperts());
  functions.addPass(createRecognizeMaps());
  functions.addPass(createRecognizePoolMixer());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}

} // namespace strut::recognize
