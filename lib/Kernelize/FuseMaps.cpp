//===- FuseMaps.cpp - Maps that feed a kernel -----------------------------===//
#include "FuseKernels.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// kernel(..., map(...), ...) = kernel(...) that computes the map on the way.
///
/// The map's body runs at every point of the consumer, so it must not run more
/// often than before: either the consumer reads each place once and nobody else
/// reads it, or the body costs no more than a load.
struct FuseMapIntoConsumer : OpInterfaceRewritePattern<kernel::KernelOpInterface> {
  FuseMapIntoConsumer(MLIRContext *context, FusionCounts &counts)
      : OpInterfaceRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::KernelOpInterface op,
                                PatternRewriter &rewriter) const override {
    for (unsigned i = 0; i < op.getKernelInputs().size(); ++i) {
      auto producer = op.getKernelInputs()[i].getDefiningOp<kernel::MapOp>();
      if (!producer || !fits(producer, op, i, rewriter))
        continue;
      fuse(producer, op, i, rewriter);
      ++counts.maps;
      return success();
    }
    return failure();
  }

  /// At most a conversion or a comparison.
  static bool isCheap(kernel::MapOp producer) {
    constexpr unsigned atMost = 1;
    return costOf(producer.getBody().front()) <= atMost;
  }

  static bool readsOnce(kernel::MapOp producer, kernel::KernelOpInterface op, unsigned input) {
    // Condition 1 of fuse-kernels.
    if (!producer->hasOneUse())
      return false;
    AffineMap map = op.getMaps()[input];
    // A row kernel runs its body once per step of the reduction.
    if (isa<kernel::RowsOp>(op.getOperation())) {
      unsigned combines = 0;
      op->walk([&](kernel::CombineOp) { ++combines; });
      constexpr unsigned fewOps = 4;
      if (combines > 1 && costOf(producer.getBody().front()) > fewOps)
        return false;
    }
    // Condition 1 of fuse-kernels.
    return map.isPermutation();
  }

  static bool fits(kernel::MapOp producer, kernel::KernelOpInterface op, unsigned input,
                   PatternRewriter &rewriter) {
    if (producer->getNumResults() != 1 || !producer.getMaps().back().isPermutation() ||
        producer->getBlock() != op->getBlock() || writesLoopState(op))
      return false;
    // The operands of the products have no body; scores and epilogues do.
    KernelEdit edit(rewriter, op);
    std::optional<BlockArgument> argument = edit.argument(input);
    if (!argument)
      return false;
    // Condition 5 of fuse-kernels.
    if (isa<NoneType>(argument->getType()))
      return false;
    // Condition 6 of fuse-kernels.
    if (fetches(producer) && !isa<kernel::MapOp, kernel::RowsOp>(op.getOperation()))
      return false;
    return keepsRuns(producer, op, input) &&
           (isCheap(producer) || readsOnce(producer, op, input) ||
            readByEpilogueOnce(producer, op, input)) &&
           keepsExtents(producer, op, input);
  }

  /// Runs that the map fetches stay runs: another map writes along the same dimension.
  static bool keepsRuns(kernel::MapOp producer, kernel::KernelOpInterface op, unsigned input) {
    std::optional<unsigned> run = fetchedRun(producer);
    AffineMap written = op.getMaps().back();
    if (!run || !isa<kernel::MapOp>(op.getOperation()) || written.getNumResults() == 0)
      return true;
    AffineMap toIterators =
        inversePermutation(producer.getMaps().back()).compose(op.getMaps()[input]);
    return toIterators.getResult(*run) == written.getResults().back();
  }

  /// What is computed from indices alone may be all that gives an extent.
  static bool keepsExtents(kernel::MapOp producer, kernel::KernelOpInterface op, unsigned input) {
    SmallVector<AffineMap> maps = op.getMaps(), own = producer.getMaps();
    AffineMap toIterators = inversePermutation(own.back()).compose(maps[input]);
    maps.erase(maps.begin() + input);
    for (AffineMap map : ArrayRef(own).drop_back())
      maps.push_back(map.compose(toIterators));
    return knowsExtents(op, maps);
  }

  /// An extra of a contraction is read once per element of the result.
  static bool readByEpilogueOnce(kernel::MapOp producer, kernel::KernelOpInterface op,
                                 unsigned input) {
    auto contract = dyn_cast<kernel::ContractOp>(op.getOperation());
    SmallVector<AffineMap> maps = op.getMaps();
    return contract &&
           // Condition 1 of fuse-kernels.
           producer->hasOneUse() && maps[input].isProjectedPermutation() &&
           maps[input].getNumResults() == maps.back().getNumResults();
  }

  static void fuse(kernel::MapOp producer, kernel::KernelOpInterface op, unsigned input,
                   PatternRewriter &rewriter) {
    KernelEdit edit(rewriter, op);
    AffineMap toIterators = inversePermutation(producer.getMaps().back()).compose(edit.map(input));
    OpBuilder builder = OpBuilder::atBlockBegin(&edit.body());
    Value value = edit.inlineMap(builder, producer, toIterators);
    edit.argument(input)->replaceAllUsesWith(value);
    edit.removeInput(input);
    edit.commit();
  }

  FusionCounts &counts;
};

/// Two inputs that read the same places are one.
struct MergeEqualInputs : OpInterfaceRewritePattern<kernel::KernelOpInterface> {
  explicit MergeEqualInputs(MLIRContext *context) : OpInterfaceRewritePattern(context) {}

  LogicalResult matchAndRewrite(kernel::KernelOpInterface op,
                                PatternRewriter &rewriter) const override {
    KernelEdit edit(rewriter, op);
    for (unsigned i = 0; i < edit.numInputs(); ++i) {
      std::optional<BlockArgument> first = edit.argument(i);
      for (unsigned j = i + 1; first && j < edit.numInputs(); ++j) {
        std::optional<BlockArgument> second = edit.argument(j);
        if (edit.input(i) != edit.input(j) ||
            // Condition 2 of fuse-kernels.
            edit.map(i) != edit.map(j) || first->getType() != second->getType())
          continue;
        second->replaceAllUsesWith(*first);
        edit.body().walk([&](kernel::FetchOp fetch) {
          if (fetch.getInput() == j)
            fetch.setInput(i);
        });
        edit.removeInput(j);
        edit.commit();
        return success();
      }
    }
    return failure();
  }
};

} // namespace

void addFuseMaps(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<FuseMapIntoConsumer>(patterns.getContext(), counts);
  patterns.add<MergeEqualInputs>(patterns.getContext());
}

} // namespace strut::kernelize
