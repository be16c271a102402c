//===- Elementwise.cpp - Pointwise ops with broadcasting ------------------===//
#include "Activations.h"
#include "Lowering.h"
#include "Narrow.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// The scalar code of one operator. `x` are its operands, widened.
using ScalarFunction = Value (*)(Code &c, ValueRange x, AnyOp op);

//===----------------------------------------------------------------------===//
// Scalar functions of more than one line
//===----------------------------------------------------------------------===//

Value selu(Code &c, ValueRange x, AnyOp op) {
  Value inner = elu(c, x[0], floatAttr(op, "alpha", 1.67326319217681884765625));
  return c.mul(c.constant(floatAttr(op, "gamma", 1.05070102214813232421875), x[0]), inner);
}

Value sign(Code &c, Value x) {
  Value zero = c.constant(0, x), one = c.constant(1, x), minus = c.constant(-1, x);
  // NaN stays.
  return c.select(c.less(x, zero), minus, c.select(c.less(zero, x), one, x));
}

/// By squaring, for exponents below 64; a negative one gives 0, or ±1 for ±1.
Value integerPower(Code &c, Value x, Value y, bool unsignedExponent) {
  Value one = c.constant(1, x), zero = c.constant(0, x), result = one, square = x;
  for (unsigned bit = 0; bit < 6; ++bit) {
    Value masked = c.make<arith::AndIOp>(y, c.constant(int64_t(1) << bit, y));
    Value isSet = c.make<arith::CmpIOp>(CmpIPredicate::ne, masked, c.constant(0, y));
    result = c.select(isSet, c.mul(result, square), result);
    square = c.mul(square, square);
  }
  if (unsignedExponent)
    return result;
  Value odd = c.make<arith::CmpIOp>(CmpIPredicate::ne, c.make<arith::AndIOp>(y, c.constant(1, y)),
                                    c.constant(0, y));
  Value minus = c.constant(-1, x);
  Value inverse =
      c.select(c.equal(x, one), one, c.select(c.equal(x, minus), c.select(odd, minus, one), zero));
  return c.select(c.asSigned().less(y, c.constant(0, y)), inverse, result);
}

Value power(Code &c, ValueRange x, AnyOp op) {
  Type base = getElementTypeOrSelf(op->getOperand(0).getType());
  bool unsignedExponent = getElementTypeOrSelf(op->getOperand(1).getType()).isUnsignedInteger();
  if (!Code::isFloat(x[0])) {
    if (!Code::isFloat(x[1]))
      return integerPower(c, x[0], x[1], unsignedExponent);
    return c.cast(c.make<math::PowFOp>(c.cast(x[0], x[1].getType()), x[1]), base);
  }
  auto constant = x[1].getDefiningOp<arith::ConstantOp>();
  auto exponent = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  if (exponent) {
    double e = exponent.getValueAsDouble();
    if (e == 1)
      return x[0];
    if (e == 2)
      return c.mul(x[0], x[0]);
    if (e == 3)
      return c.mul(c.mul(x[0], x[0]), x[0]);
    if (e == 0.5)
      return c.make<math::SqrtOp>(x[0]);
    if (e == -1)
      return c.div(c.constant(1, x[0]), x[0]);
    if (e == -0.5)
      return c.div(c.constant(1, x[0]), c.make<math::SqrtOp>(x[0]));
  }
  Code right{c.b, c.loc, unsignedExponent};
  return c.make<math::PowFOp>(x[0], right.cast(x[1], x[0].getType()));
}

