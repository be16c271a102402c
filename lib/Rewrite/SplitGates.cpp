//===- SplitGates.cpp - two maps for the halves of a gated net ------------===//
#include "Channels.h"
#include "Constants.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_SPLITGATES
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;

struct SplitGate : OpRewritePattern<Op<"Mul">> {
  SplitGate(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"Mul"> op, PatternRewriter &rewriter) const override {
    Value left = op.in("A"), right = op.in("B");
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || type.getRank() == 0 || left.getType() != type || right.getType() != type)
      return failure();
    std::optional<Channels> both = channelsInto(op, {left, right});
    int64_t half = both ? both->from.size() / 2 : 0;
    if (!both || half == 0 || half != type.getShape().back() || !areHalves(*both))
      return failure();
    // Condition 3 of split-gates holds: only constants have numbers.
    auto weight = readMatrix(both->map.getWeight());
    auto bias = both->map.getBias() ? readConstant(both->map.getBias())
                                    : std::optional<std::vector<double>>(std::in_place);
    if (!weight || !bias)
      return failure();

    SmallVector<Location> nodes = {both->map.getLoc()};
    for (Operation *between : both->between)
      nodes.push_back(between->getLoc());
    Location loc = rewritten("split-gates", nodes);
    Type element = type.getElementType();
    SmallVector<Value> halves;
    for (int64_t first : {int64_t(0), half}) {
      Matrix columns(weight->rows(), half);
      std::vector<double> addends;
      for (int64_t n = 0; n < half; ++n) {
        int64_t from = both->from[first + n];
        for (int64_t k = 0; k < weight->rows(); ++k)
          columns(k, n) = (*weight)(k, from);
        if (!bias->empty())
          addends.push_back((*bias)[from]);
      }
      auto matrix = RankedTensorType::get({columns.rows(), half}, element);
      Value w =
          writeConstant(rewriter, loc, matrix, {columns.data(), size_t(columns.rows() * half)});
      Value b;
      if (!addends.empty())
        b = writeConstant(rewriter, loc, RankedTensorType::get({half}, element), addends);
      Value u = layer::LinearOp::create(rewriter, loc, type, both->map.getInput(), w, b);
      halves.push_back(applyFunction(both->functions[both->of[first]], u, rewriter));
    }
    rewriter.modifyOpInPlace(op, [&] { op->setOperands(halves); });
    ++count;
    return success();
  }

  /// Whether the two operands read different channels, each by one function.
  static bool areHalves(const Channels &both) {
    ArrayRef<int64_t> from = both.from, of = both.of;
    int64_t half = from.size() / 2;
    return
        // Condition 1 of split-gates.
        from.take_front(half) != from.take_back(half) &&
        // Condition 1 of split-gates.
        llvm::all_equal(of.take_front(half)) &&
        // Condition 1 of split-gates.
        llvm::all_equal(of.take_back(half));
  }

  unsigned &count;
};

struct SplitGates : impl::SplitGatesBase<SplitGates> {
  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitGate>(&getContext(), count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numGates += count;
  }
};

} // namespace
} // namespace strut::rewrite
