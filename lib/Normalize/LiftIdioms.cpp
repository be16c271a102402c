//===- LiftIdioms.cpp - What the standard has one operator for ------------===//
//
// Exporters write activations, normalisations and attention as the nodes of their
// formulas. The rewrites are equal over the reals.
//
//===----------------------------------------------------------------------===//
#include "LiftIdioms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Normalize/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

namespace strut::normalize {
#define GEN_PASS_DEF_LIFTIDIOMS
#include "strut/Normalize/Passes.h.inc"
} // namespace strut::normalize

using namespace mlir;

namespace strut::normalize {

using onnx_ir::Op;

std::optional<double> scalarOf(Value value) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  if (!constant || constant.getNumElements() != 1 || !isa<FloatType>(constant.getElementType()))
    return std::nullopt;
  auto elements = constant.tryGetValues<APFloat>();
  if (!elements)
    return std::nullopt;
  APFloat number = *elements->begin();
  bool lost;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return number.convertToDouble();
}

bool isAbout(double constant, double value, Type element) {
  double tolerance = element.getIntOrFloatBitWidth() < 32 ? 1e-2 : 1e-5;
  return std::abs(constant - value) <= tolerance * std::abs(value);
}

Scaled stripScale(Value value, bool once) {
  Scaled result{value};
  while (Operation *op = result.value.getDefiningOp()) {
    if (once && !op->hasOneUse())
      break;
    if (auto mul = dyn_cast<Op<"Mul">>(op)) {
      double factor = 1;
      Value other = matchWithScalar(mul, factor);
      if (!other)
        break;
      result.scale *= factor;
      result.value = other;
    } else if (auto div = dyn_cast<Op<"Div">>(op)) {
      std::optional<double> right = scalarOf(div.in("B"));
      if (!right)
        break;
      result.scale /= *right;
      result.value = div.in("A");
    } else {
      break;
    }
  }
  return result;
}

static void collect(Value value, Product &product, bool isRoot) {
  Operation *op = value.getDefiningOp();
  if (std::optional<double> scalar = scalarOf(value)) {
    product.scale *= *scalar;
    return;
  }
  if (op && (isRoot || op->hasOneUse())) {
    if (auto mul = dyn_cast<Op<"Mul">>(op)) {
      collect(mul.in("A"), product, false);
      collect(mul.in("B"), product, false);
      return;
    }
    if (auto div = dyn_cast<Op<"Div">>(op))
      if (std::optional<double> by = scalarOf(div.in("B"))) {
        product.scale /= *by;
        collect(div.in("A"), product, false);
        return;
      }
  }
  product.factors.push_back(value);
}

Product productOf(Value value) {
  Product product;
  collect(value, product, true);
  return product;
}

Value matchWithScalar(Operation *op, double &scalar) {
  std::optional<double> left = scalarOf(op->getOperand(0)), right = scalarOf(op->getOperand(1));
  if (!left && !right)
    return {};
  scalar = left ? *left : *right;
  return op->getOperand(left ? 1 : 0);
}

Value matchMean(Value value) {
  auto mean = value.getDefiningOp<Op<"ReduceMean">>();
  if (!mean)
    return {};
  auto keep = mean.attr<IntegerAttr>("keepdims");
  Value axesOperand = mean.in("axes"), data = mean.in("data");
  ElementsAttr axes = axesOperand ? onnx_ir::constantOf(axesOperand) : ElementsAttr();
  auto type = dyn_cast<RankedTensorType>(data.getType());
  if ((keep && keep.getInt() == 0) || !axes || axes.getNumElements() != 1 || !type)
    return {};
  auto numbers = axes.tryGetValues<int64_t>();
  if (!numbers)
    return {};
  int64_t axis = *numbers->begin();
  return axis == -1 || axis == type.getRank() - 1 ? data : Value();
}

Value matchSquare(Value value) {
  if (auto pow = value.getDefiningOp<Op<"Pow">>())
    return scalarOf(pow.in("Y")) == 2 ? pow.in("X") : Value();
  auto mul = value.getDefiningOp<Op<"Mul">>();
  return mul && mul.in("A") == mul.in("B") ? mul.in("A") : Value();
}

