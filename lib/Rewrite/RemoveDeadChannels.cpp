//===- RemoveDeadChannels.cpp - hidden channels that come to nothing -------===//
//
// Sum over i of v_i W2[i,:] has no need of channels with v_i = 0 for every input, nor of
// those with W2[i,:] = 0.
//
//===----------------------------------------------------------------------===//
#include "ChannelAffine.h"
#include "Constants.h"
#include "dialects/Layer/Layer.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallBitVector.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_REMOVEDEADCHANNELS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;

/// Pointwise operators of one operand with f(0) = 0.
bool keepsZero(Operation *op) {
  // Condition 5 of remove-dead-channels.
  return isa<Op<"Relu">, Op<"Gelu">, Op<"Tanh">, Op<"Erf">, Op<"Swish">, Op<"HardSwish">,
             Op<"LeakyRelu">, Op<"Elu">, Op<"Selu">, Op<"Celu">, Op<"Softsign">, Op<"Mish">,
             Op<"Sin">, Op<"Abs">, Op<"ThresholdedRelu">, Op<"Neg">>(op);
}

/// Others of one operand.
bool isFunction(Operation *op) {
  return keepsZero(op) ||
         isa<Op<"Sigmoid">, Op<"HardSigmoid">, Op<"Softplus">, Op<"Exp">, Op<"Cos">, Op<"Sqrt">>(
             op);
}

/// The hidden layer before a map: the maps that it is computed with, and what is between, all
/// of one type and read by nothing else.
class HiddenLayer {
public:
  /// Fails where something else takes part, or a weight is no constant.
  static std::optional<HiddenLayer> before(layer::LinearOp second);

  /// The channels without which the second map's result is the same.
  llvm::SmallBitVector dead();
  /// The layer once more with these channels; `value` of the second map's input.
  Value rebuild(ArrayRef<int64_t> channels, Location loc, OpBuilder &b);

  SmallVector<Location> locations;

private:
  explicit HiddenLayer(layer::LinearOp second)
      : second(second), type(second.getInput().getType()) {}

  /// A map's biases, and which of its channels are 0. Its weight is large and read again
  /// where it is needed.
  struct Source {
    std::vector<double> bias;
    llvm::SmallBitVector zero;
  };

  bool read(Value value);
  bool readMap(layer::LinearOp map);
  llvm::SmallBitVector zeros(Value value);
  Value rebuild(Value value, ArrayRef<int64_t> channels, Location loc, OpBuilder &b);
  int64_t size() const { return type.getShape().back(); }

  layer::LinearOp second;
  RankedTensorType type;
  llvm::MapVector<Value, Source> maps;
  llvm::MapVector<Value, std::vector<double>> constants; ///< per channel
  llvm::DenseMap<Value, Value> rebuilt;
};

std::optional<HiddenLayer> HiddenLayer::before(layer::LinearOp second) {
  HiddenLayer hidden(second);
  if (ShapedType::isDynamic(hidden.size()) ||
      // Condition 2 of remove-dead-channels and 3 of remove-dead-channels.
      !isConstantOf(second.getWeight(), second) || !hidden.read(second.getInput()) ||
      hidden.maps.empty())
    return std::nullopt;
  return hidden;
}

bool HiddenLayer::read(Value value) {
  if (maps.contains(value) || constants.contains(value))
    return true;
  if (isConstant(value)) {
    auto numbers = perChannel(value, type, type.getRank() - 1);
    // Condition 1 of remove-dead-channels.
    if (!numbers)
      return false;
    if (numbers->size() == 1)
      numbers->resize(size(), numbers->front());
    constants[value] = std::move(*numbers);
    return true;
  }
  Operation *op = value.getDefiningOp();
  // Condition 1 of remove-dead-channels.
  if (!op)
    return false;
  // Condition 1 of remove-dead-channels.
  if (value.getType() != type)
    return false;
  // One reader, perhaps by several operands.
  // Condition 2 of remove-dead-channels.
  if (!llvm::all_equal(value.getUsers()))
    return false;
  locations.push_back(op->getLoc());
  if (auto map = dyn_cast<layer::LinearOp>(op))
    return readMap(map);
  if (isFunction(op))
    return read(op->getOperand(0));
  return isa<Op<"Mul">, Op<"Add">, Op<"Sub">>(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return read(operand); });
}

bool HiddenLayer::readMap(layer::LinearOp map) {
  // Condition 2 of remove-dead-channels.
  if (!isConstantOf(map.getWeight(), map))
    return false;
  auto bias = map.getBias() ? readConstant(map.getBias()) : std::vector<double>(size(), 0);
  if (!bias)
    return false;
  llvm::SmallBitVector zero(size());
  for (int64_t n = 0; n < size(); ++n)
    zero[n] = (*bias)[n] == 0;
  if (zero.any()) {
    auto weight = readMatrix(map.getWeight());
    if (!weight)
      return false;
    for (int64_t k = 0; k < weight->rows(); ++k)
      for (int64_t n = 0; n < size(); ++n)
        if ((*weight)(k, n) != 0)
          zero.reset(n);
  }
  maps.insert({map.getResult(), Source{std::move(*bias), std::move(zero)}});
  return true;
}

