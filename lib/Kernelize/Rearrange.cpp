//===- Rearrange.cpp - Elements moved or reread as they are ---------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

LogicalResult lowerBitCast(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  Type from = context[input].element,
       to = signless(getElementTypeOrSelf(op->getResult(0).getType()));
  Value result = context.map(op->getLoc(), dims, to, {context.broadcast(input, dims)},
                             [&](Code &c, ValueRange x) -> Value {
                               Value bits = c.cast(x[0], from);
                               // A truth takes a byte.
                               if (from == to || from.isInteger(1) || to.isInteger(1))
                                 return c.cast(bits, to);
                               return c.make<arith::BitcastOp>(to, bits);
                             });
  context.define(op->getResult(0), result, dims);
  return success();
}

Reason supportsBitCast(Operation *op) {
  Type from = getElementTypeOrSelf(op->getOperand(0).getType()),
       to = getElementTypeOrSelf(op->getResult(0).getType());
  auto width = [](Type type) {
    return type.isInteger(1) ? 8 : type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
  };
  if (width(from) && width(from) == width(to))
    return std::nullopt;
  return "elements of its types are not supported";
}

/// The first elements along the time axis, as many as the batch says, turned round.
LogicalResult lowerReverseSequence(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input"), lengths = op.in("sequence_lens");
  SmallVector<Dim> dims = context[input].dims;
  int64_t time = normalizeAxis(intAttr(op, "time_axis", 0), dims.size()),
          batch = normalizeAxis(intAttr(op, "batch_axis", 1), dims.size());
  if (time < 0 || batch < 0 || time >= int64_t(dims.size()) || batch >= int64_t(dims.size()))
    return context.refuse(op, "its axes do not exist");
  Type element = context[input].element;
  Value extent = dims[time].isConstant() ? Value() : context.dims.value(dims[time]);
  AffineMap perBatch = AffineMap::get(dims.size(), 0, context.b.getAffineDimExpr(batch));
  Value result = context.map(
      op->getLoc(), dims, element,
      {{context.tensor(lengths), perBatch, {}}, {context.tensor(input), {}, {}}},
      [&](Code &c, ValueRange x) {
        Value place = c.dim(time), count = c.make<arith::IndexCastOp>(c.b.getIndexType(), x[0]);
        Value most = extent ? extent : c.index(dims[time].constant());
        count = c.make<arith::MinSIOp>(count, most);
        Value turned = c.make<arith::SubIOp>(c.make<arith::SubIOp>(count, c.index(1)), place);
        Value within = c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, place, count);
        SmallVector<Value> at;
        for (unsigned i = 0; i < dims.size(); ++i)
          at.push_back(int64_t(i) == time ? c.select(within, turned, place) : c.dim(i));
        return c.fetch(1, element, at);
      });
  context.define(op->getResult(0), result, dims);
  return success();
}

/// At inference nothing is dropped.
LogicalResult lowerDropout(Operation *operation, Context &context) {
  AnyOp op(operation);
  if (Value training = op.in("training_mode")) {
    auto mode = dyn_cast_or_null<IntegerAttr>(context.scalar(training));
    if (!mode || mode.getValue() != 0)
      return context.refuse(op, "it may drop elements at random, which is not supported");
  }
  Tracked data = context[op.in("data")];
  context.define(op->getResult(0), data);
  if (op->getNumResults() > 1 && !isa<NoneType>(op->getResult(1).getType())) {
    Type truth = context.b.getI1Type();
    Value mask = context.map(op->getLoc(), data.dims, truth, {},
                             [&](Code &c, ValueRange) { return c.constant(1, truth); });
    context.define(op->getResult(1), mask, data.dims);
  }
  return success();
}

} // namespace

void addRearrange(LoweringTable &table) {
  table["onnx.BitCast"] = {supportsBitCast, lowerBitCast};
  table["onnx.ReverseSequence"] = {nullptr, lowerReverseSequence};
  table["onnx.Dropout"] = {nullptr, lowerDropout};
}

} // namespace strut::kernelize
