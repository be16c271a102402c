//===- MapMoves.cpp - Operators that move features ------------------------===//
//
// Tokens stay with their features: an axis of a result is one of tokens or of features,
// never of both, so that moves are the same for every token and index maps of features
// say all.
//
//===----------------------------------------------------------------------===//
#include "MapReader.h"
#include "strut/Normalize/ShapeTerms.h"
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using namespace mlir;

namespace strut::recognize {

using algebra::Selection;
using onnx_ir::Op;

SmallVector<int64_t> MapState::featureShape() const {
  SmallVector<int64_t> shape;
  for (const Axis &axis : axes)
    if (axis.isFeature())
      shape.push_back(axis.features);
  return shape;
}

int64_t MapState::numFeatures() const {
  int64_t product = 1;
  for (const Axis &axis : axes)
    product *= axis.isFeature() ? axis.features : 1;
  return product;
}

//===----------------------------------------------------------------------===//
// Index maps
//===----------------------------------------------------------------------===//

/// The features [shape], row-major, with their axes in another order.
static std::vector<int64_t> iotaTransposed(ArrayRef<int64_t> shape, ArrayRef<unsigned> order) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  std::vector<int64_t> from = {0};
  for (unsigned axis : order) {
    std::vector<int64_t> next;
    next.reserve(from.size() * shape[axis]);
    for (int64_t base : from)
      for (int64_t i = 0; i < shape[axis]; ++i)
        next.push_back(base + i * strides[axis]);
    from = std::move(next);
  }
  return from;
}

void permuteFeatures(MapState &state, ArrayRef<int64_t> shape, ArrayRef<unsigned> order,
                     Location loc) {
  if (llvm::is_sorted(order))
    return;
  int64_t inputs = std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  append(state.chain, {Selection{inputs, iotaTransposed(shape, order)}, {loc}});
}

void permuteAxes(MapState &state, ArrayRef<int64_t> permutation, Location loc) {
  SmallVector<int64_t> shape = state.featureShape();
  SmallVector<unsigned> number(state.axes.size()), order; // of an axis among those of features
  unsigned next = 0;
  for (auto [i, axis] : llvm::enumerate(state.axes))
    number[i] = axis.isFeature() ? next++ : 0;
  SmallVector<Axis, 4> axes;
  for (int64_t from : permutation) {
    axes.push_back(state.axes[from]);
    if (state.axes[from].isFeature())
      order.push_back(number[from]);
  }
  permuteFeatures(state, shape, order, loc);
  state.axes = std::move(axes);
}

Selection selectionOf(const MapState &state, unsigned axis, ArrayRef<int64_t> kept) {
  int64_t outer = 1, inner = 1, extent = state.axes[axis].features;
  for (auto [i, other] : llvm::enumerate(state.axes))
    if (other.isFeature() && i != axis)
      (i < axis ? outer : inner) *= other.features;
  Selection selection{outer * extent * inner, {}};
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t at : kept)
      for (int64_t i = 0; i < inner; ++i)
        selection.from.push_back(at < 0 ? -1 : (o * extent + at) * inner + i);
  return selection;
}

/// Keeps of one axis of features the given ones, in this order.
static void select(MapState &state, unsigned axis, ArrayRef<int64_t> kept, bool dropAxis,
                   Location loc) {
  append(state.chain, {selectionOf(state, axis, kept), {loc}});
  if (dropAxis)
    state.axes.erase(state.axes.begin() + axis);
  else
    state.axes[axis].features = kept.size();
}

