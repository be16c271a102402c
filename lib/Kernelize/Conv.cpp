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

/// The iteration dimensions (n, o..., oc, k..., ic).
struct ConvSpace {
  unsigned rank, size;
  MLIRContext *context;
  explicit ConvSpace(unsigned rank, MLIRContext *context)
      : rank(rank), size(2 * rank + 3), context(context) {}
  AffineExpr n() const { return getAffineDimExpr(0, context); }
  AffineExpr o(unsigned i) const { return getAffineDimExpr(1 + i, context); }
  AffineExpr oc() const { return getAffineDimExpr(1 + rank, context); }
  AffineExpr k(unsigned i) const { return getAffineDimExpr(2 + rank + i, context); }
  AffineExpr ic() const { return getAffineDimExpr(2 + 2 * rank, context); }
  AffineMap get(ArrayRef<AffineExpr> results) const {
    return AffineMap::get(size, 0, results, context);
  }
};

LogicalResult lowerConv(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X"), weight = op.in("W"), bias = op.in("B");
  SmallVector<Dim> dims = context[input].dims;
  auto weightShape = cast<RankedTensorType>(weight.getType()).getShape();
  std::optional<Windows> windows = windowsOf(op, context, dims, weightShape.drop_front(2));
  if (!windows)
    return failure();
  int64_t groups = intAttr(op, "group", 1), channels = weightShape[1], outputs = weightShape[0];
  if (!dims[1].is(channels * groups) || outputs % groups != 0)
    return context.refuse(op, "its channels do not fit its weight");

  Location loc = op->getLoc();
  ConvSpace space(windows->rank(), op->getContext());
  Type element = context[input].element;
  ChannelsLast image = padded(context, loc, input, *windows, context.b.getFloatAttr(element, 0));
  SmallVector<AffineExpr> places, filter = {space.oc(), space.ic()}, out = {space.n()};
  Context::Init init{{dims[0]}, element, {}};
  for (unsigned i = 0; i < space.rank; ++i) {
    places.push_back(windows->place(i, space.o(i), space.k(i)));
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
      {context.tensor(weight), space.get(filter), {}}};
  if (bias)
    inputs.push_back({context.tensor(bias), space.get(space.oc()), {}});
  Value result;
  if (groups == 1) {
    result = context.contract(loc, inputs, init, [&](Code &c, ValueRange x) {
      return bias ? c.add(x[0], c.cast(x[1], x[0].getType())) : x[0];
    });
  } else {
    result = context.rows(loc, space.rank + 1, inputs, init, [&](Code &c, ValueRange x) {
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
