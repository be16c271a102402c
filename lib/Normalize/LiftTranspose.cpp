//===- LiftTranspose.cpp - Transpose from its detour over three axes ------===//
#include "LiftIdioms.h"
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// Reshape(Transpose(Reshape(x, [-1, m, n]), 0 2 1), [..., n, m]) = Transpose(x),
/// the last two axes swapped; so exporters write the transposed keys of attention.
struct LiftTranspose : OpRewritePattern<Op<"Reshape">> {
  LiftTranspose(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Reshape"> op, PatternRewriter &rewriter) const override {
    auto swap = op.in("data").getDefiningOp<Op<"Transpose">>();
    auto perm = swap ? swap.attr<DenseI64ArrayAttr>("perm") : DenseI64ArrayAttr();
    auto flat = swap ? swap.in("data").getDefiningOp<Op<"Reshape">>() : Op<"Reshape">();
    if (!perm || perm.asArrayRef() != ArrayRef<int64_t>{0, 2, 1} || !flat)
      return failure();
    Value x = flat.in("data");
    auto type = dyn_cast<RankedTensorType>(x.getType());
    auto inner = shapeTerms(flat.in("shape")), outer = shapeTerms(op.in("shape"));
    int64_t rank = type ? type.getRank() : 0;
    if (rank < 3 || !inner || !outer || inner->size() != 3 || int64_t(outer->size()) != rank)
      return failure();
    if (inner->front() != ShapeTerm{-1, {}, 0} || (*inner)[1] != extentOf(x, rank - 2) ||
        (*inner)[2] != extentOf(x, rank - 1))
      return failure();
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(order[rank - 2], order[rank - 1]);
    for (auto [term, axis] : llvm::zip(*outer, order))
      if (term != extentOf(x, axis) || (!term.of && term.constant < 1))
        return failure();
    auto attr = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr(order));
    auto transpose = Op<"Transpose">::create(rewriter, op.getLoc(), x, attr);
    // The inference may know less of the result than what stood here did.
    transpose->getResult(0).setType(op->getResult(0).getType());
    rewriter.replaceOp(op, transpose);
    ++counts.transpose;
    return success();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftTranspose(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftTranspose>(patterns.getContext(), counts);
}

} // namespace strut::normalize
