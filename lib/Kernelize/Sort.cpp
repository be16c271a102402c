//===- Sort.cpp - Order in the bodies of regions --------------------------===//
//
// A heap in place: what is looked for is larger than memory on the stack may be, and a region
// has no other of its own. The root is the last in order, so that of many numbers the first
// few are kept by one comparison for most of the others.
//
//===----------------------------------------------------------------------===//
#include "Sort.h"
#include "Loops.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::kernelize {

static Value isNaN(Code &c, Value x) {
  return c.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
}

Value isGreater(Code &c, Value x, Value y) {
  Value result = c.less(y, x);
  if (!Code::isFloat(x))
    return result;
  Value ordered = c.make<arith::CmpFOp>(arith::CmpFPredicate::ORD, y, y);
  return c.make<arith::OrIOp>(result, c.make<arith::AndIOp>(isNaN(c, x), ordered));
}

Value isSame(Code &c, Value x, Value y) {
  Value result = c.equal(x, y);
  return Code::isFloat(x)
             ? c.make<arith::OrIOp>(result, c.make<arith::AndIOp>(isNaN(c, x), isNaN(c, y)))
             : result;
}

Value bestPlace(Code &c, Value x, unsigned axis, bool isMax, bool last) {
  Value best = c.combine(isMax ? kernel::CombineKind::Max : kernel::CombineKind::Min, x);
  Value here = c.make<arith::IndexCastOp>(c.b.getI64Type(), c.dim(axis));
  double far = last ? -1 : 4e18;
  Value place = c.select(c.equal(x, best), here, c.constant(far, here));
  return c.asSigned().combine(last ? kernel::CombineKind::Max : kernel::CombineKind::Min, place);
}

namespace {

Value isLess(Code &c, Value a, Value b) {
  return c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
}

/// The later one of the children of `hole`, and whether there is one and it is later than `item`.
struct Child {
  Value isLater, place, number;
};

Child laterChild(Code &c, Value list, Value hole, Value size, Value item, Before before) {
  Value one = c.index(1), left = c.make<arith::AddIOp>(c.make<arith::AddIOp>(hole, hole), one);
  auto none = [&](OpBuilder &b, Location loc) {
    Code inner{b, loc};
    scf::YieldOp::create(
        b, loc, ValueRange{inner.make<arith::ConstantIntOp>(0, 1), inner.index(0), inner.index(0)});
  };
  auto some = [&](OpBuilder &b, Location loc) {
    Code inner{b, loc, c.isUnsigned};
    Value last = inner.make<arith::SubIOp>(size, one);
    Value right = inner.make<arith::MinUIOp>(inner.make<arith::AddIOp>(left, one), last);
    Value x = numberAt(inner, list, left), y = numberAt(inner, list, right);
    Value isRight = before(inner, x, y);
    Value number = inner.select(isRight, y, x);
    scf::YieldOp::create(
        b, loc,
        ValueRange{before(inner, item, number), inner.select(isRight, right, left), number});
  };
  auto branch = scf::IfOp::create(c.b, c.loc, isLess(c, left, size), some, none);
  return {branch.getResult(0), branch.getResult(1), branch.getResult(2)};
}

/// The heap of `size` numbers in which `item` takes the place of what was at `hole`, or one below.
Value sunk(Code &c, Value list, Value hole, Value size, Value item, Before before) {
  Type index = c.b.getIndexType();
  auto loop = scf::WhileOp::create(
      c.b, c.loc, TypeRange{list.getType(), index, index, index}, ValueRange{list, hole},
      [&](OpBuilder &b, Location loc, ValueRange carried) {
        Code inner{b, loc, c.isUnsigned};
        Child child = laterChild(inner, carried[0], carried[1], size, item, before);
        scf::ConditionOp::create(b, loc, child.isLater,
                                 ValueRange{carried[0], carried[1], child.place, child.number});
      },
      [&](OpBuilder &b, Location loc, ValueRange carried) {
        Code inner{b, loc, c.isUnsigned};
        Value moved = withNumber(inner, carried[3], carried[0], carried[1]);
        scf::YieldOp::create(b, loc, ValueRange{moved, carried[2]});
      });
  return withNumber(c, item, loop.getResult(0), loop.getResult(1));
}

/// The first `size` numbers as a heap.
Value heap(Code &c, Value list, Value size, Before before) {
  Value half = c.make<arith::DivUIOp>(size, c.index(2));
  return loops(c, half, list, [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
    Value place = c.make<arith::SubIOp>(c.make<arith::SubIOp>(half, c.index(1)), i[0]);
    return {sunk(c, carried[0], place, size, numberAt(c, carried[0], place), before)};
  })[0];
}

/// The heap in order: its last number goes to the end, again and again.
Value unheaped(Code &c, Value list, Value size, Before before) {
  Value one = c.index(1), rounds = c.make<arith::SubIOp>(c.make<arith::MaxUIOp>(size, one), one);
  return loops(c, rounds, list,
               [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                 Value end = c.make<arith::SubIOp>(rounds, i[0]), root = c.index(0);
                 Value item = numberAt(c, carried[0], end);
                 Value rest = withNumber(c, numberAt(c, carried[0], root), carried[0], end);
                 return {sunk(c, rest, root, end, item, before)};
               })[0];
}

} // namespace

Value sorted(Code &c, Value list, Value size, Before before) {
  return unheaped(c, heap(c, list, size, before), size, before);
}

Value firstOf(Code &c, Value list, Value kept, Value count, Before before) {
  list = loops(c, kept, list, [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
    return {withNumber(c, i[0], carried[0], i[0])};
  })[0];
  list = heap(c, list, kept, before);
  Value zero = c.index(0), others = c.make<arith::SubIOp>(count, kept);
  others = c.select(c.equal(kept, zero), zero, others);
  list = loops(c, others, list, [&](Code &c, ValueRange i, ValueRange carried) {
    Value number = c.make<arith::AddIOp>(kept, i[0]);
    Value isAmong = before(c, number, numberAt(c, carried[0], zero));
    auto branch = scf::IfOp::create(
        c.b, c.loc, isAmong,
        [&](OpBuilder &b, Location loc) {
          Code inner{b, loc, c.isUnsigned};
          scf::YieldOp::create(b, loc, sunk(inner, carried[0], zero, kept, number, before));
        },
        [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, carried); });
    return SmallVector<Value>{branch.getResult(0)};
  })[0];
  return unheaped(c, list, kept, before);
}

} // namespace strut::kernelize
