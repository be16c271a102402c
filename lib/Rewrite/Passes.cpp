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

void buildPipeline(OpPassManager &manager, const Options &options) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createHoistBroadcasts());
  // Before factors go into weights: one of 0 says that a term is none.
  functions.addPass(createSplitParts());
  functions.addPass(createSplitMaps({options.reducedPrecision}));
  functions.addPass(createMergeSums({options.reducedPrecision}));
  functions.addPass(createAbsorbSelections());
  functions.addPass(createAbsorbAffine({options.reducedPrecision, /*normalisations=*/false}));
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCollapseLinearBranches({options.reducedPrecision}));
  // Shortcuts and branches that came from hidden layers.
  functions.addPass(createMergeSums({options.reducedPrecision}));
  functions.addPass(createSplitGates());
  functions.addPass(createRemoveDeadChannels());
  functions.addPass(createStackNets({options.reducedPrecision}));
  // What stood behind sums of nets.
  functions.addPass(createAbsorbAffine({options.reducedPrecision, /*normalisations=*/false}));
  functions.addPass(createNarrowPrefixes());
  functions.addPass(createMergeConvolutions({options.reducedPrecision}));
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  // Last, for approximations are of the weights that are left.
  if (options.compress > 0)
    functions.addPass(createCompressLinear({options.compress}));
  if (options.machine.empty())
    return;
  manager.addPass(
      createChooseForms({options.machine, options.sizeBudget, options.reducedPrecision}));
  manager.addPass(createChooseExperts({options.machine}));
  // Orders of features that stood between factors stand beside their product now.
  manager.addNestedPass<func::FuncOp>(createAbsorbSelections());
  // Tables of numbers that are transforms, once nothing more is multiplied with them.
  manager.addPass(createFactorTransforms({options.machine}));
  manager.addNestedPass<func::FuncOp>(createChooseTransforms({options.machine}));
  // Last, for factors of a chain are none that are concatenated.
  manager.addPass(createConcatenateMaps({options.machine}));
}

} // namespace strut::rewrite
