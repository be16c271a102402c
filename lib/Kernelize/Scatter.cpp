//===- Scatter.cpp - Elements to computed places --------------------------===//
//
// Where two updates meet, the order decides: a region that goes through them one
// by one.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// What becomes of an element that an update meets.
Value combined(Code &c, StringRef reduction, Value old, Value update) {
  if (reduction == "add")
    return old.getType().isInteger(1) ? c.max(old, update) : c.add(old, update);
  if (reduction == "mul")
    return old.getType().isInteger(1) ? c.min(old, update) : c.mul(old, update);
  if (reduction == "max")
    return c.max(old, update);
  if (reduction == "min")
    return c.min(old, update);
  return update;
}

/// The place of an update, from its own, the extents of the data, and the indices.
using Destination =
    function_ref<SmallVector<Value>(Code &, ValueRange place, ArrayRef<Value> extents, Value)>;

LogicalResult scatter(AnyOp op, Context &context, Destination destination) {
  Value data = op.in("data");
  auto attr = op.attr<StringAttr>("reduction");
  StringRef reduction = attr ? attr.getValue() : "none";
  SmallVector<Dim> dims = context[data].dims;
  SmallVector<Value> results = context.region(
      op->getLoc(),
      {context.tensor(data), context.tensor(op.in("indices")), context.tensor(op.in("updates"))},
      {{dims, context[data].element, {}}}, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> extents = extentsOf(c, x[0]), start;
        start.push_back(linalg::CopyOp::create(c.b, c.loc, x[0], x[3]).getResult(0));
        return loops(c, extentsOf(c, x[2]), start,
                     [&](Code &c, ValueRange place, ValueRange carried) -> SmallVector<Value> {
                       SmallVector<Value> at = destination(c, place, extents, x[1]);
                       Value old = read(c, carried[0], at), update = read(c, x[2], place);
                       return {written(c, combined(c, reduction, old, update), carried[0], at)};
                     });
      });
  context.define(op->getResult(0), results[0], dims);
  return success();
}

/// result[i..., indices[i..., j, ...], ...] = updates[i..., j, ...]
LogicalResult lowerScatterElements(Operation *operation, Context &context) {
  AnyOp op(operation);
  int64_t rank = context[op.in("data")].rank(), axis = normalizeAxis(intAttr(op, "axis"), rank);
  if (axis < 0 || axis >= rank || context[op.in("indices")].rank() != rank ||
      context[op.in("updates")].rank() != rank)
    return context.refuse(op, "its axis does not exist, or its operands have different ranks");
  for (auto [i, update] : llvm::enumerate(context[op.in("updates")].dims))
    if (!context.unify(update, context[op.in("indices")].dims[i]) ||
        (int64_t(i) != axis &&
         !context.dims.isNonNegative(context[op.in("data")].dims[i] - update)))
      return context.refuse(op, "it cannot be told that its updates fit indices and data");
  return scatter(op, context,
                 [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value indices) {
                   SmallVector<Value> at(place);
                   Value index = c.make<tensor::ExtractOp>(indices, place);
                   at[axis] = c.boundedIndex(index, extents[axis]);
                   return at;
                 });
}

/// result[indices[i..., :], j...] = updates[i..., j...]
LogicalResult lowerScatterND(Operation *operation, Context &context) {
  AnyOp op(operation);
  ArrayRef<Dim> data = context[op.in("data")].dims, indices = context[op.in("indices")].dims,
                updates = context[op.in("updates")].dims;
  if (indices.empty() || !indices.back().isConstant() ||
      indices.back().constant() > int64_t(data.size()))
    return context.refuse(op, "the number of coordinates in its indices is not constant, or larger "
                              "than the rank of the data");
  unsigned count = indices.back().constant(), batch = indices.size() - 1;
  SmallVector<Dim> wanted(indices.drop_back());
  llvm::append_range(wanted, data.drop_front(count));
  bool fits = wanted.size() == updates.size();
  for (unsigned i = 0; fits && i < wanted.size(); ++i)
    fits = context.unify(wanted[i], updates[i]).has_value();
  if (!fits)
    return context.refuse(op, "it cannot be told that its updates fit indices and data");
  return scatter(op, context,
                 [&](Code &c, ValueRange place, ArrayRef<Value> extents, Value indices) {
                   SmallVector<Value> at;
                   for (unsigned i = 0; i < count; ++i) {
                     SmallVector<Value> from(place.take_front(batch));
                     from.push_back(c.index(i));
                     Value index = c.make<tensor::ExtractOp>(indices, from);
                     at.push_back(c.boundedIndex(index, extents[i]));
                   }
                   llvm::append_range(at, place.drop_front(batch));
                   return at;
                 });
}

Reason supportsScatter(Operation *op) {
  if (getElementTypeOrSelf(op->getOperand(0).getType()).isIntOrFloat())
    return std::nullopt;
  return "elements of its type are not supported";
}

} // namespace

void addScatter(LoweringTable &table) {
  table["onnx.ScatterElements"] = {supportsScatter, lowerScatterElements};
  table["onnx.ScatterND"] = {supportsScatter, lowerScatterND};
}

} // namespace strut::kernelize
