//===- Quantize.cpp - Numbers as small integers and back ------------------===//
//
// y = saturate(round(x / scale) + zero point), and back. A scale may be one number,
// one along an axis, or one for every block of an axis.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

bool isFloatType(Type type) {
  return isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(type);
}

bool isSmallInteger(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.getWidth() >= 8 && integer.getWidth() <= 32;
}

/// How an element finds its scale or zero point.
std::optional<Input> parameterOf(AnyOp op, Context &context, Value parameter, ArrayRef<Dim> dims) {
  SmallVector<Dim> own = context[parameter].dims;
  unsigned rank = dims.size();
  if (product(own).is(1))
    return context.broadcast(parameter, {}, {}, rank);
  int64_t axis = normalizeAxis(intAttr(op, "axis", 1), rank);
  if (axis < 0 || axis >= int64_t(rank))
    return std::nullopt;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  if (own.size() == 1 && context.unify(own[0], dims[axis]))
    return Input{context.tensor(parameter), AffineMap::get(rank, 0, d(axis)), {}};
  int64_t block = intAttr(op, "block_size");
  if (block < 1 || own.size() != rank || own[axis] != context.dims.ceilDiv(dims[axis], Dim(block)))
    return std::nullopt;
  SmallVector<AffineExpr> read;
  for (unsigned i = 0; i < rank; ++i) {
    if (int64_t(i) != axis && !context.unify(own[i], dims[i]))
      return std::nullopt;
    read.push_back(int64_t(i) == axis ? d(i).floorDiv(block) : d(i));
  }
  return Input{context.tensor(parameter), AffineMap::get(rank, 0, read, op->getContext()), {}};
}

/// The integer elements that `op` makes or takes, and the two parameters.
LogicalResult lower(AnyOp op, Context &context, StringRef scaleName, StringRef zeroName,
                    Type element, function_ref<Value(Code &, ValueRange)> body) {
  Value input = op->getOperand(0), zero = op.in(zeroName);
  SmallVector<Dim> dims = context[input].dims;
  SmallVector<Input> inputs = {context.broadcast(input, dims)};
  for (Value parameter : {op.in(scaleName), zero}) {
    if (!parameter)
      continue;
    std::optional<Input> found = parameterOf(op, context, parameter, dims);
    if (!found)
      return context.refuse(op, "its scale or zero point does not fit its input");
    inputs.push_back(*found);
  }
  Value result = context.map(op->getLoc(), dims, element, inputs, body);
  context.define(op->getResult(0), result, dims);
  return success();
}

LogicalResult lowerQuantize(Operation *operation, Context &context) {
  AnyOp op(operation);
  Type target = getElementTypeOrSelf(op->getResult(0).getType());
  bool isUnsigned = target.isUnsignedInteger();
  return lower(op, context, "y_scale", "y_zero_point", target, [&](Code &c, ValueRange x) {
    Code integers{c.b, c.loc, isUnsigned};
    // Quotients are rounded before the zero point is added.
    Type wide = x[0].getType().isF64() ? Type(c.b.getF64Type()) : c.b.getF32Type();
    Value quotient = c.div(integers.cast(x[0], wide), integers.cast(x[1], wide));
    Value sum = c.make<math::RoundEvenOp>(quotient);
    if (x.size() > 2)
      sum = c.add(sum, integers.cast(x[2], wide));
    return integers.cast(sum, target);
  });
}

LogicalResult lowerDequantize(Operation *operation, Context &context) {
  AnyOp op(operation);
  Type target = getElementTypeOrSelf(op->getResult(0).getType());
  return lower(op, context, "x_scale", "x_zero_point", target, [&](Code &c, ValueRange x) {
    Type wide = target.isF64() ? Type(c.b.getF64Type()) : c.b.getF32Type();
    Value value = c.cast(x[0], wide);
    if (x.size() > 2)
      value = c.sub(value, c.cast(x[2], wide));
    return c.mul(value, c.cast(x[1], wide));
  });
}

Reason supportsQuantize(Operation *op) {
  if (isFloatType(getElementTypeOrSelf(op->getOperand(0).getType())) &&
      isFloatType(getElementTypeOrSelf(op->getOperand(1).getType())) &&
      isSmallInteger(getElementTypeOrSelf(op->getResult(0).getType())))
    return std::nullopt;
  return "it is supported from floats to integers of 8 to 32 bits only";
}

