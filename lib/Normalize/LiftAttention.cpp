//===- LiftAttention.cpp - Attention from its formula ---------------------===//
//
// In f16 and bf16 the formula rounds the scores, the sum with a mask and the weights, of which the
// operator rounds none: its results are nearer to what is meant.
//
//===----------------------------------------------------------------------===//
#include "AttentionMasks.h"
#include "LiftIdioms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// softmax(scale·Q·Kᵀ + mask) along the keys.
struct Scores {
  Value query, keyTransposed;
  AttentionMasks masks;
  /// Where the scores stand, and what stands elsewhere, instead of a mask.
  Value condition, masked;
  bool isInverted = false;
  double scale = 1;
};

bool isRank(Value value, int64_t rank) {
  RankedTensorType type = floatsOf(value);
  return type && type.getRank() == rank;
}

/// scale·Q·Kᵀ, the factor standing at the product or at either operand.
bool matchProduct(Value value, Scores &scores) {
  Scaled outer = stripScale(value);
  auto product = outer.value.getDefiningOp<Op<"MatMul">>();
  if (!product || !product->hasOneUse())
    return false;
  Scaled query = stripScale(product.in("A")), key = stripScale(product.in("B"));
  scores.query = query.value;
  scores.keyTransposed = key.value;
  scores.scale = outer.scale * query.scale * key.scale;
  return isRank(scores.query, 4) && isRank(scores.keyTransposed, 4);
}

/// Where(c, scores, low), or the other way round. Adding `low` to a score gives
/// `low` again only if it is so low that the score is lost in rounding.
bool matchWhere(Value value, Scores &scores) {
  auto where = value.getDefiningOp<Op<"Where">>();
  if (!where || !where->hasOneUse())
    return false;
  constexpr double absorbing = -1e30;
  for (bool inverted : {false, true}) {
    Value product = where.in(inverted ? "Y" : "X"), low = where.in(inverted ? "X" : "Y");
    std::optional<double> constant = scalarOf(low);
    auto condition = dyn_cast<RankedTensorType>(where.in("condition").getType());
    if (!constant || *constant > absorbing || !condition || condition.getRank() < 2 ||
        condition.getRank() > 4 || !product.hasOneUse() || !matchProduct(product, scores))
      continue;
    scores.condition = where.in("condition");
    scores.masked = low;
    scores.isInverted = inverted;
    return true;
  }
  return false;
}

/// The operands of an Add that nobody else reads, either way round: scores, then a mask.
SmallVector<std::pair<Value, Value>, 2> sumsOf(Value value) {
  auto add = value.getDefiningOp<Op<"Add">>();
  if (!add || !add->hasOneUse())
    return {};
  return {{add.in("A"), add.in("B")}, {add.in("B"), add.in("A")}};
}

bool matchTerms(Value value, Scores &scores);

/// Scores plus masks: a bias of positions, then padding.
bool matchMasked(Value value, Scores &scores) {
  for (auto [inner, mask] : sumsOf(value))
    if (scores.masks.isMask(mask) && inner.hasOneUse() && matchTerms(inner, scores)) {
      scores.masks.add(mask);
      return true;
    }
  return false;
}

/// Scores plus masks, of which those that differ between windows are added to the scores as
/// [X / W, W, H, M, S].
bool matchWindows(Value value, Scores &scores) {
  for (auto [inner, mask] : sumsOf(value)) {
    if (!inner.hasOneUse() || !scores.masks.isWindowMask(mask, inner))
      continue;
    auto split = inner.getDefiningOp<Op<"Reshape">>();
    bool found = split ? isSplitIntoWindows(split.in("data"), inner) &&
                             split.in("data").hasOneUse() && matchTerms(split.in("data"), scores)
                       : matchWindows(inner, scores);
    if (found) {
      scores.masks.addOfWindows(mask, inner);
      return true;
    }
  }
  return false;
}

/// A product and the masks that are added to it.
bool matchTerms(Value value, Scores &scores) {
  auto join = value.getDefiningOp<Op<"Reshape">>();
  if (join)
    return isSplitIntoWindows(value, join.in("data")) && matchWindows(join.in("data"), scores);
  return matchProduct(value, scores) || matchMasked(value, scores);
}

bool matchScores(Value value, Scores &scores) {
  return matchWhere(value, scores) || matchTerms(value, scores);
}

/// What a Cast from one of these types to another was made of, if nobody else reads that; else the
/// value itself.
Value beforeCast(Value value) {
  auto cast = value.getDefiningOp<Op<"Cast">>();
  return cast && cast->hasOneUse() && floatsOf(value) && floatsOf(cast.in("input"))
             ? cast.in("input")
             : value;
}

