//===- Quantize.cpp - Numbers as small integers and back ------------------===//
//
// y = saturate(round(x / scale) + zero point), and back. A scale may be one number,
// one along an axis, or one for every block of an axis.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include "Narrow.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

bool isNumber(Type type) {
  return isNarrow(type) || isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(type) ||
         (isa<IntegerType>(type) && !type.isInteger(1));
}

/// How a body gets the scale or the zero point of its element.
struct Parameter {
  Input input;
  /// Along this axis one serves as many elements as `block`, and whether there are enough
  /// is not known: the place is computed. Without one the input is read by its map.
  std::optional<Extent> blocks = std::nullopt;
  unsigned axis = 0;
  int64_t block = 0;
};

std::optional<Parameter> parameterOf(AnyOp op, Context &context, Value parameter,
                                     ArrayRef<Dim> dims) {
  SmallVector<Dim> own = context[parameter].dims;
  unsigned rank = dims.size();
  if (product(own).is(1))
    return Parameter{context.broadcast(parameter, {}, {}, rank)};
  int64_t axis = normalizeAxis(intAttr(op, "axis", 1), rank);
  if (axis < 0 || axis >= int64_t(rank))
    return std::nullopt;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  if (own.size() == 1 && context.match(own[0], dims[axis]))
    return Parameter{{context.tensor(parameter), AffineMap::get(rank, 0, d(axis)), {}}};
  int64_t block = intAttr(op, "block_size");
  if (block < 1 || own.size() != rank)
    return std::nullopt;
  SmallVector<AffineExpr> read;
  for (unsigned i = 0; i < rank; ++i) {
    if (int64_t(i) != axis && !context.unify(own[i], dims[i]))
      return std::nullopt;
    read.push_back(int64_t(i) == axis ? d(i).floorDiv(block) : d(i));
  }
  Dim blocks = context.dims.ceilDiv(dims[axis], Dim(block));
  if (own[axis] == blocks)
    return Parameter{
        {context.tensor(parameter), AffineMap::get(rank, 0, read, op->getContext()), {}}};
  if (own[axis].isConstant() && blocks.isConstant())
    return std::nullopt;
  return Parameter{
      {context.tensor(parameter), {}, {}}, Extent(context, own[axis]), unsigned(axis), block};
}

/// The number that a scalar of a body stands for, whose element has this type in the model.
Value numberOf(Code &c, Value x, Type element, Type as) {
  Value number = isNarrow(element) ? widenNarrow(c, x, element) : x;
  return Code{c.b, c.loc, element.isUnsignedInteger()}.cast(number, as);
}

/// `body` takes the input, the scale and, if there is one, the zero point, as numbers
/// of type `wide`; it returns what is stored.
LogicalResult lower(AnyOp op, Context &context, ArrayRef<Value> parameters, Type target, Type wide,
                    BodyBuilder body) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  SmallVector<Parameter> found = {{context.broadcast(input, dims)}};
  SmallVector<Type> elements = {getElementTypeOrSelf(input.getType())};
  for (Value value : parameters) {
    std::optional<Parameter> parameter = parameterOf(op, context, value, dims);
    if (!parameter)
      return context.refuse(op, "its scale or zero point does not fit its input");
    found.push_back(std::move(*parameter));
    elements.push_back(getElementTypeOrSelf(value.getType()));
  }
  SmallVector<Input> inputs =
      llvm::map_to_vector(found, [](const Parameter &parameter) { return parameter.input; });
  auto read = [&](Code &c, ValueRange x) {
    SmallVector<Value> numbers;
    unsigned tensors = 0;
    for (auto [i, parameter] : llvm::enumerate(found)) {
      Value number = x[i];
      if (parameter.blocks) {
        SmallVector<Value> at;
        for (unsigned axis = 0; axis < dims.size(); ++axis)
          at.push_back(c.dim(axis));
        Value place = c.make<arith::DivUIOp>(at[parameter.axis], c.index(parameter.block));
        // As with indices, nothing of foreign memory is read.
        Value last = c.make<arith::SubIOp>(parameter.blocks->in(c), c.index(1));
        at[parameter.axis] =
            c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), c.index(0));
        number = c.widen(c.fetch(tensors, signless(elements[i]), at));
      }
      tensors += !parameter.input.scalar;
      numbers.push_back(numberOf(c, number, elements[i], wide));
    }
    return body(c, numbers);
  };
  context.define(op->getResult(0), context.map(op->getLoc(), dims, target, inputs, read), dims);
  return success();
}

