//===- LiftActivations.cpp - Swish, Mish and the hard ones from formulas --===//
#include "ChannelIndices.h"
#include "LiftIdioms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// log(1 + exp(x)) as an operator or its formula; gives x.
Value matchSoftplus(Value value) {
  if (auto softplus = value.getDefiningOp<Op<"Softplus">>())
    return softplus.in("X");
  auto log = value.getDefiningOp<Op<"Log">>();
  auto add = log ? log.in("input").getDefiningOp<Op<"Add">>() : Op<"Add">();
  double one = 0;
  Value rest = add ? matchWithScalar(add, one) : Value();
  auto exp = rest ? rest.getDefiningOp<Op<"Exp">>() : Op<"Exp">();
  return exp && one == 1 ? exp.in("input") : Value();
}

/// The one number that all elements are, and the shape to which it is repeated, if it is.
struct Filled {
  double number;
  Value shape;
};

std::optional<Filled> filledWith(Value value) {
  if (std::optional<double> scalar = scalarOf(value))
    return Filled{*scalar, {}};
  if (auto expand = value.getDefiningOp<Op<"Expand">>()) {
    std::optional<double> scalar = scalarOf(expand.in("input"));
    return scalar ? std::optional(Filled{*scalar, expand.in("shape")}) : std::nullopt;
  }
  if (auto filled = value.getDefiningOp<Op<"ConstantOfShape">>()) {
    auto of = dyn_cast_or_null<DenseElementsAttr>(filled.attr<ElementsAttr>("value"));
    if (!of)
      return Filled{0, filled.in("input")};
    if (!isa<FloatType>(of.getElementType()))
      return std::nullopt;
    return Filled{of.getSplatValue<APFloat>().convertToDouble(), filled.in("input")};
  }
  auto product = value.getDefiningOp<Op<"Mul">>();
  double factor = 1;
  Value rest = product ? matchWithScalar(product, factor) : Value();
  std::optional<Filled> filled = rest ? filledWith(rest) : std::nullopt;
  return filled ? std::optional(Filled{filled->number * factor, filled->shape}) : std::nullopt;
}

/// Whether `value` is 0 and broadcasts to `x` as it is.
bool isZeroFor(Value value, Value x) {
  std::optional<Filled> filled = filledWith(value);
  if (!filled || filled->number != 0)
    return false;
  auto type = cast<RankedTensorType>(x.getType()),
       own = dyn_cast<RankedTensorType>(value.getType());
  auto shape = filled->shape ? filled->shape.getDefiningOp<Op<"Shape">>() : Op<"Shape">();
  if (shape && shape.in("data") == x && coversShape(shape))
    return true;
  return own && own.getRank() <= type.getRank() &&
         llvm::all_of(llvm::zip(own.getShape(), type.getShape().take_back(own.getRank())),
                      [](auto pair) {
                        auto [extent, wanted] = pair;
                        return extent == 1 || (extent == wanted && !ShapedType::isDynamic(extent));
                      });
}

/// min(max(slope·x + offset, 0), high), whichever way it is spelled.
struct Ramp {
  Value x;
  double slope = 1, offset = 0, high = 1;
};

/// The value between 0 and `high` that `value` is held to; null if it is not.
Value matchClamp(Value value, double &high) {
  if (auto clip = value.getDefiningOp<Op<"Clip">>()) {
    std::optional<double> low = scalarOf(clip.in("min")), top = scalarOf(clip.in("max"));
    if (low != 0 || !top)
      return {};
    high = *top;
    return clip.in("input");
  }
  // Min and Max take any number of operands.
  auto other = [](Operation *op, double &bound) {
    return op && op->getNumOperands() == 2 ? matchWithScalar(op, bound) : Value();
  };
  auto above = [&](Value v) -> Value {
    if (auto relu = v.getDefiningOp<Op<"Relu">>())
      return relu->hasOneUse() ? relu.in("X") : Value();
    double low = 1;
    auto max = v.getDefiningOp<Op<"Max">>();
    Value inner = max && max->hasOneUse() ? other(max, low) : Value();
    return low == 0 ? inner : Value();
  };
  if (auto min = value.getDefiningOp<Op<"Min">>()) {
    Value inner = other(min, high);
    return inner && high > 0 ? above(inner) : Value();
  }
  // The upper bound inside.
  Value inner = above(value);
  auto min = inner ? inner.getDefiningOp<Op<"Min">>() : Op<"Min">();
  return min && min->hasOneUse() ? other(min, high) : Value();
}

std::optional<Ramp> matchRamp(Value value) {
  Ramp ramp;
  if (auto hard = value.getDefiningOp<Op<"HardSigmoid">>()) {
    ramp.x = hard.in("X");
    ramp.slope = hard.attr<FloatAttr>("alpha").getValueAsDouble();
    ramp.offset = hard.attr<FloatAttr>("beta").getValueAsDouble();
    return ramp;
  }
  Value inner = matchClamp(value, ramp.high);
  auto add = inner && ramp.high > 0 ? inner.getDefiningOp<Op<"Add">>() : Op<"Add">();
  Value scaled = add && add->hasOneUse() ? matchWithScalar(add, ramp.offset) : Value();
  if (!scaled)
    return std::nullopt;
  Scaled linear = stripScale(scaled);
  ramp.x = linear.value;
  ramp.slope = linear.scale;
  return ramp;
}

