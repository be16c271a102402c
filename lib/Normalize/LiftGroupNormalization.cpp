//===- LiftGroupNormalization.cpp - GroupNormalization from its detour ----===//
#include "LiftIdioms.h"
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// Whether all elements of a constant are `number`.
bool isAll(Value value, double number) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  auto elements = constant ? constant.tryGetValues<APFloat>() : std::nullopt;
  return elements &&
         llvm::all_of(*elements, [&](APFloat x) { return x.convertToDouble() == number; });
}

/// Whether `value` is a constant with one element per channel of `x`, [N, C, ...],
/// and extents of 1 on its other axes.
bool isPerChannel(Value value, RankedTensorType x) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  int64_t after = x.getRank() - 2;
  return type && type.hasStaticShape() && onnx_ir::constantOf(value) && type.getRank() > after &&
         type.getNumElements() == x.getDimSize(1) &&
         type.getDimSize(type.getRank() - 1 - after) == x.getDimSize(1);
}

/// The other operand of an op whose one operand is a constant per channel, which is set.
template <typename OpT> Value matchPerChannel(Value value, RankedTensorType x, Value &vector) {
  auto op = value.getDefiningOp<OpT>();
  if (!op)
    return {};
  for (auto [other, constant] : {std::pair(op.in("A"), op.in("B")), {op.in("B"), op.in("A")}})
    if (isPerChannel(constant, x)) {
      vector = constant;
      return other;
    }
  return {};
}

/// Whether a Reshape of [N, groups, -1] has the shape of `x`, whose type its result has: one
/// unknown extent follows from the others, several must be those of `x`.
bool isBackInShape(Op<"Reshape"> reshape, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (reshape->getResult(0).getType() != type)
    return false;
  if (type.getNumDynamicDims() <= 1)
    return true;
  auto terms = shapeTerms(reshape.in("shape"));
  if (!terms || int64_t(terms->size()) != type.getRank())
    return false;
  int64_t derived = 0;
  for (auto [axis, term] : llvm::enumerate(*terms)) {
    bool isKept = term == extentOf(x, axis) || (axis == 0 && term == ShapeTerm{0, {}, 0});
    derived += !isKept;
    if (!isKept && term != ShapeTerm{-1, {}, 0})
      return false;
  }
  return derived <= 1;
}

/// Whether a Reshape of `x`, [N, C, ...], is to [N, groups, -1] for some number of groups.
bool isInGroups(Op<"Reshape"> reshape, Value x) {
  auto type = dyn_cast<RankedTensorType>(x.getType());
  auto groups = dyn_cast<RankedTensorType>(reshape->getResult(0).getType());
  auto allowZero = reshape.attr<IntegerAttr>("allowzero");
  if (!type || type.getRank() < 3 || type.isDynamicDim(1) || !groups || groups.getRank() != 3 ||
      groups.isDynamicDim(1) || type.getDimSize(1) % groups.getDimSize(1) != 0 ||
      (allowZero && allowZero.getInt() != 0))
    return false;
  if (!type.isDynamicDim(0) && type.getDimSize(0) == groups.getDimSize(0))
    return true;
  auto terms = shapeTerms(reshape.in("shape"));
  return terms && terms->size() == 3 &&
         (terms->front() == ShapeTerm{0, {}, 0} || terms->front() == extentOf(x, 0));
}

/// The instance normalisation, without scale and shift, of x as [N, groups, -1], that
/// `value` is in the shape of x.
Op<"InstanceNormalization"> matchGroups(Value value) {
  using Norm = Op<"InstanceNormalization">;
  auto back = value.getDefiningOp<Op<"Reshape">>();
  auto norm = back && back->hasOneUse() ? back.in("data").getDefiningOp<Norm>() : Norm();
  auto there =
      norm && norm->hasOneUse() ? norm.in("input").getDefiningOp<Op<"Reshape">>() : Op<"Reshape">();
  if (!there)
    return {};
  Value x = there.in("data");
  bool isPlain = isAll(norm.in("scale"), 1) && isAll(norm.in("B"), 0);
  return isPlain && isInGroups(there, x) && isBackInShape(back, x) ? norm : Norm();
}

Value flat(PatternRewriter &rewriter, Location loc, Value vector) {
  auto type = RankedTensorType::get({1}, rewriter.getI64Type());
  auto shape = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, int64_t(-1)));
  Value target = Op<"Constant">::create(rewriter, loc, {}, shape)->getResult(0);
  return Op<"Reshape">::create(rewriter, loc, {vector, target})->getResult(0);
}

/// InstanceNormalization of x as [N, groups, -1], back in shape, * gamma + beta
struct LiftGroupNormalization : OpRewritePattern<Op<"Add">> {
  LiftGroupNormalization(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Add"> op, PatternRewriter &rewriter) const override {
    Value result = op->getResult(0), gamma, beta;
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type || type.getRank() < 3 || type.isDynamicDim(1))
      return failure();
    Value scaled = matchPerChannel<Op<"Add">>(result, type, beta);
    Value normal =
        scaled && scaled.hasOneUse() ? matchPerChannel<Op<"Mul">>(scaled, type, gamma) : Value();
    auto norm = normal ? matchGroups(normal) : Op<"InstanceNormalization">();
    if (!norm || normal.getType() != type)
      return failure();
    Value x = norm.in("input").getDefiningOp()->getOperand(0);
    int64_t groups = cast<RankedTensorType>(norm.in("input").getType()).getDimSize(1);
    auto epsilon = norm.attr<FloatAttr>("epsilon");
    NamedAttribute attrs[] = {
        rewriter.getNamedAttr("epsilon", epsilon ? epsilon : rewriter.getF32FloatAttr(1e-5f)),
        rewriter.getNamedAttr("num_groups", rewriter.getI64IntegerAttr(groups))};
    Location loc = rewriter.getFusedLoc({norm.getLoc(), op.getLoc()});
    auto lifted = Op<"GroupNormalization">::create(
        rewriter, loc, {x, flat(rewriter, loc, gamma), flat(rewriter, loc, beta)}, attrs);
    // The inference may know less of the result than what stood here did.
    lifted->getResult(0).setType(type);
    rewriter.replaceOp(op, lifted);
    ++counts.groupNormalization;
    return success();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftGroupNormalization(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftGroupNormalization>(patterns.getContext(), counts);
}

} // namespace strut::normalize
