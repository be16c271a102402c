//===- MapPads.cpp - Features beside zeros, constants and each other ------===//
//
// A border of zeros is a selection that reads nothing there, one of constants has them added.
// Parts of one root beside each other read it where each of them does.
//
//===----------------------------------------------------------------------===//
#include "MapReader.h"
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <numeric>

using namespace mlir;

namespace strut::recognize {

using algebra::Diagonal;
using algebra::Selection;
using onnx_ir::AnyOp;
using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

/// Which elements of an axis stand along the padded one, -1 for the constant; none where a border
/// would be reflected twice.
static std::optional<std::vector<int64_t>> borderOf(StringRef mode, int64_t extent, int64_t before,
                                                    int64_t after) {
  std::vector<int64_t> from;
  for (int64_t at = -before; at < extent + after; ++at) {
    bool isInside = at >= 0 && at < extent;
    if (isInside)
      from.push_back(at);
    else if (mode == "constant")
      from.push_back(-1);
    else if (mode == "edge")
      from.push_back(std::clamp<int64_t>(at, 0, extent - 1));
    else if (mode == "wrap")
      from.push_back((at % extent + extent) % extent);
    else if (mode == "reflect" && at > -extent && at < 2 * extent - 1)
      from.push_back(at < 0 ? -at : 2 * (extent - 1) - at);
    else
      return std::nullopt;
  }
  return from;
}

/// The number around a tensor that is padded.
static std::optional<double> constantAround(AnyOp op) {
  Value value = op.in("constant_value");
  if (!value)
    return 0;
  auto view = ConstantView::of(value);
  auto numbers = view ? view->numbers() : std::nullopt;
  // Condition 4 of recognize-maps.
  if (!numbers || numbers->size() != 1 || !std::isfinite(numbers->front()))
    return std::nullopt;
  return numbers->front();
}

std::optional<MapState> padded(AnyOp op, MapState state) {
  size_t rank = state.axes.size();
  auto pads = integersOf(op.in("pads")), axes = integersOf(op.in("axes"));
  auto attr = op.attr<StringAttr>("mode");
  StringRef mode = attr ? attr.getValue() : "constant";
  std::optional<double> constant = constantAround(op);
  size_t count = pads ? pads->size() / 2 : 0;
  if (!pads || (op.in("axes") && !axes) || !constant || count != (axes ? axes->size() : rank))
    return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    int64_t axis = axes ? (*axes)[i] : int64_t(i), before = (*pads)[i], after = (*pads)[count + i];
    axis = axis < 0 ? axis + int64_t(rank) : axis;
    if (before == 0 && after == 0)
      continue;
    // An axis of both would be refused at the end of the region.
    if (!state.axes[axis].isFeature())
      return std::nullopt;
    auto from = borderOf(mode, state.axes[axis].features, before, after);
    if (!from || from->empty())
      return std::nullopt;
    Selection selection = selectionOf(state, unsigned(axis), *from);
    std::vector<double> around(selection.from.size());
    for (auto [number, source] : llvm::zip_equal(around, selection.from))
      number = source < 0 ? *constant : 0;
    append(state.chain, {std::move(selection), {op.getLoc()}});
    state.axes[axis].features = from->size();
    if (*constant != 0)
      append(state.chain, {Shift{std::move(around)}, {op.getLoc()}});
  }
  return state;
}

//===----------------------------------------------------------------------===//
// Concat
//===----------------------------------------------------------------------===//

std::optional<std::vector<double>> numbersAlong(Value value, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || axis >= type.getRank() || type.isDynamicDim(axis) || type.getDimSize(axis) < 1 ||
      !isa<FloatType>(type.getElementType()))
    return std::nullopt;
  size_t extent = type.getDimSize(axis);
  if (auto filled = value.getDefiningOp<Op<"ConstantOfShape">>()) {
    auto attr = filled.attr<ElementsAttr>("value");
    auto numbers = attr ? ConstantView::whole(attr, value.getLoc()).numbers()
                        : std::optional(std::vector<double>{0});
    return numbers ? std::optional(std::vector<double>(extent, numbers->front())) : std::nullopt;
  }
  if (auto expanded = value.getDefiningOp<Op<"Expand">>())
    value = expanded->getOperand(0);
  std::optional<ConstantView> view = ConstantView::of(value);
  constexpr int64_t most = int64_t(1) << 22;
  auto numbers = view && view->count() <= most ? view->numbers() : std::nullopt;
  if (!numbers)
    return std::nullopt;
  int64_t own = axis - (type.getRank() - int64_t(view->rank())), inner = 1;
  for (int64_t i = std::max<int64_t>(own + 1, 0); i < int64_t(view->rank()); ++i)
    inner *= view->extent(i);
  size_t given = own < 0 ? 1 : view->extent(own);
  std::vector<double> along;
  for (size_t n = 0; n < given; ++n)
    along.push_back((*numbers)[n * inner]);
  for (auto [i, number] : llvm::enumerate(*numbers))
    // Condition 4 of recognize-maps.
    if (!(number == along[i / inner % given]) || !std::isfinite(number))
      return std::nullopt;
  if (given == 1)
    along.resize(extent, along.front());
  return along;
}

