//===- ExpandMath.cpp - Elementary functions without a library ------------===//
//
// Generated code calls no math library: what is not an instruction of the target
// becomes arithmetic, here. The same arithmetic on every target, so that they
// agree but for fused operations.
//
//===----------------------------------------------------------------------===//
#include "MathCode.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "strut/Emit/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace strut::emit {
#define GEN_PASS_DEF_EXPANDMATH
#include "strut/Emit/Passes.h.inc"
} // namespace strut::emit

using namespace mlir;

namespace strut::emit {
namespace {

Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}

/// Instructions of every target, or lowered by LLVM without a call.
bool isNative(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp, math::CtPopOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::FloorOp, math::IsFiniteOp,
             math::IsInfOp, math::IsNaNOp, math::IsNormalOp, math::RoundEvenOp, math::SqrtOp,
             math::TruncOp>(op);
}

struct ExpandMathPass : impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    auto target = dyn_cast<kernel::TargetAttrInterface>(getOperation().getTarget());
    if (!target)
      return;
    fma = target.getFma();
    // Halves first: computing them in f32 makes more functions of f32.
    if (failed(each(&ExpandMathPass::expandHalf)) ||
        failed(each(&ExpandMathPass::expandFunction)) ||
        failed(each(&ExpandMathPass::expandConversion)))
      signalPassFailure();
  }

private:
  /// Gives the replacement of an op, null for none.
  using Expansion = FailureOr<Value> (ExpandMathPass::*)(ImplicitLocOpBuilder &, Operation *);

  /// Whether the target has fused multiply-adds, and conversions to and from f16.
  bool fma = true;

  LogicalResult each(Expansion expansion) {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<math::MathDialect, arith::ArithDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      ImplicitLocOpBuilder b(op->getLoc(), op);
      FailureOr<Value> replacement = (this->*expansion)(b, op);
      if (failed(replacement))
        return failure();
      if (!*replacement)
        continue;
      op->getResult(0).replaceAllUsesWith(*replacement);
      op->erase();
      ++expanded;
    }
    return success();
  }

  FailureOr<Value> expandHalf(ImplicitLocOpBuilder &b, Operation *op);
  FailureOr<Value> expandFunction(ImplicitLocOpBuilder &b, Operation *op);
  FailureOr<Value> expandConversion(ImplicitLocOpBuilder &b, Operation *op);

  Value expandSame(ImplicitLocOpBuilder &b, Operation *op);
  Value expandInF64(ImplicitLocOpBuilder &b, Operation *op);
  Value expandPower(ImplicitLocOpBuilder &b, math::PowFOp op);
};

/// f16 and bf16 are storage: arithmetic on them is done in f32.
FailureOr<Value> ExpandMathPass::expandHalf(ImplicitLocOpBuilder &b, Operation *op) {
  auto halfIn = llvm::any_of(op->getOperandTypes(), isHalf);
  if (op->getNumResults() != 1 || (!halfIn && !isHalf(op->getResult(0).getType())) ||
      isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, arith::BitcastOp>(op))
    return Value();
  auto widened = [&](Type type) { return isHalf(type) ? withElement(type, b.getF32Type()) : type; };
  SmallVector<Value> operands;
  for (Value v : op->getOperands())
    operands.push_back(
        isHalf(v.getType()) ? Value(arith::ExtFOp::create(b, widened(v.getType()), v)) : v);
  Type type = op->getResult(0).getType();
  OperationState state(op->getLoc(), op->getName(), operands, {widened(type)}, op->getAttrs());
  Value result = b.create(state)->getResult(0);
  return isHalf(type) ? Value(arith::TruncFOp::create(b, type, result)) : result;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Functions with code of their own for f32.
Value ExpandMathPass::expandSame(ImplicitLocOpBuilder &b, Operation *op) {
  MathCode code(b, op->getResult(0).getType(), fma);
  Value x = op->getOperand(0);
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return code.exp(x); })
      .Case([&](math::Exp2Op) { return code.exp2(x); })
      .Case([&](math::ExpM1Op) { return code.expm1(x); })
      .Case([&](math::TanhOp) { return code.tanh(x); })
      .Case([&](math::ErfOp) { return code.erf(x); })
      .Case([&](math::ErfcOp) { return code.erfc(x); })
      .Case([&](math::LogOp) { return code.log(x); })
      .Case([&](math::Log2Op) { return code.log2(x); })
      .Case([&](math::Log10Op) { return code.log10(x); })
      .Case([&](math::Log1pOp) { return code.log1p(x); })
      .Case([&](math::RoundOp) { return code.round(x); })
      .Case([&](math::RsqrtOp) { return code.rsqrt(x); })
      .Default([](Operation *) { return Value(); });
}

