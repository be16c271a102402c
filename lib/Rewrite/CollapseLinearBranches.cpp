//===- CollapseLinearBranches.cpp - hidden channels without an activation --===//
#include "Channels.h"
#include "Constants.h"
#include "Sums.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_COLLAPSELINEARBRANCHES
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;

/// The two maps around a hidden layer, and the channels between them.
struct Hidden {
  Channels channels;
  layer::LinearOp second;
  int64_t inputs, outputs;

  /// Numbers of the hidden channels that have this function.
  SmallVector<int64_t> with(int64_t function) const {
    SmallVector<int64_t> found;
    for (auto [i, of] : llvm::enumerate(channels.of))
      if (of == function)
        found.push_back(i);
    return found;
  }
};

std::optional<Hidden> hiddenBefore(layer::LinearOp second, bool reducedPrecision) {
  // Condition 4 of collapse-linear-branches.
  if (!mayCombine(second.getType().getElementType(), reducedPrecision))
    return std::nullopt;
  std::optional<Channels> channels = channelsInto(second, second.getInput());
  if (!channels || channels->between.empty() ||
      int64_t(channels->of.size()) != second.getMapShape().first)
    return std::nullopt;
  return Hidden{*channels, second, channels->map.getMapShape().first, second.getMapShape().second};
}

/// Whether the map past the activation and the channels that remain take fewer products,
/// and so fewer bytes, than all channels.
bool pays(Hidden &hidden) {
  double idle = hidden.with(0).size(), all = hidden.channels.of.size();
  double computed = hidden.channels.map.getMapShape().second;
  double before = computed * hidden.inputs + all * hidden.outputs;
  double after =
      double(hidden.inputs) * hidden.outputs + (all - idle) * (hidden.inputs + hidden.outputs);
  return idle > 0 &&
         // Condition 5 of collapse-linear-branches.
         after < before;
}

/// Weights and biases in f64; no biases are zeros.
struct Weights {
  Matrix first, second;
  std::vector<double> firstBias, secondBias;
};

std::optional<Weights> read(Hidden &hidden) {
  layer::LinearOp first = hidden.channels.map;
  auto w1 = readMatrix(first.getWeight()), w2 = readMatrix(hidden.second.getWeight());
  auto biasOf = [](layer::LinearOp map) -> std::optional<std::vector<double>> {
    if (!map.getBias())
      return std::vector<double>(map.getMapShape().second, 0);
    return readConstant(map.getBias());
  };
  auto b1 = biasOf(first), b2 = biasOf(hidden.second);
  if (!w1 || !w2 || !b1 || !b2)
    return std::nullopt;
  return Weights{std::move(*w1), std::move(*w2), std::move(*b1), std::move(*b2)};
}

/// The columns of the first weight, its biases and the rows of the second weight that
/// belong to some hidden channels.
Weights select(const Weights &all, const Hidden &hidden, ArrayRef<int64_t> channels) {
  int64_t count = channels.size();
  Weights part{Matrix(hidden.inputs, count), Matrix(count, hidden.outputs), {}, {}};
  for (auto [to, channel] : llvm::enumerate(channels)) {
    int64_t from = hidden.channels.from[channel];
    for (int64_t k = 0; k < hidden.inputs; ++k)
      part.first(k, to) = all.first(k, from);
    for (int64_t n = 0; n < hidden.outputs; ++n)
      part.second(to, n) = all.second(channel, n);
    part.firstBias.push_back(all.firstBias[from]);
  }
  return part;
}

struct Collapse : OpRewritePattern<layer::LinearOp> {
  Collapse(MLIRContext *context, bool reducedPrecision, unsigned &count)
      : OpRewritePattern(context), reducedPrecision(reducedPrecision), count(count) {}

  LogicalResult matchAndRewrite(layer::LinearOp op, PatternRewriter &rewriter) const override {
    std::optional<Hidden> hidden = hiddenBefore(op, reducedPrecision);
    if (!hidden || !pays(*hidden))
      return failure();
    // Condition 3 of collapse-linear-branches holds: only constants have numbers.
    std::optional<Weights> weights = read(*hidden);
    if (!weights)
      return failure();
    Type element = op.getType().getElementType();
    Weights idle = select(*weights, *hidden, hidden->with(0));
    Matrix product = idle.first * idle.second;
    std::vector<double> bias = weights->secondBias;
    for (auto [k, b] : llvm::enumerate(idle.firstBias))
      for (int64_t n = 0; n < hidden->outputs; ++n)
        bias[n] += b * idle.second(k, n);
    // Condition 6 of collapse-linear-branches.
    if (!areFinite({product.data(), size_t(product.rows() * product.cols())}, element))
      return failure();
    // Condition 6 of collapse-linear-branches.
    if (!areFinite(bias, element))
      return failure();

    SmallVector<Location> nodes = {hidden->channels.map.getLoc()};
    for (Operation *between : hidden->channels.between)
      nodes.push_back(between->getLoc());
    nodes.push_back(op.getLoc());
    Location loc = rewritten("collapse-linear-branches", nodes);
    Value x = hidden->channels.map.getInput();
    auto matrix = [&](const Matrix &m) {
      return writeConstant(rewriter, loc, RankedTensorType::get({m.rows(), m.cols()}, element),
                           {m.data(), size_t(m.rows() * m.cols())});
    };
    auto vector = [&](ArrayRef<double> v) {
      return writeConstant(rewriter, loc, RankedTensorType::get({int64_t(v.size())}, element), v);
    };
    SmallVector<Value> addends = {
        layer::LinearOp::create(rewriter, loc, op.getType(), x, matrix(product), vector(bias))};
    for (int64_t f = 1; f < int64_t(hidden->channels.functions.size()); ++f) {
      SmallVector<int64_t> channels = hidden->with(f);
      if (channels.empty())
        continue;
      Weights part = select(*weights, *hidden, channels);
      SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
      shape.back() = channels.size();
      Value u = layer::LinearOp::create(rewriter, loc, RankedTensorType::get(shape, element), x,
                                        matrix(part.first), vector(part.firstBias));
      Value v = applyFunction(hidden->channels.functions[f], u, rewriter);
      addends.push_back(
          layer::LinearOp::create(rewriter, loc, op.getType(), v, matrix(part.second), Value()));
    }
    rewriter.replaceOp(op, sumOf(rewriter, loc, addends));
    ++count;
    return success();
  }

  bool reducedPrecision;
  unsigned &count;
};

struct CollapseLinearBranches : impl::CollapseLinearBranchesBase<CollapseLinearBranches> {
  using CollapseLinearBranchesBase::CollapseLinearBranchesBase;

  void runOnOperation() override {
    unsigned branches = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<Collapse>(&getContext(), reducedPrecision, branches);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numBranches += branches;
  }
};

} // namespace
} // namespace strut::rewrite
