//===- MathCode.cpp - Elementary functions as arithmetic ------------------===//
#include "MathCode.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace strut::emit {

static Type sameShape(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

MathCode::MathCode(ImplicitLocOpBuilder &b, Type type, bool fused)
    : b(b), type(type), f64(getElementTypeOrSelf(type).isF64()), fused(fused),
      mantissa(f64 ? 52 : 23) {
  bitType = sameShape(type, f64 ? b.getI64Type() : b.getI32Type());
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static TypedAttr filled(Type type, Attribute element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, element);
  return cast<TypedAttr>(element);
}

Value MathCode::constant(double v) {
  return arith::ConstantOp::create(b, filled(type, b.getFloatAttr(getElementTypeOrSelf(type), v)));
}
Value MathCode::integer(int64_t v) {
  return arith::ConstantOp::create(
      b, filled(bitType, b.getIntegerAttr(getElementTypeOrSelf(bitType), v)));
}
Value MathCode::add(Value l, Value r) { return arith::AddFOp::create(b, l, r); }
Value MathCode::sub(Value l, Value r) { return arith::SubFOp::create(b, l, r); }
Value MathCode::mul(Value l, Value r) { return arith::MulFOp::create(b, l, r); }
Value MathCode::div(Value l, Value r) { return arith::DivFOp::create(b, l, r); }
Value MathCode::fma(Value l, Value r, Value addend) {
  return fused ? Value(math::FmaOp::create(b, l, r, addend)) : add(mul(l, r), addend);
}
Value MathCode::neg(Value x) { return arith::NegFOp::create(b, x); }
Value MathCode::abs(Value x) { return math::AbsFOp::create(b, x); }
Value MathCode::sqrt(Value x) { return math::SqrtOp::create(b, x); }
Value MathCode::rsqrt(Value x) { return div(constant(1), sqrt(x)); }
Value MathCode::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(b, magnitude, sign);
}
Value MathCode::compare(arith::CmpFPredicate predicate, Value l, Value r) {
  return arith::CmpFOp::create(b, predicate, l, r);
}
Value MathCode::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, condition, yes, no);
}
Value MathCode::atMost(Value x, double limit) {
  Value bound = constant(limit);
  return select(less(bound, x), bound, x);
}
Value MathCode::atLeast(Value x, double limit) {
  Value bound = constant(limit);
  return select(less(x, bound), bound, x);
}
Value MathCode::bits(Value x) { return arith::BitcastOp::create(b, bitType, x); }
Value MathCode::fromBits(Value x) { return arith::BitcastOp::create(b, type, x); }

Value MathCode::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(c));
  return sum;
}

