//===- FuseEpilogues.cpp - Maps that follow a kernel ----------------------===//
#include "FuseKernels.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// map(kernel(...), ...) = kernel(...) with the map as the end of its body.
///
/// Holds because every element of the kernel's result is read once, at the place
/// where the map writes: the map's input map is a permutation, and the result
/// has no other use. The other inputs of the map become inputs of the kernel.
struct FuseEpilogue : OpRewritePattern<kernel::MapOp> {
  FuseEpilogue(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::MapOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || writesLoopState(op))
      return failure();
    for (unsigned i = 0; i < op.getInputs().size(); ++i) {
      auto producer = op.getInputs()[i].getDefiningOp<kernel::KernelOpInterface>();
      if (producer && fits(producer, op, i)) {
        fuse(producer, op, i, rewriter);
        ++counts.epilogues;
        return success();
      }
    }
    return failure();
  }

  static bool fits(kernel::KernelOpInterface producer, kernel::MapOp op, unsigned input) {
    // Condition 4 of fuse-kernels.
    if (!isa<kernel::ContractOp, kernel::RowsOp>(producer.getOperation()))
      return false;
    // Condition 1 of fuse-kernels.
    if (!producer->hasOneUse())
      return false;
    if (producer->getNumResults() != 1 || producer->getBlock() != op->getBlock())
      return false;
    SmallVector<AffineMap> maps = op.getMaps();
    // Condition 5 of fuse-kernels.
    if (isa<NoneType>(op.getBody().front().getArgument(input).getType()))
      return false;
    // Condition 6 of fuse-kernels.
    if (fetches(op) && !isa<kernel::RowsOp>(producer.getOperation()))
      return false;
    // Condition 5 of fuse-kernels.
    if (!maps[input].isPermutation())
      return false;
    AffineMap init = producer.getMaps().back();
    if (!init.isProjectedPermutation())
      return false;
    AffineMap toIterators = inversePermutation(maps[input]).compose(init);
    if (!toIterators.isProjectedPermutation())
      return false;
    AffineMap written = maps.back().compose(toIterators);
    if (!written.isProjectedPermutation())
      return false;
    return !writesAlongLast(producer) || writesRuns(producer, written);
  }

  /// Whether the kernel writes vectors along the innermost dimension of its result, which
  /// must stay the innermost one: not so a row kernel of one result per row that reads along
  /// the row.
  static bool writesAlongLast(kernel::KernelOpInterface producer) {
    SmallVector<AffineMap> maps = producer.getMaps();
    if (maps.back().getNumResults() == 0)
      return false;
    auto last = dyn_cast<AffineDimExpr>(maps.back().getResults().back());
    auto rows = dyn_cast<kernel::RowsOp>(producer.getOperation());
    if (!rows || !last || last.getPosition() >= producer.getNumIterators() - rows.getAxes())
      return true;
    return llvm::any_of(ArrayRef(maps).drop_back(), [&](AffineMap map) {
      return map.getNumResults() > 0 && map.getResults().back() == last;
    });
  }

  static void fuse(kernel::KernelOpInterface producer, kernel::MapOp op, unsigned input,
                   PatternRewriter &rewriter) {
    // The other inputs of the map may be defined after the producer.
    Location loc = rewriter.getFusedLoc({producer.getLoc(), op.getLoc()});
    auto fused = cast<kernel::KernelOpInterface>(rewriter.clone(*producer));
    fused->setLoc(loc);
    SmallVector<AffineMap> maps = op.getMaps();
    KernelEdit edit(rewriter, fused);
    AffineMap toIterators = inversePermutation(maps[input]).compose(edit.initMaps[0]);
    Operation *yield = edit.body().getTerminator();
    OpBuilder builder(yield);
    Value result = edit.inlineMap(builder, op, toIterators, yield->getOperand(0), input);
    yield->setOperand(0, result);
    edit.initMaps[0] = maps.back().compose(toIterators);
    edit.inits[0] = op.getInits()[0];
    edit.commit();
    rewriter.replaceOp(op, fused);
    rewriter.eraseOp(producer);
  }

  FusionCounts &counts;
};

} // namespace

void addFuseEpilogues(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<FuseEpilogue>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
