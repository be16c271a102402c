//===- FuseKernels.cpp - Data movement and pointwise code into neighbours -===//
//
// Groups of rewrites, each to its fixed point, until none fires: moves first, because
// they bring producers and consumers together; epilogues before maps, because a
// contraction's result is best used while it is in registers; contractions and
// rows are turned when it shows who reads them.
//
//===----------------------------------------------------------------------===//
#include "FuseKernels.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Kernelize/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_FUSEKERNELS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {
namespace {

struct FuseKernelsPass : impl::FuseKernelsBase<FuseKernelsPass> {
  void runOnOperation() override {
    FusionCounts counts;
    constexpr unsigned rounds = 8;
    for (unsigned round = 0; round < rounds; ++round) {
      bool changed = false;
      for (auto add : {addHoistViews, addFoldMoves, addSinkViews, addFuseEpilogues, addFuseMaps,
                       addTurnContractions, addTurnRows}) {
        RewritePatternSet patterns(&getContext());
        add(patterns, counts);
        for (Dialect *dialect : getContext().getLoadedDialects())
          if (dialect->getNamespace() == "arith")
            dialect->getCanonicalizationPatterns(patterns);
        bool here = false;
        GreedyRewriteConfig config;
        // Constants stay in the bodies that use them.
        config.enableConstantCSE(false).setUseTopDownTraversal();
        if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config, &here)))
          break;
        changed |= here;
      }
      if (!changed)
        break;
    }
    numMoves += counts.moves;
    numPermutedInits += counts.permutedInits;
    numEpilogues += counts.epilogues;
    numMaps += counts.maps;
    numViews += counts.views;
    numTurned += counts.turned;
  }
};

} // namespace
} // namespace strut::kernelize
