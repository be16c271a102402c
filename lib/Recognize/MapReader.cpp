//===- MapReader.cpp - What values are as maps of others ------------------===//
//
// One rule an operator: linear in one operand, the others constant, or a sum of maps of
// the same root. What has no rule begins a region of its own.
//
//===----------------------------------------------------------------------===//
#include "MapReader.h"
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace strut::recognize {

using algebra::Diagonal;
using onnx_ir::AnyOp;
using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// How often the elements are read; a question for the shape reads none.
static unsigned readsOf(Value value) {
  return llvm::count_if(value.getUses(), [](OpOperand &use) {
    return !isa<Op<"Shape">, Op<"Size">>(use.getOwner());
  });
}

bool MapState::isToken(int64_t axis) const {
  int64_t behind = cast<RankedTensorType>(root.getType()).getRank() - tokensBehind;
  return axis < behind - int64_t(rootFeatures) || axis >= behind;
}

SmallVector<Axis, 4> MapState::rootAxes() const {
  SmallVector<Axis, 4> result;
  for (auto [i, extent] : llvm::enumerate(cast<RankedTensorType>(root.getType()).getShape()))
    result.push_back(!isToken(i)   ? Axis{{}, extent}
                     : extent == 1 ? Axis{}
                                   : Axis{{unsigned(i)}, 0});
  return result;
}

std::optional<MapState> MapReader::itself(Value value, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !isa<FloatType>(type.getElementType()) || onnx_ir::constantOf(value))
    return std::nullopt;
  if (axis < 0)
    axis += type.getRank();
  if (axis < 0 || axis >= type.getRank() || type.isDynamicDim(axis) || type.getDimSize(axis) < 1)
    return std::nullopt;
  MapState state;
  state.root = value;
  state.tokensBehind = unsigned(type.getRank() - 1 - axis);
  state.axes = state.rootAxes();
  return state;
}

std::optional<MapState> MapReader::operand(Value value) {
  used.push_back(value);
  auto found = states.find(value);
  if (found != states.end() && !stops.contains(value) &&
      // Condition 8 of recognize-maps.
      readsOf(value) == 1)
    return found->second;
  return itself(value);
}

//===----------------------------------------------------------------------===//
// Factors and addends
//===----------------------------------------------------------------------===//

/// Elements [outer, extent, inner] with the axis between repeated from 1 to `wanted`, or
/// brought from `extent` to 1; none where that would lose a number.
static std::optional<std::vector<double>> resized(const std::vector<double> &values, int64_t extent,
                                                  int64_t inner, int64_t wanted) {
  std::vector<double> result;
  int64_t outer = int64_t(values.size()) / (extent * inner);
  for (int64_t o = 0; o < outer; ++o) {
    auto first = values.begin() + o * extent * inner;
    for (int64_t i = 1; i < extent; ++i)
      // Condition 4 of recognize-maps.
      if (!std::equal(first, first + inner, first + i * inner))
        return std::nullopt;
    for (int64_t i = 0; i < wanted; ++i)
      result.insert(result.end(), first, first + inner);
  }
  return result;
}

/// A constant that is broadcast to `state`, as a number for every feature. It may hold
/// the same numbers for every token.
static std::optional<std::vector<double>> perFeature(Value value, const MapState &state) {
  std::optional<ConstantView> view = ConstantView::of(value);
  constexpr int64_t most = int64_t(1) << 22;
  if (!view || view->rank() > state.axes.size() || view->count() > most)
    return std::nullopt;
  std::optional<std::vector<double>> values = view->numbers();
  int64_t skipped = int64_t(state.axes.size() - view->rank()), inner = 1;
  for (int64_t i = int64_t(state.axes.size()); values && i-- > 0;) {
    const Axis &axis = state.axes[i];
    int64_t extent = i < skipped ? 1 : view->extent(i - skipped);
    int64_t wanted = axis.isFeature() ? axis.features : 1;
    // An axis of extent 1 would grow.
    bool grows = !axis.isFeature() && axis.tokens.empty() && extent != 1;
    // Condition 4 of recognize-maps.
    if (grows || (extent != wanted && extent != 1 && axis.isFeature()))
      return std::nullopt;
    if (extent != wanted)
      values = resized(*values, extent, inner, wanted);
    inner *= wanted;
  }
  return values;
}

