//===- HoistViews.cpp - Views before the permutations that they see -------===//
//
// view(permute(x)) = permute(view(x)), for views that join or split axes and for slices.
// Behind the view the permutation meets what reads it, and becomes its index maps.
//
//===----------------------------------------------------------------------===//
#include "Dims.h"
#include "FuseKernels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// A permutation of a tensor of its own, as a kernel.
struct Permutation {
  Value source;
  AffineMap read; ///< a place of the result to one of the source
};

std::optional<Permutation> permutationBehind(Value value) {
  auto move = value.getDefiningOp<kernel::MapOp>();
  if (!move || !asPureMove(move) || move.getInputs().size() != 1 ||
      !move.getInits()[0].getDefiningOp<tensor::EmptyOp>())
    return std::nullopt;
  SmallVector<AffineMap> maps = move.getMaps();
  if (!maps[0].isPermutation() || !maps[1].isIdentity() || maps[0].isIdentity())
    return std::nullopt;
  return Permutation{move.getInputs()[0], maps[0]};
}

/// `value`, a view of the source, read at `read` over `shape`.
Value moved(PatternRewriter &rewriter, DimEnv &env, Location loc, Value value, AffineMap read,
            ArrayRef<Dim> shape) {
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  Value init = tensor::EmptyOp::create(rewriter, loc, env.operands(shape), element);
  AffineMap identity = rewriter.getMultiDimIdentityMap(shape.size());
  auto move = kernel::MapOp::create(rewriter, loc, init.getType(), value, init, Value(),
                                    rewriter.getAffineMapArrayAttr({read, identity}));
  OpBuilder::InsertionGuard guard(rewriter);
  Block *block = rewriter.createBlock(&move.getBody());
  kernel::YieldOp::create(rewriter, loc, ValueRange(block->addArgument(element, loc)));
  return move->getResult(0);
}

