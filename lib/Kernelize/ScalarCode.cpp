//===- ScalarCode.cpp - Scalar code in the bodies of kernels --------------===//
#include "ScalarCode.h"

using namespace mlir;

namespace strut::kernelize {

Value Code::constant(double value, Type type) {
  TypedAttr attribute = isa<FloatType>(type) ? TypedAttr(b.getFloatAttr(type, value))
                                             : TypedAttr(b.getIntegerAttr(type, int64_t(value)));
  return make<arith::ConstantOp>(attribute);
}

Value Code::add(Value x, Value y) {
  return isFloat(x) ? make<arith::AddFOp>(x, y) : make<arith::AddIOp>(x, y);
}
Value Code::sub(Value x, Value y) {
  return isFloat(x) ? make<arith::SubFOp>(x, y) : make<arith::SubIOp>(x, y);
}
Value Code::mul(Value x, Value y) {
  return isFloat(x) ? make<arith::MulFOp>(x, y) : make<arith::MulIOp>(x, y);
}

Value Code::div(Value x, Value y) {
  if (isFloat(x))
    return make<arith::DivFOp>(x, y);
  // Neither 0 nor -1 may reach the machine's division.
  Value zero = constant(0, x), one = constant(1, x), minus = constant(-1, x);
  Value byZero = equal(y, zero), byMinus = equal(y, minus);
  Value safe = select(make<arith::OrIOp>(byZero, byMinus), one, y);
  Value quotient = make<arith::DivSIOp>(x, safe);
  quotient = select(byMinus, sub(zero, x), quotient);
  return select(byZero, zero, quotient);
}

Value Code::max(Value x, Value y) {
  if (isFloat(x))
    return make<arith::MaximumFOp>(x, y);
  return x.getType().isInteger(1) ? make<arith::OrIOp>(x, y) : make<arith::MaxSIOp>(x, y);
}
Value Code::min(Value x, Value y) {
  if (isFloat(x))
    return make<arith::MinimumFOp>(x, y);
  return x.getType().isInteger(1) ? make<arith::AndIOp>(x, y) : make<arith::MinSIOp>(x, y);
}

Value Code::compare(arith::CmpFPredicate f, arith::CmpIPredicate i, Value x, Value y) {
  return isFloat(x) ? make<arith::CmpFOp>(f, x, y) : make<arith::CmpIOp>(i, x, y);
}

Value Code::combine(kernel::CombineKind kind, Value x) {
  return make<kernel::CombineOp>(kernel::CombineKindAttr::get(b.getContext(), kind), x);
}

Value Code::boundedIndex(Value number, Value extent) {
  Value i = make<arith::IndexCastOp>(b.getIndexType(), number), zero = index(0);
  Value negative = make<arith::CmpIOp>(arith::CmpIPredicate::slt, i, zero);
  i = select(negative, make<arith::AddIOp>(i, extent), i);
  Value last = make<arith::SubIOp>(extent, index(1));
  return make<arith::MaxSIOp>(make<arith::MinSIOp>(i, last), zero);
}

Value Code::widen(Value x) {
  auto type = dyn_cast<FloatType>(x.getType());
  return type && type.getWidth() < 32 ? make<arith::ExtFOp>(b.getF32Type(), x) : x;
}

/// Saturating conversion of floats to integers: NaN gives 0.
static Value toInteger(Code &c, Value x, IntegerType type) {
  if (type.getWidth() == 1)
    return c.make<arith::CmpFOp>(arith::CmpFPredicate::UNE, x, c.constant(0, x));
  // 2^(w-1) is exact in every float type that is computed with.
  double top = std::ldexp(1.0, type.getWidth() - 1);
  auto integer = [&](const APInt &value) {
    return c.make<arith::ConstantOp>(c.b.getIntegerAttr(type, value));
  };
  Value low = c.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, c.constant(-top, x));
  Value high = c.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, x, c.constant(top, x));
  Value nan = c.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  Value outside = c.make<arith::OrIOp>(c.make<arith::OrIOp>(low, high), nan);
  Value safe = c.select(outside, c.constant(0, x), x);
  Value result = c.make<arith::FPToSIOp>(type, safe);
  result = c.select(low, integer(APInt::getSignedMinValue(type.getWidth())), result);
  return c.select(high, integer(APInt::getSignedMaxValue(type.getWidth())), result);
}

Value Code::cast(Value x, Type type) {
  Type from = x.getType();
  if (from == type)
    return x;
  auto fromFloat = dyn_cast<FloatType>(from), toFloat = dyn_cast<FloatType>(type);
  if (fromFloat && toFloat) {
    if (fromFloat.getWidth() == toFloat.getWidth()) // f16 and bf16
      return cast(cast(x, b.getF32Type()), type);
    return fromFloat.getWidth() < toFloat.getWidth() ? make<arith::ExtFOp>(type, x)
                                                     : make<arith::TruncFOp>(type, x);
  }
  if (toFloat) {
    if (toFloat.getWidth() < 32)
      return cast(cast(x, b.getF32Type()), type);
    return from.isInteger(1) ? make<arith::UIToFPOp>(type, x) : make<arith::SIToFPOp>(type, x);
  }
  auto to = ::llvm::cast<IntegerType>(type);
  if (fromFloat)
    return toInteger(*this, widen(x), to);
  if (to.getWidth() == 1)
    return make<arith::CmpIOp>(arith::CmpIPredicate::ne, x, constant(0, x));
  if (from.getIntOrFloatBitWidth() > to.getWidth())
    return make<arith::TruncIOp>(type, x);
  return from.isInteger(1) ? make<arith::ExtUIOp>(type, x) : make<arith::ExtSIOp>(type, x);
}

} // namespace strut::kernelize