/// x times or plus a constant, and what is the same as that.
MapReader::State MapReader::pointwise(AnyOp op) {
  if (isa<Op<"Neg">>(op.getOperation())) {
    State state = operand(op->getOperand(0));
    if (state)
      append(state->chain,
             {Diagonal{std::vector<double>(state->numFeatures(), -1)}, {op.getLoc()}});
    return state;
  }
  bool first = !ConstantView::of(op->getOperand(0));
  State state = operand(op->getOperand(first ? 0 : 1));
  auto values = state ? perFeature(op->getOperand(first ? 1 : 0), *state) : std::nullopt;
  if (!values)
    return std::nullopt;
  if (isa<Op<"Div">>(op.getOperation())) {
    if (
        // Condition 5 of recognize-maps.
        !first ||
        // Condition 5 of recognize-maps.
        llvm::is_contained(*values, 0.0))
      return std::nullopt;
    for (double &value : *values)
      value = 1 / value;
  }
  if (isa<Op<"Sub">>(op.getOperation())) {
    if (!first)
      append(state->chain, {Diagonal{std::vector<double>(values->size(), -1)}, {op.getLoc()}});
    for (double &value : *values)
      value = first ? -value : value;
  }
  if (isa<Op<"Mul">, Op<"Div">>(op.getOperation()))
    append(state->chain, {Diagonal{std::move(*values)}, {op.getLoc()}});
  else
    append(state->chain, {Shift{std::move(*values)}, {op.getLoc()}});
  return state;
}

