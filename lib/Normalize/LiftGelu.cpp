//===- LiftGelu.cpp - GELU from its formulas ------------------------------===//
#include "LiftIdioms.h"
#include <numbers>

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// a + a * f, whichever way round: gives f's op and a.
Operation *matchOnePlus(Value value, double &a, Type element) {
  auto add = value.getDefiningOp<Op<"Add">>();
  if (!add || !add->hasOneUse())
    return nullptr;
  for (auto [one, rest] : {std::pair(add.in("A"), add.in("B")), {add.in("B"), add.in("A")}}) {
    std::optional<double> constant = scalarOf(one);
    if (!constant || *constant == 0)
      continue;
    Scaled scaled = stripScale(rest);
    if (!isAbout(scaled.scale, *constant, element))
      continue;
    a = *constant;
    return scaled.value.getDefiningOp();
  }
  return nullptr;
}

/// x³ as a power or a product.
bool isCubeOf(Value value, Value x) {
  if (auto pow = value.getDefiningOp<Op<"Pow">>())
    return pow.in("X") == x && scalarOf(pow.in("Y")) == 3;
  Product product = productOf(value);
  if (product.scale != 1)
    return false;
  unsigned degree = 0;
  for (Value factor : product.factors) {
    auto pow = factor.getDefiningOp<Op<"Pow">>();
    if (factor == x)
      ++degree;
    else if (pow && pow.in("X") == x && scalarOf(pow.in("Y")) == 2)
      degree += 2;
    else
      return false;
  }
  return degree == 3;
}

/// sqrt(2/π) (x + 0.044715 x³)
bool isTanhArgument(Value value, Value x, Type element) {
  Scaled outer = stripScale(value);
  auto add = outer.value.getDefiningOp<Op<"Add">>();
  if (!add || !isAbout(outer.scale, std::sqrt(2 / std::numbers::pi), element))
    return false;
  for (auto [linear, cubic] : {std::pair(add.in("A"), add.in("B")), {add.in("B"), add.in("A")}}) {
    if (linear != x)
      continue;
    Product product = productOf(cubic);
    if (!isAbout(product.scale, 0.044715, element))
      continue;
    if (product.factors.size() == 1 && isCubeOf(product.factors[0], x))
      return true;
    Scaled cube = stripScale(cubic);
    if (isCubeOf(cube.value, x))
      return true;
    if (product.factors.size() == 3 && llvm::all_equal(product.factors) && product.factors[0] == x)
      return true;
  }
  return false;
}

/// 0.5 x (1 + erf(x / √2)), or (1 + tanh(...)), with the factors in any order
struct LiftGelu : OpRewritePattern<Op<"Mul">> {
  LiftGelu(MLIRContext *context, IdiomCounts &counts) : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(Op<"Mul"> op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<ShapedType>(op->getResult(0).getType());
    if (!type || !isa<FloatType>(type.getElementType()))
      return failure();
    Product product = productOf(op->getResult(0));
    if (product.factors.size() != 2)
      return failure();
    for (unsigned i : {0, 1})
      if (rewrite(op, product.factors[i], product.factors[1 - i], product.scale,
                  type.getElementType(), rewriter))
        return success();
    return failure();
  }

  bool rewrite(Op<"Mul"> op, Value x, Value gate, double scale, Type element,
               PatternRewriter &rewriter) const {
    double a = 1;
    Operation *inner = matchOnePlus(gate, a, element);
    if (!inner || x.getType() != op->getResult(0).getType() || !isAbout(scale * a, 0.5, element))
      return false;
    SmallVector<NamedAttribute> attrs;
    if (auto erf = dyn_cast<Op<"Erf">>(inner)) {
      Scaled argument = stripScale(erf.in("input"));
      if (argument.value != x || !isAbout(argument.scale, std::numbers::sqrt2 / 2, element))
        return false;
    } else if (auto tanh = dyn_cast<Op<"Tanh">>(inner)) {
      if (!isTanhArgument(tanh.in("input"), x, element))
        return false;
      attrs.push_back(rewriter.getNamedAttr("approximate", rewriter.getStringAttr("tanh")));
    } else {
      return false;
    }
    rewriter.replaceOp(op, Op<"Gelu">::create(rewriter, op.getLoc(), x, attrs));
    ++counts.gelu;
    return true;
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftGelu(RewritePatternSet &patterns, IdiomCounts &counts) {
  patterns.add<LiftGelu>(patterns.getContext(), counts);
}

} // namespace strut::normalize