MapState part(MapState state, int64_t start, int64_t count, Location loc) {
  SmallVector<int64_t> kept = llvm::to_vector(llvm::seq(start, start + count));
  auto axis = llvm::find_if(state.axes, [](const Axis &a) { return a.isFeature(); });
  select(state, unsigned(axis - state.axes.begin()), kept, false, loc);
  return state;
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

namespace {
/// What is known of an axis that a Reshape asks for.
struct Wanted {
  enum Kind { Extent, Token, Rest } kind;
  int64_t number = 0; ///< the extent, or the token axis of the root
};

/// Takes the axes of an operand one after the other, in parts.
class Taker {
public:
  explicit Taker(const MapState &state) : root(state.root) {
    for (const Axis &axis : state.axes) {
      for (unsigned token : axis.tokens)
        atoms.push_back({{token}, 0});
      if (!axis.isFeature() || axis.features == 1)
        continue;
      // Features are numbered row-major, so neighbouring axes are one.
      if (!atoms.empty() && atoms.back().isFeature())
        atoms.back().features *= axis.features;
      else
        atoms.push_back({{}, axis.features});
    }
  }

  bool isDone() const { return atoms.empty(); }

  std::optional<Axis> take(Wanted wanted, bool fromBack) {
    Axis axis;
    int64_t left = wanted.number;
    if (wanted.kind == Wanted::Token) {
      // Condition 7 of recognize-maps.
      if (atoms.empty() || at(fromBack).tokens != SmallVector<unsigned, 2>{unsigned(left)})
        return std::nullopt;
      return pop(fromBack);
    }
    while (left > 1) {
      if (atoms.empty())
        return std::nullopt;
      int64_t extent = extentOf(at(fromBack));
      if (extent < 1)
        return std::nullopt;
      Axis part = at(fromBack);
      if (left % extent == 0) {
        pop(fromBack);
      } else if (part.isFeature() && extent % left == 0) {
        at(fromBack).features = extent / left;
        part.features = extent = left;
      } else {
        return std::nullopt;
      }
      left /= extent;
      if (!join(axis, part, fromBack))
        return std::nullopt;
    }
    return axis;
  }

  std::optional<Axis> takeRest() {
    Axis axis;
    while (!atoms.empty())
      if (!join(axis, pop(false), false))
        return std::nullopt;
    return axis;
  }

private:
  Axis &at(bool fromBack) { return fromBack ? atoms.back() : atoms.front(); }
  Axis pop(bool fromBack) {
    Axis atom = at(fromBack);
    atoms.erase(fromBack ? atoms.end() - 1 : atoms.begin());
    return atom;
  }
  int64_t extentOf(const Axis &atom) const {
    if (atom.isFeature())
      return atom.features;
    return cast<RankedTensorType>(root.getType()).getDimSize(atom.tokens[0]);
  }
  /// False where tokens and features would be one axis.
  static bool join(Axis &axis, const Axis &part, bool before) {
    if (part.isFeature()) {
      axis.features = std::max<int64_t>(axis.features, 1) * part.features;
    } else {
      axis.tokens.insert(before ? axis.tokens.begin() : axis.tokens.end(), part.tokens.begin(),
                         part.tokens.end());
    }
    // Condition 7 of recognize-maps.
    return !(axis.isFeature() && !axis.tokens.empty());
  }

  Value root;
  SmallVector<Axis> atoms;
};
} // namespace

/// What the shape operand, or else the type, says of each axis of a result.
static std::optional<SmallVector<Wanted>> wantedBy(onnx_ir::AnyOp op, const MapState &state) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type)
    return std::nullopt;
  SmallVector<Wanted> wanted;
  std::optional<SmallVector<normalize::ShapeTerm>> terms;
  bool allowZero = false;
  if (auto reshape = dyn_cast<Op<"Reshape">>(op.getOperation())) {
    terms = normalize::shapeTerms(reshape.in("shape"));
    auto attr = reshape.attr<IntegerAttr>("allowzero");
    allowZero = attr && attr.getInt() != 0;
  }
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (!type.isDynamicDim(i)) {
      wanted.push_back({Wanted::Extent, type.getDimSize(i)});
      continue;
    }
    Wanted want{Wanted::Rest, 0};
    if (terms && int64_t(terms->size()) == type.getRank()) {
      const normalize::ShapeTerm &term = (*terms)[i];
      if (term.of == state.root && state.isToken(term.axis))
        want = {Wanted::Token, term.axis};
      else if (!term.of && term.constant == 0 && !allowZero && i < int64_t(state.axes.size()) &&
               state.axes[i].tokens.size() == 1)
        want = {Wanted::Token, int64_t(state.axes[i].tokens[0])};
      else if (!term.of && term.constant > 0)
        want = {Wanted::Extent, term.constant};
    }
    wanted.push_back(want);
  }
  return wanted;
}

