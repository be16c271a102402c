//===- Real.h - Formulas that are known or computed ------------*- C++ -*-===//
//
// Places and weights of samples are formulas of extents and factors. Where these are
// constants of the model, so are the results; else the body of a kernel computes them.
// Written on this type, a formula is written once.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_REAL_H
#define STRUT_LIB_KERNELIZE_REAL_H

#include "ScalarCode.h"

namespace strut::kernelize {

/// A number that is known, or a float that a body computes. Known numbers are doubles;
/// beside a computed one they take its type.
class Real {
public:
  Real(double known) : known(known) {}
  Real(Code &code, mlir::Value computed) : code(&code), computed(computed) {}

  bool isKnown() const { return !computed; }
  /// The number; only of a known one.
  double value() const { return known; }
  /// The number in this float type.
  mlir::Value in(Code &c, mlir::Type type) const {
    return computed ? c.cast(computed, type) : c.constant(known, type);
  }

private:
  friend struct RealCode;
  double known = 0;
  Code *code = nullptr;
  mlir::Value computed;
};

/// Whether something holds, known or computed.
class Truth {
public:
  Truth(bool known) : known(known) {}
  Truth(Code &code, mlir::Value computed) : code(&code), computed(computed) {}

private:
  friend struct RealCode;
  bool known = false;
  Code *code = nullptr;
  mlir::Value computed;
};

Real operator+(const Real &a, const Real &b);
Real operator-(const Real &a, const Real &b);
Real operator*(const Real &a, const Real &b);
Real operator/(const Real &a, const Real &b);
/// False where one is no number.
Truth operator<(const Real &a, const Real &b);
Truth operator==(const Real &a, const Real &b);
Truth operator||(const Truth &a, const Truth &b);
Real select(const Truth &condition, const Real &a, const Real &b);
Real floor(const Real &x);
Real ceil(const Real &x);
Real abs(const Real &x);
/// To the nearest whole number, halves to an even one.
Real roundEven(const Real &x);
/// The smaller and the larger; the second where the first is no number.
inline Real min(const Real &a, const Real &b) { return select(a < b, a, b); }
inline Real max(const Real &a, const Real &b) { return select(b < a, a, b); }

/// An index as a float of this type. It has at most 31 bits.
Real asReal(Code &c, mlir::Value index, mlir::Type type);

/// The weights of neighbours at a distance of `x` >= 0: the tent, and the piecewise cubic of
/// Keys ("Cubic convolution interpolation for digital image processing", 1981) up to a
/// distance of 1 and from there to 2.
Real linearWeight(const Real &x);
Real nearCubicWeight(const Real &x, double a);
Real farCubicWeight(const Real &x, double a);
/// Of any distance: 0 from 2 on.
Real cubicWeight(const Real &x, double a);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_REAL_H
