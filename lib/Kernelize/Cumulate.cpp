//===- Cumulate.cpp - Running sums and products ---------------------------===//
//
// Every element is its predecessor along the axis with one more element. Along a known axis
// rows of elements behind it are added as vectors, and what lies before it is tasks. Where the
// axis is data, places are visited in ascending order, so that the predecessor is there
// whatever the axis.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Requirements.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

struct Steps {
  bool isProduct, exclusive, reverse;

  Value combined(Code &c, Value sum, Value next) const {
    return isProduct ? c.mul(sum, next) : c.add(sum, next);
  }
  Value start(Code &c, Type type) const { return c.constant(isProduct ? 1 : 0, type); }
};

//===----------------------------------------------------------------------===//
// Along an axis that is data
//===----------------------------------------------------------------------===//

/// One element: `place` counts along the axis in the direction of the sum.
SmallVector<Value> step(Code &c, const Steps &how, Value axis, ArrayRef<Value> extents, Value x,
                        ValueRange place, ValueRange carried) {
  SmallVector<Value> at, before;
  Value first = c.make<arith::ConstantIntOp>(0, 1), zero = c.index(0), one = c.index(1);
  for (auto [i, p] : llvm::enumerate(place)) {
    Value here = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, axis, c.index(i));
    Value atStart = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, p, zero);
    first = c.make<arith::OrIOp>(first, c.make<arith::AndIOp>(here, atStart));
    Value by = c.select(here, one, zero);
    Value previous = c.make<arith::MaxSIOp>(c.make<arith::SubIOp>(p, by), zero);
    Value last = c.make<arith::SubIOp>(extents[i], one);
    auto turned = [&](Value v) -> Value {
      return how.reverse ? c.select(here, c.make<arith::SubIOp>(last, v), v) : v;
    };
    at.push_back(turned(p));
    before.push_back(turned(previous));
  }
  // Where there is no predecessor, what is read stands for nothing.
  Value sum = read(c, carried[0], before);
  Value start = how.start(c, sum.getType());
  sum = c.select(first, start, sum);
  Value next = read(c, x, how.exclusive ? before : at);
  if (how.exclusive)
    next = c.select(first, start, next);
  return {written(c, how.combined(c, sum, next), carried[0], at)};
}

