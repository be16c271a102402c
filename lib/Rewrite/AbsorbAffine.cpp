//===- AbsorbAffine.cpp - constant factors and addends into weights --------===//
#include "ChannelAffine.h"
#include "Constants.h"
#include "dialects/Layer/Layer.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_ABSORBAFFINE
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using onnx_ir::Op;

/// A linear map with a constant weight, of layers or of windows.
struct Host {
  Operation *op;
  Value weight, bias; ///< bias may be null
  ChannelAxis inputAxis = {}, outputAxis = {};
  /// Whether an addend before the map is an addend after it: zeros around an image are
  /// not shifted, and windows that end at a border see fewer values.
  bool takesShift = true;
  /// The weight is [groups, outer, middle, inner]; `outer` numbers inputs of a group where
  /// `inputsFirst`, else outputs, and `middle` the others.
  int64_t groups = 1, outer = 0, middle = 0, inner = 1;
  bool inputsFirst = true;

  int64_t inputs() const { return groups * (inputsFirst ? outer : middle); }
  int64_t outputs() const { return groups * (inputsFirst ? middle : outer); }
  /// The channels that an element of the weight leads from and to.
  std::pair<int64_t, int64_t> channelsOf(int64_t element) const {
    int64_t group = element / (outer * middle * inner);
    int64_t a = group * outer + element / (middle * inner) % outer;
    int64_t b = group * middle + element / inner % middle;
    return inputsFirst ? std::pair(a, b) : std::pair(b, a);
  }
};

template <typename LayerT> std::optional<Host> hostOfLayer(LayerT op) {
  RankedTensorType type = op.getWeight().getType();
  Host host{op, op.getWeight(), op.getBias()};
  host.inputAxis = host.outputAxis = op.getInput().getType().getRank() - 1;
  if (type.getRank() == 3)
    host.groups = type.getDimSize(0);
  host.outer = type.getShape().take_back(2)[0];
  host.middle = type.getShape().back();
  return host;
}

/// Conv and ConvTranspose.
std::optional<Host> hostOfWindows(onnx_ir::AnyOp op, bool transposed) {
  auto type = dyn_cast<RankedTensorType>(op.in("W").getType());
  auto image = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto group = op.attr<IntegerAttr>("group");
  int64_t groups = group ? group.getInt() : 1;
  if (!type || !type.hasStaticShape() || !image || type.getRank() < 3 ||
      image.getRank() != type.getRank() || groups < 1 || type.getDimSize(0) % groups != 0)
    return std::nullopt;
  auto pads = op.attr<DenseI64ArrayAttr>("pads");
  auto rule = op.attr<StringAttr>("auto_pad");
  bool explicitPads = !rule || rule.getValue() == "NOTSET";
  bool padded = explicitPads ? pads && llvm::any_of(pads.asArrayRef(), [](int64_t p) { return p; })
                             : rule.getValue() != "VALID";
  Host host{op, op.in("W"), op.in("B")};
  host.inputAxis = host.outputAxis = 1;
  host.takesShift =
      // Condition 4 of absorb-affine.
      !transposed &&
      // Condition 4 of absorb-affine.
      !padded;
  host.groups = groups;
  host.outer = type.getDimSize(0) / groups;
  host.middle = type.getDimSize(1);
  for (int64_t extent : type.getShape().drop_front(2))
    host.inner *= extent;
  host.inputsFirst = transposed;
  return host;
}

std::optional<Host> hostOf(Operation *op) {
  std::optional<Host> host;
  if (auto linear = dyn_cast<layer::LinearOp>(op))
    host = hostOfLayer(linear);
  else if (auto blocks = dyn_cast<layer::BlockLinearOp>(op))
    host = hostOfLayer(blocks);
  else if (auto conv = dyn_cast<Op<"Conv">>(op))
    host = hostOfWindows(conv, false);
  else if (auto up = dyn_cast<Op<"ConvTranspose">>(op))
    host = hostOfWindows(up, true);
  if (!host)
    return std::nullopt;
  // Condition 2 of absorb-affine.
  if (host->bias && !isConstant(host->bias))
    return std::nullopt;
  // Condition 6 of absorb-affine.
  if (!isConstantOf(host->weight, op))
    return std::nullopt;
  return host;
}

//===----------------------------------------------------------------------===//
// Walking away from a host
//===----------------------------------------------------------------------===//

/// Affine maps that neighbour a host on one side.
struct Neighbours {
  ChannelAffine map;
  /// Data movement that stays, in the order of the data.
  SmallVector<Operation *> moves;
  /// Before a host: what the first of them reads. After one: what the last gives.
  Value end;
  /// What a rewritten value is made of.
  llvm::SetVector<Location> locations;
  unsigned count = 0;
  /// A normalisation at the end whose own factor and addend are in `map`.
  Operation *normalisation = nullptr;
};

/// Whether all that read the value are hosts that take an addend, or it is one reader.
bool mayChange(Value value) {
  if (value.hasOneUse())
    return true;
  // Condition 2 of absorb-affine.
  return llvm::all_of(value.getUses(), [](OpOperand &use) {
    std::optional<Host> host = use.getOperandNumber() == 0 ? hostOf(use.getOwner()) : std::nullopt;
    return host &&
           // Condition 4 of absorb-affine.
           host->takesShift;
  });
}

