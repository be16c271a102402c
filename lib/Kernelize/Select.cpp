//===- Select.cpp - Elements that data choose -----------------------------===//
//
// NonZero, Compress, and Slice where its bounds are data. One walk over what decides
// makes a list of places and counts them; the result is as long as it can be, its count is a
// value (Counts.cpp), and what lies beyond the count is 0 or repeats an element.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Slices.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Value isNonZero(Code &c, Value x) {
  return c.compare(arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, x, c.constant(0, x));
}
/// The scalar tensor `target` with a number.
Value scalar(Code &c, Value index, Value target) {
  return c.make<tensor::InsertOp>(asNumber(c, index), target, ValueRange());
}
/// The tensor with 0 everywhere.
Value zeros(Code &c, Value target) {
  return loops(c, extentsOf(c, target), {target},
               [&](Code &c, ValueRange at, ValueRange carried) -> SmallVector<Value> {
                 Type element = getElementTypeOrSelf(target.getType());
                 return {c.make<tensor::InsertOp>(c.constant(0, element), carried[0], at)};
               })[0];
}

/// A list of the places that are chosen, i64, and their number, without axes.
struct Places {
  Value list, count;
};

/// The places i < `most` where the vector `chooses` is not 0.
Places placesOf(Context &context, Location loc, Value chooses, const Dim &most) {
  Type number = context.b.getI64Type();
  SmallVector<Value> made =
      context.region(loc, {chooses}, {{{most}, number, {}}, {{}, number, {}}},
                     [&](Code &c, ValueRange x) -> SmallVector<Value> {
                       SmallVector<Value> done = loops(
                           c, extentsOf(c, x[1]), {zeros(c, x[1]), c.index(0)},
                           [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                             Value chosen = isNonZero(c, read(c, x[0], i));
                             // The place is overwritten if it is not to stay.
                             Value old = c.make<tensor::ExtractOp>(carried[0], carried[1]);
                             Value value = c.select(chosen, asNumber(c, i[0]), old);
                             return {c.make<tensor::InsertOp>(value, carried[0], carried[1]),
                                     advanced(c, carried[1], chosen)};
                           });
                       return {done[0], scalar(c, done[1], x[2])};
                     });
  return {made[0], made[1]};
}

//===----------------------------------------------------------------------===//
// NonZero and Compress
//===----------------------------------------------------------------------===//

LogicalResult lowerNonZero(Operation *op, Context &context) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  Location loc = op->getLoc();
  Dim total = product(dims), rank(int64_t(dims.size()));
  Value flat = context.reshape(loc, context.tensor(input), context[input].dims, {total});
  Places places = placesOf(context, loc, flat, total);
  FailureOr<Dim> count = context.counted(op, total, places.count);
  if (failed(count))
    return failure();
  SmallVector<Extent> extents;
  for (const Dim &dim : dims)
    extents.emplace_back(context, dim);
  AffineMap perPlace = AffineMap::get(2, 0, context.b.getAffineDimExpr(1));
  SmallVector<Dim> shape = {rank, *count};
  Value result =
      context.map(loc, shape, context.b.getI64Type(), {{places.list, perPlace, {}}},
                  [&](Code &c, ValueRange x) {
                    // Coordinates from the innermost axis on; the row says which one is wanted.
                    Value rest = asIndex(c, x[0]), coordinate = c.index(0);
                    for (unsigned axis = dims.size(); axis-- > 0;) {
                      Value extent = c.make<arith::MaxSIOp>(extents[axis].in(c), c.index(1));
                      Value here = axis ? c.make<arith::RemUIOp>(rest, extent) : rest;
                      Value wanted =
                          c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, c.dim(0), c.index(axis));
                      coordinate = c.select(wanted, here, coordinate);
                      rest = c.make<arith::DivUIOp>(rest, extent);
                    }
                    return asNumber(c, coordinate);
                  });
  context.define(op->getResult(0), result, shape);
  return success();
}

LogicalResult lowerCompress(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input"), condition = op.in("condition");
  SmallVector<Dim> dims = context[input].dims;
  Location loc = op->getLoc();
  Value data = context.tensor(input);
  int64_t axis = 0;
  if (auto given = op.attr<IntegerAttr>("axis")) {
    axis = normalizeAxis(given.getInt(), dims.size());
    if (axis < 0 || axis >= int64_t(dims.size()))
      return context.refuse(op, "its axis does not exist");
  } else {
    Dim total = product(dims);
    data = context.reshape(loc, data, dims, {total});
    dims = {total};
  }
  if (context[condition].dims.size() != 1)
    return context.refuse(op, "its condition is no vector");
  Dim most = context.dims.min(context[condition].dims[0], dims[axis]);
  Places places = placesOf(context, loc, context.tensor(condition), most);
  FailureOr<Dim> count = context.counted(op, most, places.count);
  if (failed(count))
    return failure();
  dims[axis] = *count;
  AffineMap perPlace = AffineMap::get(dims.size(), 0, context.b.getAffineDimExpr(axis));
  Type element = context[input].element;
  Value result = context.map(loc, dims, element, {{places.list, perPlace, {}}, {data, {}, {}}},
                             [&](Code &c, ValueRange x) {
                               SmallVector<Value> at;
                               for (unsigned i = 0; i < dims.size(); ++i)
                                 at.push_back(int64_t(i) == axis ? asIndex(c, x[0]) : c.dim(i));
                               return c.widen(c.fetch(1, element, at));
                             });
  context.define(op->getResult(0), result, dims);
  return success();
}

