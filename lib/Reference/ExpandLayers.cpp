//===- ExpandLayers.cpp - Layers by their definitions ---------------------===//
#include "dialects/Layer/Layer.h"
#include "mlir/IR/PatternMatch.h"
#include "strut/Recognize/Activations.h"
#include "strut/Reference/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace strut::reference {
#define GEN_PASS_DEF_EXPANDLAYERS
#include "strut/Reference/Passes.h.inc"
} // namespace strut::reference

using namespace mlir;

namespace strut::reference {
namespace {

using onnx_ir::Op;

/// result[..., n] = sum over k of input[..., k] * weight[k, n] + bias[n]
LogicalResult expand(layer::LinearOp op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  // A product of a vector and a matrix is a vector in the standard as well.
  Value result = Op<"MatMul">::create(rewriter, loc, {op.getInput(), op.getWeight()})->getResult(0);
  if (Value bias = op.getBias())
    result = Op<"Add">::create(rewriter, loc, {result, bias})->getResult(0);
  rewriter.replaceOp(op, result);
  return success();
}

/// A constant list.
Value integers(IRRewriter &rewriter, Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, rewriter.getI64Type());
  auto attr = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, values));
  return Op<"Constant">::create(rewriter, loc, {}, attr)->getResult(0);
}

Value reshaped(IRRewriter &rewriter, Location loc, Value value, ArrayRef<int64_t> shape) {
  Value target = integers(rewriter, loc, shape);
  return Op<"Reshape">::create(rewriter, loc, {value, target})->getResult(0);
}

/// result[..., b*N + n] = sum over k of input[..., b*K + k] * weight[b, k, n] + bias[b*N + n]
LogicalResult expand(layer::BlockLinearOp op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  RankedTensorType weight = op.getWeight().getType();
  if (!weight.hasStaticShape())
    return op.emitOpError("has no definition for blocks of dynamic extent");
  // In a Reshape, 0 is the extent that the axis has.
  SmallVector<int64_t> pieces(op.getInput().getType().getRank() - 1, 0), whole = pieces;
  pieces.append({weight.getDimSize(0), 1, weight.getDimSize(1)});
  whole.push_back(op.getMapShape().second);
  Value x = reshaped(rewriter, loc, op.getInput(), pieces);
  Value y = Op<"MatMul">::create(rewriter, loc, {x, op.getWeight()})->getResult(0);
  y = reshaped(rewriter, loc, y, whole);
  if (Value bias = op.getBias())
    y = Op<"Add">::create(rewriter, loc, {y, bias})->getResult(0);
  rewriter.replaceOp(op, y);
  return success();
}

/// A constant float.
Value number(IRRewriter &rewriter, Location loc, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  auto attr = DenseElementsAttr::get(type, rewriter.getFloatAttr(element, value));
  return Op<"Constant">::create(rewriter, loc, {}, rewriter.getNamedAttr("value", attr))
      ->getResult(0);
}

/// scale[c] * (mean of the window inside the image - its centre) / sqrt(variance + epsilon)
LogicalResult expand(layer::PoolMixerOp op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getInput().getType();
  SmallVector<int64_t> pads = llvm::to_vector(op.getBefore());
  for (auto [extent, before] : llvm::zip(op.getWindow(), op.getBefore()))
    pads.push_back(extent - 1 - before);
  Value x = op.getInput();
  auto kernel =
      rewriter.getNamedAttr("kernel_shape", rewriter.getDenseI64ArrayAttr(op.getWindow()));
  auto padding = rewriter.getNamedAttr("pads", rewriter.getDenseI64ArrayAttr(pads));
  Value mean = Op<"AveragePool">::create(rewriter, loc, x, {kernel, padding})->getResult(0);
  Value y = Op<"Sub">::create(rewriter, loc, {mean, x})->getResult(0);
  if (Value scale = op.getScale()) {
    SmallVector<int64_t> shape(type.getRank() - 1, 1);
    shape[0] = -1;
    Value factor = reshaped(rewriter, loc, scale, shape);
    y = Op<"Mul">::create(rewriter, loc, {y, factor})->getResult(0);
  }
  if (auto epsilon = op.getEpsilon()) {
    Value axes = integers(rewriter, loc, llvm::to_vector(llvm::seq<int64_t>(1, type.getRank())));
    auto average = [&](Value of) {
      return Op<"ReduceMean">::create(rewriter, loc, {of, axes})->getResult(0);
    };
    Value d = Op<"Sub">::create(rewriter, loc, {x, average(x)})->getResult(0);
    Value variance = average(Op<"Mul">::create(rewriter, loc, {d, d})->getResult(0));
    Value above = Op<"Add">::create(rewriter, loc,
                                    {variance, number(rewriter, loc, type.getElementType(),
                                                      epsilon->convertToDouble())})
                      ->getResult(0);
    Value deviation = Op<"Sqrt">::create(rewriter, loc, above)->getResult(0);
    y = Op<"Div">::create(rewriter, loc, {y, deviation})->getResult(0);
  }
  rewriter.replaceOp(op, y);
  return success();
}

