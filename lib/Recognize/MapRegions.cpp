//===- MapRegions.cpp - Regions of a block that are maps ------------------===//
#include "MapReader.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

int64_t MapRegion::inputs() const {
  int64_t product = 1;
  auto type = cast<RankedTensorType>(root().getType());
  for (int64_t extent : type.getShape().drop_back(tokensBehind).take_back(rootFeatures))
    product *= extent;
  return product;
}

bool MapRegion::isCanonical() const {
  return rootFeatures == 1 && tokensBehind == 0 && exitFeatures.size() == 1 &&
         llvm::all_of(ops, [](Operation *op) {
           return isa<layer::LinearOp, layer::BlockLinearOp, Op<"Gather">, Op<"Mul">, Op<"Div">,
                      Op<"Add">, Op<"Sub">, Op<"Sum">>(op);
         });
}

/// Whether a value lies [tokens..., features...] as its root does, or has its only axis of
/// features where the root has them between tokens.
static bool liesAsRoot(const MapState &state) {
  SmallVector<Axis, 4> root = state.rootAxes();
  ArrayRef<Axis> axes = state.axes;
  size_t behind = state.tokensBehind, before = root.size() - behind - state.rootFeatures;
  if (axes.size() <= before + behind || (behind > 0 && axes.size() != root.size()))
    return false;
  return axes.take_front(before) == ArrayRef(root).take_front(before) &&
         axes.take_back(behind) == ArrayRef(root).take_back(behind) &&
         llvm::all_of(axes.drop_front(before).drop_back(behind),
                      [](const Axis &axis) { return axis.isFeature(); });
}

/// Whether the last features are moved to stand beside zeros.
static bool endsInZeros(const Chain &chain) {
  for (const auto &step : llvm::reverse(chain))
    if (auto *selection = step->as<algebra::Selection>())
      return llvm::any_of(selection->from, [](int64_t from) { return from < 0; });
    else if (!step->as<Shift>() && !step->as<algebra::Diagonal>())
      return false;
  return false;
}

namespace {
class RegionFinder {
public:
  explicit RegionFinder(Block &block) : block(block) {}

  std::vector<MapRegion> find();

private:
  /// The value at which a region that could end at `exit` is to end, or null.
  Value endOf(Value exit);
  /// The map that an operator moves, alone or beside constants, or null.
  Value movedBy(Operation *op) const;
  /// The first value after the root, if that is a view of it.
  Value secondOf(Value exit);
  MapRegion regionOf(Value exit);

  Block &block;
  /// Roots that are views of what could be roots: a region that flattens its tokens begins
  /// where they are flat.
  llvm::DenseSet<Value> stops;
  std::optional<MapReader> reader;
};
} // namespace

Value RegionFinder::endOf(Value exit) {
  Value found, padded;
  for (Value value = exit; reader->states.contains(value);) {
    const MapState &state = reader->states.find(value)->second;
    if (endsInZeros(state.chain)) {
      padded = padded || !liesAsRoot(state) ? padded : value;
    } else if (liesAsRoot(state)) {
      found = value;
      if (state.featureShape().size() == 1)
        return value;
    }
    // Data movement behind the last weight may stay as it is.
    value = movedBy(value.getDefiningOp());
  }
  return found ? found : padded;
}

Value RegionFinder::movedBy(Operation *op) const {
  if (isMove(op))
    return reader->consumed.contains(op->getOperand(0)) ? op->getOperand(0) : Value();
  Value only;
  for (Value operand : op->getOperands()) {
    if (!reader->states.contains(operand) || !reader->consumed.contains(operand))
      continue;
    if (only)
      return {};
    only = operand;
  }
  return isa<Op<"Concat">>(op) ? only : Value();
}

Value RegionFinder::secondOf(Value exit) {
  Value root = reader->states.find(exit)->second.root;
  for (Value value = exit;;) {
    Operation *op = value.getDefiningOp();
    Value previous;
    for (Value operand : op->getOperands())
      if (operand == root ||
          (reader->states.contains(operand) && reader->consumed.contains(operand))) {
        if (previous)
          return {};
        previous = operand;
      }
    if (previous == root)
      return isMove(op) ? value : Value();
    if (!previous)
      return {};
    value = previous;
  }
}

MapRegion RegionFinder::regionOf(Value exit) {
  const MapState &state = reader->states.find(exit)->second;
  MapRegion region{
      nullptr, state.rootFeatures, state.tokensBehind, state.featureShape(), state.chain, {}};
  llvm::SetVector<Operation *> ops;
  auto collect = [&](auto &&collect, Value value) -> void {
    if (!ops.insert(value.getDefiningOp()))
      return;
    for (OpOperand &operand : value.getDefiningOp()->getOpOperands()) {
      if (operand.get() == state.root)
        region.read = &operand;
      else if (reader->consumed.contains(operand.get()))
        collect(collect, operand.get());
    }
  };
  collect(collect, exit);
  region.ops.assign(ops.rbegin(), ops.rend());
  llvm::sort(region.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return region;
}

std::vector<MapRegion> RegionFinder::find() {
  // Each round begins some regions later; a region has few views before its first weight.
  constexpr unsigned mostRounds = 8;
  for (unsigned round = 0;; ++round) {
    reader.emplace(stops);
    for (Operation &op : block)
      reader->visit(op);
    std::vector<MapRegion> regions;
    SmallVector<Value> later;
    for (auto &[value, state] : reader->states) {
      if (reader->consumed.contains(value) || countProducts(state.chain) == 0)
        continue;
      if (Value end = endOf(value)) {
        if (countProducts(reader->states.find(end)->second.chain) > 0)
          regions.push_back(regionOf(end));
      } else if (Value second = secondOf(value)) {
        later.push_back(second);
      }
    }
    if (later.empty() || round == mostRounds)
      return regions;
    stops.insert(later.begin(), later.end());
  }
}

std::vector<MapRegion> regionsOf(Block &block) { return RegionFinder(block).find(); }

} // namespace strut::recognize