/// Rare functions: one code, in f64.
Value ExpandMathPass::expandInF64(ImplicitLocOpBuilder &b, Operation *op) {
  Type type = op->getResult(0).getType(), wide = withElement(type, b.getF64Type());
  MathCode code(b, wide, fma);
  SmallVector<Value> in;
  for (Value v : op->getOperands())
    in.push_back(type == wide ? v : Value(arith::ExtFOp::create(b, wide, v)));
  Value result = TypeSwitch<Operation *, Value>(op)
                     .Case([&](math::SinOp) { return code.sin(in[0]); })
                     .Case([&](math::CosOp) { return code.cos(in[0]); })
                     .Case([&](math::TanOp) { return code.tan(in[0]); })
                     .Case([&](math::AtanOp) { return code.atan(in[0]); })
                     .Case([&](math::Atan2Op) { return code.atan2(in[0], in[1]); })
                     .Case([&](math::AsinOp) { return code.asin(in[0]); })
                     .Case([&](math::AcosOp) { return code.acos(in[0]); })
                     .Case([&](math::SinhOp) { return code.sinh(in[0]); })
                     .Case([&](math::CoshOp) { return code.cosh(in[0]); })
                     .Case([&](math::AsinhOp) { return code.asinh(in[0]); })
                     .Case([&](math::AcoshOp) { return code.acosh(in[0]); })
                     .Case([&](math::AtanhOp) { return code.atanh(in[0]); })
                     .Case([&](math::CbrtOp) { return code.cbrt(in[0]); })
                     .Case([&](math::PowFOp) { return code.pow(in[0], in[1]); })
                     .Case([&](arith::RemFOp) { return code.rem(in[0], in[1]); })
                     .Default([](Operation *) { return Value(); });
  if (!result || type == wide)
    return result;
  return arith::TruncFOp::create(b, type, result);
}

/// Small constant exponents are products.
Value ExpandMathPass::expandPower(ImplicitLocOpBuilder &b, math::PowFOp op) {
  Value x = op.getLhs();
  APFloat exponent(0.0);
  if (!matchPattern(op.getRhs(), m_ConstantFloat(&exponent)))
    return nullptr;
  bool lossy;
  exponent.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
  double y = exponent.convertToDouble();
  if (y == 2)
    return arith::MulFOp::create(b, x, x);
  if (y == 3)
    return arith::MulFOp::create(b, Value(arith::MulFOp::create(b, x, x)), x);
  return nullptr;
}

FailureOr<Value> ExpandMathPass::expandFunction(ImplicitLocOpBuilder &b, Operation *op) {
  bool function = isa<math::MathDialect>(op->getDialect());
  if (auto multiplyAdd = dyn_cast<math::FmaOp>(op)) {
    if (fma)
      return Value();
    Value product = arith::MulFOp::create(b, multiplyAdd.getA(), multiplyAdd.getB());
    return Value(arith::AddFOp::create(b, product, multiplyAdd.getC()));
  }
  if ((!function && !isa<arith::RemFOp>(op)) || isNative(op))
    return Value();
  Type element = op->getNumResults() == 1 ? getElementTypeOrSelf(op->getResult(0).getType())
                                          : Type(b.getNoneType());
  if (element.isF32() || element.isF64()) {
    if (auto power = dyn_cast<math::PowFOp>(op))
      if (Value product = expandPower(b, power))
        return product;
    if (Value result = expandSame(b, op))
      return result;
    if (Value result = expandInF64(b, op))
      return result;
  }
  return op->emitError("'") << op->getName() << "' on " << op->getOperand(0).getType()
                            << " is a function that there is no code for";
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Integer arithmetic on the bits of floats.
struct BitCode {
  ImplicitLocOpBuilder &b;
  Type type; ///< i32 or a vector of it

  Value constant(uint32_t v) {
    Attribute element = b.getIntegerAttr(b.getI32Type(), APInt(32, v));
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, element));
    return arith::ConstantOp::create(b, cast<TypedAttr>(element));
  }
  Value add(Value l, Value r) { return arith::AddIOp::create(b, l, r); }
  Value bitAnd(Value l, Value r) { return arith::AndIOp::create(b, l, r); }
  Value bitOr(Value l, Value r) { return arith::OrIOp::create(b, l, r); }
  Value left(Value v, uint32_t n) { return arith::ShLIOp::create(b, v, constant(n)); }
  Value right(Value v, uint32_t n) { return arith::ShRUIOp::create(b, v, constant(n)); }
  Value above(Value l, uint32_t r) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, l, constant(r));
  }
  Value select(Value c, Value yes, Value no) { return arith::SelectOp::create(b, c, yes, no); }
  Value floats(Value v) {
    return arith::BitcastOp::create(b, withElement(type, b.getF32Type()), v);
  }
  Value ints(Value v) { return arith::BitcastOp::create(b, type, v); }
  Value halves(Value v, Type half) {
    Value narrow = arith::TruncIOp::create(b, withElement(type, b.getI16Type()), v);
    return arith::BitcastOp::create(b, half, narrow);
  }
};

