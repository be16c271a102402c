//===- CollapseDimensions.cpp - Merge neighbouring iteration dimensions ---===//
#include "Dims.h"
#include "KernelEdit.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Kernelize/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_COLLAPSEDIMENSIONS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {
namespace {

/// Where a map has the dimensions d and d + 1 side by side.
struct Place {
  enum Kind { Absent, Adjacent, Other } kind;
  unsigned result = 0;
};

Place placeOf(AffineMap map, unsigned d) {
  bool first = map.isFunctionOfDim(d), second = map.isFunctionOfDim(d + 1);
  if (!first && !second)
    return {Place::Absent};
  MLIRContext *context = map.getContext();
  AffineExpr left = getAffineDimExpr(d, context), right = getAffineDimExpr(d + 1, context);
  ArrayRef<AffineExpr> results = map.getResults();
  const AffineExpr *at = llvm::find(results, left);
  if (at == results.end() || at + 1 == results.end() || *(at + 1) != right)
    return {Place::Other};
  unsigned r = at - results.begin();
  for (auto [i, result] : llvm::enumerate(results))
    if (i != r && i != r + 1 && (result.isFunctionOfDim(d) || result.isFunctionOfDim(d + 1)))
      return {Place::Other};
  return {Place::Adjacent, r};
}

/// The map over one dimension fewer, d standing for the product of d and d + 1.
AffineMap merge(AffineMap map, unsigned d, const Place &place) {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> replacements;
  for (unsigned i = 0; i < map.getNumDims(); ++i)
    replacements.push_back(getAffineDimExpr(i > d ? i - 1 : i, context));
  SmallVector<AffineExpr> results;
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    if (place.kind != Place::Adjacent || i != place.result + 1)
      results.push_back(result.replaceDims(replacements));
  return AffineMap::get(map.getNumDims() - 1, 0, results, context);
}

SmallVector<ReassociationIndices> groupsMerging(unsigned rank, unsigned r) {
  SmallVector<ReassociationIndices> groups;
  for (unsigned i = 0; i < rank; ++i) {
    if (i == r + 1)
      groups.back().push_back(i);
    else
      groups.push_back({int64_t(i)});
  }
  return groups;
}

/// The iteration dimensions that mean the same to this op, up to the next border.
bool isBorder(kernel::KernelOpInterface op, unsigned d) {
  unsigned n = op.getNumIterators();
  if (auto rows = dyn_cast<kernel::RowsOp>(op.getOperation())) {
    if (d + 1 == n - rows.getAxes())
      return true;
    auto extents = rows.getExtents();
    return extents && ((*extents)[d] != -1 || (*extents)[d + 1] != -1);
  }
  if (isa<kernel::AttentionOp>(op.getOperation()))
    return d + 1 >= n - 4;
  if (isa<kernel::GroupedOp>(op.getOperation()))
    return true;
  return false;
}

/// Slices have gaps, and so has what a kernel writes into one and may what comes out of a choice
/// between forms.
bool isContiguous(Value value) {
  if (auto writer = value.getDefiningOp<kernel::KernelOpInterface>())
    value = writer.getKernelInits()[cast<OpResult>(value).getResultNumber()];
  return !value.getDefiningOp<tensor::ExtractSliceOp>() &&
         !isa_and_present<scf::IndexSwitchOp, scf::IfOp>(value.getDefiningOp());
}

struct MergeDimensions : OpInterfaceRewritePattern<kernel::KernelOpInterface> {
  MergeDimensions(MLIRContext *context, unsigned &count)
      : OpInterfaceRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(kernel::KernelOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || op.getKernelInits().size() != 1)
      return failure();
    for (unsigned d = 0; d + 1 < op.getNumIterators(); ++d)
      if (fits(op, d)) {
        apply(op, d, rewriter);
        ++count;
        return success();
      }
    return failure();
  }

