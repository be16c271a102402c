//===- Activations.cpp - Activations as scalar code -----------------------===//
#include "Activations.h"

using namespace mlir;

namespace strut::kernelize {

Value sigmoid(Code &c, Value x) {
  Value one = c.constant(1, x);
  return c.div(one, c.add(one, c.make<math::ExpOp>(c.make<arith::NegFOp>(x))));
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

} // namespace strut::kernelize