namespace {
/// Features that are read of a root, times a factor, and an addend.
struct Moved {
  std::vector<int64_t> from;
  std::vector<double> scale, shift;

  void add(int64_t source, double factor, double addend) {
    from.push_back(source);
    scale.push_back(factor);
    shift.push_back(addend);
  }
};
} // namespace

/// A chain of no products and sums.
static std::optional<Moved> movedBy(const Chain &chain, int64_t inputs) {
  Moved moved;
  for (int64_t i = 0; i < inputs; ++i)
    moved.add(i, 1, 0);
  for (const auto &step : chain) {
    if (auto *selection = step->as<Selection>()) {
      Moved next;
      for (int64_t from : selection->from)
        from < 0 ? next.add(-1, 1, 0)
                 : next.add(moved.from[from], moved.scale[from], moved.shift[from]);
      moved = std::move(next);
    } else if (auto *diagonal = step->as<Diagonal>()) {
      for (auto [i, factor] : llvm::enumerate(diagonal->scale)) {
        moved.scale[i] *= factor;
        moved.shift[i] *= factor;
      }
    } else if (auto *shift = step->as<Shift>()) {
      for (auto [i, addend] : llvm::enumerate(shift->values))
        moved.shift[i] += addend;
    } else {
      return std::nullopt;
    }
  }
  return moved;
}

static int64_t rootInputs(const MapState &state) {
  int64_t inputs = 1;
  for (const Axis &axis : state.rootAxes())
    inputs *= axis.isFeature() ? axis.features : 1;
  return inputs;
}

/// Whether both have the same root, tokens along the same axes, and one axis of features.
static bool fitBeside(const MapState &a, const MapState &b) {
  return a.root == b.root && a.rootFeatures == b.rootFeatures && a.tokensBehind == b.tokensBehind &&
         a.axes.size() == b.axes.size() && a.featureShape().size() == 1 &&
         llvm::all_of(llvm::zip_equal(a.axes, b.axes), [](auto pair) {
           const auto &[axis, other] = pair;
           return axis.tokens == other.tokens && axis.isFeature() == other.isFeature();
         });
}

std::optional<MapState> beside(ArrayRef<Beside> parts, int64_t axis, Location loc) {
  const MapState *first = nullptr;
  unsigned maps = 0;
  for (const Beside &part : parts)
    if (part.map) {
      first = first ? first : &*part.map;
      ++maps;
    }
  // Condition 6 of recognize-maps.
  if (!first || !llvm::all_of(parts, [&](const Beside &part) {
        return !part.map || fitBeside(*part.map, *first);
      }))
    return std::nullopt;
  MapState result = *first;
  // One map keeps its products.
  Chain before = maps == 1 ? first->chain : Chain();
  int64_t inputs = maps == 1 ? first->numFeatures() : rootInputs(*first);
  Moved all;
  SmallVector<Location, 2> nodes = {loc};
  for (const Beside &part : parts) {
    for (double number : part.numbers)
      all.add(-1, 1, number);
    if (!part.map)
      continue;
    std::optional<Moved> moved = movedBy(maps == 1 ? Chain() : part.map->chain, inputs);
    if (!moved)
      return std::nullopt;
    for (const auto &step : part.map->chain)
      llvm::append_range(nodes, step->locations);
    for (auto [from, scale, shift] : llvm::zip_equal(moved->from, moved->scale, moved->shift))
      all.add(from, scale, shift);
  }
  result.chain = std::move(before);
  result.axes[axis].features = all.from.size();
  append(result.chain, {Selection{inputs, std::move(all.from)}, nodes});
  append(result.chain, {Diagonal{std::move(all.scale)}, nodes});
  if (llvm::any_of(all.shift, [](double number) { return number != 0; }))
    append(result.chain, {Shift{std::move(all.shift)}, nodes});
  return result;
}

} // namespace strut::recognize
