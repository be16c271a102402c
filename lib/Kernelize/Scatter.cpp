//===- Scatter.cpp - Elements to computed places --------------------------===//
//
// Data of which some elements change: a region that starts with the data and goes through the
// updates one by one, for where two of them meet the order decides. The trailing axes that an
// update takes as they come are one step of it, and vector code. Axes along which updates keep
// their places are tasks, for there two of them never meet.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Requirements.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// What becomes of an element that an update meets.
Value combined(Code &c, StringRef reduction, Value old, Value update) {
  if (reduction == "add")
    return old.getType().isInteger(1) ? c.max(old, update) : c.add(old, update);
  if (reduction == "mul")
    return old.getType().isInteger(1) ? c.min(old, update) : c.mul(old, update);
  if (reduction == "max")
    return c.max(old, update);
  if (reduction == "min")
    return c.min(old, update);
  return update;
}

/// `old` combined with `update`, vectors or more of the same extents.
Value updatedPart(Code &c, StringRef reduction, Value old, Value update) {
  if (reduction == "none")
    return linalg::CopyOp::create(c.b, c.loc, update, old).getResult(0);
  auto type = cast<RankedTensorType>(old.getType());
  SmallVector<AffineMap> maps(2, c.b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &b, Location loc, ValueRange x) {
    Code inner{b, loc, c.isUnsigned};
    Value value = combined(inner, reduction, inner.widen(x[1]), inner.widen(x[0]));
    linalg::YieldOp::create(b, loc, inner.cast(value, type.getElementType()));
  };
  return linalg::GenericOp::create(c.b, c.loc, type, update, old, maps, iterators, body)
      .getResult(0);
}

/// How many elements of a row are one task.
constexpr int64_t columns = 64;

/// A scatter as a nest over the updates.
struct Scatter {
  AnyOp op;
  Value data, indices, updates; ///< of the onnx level; there may be no indices
  /// Leading axes along which an update keeps its place.
  unsigned kept = 0;
  /// Trailing axes that data and updates share, from place 0 on.
  unsigned whole = 0;
  /// Whether updates keep their places along the last axis.
  bool keepsLast = false;
  StringRef reduction = "none"; ///< as the standard calls it

  /// The places of the leading axes of the data, from those of the updates, the extents of
  /// the data, and the indices.
  using Destination =
      function_ref<SmallVector<Value>(Code &, ValueRange place, ArrayRef<Value> extents, Value)>;
  LogicalResult lower(Context &context, Destination destination);
};

/// A task: one place of each leading axis that updates keep, and of the axis that is cut (if
/// any) some columns.
struct Share {
  const Scatter &scatter;
  unsigned rank;
  SmallVector<Value> extents; ///< of the updates
  int cut = -1;               ///< an axis, or -1

  Share(Code &c, const Scatter &scatter, Value updates)
      : scatter(scatter), extents(extentsOf(c, updates)) {
    rank = extents.size();
    // The first of several whole axes, of which rows are left; else the last axis.
    if (scatter.whole > 1)
      cut = rank - scatter.whole;
    else if (scatter.keepsLast && scatter.kept < rank)
      cut = rank - 1;
  }

  SmallVector<Value> counts(Code &c) const {
    SmallVector<Value> counts(ArrayRef(extents).take_front(scatter.kept));
    if (cut >= 0)
      counts.push_back(c.make<arith::CeilDivUIOp>(extents[cut], c.index(width())));
    return counts;
  }
  int64_t width() const { return scatter.whole > 1 ? 1 : columns; }

  Value begin(Code &c, ValueRange places) const {
    return c.make<arith::MulIOp>(places.back(), c.index(width()));
  }
  Value size(Code &c, ValueRange places) const {
    Value rest = c.make<arith::SubIOp>(extents[cut], begin(c, places));
    return c.make<arith::MinUIOp>(rest, c.index(width()));
  }
  /// Of the data, or of updates in which it has a place along the `leading` axes too.
  Piece pieceOf(Code &c, ValueRange places, Value tensor, ValueRange leading = {}) const {
    Piece part(c, tensor);
    for (unsigned axis = 0; axis < scatter.kept; ++axis)
      part.at(axis, places[axis]);
    for (auto [axis, place] : llvm::enumerate(leading))
      part.at(axis, place);
    if (cut >= int(leading.size()))
      part.from(cut, begin(c, places), size(c, places));
    return part;
  }

  Value run(Code &c, ValueRange places, Value own, Value updates, Value indices,
            ArrayRef<Value> whole, Scatter::Destination destination) const;
};

