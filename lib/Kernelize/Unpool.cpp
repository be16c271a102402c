//===- Unpool.cpp - Maxima back to where they were ------------------------===//
//
// Zeros in which each element of the input takes the place whose number is given, one after
// another: two may take one. Where numbers come from a pooling they stay within their channel,
// so that each channel is a task; those that do not come after.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Slices.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

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

/// The place of element `i` of channel `channel`, among all places.
Value placeOf(Code &c, Value places, Value channel, Value i, Value all) {
  Value number = c.make<tensor::ExtractOp>(places, ValueRange{channel, i});
  return c.asSigned().boundedIndex(number, all);
}

/// The channel with its elements that stay within it, and how many do not.
SmallVector<Value> unpooledChannel(Code &c, ValueRange inputs, Value channel, ValueRange pieces) {
  Value zero = c.constant(0, getElementTypeOrSelf(pieces[0].getType()));
  Value plane = linalg::FillOp::create(c.b, c.loc, zero, pieces[0]).getResult(0);
  SmallVector<Value> extents = extentsOf(c, inputs[0]);
  Value size = extentsOf(c, pieces[0])[0], all = c.make<arith::MulIOp>(extents[0], size);
  Value first = c.make<arith::MulIOp>(channel, size), one = c.index(1);
  SmallVector<Value> done = loops(
      c, extents[1], {plane, c.index(0)},
      [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
        Value place = placeOf(c, inputs[1], channel, i[0], all);
        Value own = c.make<arith::SubIOp>(place, first);
        Value isOwn = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, own, size);
        own = c.select(isOwn, own, c.index(0));
        Value old = c.make<tensor::ExtractOp>(carried[0], own);
        Value value = c.make<tensor::ExtractOp>(inputs[0], ValueRange{channel, i[0]});
        Value others = c.select(isOwn, carried[1], c.make<arith::AddIOp>(carried[1], one));
        return {c.make<tensor::InsertOp>(c.select(isOwn, value, old), carried[0], own), others};
      });
  Value others = c.make<arith::IndexCastOp>(c.b.getI64Type(), done[1]);
  return {done[0], c.make<tensor::InsertOp>(others, pieces[1], ValueRange())};
}

/// `planes` [channel, place] with those elements of the channels that have `strays` which lie in
/// other channels.
Value withStrays(Code &c, ValueRange inputs, Value strays, Value planes) {
  SmallVector<Value> extents = extentsOf(c, inputs[0]), target = extentsOf(c, planes);
  Value all = c.make<arith::MulIOp>(target[0], target[1]), zero = c.index(0);
  return loops(c, extents[0], planes, [&](Code &c, ValueRange channel, ValueRange planes) {
    Value count =
        c.make<arith::IndexCastOp>(c.b.getIndexType(), c.make<tensor::ExtractOp>(strays, channel));
    Value times = c.select(c.equal(count, zero), zero, extents[1]);
    return loops(c, times, planes[0], [&](Code &c, ValueRange i, ValueRange carried) {
      Value place = placeOf(c, inputs[1], channel[0], i[0], all);
      SmallVector<Value> at = {c.make<arith::DivUIOp>(place, target[1]),
                               c.make<arith::RemUIOp>(place, target[1])};
      Value value = c.make<tensor::ExtractOp>(inputs[0], ValueRange{channel[0], i[0]});
      Value old = c.make<tensor::ExtractOp>(carried[0], at);
      value = c.select(c.equal(at[0], channel[0]), old, value);
      return SmallVector<Value>{c.make<tensor::InsertOp>(value, carried[0], at)};
    });
  })[0];
}

/// The image with as many elements as `shape` says.
Value unpooled(Context &context, Location loc, Value image, Value numbers, ArrayRef<Dim> shape) {
  SmallVector<Dim> dims = context[image].dims;
  Type element = context[image].element;
  Dim channels = dims[0] * dims[1];
  SmallVector<Dim> lies = {channels, product(ArrayRef(dims).drop_front(2))},
                   planes = {channels, product(shape.drop_front(2))};
  SmallVector<Value> inputs = {context.reshape(loc, context.tensor(image), dims, lies),
                               context.reshape(loc, context.tensor(numbers), dims, lies)};
  SmallVector<Value> made =
      context.region(loc, inputs, {{planes, element, {}}, {{channels}, context.b.getI64Type(), {}}},
                     [&](Code &c, ValueRange x) -> SmallVector<Value> {
                       auto pieceOf = [](Code &c, ValueRange places, Value all) {
                         return Piece(c, all).at(0, places[0]);
                       };
                       return tasks(c, extentsOf(c, x[0])[0], {x[2], x[3]}, pieceOf,
                                    [&](Code &c, ValueRange places, ValueRange pieces) {
                                      return unpooledChannel(c, x, places[0], pieces);
                                    });
                     });
  inputs.push_back(made[1]);
  Value flat = context.update(loc, made[0], inputs, [](Code &c, ValueRange x) {
    return SmallVector<Value>{withStrays(c, x, x[2], x[3])};
  });
  return context.reshape(loc, flat, planes, shape);
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
  bool isEmpty = product(dims).is(0) || product(*shape).is(0);
  Value result = isEmpty ? zeros(*shape) : unpooled(context, loc, image, numbers, *shape);
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