/// Joined axes must lie side by side in the source, in their order; an axis of extent 1 lies
/// anywhere.
struct HoistCollapse : OpRewritePattern<tensor::CollapseShapeOp> {
  HoistCollapse(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  /// The group that each axis of the source belongs to. None where a group would be torn.
  static std::optional<SmallVector<unsigned>> groupsOf(tensor::CollapseShapeOp view,
                                                       AffineMap read) {
    constexpr unsigned none = -1;
    AffineMap sourceAxis = inversePermutation(read);
    ArrayRef<int64_t> extents = view.getSrcType().getShape();
    SmallVector<unsigned> owners(extents.size(), none);
    SmallVector<ReassociationIndices> groups = view.getReassociationIndices();
    for (auto [number, group] : llvm::enumerate(groups)) {
      bool isUnit = llvm::all_of(group, [&](int64_t axis) { return extents[axis] == 1; });
      int64_t last = -1;
      for (int64_t axis : group) {
        if (extents[axis] == 1 && !(isUnit && axis == group.front()))
          continue;
        int64_t place = sourceAxis.getDimPosition(axis);
        if (place < last)
          return std::nullopt;
        last = place;
        owners[place] = number;
      }
    }
    for (unsigned i = 1; i < owners.size(); ++i)
      if (owners[i] == none)
        owners[i] = owners[i - 1];
    for (unsigned i = owners.size() - 1; i-- > 0;)
      if (owners[i] == none)
        owners[i] = owners[i + 1];
    SmallVector<bool> seen(groups.size(), false);
    for (unsigned i = 0; i < owners.size(); ++i) {
      if (i > 0 && owners[i] == owners[i - 1])
        continue;
      if (owners[i] == none || seen[owners[i]])
        return std::nullopt;
      seen[owners[i]] = true;
    }
    return owners;
  }

  LogicalResult matchAndRewrite(tensor::CollapseShapeOp view,
                                PatternRewriter &rewriter) const override {
    std::optional<Permutation> before = permutationBehind(view.getSrc());
    auto owners = before && view.getResultType().getRank() > 0
                      ? groupsOf(view, before->read)
                      : std::optional<SmallVector<unsigned>>();
    DimEnv env(rewriter);
    std::optional<SmallVector<Dim>> seen =
        owners ? env.ofTensor(view.getResult()) : std::optional<SmallVector<Dim>>();
    if (!seen)
      return failure();
    SmallVector<ReassociationIndices> groups;
    SmallVector<Dim> extents;
    SmallVector<AffineExpr> read;
    for (auto [axis, owner] : llvm::enumerate(*owners)) {
      if (axis == 0 || owner != (*owners)[axis - 1]) {
        groups.emplace_back();
        extents.push_back((*seen)[owner]);
        read.push_back(rewriter.getAffineDimExpr(owner));
      }
      groups.back().push_back(axis);
    }
    Type element = view.getResultType().getElementType();
    Value inner = tensor::CollapseShapeOp::create(
        rewriter, view.getLoc(), DimEnv::type(extents, element), before->source, groups);
    AffineMap map = AffineMap::get(seen->size(), 0, read, view.getContext());
    rewriter.replaceOp(view, moved(rewriter, env, view.getLoc(), inner, map, *seen));
    ++counts.views;
    return success();
  }

  FusionCounts &counts;
};

struct HoistExpand : OpRewritePattern<tensor::ExpandShapeOp> {
  HoistExpand(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp view,
                                PatternRewriter &rewriter) const override {
    std::optional<Permutation> before = permutationBehind(view.getSrc());
    DimEnv env(rewriter);
    std::optional<SmallVector<Dim>> seen =
        before ? env.ofTensor(view.getResult()) : std::optional<SmallVector<Dim>>();
    if (!seen)
      return failure();
    SmallVector<ReassociationIndices> split = view.getReassociationIndices(), groups;
    SmallVector<Dim> extents;
    SmallVector<AffineExpr> read;
    for (AffineExpr place : before->read.getResults()) {
      groups.emplace_back();
      for (int64_t axis : split[cast<AffineDimExpr>(place).getPosition()]) {
        groups.back().push_back(extents.size());
        extents.push_back((*seen)[axis]);
        read.push_back(rewriter.getAffineDimExpr(axis));
      }
    }
    Type element = view.getResultType().getElementType();
    Value inner =
        tensor::ExpandShapeOp::create(rewriter, view.getLoc(), DimEnv::type(extents, element),
                                      before->source, groups, env.operands(extents));
    AffineMap map = AffineMap::get(seen->size(), 0, read, view.getContext());
    rewriter.replaceOp(view, moved(rewriter, env, view.getLoc(), inner, map, *seen));
    ++counts.views;
    return success();
  }

  FusionCounts &counts;
};

struct HoistSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  HoistSlice(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp slice,
                                PatternRewriter &rewriter) const override {
    std::optional<Permutation> before = permutationBehind(slice.getSource());
    // A slice may be what a kernel writes to.
    bool isRead = llvm::all_of(slice->getUses(), [](OpOperand &use) {
      auto user = dyn_cast<kernel::KernelOpInterface>(use.getOwner());
      return user ? use.getOperandNumber() < user.getKernelInputs().size()
                  : isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(use.getOwner());
    });
    DimEnv env(rewriter);
    std::optional<SmallVector<Dim>> seen = before && isRead && !slice.getDroppedDims().any()
                                               ? env.ofTensor(slice.getResult())
                                               : std::optional<SmallVector<Dim>>();
    if (!seen)
      return failure();
    auto permuted = [&](ArrayRef<OpFoldResult> values) {
      return applyPermutationMap(before->read, values);
    };
    Value inner = tensor::ExtractSliceOp::create(
        rewriter, slice.getLoc(), before->source, permuted(slice.getMixedOffsets()),
        permuted(slice.getMixedSizes()), permuted(slice.getMixedStrides()));
    rewriter.replaceOp(slice, moved(rewriter, env, slice.getLoc(), inner, before->read, *seen));
    ++counts.views;
    return success();
  }

  FusionCounts &counts;
};

} // namespace

void addHoistViews(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<HoistCollapse, HoistExpand, HoistSlice>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
