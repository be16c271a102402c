//===- Channels.cpp - Where the channels of a hidden layer come from ------===//
#include "Channels.h"
#include "ChannelAffine.h"
#include "Constants.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

namespace {

/// Operators of one operand that map each element alone; others may be constants that
/// hold for all elements.
bool isPointwise(Operation *op) {
  if (isa<Op<"Relu">, Op<"Gelu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Erf">, Op<"Swish">,
          Op<"HardSwish">, Op<"HardSigmoid">, Op<"LeakyRelu">, Op<"Elu">, Op<"Selu">, Op<"Celu">,
          Op<"Softplus">, Op<"Softsign">, Op<"Mish">, Op<"Exp">, Op<"Sin">, Op<"Cos">, Op<"Abs">,
          Op<"ThresholdedRelu">, Op<"Neg">>(op))
    return true;
  auto isScalar = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return isa<NoneType>(value.getType()) || (isConstant(value) &&
                                              // Condition 1 of collapse-linear-branches.
                                              type.getNumElements() == 1 && type.getRank() <= 1);
  };
  return isa<Op<"Clip">, Op<"Mul">, Op<"Div">, Op<"Add">, Op<"Sub">, Op<"Pow">>(op) &&
         llvm::all_of(op->getOperands().drop_front(), isScalar);
}

/// The numbers of a constant vector of integers.
std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  auto numbers = constant && constant.getElementType().isInteger(64)
                     ? constant.tryGetValues<int64_t>()
                     : std::nullopt;
  return numbers ? std::optional(SmallVector<int64_t>(*numbers)) : std::nullopt;
}

int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

/// An axis attribute, counted from the front.
std::optional<int64_t> axisOf(onnx_ir::AnyOp op, int64_t rank) {
  auto axis = op.attr<IntegerAttr>("axis");
  if (!axis)
    return 0;
  return axis.getInt() < 0 ? axis.getInt() + rank : axis.getInt();
}

class Trace {
public:
  explicit Trace(Channels &found) : found(found) { found.functions.emplace_back(); }

  /// Numbers into `all`, one per channel of `axis`.
  using Indices = std::optional<std::vector<int64_t>>;
  Indices follow(Value value, int64_t axis);

  /// Every channel that was met: its place in the map and its function.
  std::vector<std::pair<int64_t, int64_t>> all;
  llvm::SetVector<Operation *> visited;

private:
  Indices followMap(layer::LinearOp map, int64_t axis);
  Indices followSlice(Op<"Slice"> op, int64_t axis);
  Indices followSplit(Op<"Split"> op, Value piece, int64_t axis);
  Indices followConcat(Op<"Concat"> op, int64_t axis);
  Indices followGather(Op<"Gather"> op, int64_t axis);
  Indices followWhere(Op<"Where"> op, int64_t axis);
  Indices followFunction(Operation *op, int64_t axis);

  Channels &found;
};

Trace::Indices Trace::follow(Value value, int64_t axis) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<RankedTensorType>(value.getType()))
    return std::nullopt;
  if (auto map = dyn_cast<layer::LinearOp>(op))
    return followMap(map, axis);
  visited.insert(op);
  if (auto slice = dyn_cast<Op<"Slice">>(op))
    return followSlice(slice, axis);
  if (auto split = dyn_cast<Op<"Split">>(op))
    return followSplit(split, value, axis);
  if (auto concat = dyn_cast<Op<"Concat">>(op))
    return followConcat(concat, axis);
  if (auto gather = dyn_cast<Op<"Gather">>(op))
    return followGather(gather, axis);
  if (auto where = dyn_cast<Op<"Where">>(op))
    return followWhere(where, axis);
  if (isa<Op<"Transpose">>(op))
    return follow(op->getOperand(0), *axisBefore(op, axis));
  return isPointwise(op) ? followFunction(op, axis) : std::nullopt;
}

Trace::Indices Trace::followMap(layer::LinearOp map, int64_t axis) {
  // Condition 1 of collapse-linear-branches and 1 of split-gates.
  if (found.map && found.map != map)
    return std::nullopt;
  // Condition 1 of collapse-linear-branches and 1 of split-gates.
  if (axis != map.getType().getRank() - 1)
    return std::nullopt;
  int64_t channels = map.getMapShape().second;
  if (!found.map)
    for (int64_t c = 0; c < channels; ++c)
      all.emplace_back(c, 0);
  found.map = map;
  // The map's own channels, without a function, are the first of all.
  std::vector<int64_t> indices(channels);
  for (auto [c, index] : llvm::enumerate(indices))
    index = c;
  return indices;
}

Trace::Indices Trace::followSlice(Op<"Slice"> op, int64_t axis) {
  auto starts = integersOf(op.in("starts")), ends = integersOf(op.in("ends"));
  auto axes = op.in("axes") ? integersOf(op.in("axes")) : SmallVector<int64_t>{0};
  auto steps = op.in("steps") ? integersOf(op.in("steps")) : SmallVector<int64_t>{1};
  if (!starts || !ends || !axes || !steps ||
      // Condition 1 of collapse-linear-branches.
      starts->size() != 1 ||
      // Condition 1 of collapse-linear-branches.
      steps->front() != 1 ||
      // Condition 1 of collapse-linear-branches.
      (axes->front() + rankOf(op.in("data"))) % rankOf(op.in("data")) != axis)
    return std::nullopt;
  Indices all = follow(op.in("data"), axis);
  if (!all)
    return std::nullopt;
  int64_t size = all->size();
  auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? std::max(at, -size) + size : at, 0, size);
  };
  int64_t from = place(starts->front()), to = std::max(from, place(ends->front()));
  return std::vector<int64_t>(all->begin() + from, all->begin() + to);
}