/// The factor and addend that end a normalisation of rows, unless they do nothing.
std::optional<ChannelAffine> endOfNormalisation(Operation *op, ChannelAxis axis) {
  if (!isa<Op<"LayerNormalization">, Op<"RMSNormalization">>(op))
    return std::nullopt;
  onnx_ir::AnyOp norm(op);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto first = norm.attr<IntegerAttr>("axis");
  int64_t from = first ? first.getInt() : -1;
  bool overRows = from == -1 || from == type.getRank() - 1;
  bool onlyResult =
      llvm::all_of(op->getResults().drop_front(), [](Value other) { return other.use_empty(); });
  Value scale = op->getOperand(1);
  if (!overRows || !onlyResult || axis != type.getRank() - 1 || !isConstant(scale))
    return std::nullopt;
  auto factors = perChannel(scale, type, axis);
  if (!factors)
    return std::nullopt;
  std::vector<double> zeros(factors->size(), 0);
  ChannelAffine map{std::move(*factors), std::move(zeros)};
  if (Value addend = isa<Op<"LayerNormalization">>(op) ? norm.in("B") : Value()) {
    auto addends = isConstant(addend) ? perChannel(addend, type, axis) : std::nullopt;
    if (!addends)
      return std::nullopt;
    std::vector<double> ones(addends->size(), 1);
    map = map.then({std::move(ones), std::move(*addends)});
  }
  bool trivial = !map.shifts() && llvm::all_of(map.scale, [](double s) { return s == 1; });
  return trivial ? std::nullopt : std::optional(map);
}

Neighbours before(const Host &host, bool normalisations) {
  Neighbours found;
  ChannelAxis axis = host.inputAxis;
  SmallVector<Operation *> moves;
  auto take = [&](Operation *op, const ChannelAffine &map, Value operand) {
    ChannelAffine all = map.then(found.map);
    // Condition 4 of absorb-affine.
    if (all.shifts() && !host.takesShift)
      return false;
    found.map = std::move(all);
    found.end = operand;
    found.moves.append(moves);
    moves.clear();
    found.locations.insert(op->getLoc());
    ++found.count;
    return true;
  };
  for (Value value = host.op->getOperand(0); mayChange(value);) {
    Operation *op = value.getDefiningOp();
    if (!op)
      break;
    if (Value moved = movedOperand(op)) {
      axis = axisBefore(op, axis);
      moves.push_back(op);
      value = moved;
      continue;
    }
    if (normalisations)
      if (std::optional<ChannelAffine> map = endOfNormalisation(op, axis)) {
        if (take(op, *map, value))
          found.normalisation = op;
        break;
      }
    Value operand = mappedOperand(op);
    auto map = operand ? channelAffineOf(op, axis) : std::nullopt;
    if (!map || !take(op, *map, operand))
      break;
    value = operand;
  }
  std::reverse(found.moves.begin(), found.moves.end());
  return found;
}

Neighbours after(const Host &host) {
  Neighbours found;
  ChannelAxis axis = host.outputAxis;
  SmallVector<Operation *> moves;
  for (Value value = host.op->getResult(0); !value.use_empty();) {
    // Condition 2 of absorb-affine.
    if (!value.hasOneUse())
      break;
    Operation *user = *value.getUsers().begin();
    if (movedOperand(user) == value) {
      axis = axisAfter(user, axis);
      moves.push_back(user);
      value = user->getResult(0);
      continue;
    }
    auto map = mappedOperand(user) == value ? channelAffineOf(user, axis) : std::nullopt;
    if (!map)
      break;
    found.map = found.map.then(*map);
    value = found.end = user->getResult(0);
    found.moves.append(moves);
    moves.clear();
    found.locations.insert(user->getLoc());
    ++found.count;
  }
  return found;
}

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

struct Folded {
  std::vector<double> weight, bias; ///< an empty bias is none
};

/// ((x p + q) W + b) s + t = x (p W s) + (q W + b) s + t.
std::optional<Folded> fold(const Host &host, const ChannelAffine &in, const ChannelAffine &out,
                           Type element) {
  auto fits = [](const ChannelAffine &map, int64_t channels) {
    return map.isUniform() || int64_t(map.scale.size()) == channels;
  };
  auto weight = readConstant(host.weight);
  auto bias = host.bias ? readConstant(host.bias) : std::vector<double>(host.outputs(), 0);
  if (!weight || !bias || int64_t(bias->size()) != host.outputs() || !fits(in, host.inputs()) ||
      !fits(out, host.outputs()))
    return std::nullopt;
  for (auto [i, w] : llvm::enumerate(*weight)) {
    auto [from, to] = host.channelsOf(i);
    (*bias)[to] += in.shiftAt(from) * w;
    w *= in.scaleAt(from) * out.scaleAt(to);
  }
  for (auto [to, b] : llvm::enumerate(*bias))
    b = b * out.scaleAt(to) + out.shiftAt(to);
  // Condition 8 of absorb-affine.
  if (!areFinite(*weight, element))
    return std::nullopt;
  // Condition 8 of absorb-affine.
  if (!areFinite(*bias, element))
    return std::nullopt;
  if (!host.bias && !in.shifts() && !out.shifts())
    bias->clear();
  return Folded{std::move(*weight), std::move(*bias)};
}

