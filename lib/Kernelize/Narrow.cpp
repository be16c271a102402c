//===- Narrow.cpp - Elements that are bits in a byte -----------------------===//
//
// Upstream expands arith.extf and arith.truncf for f4E2M1 and f8E8M0 alone, and cuts
// the latter off where ONNX rounds. What the formats are is asked of APFloat, so one
// code serves all of them; it is integer arithmetic that every target has on vectors.
//
//===----------------------------------------------------------------------===//
#include "Narrow.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cmath>

using namespace mlir;

namespace strut::kernelize {

bool isNarrow(Type element) {
  if (auto real = dyn_cast<FloatType>(element))
    return real.getWidth() <= 8;
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() > 1 && integer.getWidth() < 8;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

TypedAttr byteOf(TypedAttr number) {
  auto real = dyn_cast<FloatAttr>(number);
  APInt bits = real ? real.getValue().bitcastToAPInt() : cast<IntegerAttr>(number).getValue();
  return IntegerAttr::get(IntegerType::get(number.getContext(), 8), bits.zext(8));
}

ElementsAttr bytesOf(ElementsAttr elements) {
  Type byte = IntegerType::get(elements.getContext(), 8);
  auto type = cast<RankedTensorType>(elements.getShapedType().clone(byte));
  // MLIR keeps such elements in bytes of their own, so only files need unpacking.
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
  auto file = cast<onnx_ir::FileDataAttr>(elements);
  if (elements.getElementType().getIntOrFloatBitWidth() == 8)
    return onnx_ir::FileDataAttr::get(type, file.getPath(), file.getOffset(), file.getLength());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements(), 64);
  MutableArrayRef<char> bytes = blob.getMutableData();
  if (isa<FloatType>(elements.getElementType())) {
    for (auto [to, value] : llvm::zip(bytes, elements.getValues<APFloat>()))
      to = value.bitcastToAPInt().getZExtValue();
  } else {
    for (auto [to, value] : llvm::zip(bytes, elements.getValues<APInt>()))
      to = value.getZExtValue();
  }
  return DenseResourceElementsAttr::get(type, "narrow", std::move(blob));
}

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

namespace {

/// A format with a sign, and what its bits mean.
struct Format {
  explicit Format(FloatType type)
      : semantics(type.getFloatSemantics()), width(type.getWidth()),
        fraction(APFloat::semanticsPrecision(semantics) - 1),
        least(APFloat::semanticsMinExponent(semantics)) {}

  const llvm::fltSemantics &semantics;
  unsigned width;
  unsigned fraction; ///< bits of it
  int least;         ///< the exponent of the smallest normal number

  uint64_t sign() const { return uint64_t(1) << (width - 1); }
  /// What the exponent is stored with.
  int bias() const { return 1 - least; }
  uint64_t largest() const { return bits(APFloat::getLargest(semantics)); }
  bool hasInfinity() const { return APFloat::semanticsHasInf(semantics); }
  /// The magnitude beyond all finite ones: infinity, or the first NaN.
  uint64_t infinity() const { return hasInfinity() ? bits(APFloat::getInf(semantics)) : nan(); }
  bool hasNaN() const { return APFloat::semanticsHasNaN(semantics); }
  uint64_t nan() const { return bits(APFloat::getNaN(semantics)); }
  /// Whether the bits of -0 are those of NaN.
  bool lacksNegativeZero() const { return hasNaN() && nan() == sign(); }

private:
  static uint64_t bits(const APFloat &value) { return value.bitcastToAPInt().getZExtValue(); }
};

/// Arithmetic on the bits of numbers, as unsigned integers of one width.
struct Bits {
  Code &c;
  Type type;

