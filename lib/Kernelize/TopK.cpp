//===- TopK.cpp - The largest elements along an axis ----------------------===//
//
// Selection: each place of the result takes the best of the elements that come
// after the one before it, in the order of values and then of places. NaN counts
// as the largest number.
//
//===----------------------------------------------------------------------===//
#include "TopK.h"
#include "Counts.h"
#include "Loops.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Value isNaN(Code &c, Value x) { return c.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x); }
Value both(Code &c, Value x, Value y) { return c.make<arith::AndIOp>(x, y); }
Value either(Code &c, Value x, Value y) { return c.make<arith::OrIOp>(x, y); }

Value greater(Code &c, Value x, Value y) {
  Value result = c.less(y, x);
  if (!Code::isFloat(x))
    return result;
  Value ordered = c.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, y, y);
  return either(c, result, both(c, isNaN(c, x), ordered));
}

Value same(Code &c, Value x, Value y) {
  Value result = c.equal(x, y);
  return Code::isFloat(x) ? either(c, result, both(c, isNaN(c, x), isNaN(c, y))) : result;
}

/// The tensors, then what the last place took: (value, place), none for place -1.
struct Row {
  unsigned axis;
  bool largest;
  Value input;
  SmallVector<Value> place; ///< along the axis: the place of the result

  Value better(Code &c, Value x, Value y) const {
    return largest ? greater(c, x, y) : greater(c, y, x);
  }
  SmallVector<Value> take(Code &c, Value length, ValueRange carried);
};

/// Fills one place of the result.
SmallVector<Value> Row::take(Code &c, Value length, ValueRange carried) {
  Value values = carried[0], indices = carried[1], last = carried[2], lastPlace = carried[3];
  Value none = c.index(-1);
  auto compare = [](Code &c, arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return c.make<arith::CmpIOp>(predicate, x, y);
  };
  SmallVector<Value> best = loops(
      c, {length}, {last, none}, [&](Code &c, ValueRange i, ValueRange best) -> SmallVector<Value> {
        SmallVector<Value> at(place);
        at[axis] = i[0];
        Value x = read(c, input, at);
        Value later =
            both(c, same(c, x, last), compare(c, arith::CmpIPredicate::sgt, i[0], lastPlace));
        Value free = either(c, compare(c, arith::CmpIPredicate::slt, lastPlace, c.index(0)),
                            either(c, better(c, last, x), later));
        Value first = compare(c, arith::CmpIPredicate::slt, best[1], c.index(0));
        Value wins = both(c, free, either(c, first, better(c, x, best[0])));
        return {c.select(wins, x, best[0]), c.select(wins, i[0], best[1])};
      });
  Value number = c.make<arith::IndexCastOp>(c.b.getI64Type(), best[1]);
  return {written(c, best[0], values, place), written(c, number, indices, place), best[0], best[1]};
}

} // namespace

SmallVector<Value> selectBest(Context &context, Location loc, Value tensor, unsigned axis,
                              ArrayRef<Dim> shape, bool largest) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return context.region(
      loc, {tensor},
      {{llvm::to_vector(shape), element, {}}, {llvm::to_vector(shape), context.b.getI64Type(), {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> rows = extentsOf(c, x[1]), all = extentsOf(c, x[0]);
        Value count = rows[axis], length = all[axis];
        rows.erase(rows.begin() + axis);
        return loops(c, rows, {x[1], x[2]}, [&](Code &c, ValueRange row, ValueRange carried) {
          Value nothing = c.widen(c.constant(0, element));
          SmallVector<Value> start(carried);
          start.append({nothing, c.index(-1)});
          SmallVector<Value> done =
              loops(c, {count}, start, [&](Code &c, ValueRange j, ValueRange carried) {
                Row state{axis, largest, x[0], SmallVector<Value>(row)};
                state.place.insert(state.place.begin() + axis, j[0]);
                return state.take(c, length, carried);
              });
          done.truncate(2);
          return done;
        });
      });
}

static LogicalResult lowerTopK(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X");
  SmallVector<Dim> dims = context[input].dims, shape(dims);
  int64_t rank = dims.size(), axis = normalizeAxis(intAttr(op, "axis", -1), rank);
  if (axis < 0 || axis >= rank)
    return context.refuse(op, "its axis does not exist");
  if (const auto &k = context[op.in("K")].contents; k && k->size() == 1)
    shape[axis] = k->front();
  else if (auto declared = context.declaredShape(op->getResult(0)))
    shape[axis] = (*declared)[axis];
  else
    return context.refuse(op, "its number of elements is known at run time only");
  if (!context[op.in("K")].contents &&
      failed(requireNumbers(context, op, op.in("K"), {shape[axis].constant()}, "its K")))
    return failure();
  if (shape[axis] != dims[axis] && !context.dims.isNonNegative(dims[axis] - shape[axis]))
    return context.refuse(op, "it cannot be told that its axis has as many elements");
  auto results = selectBest(context, op->getLoc(), context.tensor(input), axis, shape,
                            intAttr(op, "largest", 1));
  for (unsigned i : {0, 1})
    context.define(op->getResult(i), results[i], shape);
  return success();
}

void addTopK(LoweringTable &table) { table["onnx.TopK"] = {nullptr, lowerTopK}; }

} // namespace strut::kernelize
