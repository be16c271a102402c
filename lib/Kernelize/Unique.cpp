//===- Unique.cpp - Elements without their repetitions --------------------===//
//
// Elements, or slices along an axis, in order: neighbours that are the same are one group. How
// many there are is known when it has run (Counts.cpp); results are as long as the axis.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Sort.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// Slices, numbered by the first axis of a matrix.
struct Slices {
  Value matrix;

  /// The first column in which two slices differ, or the number of columns.
  Value difference(Code &c, Value a, Value b) const {
    Value columns = extentsOf(c, matrix)[1];
    auto loop = scf::WhileOp::create(
        c.b, c.loc, c.b.getIndexType(), c.index(0),
        [&](OpBuilder &builder, Location loc, ValueRange column) {
          Code inner{builder, loc, c.isUnsigned};
          Value inside = inner.make<arith::CmpIOp>(arith::CmpIPredicate::ult, column[0], columns);
          auto same = scf::IfOp::create(
              builder, loc, inside,
              [&](OpBuilder &b2, Location loc) {
                Code code{b2, loc, c.isUnsigned};
                Value left = read(code, matrix, {a, column[0]}),
                      right = read(code, matrix, {b, column[0]});
                scf::YieldOp::create(b2, loc, isSame(code, left, right));
              },
              [&](OpBuilder &b2, Location loc) { scf::YieldOp::create(b2, loc, inside); });
          scf::ConditionOp::create(builder, loc, same.getResult(0), column);
        },
        [&](OpBuilder &builder, Location loc, ValueRange column) {
          Code inner{builder, loc};
          scf::YieldOp::create(builder, loc, inner.make<arith::AddIOp>(column[0], inner.index(1)));
        });
    return loop.getResult(0);
  }
  Value areSame(Code &c, Value a, Value b) const {
    return c.equal(difference(c, a, b), extentsOf(c, matrix)[1]);
  }
  /// Ascending, NaN last; of the same the first.
  Value isBefore(Code &c, Value a, Value b) const {
    Value columns = extentsOf(c, matrix)[1], column = difference(c, a, b);
    Value differ = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, column, columns);
    auto branch = scf::IfOp::create(
        c.b, c.loc, differ,
        [&](OpBuilder &builder, Location loc) {
          Code inner{builder, loc, c.isUnsigned};
          Value left = read(inner, matrix, {a, column}), right = read(inner, matrix, {b, column});
          scf::YieldOp::create(builder, loc, isGreater(inner, right, left));
        },
        [&](OpBuilder &builder, Location loc) {
          Code inner{builder, loc};
          scf::YieldOp::create(builder, loc,
                               inner.make<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b));
        });
    return branch.getResult(0);
  }
};

/// Groups of slices that are the same. Vectors of i64 as long as there are slices, but for the
/// number of groups, which has no axes.
struct Groups {
  Value first;   ///< of each group, its first slice
  Value counts;  ///< of each group, how many slices it has
  Value inverse; ///< of each slice, its group
  Value number;  ///< of groups
};

/// The groups in ascending order.
Groups ascendingGroups(Context &context, Location loc, Value matrix, const Dim &length) {
  Type number = context.b.getI64Type();
  Context::Init vector{{length}, number, {}}, scalar{{}, number, {}};
  SmallVector<Value> made = context.region(
      loc, matrix, {vector, vector, vector, scalar, vector},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Slices slices{x[0]};
        Value count = extentsOf(c, x[0])[0], one = c.index(1), zero = c.index(0);
        Value order = firstOf(c, x[5], count, count,
                              [&](Code &c, Value a, Value b) { return slices.isBefore(c, a, b); });
        // The number of groups that have begun is carried along.
        SmallVector<Value> done =
            loops(c, count, {x[1], x[2], x[3], zero},
                  [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                    Value isStart = c.equal(i[0], zero);
                    Value before = c.select(isStart, zero, c.make<arith::SubIOp>(i[0], one));
                    Value slice = numberAt(c, order, i[0]), last = numberAt(c, order, before);
                    Value yes = c.make<arith::ConstantIntOp>(1, 1);
                    Value differs = c.make<arith::XOrIOp>(slices.areSame(c, slice, last), yes);
                    Value isNew = c.make<arith::OrIOp>(isStart, differs);
                    Value begun =
                        c.select(isNew, c.make<arith::AddIOp>(carried[3], one), carried[3]);
                    Value group = c.make<arith::SubIOp>(begun, one);
                    Value first = c.select(isNew, slice, numberAt(c, carried[0], group));
                    Value size = c.select(isNew, zero, numberAt(c, carried[1], group));
                    return {withNumber(c, first, carried[0], group),
                            withNumber(c, c.make<arith::AddIOp>(size, one), carried[1], group),
                            withNumber(c, group, carried[2], slice), begun};
                  });
        Value groups = c.make<tensor::InsertOp>(asNumber(c, done[3]), x[4], ValueRange());
        return {done[0], done[1], done[2], groups, order};
      });
  return {made[0], made[1], made[2], made[3]};
}