//===----------------------------------------------------------------------===//
// Slice by data
//===----------------------------------------------------------------------===//

/// Where a slice of one axis starts, its step and the number of elements.
struct Part {
  Value start, step, count;
};

/// The part that bounds and step of the standard mean, of an axis of an extent.
Part partOf(Code &c, Value start, Value end, Value step, Value extent) {
  auto less = [&](Value a, Value b) {
    return c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b);
  };
  auto clamp = [&](Value x, Value low, Value high) {
    return c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(x, high), low);
  };
  Value zero = c.index(0), one = c.index(1), far = c.index(int64_t(1) << 31);
  Value last = c.make<arith::SubIOp>(extent, one);
  auto fromTheEnd = [&](Value x) {
    return c.select(less(x, zero), c.make<arith::AddIOp>(x, extent), x);
  };
  step = clamp(step, c.index(-(int64_t(1) << 31)), far);
  step = c.select(c.equal(step, zero), one, step); // the standard forbids 0
  Value forward = less(zero, step);
  start = c.select(forward, clamp(fromTheEnd(start), zero, extent),
                   clamp(fromTheEnd(start), zero, last));
  end = c.select(forward, clamp(fromTheEnd(end), zero, extent),
                 clamp(fromTheEnd(end), c.index(-1), last));
  Value length = c.make<arith::SubIOp>(end, start);
  Value count = c.make<arith::CeilDivSIOp>(length, step);
  return {start, step, c.make<arith::MaxSIOp>(count, zero)};
}

/// A Slice whose bounds are data.
class DataSlice {
public:
  DataSlice(AnyOp op, Context &context)
      : op(op), context(context), number(context.b.getI64Type()), data(op.in("data")),
        axes(op.in("axes")), steps(op.in("steps")), from(context[data].dims) {
    bounds = {op.in("starts"), op.in("ends")};
    for (Value operand : {axes, steps})
      if (operand)
        bounds.push_back(operand);
    if (axes)
      knownAxes = context.integers(axes);
  }

  LogicalResult lower() {
    if (failed(check()))
      return failure();
    SmallVector<Value> made = findParts();
    FailureOr<SmallVector<Dim>> to = resultDims(ArrayRef(made).drop_front());
    if (failed(to))
      return failure();
    context.define(op->getResult(0), take(made[0], *to), *to);
    return success();
  }

private:
  /// Refuses what cannot be lowered; finds out for how many axes there are bounds.
  LogicalResult check();
  /// Whether the bounds may be those of `axis`.
  bool isSliced(int64_t axis) const;
  /// A table of rank × 2, start and step of each axis, and the count of each that is sliced.
  SmallVector<Value> findParts();
  /// The part of `axis`, of an extent, by the bounds in the tensors `x`.
  Part partOfAxis(Code &c, ValueRange x, int64_t axis, Value extent) const;
  /// The result's dimensions, those of sliced axes by their counts.
  FailureOr<SmallVector<Dim>> resultDims(ArrayRef<Value> counts);
  /// The elements that a table of starts and steps names.
  Value take(Value table, ArrayRef<Dim> to);

  AnyOp op;
  Context &context;
  Type number;
  Value data, axes, steps;
  /// Starts and ends, then axes and steps where they are given.
  SmallVector<Value> bounds;
  std::optional<SmallVector<int64_t>> knownAxes;
  SmallVector<Dim> from;
  int64_t numBounds = 0;
};

LogicalResult DataSlice::check() {
  const Dim &given = context[bounds[0]].dims[0];
  for (Value operand : bounds)
    if (context[operand].dims.size() != 1 || context[operand].dims[0] != given)
      return context.refuse(op, "its bounds, axes and steps have different lengths");
  if (!given.isConstant())
    return context.refuse(op, "how many axes it has bounds for is not known");
  if (llvm::is_contained(from, Dim(0)))
    return context.refuse(op, "an axis of no elements is not supported");
  numBounds = given.constant();
  return success();
}

bool DataSlice::isSliced(int64_t axis) const {
  if (!axes)
    return axis < numBounds;
  return !knownAxes || llvm::any_of(*knownAxes, [&](int64_t a) {
    return normalizeAxis(a, int64_t(from.size())) == axis;
  });
}