/// A sum, or a difference, of maps of one root along the same axes.
MapReader::State MapReader::sum(AnyOp op, bool isDifference) {
  Terms terms;
  State whole, map; // one that is no root tells what of the root are features
  for (Value value : op->getOperands())
    if (State state = operand(value); state && state->root != value)
      map = std::move(state);
  for (Value value : op->getOperands()) {
    State state = operand(value);
    if (map && map->root == value) {
      state = map;
      state->chain.clear();
      state->axes = map->rootAxes();
    }
    if (!state)
      return std::nullopt;
    // Condition 6 of recognize-maps.
    if (whole && state->root != whole->root)
      return std::nullopt;
    // Condition 6 of recognize-maps.
    if (whole && (state->axes != whole->axes || state->rootFeatures != whole->rootFeatures ||
                  state->tokensBehind != whole->tokensBehind))
      return std::nullopt;
    if (whole && isDifference)
      append(state->chain,
             {Diagonal{std::vector<double>(state->numFeatures(), -1)}, {op.getLoc()}});
    // A sum of sums is one.
    bool isSum = state->chain.size() == 1 && state->chain[0]->as<Terms>();
    if (isSum)
      llvm::append_range(terms.chains, state->chain[0]->as<Terms>()->chains);
    else
      terms.chains.push_back(state->chain);
    whole = state;
  }
  whole->chain.clear();
  append(whole->chain, {std::move(terms), {op.getLoc()}});
  return whole;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

MapReader::State MapReader::product(Operation &op) {
  Location loc = op.getLoc();
  if (auto blocks = dyn_cast<layer::BlockLinearOp>(op)) {
    State state = operand(blocks.getInput());
    auto weight = ConstantView::of(blocks.getWeight());
    auto bias = blocks.getBias() ? ConstantView::of(blocks.getBias()) : std::nullopt;
    if (!state || !weight || (blocks.getBias() && !bias) || !state->axes.back().isFeature() ||
        state->axes.back().features != state->numFeatures() ||
        state->numFeatures() != weight->extent(0) * weight->extent(1))
      return std::nullopt;
    append(state->chain, {Product{*weight}, {loc}});
    state->axes.back().features = weight->extent(0) * weight->extent(2);
    if (auto values = bias ? bias->numbers() : std::nullopt)
      append(state->chain, {Shift{*values}, {loc}});
    return bias && !state->chain.back()->as<Shift>() ? std::nullopt : state;
  }
  // The operand that is no constant, and the one that is.
  auto isConstant = [](Value value) { return ConstantView::of(value).has_value(); };
  Value input = op.getOperand(0), weight = op.getOperand(1);
  if (isConstant(input))
    std::swap(input, weight);
  auto view = ConstantView::of(weight);
  if (!view || isConstant(input))
    return std::nullopt;
  State state = operand(input);
  State result = state ? product(op, std::move(*state), input, *view) : std::nullopt;
  // What is before may have the features elsewhere: then the region begins here.
  if (!result && (state = itself(input, isa<Op<"Conv">>(op) ? 1 : -1)))
    result = product(op, std::move(*state), input, *view);
  return result;
}

MapReader::State MapReader::product(Operation &op, MapState state, Value input,
                                    const ConstantView &weight) {
  auto labels = labelsOf(op, input, op.getOperand(op.getOperand(0) == input ? 1 : 0));
  if (!labels)
    return std::nullopt;
  std::optional<ConstantView> view = weight;
  if (isa<Op<"Conv">>(op)) {
    // Axis 1 is the groups and the channels in one.
    auto group = AnyOp(&op).attr<IntegerAttr>("group");
    int64_t groups = group ? group.getInt() : 1;
    Axis channels = state.axes[1];
    if (!channels.isFeature() || channels.features % groups != 0)
      return std::nullopt;
    state.axes[1].features = groups;
    state.axes.insert(state.axes.begin() + 2, Axis{{}, channels.features / groups});
    // A window of several elements has no such view.
    view = weight.reshaped({groups, weight.extent(0) / groups, weight.extent(1)});
    if (!view)
      return std::nullopt;
  }
  State result = multiplied(std::move(state), input, *labels, *view, op.getLoc());
  return result ? biased(op, std::move(*result)) : std::nullopt;
}

/// The factors and the addend of the operators that have some.
MapReader::State MapReader::biased(Operation &op, MapState state) {
  Location loc = op.getLoc();
  Value bias;
  double alpha = 1, beta = 1;
  if (auto linear = dyn_cast<layer::LinearOp>(op)) {
    bias = linear.getBias();
  } else if (auto gemm = dyn_cast<Op<"Gemm">>(op)) {
    bias = gemm.in("C");
    if (auto attr = gemm.attr<FloatAttr>("alpha"))
      alpha = attr.getValueAsDouble();
    if (auto attr = gemm.attr<FloatAttr>("beta"))
      beta = attr.getValueAsDouble();
  } else if (auto conv = dyn_cast<Op<"Conv">>(op)) {
    bias = conv.in("B");
    Axis &groups = state.axes[1];
    groups.features *= state.axes[2].features;
    state.axes.erase(state.axes.begin() + 2);
  }
  if (alpha != 1)
    append(state.chain, {Diagonal{std::vector<double>(state.numFeatures(), alpha)}, {loc}});
  if (!bias || beta == 0)
    return state;
  std::optional<std::vector<double>> values;
  if (isa<Op<"Conv">>(op)) {
    auto view = ConstantView::of(bias);
    values = view ? view->numbers() : std::nullopt;
  } else {
    values = perFeature(bias, state);
  }
  // Condition 1 of recognize-maps.
  if (!values)
    return std::nullopt;
  for (double &value : *values)
    value *= beta;
  append(state.chain, {Shift{std::move(*values)}, {loc}});
  return state;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

MapReader::State MapReader::move(AnyOp op) {
  State state = operand(op->getOperand(0));
  return state ? moved(op, std::move(*state)) : std::nullopt;
}

/// A BatchNormalization at inference, of features.
MapReader::State MapReader::normalised(AnyOp op) {
  State state = operand(op->getOperand(0));
  auto training = op.attr<IntegerAttr>("training_mode");
  if (!state || state->axes.size() < 2 ||
      // Condition 4 of recognize-maps.
      (training && training.getInt() != 0) ||
      // Condition 4 of recognize-maps.
      state->axes[1].features != state->numFeatures())
    return std::nullopt;
  std::vector<std::vector<double>> parameters;
  for (Value value : op->getOperands().drop_front()) {
    auto view = ConstantView::of(value);
    auto numbers = view ? view->numbers() : std::nullopt;
    if (!numbers || int64_t(numbers->size()) != state->numFeatures())
      return std::nullopt;
    parameters.push_back(std::move(*numbers));
  }
  std::vector<double> &scale = parameters[0], &shift = parameters[1];
  double epsilon = op.attr<FloatAttr>("epsilon").getValueAsDouble();
  for (auto [s, t, mean, variance] : llvm::zip(scale, shift, parameters[2], parameters[3])) {
    s /= std::sqrt(variance + epsilon);
    t -= mean * s;
    // Condition 5 of recognize-maps.
    if (!std::isfinite(s) || !std::isfinite(t))
      return std::nullopt;
  }
  append(state->chain, {Diagonal{std::move(scale)}, {op.getLoc()}});
  append(state->chain, {Shift{std::move(shift)}, {op.getLoc()}});
  return state;
}

/// Each result of a Split, as a part of what is split; that is computed anyway.
void MapReader::split(Operation &op) {
  AnyOp split(&op);
  auto type = dyn_cast<RankedTensorType>(op.getOperand(0).getType());
  int64_t axis = type ? axisOf(split, "axis", 0, type.getRank()) : -1, start = 0;
  State state = axis >= 0 ? itself(op.getOperand(0), axis) : std::nullopt;
  for (Value result : op.getResults()) {
    auto piece = dyn_cast<RankedTensorType>(result.getType());
    if (!state || !piece || piece.getRank() != type.getRank() || piece.isDynamicDim(axis) ||
        start + piece.getDimSize(axis) > state->numFeatures() || piece.getDimSize(axis) < 1)
      return;
    states.insert({result, part(*state, start, piece.getDimSize(axis), op.getLoc())});
    start += piece.getDimSize(axis);
  }
}

MapReader::State MapReader::concatenated(AnyOp op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type)
    return std::nullopt;
  int64_t axis = axisOf(op, "axis", 0, type.getRank());
  SmallVector<MapState> maps;
  SmallVector<Beside> parts;
  for (Value value : op->getOperands()) {
    if (auto numbers = numbersAlong(value, axis)) {
      parts.push_back({std::nullopt, std::move(*numbers)});
      continue;
    }
    State state = operand(value);
    if (!state || int64_t(state->axes.size()) != type.getRank() || !state->axes[axis].isFeature())
      return std::nullopt;
    maps.push_back(*state);
    parts.push_back({std::move(state), {}});
  }
  State layers = maps.size() == parts.size() ? beside(maps, op.getLoc()) : std::nullopt;
  return layers ? layers : beside(parts, axis, op.getLoc());
}

MapReader::State MapReader::apply(Operation &op) {
  if (isa<layer::LinearOp, layer::BlockLinearOp, Op<"MatMul">, Op<"Gemm">, Op<"Einsum">,
          Op<"Conv">>(op))
    return op.getNumOperands() >= 2 ? product(op) : std::nullopt;
  auto onnx = dyn_cast<AnyOp>(op);
  if (!onnx || op.getNumResults() != 1)
    return std::nullopt;
  if (isMove(&op))
    return move(onnx);
  if (isa<Op<"ReduceSum">>(op))
    return summed(onnx);
  if (isa<Op<"Concat">>(op))
    return concatenated(onnx);
  if (isa<Op<"BatchNormalization">>(op))
    return normalised(onnx);
  if (isa<Op<"Neg">>(op))
    return pointwise(onnx);
  if (!isa<Op<"Mul">, Op<"Div">, Op<"Add">, Op<"Sub">, Op<"Sum">>(op))
    return std::nullopt;
  if (op.getNumOperands() == 2 &&
      (ConstantView::of(op.getOperand(0)) || ConstantView::of(op.getOperand(1))))
    return isa<Op<"Sum">>(op) ? std::nullopt : pointwise(onnx);
  if (isa<Op<"Add">, Op<"Sub">, Op<"Sum">>(op))
    return sum(onnx, isa<Op<"Sub">>(op));
  return std::nullopt;
}

void MapReader::visit(Operation &op) {
  used.clear();
  if (isa<Op<"Split">>(op))
    return split(op);
  State state = apply(op);
  if (!state || !isa<RankedTensorType>(op.getResult(0).getType()) ||
      cast<RankedTensorType>(op.getResult(0).getType()).getRank() != int64_t(state->axes.size()))
    return;
  for (Value value : used)
    if (state->root != value)
      consumed.insert(value);
  states.insert({op.getResult(0), std::move(*state)});
}

} // namespace strut::recognize