/// The softmax behind the weights of the values, also where a row without any
/// finite score is made 0 by Where(IsNaN(weights), 0, weights).
Op<"Softmax"> matchSoftmax(Value weights) {
  auto softmax = weights.getDefiningOp<Op<"Softmax">>();
  if (softmax)
    return softmax->hasOneUse() ? softmax : Op<"Softmax">();
  auto where = weights.getDefiningOp<Op<"Where">>();
  auto isNaN = where ? where.in("condition").getDefiningOp<Op<"IsNaN">>() : Op<"IsNaN">();
  if (!isNaN || !where->hasOneUse() || !isNaN->hasOneUse() || isNaN.in("X") != where.in("Y") ||
      scalarOf(where.in("X")) != 0)
    return {};
  softmax = where.in("Y").getDefiningOp<Op<"Softmax">>();
  return softmax && softmax->getResult(0).hasNUses(2) ? softmax : Op<"Softmax">();
}

/// Whether two extents are the same, as far as it is known. One that is 1 is repeated beside one
/// that is not known.
bool agree(int64_t a, int64_t b) {
  return a == b || (ShapedType::isDynamic(a) && b != 1) || (ShapedType::isDynamic(b) && a != 1);
}

/// Whether the result has one place for each query, and all have one batch and as many heads: the
/// operator repeats masks, and heads of both keys and values, but nothing else.
bool haveShapesOfAttention(const Scores &scores, Value value, Type result) {
  auto of = [](Value v) { return cast<RankedTensorType>(v.getType()).getShape(); };
  ArrayRef<int64_t> query = of(scores.query), key = of(scores.keyTransposed), values = of(value),
                    places = cast<RankedTensorType>(result).getShape();
  // Condition 7 of lift-idioms.
  return places.size() == 4 &&
         // Condition 7 of lift-idioms.
         agree(query[0], key[0]) &&
         // Condition 7 of lift-idioms.
         agree(query[0], values[0]) &&
         // Condition 7 of lift-idioms.
         agree(key[1], values[1]) &&
         // Condition 7 of lift-idioms.
         agree(key[3], values[2]) &&
         // Condition 7 of lift-idioms.
         llvm::all_of(llvm::zip(places, query.take_front(3)),
                      [](auto pair) { return agree(std::get<0>(pair), std::get<1>(pair)); });
}

/// Softmax(scale·Q·Kᵀ + mask)·V = Attention(Q, K, V, mask)
struct LiftAttention : OpRewritePattern<Op<"MatMul">> {
  LiftAttention(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"MatMul"> op, PatternRewriter &rewriter) const override {
    Op<"Softmax"> softmax = matchSoftmax(beforeCast(op.in("A")));
    Value value = op.in("B");
    if (!softmax || !isRank(value, 4))
      return failure();
    auto axis = softmax.attr<IntegerAttr>("axis");
    Scores scores;
    // Condition 8 of lift-idioms.
    if ((axis && axis.getInt() != -1 && axis.getInt() != 3) ||
        !matchScores(beforeCast(softmax.in("input")), scores) ||
        getElementTypeOrSelf(scores.query) != getElementTypeOrSelf(value) ||
        !haveShapesOfAttention(scores, value, op->getResult(0).getType()))
      return failure();
    auto perm = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr({0, 1, 3, 2}));
    Value key =
        Op<"Transpose">::create(rewriter, op.getLoc(), scores.keyTransposed, perm)->getResult(0);
    if (scores.condition)
      scores.masks.add(additiveMask(scores, op.getLoc(), rewriter));
    SmallVector<Value> operands = {scores.query, key, value};
    if (Value mask = scores.masks.sum(op.getLoc(), rewriter))
      operands.push_back(mask);
    auto scale = rewriter.getNamedAttr("scale", rewriter.getF32FloatAttr(scores.scale));
    auto attention = Op<"Attention">::create(rewriter, op.getLoc(), operands, scale);
    // The inference may know less of the result than what stood here did.
    attention->getResult(0).setType(op->getResult(0).getType());
    rewriter.replaceOp(op, attention);
    ++counts.attention;
    return success();
  }

  /// 0 where the scores stand, the low constant elsewhere.
  static Value additiveMask(const Scores &scores, Location loc, PatternRewriter &rewriter) {
    auto type = RankedTensorType::get({}, getElementTypeOrSelf(scores.masked));
    auto zero = DenseElementsAttr::get(type, rewriter.getZeroAttr(type.getElementType()));
    Value nothing = Op<"Constant">::create(rewriter, loc, {}, rewriter.getNamedAttr("value", zero))
                        ->getResult(0);
    Value yes = scores.isInverted ? scores.masked : nothing;
    Value no = scores.isInverted ? nothing : scores.masked;
    return Op<"Where">::create(rewriter, loc, {scores.condition, yes, no})->getResult(0);
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftAttention(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftAttention>(patterns.getContext(), counts);
}

} // namespace strut::normalize