/// The channels that are 0 for every input.
llvm::SmallBitVector HiddenLayer::zeros(Value value) {
  llvm::SmallBitVector found(size());
  if (auto map = maps.find(value); map != maps.end())
    return map->second.zero;
  if (auto constant = constants.find(value); constant != constants.end()) {
    for (int64_t n = 0; n < size(); ++n)
      found[n] = constant->second[n] == 0;
    return found;
  }
  Operation *op = value.getDefiningOp();
  if (isFunction(op))
    return keepsZero(op) ? zeros(op->getOperand(0)) : found;
  found = zeros(op->getOperand(0));
  if (isa<Op<"Mul">>(op))
    return found |= zeros(op->getOperand(1));
  return found &= zeros(op->getOperand(1));
}

llvm::SmallBitVector HiddenLayer::dead() {
  llvm::SmallBitVector found = zeros(second.getInput());
  std::optional<Matrix> weight = readMatrix(second.getWeight());
  for (int64_t n = 0; weight && n < size(); ++n) {
    bool unread = true;
    for (int64_t m = 0; unread && m < weight->cols(); ++m)
      unread = (*weight)(n, m) == 0;
    if (unread)
      found.set(n);
  }
  return found;
}

Value HiddenLayer::rebuild(Value value, ArrayRef<int64_t> channels, Location loc, OpBuilder &b) {
  if (Value done = rebuilt.lookup(value))
    return done;
  Type element = type.getElementType();
  int64_t count = channels.size();
  auto vector = [&](const std::vector<double> &all) {
    std::vector<double> some;
    for (int64_t channel : channels)
      some.push_back(all[channel]);
    return writeConstant(b, loc, RankedTensorType::get({count}, element), some);
  };
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = count;
  RankedTensorType narrow = type.clone(shape);
  Value &made = rebuilt[value];
  if (auto constant = constants.find(value); constant != constants.end())
    return made = vector(constant->second);
  if (auto map = maps.find(value); map != maps.end()) {
    auto op = value.getDefiningOp<layer::LinearOp>();
    Matrix weight = *readMatrix(op.getWeight());
    Matrix some(weight.rows(), count);
    for (auto [to, channel] : llvm::enumerate(channels))
      for (int64_t k = 0; k < weight.rows(); ++k)
        some(k, to) = weight(k, channel);
    Value w = writeConstant(b, loc, RankedTensorType::get({some.rows(), count}, element),
                            {some.data(), size_t(some.rows() * count)});
    Value bias = op.getBias() ? vector(map->second.bias) : Value();
    return made = layer::LinearOp::create(b, loc, narrow, op.getInput(), w, bias);
  }
  Operation *op = value.getDefiningOp();
  SmallVector<Value> operands;
  for (Value operand : op->getOperands().take_front(isFunction(op) ? 1 : 2))
    operands.push_back(rebuild(operand, channels, loc, b));
  Operation *again = b.clone(*op);
  for (auto [i, operand] : llvm::enumerate(operands))
    again->setOperand(i, operand);
  again->getResult(0).setType(narrow);
  return rebuilt[value] = again->getResult(0);
}

Value HiddenLayer::rebuild(ArrayRef<int64_t> channels, Location loc, OpBuilder &b) {
  return rebuild(second.getInput(), channels, loc, b);
}

/// Which channels stay: those that are not dead, and as many dead ones as keep the number a
/// multiple of `unit`.
SmallVector<int64_t> keptChannels(const llvm::SmallBitVector &dead, int64_t unit) {
  int64_t alive = int64_t(dead.size()) - int64_t(dead.count());
  int64_t spare = llvm::alignTo(std::max<int64_t>(alive, 1), unit) - alive;
  SmallVector<int64_t> kept;
  for (unsigned channel = 0; channel < dead.size(); ++channel)
    if (!dead[channel] || spare-- > 0)
      kept.push_back(channel);
  return kept;
}

struct RemoveDead : OpRewritePattern<layer::LinearOp> {
  RemoveDead(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(layer::LinearOp op, PatternRewriter &rewriter) const override {
    std::optional<HiddenLayer> hidden = HiddenLayer::before(op);
    if (!hidden)
      return failure();
    llvm::SmallBitVector dead = hidden->dead();
    constexpr int64_t vector = 16;
    int64_t all = dead.size(), unit = 1;
    // Condition 4 of remove-dead-channels.
    if (all > 0)
      unit = std::min<int64_t>(all & -all, vector);
    SmallVector<int64_t> kept = keptChannels(dead, unit);
    if (int64_t(kept.size()) >= all)
      return failure();

    SmallVector<Location> nodes(hidden->locations);
    nodes.push_back(op.getLoc());
    Location loc = rewritten("remove-dead-channels", nodes);
    std::optional<Matrix> weight = readMatrix(op.getWeight());
    Matrix rows(kept.size(), weight->cols());
    for (auto [to, from] : llvm::enumerate(kept))
      for (int64_t n = 0; n < weight->cols(); ++n)
        rows(to, n) = (*weight)(from, n);
    Type element = op.getType().getElementType();
    Value w =
        writeConstant(rewriter, loc, RankedTensorType::get({rows.rows(), rows.cols()}, element),
                      {rows.data(), size_t(rows.rows() * rows.cols())});
    Value input = hidden->rebuild(kept, loc, rewriter);
    rewriter.replaceOpWithNewOp<layer::LinearOp>(op, op.getType(), input, w, op.getBias())
        ->setLoc(loc);
    count += all - kept.size();
    return success();
  }

  unsigned &count;
};

struct RemoveDeadChannels : impl::RemoveDeadChannelsBase<RemoveDeadChannels> {
  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<RemoveDead>(&getContext(), count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numChannels += count;
  }
};

} // namespace
} // namespace strut::rewrite