Part DataSlice::partOfAxis(Code &c, ValueRange x, int64_t axis, Value extent) const {
  auto element = [&](unsigned operand, int64_t i) {
    return asIndex(c, c.make<tensor::ExtractOp>(x[operand], c.index(i)));
  };
  Part part{c.index(0), c.index(1), extent};
  for (int64_t i = 0; isSliced(axis) && i < numBounds; ++i) {
    Value step = steps ? element(bounds.size() - 1, i) : c.index(1);
    Part own = partOf(c, element(0, i), element(1, i), step, extent);
    Value here = c.make<arith::ConstantIntOp>(!axes && i == axis, 1);
    if (axes) {
      Value a = element(2, i), back = c.make<arith::AddIOp>(a, c.index(from.size()));
      here = c.make<arith::OrIOp>(c.equal(a, c.index(axis)), c.equal(back, c.index(axis)));
    }
    part = {c.select(here, own.start, part.start), c.select(here, own.step, part.step),
            c.select(here, own.count, part.count)};
  }
  return part;
}

SmallVector<Value> DataSlice::findParts() {
  int64_t rank = from.size();
  SmallVector<Value> inputs =
      llvm::map_to_vector(bounds, [&](Value operand) { return context.tensor(operand); });
  inputs.push_back(context.tensor(data));
  SmallVector<Context::Init> inits = {{{Dim(rank), Dim(2)}, number, {}}};
  for (int64_t axis = 0; axis < rank; ++axis)
    if (isSliced(axis))
      inits.push_back({{}, number, {}});
  auto body = [&](Code &c, ValueRange x) -> SmallVector<Value> {
    SmallVector<Value> extents = extentsOf(c, x[bounds.size()]);
    ValueRange targets = x.drop_front(bounds.size() + 1);
    SmallVector<Value> results = {targets[0]};
    for (int64_t axis = 0; axis < rank; ++axis) {
      Part part = partOfAxis(c, x, axis, extents[axis]);
      for (auto [j, value] : llvm::enumerate(SmallVector<Value>{part.start, part.step}))
        results[0] = c.make<tensor::InsertOp>(asNumber(c, value), results[0],
                                              ValueRange{c.index(axis), c.index(int64_t(j))});
      if (isSliced(axis))
        results.push_back(scalar(c, part.count, targets[results.size()]));
    }
    return results;
  };
  return context.region(op->getLoc(), inputs, inits, body);
}

FailureOr<SmallVector<Dim>> DataSlice::resultDims(ArrayRef<Value> counts) {
  SmallVector<Dim> to(from);
  auto declared = context.declaredShape(op->getResult(0));
  for (int64_t axis = 0; axis < int64_t(from.size()); ++axis) {
    if (!isSliced(axis))
      continue;
    Value found = counts.consume_front();
    if (!declared) {
      FailureOr<Dim> extent = context.counted(op, from[axis], found);
      if (failed(extent))
        return failure();
      to[axis] = *extent;
      continue;
    }
    to[axis] = (*declared)[axis];
    auto fits = [&](Code &c, ValueRange) {
      return c.equal(c.fetch(0, number, c.index(0)), c.constant(to[axis].constant(), number));
    };
    context.require(op, found, fits,
                    "axis " + Twine(axis) + " of its result has not the extent " +
                        Twine(to[axis].constant()) + " that the model declares");
  }
  return to;
}

Value DataSlice::take(Value table, ArrayRef<Dim> to) {
  SmallVector<Extent> extents;
  for (const Dim &dim : from)
    extents.emplace_back(context, dim);
  Type element = context[data].element;
  auto body = [&](Code &c, ValueRange) {
    SmallVector<Value> at;
    for (auto [axis, extent] : llvm::enumerate(extents)) {
      Value start = asIndex(c, c.fetch(0, number, {c.index(axis), c.index(0)})),
            step = asIndex(c, c.fetch(0, number, {c.index(axis), c.index(1)}));
      Value place = c.make<arith::AddIOp>(start, c.make<arith::MulIOp>(c.dim(axis), step));
      Value last = c.make<arith::SubIOp>(extent.in(c), c.index(1));
      at.push_back(c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), c.index(0)));
    }
    return c.widen(c.fetch(1, element, at));
  };
  return context.map(op->getLoc(), to, element, {{table, {}, {}}, {context.tensor(data), {}, {}}},
                     body);
}

} // namespace

LogicalResult sliceByData(AnyOp op, Context &context) { return DataSlice(op, context).lower(); }

void addSelect(LoweringTable &table) {
  auto holdsElements = [](Operation *op) -> Reason {
    Type element = getElementTypeOrSelf(op->getOperand(0).getType());
    if (element.isIntOrFloat())
      return std::nullopt;
    return "elements of its type are not supported";
  };
  table["onnx.NonZero"] = {holdsElements, lowerNonZero};
  table["onnx.Compress"] = {holdsElements, lowerCompress};
}

} // namespace strut::kernelize
