//===- MathCode.h - Elementary functions as arithmetic ---------*- C++ -*-===//
//
// Builds elementary functions from additions, multiplications and bit operations,
// on scalars and vectors of f32 or f64 alike. Polynomials were fitted to the
// function at hand by a weighted minimax fit (Lawson's iteration).
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_EMIT_MATHCODE_H
#define STRUT_LIB_EMIT_MATHCODE_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace strut::emit {

class MathCode {
public:
  using Value = mlir::Value;

  /// `type` is f32, f64 or a vector of these. Without `fused`, a multiply-add is two
  /// operations, for there it would be a call.
  MathCode(mlir::ImplicitLocOpBuilder &b, mlir::Type type, bool fused);

  //===--------------------------------------------------------------------===//
  // f32 and f64. Errors in units of the last place hold with fused operations.
  //===--------------------------------------------------------------------===//

  Value exp(Value x);   ///< 1 ULP; below 2^-125 (f64: 2^-1021) it is 0
  Value exp2(Value x);  ///< 1 ULP; likewise
  Value expm1(Value x); ///< 2 ULP
  Value tanh(Value x);  ///< 3 ULP
  Value erf(Value x);   ///< 2 ULP (f64: 8)
  Value erfc(Value x);  ///< to an absolute error of 1e-7 (f64: 1e-15)
  Value log(Value x);   ///< 1 ULP
  Value log1p(Value x); ///< 3 ULP
  Value log2(Value x);  ///< 2 ULP
  Value log10(Value x); ///< 2 ULP
  Value round(Value x); ///< halves away from zero
  Value rsqrt(Value x); ///< 1.5 ULP
  Value sqrt(Value x);

  //===--------------------------------------------------------------------===//
  // Written for f64: f32 takes the way through it and is rounded once.
  //===--------------------------------------------------------------------===//

  Value sin(Value x); ///< 1e-15 for |x| < 1e6
  Value cos(Value x); ///< 1e-15 for |x| < 1e6
  Value tan(Value x);
  Value atan(Value x);
  Value atan2(Value y, Value x);
  Value asin(Value x);
  Value acos(Value x);
  Value sinh(Value x);
  Value cosh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value cbrt(Value x);
  Value pow(Value x, Value y); ///< relative error |y log x| * 2^-52
  Value rem(Value x, Value y); ///< exact while |x / y| < 2^52

private:
  Value constant(double v);
  Value integer(int64_t v);
  Value add(Value l, Value r);
  Value sub(Value l, Value r);
  Value mul(Value l, Value r);
  Value div(Value l, Value r);
  Value fma(Value l, Value r, Value addend);
  Value neg(Value x);
  Value abs(Value x);
  Value copySign(Value magnitude, Value sign);
  Value compare(mlir::arith::CmpFPredicate predicate, Value l, Value r);
  Value less(Value l, Value r) { return compare(mlir::arith::CmpFPredicate::OLT, l, r); }
  Value equal(Value l, Value r) { return compare(mlir::arith::CmpFPredicate::OEQ, l, r); }
  Value select(Value condition, Value yes, Value no);
  Value atMost(Value x, double limit);  ///< NaN stays
  Value atLeast(Value x, double limit); ///< NaN stays
  Value bits(Value x);
  Value fromBits(Value x);
  /// Horner's scheme; coefficients from the constant on.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients);

  /// x = n ln 2 + r; half = 2^(n - 1), which is 0 for the least n, so that the
  /// greatest is still finite.
  struct Split {
    Value half, r;
  };
  Split split(Value x);
  Split splitPower(Value shifted, Value r);
  Value expm1Of(Value r); ///< of a remainder
  /// x = 2^exponent * m, with the logarithm of m.
  struct Log {
    Value exponent, logM;
  };
  Log splitLog(Value x);
  Value fixLog(Value x, Value y); ///< zero, infinity, negative, NaN
  Value negLogErfc(Value a, bool tail);
  Value trigonometric(Value x, int64_t quadrants);

  mlir::ImplicitLocOpBuilder &b;
  mlir::Type type, bitType;
  bool f64, fused;
  int64_t mantissa; ///< bits
};

} // namespace strut::emit

#endif // STRUT_LIB_EMIT_MATHCODE_H