SmallVector<Value> parametersOf(AnyOp op, StringRef scale, StringRef zero) {
  SmallVector<Value> parameters = {op.in(scale)};
  if (Value value = op.in(zero))
    parameters.push_back(value);
  return parameters;
}

/// The type that quotients are rounded to: `precision` if given, else that of x and scale,
/// or the wider where they differ. Null for what is no precision.
Type quotientType(AnyOp op) {
  Builder b(op->getContext());
  Type x = getElementTypeOrSelf(op->getOperand(0).getType()),
       scale = getElementTypeOrSelf(op->getOperand(1).getType());
  switch (intAttr(op, "precision")) { // TensorProto.DataType
  case 0:
    break;
  case 1:
    return b.getF32Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 16:
    return b.getBF16Type();
  default:
    return {};
  }
  if (x.isF64() || scale.isF64())
    return b.getF64Type();
  bool same = x == scale && isa<Float16Type, BFloat16Type>(x);
  return same ? x : b.getF32Type();
}

/// As an integer, within what `type` holds.
Value saturated(Code &c, Value x, IntegerType type) {
  if (!isNarrow(type))
    return c.cast(x, type);
  unsigned width = type.getWidth();
  APInt least = type.isUnsigned() ? APInt(32, 0) : APInt::getSignedMinValue(width).sext(32),
        most = type.isUnsigned() ? APInt::getMaxValue(width).zext(32)
                                 : APInt::getSignedMaxValue(width).sext(32);
  Code s = c.asSigned();
  Value number = s.cast(x, c.b.getI32Type());
  number = s.max(s.min(number, s.constant(most.getSExtValue(), number)),
                 s.constant(least.getSExtValue(), number));
  return toNarrow(s, number, type);
}

LogicalResult lowerQuantize(Operation *operation, Context &context) {
  AnyOp op(operation);
  Type target = getElementTypeOrSelf(op->getResult(0).getType()), quotients = quotientType(op);
  Type wide = quotients.isF64() ? quotients : Type(context.b.getF32Type());
  auto integer = dyn_cast<IntegerType>(target);
  Narrowing how{intAttr(op, "saturate", 1) != 0};
  return lower(op, context, parametersOf(op, "y_scale", "y_zero_point"), target, wide,
               [&](Code &c, ValueRange x) {
                 Value y = c.widen(c.cast(c.div(x[0], x[1]), quotients));
                 // Quotients are rounded before the zero point is added.
                 if (integer)
                   y = c.make<math::RoundEvenOp>(y);
                 if (x.size() > 2)
                   y = c.add(y, x[2]);
                 return integer ? saturated(c, y, integer) : toNarrow(c, y, target, how);
               });
}

LogicalResult lowerDequantize(Operation *operation, Context &context) {
  AnyOp op(operation);
  Type target = getElementTypeOrSelf(op->getResult(0).getType());
  Type wide = target.isF64() ? target : Type(context.b.getF32Type());
  return lower(
      op, context, parametersOf(op, "x_scale", "x_zero_point"), target, wide,
      [&](Code &c, ValueRange x) { return c.mul(x.size() > 2 ? c.sub(x[0], x[2]) : x[0], x[1]); });
}

Reason supportsTypes(Operation *op) {
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Type type : types)
    if (!isa<NoneType>(type) && !isNumber(getElementTypeOrSelf(type)))
      return "elements of its types are not supported";
  return std::nullopt;
}

Reason supportsQuantize(Operation *op) {
  if (!quotientType(AnyOp(op)))
    return "its precision is no type of floats";
  return supportsTypes(op);
}

} // namespace

void addQuantize(LoweringTable &table) {
  table["onnx.QuantizeLinear"] = {supportsQuantize, lowerQuantize};
  table["onnx.DequantizeLinear"] = {supportsTypes, lowerDequantize};
}

} // namespace strut::kernelize
