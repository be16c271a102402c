//===- HoistBroadcasts.cpp - rows are computed before they are repeated ----===//
//
// Rows that are equal before a map of rows are equal after it.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_HOISTBROADCASTS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

/// An Expand that repeats rows: not along the last axis, and not only by axes of 1.
Op<"Expand"> repetitionOf(Value value) {
  auto expand = value.getDefiningOp<Op<"Expand">>();
  auto to = dyn_cast<RankedTensorType>(value.getType());
  auto from = expand ? dyn_cast<RankedTensorType>(expand.in("input").getType()) : nullptr;
  if (!to || !from ||
      // Condition 1 of hoist-broadcasts.
      from.getRank() == 0 ||
      // Condition 1 of hoist-broadcasts.
      ShapedType::isDynamic(from.getShape().back()) ||
      // Condition 1 of hoist-broadcasts.
      from.getShape().back() != to.getShape().back())
    return nullptr;
  int64_t added = to.getRank() - from.getRank();
  bool repeats = false;
  for (auto [axis, extent] : llvm::enumerate(to.getShape())) {
    int64_t before = int64_t(axis) < added ? 1 : from.getDimSize(int64_t(axis) - added);
    repeats |= before == 1 && extent != 1;
  }
  // Condition 2 of hoist-broadcasts.
  if (!repeats)
    return nullptr;
  return expand;
}

/// `shape` with 1 as its last entry: what is repeated keeps that axis.
Value keepingLast(Value shape, Location loc, OpBuilder &b) {
  auto vector = [&](ArrayRef<int64_t> numbers) {
    auto type = RankedTensorType::get({int64_t(numbers.size())}, b.getI64Type());
    return Op<"Constant">::create(b, loc, {},
                                  b.getNamedAttr("value", DenseElementsAttr::get(type, numbers)))
        ->getResult(0);
  };
  ElementsAttr constant = onnx_ir::constantOf(shape);
  auto numbers = constant ? constant.tryGetValues<int64_t>() : std::nullopt;
  if (numbers) {
    SmallVector<int64_t> extents(*numbers);
    extents.back() = 1;
    return vector(extents);
  }
  Value front =
      Op<"Slice">::create(b, loc, {shape, vector({0}), vector({-1}), vector({0})})->getResult(0);
  return Op<"Concat">::create(b, loc, {front, vector({1})},
                              b.getNamedAttr("axis", b.getI64IntegerAttr(0)))
      ->getResult(0);
}

/// The op on the rows as they are before `expand`, repeated after it.
void hoist(Operation *op, Op<"Expand"> expand, Value shape, RewriterBase &rewriter) {
  Location loc = rewritten("hoist-broadcasts", {op->getLoc(), expand->getLoc()});
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> rows(cast<RankedTensorType>(expand.in("input").getType()).getShape());
  rows.back() = result.getShape().back();
  Operation *before = rewriter.clone(*op);
  before->setOperand(0, expand.in("input"));
  before->getResult(0).setType(result.clone(rows));
  before->setLoc(loc);
  Value repeated = Op<"Expand">::create(rewriter, loc, {before->getResult(0), shape})->getResult(0);
  repeated.setType(result);
  rewriter.replaceOp(op, repeated);
}

template <typename LayerT> struct HoistOverMap : OpRewritePattern<LayerT> {
  HoistOverMap(MLIRContext *context, unsigned &count)
      : OpRewritePattern<LayerT>(context), count(count) {}

  LogicalResult matchAndRewrite(LayerT op, PatternRewriter &rewriter) const override {
    Op<"Expand"> expand = repetitionOf(op.getInput());
    if (!expand)
      return failure();
    hoist(op, expand, keepingLast(expand.in("shape"), op.getLoc(), rewriter), rewriter);
    ++count;
    return success();
  }

  unsigned &count;
};

template <typename FunctionT> struct HoistOverFunction : OpRewritePattern<FunctionT> {
  HoistOverFunction(MLIRContext *context, unsigned &count)
      : OpRewritePattern<FunctionT>(context), count(count) {}

  LogicalResult matchAndRewrite(FunctionT op, PatternRewriter &rewriter) const override {
    Op<"Expand"> expand = repetitionOf(op->getOperand(0));
    if (!expand)
      return failure();
    hoist(op, expand, expand.in("shape"), rewriter);
    ++count;
    return success();
  }

  unsigned &count;
};

struct HoistBroadcasts : impl::HoistBroadcastsBase<HoistBroadcasts> {
  void runOnOperation() override {
    unsigned count = 0;
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<HoistOverMap<layer::LinearOp>, HoistOverMap<layer::BlockLinearOp>,
                 HoistOverFunction<Op<"Relu">>, HoistOverFunction<Op<"Gelu">>,
                 HoistOverFunction<Op<"Sigmoid">>, HoistOverFunction<Op<"Tanh">>,
                 HoistOverFunction<Op<"Swish">>>(context, count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numHoisted += count;
  }
};

} // namespace
} // namespace strut::rewrite
