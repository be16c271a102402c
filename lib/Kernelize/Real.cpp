//===- Real.cpp - Formulas that are known or computed ---------------------===//
#include "Real.h"

using namespace mlir;

namespace strut::kernelize {

/// Evaluates now what is known, and emits what is not.
struct RealCode {
  template <typename OpT, typename Now> static Real binary(const Real &a, const Real &b, Now now) {
    if (a.isKnown() && b.isKnown())
      return Real(now(a.known, b.known));
    Code &c = *(a.code ? a.code : b.code);
    Type type = (a.computed ? a.computed : b.computed).getType();
    return Real(c, c.make<OpT>(a.in(c, type), b.in(c, type)));
  }

  template <typename OpT> static Real unary(const Real &x, double (*now)(double)) {
    return x.isKnown() ? Real(now(x.known)) : Real(*x.code, x.code->make<OpT>(x.computed));
  }

  template <typename Now>
  static Truth compare(arith::CmpFPredicate predicate, const Real &a, const Real &b, Now now) {
    if (a.isKnown() && b.isKnown())
      return Truth(now(a.known, b.known));
    Code &c = *(a.code ? a.code : b.code);
    Type type = (a.computed ? a.computed : b.computed).getType();
    return Truth(c, c.make<arith::CmpFOp>(predicate, a.in(c, type), b.in(c, type)));
  }

  static Truth either(const Truth &a, const Truth &b) {
    if (!a.computed)
      return a.known ? a : b;
    if (!b.computed)
      return b.known ? b : a;
    return Truth(*a.code, a.code->make<arith::OrIOp>(a.computed, b.computed));
  }

  static Real select(const Truth &condition, const Real &a, const Real &b) {
    if (!condition.computed)
      return condition.known ? a : b;
    Code &c = *condition.code;
    Type type = a.computed   ? a.computed.getType()
                : b.computed ? b.computed.getType()
                             : Type(c.b.getF64Type());
    return Real(c, c.select(condition.computed, a.in(c, type), b.in(c, type)));
  }
};

Real operator+(const Real &a, const Real &b) {
  return RealCode::binary<arith::AddFOp>(a, b, std::plus<>());
}
Real operator-(const Real &a, const Real &b) {
  return RealCode::binary<arith::SubFOp>(a, b, std::minus<>());
}
Real operator*(const Real &a, const Real &b) {
  return RealCode::binary<arith::MulFOp>(a, b, std::multiplies<>());
}
Real operator/(const Real &a, const Real &b) {
  return RealCode::binary<arith::DivFOp>(a, b, std::divides<>());
}
Truth operator<(const Real &a, const Real &b) {
  return RealCode::compare(arith::CmpFPredicate::OLT, a, b, std::less<>());
}
Truth operator==(const Real &a, const Real &b) {
  return RealCode::compare(arith::CmpFPredicate::OEQ, a, b, std::equal_to<>());
}
Truth operator||(const Truth &a, const Truth &b) { return RealCode::either(a, b); }
Real select(const Truth &condition, const Real &a, const Real &b) {
  return RealCode::select(condition, a, b);
}
Real floor(const Real &x) { return RealCode::unary<math::FloorOp>(x, std::floor); }
Real ceil(const Real &x) { return RealCode::unary<math::CeilOp>(x, std::ceil); }
Real abs(const Real &x) { return RealCode::unary<math::AbsFOp>(x, std::fabs); }

Real roundEven(const Real &x) { return RealCode::unary<math::RoundEvenOp>(x, std::nearbyint); }

Real asReal(Code &c, Value index, Type type) {
  Value narrow = c.make<arith::IndexCastOp>(c.b.getI32Type(), index);
  return Real(c, c.make<arith::SIToFPOp>(type, narrow));
}

Real linearWeight(const Real &x) { return max(Real(1) - x, 0); }

Real nearCubicWeight(const Real &x, double a) {
  return (Real(a + 2) * x - Real(a + 3)) * x * x + Real(1);
}

Real farCubicWeight(const Real &x, double a) {
  return ((Real(a) * x - Real(5 * a)) * x + Real(8 * a)) * x - Real(4 * a);
}

Real cubicWeight(const Real &x, double a) {
  return select(x < Real(1), nearCubicWeight(x, a), select(x < Real(2), farCubicWeight(x, a), 0));
}

} // namespace strut::kernelize
