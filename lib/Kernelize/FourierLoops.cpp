//===- FourierLoops.cpp - Transforms along what the run says --------------===//
//
// Loops over the definition, for an axis, a length or a step that is an input of the
// model: its graph is the test of an operator, not a network.
//
//===----------------------------------------------------------------------===//
#include "Fourier.h"
#include "Loops.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <numbers>

using namespace mlir;

namespace strut::kernelize {
namespace {

/// One value of a transform.
struct Definition {
  bool inverse, givesReal;
  Value length, count; ///< of the transform, and of the values that there are
  Value k;
};

Value real(Code &c, Value number) {
  Value integer = c.make<arith::IndexCastOp>(c.b.getI64Type(), number);
  return c.make<arith::SIToFPOp>(c.b.getF64Type(), integer);
}

Value wide(Code &c, Value element) {
  return isa<Float64Type>(element.getType()) ? element : c.cast(element, c.b.getF64Type());
}

Value isEqual(Code &c, Value x, Value y) {
  return c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
}

/// x brought into [0, extent).
Value clamped(Code &c, Value x, Value extent) {
  Value last = c.make<arith::SubIOp>(extent, c.index(1));
  return c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(x, last), c.index(0));
}

/// The parts of the sum of values times e^(+-2 pi i k n / length), in f64. `value` gives the
/// parts of value n, one or two.
SmallVector<Value> sumOf(Code &c, const Definition &what,
                         llvm::function_ref<SmallVector<Value>(Code &, Value n)> value) {
  Type f64 = c.b.getF64Type();
  SmallVector<Value> start(2, c.constant(0, f64));
  SmallVector<Value> sums =
      loops(c, what.count, start, [&](Code &c, ValueRange at, ValueRange sum) {
        Value n = at[0];
        SmallVector<Value> x = value(c, n);
        Value turns = c.make<arith::RemUIOp>(c.make<arith::MulIOp>(what.k, n), what.length);
        Value angle = c.div(c.mul(real(c, turns), c.constant(2 * std::numbers::pi, f64)),
                            real(c, what.length));
        Value cosine = c.make<math::CosOp>(angle), sine = c.make<math::SinOp>(angle);
        if (!what.inverse)
          sine = c.make<arith::NegFOp>(sine);
        if (what.givesReal) {
          Value middle = isEqual(c, c.make<arith::MulIOp>(n, c.index(2)), what.length);
          Value once = c.make<arith::OrIOp>(isEqual(c, n, c.index(0)), middle);
          for (Value *factor : {&cosine, &sine})
            *factor = c.select(once, *factor, c.mul(*factor, c.constant(2, f64)));
        }
        Value re = c.mul(x[0], cosine), im = c.mul(x[0], sine);
        if (x.size() == 2) {
          re = c.sub(re, c.mul(x[1], sine));
          im = c.add(im, c.mul(x[1], cosine));
        }
        return SmallVector<Value>{c.add(sum[0], re), c.add(sum[1], im)};
      });
  if (what.inverse)
    for (Value &sum : sums)
      sum = c.div(sum, real(c, what.length));
  return sums;
}

/// The sums at a place of the result: its last axis has the parts.
Value withParts(Code &c, Value target, ValueRange sums, ArrayRef<Value> place, unsigned parts) {
  SmallVector<Value> at(place);
  at.push_back({});
  for (unsigned part = 0; part < parts; ++part) {
    at.back() = c.index(part);
    target = written(c, sums[part], target, at);
  }
  return target;
}

/// The parts of an element of `x`, whose last axis has them.
SmallVector<Value> partsOf(Code &c, Value x, ArrayRef<Value> place, unsigned parts) {
  SmallVector<Value> at(place), values;
  at.push_back({});
  for (unsigned part = 0; part < parts; ++part) {
    at.back() = c.index(part);
    values.push_back(wide(c, read(c, x, at)));
  }
  return values;
}

/// The only number of a tensor, as an index that is at least `least`.
Value numberIn(Code &c, Value tensor, int64_t least) {
  SmallVector<Value> at(cast<RankedTensorType>(tensor.getType()).getRank(), c.index(0));
  Value number =
      c.make<arith::IndexCastOp>(c.b.getIndexType(), c.make<tensor::ExtractOp>(tensor, at));
  return c.make<arith::MaxSIOp>(number, c.index(least));
}

} // namespace

/// The declared extents of a result whose last axis has `parts`; none, with a message, where
/// there are none.
static std::optional<SmallVector<Dim>> declared(AnyOp op, Context &context, unsigned rank,
                                                unsigned parts) {
  auto shape = context.declaredShape(op->getResult(0));
  if (!shape || shape->size() != rank || !shape->back().is(parts)) {
    (void)context.refuse(op, "what it computes is known at run time only, and the model does not "
                             "declare the shape of its result");
    return std::nullopt;
  }
  return shape;
}

