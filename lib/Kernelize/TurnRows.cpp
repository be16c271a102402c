//===- TurnRows.cpp - Results of rows that lie as what they read ----------===//
#include "FuseKernels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// rows(x) = permute(rows'(x)), where rows' writes its result as x lies
///
/// A norm over all of an image, exported as one of its places, writes them channels first while
/// the image lies channels last. A contraction over the channels then finds the terms of a sum
/// as far from each other as the image is large, and the norm itself has either to gather or to
/// scatter. Equal bits but for the order in which a row is summed.
///
/// A result is turned where contractions alone read it, as their lhs, of which the innermost axis
/// becomes a dimension they sum over.
struct TurnRows : OpRewritePattern<kernel::RowsOp> {
  TurnRows(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  /// The order in which all inputs lie that are as large as the result, as a map from iteration
  /// dimensions; null where they differ or there are none.
  static AffineMap orderOfInputs(kernel::RowsOp op) {
    SmallVector<AffineMap> maps = op.getMaps();
    AffineMap order;
    for (AffineMap read : ArrayRef(maps).drop_back()) {
      if (read.getNumResults() < maps.back().getNumResults())
        continue;
      if (!read.isPermutation() || (order && order != read))
        return {};
      order = read;
    }
    return order;
  }

  /// Whether a contraction reads `value` as its lhs and sums over `axis`.
  static bool sumsOver(OpOperand &use, int64_t axis) {
    if (auto view = dyn_cast<tensor::CollapseShapeOp>(use.getOwner())) {
      ArrayRef<int64_t> extents = view.getSrcType().getShape();
      for (auto [joined, group] : llvm::enumerate(view.getReassociationIndices())) {
        if (!llvm::is_contained(group, axis))
          continue;
        auto isLong = [&](int64_t other) { return extents[other] != 1; };
        return llvm::count_if(group, isLong) <= 1 &&
               llvm::all_of(view->getUses(),
                            [&](OpOperand &next) { return sumsOver(next, joined); });
      }
    }
    auto product = dyn_cast<kernel::ContractOp>(use.getOwner());
    if (!product || product.getNumProducts() != 1 || use.getOperandNumber() != 0)
      return false;
    SmallVector<AffineMap> maps = product.getMaps();
    auto dim = dyn_cast<AffineDimExpr>(maps[0].getResult(axis));
    return dim && !maps.back().isFunctionOfDim(dim.getPosition());
  }

  LogicalResult matchAndRewrite(kernel::RowsOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || writesLoopState(op) || op->use_empty())
      return failure();
    auto init = op.getInits()[0].getDefiningOp<tensor::EmptyOp>();
    AffineMap written = op.getMaps().back(), order = orderOfInputs(op);
    if (!init || !order || !written.isPermutation() ||
        order.getResults().back() == written.getResults().back())
      return failure();
    int64_t axis = *written.getResultPosition(order.getResults().back());
    if (init.getType().getDimSize(axis) == 1 ||
        !llvm::all_of(op->getUses(), [&](OpOperand &use) { return sumsOver(use, axis); }))
      return failure();
    rewriter.replaceOp(op, writeInOrder(rewriter, op, order.compose(inversePermutation(written))));
    ++counts.turned;
    return success();
  }

  FusionCounts &counts;
};

} // namespace

void addTurnRows(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<TurnRows>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