/// max(x, 0), where 0 does not enlarge x.
struct LiftRelu : OpRewritePattern<Op<"Max">> {
  LiftRelu(MLIRContext *context, IdiomCounts &counts) : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Max"> op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (op->getNumOperands() != 2 || !type || !isa<FloatType>(type.getElementType()))
      return failure();
    for (unsigned i : {0, 1}) {
      Value x = op->getOperand(i);
      if (x.getType() != type || !isZeroFor(op->getOperand(1 - i), x))
        continue;
      rewriter.replaceOp(op, Op<"Relu">::create(rewriter, op->getLoc(), x));
      ++counts.relu;
      return success();
    }
    return failure();
  }

  IdiomCounts &counts;
};

/// The factors of what is replaced, with the type it has: x times a function of x has
/// the shape of x, unless a scalar of more axes adds some.
struct LiftActivation : RewritePattern {
  LiftActivation(StringRef root, MLIRContext *context, IdiomCounts &counts)
      : RewritePattern(root, 1, context), counts(counts) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !isa<FloatType>(type.getElementType()))
      return failure();
    Product product = productOf(op->getResult(0));
    if (product.factors.size() == 1)
      return liftHardSigmoid(op, product, rewriter);
    if (product.factors.size() != 2)
      return failure();
    for (unsigned i : {0, 1}) {
      Value x = product.factors[i], gate = product.factors[1 - i];
      if (x.getType() == type && (succeeded(liftSmooth(op, x, gate, product.scale, rewriter)) ||
                                  succeeded(liftHardSwish(op, x, gate, product.scale, rewriter))))
        return success();
    }
    return failure();
  }

  /// x·sigmoid(αx) and x·tanh(softplus(x))
  LogicalResult liftSmooth(Operation *op, Value x, Value gate, double scale,
                           PatternRewriter &rewriter) const {
    if (scale != 1 || !gate.hasOneUse())
      return failure();
    if (auto sigmoid = gate.getDefiningOp<Op<"Sigmoid">>()) {
      Scaled argument = stripScale(sigmoid.in("X"));
      if (sigmoid.in("X") == x)
        argument = {x};
      if (argument.value != x)
        return failure();
      ++counts.swish;
      auto alpha = rewriter.getNamedAttr("alpha", rewriter.getF32FloatAttr(argument.scale));
      rewriter.replaceOp(op, Op<"Swish">::create(rewriter, op->getLoc(), x, alpha));
      return success();
    }
    auto tanh = gate.getDefiningOp<Op<"Tanh">>();
    if (!tanh || matchSoftplus(tanh.in("input")) != x)
      return failure();
    ++counts.mish;
    rewriter.replaceOp(op, Op<"Mish">::create(rewriter, op->getLoc(), x));
    return success();
  }

  /// x·ramp(x/6 + 1/2), a ramp being held to 0 and 1
  LogicalResult liftHardSwish(Operation *op, Value x, Value gate, double scale,
                              PatternRewriter &rewriter) const {
    std::optional<Ramp> ramp = matchRamp(gate);
    Type element = getElementTypeOrSelf(x.getType());
    if (!ramp || ramp->x != x || !gate.hasOneUse() || !isAbout(scale * ramp->high, 1, element) ||
        !isAbout(scale * ramp->slope, 1.0 / 6, element) ||
        !isAbout(scale * ramp->offset, 0.5, element))
      return failure();
    ++counts.hardSwish;
    rewriter.replaceOp(op, Op<"HardSwish">::create(rewriter, op->getLoc(), x));
    return success();
  }

  /// ramp(αx + β), a ramp being held to 0 and 1
  LogicalResult liftHardSigmoid(Operation *op, const Product &product,
                                PatternRewriter &rewriter) const {
    Value value = product.factors[0];
    std::optional<Ramp> ramp = matchRamp(value);
    if (!ramp || value.getDefiningOp<Op<"HardSigmoid">>() ||
        (value.getDefiningOp() != op && !value.hasOneUse()) ||
        ramp->x.getType() != op->getResult(0).getType() ||
        !isAbout(product.scale * ramp->high, 1, getElementTypeOrSelf(value.getType())))
      return failure();
    NamedAttribute attrs[] = {
        rewriter.getNamedAttr("alpha", rewriter.getF32FloatAttr(product.scale * ramp->slope)),
        rewriter.getNamedAttr("beta", rewriter.getF32FloatAttr(product.scale * ramp->offset))};
    ++counts.hardSigmoid;
    rewriter.replaceOp(op, Op<"HardSigmoid">::create(rewriter, op->getLoc(), ramp->x, attrs));
    return success();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftActivations(RewritePatternSet &patterns, IdiomCounts &counts) {
  for (StringRef root : {"onnx.Mul", "onnx.Div", "onnx.Clip", "onnx.Min", "onnx.Max", "onnx.Relu"})
    patterns.add<LiftActivation>(root, patterns.getContext(), counts);
  patterns.add<LiftRelu>(patterns.getContext(), counts);
}

} // namespace strut::normalize