/// The task's part of the data, `own`, with all updates that fall into it. `whole` are the
/// extents of the data.
Value Share::run(Code &c, ValueRange places, Value own, Value updates, Value indices,
                 ArrayRef<Value> whole, Scatter::Destination destination) const {
  // In a tensor without elements there is no place, whatever an index says.
  Value times = c.index(1), zero = c.index(0);
  for (Value extent : whole)
    times = c.select(c.equal(extent, zero), zero, times);
  unsigned leading = rank - scatter.whole;
  SmallVector<Value> counts = {times};
  for (unsigned axis = scatter.kept; axis < leading; ++axis)
    counts.push_back(int(axis) == cut ? size(c, places) : extents[axis]);
  return loops(c, counts, own, [&](Code &c, ValueRange steps, ValueRange carried) {
    SmallVector<Value> from(places.take_front(scatter.kept));
    llvm::append_range(from, steps.drop_front());
    bool cutsLeading = cut >= 0 && cut < int(leading);
    if (cutsLeading)
      from[cut] = c.make<arith::AddIOp>(from[cut], begin(c, places));
    SmallVector<Value> to = destination(c, from, whole, indices);
    if (cutsLeading)
      to[cut] = steps.back();
    to.erase(to.begin(), to.begin() + scatter.kept);
    if (!scatter.whole) {
      Value old = read(c, carried[0], to), update = read(c, updates, from);
      Value next = combined(c, scatter.reduction, old, update);
      return SmallVector<Value>{written(c, next, carried[0], to)};
    }
    Piece target(c, carried[0]);
    for (auto [axis, place] : llvm::enumerate(to))
      target.at(axis, place);
    for (unsigned axis = leading; axis < rank; ++axis)
      if (int(axis) != cut) // an update may be smaller than the data
        target.from(axis - scatter.kept, zero, extents[axis]);
    Value next = updatedPart(c, scatter.reduction, target.of(c, carried[0]),
                             pieceOf(c, places, updates, from).of(c, updates));
    return SmallVector<Value>{target.into(c, next, carried[0])};
  })[0];
}

LogicalResult Scatter::lower(Context &context, Destination destination) {
  if (product(context[data].dims).is(0) || product(context[updates].dims).is(0)) {
    context.define(op->getResult(0), Tracked(context[data]));
    return success();
  }
  SmallVector<Value> inputs = {context.tensor(updates)};
  if (indices)
    inputs.push_back(context.tensor(indices));
  Value result = context.update(
      op->getLoc(), context.tensor(data), inputs, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value source = x.front(), target = x.back(), numbers = indices ? x[1] : Value();
        Share share(c, *this, source);
        SmallVector<Value> extents = extentsOf(c, target);
        return tasks(
            c, share.counts(c), target,
            [&](Code &c, ValueRange places, Value all) { return share.pieceOf(c, places, all); },
            [&](Code &c, ValueRange places, ValueRange pieces) -> SmallVector<Value> {
              return {share.run(c, places, pieces[0], source, numbers, extents, destination)};
            });
      });
  context.define(op->getResult(0), result, SmallVector<Dim>(context[data].dims));
  return success();
}

StringRef reductionOf(AnyOp op) {
  auto reduction = op.attr<StringAttr>("reduction");
  return reduction ? reduction.getValue() : "none";
}

/// result[i..., indices[i..., j, ...], ...] = updates[i..., j, ...]
LogicalResult lowerScatterElements(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), updates = op.in("updates"), indices = op.in("indices");
  int64_t rank = context[data].rank(), axis = normalizeAxis(intAttr(op, "axis"), rank);
  if (axis < 0 || axis >= rank || context[indices].rank() != rank ||
      context[updates].rank() != rank)
    return context.refuse(op, "its axis does not exist, or its operands have different ranks");
  for (auto [i, update] : llvm::enumerate(context[updates].dims)) {
    if (!context.unify(update, context[indices].dims[i]))
      return context.refuse(op, "it cannot be told that its updates fit its indices");
    if (int64_t(i) != axis && failed(context.requireNonNegative(
                                  op, context[data].dims[i] - update,
                                  "its updates cover more than its data along axis " + Twine(i))))
      return failure();
  }
  indices = withoutRepeats(context, indices);
  if (failed(requireIndices(context, op, "indices", indices, context[data].dims[axis],
                            "axis " + Twine(axis) + " of its data")))
    return failure();
  unsigned skipped = rank - context[indices].rank(), whole = 0;
  SmallVector<Dim> numbers(skipped, Dim(1));
  llvm::append_range(numbers, context[indices].dims);
  while (rank - whole - 1 > axis && numbers[rank - whole - 1].is(1))
    ++whole;
  bool keepsLast = axis + 1 < rank;
  return Scatter{op, data, indices, updates, unsigned(axis), whole, keepsLast, reductionOf(op)}
      .lower(context, [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value indices) {
        SmallVector<Value> at(place), from;
        for (int64_t i = skipped; i < rank; ++i)
          from.push_back(numbers[i].is(1) ? c.index(0) : place[i]);
        Value index = c.make<tensor::ExtractOp>(indices, from);
        at[axis] = c.boundedIndex(index, extents[axis]);
        return at;
      });
}

