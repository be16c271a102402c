//===- Scatter.cpp - Elements to computed places --------------------------===//
//
// Data of which some elements change: a region that starts with the data and goes
// through the updates one by one, for where two of them meet the order decides. The
// trailing axes that an update takes as they come are one step of it, and vector code.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using onnx_ir::Op;

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

/// A part of a tensor: one place of the leading axes, and of the others as much as `sizes`.
struct Part {
  SmallVector<OpFoldResult> offsets, sizes, strides;

  Part(Code &c, ValueRange place, ArrayRef<Value> trailing)
      : offsets(place), sizes(place.size(), c.b.getIndexAttr(1)) {
    offsets.append(trailing.size(), c.b.getIndexAttr(0));
    llvm::append_range(sizes, getAsOpFoldResult(trailing));
    strides.assign(offsets.size(), c.b.getIndexAttr(1));
  }
  Value of(Code &c, Value tensor, RankedTensorType type) const {
    return c.make<tensor::ExtractSliceOp>(type, tensor, offsets, sizes, strides);
  }
};

/// `data` with the part at `to` combined with the part of `updates` at `from`, both as large
/// as `extents` say.
Value updatedPart(Code &c, StringRef reduction, Value data, ValueRange to, Value updates,
                  ValueRange from, ArrayRef<Value> extents) {
  auto whole = cast<RankedTensorType>(updates.getType());
  auto type =
      RankedTensorType::get(whole.getShape().take_back(extents.size()), whole.getElementType());
  Part target(c, to, extents), source(c, from, extents);
  Value old = target.of(c, data, type), update = source.of(c, updates, type), result;
  if (reduction == "none") {
    result = linalg::CopyOp::create(c.b, c.loc, update, old).getResult(0);
  } else {
    SmallVector<AffineMap> maps(2, c.b.getMultiDimIdentityMap(extents.size()));
    SmallVector<utils::IteratorType> iterators(extents.size(), utils::IteratorType::parallel);
    auto body = [&](OpBuilder &b, Location loc, ValueRange x) {
      Code inner{b, loc, c.isUnsigned};
      Value value = combined(inner, reduction, inner.widen(x[1]), inner.widen(x[0]));
      linalg::YieldOp::create(b, loc, inner.cast(value, type.getElementType()));
    };
    result = linalg::GenericOp::create(c.b, c.loc, type, update, old, maps, iterators, body)
                 .getResult(0);
  }
  return c.make<tensor::InsertSliceOp>(result, data, target.offsets, target.sizes, target.strides);
}

/// A scatter as a nest over the updates.
struct Scatter {
  AnyOp op;
  Value data, indices, updates; ///< of the onnx level; there may be no indices
  /// Trailing axes that data and updates share, from place 0 on.
  unsigned whole = 0;
  StringRef reduction = "none"; ///< as the standard calls it

  /// The places of the leading axes of the data, from those of the updates, the extents of
  /// the data, and the indices.
  using Destination =
      function_ref<SmallVector<Value>(Code &, ValueRange place, ArrayRef<Value> extents, Value)>;
  LogicalResult lower(Context &context, Destination destination);
};

LogicalResult Scatter::lower(Context &context, Destination destination) {
  SmallVector<Value> inputs = {context.tensor(updates)};
  if (indices)
    inputs.push_back(context.tensor(indices));
  Value result = context.update(
      op->getLoc(), context.tensor(data), inputs, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value source = x.front(), target = x.back(), numbers = indices ? x[1] : Value();
        SmallVector<Value> extents = extentsOf(c, target), trailing = extentsOf(c, source), outer;
        // In a tensor without elements there is no place, whatever an index says.
        Value times = c.index(1), zero = c.index(0);
        for (Value extent : extents) {
          Value none = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, extent, zero);
          times = c.select(none, zero, times);
        }
        outer.push_back(times);
        while (trailing.size() > whole) {
          outer.push_back(trailing.front());
          trailing.erase(trailing.begin());
        }
        return loops(c, outer, target,
                     [&](Code &c, ValueRange places, ValueRange carried) -> SmallVector<Value> {
                       ValueRange from = places.drop_front();
                       SmallVector<Value> to = destination(c, from, extents, numbers);
                       if (whole)
                         return {updatedPart(c, reduction, carried[0], to, source, from, trailing)};
                       Value old = read(c, carried[0], to), update = read(c, source, from);
                       return {written(c, combined(c, reduction, old, update), carried[0], to)};
                     });
      });
  context.define(op->getResult(0), result, SmallVector<Dim>(context[data].dims));
  return success();
}

StringRef reductionOf(AnyOp op) {
  auto reduction = op.attr<StringAttr>("reduction");
  return reduction ? reduction.getValue() : "none";
}

/// What `indices` repeats: a tensor whose axes, aligned at the right, are those of `indices`
/// or of extent 1.
Value withoutRepeats(Context &context, Value indices) {
  while (auto expand = indices.getDefiningOp<Op<"Expand">>()) {
    Value source = expand.in("input");
    ArrayRef<Dim> from = context[source].dims, to = context[indices].dims;
    if (from.size() > to.size() ||
        !llvm::all_of_zip(from, to.take_back(from.size()),
                          [](const Dim &a, const Dim &b) { return a.is(1) || a == b; }))
      break;
    indices = source;
  }
  return indices;
}

/// result[i..., indices[i..., j, ...], ...] = updates[i..., j, ...]
LogicalResult lowerScatterElements(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), updates = op.in("updates"), indices = op.in("indices");
  int64_t rank = context[data].rank(), axis = normalizeAxis(intAttr(op, "axis"), rank);
  if (axis < 0 || axis >= rank || context[indices].rank() != rank ||
      context[updates].rank() != rank)
    return context.refuse(op, "its axis does not exist, or its operands have different ranks");
  for (auto [i, update] : llvm::enumerate(context[updates].dims))
    if (!context.unify(update, context[indices].dims[i]) ||
        (int64_t(i) != axis && !context.dims.isNonNegative(context[data].dims[i] - update)))
      return context.refuse(op, "it cannot be told that its updates fit indices and data");
  indices = withoutRepeats(context, indices);
  unsigned skipped = rank - context[indices].rank(), whole = 0;
  SmallVector<Dim> numbers(skipped, Dim(1));
  llvm::append_range(numbers, context[indices].dims);
  while (rank - whole - 1 > axis && numbers[rank - whole - 1].is(1))
    ++whole;
  return Scatter{op, data, indices, updates, whole, reductionOf(op)}.lower(
      context, [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value indices) {
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
  unsigned whole = data.size() - count;
  Scatter scatter{op, op.in("data"), op.in("indices"), op.in("updates"), whole, reductionOf(op)};
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
  return Scatter{op, data, start, update, unsigned(rank - axis - 1)}.lower(
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
