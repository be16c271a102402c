//===- RecognizeLinear.cpp - Linear maps with constant weights ------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Recognize/Passes.h"

namespace strut::recognize {
#define GEN_PASS_DEF_RECOGNIZELINEAR
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

struct Counts {
  unsigned linear = 0, bias = 0;
};

/// The type of a constant, or of a transposed one; null for any other value.
RankedTensorType constantType(Value value) {
  Value source = value;
  if (auto transpose = value.getDefiningOp<Op<"Transpose">>())
    source = transpose.in("data");
  if (!onnx_ir::constantOf(source))
    return {};
  return dyn_cast<RankedTensorType>(value.getType());
}

/// Whether `value` is a constant [extent].
bool isVector(Value value, int64_t extent) {
  RankedTensorType type = constantType(value);
  return type && type.getRank() == 1 && type.getDimSize(0) == extent;
}

/// Whether a layer.linear of these operands has this result type, so that it
/// can stand for a value of that type.
bool fits(Value input, Value weight, Type result) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  RankedTensorType matrix = constantType(weight);
  if (!type || type.getRank() < 1 || !isa<FloatType>(type.getElementType()) || !matrix ||
      matrix.getRank() != 2)
    return false;
  SmallVector<int64_t> shape(type.getShape());
  if (!ShapedType::isDynamic(shape.back()) && shape.back() != matrix.getDimSize(0))
    return false;
  shape.back() = matrix.getDimSize(1);
  return RankedTensorType::get(shape, type.getElementType()) == result;
}

Value constant(PatternRewriter &rewriter, Location loc, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  auto attr = DenseElementsAttr::get(type, rewriter.getFloatAttr(element, value));
  return Op<"Constant">::create(rewriter, loc, {}, rewriter.getNamedAttr("value", attr))
      ->getResult(0);
}

Value transpose(PatternRewriter &rewriter, Location loc, Value value) {
  auto perm = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr({1, 0}));
  return Op<"Transpose">::create(rewriter, loc, value, perm)->getResult(0);
}

/// MatMul(x, W) = linear(x, W)
struct MatMulToLinear : OpRewritePattern<Op<"MatMul">> {
  MatMulToLinear(MLIRContext *context, Counts &counts)
      : OpRewritePattern(context), counts(counts) {}
  LogicalResult matchAndRewrite(Op<"MatMul"> op, PatternRewriter &rewriter) const override {
    if (!fits(op.in("A"), op.in("B"), op->getResult(0).getType()))
      return failure();
    rewriter.replaceOpWithNewOp<layer::LinearOp>(op, op->getResult(0).getType(), op.in("A"),
                                                 op.in("B"), Value());
    ++counts.linear;
    return success();
  }
  Counts &counts;
};

/// Gemm(x, W, c) = alpha * linear(x', W') + beta * c
struct GemmToLinear : OpRewritePattern<Op<"Gemm">> {
  GemmToLinear(MLIRContext *context, Counts &counts) : OpRewritePattern(context), counts(counts) {}

  static double factor(Op<"Gemm"> op, StringRef name) {
    auto attr = op.attr<FloatAttr>(name);
    return attr ? attr.getValueAsDouble() : 1;
  }
  static bool flag(Op<"Gemm"> op, StringRef name) {
    auto attr = op.attr<IntegerAttr>(name);
    return attr && attr.getInt() != 0;
  }

  LogicalResult matchAndRewrite(Op<"Gemm"> op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = op.in("A"), weight = op.in("B"), addend = op.in("C");
    auto inputType = dyn_cast<RankedTensorType>(input.getType());
    RankedTensorType matrix = constantType(weight);
    Type result = op->getResult(0).getType();
    if (!inputType || inputType.getRank() != 2 || !isa<FloatType>(inputType.getElementType()) ||
        !matrix || matrix.getRank() != 2 || !isa<RankedTensorType>(result))
      return failure();
    Type element = inputType.getElementType();
    int64_t outputs = matrix.getDimSize(flag(op, "transB") ? 0 : 1);
    int64_t rows = inputType.getDimSize(flag(op, "transA") ? 1 : 0);
    if (RankedTensorType::get({rows, outputs}, element) != result)
      return failure();
    if (flag(op, "transA"))
      input = transpose(rewriter, loc, input);
    if (flag(op, "transB"))
      weight = transpose(rewriter, loc, weight);
    double alpha = factor(op, "alpha"), beta = factor(op, "beta");
    bool bias = addend && alpha == 1 && beta == 1 && isVector(addend, outputs);
    Value y =
        layer::LinearOp::create(rewriter, loc, result, input, weight, bias ? addend : Value());
    if (alpha != 1)
      y = Op<"Mul">::create(rewriter, loc, {y, constant(rewriter, loc, element, alpha)})
              ->getResult(0);
    if (addend && !bias) {
      if (beta != 1)
        addend = Op<"Mul">::create(rewriter, loc, {addend, constant(rewriter, loc, element, beta)})
                     ->getResult(0);
      y = Op<"Add">::create(rewriter, loc, {y, addend})->getResult(0);
    }
    rewriter.replaceOp(op, y);
    ++counts.linear;
    counts.bias += bias;
    return success();
  }
  Counts &counts;
};

/// Add(linear(x, W), b) = linear(x, W) bias b, in either order
struct AddToBias : OpRewritePattern<Op<"Add">> {
  AddToBias(MLIRContext *context, Counts &counts) : OpRewritePattern(context), counts(counts) {}
  LogicalResult matchAndRewrite(Op<"Add"> op, PatternRewriter &rewriter) const override {
    for (auto [map, bias] : {std::pair(op.in("A"), op.in("B")), {op.in("B"), op.in("A")}}) {
      auto linear = map.getDefiningOp<layer::LinearOp>();
      if (!linear || linear.getBias() || !linear->hasOneUse() ||
          !isVector(bias, linear.getType().getShape().back()) ||
          linear.getType() != op->getResult(0).getType())
        continue;
      Location loc = rewriter.getFusedLoc({linear.getLoc(), op.getLoc()});
      Value fused = layer::LinearOp::create(rewriter, loc, linear.getType(), linear.getInput(),
                                            linear.getWeight(), bias);
      rewriter.replaceOp(op, fused);
      rewriter.eraseOp(linear);
      ++counts.bias;
      return success();
    }
    return failure();
  }
  Counts &counts;
};

struct RecognizeLinearPass : impl::RecognizeLinearBase<RecognizeLinearPass> {
  void runOnOperation() override {
    Counts counts;
    RewritePatternSet patterns(&getContext());
    patterns.add<MatMulToLinear, GemmToLinear, AddToBias>(&getContext(), counts);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numLinear += counts.linear;
    numBias += counts.bias;
  }
};

} // namespace
} // namespace strut::recognize