/// By as many bits as the type has, or more, nothing is left but the sign.
Value bitShift(Code &c, ValueRange x, AnyOp op) {
  auto type = cast<IntegerType>(x[0].getType());
  Value width = c.constant(type.getWidth(), type), zero = c.constant(0, type);
  Value fits = c.make<arith::CmpIOp>(CmpIPredicate::ult, x[1], width);
  Value by = c.select(fits, x[1], zero);
  if (op.attr<StringAttr>("direction").getValue() == "LEFT")
    return c.select(fits, c.make<arith::ShLIOp>(x[0], by), zero);
  if (c.isUnsigned)
    return c.select(fits, c.make<arith::ShRUIOp>(x[0], by), zero);
  return c.make<arith::ShRSIOp>(x[0], c.select(fits, x[1], c.constant(type.getWidth() - 1, type)));
}

/// fmod = 0: the sign of the divisor; 1: the sign of the dividend.
Value modulo(Code &c, ValueRange x, AnyOp op) {
  if (Code::isFloat(x[0])) {
    Value rest = c.make<arith::RemFOp>(x[0], x[1]), zero = c.constant(0, rest);
    if (intAttr(op, "fmod"))
      return rest;
    Value below = c.less(x[1], zero);
    Value differs = c.make<arith::XOrIOp>(c.less(rest, zero), below);
    Value exact = c.select(below, c.constant(-0.0, rest), zero);
    return c.select(c.equal(rest, zero), exact, c.select(differs, c.add(rest, x[1]), rest));
  }
  Value rest = c.sub(x[0], c.mul(c.div(x[0], x[1]), x[1]));
  if (intAttr(op, "fmod") || c.isUnsigned)
    return rest;
  Value zero = c.constant(0, rest);
  Value signs = c.make<arith::CmpIOp>(CmpIPredicate::slt, c.make<arith::XOrIOp>(rest, x[1]), zero);
  Value inexact = c.make<arith::CmpIOp>(CmpIPredicate::ne, rest, zero);
  return c.select(c.make<arith::AndIOp>(signs, inexact), c.add(rest, x[1]), rest);
}

Value isInf(Code &c, ValueRange x, AnyOp op) {
  double infinity = std::numeric_limits<double>::infinity();
  Value no = c.make<arith::ConstantIntOp>(0, 1), result = no;
  if (intAttr(op, "detect_positive", 1))
    result = c.equal(x[0], c.constant(infinity, x[0]));
  if (intAttr(op, "detect_negative", 1))
    result = c.make<arith::OrIOp>(result, c.equal(x[0], c.constant(-infinity, x[0])));
  return result;
}

Value shrink(Code &c, ValueRange x, AnyOp op) {
  double lambda = floatAttr(op, "lambd", 0.5), bias = floatAttr(op, "bias");
  Value v = x[0], zero = c.constant(0, v), shift = c.constant(bias, v);
  Value high = c.select(c.less(c.constant(lambda, v), v), c.sub(v, shift), zero);
  return c.select(c.less(v, c.constant(-lambda, v)), c.add(v, shift), high);
}

/// Folds a variadic operator from the left.
template <Value (Code::*Combine)(Value, Value)> Value fold(Code &c, ValueRange x, AnyOp) {
  Value result = x.front();
  for (Value next : x.drop_front())
    result = (c.*Combine)(result, next);
  return result;
}