/// Half away from zero: the number below 1/2 keeps sums from rounding up to 1.
Value MathCode::round(Value x) {
  Value half = constant(f64 ? 0x1.fffffffffffffp-2 : 0x1.fffffep-2);
  return math::TruncOp::create(b, add(x, copySign(half, x)));
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// `shifted` holds n in its lowest bits, raised by the bias of 2^(n - 1).
MathCode::Split MathCode::splitPower(Value shifted, Value r) {
  Value half = arith::ShLIOp::create(b, bits(shifted), integer(mantissa));
  return {fromBits(half), r};
}

/// Adding 1.5 * 2^mantissa rounds to an integer, and leaves it in the low bits.
static double shifter(bool f64) { return f64 ? 0x1.8p52 + 1022 : 0x1.8p23 + 126; }

MathCode::Split MathCode::split(Value x) {
  // The high parts of ln 2 have trailing zeros, so that n times them is exact.
  double high = f64 ? 6.93147180369123816490e-01 : 0x1.62e4p-1;
  double low = f64 ? 1.90821492927058770002e-10 : 1.428606820309417e-06;
  Value magic = constant(shifter(f64));
  Value shifted = fma(x, constant(1.4426950408889634), magic);
  Value n = neg(sub(shifted, magic));
  Value r = fma(n, constant(low), fma(n, constant(high), x));
  return splitPower(shifted, r);
}

Value MathCode::expm1Of(Value r) {
  static const double single[] = {0.50000000954140855, 0.16666518602613958, 0.041666205063534245,
                                  0.0083689178666337075, 0.0013950540524184263};
  static const double twofold[] = {0.50000000000000444,    0.16666666666667104,
                                   0.041666666666331661,   0.0083333333331066985,
                                   0.0013888888984217214,  0.00019841270492988483,
                                   2.4801457769681013e-05, 2.7556510509990485e-06,
                                   2.7641398635549584e-07, 2.5404276118276361e-08};
  Value q = f64 ? polynomial(r, twofold) : polynomial(r, single);
  return fma(mul(r, r), q, r);
}

Value MathCode::exp(Value x) {
  x = atLeast(atMost(x, f64 ? 710 : 89), f64 ? -708.5 : -87.4);
  Split parts = split(x);
  Value half = mul(add(expm1Of(parts.r), constant(1)), parts.half);
  return add(half, half);
}

Value MathCode::exp2(Value x) {
  x = atLeast(atMost(x, f64 ? 1024.25 : 128.25), f64 ? -1022 : -126);
  Value magic = constant(shifter(f64));
  Value shifted = add(x, magic);
  Value r = mul(sub(x, sub(shifted, magic)), constant(0.69314718055994531));
  Split parts = splitPower(shifted, r);
  Value half = mul(add(expm1Of(parts.r), constant(1)), parts.half);
  return add(half, half);
}

Value MathCode::expm1(Value x) {
  x = atLeast(atMost(x, f64 ? 710 : 89), f64 ? -40 : -20);
  Split parts = split(x);
  Value half = fma(parts.half, expm1Of(parts.r), sub(parts.half, constant(0.5)));
  return add(half, half);
}

/// (e^2x - 1) / (e^2x + 1), by the difference that keeps small ones exact.
Value MathCode::tanh(Value x) {
  Value a = atMost(abs(x), f64 ? 22 : 10);
  Value e = expm1(add(a, a));
  return copySign(div(e, add(e, constant(2))), x);
}

Value MathCode::sinh(Value x) {
  Value e = expm1(abs(x));
  Value infinity = constant(INFINITY);
  Value y = mul(constant(0.5), add(e, div(e, add(e, constant(1)))));
  return copySign(select(equal(e, infinity), infinity, y), x);
}

Value MathCode::cosh(Value x) {
  Value half = mul(constant(0.5), exp(abs(x)));
  return add(half, div(constant(0.25), half));
}

//===----------------------------------------------------------------------===//
// The error function
//===----------------------------------------------------------------------===//

/// h(a) = -log(1 - erf(a)) is nearly a parabola. f64 takes it for a >= 1 alone.
Value MathCode::negLogErfc(Value a, bool tail) {
  static const double single[] = {1.1283792070523668,      0.63661649670102305,
                                  0.10281441100097821,     -0.019321716891439959,
                                  0.0002057171754548154,   0.0012517458839973494,
                                  -0.00038100040261329886, 4.0707896703347062e-05};
  static const double twofold[] = {
      4.0321249720362236,      2.3099818683691793,      0.076357686235789965,
      -0.031212385081202811,   0.012543792536632991,    -0.0048482484688598367,
      0.0017673300536771369,   -0.00058180641865682257, 0.00012309707931373149,
      -0.00013702002663316739, -0.00016815399419716572, -8.0295093998902035e-05,
      7.5065307711698163e-05,  0.00020628448655073223,  0.00017305435900258554,
      7.6757429113764742e-05,  1.38215145859125e-05};
  if (!tail)
    return mul(a, polynomial(a, single));
  Value z = mul(sub(a, constant(3.5)), constant(0.4));
  return mul(a, polynomial(z, twofold));
}

Value MathCode::erf(Value x) {
  Value a = atMost(abs(x), f64 ? 6 : 4);
  Value y = neg(expm1(neg(negLogErfc(a, f64))));
  if (f64) {
    static const double nearZero[] = {
        1.1283791670955132,     -0.37612638903190648,    0.1128379167115155,
        -0.026866170670149923,  0.0052239777945005013,   -0.0008548333753662634,
        0.00012055499962034937, -1.4928272681523588e-05, 1.6487296229328273e-06,
        -1.649240721819445e-07, 1.4880059513774619e-08,  -9.8694121578094022e-10};
    y = select(less(a, constant(1)), mul(a, polynomial(mul(a, a), nearZero)), y);
  }
  return copySign(y, x);
}

Value MathCode::erfc(Value x) {
  Value one = constant(1);
  Value tail = exp(neg(negLogErfc(atMost(x, f64 ? 6 : 4), f64)));
  return select(less(one, x), tail, sub(one, erf(x)));
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// log(1 + f) through s = f / (2 + f), whose odd series converges fast.
MathCode::Log MathCode::splitLog(Value x) {
  static const double single[] = {0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841};
  static const double twofold[] = {6.666666666666735130e-01, 3.999999999940941908e-01,
                                   2.857142874366239149e-01, 2.222219843214978396e-01,
                                   1.818357216161805012e-01, 1.531383769920937332e-01,
                                   1.479819860511658591e-01};
  Value tiny = less(x, constant(f64 ? 0x1p-1022 : 0x1p-126));
  x = select(tiny, mul(x, constant(f64 ? 0x1p54 : 0x1p25)), x);
  // m from sqrt(1/2) to sqrt(2).
  Value pattern = bits(x), root = integer(f64 ? 0x3fe6a09e667f3bcd : 0x3f3504f3);
  Value width = integer(mantissa);
  Value n = arith::ShRSIOp::create(b, arith::SubIOp::create(b, pattern, root), width);
  Value m = fromBits(arith::SubIOp::create(b, pattern, Value(arith::ShLIOp::create(b, n, width))));
  Value exponent = arith::SIToFPOp::create(b, type, n);
  exponent = sub(exponent, select(tiny, constant(f64 ? 54 : 25), constant(0)));

  Value f = sub(m, constant(1)), s = div(f, add(f, constant(2))), z = mul(s, s);
  Value r = mul(z, f64 ? polynomial(z, twofold) : polynomial(z, single));
  Value square = mul(constant(0.5), mul(f, f));
  return {exponent, sub(f, sub(square, mul(s, add(square, r))))};
}

Value MathCode::fixLog(Value x, Value y) {
  Value zero = constant(0), infinity = constant(INFINITY);
  y = select(equal(x, infinity), infinity, y);
  y = select(equal(x, zero), constant(-INFINITY), y);
  return select(compare(arith::CmpFPredicate::ULT, x, zero), constant(NAN), y);
}

Value MathCode::log(Value x) {
  double high = f64 ? 6.93147180369123816490e-01 : 0x1.62e4p-1;
  double low = f64 ? 1.90821492927058770002e-10 : 1.428606820309417e-06;
  Log parts = splitLog(x);
  Value y =
      add(fma(parts.exponent, constant(low), parts.logM), mul(parts.exponent, constant(high)));
  return fixLog(x, y);
}

Value MathCode::log2(Value x) {
  Log parts = splitLog(x);
  return fixLog(x, fma(parts.logM, constant(1.4426950408889634), parts.exponent));
}

Value MathCode::log10(Value x) {
  Log parts = splitLog(x);
  return fixLog(x, fma(parts.exponent, constant(0.30102999566398120),
                       mul(parts.logM, constant(0.43429448190325183))));
}

/// Kahan: the error of u = 1 + x is the same in log(u) and in u - 1.
Value MathCode::log1p(Value x) {
  Value one = constant(1), infinity = constant(INFINITY), u = add(one, x);
  Value y = mul(log(u), div(x, sub(u, one)));
  y = select(equal(u, one), x, y);
  return select(equal(u, infinity), infinity, y);
}

Value MathCode::asinh(Value x) {
  Value a = abs(x), square = mul(a, a), one = constant(1);
  Value y = log1p(add(a, div(square, add(one, sqrt(add(square, one))))));
  Value large = add(log(a), constant(0.69314718055994531));
  return copySign(select(less(constant(0x1p28), a), large, y), x);
}

Value MathCode::acosh(Value x) {
  Value one = constant(1), z = sub(x, one);
  return log1p(add(z, sqrt(mul(z, add(x, one)))));
}

Value MathCode::atanh(Value x) {
  Value a = abs(x);
  Value y = mul(constant(0.5), log1p(div(add(a, a), sub(constant(1), a))));
  return copySign(y, x);
}

/// One Newton step after the logarithm's third.
Value MathCode::cbrt(Value x) {
  Value a = abs(x), y = exp(div(log(a), constant(3)));
  Value square = mul(y, y);
  y = sub(y, div(sub(mul(square, y), a), mul(constant(3), square)));
  Value fixed = arith::OrIOp::create(b, equal(a, constant(0)), equal(a, constant(INFINITY)));
  return copySign(select(fixed, a, y), x);
}

Value MathCode::pow(Value x, Value y) {
  Value one = constant(1), zero = constant(0), a = abs(x);
  Value magnitude = select(equal(a, one), one, exp(mul(y, log(a))));
  // A negative base takes whole exponents, and its sign from odd ones.
  Value whole = math::TruncOp::create(b, y), half = mul(whole, constant(0.5));
  Value odd = compare(arith::CmpFPredicate::UNE, math::TruncOp::create(b, half), half);
  Value signedResult = select(odd, neg(magnitude), magnitude);
  Value negative = select(equal(whole, y), signedResult, constant(NAN));
  Value sign = copySign(one, x);
  Value result = select(less(x, zero), negative, magnitude);
  result = select(equal(a, constant(INFINITY)), select(less(sign, zero), signedResult, magnitude),
                  result);
  Value trivial = arith::OrIOp::create(b, equal(y, zero), equal(x, one));
  return select(trivial, one, result);
}

Value MathCode::rem(Value x, Value y) {
  Value zero = constant(0), infinity = constant(INFINITY);
  Value q = math::TruncOp::create(b, div(x, y));
  Value r = fma(neg(q), y, x);
  // The quotient may have been rounded up to the next integer.
  Value over = less(mul(copySign(constant(1), x), r), zero);
  r = select(over, add(r, copySign(y, x)), r);
  Value whole = arith::AndIOp::create(b, equal(abs(y), infinity), less(abs(x), infinity));
  return select(whole, x, copySign(r, x));
}

//===----------------------------------------------------------------------===//
// Trigonometry
//===----------------------------------------------------------------------===//

/// sin(x + quadrants * pi / 2), after Cody and Waite.
Value MathCode::trigonometric(Value x, int64_t quadrants) {
  static const double sine[] = {-0.16666666666666421,    0.0083333333332888775,
                                -0.00019841269810077461, 2.7557308128944495e-06,
                                -2.5050004142022789e-08, 1.5857469456362656e-10};
  static const double cosine[] = {0.041666666666667594,   -0.0013888888889016379,
                                  2.4801587362582137e-05, -2.7557331748482275e-07,
                                  2.0877674090915778e-09, -1.1443081238992328e-11};
  Value magic = constant(0x1.8p52);
  Value shifted = fma(x, constant(0.63661977236758134), magic);
  Value n = neg(sub(shifted, magic));
  Value r = fma(n, constant(1.57079632673412561417e+00), x);
  r = fma(n, constant(6.07710050630396597660e-11), r);
  r = fma(n, constant(2.02226624879595063154e-21), r);
  Value t = mul(r, r);
  Value s = fma(mul(r, t), polynomial(t, sine), r);
  Value c = fma(mul(t, t), polynomial(t, cosine), fma(t, constant(-0.5), constant(1)));

  Value k = arith::AddIOp::create(b, bits(shifted), integer(quadrants));
  Value odd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                    Value(arith::AndIOp::create(b, k, integer(1))), integer(0));
  Value sign =
      arith::ShLIOp::create(b, Value(arith::AndIOp::create(b, k, integer(2))), integer(62));
  return fromBits(arith::XOrIOp::create(b, bits(select(odd, c, s)), sign));
}

Value MathCode::sin(Value x) { return trigonometric(x, 0); }
Value MathCode::cos(Value x) { return trigonometric(x, 1); }
Value MathCode::tan(Value x) { return div(sin(x), cos(x)); }

/// Moved to |z| <= tan(pi / 8) by the addition theorem.
Value MathCode::atan(Value x) {
  static const double odd[] = {-0.33333333333333304,  0.19999999999974816,   -0.14285714281638148,
                               0.11111110833962791,   -0.090908988954121153, 0.076920780088821306,
                               -0.066632965596207461, 0.058492720242247831,  -0.050454914170345498,
                               0.038218875133708169,  -0.01806972510706591};
  Value a = abs(x), one = constant(1);
  Value small = less(a, constant(0.41421356237309503));
  Value large = less(constant(2.4142135623730949), a);
  Value numerator = select(small, a, select(large, constant(-1), sub(a, one)));
  Value denominator = select(small, one, select(large, a, add(a, one)));
  Value offset = select(small, constant(0),
                        select(large, constant(1.5707963267948966), constant(0.78539816339744831)));
  Value z = div(numerator, denominator), t = mul(z, z);
  return copySign(add(offset, fma(mul(z, t), polynomial(t, odd), z)), x);
}

Value MathCode::atan2(Value y, Value x) {
  Value a = abs(y), c = abs(x), infinity = constant(INFINITY), zero = constant(0);
  Value ratio = select(equal(a, zero), zero, div(a, c));
  Value bothInfinite = arith::AndIOp::create(b, equal(a, infinity), equal(c, infinity));
  Value angle = atan(select(bothInfinite, constant(1), ratio));
  Value left = less(copySign(constant(1), x), zero);
  angle = select(left, sub(constant(3.1415926535897931), angle), angle);
  angle = select(compare(arith::CmpFPredicate::UNO, x, y), constant(NAN), angle);
  return copySign(angle, y);
}

Value MathCode::asin(Value x) {
  Value one = constant(1);
  return atan2(x, sqrt(mul(sub(one, x), add(one, x))));
}

Value MathCode::acos(Value x) {
  Value one = constant(1);
  return atan2(sqrt(mul(sub(one, x), add(one, x))), x);
}

} // namespace strut::emit