/// The k largest logits, and a softmax over these or over all
LogicalResult expand(layer::RouteOp op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  bool overAll = op.getGate() == layer::Gate::all;
  auto softmax = [&](Value x) -> Value {
    return Op<"Softmax">::create(rewriter, loc, x)->getResult(0);
  };
  Value logits = overAll ? Value(softmax(op.getLogits())) : op.getLogits();
  Value k = integers(rewriter, loc, int64_t(op.getK()));
  Operation *best = Op<"TopK">::create(rewriter, loc, {logits, k}, {}, /*numResults=*/2);
  Value weights = best->getResult(0);
  rewriter.replaceOp(op, {overAll ? weights : softmax(weights), Value(best->getResult(1))});
  return success();
}

/// The weights that every row chooses, gathered, and a product for each choice: [..., k, 1, N]
LogicalResult expand(layer::ExpertsOp op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  Value beforeLast = integers(rewriter, loc, {-2});
  auto unsqueezed = [&](Value x, Value axes) {
    return Op<"Unsqueeze">::create(rewriter, loc, {x, axes})->getResult(0);
  };
  auto chosen = [&](Value table) {
    return Op<"Gather">::create(rewriter, loc, {table, op.getExperts()})->getResult(0);
  };
  auto product = [&](Value x, Value matrices, Value bias) {
    Value y = Op<"MatMul">::create(rewriter, loc, {x, chosen(matrices)})->getResult(0);
    if (bias)
      y = Op<"Add">::create(rewriter, loc, {y, unsqueezed(chosen(bias), beforeLast)})->getResult(0);
    return y;
  };
  auto act = [&](Value x) {
    return recognize::buildActivation(rewriter, loc,
                                      {x, op.getActivation(), op.getAlpha().convertToDouble()});
  };
  Value x = unsqueezed(op.getInput(), integers(rewriter, loc, {-2, -3}));
  Value hidden = product(x, op.getIn(), op.getInBias());
  if (Value gate = op.getGate()) {
    Value open = act(product(x, gate, op.getGateBias()));
    hidden = Op<"Mul">::create(rewriter, loc, {open, hidden})->getResult(0);
  } else {
    hidden = act(hidden);
  }
  Value y = product(hidden, op.getOut(), op.getOutBias());
  Value weights = unsqueezed(op.getWeights(), integers(rewriter, loc, {-1, -2}));
  y = Op<"Mul">::create(rewriter, loc, {y, weights})->getResult(0);
  auto drop = rewriter.getNamedAttr("keepdims", rewriter.getI64IntegerAttr(0));
  Value sums = integers(rewriter, loc, {-2, -3});
  rewriter.replaceOp(op, Op<"ReduceSum">::create(rewriter, loc, {y, sums}, drop)->getResult(0));
  return success();
}

/// Every form is the value; this is one of them.
LogicalResult expand(layer::AlternativesOp op, IRRewriter &rewriter, int64_t form) {
  if (form >= int64_t(op.getForms().size()))
    return op.emitOpError("has no form ") << form;
  Block &body = op.getForms()[form < 0 ? op.getOtherwise() : form].front();
  Operation *yield = body.getTerminator();
  SmallVector<Value> results(yield->getOperands());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(&body, op);
  rewriter.replaceOp(op, results);
  return success();
}

struct ExpandLayersPass : impl::ExpandLayersBase<ExpandLayersPass> {
  using ExpandLayersBase::ExpandLayersBase;

  void runOnOperation() override {
    // Inside out: the forms of alternatives hold layers themselves.
    SmallVector<Operation *> layers;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<layer::LayerDialect>(op->getDialect()) && !isa<layer::YieldOp>(op))
        layers.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : layers) {
      rewriter.setInsertionPoint(op);
      LogicalResult expanded =
          llvm::TypeSwitch<Operation *, LogicalResult>(op)
              .Case([&](layer::LinearOp linear) { return expand(linear, rewriter); })
              .Case([&](layer::BlockLinearOp blocks) { return expand(blocks, rewriter); })
              .Case([&](layer::PoolMixerOp mixer) { return expand(mixer, rewriter); })
              .Case([&](layer::RouteOp route) { return expand(route, rewriter); })
              .Case([&](layer::ExpertsOp experts) { return expand(experts, rewriter); })
              .Case([&](layer::AlternativesOp forms) { return expand(forms, rewriter, form); })
              .Default([](Operation *op) { return op->emitOpError("has no definition"); });
      if (failed(expanded))
        return signalPassFailure();
      ++numExpanded;
    }
  }
};

} // namespace
} // namespace strut::reference