Value alongDataAxis(Context &context, AnyOp op, const Steps &how) {
  Value input = op->getOperand(0), axisOperand = op->getOperand(1);
  SmallVector<Dim> dims = context[input].dims;
  int64_t rank = dims.size();
  Value axisTensor = context.reshape(op->getLoc(), context.tensor(axisOperand),
                                     SmallVector<Dim>(context[axisOperand].dims), {});
  return context.region(
      op->getLoc(), {context.tensor(input), axisTensor}, {{dims, context[input].element, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value axis = c.make<tensor::ExtractOp>(x[1], ValueRange());
        axis = c.boundedIndex(axis, c.index(rank));
        SmallVector<Value> extents = extentsOf(c, x[0]), start = {x[2]};
        return loops(c, extents, start, [&](Code &c, ValueRange place, ValueRange carried) {
          return step(c, how, axis, extents, x[0], place, carried);
        });
      })[0];
}

//===----------------------------------------------------------------------===//
// Along a known axis
//===----------------------------------------------------------------------===//

/// The place of step `i`, in the direction of the sum.
Value placeOf(Code &c, const Steps &how, Value i, Value length) {
  if (!how.reverse)
    return i;
  return c.make<arith::SubIOp>(c.make<arith::SubIOp>(length, c.index(1)), i);
}

/// A vector, of which a number carries the sum.
Value cumulatedVector(Code &c, const Steps &how, Value x, Value target) {
  Value length = extentsOf(c, x)[0];
  Type element = getElementTypeOrSelf(x.getType());
  Value start = how.start(c, c.widen(c.constant(0, element)).getType());
  return loops(c, length, {target, start},
               [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                 Value at = placeOf(c, how, i[0], length);
                 Value sum = how.combined(c, carried[1], read(c, x, at));
                 // As it is stored: every element is the sum of its stored predecessor.
                 sum = c.widen(c.cast(sum, element));
                 Value kept = how.exclusive ? carried[1] : sum;
                 return {written(c, kept, carried[0], at), sum};
               })[0];
}

/// How many columns of a matrix are one task.
constexpr int64_t columns = 64;

/// A matrix of at most `columns` along its first axis, whose rows are added as vectors.
Value cumulatedRows(Code &c, const Steps &how, Value x, Value target) {
  SmallVector<Value> extents = extentsOf(c, x);
  Type element = getElementTypeOrSelf(x.getType());
  Value sums = c.make<tensor::EmptyOp>(ArrayRef<int64_t>(columns), element);
  sums = linalg::FillOp::create(c.b, c.loc, how.start(c, element), sums).getResult(0);
  auto body = [&](OpBuilder &b, Location loc, ValueRange v) {
    Code inner{b, loc, c.isUnsigned};
    Value sum = how.combined(inner, inner.widen(v[1]), inner.widen(v[0]));
    linalg::YieldOp::create(b, loc, inner.cast(sum, element));
  };
  SmallVector<AffineMap> maps(2, c.b.getMultiDimIdentityMap(1));
  return loops(c, extents[0], {target, sums}, [&](Code &c, ValueRange i, ValueRange carried) {
    Value at = placeOf(c, how, i[0], extents[0]);
    Piece own(c, carried[0]), all(c, carried[1]);
    own.at(0, at);
    all.from(0, c.index(0), extents[1]);
    Value row = own.of(c, x), old = own.of(c, carried[0]), sum = all.of(c, carried[1]);
    auto store = [&](Value value) {
      return own.into(c, linalg::CopyOp::create(c.b, c.loc, value, old).getResult(0), carried[0]);
    };
    Value before = how.exclusive ? store(sum) : Value();
    Value next = linalg::GenericOp::create(c.b, c.loc, sum.getType(), row, sum, maps,
                                           utils::IteratorType::parallel, body)
                     .getResult(0);
    Value result = before ? before : store(next);
    return SmallVector<Value>{result, all.into(c, next, carried[1])};
  })[0];
}

Value alongAxis(Context &context, Location loc, Value input, unsigned axis, const Steps &how) {
  SmallVector<Dim> dims = context[input].dims;
  Type element = context[input].element;
  Dim outer = product(ArrayRef(dims).take_front(axis)),
      inner = product(ArrayRef(dims).drop_front(axis + 1));
  bool isVector = inner.is(1);
  SmallVector<Dim> shape = {outer, dims[axis]};
  if (!isVector)
    shape.push_back(inner);
  Value source = context.reshape(loc, context.tensor(input), dims, shape);
  Value result = context.region(
      loc, source, {{shape, element, {}}}, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        // Columns of a matrix are tasks too, as many together as make it worth while.
        SmallVector<Value> extents = extentsOf(c, x[0]), count = {extents[0]};
        if (!isVector)
          count.push_back(c.make<arith::CeilDivUIOp>(extents[2], c.index(columns)));
        auto pieceOf = [&](Code &c, ValueRange places, Value whole) {
          Piece part(c, whole);
          part.at(0, places[0]);
          if (!isVector) {
            Value begin = c.make<arith::MulIOp>(places[1], c.index(columns));
            Value rest = c.make<arith::SubIOp>(extents[2], begin);
            part.from(2, begin, c.make<arith::MinUIOp>(rest, c.index(columns)));
          }
          return part;
        };
        return tasks(c, count, x[1], pieceOf,
                     [&](Code &c, ValueRange places, ValueRange pieces) -> SmallVector<Value> {
                       Value own = pieceOf(c, places, x[0]).of(c, x[0]);
                       return {isVector ? cumulatedVector(c, how, own, pieces[0])
                                        : cumulatedRows(c, how, own, pieces[0])};
                     });
      })[0];
  return context.reshape(loc, result, shape, dims);
}

LogicalResult lowerCumulate(AnyOp op, Context &context, bool isProduct) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  int64_t rank = dims.size();
  Steps how{isProduct, intAttr(op, "exclusive") != 0, intAttr(op, "reverse") != 0};
  if (rank == 0)
    return context.refuse(op, "its input is a scalar");
  auto given = context.integers(op->getOperand(1));
  int64_t axis = given && !given->empty() ? normalizeAxis(given->front(), rank) : 0;
  if (axis < 0 || axis >= rank)
    return context.refuse(op, "its axis does not exist");
  if (!given && failed(requireIndices(context, op, "axis", op.in("axis"), Dim(rank),
                                      "the axes of its input")))
    return failure();
  if (product(dims).is(0)) {
    context.define(op->getResult(0), Tracked(context[input]));
    return success();
  }
  Value result =
      given ? alongAxis(context, op->getLoc(), input, axis, how) : alongDataAxis(context, op, how);
  context.define(op->getResult(0), result, dims);
  return success();
}

} // namespace

void addCumulate(LoweringTable &table) {
  for (bool isProduct : {false, true})
    table[isProduct ? "onnx.CumProd" : "onnx.CumSum"] = {
        nullptr, [isProduct](Operation *op, Context &context) {
          return lowerCumulate(AnyOp(op), context, isProduct);
        }};
}

} // namespace strut::kernelize
