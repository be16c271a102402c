//===- Cumulate.cpp - Running sums and products ---------------------------===//
//
// Every element is its predecessor along the axis with one more element. Places
// are visited in ascending order, so the predecessor is there whatever the axis,
// which may be known at run time only.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

struct Steps {
  bool isProduct, exclusive, reverse;
};

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
  Value start = c.constant(how.isProduct ? 1 : 0, sum);
  sum = c.select(first, start, sum);
  Value next = read(c, x, how.exclusive ? before : at);
  if (how.exclusive)
    next = c.select(first, start, next);
  Value result = how.isProduct ? c.mul(sum, next) : c.add(sum, next);
  return {written(c, result, carried[0], at)};
}

LogicalResult lowerCumulate(AnyOp op, Context &context, bool isProduct) {
  Value input = op->getOperand(0), axisOperand = op->getOperand(1);
  SmallVector<Dim> dims = context[input].dims;
  int64_t rank = dims.size();
  Steps how{isProduct, intAttr(op, "exclusive") != 0, intAttr(op, "reverse") != 0};
  if (rank == 0)
    return context.refuse(op, "its input is a scalar");
  if (auto constant = context.integers(axisOperand);
      constant && (normalizeAxis(constant->front(), rank) < 0 || constant->front() >= rank))
    return context.refuse(op, "its axis does not exist");
  Value axisTensor = context.reshape(op->getLoc(), context.tensor(axisOperand),
                                     SmallVector<Dim>(context[axisOperand].dims), {});
  SmallVector<Value> results = context.region(
      op->getLoc(), {context.tensor(input), axisTensor}, {{dims, context[input].element, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value axis = c.make<tensor::ExtractOp>(x[1], ValueRange());
        axis = c.boundedIndex(axis, c.index(rank));
        SmallVector<Value> extents = extentsOf(c, x[0]), start = {x[2]};
        return loops(c, extents, start, [&](Code &c, ValueRange place, ValueRange carried) {
          return step(c, how, axis, extents, x[0], place, carried);
        });
      });
  context.define(op->getResult(0), results[0], dims);
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
