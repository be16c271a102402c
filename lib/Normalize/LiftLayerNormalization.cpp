//===- LiftLayerNormalization.cpp - LayerNormalization from its formula ---===//
#include "LiftIdioms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// x - mean(x); gives x.
Value matchCentered(Value value) {
  auto sub = value.getDefiningOp<Op<"Sub">>();
  return sub && matchMean(sub.in("B")) == sub.in("A") ? sub.in("A") : Value();
}

/// sqrt(mean(d²) + epsilon), where d = x - mean(x); gives x.
Value matchDeviation(Value value, double &epsilon) {
  Value centered = matchRootMeanSquare(value, epsilon);
  return centered ? matchCentered(centered) : Value();
}

/// (x - mean(x)) / sqrt(var(x) + epsilon); gives x.
Value matchNormalized(Value value, double &epsilon) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->hasOneUse())
    return {};
  if (auto div = dyn_cast<Op<"Div">>(op)) {
    Value x = matchCentered(div.in("A"));
    return x && matchDeviation(div.in("B"), epsilon) == x ? x : Value();
  }
  auto mul = dyn_cast<Op<"Mul">>(op);
  if (!mul)
    return {};
  for (auto [centered, factor] :
       {std::pair(mul.in("A"), mul.in("B")), {mul.in("B"), mul.in("A")}}) {
    Value x = matchCentered(centered);
    auto reciprocal = factor.getDefiningOp<Op<"Reciprocal">>();
    if (x && reciprocal && matchDeviation(reciprocal.in("X"), epsilon) == x)
      return x;
  }
  return {};
}

/// normalised(x) * gamma + beta, in any order
struct LiftLayerNormalization : OpRewritePattern<Op<"Add">> {
  LiftLayerNormalization(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Add"> op, PatternRewriter &rewriter) const override {
    for (auto [product, beta] : {std::pair(op.in("A"), op.in("B")), {op.in("B"), op.in("A")}}) {
      auto mul = product.getDefiningOp<Op<"Mul">>();
      if (!mul || !mul->hasOneUse())
        continue;
      for (auto [norm, gamma] : {std::pair(mul.in("A"), mul.in("B")), {mul.in("B"), mul.in("A")}}) {
        double epsilon = 0;
        Value x = matchNormalized(norm, epsilon);
        if (!x || !isVectorLike(gamma, x) || !isVectorLike(beta, x) ||
            x.getType() != op->getResult(0).getType())
          continue;
        NamedAttribute attrs[] = {
            rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(-1)),
            rewriter.getNamedAttr("epsilon", rewriter.getF32FloatAttr(epsilon))};
        rewriter.replaceOp(
            op, Op<"LayerNormalization">::create(rewriter, op.getLoc(), {x, gamma, beta}, attrs));
        ++counts.layerNormalization;
        return success();
      }
    }
    return failure();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftLayerNormalization(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftLayerNormalization>(patterns.getContext(), counts);
}

} // namespace strut::normalize
