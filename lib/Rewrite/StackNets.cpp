//===- StackNets.cpp - one hidden layer of several beside each other -------===//
//
// Sum over t of f(x U_t + u_t) V_t + v_t = f(x [U_1 U_2 ...] + [u_1 u_2 ...]) [V_1; V_2; ...]
// + sum over t of v_t.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "Sums.h"
#include "dialects/Layer/Layer.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_STACKNETS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;

/// A feed-forward net with one function of one operand between its maps.
struct Net {
  layer::LinearOp first, second;
  Operation *function;
};

bool isFunction(Operation *op) {
  return isa_and_present<Op<"Relu">, Op<"Gelu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Erf">, Op<"Swish">,
                         Op<"HardSwish">, Op<"HardSigmoid">, Op<"LeakyRelu">, Op<"Elu">, Op<"Selu">,
                         Op<"Celu">, Op<"Softplus">, Op<"Softsign">, Op<"Mish">, Op<"Exp">,
                         Op<"Sin">, Op<"Cos">, Op<"Abs">>(op);
}

bool ownsConstants(layer::LinearOp map) {
  return
      // Condition 3 of stack-nets and 4 of stack-nets.
      isConstantOf(map.getWeight(), map) &&
      // Condition 4 of stack-nets.
      (!map.getBias() || isConstant(map.getBias()));
}

std::optional<Net> netOf(Value value) {
  Net net{{}, value.getDefiningOp<layer::LinearOp>(), nullptr};
  if (!net.second ||
      // Condition 3 of stack-nets.
      !ownsConstants(net.second))
    return std::nullopt;
  // Condition 3 of stack-nets.
  if (!value.hasOneUse())
    return std::nullopt;
  net.function = net.second.getInput().getDefiningOp();
  // Condition 2 of stack-nets.
  if (!isFunction(net.function))
    return std::nullopt;
  // Condition 3 of stack-nets.
  if (!net.function->hasOneUse())
    return std::nullopt;
  net.first = net.function->getOperand(0).getDefiningOp<layer::LinearOp>();
  if (!net.first || !ownsConstants(net.first))
    return std::nullopt;
  // Condition 3 of stack-nets.
  if (!net.first->hasOneUse())
    return std::nullopt;
  return net;
}

bool areAlike(Net a, Net b) {
  return
      // Condition 1 of stack-nets.
      a.first.getInput() == b.first.getInput() &&
      // Condition 2 of stack-nets.
      a.function->getName() == b.function->getName() &&
      // Condition 2 of stack-nets.
      a.function->getAttrDictionary() == b.function->getAttrDictionary();
}

/// Weights and biases of several nets as those of one; no biases are zeros.
struct Stack {
  Matrix first, second;
  std::vector<double> firstBias, secondBias;
};

std::optional<Stack> stackOf(ArrayRef<Net> nets) {
  Net any = nets.front();
  int64_t inputs = any.first.getMapShape().first, hidden = 0,
          outputs = any.second.getMapShape().second;
  for (Net net : nets)
    hidden += net.first.getMapShape().second;
  Stack stack{Matrix(inputs, hidden), Matrix(hidden, outputs), {}, {}};
  stack.secondBias.resize(outputs);
  auto biasOf = [](layer::LinearOp map) -> std::optional<std::vector<double>> {
    return map.getBias() ? readConstant(map.getBias())
                         : std::vector<double>(map.getMapShape().second, 0);
  };
  int64_t at = 0;
  for (Net net : nets) {
    auto u = readMatrix(net.first.getWeight()), v = readMatrix(net.second.getWeight());
    auto a = biasOf(net.first), b = biasOf(net.second);
    if (!u || !v || !a || !b)
      return std::nullopt;
    for (int64_t j = 0; j < u->cols(); ++j, ++at) {
      for (int64_t k = 0; k < inputs; ++k)
        stack.first(k, at) = (*u)(k, j);
      for (int64_t n = 0; n < outputs; ++n)
        stack.second(at, n) = (*v)(j, n);
    }
    stack.firstBias.insert(stack.firstBias.end(), a->begin(), a->end());
    for (auto [sum, addend] : llvm::zip_equal(stack.secondBias, *b))
      sum += addend;
  }
  return stack;
}

template <typename SumOp> struct StackSum : OpRewritePattern<SumOp> {
  StackSum(MLIRContext *context, bool reducedPrecision, unsigned &count)
      : OpRewritePattern<SumOp>(context), reducedPrecision(reducedPrecision), count(count) {}

  LogicalResult matchAndRewrite(SumOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> addends, others;
    RankedTensorType type = addendsOf(op->getResult(0), reducedPrecision, addends);
    if (!type)
      return failure();
    SmallVector<Net> nets;
    for (Value addend : addends) {
      std::optional<Net> net = addend.getType() == type ? netOf(addend) : std::nullopt;
      if (net && (nets.empty() || areAlike(nets.front(), *net)))
        nets.push_back(*net);
      else
        others.push_back(addend);
    }
    if (nets.size() < 2)
      return failure();
    Type element = type.getElementType();
    std::optional<Stack> stack = stackOf(nets);
    if (!stack)
      return failure();
    // Condition 5 of stack-nets.
    if (!areFinite(stack->secondBias, element))
      return failure();
    // First, for it has the type of the sum.
    others.insert(others.begin(), build(nets, *stack, type, op, rewriter));
    rewriter.replaceOp(op, sumOf(rewriter, op->getLoc(), others));
    count += nets.size() - 1;
    return success();
  }

  static Value build(ArrayRef<Net> nets, const Stack &stack, RankedTensorType type, Operation *sum,
                     PatternRewriter &rewriter) {
    SmallVector<Location> nodes;
    for (Net net : nets)
      nodes.append({net.first.getLoc(), net.function->getLoc(), net.second.getLoc()});
    nodes.push_back(sum->getLoc());
    Location loc = rewritten("stack-nets", nodes);
    Type element = type.getElementType();
    auto matrix = [&](const Matrix &m) {
      return writeConstant(rewriter, loc, RankedTensorType::get({m.rows(), m.cols()}, element),
                           {m.data(), size_t(m.rows() * m.cols())});
    };
    auto vector = [&](const std::vector<double> &v) {
      return writeConstant(rewriter, loc, RankedTensorType::get({int64_t(v.size())}, element), v);
    };
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = stack.first.cols();
    RankedTensorType wide = type.clone(shape);
    Net any = nets.front();
    Value u = layer::LinearOp::create(rewriter, loc, wide, any.first.getInput(),
                                      matrix(stack.first), vector(stack.firstBias));
    Operation *function = rewriter.clone(*any.function);
    function->setOperand(0, u);
    function->getResult(0).setType(wide);
    return layer::LinearOp::create(rewriter, loc, type, function->getResult(0),
                                   matrix(stack.second), vector(stack.secondBias));
  }

  bool reducedPrecision;
  unsigned &count;
};

struct StackNets : impl::StackNetsBase<StackNets> {
  using StackNetsBase::StackNetsBase;

  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<StackSum<Op<"Add">>, StackSum<Op<"Sum">>>(&getContext(), reducedPrecision, count);
    // A sum before its parts, so that one sees all addends.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(false);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    numStacked += count;
  }
};

} // namespace
} // namespace strut::rewrite
