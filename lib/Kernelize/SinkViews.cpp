//===- SinkViews.cpp - Pointwise code before the view that hides a kernel -===//
#include "Dims.h"
#include "FuseKernels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// map(collapse(x), y) = collapse(map(x, expand(y)))
///
/// The columns of a block-diagonal product are (block, column) until a view makes them one
/// dimension. Pointwise code that runs before the view can be the product's epilogue. Holds
/// because a view changes no element, and the map reads x where it writes.
struct SinkCollapse : OpRewritePattern<kernel::MapOp> {
  SinkCollapse(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::MapOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !op.getMaps().back().isIdentity() ||
        !op.getInits()[0].getDefiningOp<tensor::EmptyOp>() ||
        !op.getBody().getOps<kernel::IndexOp>().empty())
      return failure();
    SmallVector<AffineMap> maps = op.getMaps();
    for (auto [i, input] : llvm::enumerate(op.getInputs())) {
      auto view = input.getDefiningOp<tensor::CollapseShapeOp>();
      if (view && view->hasOneUse() && maps[i].isIdentity() &&
          isProduct(view.getSrc(), op->getBlock()))
        return sink(op, view, rewriter);
    }
    return failure();
  }

  /// A contraction's result, perhaps permuted, that nobody else reads.
  static bool isProduct(Value value, Block *block) {
    if (!value.hasOneUse())
      return false;
    auto move = value.getDefiningOp<kernel::MapOp>();
    if (move && asPureMove(move) && move.getInputs().size() == 1)
      return isProduct(move.getInputs()[0], block);
    auto product = value.getDefiningOp<kernel::ContractOp>();
    return product && product->getBlock() == block;
  }

  LogicalResult sink(kernel::MapOp op, tensor::CollapseShapeOp view,
                     PatternRewriter &rewriter) const {
    DimEnv env(rewriter);
    std::optional<SmallVector<Dim>> whole = env.ofTensor(view.getSrc()),
                                    joined = env.ofTensor(view.getResult());
    if (!whole || !joined)
      return failure();
    SmallVector<ReassociationIndices> groups = view.getReassociationIndices();
    unsigned rank = whole->size();
    // Per input: the extents and groups of its expanded form, and the new map.
    SmallVector<AffineMap> maps = op.getMaps(), wider;
    SmallVector<SmallVector<Dim>> shapes;
    SmallVector<SmallVector<ReassociationIndices>> splits;
    for (auto [i, input] : llvm::enumerate(op.getInputs())) {
      std::optional<SmallVector<Dim>> dims = env.ofTensor(input);
      if (!dims || (maps[i].getNumResults() == 0 && !dims->empty()))
        return failure();
      SmallVector<AffineExpr> read;
      shapes.emplace_back();
      splits.emplace_back();
      for (auto [expr, extent] : llvm::zip(maps[i].getResults(), *dims)) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim && !isa<AffineConstantExpr>(expr))
          return failure();
        splits.back().emplace_back();
        if (dim && extent != (*joined)[dim.getPosition()])
          return failure();
        if (!dim) {
          splits.back().back().push_back(read.size());
          shapes.back().push_back(extent);
          read.push_back(expr);
          continue;
        }
        for (int64_t d : groups[dim.getPosition()]) {
          splits.back().back().push_back(read.size());
          shapes.back().push_back((*whole)[d]);
          read.push_back(rewriter.getAffineDimExpr(d));
        }
      }
      wider.push_back(AffineMap::get(rank, 0, read, op.getContext()));
    }
    wider.push_back(rewriter.getMultiDimIdentityMap(rank));

    Location loc = op.getLoc();
    SmallVector<Value> inputs;
    for (auto [i, input] : llvm::enumerate(op.getInputs())) {
      auto type = cast<RankedTensorType>(input.getType());
      if (input == view.getResult())
        inputs.push_back(view.getSrc());
      else if (shapes[i].size() == size_t(type.getRank()))
        inputs.push_back(input);
      else
        inputs.push_back(tensor::ExpandShapeOp::create(
            rewriter, loc, DimEnv::type(shapes[i], type.getElementType()), input, splits[i],
            env.operands(shapes[i])));
    }
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Value init =
        tensor::EmptyOp::create(rewriter, loc, env.operands(*whole), type.getElementType());
    auto before = kernel::MapOp::create(rewriter, loc, init.getType(), inputs, init, Value(),
                                        rewriter.getAffineMapArrayAttr(wider));
    rewriter.inlineRegionBefore(op.getBody(), before.getBody(), before.getBody().end());
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, type, before->getResult(0), groups);
    ++counts.views;
    return success();
  }

  FusionCounts &counts;
};

} // namespace

void addSinkViews(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<SinkCollapse>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