/// Rounds to nearest even by adding just under half a unit of what is cut off.
Value roundOff(BitCode &code, Value bits, uint32_t cut) {
  Value odd = code.bitAnd(code.right(bits, cut), code.constant(1));
  return code.right(code.add(code.add(bits, odd), code.constant((1u << (cut - 1)) - 1)), cut);
}

Value truncToBF16(BitCode &code, Value x, Type half) {
  Value bits = code.ints(x);
  Value nan = code.above(code.bitAnd(bits, code.constant(0x7fffffff)), 0x7f800000);
  Value quiet = code.bitOr(code.right(bits, 16), code.constant(0x40));
  return code.halves(code.select(nan, quiet, roundOff(code, bits, 16)), half);
}

Value truncToF16(BitCode &code, Value x, Type half) {
  Value bits = code.ints(x), magnitude = code.bitAnd(bits, code.constant(0x7fffffff));
  Value sign = code.bitAnd(code.right(bits, 16), code.constant(0x8000));
  // Normal: the exponent is rebased by 112 and 13 bits are rounded off.
  Value normal = roundOff(code, code.add(magnitude, code.constant(0u - (112u << 23))), 13);
  // Subnormal: adding 1/2 leaves the fraction, rounded, in the lowest bits.
  ImplicitLocOpBuilder &b = code.b;
  Value half32 = code.floats(code.constant(0x3f000000));
  Value sum = arith::AddFOp::create(b, code.floats(magnitude), half32);
  Value small = code.add(code.ints(sum), code.constant(0u - 0x3f000000u));
  Value result = code.select(code.above(magnitude, 0x387fffff), normal, small);
  result = code.select(code.above(magnitude, 0x477fefff), code.constant(0x7c00), result);
  result = code.select(code.above(magnitude, 0x7f800000), code.constant(0x7e00), result);
  return code.halves(code.bitOr(result, sign), half);
}

Value extendF16(BitCode &code, Value x) {
  ImplicitLocOpBuilder &b = code.b;
  Value narrow = arith::BitcastOp::create(b, withElement(code.type, b.getI16Type()), x);
  Value bits = arith::ExtUIOp::create(b, code.type, narrow);
  Value sign = code.left(code.bitAnd(bits, code.constant(0x8000)), 16);
  Value magnitude = code.left(code.bitAnd(bits, code.constant(0x7fff)), 13);
  // Multiplying by 2^112 rebases the exponent, and normalises what is subnormal.
  Value scale = code.floats(code.constant((127u + 112u) << 23));
  Value scaled = code.ints(arith::MulFOp::create(b, code.floats(magnitude), scale));
  Value special = code.above(magnitude, (0x7c00u << 13) - 1);
  Value exponent = code.bitOr(magnitude, code.constant(0x7f800000));
  return code.floats(code.bitOr(code.select(special, exponent, scaled), sign));
}

Value extendBF16(BitCode &code, Value x) {
  Value narrow = arith::BitcastOp::create(code.b, withElement(code.type, code.b.getI16Type()), x);
  return code.floats(code.left(arith::ExtUIOp::create(code.b, code.type, narrow), 16));
}

/// Conversions for which some targets need a call into the compiler's library.
FailureOr<Value> ExpandMathPass::expandConversion(ImplicitLocOpBuilder &b, Operation *op) {
  if (!isa<arith::TruncFOp, arith::ExtFOp>(op))
    return Value();
  Value x = op->getOperand(0);
  Type from = x.getType(), to = op->getResult(0).getType();
  Type single = withElement(to, b.getF32Type());
  BitCode code{b, withElement(to, b.getI32Type())};
  if (isHalf(to)) {
    bool bf16 = getElementTypeOrSelf(to).isBF16();
    if (getElementTypeOrSelf(from).isF64())
      x = arith::TruncFOp::create(b, single, x);
    else if (!bf16 && fma)
      return Value();
    if (bf16)
      return truncToBF16(code, x, to);
    return fma ? Value(arith::TruncFOp::create(b, to, x)) : truncToF16(code, x, to);
  }
  bool bf16 = getElementTypeOrSelf(from).isBF16();
  if (!isHalf(from) || (!bf16 && fma))
    return Value();
  Value extended = bf16 ? extendBF16(code, x) : extendF16(code, x);
  return to == single ? extended : Value(arith::ExtFOp::create(b, to, extended));
}

} // namespace
} // namespace strut::emit
