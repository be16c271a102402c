//===- LiftRMSNormalization.cpp - RMSNormalization from its formula -------===//
#include "LiftIdioms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// 1 / value as Reciprocal or a division; gives the value.
Value matchReciprocal(Value value) {
  if (auto reciprocal = value.getDefiningOp<Op<"Reciprocal">>())
    return reciprocal.in("X");
  auto div = value.getDefiningOp<Op<"Div">>();
  return div && scalarOf(div.in("A")) == 1 ? div.in("B") : Value();
}

/// x / sqrt(mean(x²) + epsilon); gives x.
Value matchNormalized(Value value, double &epsilon) {
  if (auto div = value.getDefiningOp<Op<"Div">>())
    return matchRootMeanSquare(div.in("B"), epsilon) == div.in("A") ? div.in("A") : Value();
  auto mul = value.getDefiningOp<Op<"Mul">>();
  if (!mul)
    return {};
  for (auto [x, factor] : {std::pair(mul.in("A"), mul.in("B")), {mul.in("B"), mul.in("A")}}) {
    Value root = matchReciprocal(factor);
    if (root && matchRootMeanSquare(root, epsilon) == x)
      return x;
  }
  return {};
}

/// x / sqrt(mean(x²) + epsilon) * gamma, in any order
struct LiftRMSNormalization : OpRewritePattern<Op<"Mul">> {
  LiftRMSNormalization(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Mul"> op, PatternRewriter &rewriter) const override {
    for (auto [norm, gamma] : {std::pair(op.in("A"), op.in("B")), {op.in("B"), op.in("A")}}) {
      double epsilon = 0;
      Value x = norm.getDefiningOp() && norm.hasOneUse() ? matchNormalized(norm, epsilon) : Value();
      // A square of 0 has no normal form, so an epsilon there must be.
      if (!x || epsilon <= 0 || !isVectorLike(gamma, x) ||
          x.getType() != op->getResult(0).getType())
        continue;
      NamedAttribute attrs[] = {
          rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(-1)),
          rewriter.getNamedAttr("epsilon", rewriter.getF32FloatAttr(epsilon))};
      rewriter.replaceOp(op,
                         Op<"RMSNormalization">::create(rewriter, op.getLoc(), {x, gamma}, attrs));
      ++counts.rmsNormalization;
      return success();
    }
    return failure();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftRMSNormalization(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftRMSNormalization>(patterns.getContext(), counts);
}

} // namespace strut::normalize