  Value constant(uint64_t value) {
    APInt bits(type.getIntOrFloatBitWidth(), value, /*isSigned=*/false, /*implicitTrunc=*/true);
    return c.make<arith::ConstantOp>(c.b.getIntegerAttr(type, bits));
  }
  Value mask(Value v, uint64_t bits) { return c.make<arith::AndIOp>(v, constant(bits)); }
  Value either(Value x, Value y) { return c.make<arith::OrIOp>(x, y); }
  Value add(Value v, uint64_t value) { return c.make<arith::AddIOp>(v, constant(value)); }
  Value left(Value v, unsigned by) { return by ? c.make<arith::ShLIOp>(v, constant(by)) : v; }
  Value right(Value v, unsigned by) { return by ? c.make<arith::ShRUIOp>(v, constant(by)) : v; }
  Value is(Value v, uint64_t value) {
    return c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, v, constant(value));
  }
  Value below(Value v, uint64_t bound) {
    return c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, v, constant(bound));
  }
  Value above(Value v, uint64_t bound) {
    return c.make<arith::CmpIOp>(arith::CmpIPredicate::ugt, v, constant(bound));
  }
  Value select(Value condition, uint64_t yes, Value no) {
    return c.select(condition, constant(yes), no);
  }
  Value byte(Value v) { return c.make<arith::TruncIOp>(c.b.getI8Type(), v); }
};

} // namespace

//===----------------------------------------------------------------------===//
// Bits to numbers
//===----------------------------------------------------------------------===//

static Value powerToFloat(Code &c, Value byte) {
  Bits b{c, c.b.getI32Type()};
  Value exponent = c.make<arith::ExtUIOp>(b.type, byte);
  // The smallest power is below the normal numbers of f32.
  Value bits = b.select(b.is(exponent, 0), 1u << 22, b.left(exponent, 23));
  bits = b.select(b.is(exponent, 0xff), 0x7fc00000, bits);
  return c.make<arith::BitcastOp>(c.b.getF32Type(), bits);
}

static Value floatOf(Code &c, Value byte, FloatType type) {
  Format from(type), to(c.b.getF32Type());
  Bits b{c, c.b.getI32Type()};
  Value bits = c.make<arith::ExtUIOp>(b.type, byte);
  Value sign = b.left(b.mask(bits, from.sign()), to.width - from.width);
  Value magnitude = b.mask(bits, from.sign() - 1);

  unsigned shift = to.fraction - from.fraction;
  uint64_t rebase = uint64_t(to.bias() - from.bias()) << to.fraction;
  Value normal = b.add(b.left(magnitude, shift), rebase);
  // Without the leading one: a count of the smallest step.
  Value count = c.make<arith::SIToFPOp>(c.b.getF32Type(), magnitude);
  double step = std::ldexp(1.0, from.least - int(from.fraction));
  Value small = c.make<arith::BitcastOp>(b.type, c.mul(count, c.constant(step, c.b.getF32Type())));
  Value result = c.select(b.below(magnitude, uint64_t(1) << from.fraction), small, normal);
  if (from.hasInfinity())
    result = b.select(b.is(magnitude, from.infinity()), to.infinity(), result);
  if (from.lacksNegativeZero())
    result = b.select(b.is(b.mask(bits, 2 * from.sign() - 1), from.nan()), to.nan(), result);
  else if (from.hasNaN())
    result = b.select(b.above(magnitude, from.hasInfinity() ? from.infinity() : from.largest()),
                      to.nan(), result);
  return c.make<arith::BitcastOp>(c.b.getF32Type(), b.either(result, sign));
}

Value widenNarrow(Code &c, Value bits, Type element) {
  if (isa<Float8E8M0FNUType>(element))
    return powerToFloat(c, bits);
  if (auto real = dyn_cast<FloatType>(element))
    return floatOf(c, bits, real);
  auto integer = cast<IntegerType>(element);
  Type wide = c.b.getI32Type();
  Bits b{c, wide};
  if (integer.isUnsigned())
    return b.mask(c.make<arith::ExtUIOp>(wide, bits), (1u << integer.getWidth()) - 1);
  Value above = b.constant(32 - integer.getWidth());
  Value high = c.make<arith::ShLIOp>(c.make<arith::ExtUIOp>(wide, bits), above);
  return c.make<arith::ShRSIOp>(high, above);
}

//===----------------------------------------------------------------------===//
// Numbers to bits
//===----------------------------------------------------------------------===//