/// The data movement once more, of another value.
Value moveAlike(ArrayRef<Operation *> moves, Value value, OpBuilder &b) {
  for (Operation *move : moves) {
    Operation *again = b.clone(*move);
    again->setOperand(0, value);
    value = again->getResult(0);
  }
  return value;
}

/// The same normalisation without factor and addend.
Value bareNormalisation(Operation *op, OpBuilder &b) {
  auto element = cast<RankedTensorType>(op->getOperand(1).getType()).getElementType();
  Value one = writeConstant(b, op->getLoc(), RankedTensorType::get({1}, element), {1.0});
  Operation *bare = b.clone(*op);
  bare->setOperands({op->getOperand(0), one});
  return bare->getResult(0);
}

Operation *build(const Host &host, Value input, Value weight, Value bias, Location loc,
                 OpBuilder &b) {
  Type result = host.op->getResult(0).getType();
  Operation *layer = nullptr;
  if (isa<layer::LinearOp>(host.op))
    layer = layer::LinearOp::create(b, loc, result, input, weight, bias);
  if (isa<layer::BlockLinearOp>(host.op))
    layer = layer::BlockLinearOp::create(b, loc, result, input, weight, bias);
  if (layer) {
    // What the map ends is called as before.
    layer->setDiscardableAttrs(host.op->getDiscardableAttrDictionary());
    return layer;
  }
  Operation *again = b.clone(*host.op);
  SmallVector<Value> operands = {input, weight};
  if (bias)
    operands.push_back(bias);
  again->setOperands(operands);
  again->setLoc(loc);
  return again;
}

/// Makes the host again, with what its neighbours did in its weight and bias.
void absorb(const Host &host, const Neighbours &in, const Neighbours &out, const Folded &folded,
            Type element, PatternRewriter &rewriter) {
  llvm::SetVector<Location> parts;
  parts.insert_range(in.locations);
  parts.insert(host.op->getLoc());
  parts.insert_range(out.locations);
  Location loc = rewritten("absorb-affine", parts.getArrayRef());
  auto shape = cast<RankedTensorType>(host.weight.getType()).getShape();
  Value weight = writeConstant(rewriter, loc, RankedTensorType::get(shape, element), folded.weight);
  Value bias;
  if (!folded.bias.empty())
    bias =
        writeConstant(rewriter, loc, RankedTensorType::get({host.outputs()}, element), folded.bias);
  Value input = host.op->getOperand(0);
  if (in.count) {
    Value end = in.normalisation ? bareNormalisation(in.normalisation, rewriter) : in.end;
    input = moveAlike(in.moves, end, rewriter);
  }
  Value made = build(host, input, weight, bias, loc, rewriter)->getResult(0);
  if (out.count) {
    Operation *last = out.end.getDefiningOp();
    rewriter.setInsertionPoint(last);
    rewriter.replaceOp(last, moveAlike(out.moves, made, rewriter));
  } else {
    rewriter.replaceOp(host.op, made);
  }
}

template <typename HostOp> struct AbsorbNeighbours : OpRewritePattern<HostOp> {
  AbsorbNeighbours(MLIRContext *context, bool reducedPrecision, bool normalisations,
                   unsigned &count)
      : OpRewritePattern<HostOp>(context), reducedPrecision(reducedPrecision),
        normalisations(normalisations), count(count) {}

  LogicalResult matchAndRewrite(HostOp op, PatternRewriter &rewriter) const override {
    std::optional<Host> host = hostOf(op);
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!host || !type)
      return failure();
    Type element = type.getElementType();
    // Condition 7 of absorb-affine.
    if (!mayCombine(element, reducedPrecision))
      return failure();
    Neighbours in = before(*host, normalisations), out = after(*host);
    if (in.count + out.count == 0)
      return failure();
    auto folded = fold(*host, in.map, out.map, element);
    if (!folded)
      return failure();
    absorb(*host, in, out, *folded, element, rewriter);
    count += in.count + out.count;
    return success();
  }

  bool reducedPrecision, normalisations;
  unsigned &count;
};

struct AbsorbAffine : impl::AbsorbAffineBase<AbsorbAffine> {
  using AbsorbAffineBase::AbsorbAffineBase;

  void runOnOperation() override {
    unsigned count = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<AbsorbNeighbours<layer::LinearOp>, AbsorbNeighbours<layer::BlockLinearOp>,
                 AbsorbNeighbours<Op<"Conv">>, AbsorbNeighbours<Op<"ConvTranspose">>>(
        &getContext(), reducedPrecision, normalisations, count);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numAbsorbed += count;
  }
};

} // namespace
} // namespace strut::rewrite
