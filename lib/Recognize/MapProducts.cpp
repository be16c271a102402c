//===- MapProducts.cpp - Products with constants --------------------------===//
//
// A product is bilinear: with one operand constant it is linear in the other. In terms
// of labels, as Einsum has them: what only the value has are tokens, what both have and
// the result too are blocks, what the result does not have is summed over.
//
//===----------------------------------------------------------------------===//
#include "MapReader.h"
#include "dialects/Onnx/Equation.h"
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Labels
//===----------------------------------------------------------------------===//

/// Labels of the batch axes of a tensor, aligned at the right.
static SmallVector<int> batchLabels(int64_t count) {
  constexpr int first = 16;
  SmallVector<int> labels;
  for (int64_t i = count; i-- > 0;)
    labels.push_back(first + int(i));
  return labels;
}

static std::optional<LabelledProduct> labelsOfMatMul(Op<"MatMul"> op, Value input, int64_t rank,
                                                     int64_t weightRank) {
  enum { row, column, summed };
  if (weightRank < 2)
    return std::nullopt;
  bool isLeft = op.in("A") == input;
  LabelledProduct labels;
  labels.input = batchLabels(rank - 2);
  labels.weight = batchLabels(weightRank - 2);
  labels.result = batchLabels(std::max(rank, weightRank) - 2);
  if (rank == 1) {
    labels.input = {summed};
    labels.weight.append({isLeft ? summed : row, isLeft ? column : summed});
    labels.result.push_back(isLeft ? column : row);
    return labels;
  }
  SmallVector<int> a = {row, summed}, b = {summed, column};
  labels.input.append(isLeft ? a : b);
  labels.weight.append(isLeft ? b : a);
  labels.result.append({row, column});
  return labels;
}

static std::optional<LabelledProduct> labelsOfGemm(Op<"Gemm"> op, Value input) {
  enum { row, column, summed };
  auto flag = [&](StringRef name) {
    auto attr = op.attr<IntegerAttr>(name);
    return attr && attr.getInt() != 0;
  };
  SmallVector<int> a = {row, summed}, b = {summed, column};
  if (flag("transA"))
    std::reverse(a.begin(), a.end());
  if (flag("transB"))
    std::reverse(b.begin(), b.end());
  bool isLeft = op.in("A") == input;
  return LabelledProduct{isLeft ? a : b, isLeft ? b : a, {row, column}};
}

/// A window of one element that visits each place is a map of channels; its groups are
/// blocks.
static std::optional<LabelledProduct> labelsOfConv(Op<"Conv"> op, int64_t rank) {
  auto isAll = [&](StringRef name, int64_t value) {
    auto attr = op.attr<DenseI64ArrayAttr>(name);
    return !attr ||
           llvm::all_of(attr.asArrayRef(), [&](int64_t element) { return element == value; });
  };
  auto type = cast<RankedTensorType>(op.in("W").getType());
  if (rank < 3 || type.getRank() != rank ||
      // Condition 3 of recognize-maps.
      !isAll("strides", 1) ||
      // Condition 3 of recognize-maps.
      !isAll("pads", 0))
    return std::nullopt;
  enum { group, output, summed };
  SmallVector<int> places = batchLabels(rank - 1);
  LabelledProduct labels;
  labels.input = {places[0], group, summed};
  labels.weight = {group, output, summed};
  labels.result = {places[0], group, output};
  labels.input.append(places.begin() + 1, places.end());
  labels.result.append(places.begin() + 1, places.end());
  return labels;
}