LogicalResult lowerRunTimeFourier(AnyOp op, Context &context) {
  Value x = op.in("input"), axisOperand = op.in("axis"), lengthOperand = op.in("dft_length");
  SmallVector<Dim> dims = context[x].dims;
  unsigned rank = dims.size(), parts = dims.back().constant();
  bool inverse = intAttr(op, "inverse") != 0, oneSided = intAttr(op, "onesided") != 0;
  bool givesReal = inverse && oneSided;
  std::optional<SmallVector<Dim>> shape;
  if (!oneSided && !lengthOperand) {
    shape = dims;
    shape->back() = Dim(2);
  } else {
    shape = declared(op, context, rank, givesReal ? 1 : 2);
  }
  if (!shape)
    return failure();
  SmallVector<Value> inputs = {context.tensor(x)};
  for (Value operand : {axisOperand, lengthOperand})
    if (operand)
      inputs.push_back(context.tensor(operand));
  auto body = [&](Code &c, ValueRange given) -> SmallVector<Value> {
    Value axis = c.index(rank - 2);
    if (axisOperand) {
      SmallVector<Value> at(cast<RankedTensorType>(given[1].getType()).getRank(), c.index(0));
      axis = c.boundedIndex(c.make<tensor::ExtractOp>(given[1], at), c.index(rank));
      axis = c.make<arith::MinSIOp>(axis, c.index(rank - 2));
    }
    SmallVector<Value> extents = extentsOf(c, given[0]), places = extentsOf(c, given.back());
    Value along = extents[0];
    for (unsigned i = 1; i + 1 < rank; ++i)
      along = c.select(isEqual(c, axis, c.index(i)), extents[i], along);
    Value length = along, one = c.index(1), two = c.index(2);
    if (givesReal)
      length = c.make<arith::MulIOp>(c.make<arith::SubIOp>(along, one), two);
    if (lengthOperand)
      length = numberIn(c, given[given.size() - 2], 1);
    length = c.make<arith::MaxSIOp>(length, one);
    Value used = length;
    if (givesReal)
      used = c.make<arith::AddIOp>(c.make<arith::DivUIOp>(length, two), one);
    Value count = c.make<arith::MinSIOp>(used, along);
    SmallVector<Value> start = {given.back()};
    return loops(
        c, ArrayRef(places).drop_back(), start,
        [&](Code &c, ValueRange place, ValueRange target) -> SmallVector<Value> {
          Value k = place[0];
          for (unsigned i = 1; i < place.size(); ++i)
            k = c.select(isEqual(c, axis, c.index(i)), place[i], k);
          Definition what{inverse, givesReal, length, count, k};
          SmallVector<Value> sums = sumOf(c, what, [&](Code &c, Value n) {
            SmallVector<Value> at;
            for (unsigned i = 0; i < place.size(); ++i)
              at.push_back(
                  clamped(c, c.select(isEqual(c, axis, c.index(i)), n, place[i]), extents[i]));
            return partsOf(c, given[0], at, parts);
          });
          return {withParts(c, target[0], sums, llvm::to_vector(place), givesReal ? 1 : 2)};
        });
  };
  auto results = context.region(op->getLoc(), inputs, {{*shape, context[x].element, {}}}, body);
  context.define(op->getResult(0), results[0], *shape);
  return success();
}

LogicalResult lowerRunTimeFrames(AnyOp op, Context &context) {
  Value signal = op.in("signal"), window = op.in("window"), lengthOperand = op.in("frame_length");
  unsigned parts = context[signal].dims.back().constant();
  std::optional<SmallVector<Dim>> shape = declared(op, context, 4, 2);
  if (!shape)
    return failure();
  SmallVector<Value> inputs = {context.tensor(signal), context.tensor(op.in("frame_step"))};
  if (window)
    inputs.push_back(context.tensor(window));
  bool readsLength = lengthOperand && !window;
  if (readsLength)
    inputs.push_back(context.tensor(lengthOperand));
  auto body = [&](Code &c, ValueRange given) -> SmallVector<Value> {
    SmallVector<Value> extents = extentsOf(c, given[0]), places = extentsOf(c, given.back());
    Value step = numberIn(c, given[1], 1), length = extents[1];
    if (window)
      length = extentsOf(c, given[2])[0];
    else if (readsLength)
      length = numberIn(c, given[2], 1);
    Value divisor = c.make<arith::MaxSIOp>(length, c.index(1));
    SmallVector<Value> start = {given.back()};
    return loops(
        c, ArrayRef(places).drop_back(), start,
        [&](Code &c, ValueRange place, ValueRange target) -> SmallVector<Value> {
          Value first = c.make<arith::MulIOp>(place[1], step);
          Value left = c.make<arith::MaxSIOp>(c.make<arith::SubIOp>(extents[1], first), c.index(0));
          Definition what{false, false, divisor, c.make<arith::MinSIOp>(length, left), place[2]};
          SmallVector<Value> sums = sumOf(c, what, [&](Code &c, Value n) {
            SmallVector<Value> at = {clamped(c, place[0], extents[0]),
                                     c.make<arith::AddIOp>(first, n)};
            SmallVector<Value> x = partsOf(c, given[0], at, parts);
            if (window)
              for (Value &part : x)
                part = c.mul(part, wide(c, read(c, given[2], n)));
            return x;
          });
          return {withParts(c, target[0], sums, llvm::to_vector(place), 2)};
        });
  };
  auto results =
      context.region(op->getLoc(), inputs, {{*shape, context[signal].element, {}}}, body);
  context.define(op->getResult(0), results[0], *shape);
  return success();
}

} // namespace strut::kernelize