Value matchRootMeanSquare(Value value, double &epsilon) {
  auto sqrt = value.getDefiningOp<Op<"Sqrt">>();
  auto add = sqrt ? sqrt.in("X").getDefiningOp<Op<"Add">>() : Op<"Add">();
  if (!add)
    return {};
  Value mean = matchWithScalar(add, epsilon);
  Value squares = mean ? matchMean(mean) : Value();
  return squares ? matchSquare(squares) : Value();
}

bool isVectorLike(Value value, Value x) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto input = dyn_cast<RankedTensorType>(x.getType());
  return type && input && onnx_ir::constantOf(value) && type.getRank() == 1 &&
         type.getDimSize(0) == input.getShape().back();
}

namespace {

/// Leaves in the location of what an idiom became the name of the pass and the nodes of the
/// formula, so that a block can say that it is equal over the reals only, and to what.
class NameIdioms : public RewriterBase::Listener {
public:
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint previous) override {
    if (!previous.isSet())
      made.insert(op);
  }

  void notifyOperationErased(Operation *op) override { made.erase(op); }

  void notifyOperationReplaced(Operation *op, ValueRange replacement) override {
    if (replacement.empty() || !made.contains(replacement.front().getDefiningOp()))
      return;
    Location formula = FusedLoc::get(op->getContext(), nodesOf(op),
                                     StringAttr::get(op->getContext(), "lift-idioms"));
    for (Operation *lifted : made)
      // These keep the bits.
      if (!isa<Op<"Relu">, Op<"Transpose">, Op<"Constant">>(lifted))
        lifted->setLoc(formula);
    made.clear();
  }

private:
  /// The formula: the nodes that nothing reads any more without `op`, in their order, but `op`
  /// first, for messages name a node by the first part of its location.
  SmallVector<Location> nodesOf(Operation *op) const {
    SetVector<Operation *> dead;
    SmallVector<Operation *> left = {op};
    auto isKept = [&](Operation *user) { return user != op && !dead.contains(user); };
    while (!left.empty()) {
      Operation *next = left.pop_back_val();
      dead.insert(next);
      for (Value operand : next->getOperands()) {
        Operation *before = operand.getDefiningOp();
        if (before && before->getBlock() == op->getBlock() && !isa<Op<"Constant">>(before) &&
            !dead.contains(before) && !made.contains(before) &&
            llvm::none_of(before->getUsers(), isKept))
          left.push_back(before);
      }
    }
    SmallVector<Operation *> others(dead.begin() + 1, dead.end());
    llvm::sort(others, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    SmallVector<Location> nodes = {op->getLoc()};
    for (Operation *other : others)
      nodes.push_back(other->getLoc());
    return nodes;
  }

  /// What the pattern at work has made so far.
  DenseSet<Operation *> made;
};

struct LiftIdiomsPass : impl::LiftIdiomsBase<LiftIdiomsPass> {
  void runOnOperation() override {
    IdiomCounts counts;
    RewritePatternSet patterns(&getContext());
    addLiftActivations(patterns, counts);
    addLiftGelu(patterns, counts);
    addLiftLayerNormalization(patterns, counts);
    addLiftRMSNormalization(patterns, counts);
    addLiftGroupNormalization(patterns, counts);
    addLiftTranspose(patterns, counts);
    addLiftAttention(patterns, counts);
    addLiftRotary(patterns, counts);
    addLiftExpertLoops(patterns, counts);
    NameIdioms names;
    GreedyRewriteConfig config;
    config.setListener(&names);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    numRelu += counts.relu;
    numGelu += counts.gelu;
    numSwish += counts.swish;
    numMish += counts.mish;
    numHardSigmoid += counts.hardSigmoid;
    numHardSwish += counts.hardSwish;
    numLayerNormalization += counts.layerNormalization;
    numRMSNormalization += counts.rmsNormalization;
    numGroupNormalization += counts.groupNormalization;
    numAttention += counts.attention;
    numTranspose += counts.transpose;
    numRotary += counts.rotary;
    numRowLoops += counts.rowLoops;
  }
};

} // namespace
} // namespace strut::normalize
