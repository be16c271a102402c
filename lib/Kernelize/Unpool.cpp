//===- Unpool.cpp - Maxima back to where they were ------------------------===//
//
// Zeros in which each element of the input takes the place whose number is given, one after
// another: two may take one.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Slices.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Reason supportsMaxUnpool(Operation *operation) {
  AnyOp op(operation);
  auto image = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto numbers = dyn_cast<RankedTensorType>(op.in("I").getType());
  if (!image || image.getRank() < 3 || !numbers || numbers.getRank() != image.getRank())
    return "its input and its indices are not known to have the same rank of at least 3";
  return std::nullopt;
}

/// The shape that the attributes say; none, with a message, if they are not valid.
std::optional<SmallVector<Dim>> unpooledShape(AnyOp op, Context &context) {
  SmallVector<Dim> shape = context[op.in("X")].dims;
  unsigned axes = shape.size() - 2;
  auto ints = [&](StringRef name, unsigned size, int64_t otherwise) {
    auto attr = op.attr<DenseI64ArrayAttr>(name);
    return attr && attr.size() == size ? llvm::to_vector(attr.asArrayRef())
                                       : SmallVector<int64_t>(size, otherwise);
  };
  SmallVector<int64_t> kernel = ints("kernel_shape", axes, 0), strides = ints("strides", axes, 1),
                       pads = ints("pads", 2 * axes, 0);
  for (unsigned i = 0; i < axes; ++i) {
    // Of an extent of 1 at least one element is left.
    int64_t left = kernel[i] - pads[i] - pads[axes + i];
    if (left < 1 || strides[i] < 1 || pads[i] < 0 || pads[axes + i] < 0) {
      (void)context.refuse(op, "the window of spatial axis " + Twine(i) + " is not valid");
      return std::nullopt;
    }
    shape[2 + i] = (shape[2 + i] - Dim(1)) * Dim(strides[i]) + Dim(left);
  }
  return shape;
}

LogicalResult lowerMaxUnpool(Operation *operation, Context &context) {
  AnyOp op(operation);
  Location loc = op->getLoc();
  Value image = op.in("X"), numbers = op.in("I");
  SmallVector<Dim> dims = context[image].dims;
  for (auto [a, b] : llvm::zip(dims, context[numbers].dims))
    if (!context.unify(a, b))
      return context.refuse(op, "it cannot be told that there are as many indices as elements");
  std::optional<SmallVector<Dim>> shape = unpooledShape(op, context);
  if (!shape)
    return failure();
  Type element = context[image].element;
  Input zero{{}, {}, context.b.getZeroAttr(element)};
  auto zeros = [&](ArrayRef<Dim> shape) {
    return context.map(loc, shape, element, zero, [](Code &, ValueRange x) { return x[0]; });
  };
  Dim count = product(dims), size = product(*shape);
  Value from = context.reshape(loc, context.tensor(image), dims, count);
  Value places = context.reshape(loc, context.tensor(numbers), dims, count);
  Value flat = context.update(
      loc, zeros(size), {from, places}, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value extent = extentsOf(c, x[2])[0];
        return loops(c, extentsOf(c, x[0]), x[2],
                     [&](Code &c, ValueRange place, ValueRange carried) -> SmallVector<Value> {
                       Value number = c.make<tensor::ExtractOp>(x[1], place);
                       Value to = c.asSigned().boundedIndex(number, extent);
                       return {written(c, read(c, x[0], place), carried[0], to)};
                     });
      });
  Value result = context.reshape(loc, flat, size, *shape);
  if (Value given = op.in("output_shape")) {
    auto wanted = context.shapeOperand(given, op->getResult(0));
    if (!wanted || wanted->size() != shape->size())
      return context.refuse(op, "its output_shape is known only when it runs, and the model does "
                                "not declare the shape of its result");
    for (auto [small, large] : llvm::zip(*shape, *wanted))
      if (!context.dims.isNonNegative(large - small))
        return context.refuse(op,
                              "its output_shape is not known to be as large as what is unpooled");
    SmallVector<Dim> starts(wanted->size(), Dim(0));
    result = insert(context, loc, {result, {}, {}}, zeros(*wanted), starts, *shape);
    shape = wanted;
  }
  context.define(op->getResult(0), result, *shape);
  return success();
}

} // namespace

void addMaxUnpool(LoweringTable &table) {
  table["onnx.MaxUnpool"] = {supportsMaxUnpool, lowerMaxUnpool};
}

} // namespace strut::kernelize
