//===- Conv.cpp - Convolutions --------------------------------------------===//
//
// A convolution is a contraction whose left operand is read through windows: an
// implicit matrix product. Its result is written channels-last, where the n
// dimension is contiguous; a move brings it back to the standard's order and is
// folded into whoever reads the result.
//
//===----------------------------------------------------------------------===//
#include "Windows.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The iteration dimensions (n, o..., oc, k..., ic), with a k for every axis along which
/// the window has more than one element.
struct ConvSpace {
  unsigned rank, size;
  MLIRContext *context;
  SmallVector<int64_t> kernel;
  ConvSpace(ArrayRef<int64_t> kernel, MLIRContext *context)
      : rank(kernel.size()), size(rank + 3), context(context), kernel(kernel) {
    for (int64_t extent : kernel)
      size += extent != 1;
  }
  AffineExpr n() const { return getAffineDimExpr(0, context); }
  AffineExpr o(unsigned i) const { return getAffineDimExpr(1 + i, context); }
  AffineExpr oc() const { return getAffineDimExpr(1 + rank, context); }
  /// 0 where the window has one element.
  AffineExpr k(unsigned i) const {
    if (kernel[i] == 1)
      return getAffineConstantExpr(0, context);
    unsigned before =
        llvm::count_if(ArrayRef(kernel).take_front(i), [](int64_t extent) { return extent != 1; });
    return getAffineDimExpr(2 + rank + before, context);
  }
  AffineExpr ic() const { return getAffineDimExpr(size - 1, context); }
  AffineMap get(ArrayRef<AffineExpr> results) const {
    return AffineMap::get(size, 0, results, context);
  }
};

/// The weight without the axes along which the window has one element.
Value filterOf(Context &context, Value weight, ArrayRef<int64_t> kernel) {
  SmallVector<Dim> shape(ArrayRef(context[weight].dims).take_front(2));
  for (int64_t extent : kernel)
    if (extent != 1)
      shape.push_back(Dim(extent));
  if (ElementsAttr constant = context.constantAs(weight, shape))
    return context.weight(weight.getLoc(), constant);
  return context.reshape(weight.getLoc(), context.tensor(weight), context[weight].dims, shape);
}

LogicalResult lowerConv(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X"), weight = op.in("W"), bias = op.in("B");
  SmallVector<Dim> dims = context[input].dims;
  auto weightShape = cast<RankedTensorType>(weight.getType()).getShape();
  std::optional<Windows> windows = windowsOf(op, context, dims, weightShape.drop_front(2));
  if (!windows)
    return failure();
  int64_t groups = intAttr(op, "group", 1), channels = weightShape[1], outputs = weightShape[0];
  if (groups < 1 || outputs % groups != 0)
    return context.refuse(op, "the channels of its result are no whole groups");
  if (failed(checkChannels(op, context, dims, channels * groups)))
    return failure();

  Location loc = op->getLoc();
  ConvSpace space(windows->kernel, op->getContext());
  Type element = context[input].element;
  ChannelsLast image = padded(context, loc, input, *windows, context.b.getFloatAttr(element, 0));
  SmallVector<AffineExpr> places, filter = {space.oc(), space.ic()}, out = {space.n()};
  Context::Init init{{dims[0]}, element, {}};
  for (unsigned i = 0; i < space.rank; ++i) {
    places.push_back(windows->place(i, space.o(i), space.k(i)));
    if (windows->kernel[i] != 1)
      filter.push_back(space.k(i));
    out.push_back(space.o(i));
    init.shape.push_back(windows->out[i]);
  }
  out.push_back(space.oc());
  init.shape.push_back(Dim(outputs));
  init.map = space.get(out);
  // With one input channel per group, the group's number is the channel's.
  AffineExpr channel = space.ic();
  if (groups > 1) {
    AffineExpr group = outputs == groups ? space.oc() : space.oc().floorDiv(outputs / groups);
    channel = channels == 1 ? group : group * channels + space.ic();
  }
  SmallVector<Input> inputs = {
      {image.tensor, image.map(space.size, space.n(), channel, places), {}},
      {filterOf(context, weight, windows->kernel), space.get(filter), {}}};
  if (bias)
    inputs.push_back({context.tensor(bias), space.get(space.oc()), {}});
  Value result;
  if (groups == 1) {
    result = context.contract(loc, inputs, init, [&](Code &c, ValueRange x) {
      return bias ? c.add(x[0], c.cast(x[1], x[0].getType())) : x[0];
    });
  } else {
    result =
        context.rows(loc, space.size - space.rank - 2, inputs, init, [&](Code &c, ValueRange x) {
          Value sum = c.combine(kernel::CombineKind::Add, c.mul(x[0], x[1]));
          return bias ? c.add(sum, x[2]) : sum;
        });
  }
  SmallVector<Dim> shape = {dims[0], Dim(outputs)};
  llvm::append_range(shape, windows->out);
  context.define(op->getResult(0), channelsFirst(context, loc, result, init.shape), shape);
  return success();
}

} // namespace

void addConv(LoweringTable &table) { table["onnx.Conv"] = {refuseConvolution, lowerConv}; }

} // namespace strut::kernelize
