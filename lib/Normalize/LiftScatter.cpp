//===- LiftScatter.cpp - Scatters along an axis where it lies -------------===//
//
// ScatterND writes slices of leading axes only, so exporters bring the axis of a cache
// that takes new rows to the front and back again: two copies of the whole cache for a
// few rows. ScatterElements takes any axis, with the places repeated for every element.
//
//===----------------------------------------------------------------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Normalize/Passes.h"

namespace strut::normalize {
#define GEN_PASS_DEF_LIFTSCATTER
#include "strut/Normalize/Passes.h.inc"
} // namespace strut::normalize

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

Value integers(PatternRewriter &rewriter, Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, rewriter.getI64Type());
  auto attr = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, values));
  return Op<"Constant">::create(rewriter, loc, {}, attr)->getResult(0);
}

Value transposed(PatternRewriter &rewriter, Location loc, Value x, ArrayRef<int64_t> order) {
  auto perm = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr(order));
  return Op<"Transpose">::create(rewriter, loc, x, perm)->getResult(0);
}

/// ScatterND(Transpose(x, p), places [n, 1], u) =
///   Transpose(ScatterElements(x, places repeated, Transpose(u, p⁻¹), axis p[0]), p)
///
/// Bit-exact: both write the slices in the order of the places, where two are the same. Not
/// for the last axis, whose slices are single elements where they lie.
struct LiftTransposedScatter : OpRewritePattern<Op<"ScatterND">> {
  LiftTransposedScatter(MLIRContext *context, unsigned &lifted)
      : OpRewritePattern(context), lifted(lifted) {}

  LogicalResult matchAndRewrite(Op<"ScatterND"> op, PatternRewriter &rewriter) const override {
    auto turned = op.in("data").getDefiningOp<Op<"Transpose">>();
    auto perm = turned ? turned.attr<DenseI64ArrayAttr>("perm") : DenseI64ArrayAttr();
    if (!perm)
      return failure();
    Value data = turned.in("data"), updates = op.in("updates");
    auto type = dyn_cast<RankedTensorType>(data.getType()),
         from = dyn_cast<RankedTensorType>(updates.getType()),
         places = dyn_cast<RankedTensorType>(op.in("indices").getType());
    ArrayRef<int64_t> order = perm.asArrayRef();
    int64_t rank = order.size();
    if (!type || !from || from.getRank() != rank || !places || places.getRank() != 2 ||
        places.getDimSize(1) != 1 || rank < 2 || order.front() + 1 == rank)
      return failure();

    Location loc = op.getLoc();
    SmallVector<int64_t> column(rank, 1);
    column[order.front()] = -1;
    Value rows = transposed(rewriter, loc, updates, invertPermutationVector(order));
    Value once =
        Op<"Reshape">::create(rewriter, loc, {op.in("indices"), integers(rewriter, loc, column)})
            ->getResult(0);
    Value shape = Op<"Shape">::create(rewriter, loc, rows)->getResult(0);
    Value repeated = Op<"Expand">::create(rewriter, loc, {once, shape})->getResult(0);
    SmallVector<NamedAttribute> attrs = {
        rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(order.front()))};
    auto reduction = op.attr<StringAttr>("reduction");
    if (reduction && reduction.getValue() != "none")
      attrs.push_back(rewriter.getNamedAttr("reduction", reduction));
    Value scattered =
        Op<"ScatterElements">::create(rewriter, loc, {data, repeated, rows}, attrs)->getResult(0);
    scattered.setType(type);
    Value result = transposed(rewriter, loc, scattered, order);
    // The inference may know less of the result than what stood here did.
    result.setType(op->getResult(0).getType());
    rewriter.replaceOp(op, result);
    ++lifted;
    return success();
  }

  unsigned &lifted;
};

struct LiftScatterPass : impl::LiftScatterBase<LiftScatterPass> {
  void runOnOperation() override {
    unsigned lifted = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<LiftTransposedScatter>(&getContext(), lifted);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numScatters += lifted;
  }
};

} // namespace
} // namespace strut::normalize