/// result[indices[i..., :], j...] = updates[i..., j...]
LogicalResult lowerScatterND(Operation *operation, Context &context) {
  AnyOp op(operation);
  ArrayRef<Dim> data = context[op.in("data")].dims, indices = context[op.in("indices")].dims,
                updates = context[op.in("updates")].dims;
  if (indices.empty() || !indices.back().isConstant() ||
      indices.back().constant() > int64_t(data.size()))
    return context.refuse(op, "the number of coordinates in its indices is not constant, or larger "
                              "than the rank of the data");
  unsigned count = indices.back().constant();
  SmallVector<Dim> wanted(indices.drop_back());
  llvm::append_range(wanted, data.drop_front(count));
  bool fits = wanted.size() == updates.size();
  for (unsigned i = 0; fits && i < wanted.size(); ++i)
    fits = context.unify(wanted[i], updates[i]).has_value();
  if (!fits)
    return context.refuse(op, "it cannot be told that its updates fit indices and data");
  if (failed(requireIndices(context, op, "indices", op.in("indices"),
                            SmallVector<Dim>(data.take_front(count)), "its data")))
    return failure();
  unsigned whole = data.size() - count;
  Scatter scatter{op,         op.in("data"), op.in("indices"), op.in("updates"),
                  /*kept=*/0, whole,         whole > 0,        reductionOf(op)};
  return scatter.lower(context,
                       [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value indices) {
                         SmallVector<Value> at;
                         for (unsigned i = 0; i < count; ++i) {
                           SmallVector<Value> from(place);
                           from.push_back(c.index(i));
                           Value index = c.make<tensor::ExtractOp>(indices, from);
                           at.push_back(c.boundedIndex(index, extents[i]));
                         }
                         return at;
                       });
}

/// result[b, ..., start[b] + j, ...] = update[b, ..., j, ...]; `circular` goes on at 0 where
/// the axis ends.
LogicalResult lowerTensorScatter(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("past_cache"), update = op.in("update"), start = op.in("write_indices");
  int64_t rank = context[data].rank(), axis = normalizeAxis(intAttr(op, "axis", -2), rank);
  if (axis < 1 || axis >= rank || context[update].rank() != rank)
    return context.refuse(op, "its axis does not exist or is that of the batch, or its operands "
                              "have different ranks");
  bool fits = !start || (context[start].rank() == 1 &&
                         context.unify(context[start].dims[0], context[data].dims[0]));
  for (int64_t i = 0; fits && i < rank; ++i)
    fits = i == axis || context.unify(context[data].dims[i], context[update].dims[i]);
  if (!fits)
    return context.refuse(op, "it cannot be told that its update fits cache and starts");
  auto mode = op.attr<StringAttr>("mode");
  bool isCircular = mode && mode.getValue() == "circular";
  // Where all of the update fits behind the start; circular ones take any start.
  Dim starts = context[data].dims[axis] - context[update].dims[axis] + Dim(1);
  if (!isCircular &&
      failed(start ? requireIndices(context, op, "write_indices", op.in("write_indices"), starts,
                                    "where its update fits into its cache", CountFrom::Beginning)
                   : context.requireNonNegative(op, starts - Dim(1),
                                                "its update does not fit its cache")))
    return failure();
  unsigned whole = rank - axis - 1;
  return Scatter{op, data, start, update, unsigned(axis), whole, whole > 0}.lower(
      context, [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value starts) {
        SmallVector<Value> at(place);
        auto number = [&](Value index) {
          return c.make<arith::IndexCastOp>(c.b.getI64Type(), index);
        };
        Value row = number(place[axis]);
        if (starts)
          row = c.make<arith::AddIOp>(c.make<tensor::ExtractOp>(starts, place.front()), row);
        if (isCircular)
          row = c.make<arith::RemSIOp>(row, number(extents[axis]));
        at[axis] = c.boundedIndex(row, extents[axis]);
        return at;
      });
}

Reason supportsScatter(Operation *op) {
  if (getElementTypeOrSelf(op->getOperand(0).getType()).isIntOrFloat())
    return std::nullopt;
  return "elements of its type are not supported";
}

} // namespace

void addScatter(LoweringTable &table) {
  table["onnx.ScatterElements"] = {supportsScatter, lowerScatterElements};
  table["onnx.ScatterND"] = {supportsScatter, lowerScatterND};
  table["onnx.TensorScatter"] = {supportsScatter, lowerTensorScatter};
}

} // namespace strut::kernelize
