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

/// The iteration dimensions (n, o..., g, oc, k..., ic), with a k for every axis along which
/// the window has more than one element, and a g, the group, if asked for.
struct ConvSpace {
  unsigned rank, size;
  bool hasGroups;
  MLIRContext *context;
  SmallVector<int64_t> kernel;
  ConvSpace(ArrayRef<int64_t> kernel, bool hasGroups, MLIRContext *context)
      : rank(kernel.size()), size(rank + 3 + hasGroups), hasGroups(hasGroups), context(context),
        kernel(kernel) {
    for (int64_t extent : kernel)
      size += extent != 1;
  }
  AffineExpr n() const { return getAffineDimExpr(0, context); }
  AffineExpr o(unsigned i) const { return getAffineDimExpr(1 + i, context); }
  AffineExpr g() const { return getAffineDimExpr(1 + rank, context); }
  AffineExpr oc() const { return getAffineDimExpr(1 + rank + hasGroups, context); }
  /// 0 where the window has one element.
  AffineExpr k(unsigned i) const {
    if (kernel[i] == 1)
      return getAffineConstantExpr(0, context);
    unsigned before =
        llvm::count_if(ArrayRef(kernel).take_front(i), [](int64_t extent) { return extent != 1; });
    return getAffineDimExpr(2 + rank + hasGroups + before, context);
  }
  AffineExpr ic() const { return getAffineDimExpr(size - 1, context); }
  AffineMap get(ArrayRef<AffineExpr> results) const {
    return AffineMap::get(size, 0, results, context);
  }
};

/// A product by group fills vectors with the columns of one group, a kernel of rows with channels
/// of many, for which it gathers: that is faster for few columns, or few channels to gather.
constexpr int64_t fewestColumns = 4, fewChannels = 2;

/// How the channels of a convolution fall into groups.
struct Groups {
  int64_t count, inputs, outputs; ///< groups, and the channels of one

  /// Whether each group is a product of matrices.
  bool areProducts() const {
    return count == 1 || (inputs > fewChannels && outputs >= fewestColumns);
  }
  /// The input's channel behind an output's.
  AffineExpr channel(const ConvSpace &space) const {
    if (count == 1)
      return space.ic();
    if (space.hasGroups)
      return space.g() * inputs + space.ic();
    // With one input channel per group, the group's number is the channel's.
    AffineExpr group = outputs == 1 ? space.oc() : space.oc().floorDiv(outputs);
    return inputs == 1 ? group : group * inputs + space.ic();
  }
};

/// The sum over windows of the image, and the bias, at [n, o..., oc] or [n, o..., g, oc].
Value convolve(Context &context, AnyOp op, const Windows &windows, const Groups &groups,
               const ConvSpace &space, const Context::Init &init) {
  Value bias = op.in("B");
  Location loc = op->getLoc();
  SmallVector<Dim> columns, filterShape;
  SmallVector<AffineExpr> places, column, filter;
  if (space.hasGroups) {
    columns.push_back(Dim(groups.count));
    column.push_back(space.g());
  }
  columns.push_back(Dim(space.hasGroups ? groups.outputs : groups.count * groups.outputs));
  column.push_back(space.oc());
  filterShape = columns;
  filterShape.push_back(Dim(groups.inputs));
  filter = column;
  filter.push_back(space.ic());
  for (unsigned i = 0; i < space.rank; ++i) {
    places.push_back(windows.place(i, space.o(i), space.k(i)));
    if (windows.kernel[i] == 1)
      continue;
    filter.push_back(space.k(i));
    filterShape.push_back(Dim(windows.kernel[i]));
  }
  ChannelsLast image =
      padded(context, loc, op.in("X"), windows, context.b.getFloatAttr(init.element, 0));
  SmallVector<Input> inputs = {
      {image.tensor, image.map(space.size, space.n(), groups.channel(space), places), {}},
      {viewOf(context, op.in("W"), filterShape), space.get(filter), {}}};
  if (bias)
    inputs.push_back({space.hasGroups ? viewOf(context, bias, columns) : context.tensor(bias),
                      space.get(column),
                      {}});
  if (groups.areProducts())
    return context.contract(loc, inputs, init, [&](Code &c, ValueRange x) {
      return bias ? c.add(x[0], c.cast(x[1], x[0].getType())) : x[0];
    });
  return context.rows(loc, space.size - space.rank - 2, inputs, init, [&](Code &c, ValueRange x) {
    Value sum = c.combine(kernel::CombineKind::Add, c.mul(x[0], x[1]));
    return bias ? c.add(sum, x[2]) : sum;
  });
}

LogicalResult lowerConv(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> dims = context[op.in("X")].dims;
  auto weight = cast<RankedTensorType>(op.in("W").getType()).getShape();
  std::optional<Windows> windows = windowsOf(op, context, dims, weight.drop_front(2));
  if (!windows)
    return failure();
  Groups groups{intAttr(op, "group", 1), weight[1], 0};
  if (groups.count < 1 || weight[0] % groups.count != 0)
    return context.refuse(op, "the channels of its result are no whole groups");
  groups.outputs = weight[0] / groups.count;
  if (failed(checkChannels(op, context, dims, groups.inputs * groups.count)))
    return failure();

  ConvSpace space(windows->kernel, groups.count > 1 && groups.areProducts(), op->getContext());
  SmallVector<AffineExpr> out = {space.n()};
  Context::Init init{{dims[0]}, context[op.in("X")].element, {}};
  for (unsigned i = 0; i < space.rank; ++i) {
    out.push_back(space.o(i));
    init.shape.push_back(windows->out[i]);
  }
  SmallVector<Dim> flat = init.shape;
  flat.push_back(Dim(weight[0]));
  if (space.hasGroups) {
    out.push_back(space.g());
    init.shape.append({Dim(groups.count), Dim(groups.outputs)});
  } else {
    init.shape = flat;
  }
  out.push_back(space.oc());
  init.map = space.get(out);
  Value result = convolve(context, op, *windows, groups, space, init);
  if (space.hasGroups)
    result = context.reshape(op->getLoc(), result, init.shape, flat);
  SmallVector<Dim> shape = {dims[0], flat.back()};
  llvm::append_range(shape, windows->out);
  context.define(op->getResult(0), channelsFirst(context, op->getLoc(), result, flat), shape);
  return success();
}

} // namespace

void addConv(LoweringTable &table) { table["onnx.Conv"] = {refuseConvolution, lowerConv}; }

} // namespace strut::kernelize
