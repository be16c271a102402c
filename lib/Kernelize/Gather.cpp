//===- Gather.cpp - Elements by number ------------------------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The extent in a body: a constant, or the value of the host function.
Value extentOf(Code &c, const Dim &dim, Value dynamic) {
  return dim.isConstant() ? c.index(dim.constant()) : dynamic;
}

/// A constant position along an axis is a move.
LogicalResult gatherOne(AnyOp op, Context &context, int64_t axis, int64_t position) {
  Value data = op.in("data");
  SmallVector<Dim> from = context[data].dims, to;
  const Dim &extent = from[axis];
  if (extent.isConstant())
    position = normalizeAxis(position, extent.constant());
  if (position < 0 || (extent.isConstant() && position >= extent.constant()))
    return context.refuse(op, "it reads element " + Twine(position) +
                                  " of an axis, which is not "
                                  "known to exist");
  SmallVector<AffineExpr> read;
  SmallVector<Dim> indices = context[op.in("indices")].dims;
  for (auto [i, dim] : llvm::enumerate(from)) {
    if (int64_t(i) == axis) {
      read.push_back(context.b.getAffineConstantExpr(position));
      llvm::append_range(to, indices);
      continue;
    }
    read.push_back(context.b.getAffineDimExpr(to.size()));
    to.push_back(dim);
  }
  Value result = context.move(op->getLoc(), context.tensor(data),
                              AffineMap::get(to.size(), 0, read, op->getContext()), to);
  context.define(op->getResult(0), result, to);
  return success();
}

/// result[a..., i..., b...] = data[a..., indices[i...], b...]
LogicalResult lowerGather(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), indices = op.in("indices");
  SmallVector<Dim> from = context[data].dims, numbers = context[indices].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis"), from.size());
  if (axis < 0 || axis >= int64_t(from.size()))
    return context.refuse(op, "its axis does not exist");
  auto constants = context.integers(indices);
  if (constants && constants->size() == 1 && (constants->front() >= 0 || from[axis].isConstant()))
    return gatherOne(op, context, axis, constants->front());

  SmallVector<Dim> to(ArrayRef(from).take_front(axis));
  llvm::append_range(to, numbers);
  llvm::append_range(to, ArrayRef(from).drop_front(axis + 1));
  SmallVector<AffineExpr> numberRead;
  for (unsigned i = 0; i < numbers.size(); ++i)
    numberRead.push_back(context.b.getAffineDimExpr(axis + i));
  Input number{
      context.tensor(indices), AffineMap::get(to.size(), 0, numberRead, op->getContext()), {}};
  Input table{context.tensor(data), {}, {}};
  Type element = context[data].element;
  Value dynamic = from[axis].isConstant() ? Value() : context.dims.value(from[axis]);
  Value result =
      context.map(op->getLoc(), to, element, {number, table}, [&](Code &c, ValueRange x) {
        Value row = c.boundedIndex(x[0], extentOf(c, from[axis], dynamic));
        SmallVector<Value> position;
        for (unsigned i = 0; i < from.size(); ++i)
          position.push_back(int64_t(i) == axis  ? row
                             : int64_t(i) < axis ? c.dim(i)
                                                 : c.dim(i + numbers.size() - 1));
        return c.fetch(1, element, position);
      });
  context.define(op->getResult(0), result, to);
  return success();
}

Reason supportsGather(Operation *operation) {
  auto type = dyn_cast<ShapedType>(operation->getOperand(0).getType());
  if (type && type.getElementType().isSignlessIntOrFloat())
    return std::nullopt;
  return "it gathers elements of a type that is not supported";
}

} // namespace

void addGather(LoweringTable &table) { table["onnx.Gather"] = {supportsGather, lowerGather}; }

} // namespace strut::kernelize