  static bool fits(kernel::KernelOpInterface op, unsigned d) {
    if (isBorder(op, d))
      return false;
    WalkResult indexed = op->walk([&](kernel::IndexOp index) {
      return index.getDim() == d || index.getDim() == d + 1 ? WalkResult::interrupt()
                                                            : WalkResult::advance();
    });
    if (indexed.wasInterrupted())
      return false;
    SmallVector<AffineMap> maps = op.getMaps();
    DimEnv env{OpBuilder(op)};
    std::optional<std::pair<Dim, Dim>> extents;
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      Place place = placeOf(maps[i], d);
      if (place.kind == Place::Other)
        return false;
      if (place.kind == Place::Absent)
        continue;
      bool isInit = i >= op.getKernelInputs().size();
      if (isInit ? !operand.getDefiningOp<tensor::EmptyOp>() : !isContiguous(operand))
        return false;
      // A weight keeps the shape that it is packed in.
      auto contract = dyn_cast<kernel::ContractOp>(op.getOperation());
      if (contract && i < contract.getNumFactors() && i % 2 == 1 &&
          operand.getDefiningOp<kernel::UseOp>())
        return false;
      auto dims = isa<RankedTensorType>(operand.getType()) ? env.ofTensor(operand) : std::nullopt;
      if (!dims)
        return false;
      // An operand that is longer than the iteration is no row of pairs.
      std::pair pair((*dims)[place.result], (*dims)[place.result + 1]);
      if (extents && *extents != pair)
        return false;
      // 0 times an open extent is known, which views may not change.
      if (pair.first.is(0) || pair.second.is(0))
        return false;
      extents = pair;
    }
    return placeOf(maps.back(), d).kind == Place::Adjacent ||
           llvm::any_of(ArrayRef(maps).drop_back(),
                        [&](AffineMap map) { return placeOf(map, d).kind == Place::Adjacent; });
  }

  static void apply(kernel::KernelOpInterface op, unsigned d, PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    DimEnv env(rewriter);
    KernelEdit edit(rewriter, op);
    for (unsigned i = 0; i < edit.numInputs(); ++i) {
      Place place = placeOf(edit.map(i), d);
      edit.map(i) = merge(edit.map(i), d, place);
      if (place.kind == Place::Absent)
        continue;
      SmallVector<Dim> dims = merged(*env.ofTensor(edit.input(i)), place.result);
      auto type = cast<RankedTensorType>(edit.input(i).getType());
      edit.input(i) = tensor::CollapseShapeOp::create(
          rewriter, loc, DimEnv::type(dims, type.getElementType()), edit.input(i),
          groupsMerging(type.getRank(), place.result));
    }
    Place place = placeOf(edit.initMaps[0], d);
    edit.initMaps[0] = merge(edit.initMaps[0], d, place);
    auto type = cast<RankedTensorType>(edit.inits[0].getType());
    SmallVector<Dim> whole = *env.ofTensor(edit.inits[0]);
    if (place.kind == Place::Adjacent)
      edit.inits[0] = tensor::EmptyOp::create(
          rewriter, loc, env.operands(merged(whole, place.result)), type.getElementType());
    renumber(op, d);
    edit.commit();
    if (place.kind != Place::Adjacent)
      return;
    rewriter.setInsertionPointAfter(op);
    Value result = op->getResult(0);
    auto expanded = tensor::ExpandShapeOp::create(rewriter, loc, type, result,
                                                  groupsMerging(type.getRank(), place.result),
                                                  env.operands(whole));
    rewriter.replaceAllUsesExcept(result, expanded, expanded);
  }

  static SmallVector<Dim> merged(SmallVector<Dim> dims, unsigned r) {
    dims[r] = dims[r] * dims[r + 1];
    dims.erase(dims.begin() + r + 1);
    return dims;
  }

  static void renumber(kernel::KernelOpInterface op, unsigned d) {
    op->walk([&](kernel::IndexOp index) {
      if (index.getDim() > d)
        index.setDim(index.getDim() - 1);
    });
    auto rows = dyn_cast<kernel::RowsOp>(op.getOperation());
    if (!rows)
      return;
    unsigned firstAxis = op.getNumIterators() - rows.getAxes();
    if (d >= firstAxis)
      rows.setAxes(rows.getAxes() - 1);
    if (auto extents = rows.getExtents()) {
      SmallVector<int64_t> fewer(*extents);
      fewer.erase(fewer.begin() + d);
      rows.setExtents(fewer);
    }
  }

  unsigned &count;
};

/// Two views in a row that give back the dimensions of their source.
template <typename OuterT, typename InnerT> struct CancelViews : OpRewritePattern<OuterT> {
  using OpRewritePattern<OuterT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OuterT op, PatternRewriter &rewriter) const override {
    auto inner = op.getSrc().template getDefiningOp<InnerT>();
    if (!inner || inner.getSrcType() != op.getResultType())
      return failure();
    DimEnv env(rewriter);
    auto source = env.ofTensor(inner.getSrc()), result = env.ofTensor(op.getResult());
    if (!source || !result || *source != *result)
      return failure();
    rewriter.replaceOp(op, inner.getSrc());
    return success();
  }
};

struct CollapseDimensionsPass : impl::CollapseDimensionsBase<CollapseDimensionsPass> {
  void runOnOperation() override {
    unsigned count = 0;
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<MergeDimensions>(context, count);
    patterns.add<CancelViews<tensor::ExpandShapeOp, tensor::CollapseShapeOp>,
                 CancelViews<tensor::CollapseShapeOp, tensor::ExpandShapeOp>>(context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    GreedyRewriteConfig config;
    config.enableConstantCSE(false).setUseTopDownTraversal();
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    numMerged += count;
  }
};

} // namespace
} // namespace strut::kernelize
