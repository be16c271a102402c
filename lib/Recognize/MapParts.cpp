//===- MapParts.cpp - Maps whose results lie beside each other ------------===//
//
// [x[0:k] W1, x[k:2k] W2, ...] = x diag(W1, W2, ...), as a ModuleList over chunks spells it,
// and [x W1, x W2, ...] = x [W1 W2 ...].
//
//===----------------------------------------------------------------------===//
#include "MapReader.h"

using namespace mlir;

namespace strut::recognize {

using algebra::Selection;

namespace {
/// A part: one product of some features of the root, and an addend.
struct Part {
  const Selection *read = nullptr; ///< null where all are read
  const Product *product = nullptr;
  const Shift *shift = nullptr;
};
} // namespace

static std::optional<Part> partOf(const Chain &chain) {
  Part part;
  for (const auto &step : chain) {
    if (auto *selection = step->as<Selection>(); selection && !part.product && !part.read)
      part.read = selection;
    else if (auto *product = step->as<Product>(); product && !part.product)
      part.product = product;
    else if (auto *shift = step->as<Shift>(); shift && part.product && !part.shift)
      part.shift = shift;
    else
      return std::nullopt;
  }
  return part.product ? std::optional(part) : std::nullopt;
}

/// Whether the parts read the root's features one after the other, each a run of them.
static bool readInTurn(ArrayRef<Part> parts, int64_t features) {
  int64_t next = 0;
  for (const Part &part : parts) {
    if (!part.read)
      return false;
    for (int64_t from : part.read->from)
      if (from != next++)
        return false;
  }
  return next == features;
}

std::optional<MapState> beside(ArrayRef<MapState> states, Location loc) {
  SmallVector<Part> parts;
  SmallVector<ConstantView> weights;
  SmallVector<Location, 2> nodes = {loc};
  const MapState &first = states.front();
  Shift shift;
  bool isShifted = false, isEqual = true; // in how many features each part has
  for (const MapState &state : states) {
    std::optional<Part> part = partOf(state.chain);
    if (!part ||
        // Condition 6 of recognize-maps.
        state.root != first.root || state.rootFeatures != 1 ||
        state.tokensBehind != first.tokensBehind || state.axes.size() != first.axes.size() ||
        state.featureShape().size() != 1)
      return std::nullopt;
    for (auto [axis, other] : llvm::zip_equal(state.axes, first.axes)) {
      if (axis.tokens != other.tokens || axis.isFeature() != other.isFeature())
        return std::nullopt;
      isEqual &= axis.features == other.features;
    }
    parts.push_back(*part);
    weights.push_back(part->product->weight);
    for (const auto &step : state.chain)
      llvm::append_range(nodes, step->locations);
    isShifted |= part->shift != nullptr;
    std::vector<double> none(state.numFeatures(), 0);
    llvm::append_range(shift.values, part->shift ? part->shift->values : none);
  }
  int64_t features = 0;
  for (const Axis &axis : first.rootAxes())
    features = std::max(features, axis.features);
  bool isWhole = llvm::none_of(parts, [](const Part &part) { return part.read; }) &&
                 weights.front().extent(0) == 1;
  if (parts.size() < 2 || !(isWhole || (isEqual && readInTurn(parts, features))))
    return std::nullopt;
  // [parts, blocks, inputs, outputs], or [1, inputs, all outputs] of parts of several sizes.
  std::optional<ConstantView> all =
      isEqual ? ConstantView::stacked(weights) : ConstantView::concatenated(weights, 2);
  if (!all)
    return std::nullopt;
  if (isEqual)
    all = isWhole ? all->grouped({{1}, {2}, {0, 3}}) : all->grouped({{0, 1}, {2}, {3}});
  MapState result = first;
  result.chain.clear();
  append(result.chain, {Product{*all}, nodes});
  int64_t outputs = shift.values.size();
  if (isShifted)
    append(result.chain, {std::move(shift), nodes});
  for (Axis &axis : result.axes)
    if (axis.isFeature())
      axis.features = outputs;
  return result;
}

} // namespace strut::recognize