/// The exponent alone, whatever the sign. In f64 all powers are normal numbers.
static Value powerOf(Code &c, Value x, Narrowing how) {
  constexpr uint64_t fraction = (uint64_t(1) << 52) - 1, infinity = uint64_t(0x7ff) << 52;
  constexpr int offset = 1023 - 127, largest = 0xfe, nan = 0xff;
  Bits b{c, c.b.getI64Type()};
  Value wide = x.getType().isF64() ? x : c.make<arith::ExtFOp>(c.b.getF64Type(), x);
  Value magnitude = b.mask(c.make<arith::BitcastOp>(b.type, wide), infinity | fraction);
  uint64_t rounding = how.power == Narrowing::Up        ? fraction
                      : how.power == Narrowing::Nearest ? (fraction + 1) / 2
                                                        : 0;
  Value exponent = b.right(b.add(magnitude, rounding), 52);
  Value result = b.add(exponent, uint64_t(-offset));
  result = b.select(b.below(exponent, offset), how.saturate ? 0 : nan, result);
  result = b.select(b.above(exponent, offset + largest), how.saturate ? largest : nan, result);
  return b.byte(b.select(b.above(magnitude, infinity), nan, result));
}

/// To nearest, ties to even, of f32 or f64.
static Value bitsOf(Code &c, Value x, FloatType type, Narrowing how) {
  Format from(cast<FloatType>(x.getType())), to(type);
  Bits b{c, c.b.getIntegerType(from.width)};
  Value bits = c.make<arith::BitcastOp>(b.type, x);
  Value sign = b.right(b.mask(bits, from.sign()), from.width - to.width);
  Value magnitude = b.mask(bits, from.sign() - 1);

  // Normal numbers: rounded by adding just under half a unit of what is cut off.
  unsigned cut = from.fraction - to.fraction;
  uint64_t rebase = uint64_t(from.bias() - to.bias()) << from.fraction;
  Value rebased = b.add(magnitude, uint64_t(0) - rebase);
  Value odd = b.mask(b.right(rebased, cut), 1);
  Value normal = b.add(c.make<arith::AddIOp>(rebased, odd), (uint64_t(1) << (cut - 1)) - 1);
  normal = b.right(normal, cut);
  // Below them: beside a number whose unit is their step, addition itself rounds.
  double large = std::ldexp(1.0, to.least - int(to.fraction) + int(from.fraction));
  Value anchor = c.constant(large, x.getType());
  Value sum = c.add(c.make<arith::BitcastOp>(x.getType(), magnitude), anchor);
  Value small = c.make<arith::SubIOp>(c.make<arith::BitcastOp>(b.type, sum),
                                      c.make<arith::BitcastOp>(b.type, anchor));
  uint64_t smallestNormal = uint64_t(to.least + from.bias()) << from.fraction;
  Value result = c.select(b.below(magnitude, smallestNormal), small, normal);

  bool clamps = how.saturate || !to.hasNaN();
  result = b.select(b.above(result, to.largest()), clamps ? to.largest() : to.infinity(), result);
  // Without a NaN it becomes -0, as in APFloat and the standard's own test data.
  Value isNaN = b.above(magnitude, from.infinity());
  uint64_t nan = to.hasNaN() ? to.nan() : to.sign();
  if (to.lacksNegativeZero()) {
    sign = b.select(b.is(result, 0), 0, sign);
    Value all = b.either(result, sign);
    all = b.select(b.is(result, to.nan()), nan, all);
    return b.byte(b.select(isNaN, nan, all));
  }
  return b.byte(b.either(b.select(isNaN, nan, result), sign));
}

Value toNarrow(Code &c, Value x, Type element, Narrowing how) {
  if (auto real = dyn_cast<FloatType>(element)) {
    // Integers that f32 would round are exact in f64, or nearly.
    unsigned width = x.getType().getIntOrFloatBitWidth();
    if (!Code::isFloat(x))
      x = c.cast(x, width < 32 ? Type(c.b.getF32Type()) : c.b.getF64Type());
    x = c.widen(x);
    return isa<Float8E8M0FNUType>(element) ? powerOf(c, x, how) : bitsOf(c, x, real, how);
  }
  Value low = c.cast(Code::isFloat(x) ? c.cast(x, c.b.getI32Type()) : x, c.b.getI8Type());
  auto mask = (1 << cast<IntegerType>(element).getWidth()) - 1;
  return c.make<arith::AndIOp>(low, c.constant(mask, low));
}

} // namespace strut::kernelize