/// The same groups in the order of their first slices.
Groups inOrderOfSlices(Context &context, Location loc, const Groups &groups, const Dim &length) {
  Context::Init vector{{length}, context.b.getI64Type(), {}};
  SmallVector<Value> made = context.region(
      loc, {groups.first, groups.counts, groups.inverse}, {vector, vector, vector, vector},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value one = c.index(1);
        SmallVector<Value> done =
            loops(c, extentsOf(c, x[2]), {x[3], x[4], x[5], x[6], c.index(0)},
                  [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                    // x[6] has the new numbers of the groups that have been met.
                    Value group = numberAt(c, x[2], i[0]), met = carried[4];
                    Value isFirst = c.equal(numberAt(c, x[0], group), i[0]);
                    Value own = c.select(isFirst, met, numberAt(c, carried[3], group));
                    Value renumbered = withNumber(c, own, carried[3], group);
                    // Of a group that was met before the same is written again.
                    Value first = withNumber(c, numberAt(c, x[0], group), carried[0], own),
                          count = withNumber(c, numberAt(c, x[1], group), carried[1], own);
                    Value next = c.select(isFirst, c.make<arith::AddIOp>(met, one), met);
                    return {first, count, withNumber(c, own, carried[2], i[0]), renumbered, next};
                  });
        return {done[0], done[1], done[2], done[3]};
      });
  return {made[0], made[1], made[2], groups.number};
}

/// `data` as a matrix of slices along the axis; all elements, each by itself, without an axis.
Value sliceMatrix(Context &context, Location loc, Value data, ArrayRef<Dim> dims,
                  std::optional<int64_t> axis) {
  if (!axis)
    return context.reshape(loc, data, dims, {product(dims), Dim(1)});
  SmallVector<Dim> turned = {dims[*axis]};
  // Dimension d of the turned tensor is which of the data's?
  SmallVector<AffineExpr> places(dims.size());
  places[*axis] = context.b.getAffineDimExpr(0);
  Dim columns(1);
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (int64_t(i) == *axis)
      continue;
    places[i] = context.b.getAffineDimExpr(turned.size());
    turned.push_back(dim);
    columns = columns * dim;
  }
  if (*axis != 0)
    data = context.move(loc, data, AffineMap::get(dims.size(), 0, places, context.getContext()),
                        turned);
  return context.reshape(loc, data, turned, {dims[*axis], columns});
}

LogicalResult lowerUnique(Operation *operation, Context &context) {
  AnyOp op(operation);
  Location loc = op->getLoc();
  SmallVector<Dim> dims = context[op.in("X")].dims;
  Value data = context.tensor(op.in("X"));
  Type element = context[op.in("X")].element, number = context.b.getI64Type();
  std::optional<int64_t> axis;
  if (auto given = op.attr<IntegerAttr>("axis")) {
    axis = normalizeAxis(given.getInt(), dims.size());
    if (*axis < 0 || *axis >= int64_t(dims.size()))
      return context.refuse(op, "its axis does not exist");
  }
  Dim length = axis ? dims[*axis] : product(dims);
  Groups groups =
      ascendingGroups(context, loc, sliceMatrix(context, loc, data, dims, axis), length);
  if (!intAttr(op, "sorted", 1))
    groups = inOrderOfSlices(context, loc, groups, length);
  FailureOr<Dim> count = context.counted(op, length, groups.number);
  if (failed(count))
    return failure();

  // What lies beyond the count is any slice.
  if (!axis) {
    data = context.reshape(loc, data, dims, length);
    dims = {length};
  }
  unsigned along = axis.value_or(0);
  Extent extent(context, length);
  dims[along] = *count;
  AffineMap perGroup = AffineMap::get(dims.size(), 0, context.b.getAffineDimExpr(along));
  Value unique = context.map(
      loc, dims, element, {{groups.first, perGroup, {}}, {data, {}, {}}},
      [&](Code &c, ValueRange x) {
        SmallVector<Value> at;
        for (unsigned i = 0; i < dims.size(); ++i)
          at.push_back(i == along ? c.asSigned().boundedIndex(x[0], extent.in(c)) : c.dim(i));
        return c.widen(c.fetch(1, element, at));
      });
  context.define(op->getResult(0), unique, dims);
  auto define = [&](unsigned result, Value vector, const Dim &extent) {
    if (result < op->getNumResults() && !isa<NoneType>(op->getResult(result).getType()))
      context.define(op->getResult(result),
                     context.map(loc, extent, number,
                                 {{vector, context.b.getMultiDimIdentityMap(1), {}}},
                                 [](Code &, ValueRange x) { return x[0]; }),
                     extent);
  };
  define(1, groups.first, *count);
  define(2, groups.inverse, length);
  define(3, groups.counts, *count);
  return success();
}

} // namespace

void addUnique(LoweringTable &table) {
  table["onnx.Unique"] = {[](Operation *op) -> Reason {
                            if (getElementTypeOrSelf(op->getOperand(0).getType()).isIntOrFloat())
                              return std::nullopt;
                            return "elements of its type are not supported";
                          },
                          lowerUnique};
}

} // namespace strut::kernelize
