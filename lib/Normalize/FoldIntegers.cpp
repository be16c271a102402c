//===- FoldIntegers.cpp - Arithmetic on a few constant integers -----------===//
//
// Exporters leave computations on constant axes and bounds in the graph, and
// the ranks behind them are known only once these are constants. Code for a
// handful of integers is not worth generating, so they are computed here.
//
//===----------------------------------------------------------------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Normalize/Passes.h"
#include <optional>

namespace strut::normalize {
#define GEN_PASS_DEF_FOLDINTEGERS
#include "strut/Normalize/Passes.h.inc"
} // namespace strut::normalize

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// More than this is no arithmetic on shapes.
constexpr int64_t kMost = 16;

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = onnx_ir::constantOf(value);
  if (!constant || !constant.getElementType().isInteger(64) || constant.getNumElements() > kMost)
    return std::nullopt;
  auto numbers = constant.tryGetValues<int64_t>();
  return numbers ? std::optional(SmallVector<int64_t>(*numbers)) : std::nullopt;
}

/// Of numbers far from overflow; a division only where all rounding agrees.
std::optional<int64_t> compute(Operation *op, int64_t a, int64_t b) {
  constexpr int64_t far = int64_t(1) << 31;
  if (std::abs(a) >= far || std::abs(b) >= far || a == INT64_MIN || b == INT64_MIN)
    return std::nullopt;
  if (isa<Op<"Add">>(op))
    return a + b;
  if (isa<Op<"Sub">>(op))
    return a - b;
  if (isa<Op<"Mul">>(op))
    return a * b;
  if (a < 0 || b <= 0)
    return std::nullopt;
  return isa<Op<"Div">>(op) ? a / b : a % b;
}

/// The elements of the result, if they can be told.
std::optional<SmallVector<int64_t>> fold(Operation *op, int64_t count) {
  auto left = integersOf(op->getOperand(0));
  if (!left)
    return std::nullopt;
  if (isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Identity">>(op))
    return left;
  auto right = integersOf(op->getOperand(1));
  if (!right)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < count; ++i) {
    // Of one axis at most, an operand has one element or as many as the result.
    std::optional<int64_t> element =
        compute(op, (*left)[left->size() == 1 ? 0 : i], (*right)[right->size() == 1 ? 0 : i]);
    if (!element)
      return std::nullopt;
    result.push_back(*element);
  }
  return result;
}

template <typename OpT> struct FoldIntegersOf : OpRewritePattern<OpT> {
  FoldIntegersOf(MLIRContext *context, unsigned &count)
      : OpRewritePattern<OpT>(context), count(count) {}

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !type.hasStaticShape() || type.getRank() > 1 ||
        !type.getElementType().isInteger(64) || type.getNumElements() > kMost)
      return failure();
    std::optional<SmallVector<int64_t>> elements = fold(op, type.getNumElements());
    if (!elements || int64_t(elements->size()) != type.getNumElements())
      return failure();
    auto attr = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, ArrayRef(*elements)));
    rewriter.replaceOp(op, Op<"Constant">::create(rewriter, op.getLoc(), {}, attr));
    ++count;
    return success();
  }

  unsigned &count;
};

struct FoldIntegersPass : impl::FoldIntegersBase<FoldIntegersPass> {
  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntegersOf<Op<"Add">>, FoldIntegersOf<Op<"Sub">>, FoldIntegersOf<Op<"Mul">>,
                 FoldIntegersOf<Op<"Div">>, FoldIntegersOf<Op<"Mod">>,
                 FoldIntegersOf<Op<"Reshape">>, FoldIntegersOf<Op<"Squeeze">>,
                 FoldIntegersOf<Op<"Unsqueeze">>, FoldIntegersOf<Op<"Identity">>>(&getContext(),
                                                                                  count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numFolded += count;
  }
};

} // namespace
} // namespace strut::normalize
