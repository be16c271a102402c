//===- TopK.cpp - The largest elements along an axis ----------------------===//
//
// A task for each row keeps the best places of it in a heap. Of equal elements the first one is
// better; NaN counts as the largest number.
//
//===----------------------------------------------------------------------===//
#include "TopK.h"
#include "Counts.h"
#include "Loops.h"
#include "Sort.h"

using namespace mlir;

namespace strut::kernelize {

SmallVector<Value> selectBest(Context &context, Location loc, Value tensor, unsigned axis,
                              ArrayRef<Dim> shape, bool largest) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (product(shape).is(0))
    return {withoutElements(context, loc, shape, element),
            withoutElements(context, loc, shape, context.b.getI64Type())};
  return context.region(
      loc, {tensor},
      {{llvm::to_vector(shape), element, {}}, {llvm::to_vector(shape), context.b.getI64Type(), {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> rows = extentsOf(c, x[1]);
        Value kept = rows[axis], length = extentsOf(c, x[0])[axis];
        rows.erase(rows.begin() + axis);
        auto rowOf = [&](Code &c, ValueRange places, Value whole) {
          Piece row(c, whole);
          for (auto [i, place] : llvm::enumerate(places))
            row.at(i < axis ? i : i + 1, place);
          return row;
        };
        auto body = [&](Code &c, ValueRange places, ValueRange pieces) -> SmallVector<Value> {
          Value row = rowOf(c, places, x[0]).of(c, x[0]);
          auto isBetter = [&](Code &c, Value a, Value b) -> Value {
            Value left = read(c, row, a), right = read(c, row, b);
            Value better = largest ? isGreater(c, left, right) : isGreater(c, right, left);
            Value first = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
            Value tie = c.make<arith::AndIOp>(isSame(c, left, right), first);
            return c.make<arith::OrIOp>(better, tie);
          };
          Value best = firstOf(c, pieces[1], kept, length, isBetter);
          Value values = loops(c, kept, pieces[0], [&](Code &c, ValueRange i, ValueRange carried) {
            Value place =
                c.make<arith::IndexCastOp>(c.b.getIndexType(), c.make<tensor::ExtractOp>(best, i));
            Value value = c.make<tensor::ExtractOp>(row, place);
            return SmallVector<Value>{c.make<tensor::InsertOp>(value, carried[0], i)};
          })[0];
          return {values, best};
        };
        return tasks(c, rows, {x[1], x[2]}, rowOf, body);
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
  if (failed(context.requireNonNegative(op, dims[axis] - shape[axis],
                                        "its axis has not as many elements as its K says")) ||
      failed(context.requireNonNegative(op, shape[axis], "its K is negative")))
    return failure();
  auto results = selectBest(context, op->getLoc(), context.tensor(input), axis, shape,
                            intAttr(op, "largest", 1));
  for (unsigned i : {0, 1})
    context.define(op->getResult(i), results[i], shape);
  return success();
}

void addTopK(LoweringTable &table) { table["onnx.TopK"] = {nullptr, lowerTopK}; }

} // namespace strut::kernelize