/// The axes of a view of the same elements in the same order.
static std::optional<MapState> viewed(onnx_ir::AnyOp op, MapState state) {
  auto wanted = wantedBy(op, state);
  if (!wanted)
    return std::nullopt;
  Taker taker(state);
  SmallVector<Axis> front, back;
  size_t first = 0, last = wanted->size();
  for (; first < last && (*wanted)[first].kind != Wanted::Rest; ++first) {
    std::optional<Axis> axis = taker.take((*wanted)[first], false);
    if (!axis)
      return std::nullopt;
    front.push_back(*axis);
  }
  for (; last > first && (*wanted)[last - 1].kind != Wanted::Rest; --last) {
    std::optional<Axis> axis = taker.take((*wanted)[last - 1], true);
    if (!axis)
      return std::nullopt;
    back.push_back(*axis);
  }
  if (last - first > 1)
    return std::nullopt;
  if (last > first) {
    std::optional<Axis> rest = taker.takeRest();
    if (!rest)
      return std::nullopt;
    front.push_back(*rest);
  }
  if (!taker.isDone())
    return std::nullopt;
  state.axes.assign(front.begin(), front.end());
  state.axes.append(back.rbegin(), back.rend());
  return state;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

static std::optional<MapState> sliced(Op<"Slice"> op, MapState state) {
  auto ranges = slicesOf(op, state.axes.size(), [&](int64_t axis) {
    return state.axes[axis].isFeature() ? state.axes[axis].features : int64_t(-1);
  });
  if (!ranges)
    return std::nullopt;
  for (const SliceRange &range : *ranges) {
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < range.count; ++i)
      kept.push_back(range.start + i * range.step);
    select(state, range.axis, kept, false, op.getLoc());
  }
  return state;
}

static std::optional<MapState> gathered(Op<"Gather"> op, MapState state) {
  auto indices = integersOf(op.in("indices"));
  int64_t axis = axisOf(op, "axis", 0, state.axes.size());
  int64_t rank = indices ? cast<ShapedType>(op.in("indices").getType()).getRank() : 2;
  if (rank > 1 || indices->empty() || axis < 0 || axis >= int64_t(state.axes.size()))
    return std::nullopt;
  int64_t extent = state.axes[axis].features; // 0 of tokens, of which none are chosen
  std::vector<int64_t> kept;
  for (int64_t index : *indices) {
    kept.push_back(index < 0 ? index + extent : index);
    if (kept.back() < 0 || kept.back() >= extent)
      return std::nullopt;
  }
  select(state, axis, kept, rank == 0, op.getLoc());
  return state;
}

bool isMove(Operation *op) {
  return isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">, Op<"Transpose">,
             Op<"Slice">, Op<"Gather">, Op<"Identity">, Op<"Pad">>(op);
}

std::optional<MapState> moved(onnx_ir::AnyOp op, MapState state) {
  Operation *operation = op.getOperation();
  if (isa<Op<"Identity">>(operation))
    return state;
  if (auto transpose = dyn_cast<Op<"Transpose">>(operation)) {
    permuteAxes(state, permutationOf(transpose, state.axes.size()), op.getLoc());
    return state;
  }
  if (auto slice = dyn_cast<Op<"Slice">>(operation))
    return sliced(slice, std::move(state));
  if (auto gather = dyn_cast<Op<"Gather">>(operation))
    return gathered(gather, std::move(state));
  if (isa<Op<"Pad">>(operation))
    return padded(op, std::move(state));
  return viewed(op, std::move(state));
}

} // namespace strut::recognize
