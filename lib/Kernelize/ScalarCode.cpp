//===- ScalarCode.cpp - Scalar code in the bodies of kernels --------------===//
#include "ScalarCode.h"
#include "Narrow.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace strut::kernelize {

Type signless(Type type) {
  if (isNarrow(type))
    return IntegerType::get(type.getContext(), 8);
  auto integer = dyn_cast<IntegerType>(type);
  return integer ? IntegerType::get(type.getContext(), integer.getWidth()) : type;
}

TypedAttr signless(TypedAttr number) {
  if (isNarrow(number.getType()))
    return byteOf(number);
  auto integer = dyn_cast<IntegerAttr>(number);
  return integer ? IntegerAttr::get(signless(integer.getType()), integer.getValue()) : number;
}

ElementsAttr signless(ElementsAttr elements) {
  if (isNarrow(elements.getElementType()))
    return bytesOf(elements);
  Type type = signless(elements.getElementType());
  if (type == elements.getElementType())
    return elements;
  auto shaped = cast<ShapedType>(elements.getShapedType().clone(type));
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(elements))
    return onnx_ir::FileDataAttr::get(cast<RankedTensorType>(shaped), file.getPath(),
                                      file.getOffset(), file.getLength());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(shaped, resource.getRawHandle());
  return cast<DenseElementsAttr>(elements).bitcast(type);
}

Value Code::constant(double value, Type type) {
  type = signless(type);
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
  if (isUnsigned)
    return select(byZero, zero, make<arith::DivUIOp>(x, select(byZero, one, y)));
  Value safe = select(make<arith::OrIOp>(byZero, byMinus), one, y);
  Value quotient = make<arith::DivSIOp>(x, safe);
  quotient = select(byMinus, sub(zero, x), quotient);
  return select(byZero, zero, quotient);
}

Value Code::max(Value x, Value y) {
  if (isFloat(x))
    return make<arith::MaximumFOp>(x, y);
  if (x.getType().isInteger(1))
    return make<arith::OrIOp>(x, y);
  return isUnsigned ? make<arith::MaxUIOp>(x, y) : make<arith::MaxSIOp>(x, y);
}
Value Code::min(Value x, Value y) {
  if (isFloat(x))
    return make<arith::MinimumFOp>(x, y);
  if (x.getType().isInteger(1))
    return make<arith::AndIOp>(x, y);
  return isUnsigned ? make<arith::MinUIOp>(x, y) : make<arith::MinSIOp>(x, y);
}

static arith::CmpIPredicate unsignedForm(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::slt:
    return arith::CmpIPredicate::ult;
  case arith::CmpIPredicate::sle:
    return arith::CmpIPredicate::ule;
  case arith::CmpIPredicate::sgt:
    return arith::CmpIPredicate::ugt;
  case arith::CmpIPredicate::sge:
    return arith::CmpIPredicate::uge;
  default:
    return predicate;
  }
}

Value Code::compare(arith::CmpFPredicate f, arith::CmpIPredicate i, Value x, Value y) {
  if (isUnsigned)
    i = unsignedForm(i);
  return isFloat(x) ? make<arith::CmpFOp>(f, x, y) : make<arith::CmpIOp>(i, x, y);
}

Value Code::combine(kernel::CombineKind kind, Value x) {
  auto integer = dyn_cast<IntegerType>(x.getType());
  bool ordered = kind == kernel::CombineKind::Max || kind == kernel::CombineKind::Min;
  if (isUnsigned && ordered && integer && integer.getWidth() > 1) {
    // With the top bit flipped, signed order is that of unsigned numbers.
    Value top =
        make<arith::ConstantOp>(b.getIntegerAttr(integer, APInt::getSignMask(integer.getWidth())));
    Value flipped = make<arith::XOrIOp>(x, top);
    return make<arith::XOrIOp>(asSigned().combine(kind, flipped), top);
  }
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
  // 2^w is exact in every float type that is computed with.
  unsigned width = type.getWidth();
  bool toUnsigned = type.isUnsigned();
  double top = std::ldexp(1.0, toUnsigned ? width : width - 1), bottom = toUnsigned ? 0 : -top;
  type = cast<IntegerType>(signless(type));
  auto integer = [&](const APInt &value) {
    return c.make<arith::ConstantOp>(c.b.getIntegerAttr(type, value));
  };
  Value low = c.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, c.constant(bottom, x));
  Value high = c.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, x, c.constant(top, x));
  Value nan = c.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  Value outside = c.make<arith::OrIOp>(c.make<arith::OrIOp>(low, high), nan);
  Value safe = c.select(outside, c.constant(0, x), x);
  Value result =
      toUnsigned ? c.make<arith::FPToUIOp>(type, safe) : c.make<arith::FPToSIOp>(type, safe);
  APInt least = toUnsigned ? APInt(width, 0) : APInt::getSignedMinValue(width);
  APInt most = toUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  return c.select(high, integer(most), c.select(low, integer(least), result));
}

Value Code::cast(Value x, Type type) {
  Type from = x.getType();
  bool fromUnsigned = isUnsigned || from.isInteger(1);
  if (from == signless(type))
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
    return fromUnsigned ? make<arith::UIToFPOp>(type, x) : make<arith::SIToFPOp>(type, x);
  }
  auto to = ::llvm::cast<IntegerType>(type);
  if (fromFloat)
    return toInteger(*this, widen(x), to);
  if (to.getWidth() == 1)
    return make<arith::CmpIOp>(arith::CmpIPredicate::ne, x, constant(0, x));
  Type target = signless(to);
  if (from.getIntOrFloatBitWidth() > to.getWidth())
    return make<arith::TruncIOp>(target, x);
  return fromUnsigned ? make<arith::ExtUIOp>(target, x) : make<arith::ExtSIOp>(target, x);
}

} // namespace strut::kernelize