template <typename OpT> Value unary(Code &c, ValueRange x, AnyOp) { return c.make<OpT>(x[0]); }
template <typename OpT> Value binary(Code &c, ValueRange x, AnyOp) {
  return c.make<OpT>(x[0], x[1]);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

enum Types { Floats = 1, Integers = 2, Bools = 4, Numbers = Floats | Integers, Any = 7 };

struct Pointwise {
  const char *name;
  /// What the operands that are computed with may be.
  int types;
  ScalarFunction function;
};

const Pointwise arithmetic[] = {
    {"Add", Numbers, fold<&Code::add>},
    {"Sub", Numbers, fold<&Code::sub>},
    {"Mul", Numbers, fold<&Code::mul>},
    {"Div", Numbers, fold<&Code::div>},
    {"Max", Numbers, fold<&Code::max>},
    {"Min", Numbers, fold<&Code::min>},
    {"Sum", Floats, fold<&Code::add>},
    {"Mean", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.div(fold<&Code::add>(c, x, op), c.constant(x.size(), x[0]));
     }},
    {"Pow", Numbers, power},
    {"Mod", Numbers, modulo},
    {"PRelu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return whereNegative(c, x[0], c.mul(x[0], x[1]));
     }},
    {"And", Bools, binary<arith::AndIOp>},
    {"Or", Bools, binary<arith::OrIOp>},
    {"Xor", Bools, binary<arith::XOrIOp>},
    {"BitShift", Integers, bitShift},
    {"BitwiseAnd", Integers, binary<arith::AndIOp>},
    {"BitwiseOr", Integers, binary<arith::OrIOp>},
    {"BitwiseXor", Integers, binary<arith::XOrIOp>},
    {"BitwiseNot", Integers,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.make<arith::XOrIOp>(x[0], c.constant(-1, x[0]));
     }},
    {"Equal", Any, [](Code &c, ValueRange x, AnyOp op) -> Value { return c.equal(x[0], x[1]); }},
    {"Less", Numbers, [](Code &c, ValueRange x, AnyOp op) -> Value { return c.less(x[0], x[1]); }},
    {"Greater", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return c.less(x[1], x[0]); }},
    {"LessOrEqual", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.compare(CmpFPredicate::OLE, CmpIPredicate::sle, x[0], x[1]);
     }},
    {"GreaterOrEqual", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.compare(CmpFPredicate::OGE, CmpIPredicate::sge, x[0], x[1]);
     }},
    {"Where", Any,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return c.select(x[0], x[1], x[2]); }},
};

const Pointwise functions[] = {
    {"Relu", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return c.max(x[0], c.constant(0, x[0])); }},
    {"Neg", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.sub(c.constant(Code::isFloat(x[0]) ? -0.0 : 0, x[0]), x[0]);
     }},
    {"Abs", Numbers,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       if (c.isUnsigned)
         return x[0];
       return Code::isFloat(x[0]) ? c.make<math::AbsFOp>(x[0]) : c.make<math::AbsIOp>(x[0]);
     }},
    {"Not", Bools,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.make<arith::XOrIOp>(x[0], c.make<arith::ConstantIntOp>(1, 1));
     }},
    {"Erf", Floats, unary<math::ErfOp>},
    {"Exp", Floats, unary<math::ExpOp>},
    {"Log", Floats, unary<math::LogOp>},
    {"Sqrt", Floats, unary<math::SqrtOp>},
    {"Tanh", Floats, unary<math::TanhOp>},
    {"Sin", Floats, unary<math::SinOp>},
    {"Cos", Floats, unary<math::CosOp>},
    {"Tan", Floats, unary<math::TanOp>},
    {"Asin", Floats, unary<math::AsinOp>},
    {"Acos", Floats, unary<math::AcosOp>},
    {"Atan", Floats, unary<math::AtanOp>},
    {"Sinh", Floats, unary<math::SinhOp>},
    {"Cosh", Floats, unary<math::CoshOp>},
    {"Asinh", Floats, unary<math::AsinhOp>},
    {"Acosh", Floats, unary<math::AcoshOp>},
    {"Atanh", Floats, unary<math::AtanhOp>},
    {"Ceil", Floats, unary<math::CeilOp>},
    {"Floor", Floats, unary<math::FloorOp>},
    {"Round", Floats, unary<math::RoundEvenOp>},
    {"Reciprocal", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return c.div(c.constant(1, x[0]), x[0]); }},
    {"Sign", Numbers, [](Code &c, ValueRange x, AnyOp op) -> Value { return sign(c, x[0]); }},
    {"IsNaN", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.make<arith::CmpFOp>(CmpFPredicate::UNO, x[0], x[0]);
     }},
    {"IsInf", Floats, isInf},
    {"Sigmoid", Floats, [](Code &c, ValueRange x, AnyOp op) -> Value { return sigmoid(c, x[0]); }},
    {"Softplus", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return softplus(c, x[0]); }},
    {"Softsign", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value { return softsign(c, x[0]); }},
    {"Mish", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.mul(x[0], c.make<math::TanhOp>(softplus(c, x[0])));
     }},
    {"Swish", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.mul(x[0], sigmoid(c, c.mul(c.constant(floatAttr(op, "alpha", 1), x[0]), x[0])));
     }},
    {"HardSwish", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return c.mul(x[0], hardSigmoid(c, x[0], 1.0 / 6, 0.5));
     }},
    {"HardSigmoid", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return hardSigmoid(c, x[0], floatAttr(op, "alpha", 0.2), floatAttr(op, "beta", 0.5));
     }},
    {"Gelu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       auto kind = op.attr<StringAttr>("approximate");
       return gelu(c, x[0], kind && kind.getValue() == "tanh");
     }},
    {"Elu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return elu(c, x[0], floatAttr(op, "alpha", 1));
     }},
    {"Selu", Floats, selu},
    {"Celu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       Value alpha = c.constant(floatAttr(op, "alpha", 1), x[0]);
       return whereNegative(c, x[0], c.mul(alpha, c.make<math::ExpM1Op>(c.div(x[0], alpha))));
     }},
    {"LeakyRelu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return leakyRelu(c, x[0], floatAttr(op, "alpha", 0.01));
     }},
    {"ThresholdedRelu", Floats,
     [](Code &c, ValueRange x, AnyOp op) -> Value {
       return thresholdedRelu(c, x[0], floatAttr(op, "alpha", 1));
     }},
    {"Shrink", Floats, shrink},
};