Trace::Indices Trace::followSplit(Op<"Split"> op, Value piece, int64_t axis) {
  // Condition 1 of collapse-linear-branches.
  if (axisOf(op, rankOf(piece)) != axis)
    return std::nullopt;
  Indices all = follow(op.in("input"), axis);
  int64_t from = 0;
  for (Value result : op->getResults()) {
    int64_t extent = cast<RankedTensorType>(result.getType()).getDimSize(axis);
    if (!all || ShapedType::isDynamic(extent) || from + extent > int64_t(all->size()))
      return std::nullopt;
    if (result == piece)
      return std::vector<int64_t>(all->begin() + from, all->begin() + from + extent);
    from += extent;
  }
  return std::nullopt;
}

Trace::Indices Trace::followConcat(Op<"Concat"> op, int64_t axis) {
  // Condition 1 of collapse-linear-branches.
  if (axisOf(op, rankOf(op->getResult(0))) != axis)
    return std::nullopt;
  std::vector<int64_t> channels;
  for (Value part : op->getOperands()) {
    Indices more = follow(part, axis);
    if (!more)
      return std::nullopt;
    channels.insert(channels.end(), more->begin(), more->end());
  }
  return channels;
}

Trace::Indices Trace::followGather(Op<"Gather"> op, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(op.in("indices").getType());
  auto places = integersOf(op.in("indices"));
  if (!type || !places ||
      // Condition 1 of collapse-linear-branches.
      type.getRank() != 1 ||
      // Condition 1 of collapse-linear-branches.
      axisOf(op, rankOf(op.in("data"))) != axis)
    return std::nullopt;
  Indices all = follow(op.in("data"), axis);
  if (!all)
    return std::nullopt;
  std::vector<int64_t> channels;
  for (int64_t place : *places) {
    int64_t size = all->size(), at = place < 0 ? place + size : place;
    if (at < 0 || at >= size)
      return std::nullopt;
    channels.push_back((*all)[at]);
  }
  return channels;
}

Trace::Indices Trace::followWhere(Op<"Where"> op, int64_t axis) {
  Value condition = op.in("condition"), yes = op.in("X"), no = op.in("Y");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  // Condition 1 of collapse-linear-branches.
  if (yes.getType() != type || no.getType() != type)
    return std::nullopt;
  auto mask = perChannel(condition, type, axis);
  Indices left = follow(yes, axis), right = follow(no, axis);
  if (!mask || !left || !right || left->size() != right->size() ||
      (mask->size() != 1 && mask->size() != left->size()))
    return std::nullopt;
  for (auto [c, index] : llvm::enumerate(*left))
    if ((*mask)[mask->size() == 1 ? 0 : c] == 0)
      index = (*right)[c];
  return left;
}

Trace::Indices Trace::followFunction(Operation *op, int64_t axis) {
  Indices channels = follow(op->getOperand(0), axis);
  if (!channels)
    return std::nullopt;
  // Each function that the operand has becomes one that is longer by this operator.
  std::map<int64_t, int64_t> longer;
  for (int64_t &index : *channels) {
    auto [place, function] = all[index];
    auto [entry, isNew] = longer.try_emplace(function, int64_t(found.functions.size()));
    if (isNew) {
      found.functions.push_back(found.functions[function]);
      found.functions.back().push_back(op);
    }
    index = all.size();
    all.emplace_back(place, entry->second);
  }
  return channels;
}

} // namespace

std::optional<Channels> channelsInto(Operation *reader, ValueRange operands) {
  Channels found;
  Trace trace(found);
  std::vector<int64_t> indices;
  for (Value operand : operands) {
    Trace::Indices more = trace.follow(operand, rankOf(operand) - 1);
    if (!more)
      return std::nullopt;
    indices.insert(indices.end(), more->begin(), more->end());
  }
  auto isInside = [&](Operation *user) { return user == reader || trace.visited.contains(user); };
  // Condition 2 of collapse-linear-branches and 2 of split-gates.
  if (!llvm::all_of(found.map->getUsers(), isInside))
    return std::nullopt;
  for (Operation *op : trace.visited)
    // Condition 2 of collapse-linear-branches and 2 of split-gates.
    if (!llvm::all_of(op->getUsers(), isInside))
      return std::nullopt;
  for (int64_t index : indices) {
    found.from.push_back(trace.all[index].first);
    found.of.push_back(trace.all[index].second);
  }
  found.between = trace.visited.takeVector();
  return found;
}

Value applyFunction(ArrayRef<Operation *> function, Value value, OpBuilder &b) {
  for (Operation *op : function) {
    Operation *again = b.clone(*op);
    again->setOperand(0, value);
    again->getResult(0).setType(value.getType());
    value = again->getResult(0);
  }
  return value;
}

} // namespace strut::rewrite