Reason supportsDequantize(Operation *op) {
  if (isSmallInteger(getElementTypeOrSelf(op->getOperand(0).getType())) &&
      isFloatType(getElementTypeOrSelf(op->getOperand(1).getType())) &&
      isFloatType(getElementTypeOrSelf(op->getResult(0).getType())))
    return std::nullopt;
  return "it is supported from integers of 8 to 32 bits to floats only";
}

//===----------------------------------------------------------------------===//
// Products of quantised matrices
//===----------------------------------------------------------------------===//

/// An integer operand with its zero point, and whether it is unsigned.
struct Factor {
  Value value, zero;
  bool isUnsigned() const { return getElementTypeOrSelf(value.getType()).isUnsignedInteger(); }
};

/// The integer, less its zero point, in 32 bits.
Value centred(Code &c, const Factor &factor, Value value, Value zero) {
  Code own{c.b, c.loc, factor.isUnsigned()};
  Value wide = own.cast(value, c.b.getI32Type());
  return zero ? c.sub(wide, own.cast(zero, c.b.getI32Type())) : wide;
}

/// sum over k of (a - za)(b - zb), a and b with the same batch axes or none.
LogicalResult lowerIntegerMatMul(Operation *operation, Context &context) {
  AnyOp op(operation);
  Factor left{op.in("A"), op.in("a_zero_point")}, right{op.in("B"), op.in("b_zero_point")};
  SmallVector<Dim> a = context[left.value].dims, b = context[right.value].dims;
  if (a.size() < 2 || b.size() < 2 || !context.unify(a.back(), b[b.size() - 2]))
    return context.refuse(op, "its operands are no matrices that fit");
  unsigned batch = std::max(a.size(), b.size()) - 2, size = batch + 3;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  auto read = [&](ArrayRef<Dim> dims, AffineExpr x, AffineExpr y) {
    SmallVector<AffineExpr> places;
    for (unsigned i = 0; i + 2 < dims.size(); ++i)
      places.push_back(dims[i].is(1) ? context.b.getAffineConstantExpr(0)
                                     : d(batch + 2 - dims.size() + i));
    places.append({x, y});
    return AffineMap::get(size, 0, places, op->getContext());
  };
  AffineExpr m = d(batch), n = d(batch + 1), k = d(batch + 2);
  SmallVector<Input> inputs = {{context.tensor(left.value), read(a, m, k), {}},
                               {context.tensor(right.value), read(b, k, n), {}}};
  for (auto [zero, along] : {std::pair(left.zero, m), std::pair(right.zero, n)}) {
    if (!zero)
      continue;
    if (context[zero].rank() > 1)
      return context.refuse(op, "a zero point is no number and no vector");
    if (product(context[zero].dims).is(1))
      inputs.push_back(context.broadcast(zero, {}, {}, size));
    else
      inputs.push_back({context.tensor(zero), AffineMap::get(size, 0, along), {}});
  }
  Context::Init init{
      {},
      context.b.getI32Type(),
      AffineMap::getMultiDimIdentityMap(size, op->getContext()).getMajorSubMap(batch + 2)};
  for (unsigned i = 0; i < batch; ++i) {
    auto at = [&](ArrayRef<Dim> dims) {
      unsigned skipped = batch + 2 - dims.size();
      return i < skipped ? Dim(1) : dims[i - skipped];
    };
    std::optional<Dim> same = at(a).is(1)   ? at(b)
                              : at(b).is(1) ? at(a)
                                            : context.unify(at(a), at(b));
    if (!same)
      return context.refuse(op, "it cannot be told that the batch axes broadcast");
    init.shape.push_back(*same);
  }
  init.shape.append({a[a.size() - 2], b.back()});
  Value result = context.rows(op->getLoc(), 1, inputs, init, [&](Code &code, ValueRange x) {
    Code c = code.asSigned();
    Value zeroA = left.zero ? x[2] : Value(), zeroB = right.zero ? x.back() : Value();
    Value product = c.mul(centred(c, left, x[0], zeroA), centred(c, right, x[1], zeroB));
    return c.combine(kernel::CombineKind::Add, product);
  });
  context.define(op->getResult(0), result, init.shape);
  return success();
}

} // namespace

void addQuantize(LoweringTable &table) {
  table["onnx.QuantizeLinear"] = {supportsQuantize, lowerQuantize};
  table["onnx.DequantizeLinear"] = {supportsDequantize, lowerDequantize};
  table["onnx.MatMulInteger"] = {nullptr, lowerIntegerMatMul};
}

} // namespace strut::kernelize