/// Whether the element type can be computed with.
Reason refuseType(Type type, int allowed) {
  auto shaped = dyn_cast<ShapedType>(type);
  Type element = shaped ? shaped.getElementType() : type;
  bool known = element.isF32() || element.isF64() || element.isF16() || element.isBF16();
  int kind = known || (isNarrow(element) && isa<FloatType>(element)) ? Floats : 0;
  if (isa<IntegerType>(element))
    kind = element.isInteger(1) ? Bools : Integers;
  if (kind & allowed)
    return std::nullopt;
  std::string text;
  llvm::raw_string_ostream(text) << "it computes with elements of type " << element
                                 << ", which is not supported";
  return text;
}

LogicalResult lowerPointwise(AnyOp op, Context &context, ScalarFunction function,
                             ArrayRef<Value> operands) {
  FailureOr<SmallVector<Dim>> shape = context.broadcastShape(op, operands);
  if (failed(shape))
    return failure();
  SmallVector<Input> inputs;
  for (Value operand : operands)
    inputs.push_back(context.broadcast(operand, *shape));
  Value result = op->getResult(0);
  Type element = cast<ShapedType>(result.getType()).getElementType();
  auto body = [&](Code &c, ValueRange x) {
    SmallVector<Value> numbers(x);
    for (auto [number, operand] : llvm::zip(numbers, operands))
      if (Type from = getElementTypeOrSelf(operand.getType()); isNarrow(from))
        number = widenNarrow(c, number, from);
    return function(c, numbers, op);
  };
  Value tensor = context.map(op->getLoc(), *shape, element, inputs, body);
  context.define(result, tensor, *shape);
  return success();
}

//===----------------------------------------------------------------------===//
// Operators that need more than a function
//===----------------------------------------------------------------------===//