std::optional<LabelledProduct> labelsOf(Operation &op, Value input, Value weight) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  auto weightType = dyn_cast<RankedTensorType>(weight.getType());
  if (!type || !weightType)
    return std::nullopt;
  int64_t rank = type.getRank();
  if (auto matmul = dyn_cast<Op<"MatMul">>(op))
    return labelsOfMatMul(matmul, input, rank, weightType.getRank());
  if (auto gemm = dyn_cast<Op<"Gemm">>(op))
    return labelsOfGemm(gemm, input);
  if (auto conv = dyn_cast<Op<"Conv">>(op))
    return labelsOfConv(conv, rank);
  if (auto einsum = dyn_cast<Op<"Einsum">>(op)) {
    SmallVector<int64_t> ranks;
    for (Value operand : einsum->getOperands())
      ranks.push_back(operand == input ? rank : weightType.getRank());
    auto equation = onnx_ir::parseEquation(einsum.attr<StringAttr>("equation").getValue(), ranks);
    if (!equation || ranks.size() != 2)
      return std::nullopt;
    unsigned at = einsum->getOperand(0) == input ? 0 : 1;
    return LabelledProduct{equation->operands[at], equation->operands[1 - at], equation->result};
  }
  if (isa<layer::LinearOp>(op)) {
    enum { summed, column };
    LabelledProduct labels;
    labels.input = batchLabels(rank - 1);
    labels.weight = {summed, column};
    labels.result = labels.input;
    labels.input.push_back(summed);
    labels.result.push_back(column);
    return labels;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

static bool hasRepeats(ArrayRef<int> labels) {
  return llvm::SmallDenseSet<int>(labels.begin(), labels.end()).size() != labels.size();
}

static int64_t placeOf(ArrayRef<int> labels, int label) {
  const int *found = llvm::find(labels, label);
  return found == labels.end() ? -1 : found - labels.begin();
}

/// Makes features of as many of the last axes of a root as the weight has axes of it. Those that
/// it does not have are refused by `rolesOf`.
static bool chooseFeatures(MapState &state, const LabelledProduct &labels) {
  // Of an image, it is known which they are.
  if (state.tokensBehind > 0)
    return true;
  auto type = cast<RankedTensorType>(state.root.getType());
  unsigned count =
      llvm::count_if(labels.input, [&](int label) { return placeOf(labels.weight, label) >= 0; });
  if (count == 0)
    return false;
  for (int64_t i = type.getRank() - count; i < type.getRank(); ++i) {
    if (type.isDynamicDim(i) || type.getDimSize(i) < 1)
      return false;
    state.axes[i] = {{}, type.getDimSize(i)};
  }
  state.rootFeatures = count;
  return true;
}

namespace {
/// What the axes of features are for a product.
struct Roles {
  SmallVector<SmallVector<unsigned>> groups; ///< axes of the weight: blocks, summed, made
  SmallVector<int> order;                    ///< labels of the features that come out
  SmallVector<unsigned> read;                ///< features of the value: blocks, then summed
};
} // namespace

/// The roles of the value's axes; none where tokens are summed over, or features pass that
/// the weight does not have.
static std::optional<Roles> rolesOf(const MapState &state, const LabelledProduct &labels,
                                    const ConstantView &weight) {
  Roles roles;
  roles.groups.resize(3);
  SmallVector<unsigned> summed;
  unsigned number = 0;
  for (auto [axis, label] : llvm::zip(state.axes, labels.input)) {
    int64_t place = placeOf(labels.weight, label);
    bool isKept = placeOf(labels.result, label) >= 0;
    if (!axis.isFeature()) {
      bool inWeight = place >= 0 && weight.extent(place) != 1;
      // Condition 2 of recognize-maps.
      if (!isKept || (inWeight && !axis.tokens.empty()))
        return std::nullopt;
      continue;
    }
    // Condition 2 of recognize-maps.
    if (place < 0 || weight.extent(place) != axis.features)
      return std::nullopt;
    roles.groups[isKept ? 0 : 1].push_back(place);
    (isKept ? roles.read : summed).push_back(number++);
    if (isKept)
      roles.order.push_back(label);
  }
  // Condition 2 of recognize-maps.
  if (summed.empty())
    return std::nullopt;
  roles.read.append(summed);
  return roles;
}

std::optional<MapState> multiplied(MapState state, Value input, const LabelledProduct &labels,
                                   const ConstantView &weight, Location loc) {
  if (hasRepeats(labels.input) || hasRepeats(labels.weight) || hasRepeats(labels.result) ||
      labels.input.size() != state.axes.size() || labels.weight.size() != weight.rank())
    return std::nullopt;
  if (state.root == input && !chooseFeatures(state, labels))
    return std::nullopt;
  std::optional<Roles> roles = rolesOf(state, labels, weight);
  if (!roles)
    return std::nullopt;
  auto inWeight = [&](int label) {
    int64_t place = placeOf(labels.weight, label);
    return place >= 0 && weight.extent(place) != 1;
  };
  auto inResult = [&](int label) { return placeOf(labels.result, label) >= 0; };
  SmallVector<SmallVector<unsigned>> &groups = roles->groups;
  SmallVector<int> &order = roles->order;
  SmallVector<int64_t> shape = state.featureShape();
  permuteFeatures(state, shape, roles->read, loc);

  SmallVector<Axis, 4> axes;
  SmallVector<int64_t> madeShape;
  for (int label : order)
    madeShape.push_back(weight.extent(placeOf(labels.weight, label)));
  SmallVector<unsigned> written;
  for (int label : labels.result) {
    int64_t from = placeOf(labels.input, label), place = placeOf(labels.weight, label);
    bool isBlock = llvm::is_contained(order, label);
    if (from >= 0 && !isBlock && !inWeight(label)) {
      axes.push_back(state.axes[from]);
      continue;
    }
    if (place < 0)
      return std::nullopt;
    if (!isBlock) {
      groups[2].push_back(place);
      order.push_back(label);
      madeShape.push_back(weight.extent(place));
    }
    axes.push_back({{}, weight.extent(place)});
    written.push_back(placeOf(order, label));
  }
  // What neither sums over the value nor reaches the result would be summed alone.
  for (auto [place, label] : llvm::enumerate(labels.weight))
    // Condition 2 of recognize-maps.
    if (weight.extent(place) != 1 && !inResult(label) && placeOf(labels.input, label) < 0)
      return std::nullopt;
  append(state.chain, {Product{weight.grouped(groups)}, {loc}});
  permuteFeatures(state, madeShape, written, loc);
  state.axes = std::move(axes);
  return state;
}

/// The axes that a ReduceSum sums over, counted from the front; none where they are not known.
static std::optional<SmallVector<int64_t>> summedAxes(Op<"ReduceSum"> op, int64_t rank) {
  Value operand = op.in("axes");
  auto axes = operand ? integersOf(operand) : std::nullopt;
  if (!axes || axes->empty())
    return std::nullopt;
  for (int64_t &axis : *axes)
    axis += axis < 0 ? rank : 0;
  llvm::sort(*axes);
  return axes;
}

std::optional<MapState> MapReader::summed(onnx_ir::AnyOp op) {
  auto sum = cast<Op<"ReduceSum">>(op.getOperation());
  auto factors = sum.in("data").getDefiningOp<Op<"Mul">>();
  auto type = dyn_cast<RankedTensorType>(sum.in("data").getType());
  if (!factors || !factors->hasOneUse() || !type)
    return std::nullopt;
  Value input = factors.in("A"), weight = factors.in("B");
  if (ConstantView::of(input))
    std::swap(input, weight);
  auto view = ConstantView::of(weight);
  auto axes = summedAxes(sum, type.getRank());
  State state = view && axes ? operand(input) : std::nullopt;
  // Of a root it would have to be told which of its axes are features.
  if (!state || state->root == input)
    return std::nullopt;
  int64_t rank = type.getRank(), before = rank - int64_t(state->axes.size());
  LabelledProduct labels;
  SmallVector<Axis, 4> kept;
  for (auto [i, axis] : llvm::enumerate(state->axes)) {
    bool isOne = axis.isFeature() ? axis.features == 1 : axis.tokens.empty();
    // Along such an axis the value is repeated.
    if (isOne)
      continue;
    kept.push_back(axis);
    labels.input.push_back(before + int64_t(i));
  }
  state->axes = std::move(kept);
  for (size_t i = 0; i < view->rank(); ++i)
    labels.weight.push_back(rank - int64_t(view->rank()) + int64_t(i));
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(*axes, i))
      labels.result.push_back(i);
  State result = multiplied(std::move(*state), input, labels, *view, op.getLoc());
  auto keep = sum.attr<IntegerAttr>("keepdims");
  if (result && (!keep || keep.getInt() != 0))
    for (int64_t axis : *axes)
      result->axes.insert(result->axes.begin() + axis, Axis{{}, 1});
  used.push_back(sum.in("data"));
  return result;
}

} // namespace strut::recognize
