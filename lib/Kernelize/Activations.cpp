//===- Activations.cpp - Activations as scalar code -----------------------===//
#include "Activations.h"
#include <numbers>

using namespace mlir;

namespace strut::kernelize {

Value sigmoid(Code &c, Value x) {
  Value one = c.constant(1, x);
  return c.div(one, c.add(one, c.make<math::ExpOp>(c.make<arith::NegFOp>(x))));
}

Value gelu(Code &c, Value x, bool tanh) {
  Value half = c.constant(0.5, x), one = c.constant(1, x), inner;
  if (tanh) {
    Value cube = c.mul(c.mul(x, x), x);
    Value sum = c.add(x, c.mul(c.constant(0.044715, x), cube));
    inner = c.make<math::TanhOp>(c.mul(c.constant(std::sqrt(2 / std::numbers::pi), x), sum));
  } else {
    inner = c.make<math::ErfOp>(c.mul(x, c.constant(std::numbers::sqrt2 / 2, x)));
  }
  return c.mul(c.mul(half, x), c.add(one, inner));
}

Value softplus(Code &c, Value x) {
  Value zero = c.constant(0, x);
  Value tail =
      c.make<math::Log1pOp>(c.make<math::ExpOp>(c.make<arith::NegFOp>(c.make<math::AbsFOp>(x))));
  return c.add(c.max(x, zero), tail);
}

Value whereNegative(Code &c, Value x, Value negative) {
  return c.select(c.less(x, c.constant(0, x)), negative, x);
}

Value elu(Code &c, Value x, double alpha) {
  return whereNegative(c, x, c.mul(c.constant(alpha, x), c.make<math::ExpM1Op>(x)));
}

Value leakyRelu(Code &c, Value x, double alpha) {
  return whereNegative(c, x, c.mul(x, c.constant(alpha, x)));
}

Value softsign(Code &c, Value x) {
  return c.div(x, c.add(c.constant(1, x), c.make<math::AbsFOp>(x)));
}

Value thresholdedRelu(Code &c, Value x, double alpha) {
  return c.select(c.less(c.constant(alpha, x), x), x, c.constant(0, x));
}

Value hardSigmoid(Code &c, Value x, double alpha, double beta) {
  Value y = c.add(c.mul(x, c.constant(alpha, x)), c.constant(beta, x));
  return c.max(c.min(y, c.constant(1, x)), c.constant(0, x));
}

Value softmax(Code &c, Value x) {
  Value shifted = c.sub(x, c.combine(kernel::CombineKind::Max, x));
  Value e = c.make<math::ExpOp>(shifted);
  Value sum = c.combine(kernel::CombineKind::Add, e);
  return c.mul(e, c.div(c.constant(1, sum), sum));
}

} // namespace strut::kernelize