/// min and max are operands that may be absent.
LogicalResult lowerClip(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Value> operands = {op.in("input")};
  bool hasMin = bool(op.in("min")), hasMax = bool(op.in("max"));
  if (hasMin)
    operands.push_back(op.in("min"));
  if (hasMax)
    operands.push_back(op.in("max"));
  ScalarFunction both = [](Code &c, ValueRange x, AnyOp) { return c.min(c.max(x[0], x[1]), x[2]); };
  ScalarFunction low = [](Code &c, ValueRange x, AnyOp) { return c.max(x[0], x[1]); };
  ScalarFunction high = [](Code &c, ValueRange x, AnyOp) { return c.min(x[0], x[1]); };
  ScalarFunction none = [](Code &, ValueRange x, AnyOp) -> Value { return x[0]; };
  return lowerPointwise(op, context,
                        hasMin   ? (hasMax ? both : low)
                        : hasMax ? high
                                 : none,
                        operands);
}

/// Before version 7 a slope of one axis is one per channel.
LogicalResult lowerOldPRelu(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> dims = context[op.in("X")].dims;
  Value slope = op.in("slope");
  ArrayRef<Dim> own = context[slope].dims;
  SmallVector<unsigned> axes = {dims.size() > 1 ? 1u : 0u};
  if (own.size() > 1 || (own.size() == 1 && !own[0].is(1) && own[0] != dims[axes[0]]))
    return context.refuse(op, "its slope is not one number per channel");
  Input factor =
      context.broadcast(slope, ArrayRef(dims).slice(axes[0], own.size()), axes, dims.size());
  Value result =
      context.map(op->getLoc(), dims, context[op.in("X")].element,
                  {context.broadcast(op.in("X"), dims), factor},
                  [](Code &c, ValueRange x) { return whereNegative(c, x[0], c.mul(x[0], x[1])); });
  context.define(op->getResult(0), result, dims);
  return success();
}

std::optional<Narrowing> narrowingOf(AnyOp cast) {
  using Power = decltype(Narrowing::power);
  auto power =
      llvm::StringSwitch<std::optional<Power>>(cast.attr<StringAttr>("round_mode").getValue())
          .Case("up", Narrowing::Up)
          .Case("down", Narrowing::Down)
          .Case("nearest", Narrowing::Nearest)
          .Default(std::nullopt);
  if (!power)
    return std::nullopt;
  return Narrowing{intAttr(cast, "saturate", 1) != 0, *power};
}

Value convert(Code &c, ValueRange x, AnyOp op) {
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  return isNarrow(to) ? toNarrow(c, x[0], to, *narrowingOf(op)) : c.cast(x[0], to);
}

LogicalResult lowerCast(Operation *operation, Context &context) {
  return lowerPointwise(AnyOp(operation), context, convert, operation->getOperand(0));
}

Reason supportsCast(Operation *op) {
  for (Type type : {op->getOperand(0).getType(), op->getResult(0).getType()})
    if (Reason reason = refuseType(type, Any))
      return reason;
  if (!narrowingOf(AnyOp(op)))
    return "its round_mode is not one of 'up', 'down' and 'nearest'";
  return std::nullopt;
}

} // namespace

void addElementwise(LoweringTable &table) {
  auto add = [&](const Pointwise &row) {
    table["onnx." + std::string(row.name)] = {
        [row](Operation *op) -> Reason {
          // The condition of Where is a bool whatever it chooses from.
          for (Value operand : op->getOperands())
            if (Reason reason = refuseType(operand.getType(), row.types))
              return reason;
          return std::nullopt;
        },
        [row](Operation *op, Context &context) {
          return lowerPointwise(AnyOp(op), context, row.function,
                                SmallVector<Value>(op->getOperands()));
        }};
  };
  llvm::for_each(arithmetic, add);
  llvm::for_each(functions, add);
  table["onnx.Clip"] = {
      [](Operation *op) { return refuseType(op->getOperand(0).getType(), Numbers); }, lowerClip};
  table["onnx.PRelu_v6"] = {
      [](Operation *op) { return refuseType(op->getOperand(0).getType(), Floats); }, lowerOldPRelu};
  table["onnx.Cast"] = {supportsCast, lowerCast};
}

} // namespace strut::kernelize
