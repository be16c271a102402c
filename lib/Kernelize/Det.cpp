//===- Det.cpp - Determinants ---------------------------------------------===//
//
// Gaussian elimination with partial pivoting, one matrix after the other. Halves are
// eliminated in f32.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using arith::CmpIPredicate;

/// A matrix of a batch of them, which are eliminated in a tensor of scratch.
struct Matrix {
  SmallVector<Value> batch; ///< its place
  Value size;

  SmallVector<Value> at(Value i, Value j) const {
    SmallVector<Value> place(batch);
    place.append({i, j});
    return place;
  }
  Value pivot(Code &c, Value rows, Value k) const;
  Value swap(Code &c, Value rows, Value k, Value other) const;
  Value eliminate(Code &c, Value rows, Value k) const;
};

/// The row from `k` on with the largest element in column `k`.
Value Matrix::pivot(Code &c, Value rows, Value k) const {
  Value none = c.widen(c.constant(-1, getElementTypeOrSelf(rows.getType())));
  return loops(c, {size}, {k, none},
               [&](Code &c, ValueRange i, ValueRange best) -> SmallVector<Value> {
                 Value magnitude = c.make<math::AbsFOp>(read(c, rows, at(i[0], k)));
                 Value below = c.make<arith::CmpIOp>(CmpIPredicate::sge, i[0], k);
                 Value wins = c.make<arith::AndIOp>(below, c.less(best[1], magnitude));
                 return {c.select(wins, i[0], best[0]), c.select(wins, magnitude, best[1])};
               })[0];
}

Value Matrix::swap(Code &c, Value rows, Value k, Value other) const {
  return loops(c, {size}, {rows}, [&](Code &c, ValueRange j, ValueRange rows) {
    Value x = read(c, rows[0], at(k, j[0])), y = read(c, rows[0], at(other, j[0]));
    Value next = written(c, y, rows[0], at(k, j[0]));
    return SmallVector<Value>{written(c, x, next, at(other, j[0]))};
  })[0];
}

/// Subtracts from each row below `k` so much of row `k` that column `k` would be 0 there,
/// right of that column, which stays.
Value Matrix::eliminate(Code &c, Value rows, Value k) const {
  Value diagonal = read(c, rows, at(k, k)), zero = c.constant(0, diagonal);
  Value regular = c.make<arith::CmpFOp>(arith::CmpFPredicate::UNE, diagonal, zero);
  Value next = c.make<arith::AddIOp>(k, c.index(1)), rest = c.make<arith::SubIOp>(size, next);
  return loops(c, {rest, rest}, {rows}, [&](Code &c, ValueRange place, ValueRange rows) {
    Value i = c.make<arith::AddIOp>(place[0], next), j = c.make<arith::AddIOp>(place[1], next);
    Value share = c.select(regular, c.div(read(c, rows[0], at(i, k)), diagonal), zero);
    Value left = c.sub(read(c, rows[0], at(i, j)), c.mul(share, read(c, rows[0], at(k, j))));
    return SmallVector<Value>{written(c, left, rows[0], at(i, j))};
  })[0];
}

/// The determinant, and the scratch that it was computed in.
std::pair<Value, Value> determinant(Code &c, const Matrix &matrix, Value input, Value rows) {
  rows = loops(c, {matrix.size, matrix.size}, {rows}, [&](Code &c, ValueRange i, ValueRange rows) {
    SmallVector<Value> place = matrix.at(i[0], i[1]);
    return SmallVector<Value>{written(c, read(c, input, place), rows[0], place)};
  })[0];
  Value one = c.constant(1, getElementTypeOrSelf(rows.getType()));
  SmallVector<Value> done =
      loops(c, {matrix.size}, {rows, one},
            [&](Code &c, ValueRange k, ValueRange carried) -> SmallVector<Value> {
              Value pivot = matrix.pivot(c, carried[0], k[0]);
              Value rows = matrix.swap(c, carried[0], k[0], pivot);
              Value diagonal = read(c, rows, matrix.at(k[0], k[0]));
              Value stays = c.make<arith::CmpIOp>(CmpIPredicate::eq, pivot, k[0]);
              Value minus = c.sub(c.constant(0, diagonal), diagonal);
              Value product = c.mul(carried[1], c.select(stays, diagonal, minus));
              return {matrix.eliminate(c, rows, k[0]), product};
            });
  return {done[1], done[0]};
}

LogicalResult lowerDet(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X");
  SmallVector<Dim> dims = context[input].dims;
  if (dims.size() < 2 || !context.unify(dims[dims.size() - 2], dims.back()))
    return context.refuse(op, "it cannot be told that its matrices are square");
  Type element = context[input].element;
  Type scratch = element.isF64() ? element : Type(context.b.getF32Type());
  SmallVector<Dim> batch(ArrayRef(dims).drop_back(2));
  SmallVector<Value> results = context.region(
      op->getLoc(), {context.tensor(input)}, {{batch, element, {}}, {dims, scratch, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> extents = extentsOf(c, x[0]);
        Value size = extents.back();
        extents.truncate(batch.size());
        return loops(c, extents, {x[1], x[2]},
                     [&](Code &c, ValueRange place, ValueRange carried) -> SmallVector<Value> {
                       Matrix matrix{SmallVector<Value>(place), size};
                       auto [value, rows] = determinant(c, matrix, x[0], carried[1]);
                       return {written(c, value, carried[0], place), rows};
                     });
      });
  context.define(op->getResult(0), results[0], batch);
  return success();
}

} // namespace

void addDet(LoweringTable &table) { table["onnx.Det"] = {nullptr, lowerDet}; }

} // namespace strut::kernelize
