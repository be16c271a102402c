//===- Canonicalize.cpp - simplifications that hold for every user ---------===//
//
// All are bit-exact and need no cost model.
//
//===----------------------------------------------------------------------===//

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace strut::onnx_ir {
namespace {

/// Whether a result can stand in for the operand: passes may have learnt more
/// about one of the two types.
bool sameType(Value a, Value b) { return a.getType() == b.getType(); }

/// Identity(x) = x
struct DropIdentity : OpRewritePattern<Op<"Identity">> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Op<"Identity"> op, PatternRewriter &rewriter) const override {
    Value input = op.in("input");
    if (!sameType(input, op->getResult(0)))
      return failure();
    rewriter.replaceOp(op, input);
    return success();
  }
};

/// Cast(x) = x where the element type does not change
struct DropCast : OpRewritePattern<Op<"Cast">> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Op<"Cast"> op, PatternRewriter &rewriter) const override {
    Value input = op.in("input");
    if (!sameType(input, op->getResult(0)))
      return failure();
    rewriter.replaceOp(op, input);
    return success();
  }
};

/// Dropout(x) = x outside training, where its mask is not read
struct DropDropout : OpRewritePattern<Op<"Dropout">> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Op<"Dropout"> op, PatternRewriter &rewriter) const override {
    if (Value training = op.in("training_mode")) {
      ElementsAttr constant = constantOf(training);
      auto flag = constant ? constant.tryGetValues<bool>() : std::nullopt;
      if (!flag || *flag->begin())
        return failure();
    }
    Value mask = op.out("mask");
    if ((mask && !mask.use_empty()) || !sameType(op.in("data"), op->getResult(0)))
      return failure();
    SmallVector<Value> replacements(op->getNumResults(), op.in("data"));
    for (auto [replacement, result] : llvm::zip(replacements, op->getResults()))
      if (result.getResultNumber() > 0)
        replacement = nullptr;
    rewriter.replaceOp(op, replacements);
    return success();
  }
};

/// Transpose(x) = x for the identity permutation
struct DropTranspose : OpRewritePattern<Op<"Transpose">> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Op<"Transpose"> op, PatternRewriter &rewriter) const override {
    auto permutation = op.attr<DenseI64ArrayAttr>("perm");
    if (!permutation || !sameType(op.in("data"), op->getResult(0)))
      return failure();
    for (auto [i, axis] : llvm::enumerate(permutation.asArrayRef()))
      if (axis != int64_t(i))
        return failure();
    rewriter.replaceOp(op, op.in("data"));
    return success();
  }
};

/// Transpose(Transpose(x, p), q) = Transpose(x, p[q])
struct ComposeTransposes : OpRewritePattern<Op<"Transpose">> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Op<"Transpose"> op, PatternRewriter &rewriter) const override {
    auto inner = op.in("data").getDefiningOp<Op<"Transpose">>();
    auto first = inner ? inner.attr<DenseI64ArrayAttr>("perm") : DenseI64ArrayAttr();
    auto second = op.attr<DenseI64ArrayAttr>("perm");
    if (!first || !second)
      return failure();
    SmallVector<int64_t> both = llvm::map_to_vector(
        second.asArrayRef(), [&](int64_t axis) { return first.asArrayRef()[axis]; });
    auto perm = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr(both));
    Location loc = rewriter.getFusedLoc({inner.getLoc(), op.getLoc()});
    auto composed = Op<"Transpose">::create(rewriter, loc, inner.in("data"), perm);
    // The inference may know less of the result than what stood here did.
    composed->getResult(0).setType(op->getResult(0).getType());
    rewriter.replaceOp(op, composed);
    return success();
  }
};

} // namespace

void OnnxDialect::getCanonicalizationPatterns(RewritePatternSet &patterns) const {
  patterns.add<DropIdentity, DropCast, DropDropout, DropTranspose, ComposeTransposes>(getContext());
}

} // namespace strut::onnx_ir
