//===- ConvTranspose.cpp - Transposed convolutions ------------------------===//
//
// A row kernel that gathers: each element of the result sums over the window and
// the input channels those elements of the input that a convolution with the same
// attributes would have spread to it.
//
//===----------------------------------------------------------------------===//
#include "Windows.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The attributes, read as those of the convolution it transposes; its output is
/// that one's input.
std::optional<Windows> transposedWindows(AnyOp op, Context &context, ArrayRef<Dim> input,
                                         ArrayRef<int64_t> kernel) {
  // windowsOf checks the attributes; the extents it computes are not used.
  SmallVector<Dim> large(input);
  for (Dim &dim : MutableArrayRef(large).drop_front(2))
    dim = Dim(1 << 20);
  std::optional<Windows> windows = windowsOf(op, context, large, kernel);
  if (!windows)
    return std::nullopt;
  windows->in = llvm::to_vector(input.drop_front(2));
  windows->out.clear();
  auto extra = op.attr<DenseI64ArrayAttr>("output_padding");
  auto given = op.attr<DenseI64ArrayAttr>("output_shape");
  auto autoPad = op.attr<StringAttr>("auto_pad");
  StringRef mode = autoPad ? autoPad.getValue() : "NOTSET";
  unsigned rank = windows->rank();
  for (unsigned i = 0; i < rank; ++i) {
    int64_t span = windows->dilations[i] * (windows->kernel[i] - 1) + 1;
    int64_t more = extra && i < extra.size() ? extra[i] : 0;
    Dim whole = (windows->in[i] - Dim(1)) * Dim(windows->strides[i]) + Dim(span + more);
    std::optional<Dim> wanted;
    if (given && given.size() >= rank)
      wanted = Dim(given.asArrayRef().take_back(rank)[i]);
    else if (mode.starts_with("SAME"))
      wanted = windows->in[i] * Dim(windows->strides[i]);
    if (wanted) {
      // What is beyond the last window is 0; the odd one is before unless said otherwise.
      Dim pads = context.dims.max(whole - *wanted, Dim(0)), half = context.dims.floorDiv(pads, 2);
      windows->low[i] = mode == "SAME_UPPER" ? half : pads - half;
    }
    windows->out.push_back(wanted ? *wanted : whole - windows->low[i] - windows->high[i]);
    if (windows->out[i].isConstant() && windows->out[i].constant() < 0) {
      (void)context.refuse(op, "its padding is larger than its result");
      return std::nullopt;
    }
  }
  return windows;
}

/// Whether windows tile the result: each of its places lies in one.
bool areTiles(const Windows &windows) {
  for (unsigned i = 0; i < windows.rank(); ++i)
    if (windows.strides[i] < 2 || windows.kernel[i] != windows.strides[i] ||
        windows.dilations[i] != 1 || !windows.low[i].is(0) ||
        windows.out[i] != windows.in[i] * Dim(windows.strides[i]))
      return false;
  return true;
}

/// Of windows that tile the result, a product: each pixel of the input becomes a tile.
Value tiles(Context &context, AnyOp op, const Windows &windows) {
  Value input = op.in("X"), weight = op.in("W"), bias = op.in("B");
  // (n, o..., r..., oc, ic): the pixel and the place in its tile
  unsigned rank = windows.rank(), size = 2 * rank + 3;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  auto mapOf = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(size, 0, exprs, op->getContext());
  };
  AffineExpr oc = d(size - 2), ic = d(size - 1);
  SmallVector<AffineExpr> pixel = {d(0), ic}, filter = {ic, oc}, out = {d(0)};
  Context::Init init{{context[input].dims[0]}, context[input].element, {}};
  SmallVector<Dim> flat = init.shape;
  for (unsigned i = 0; i < rank; ++i) {
    AffineExpr within = d(1 + rank + i);
    pixel.push_back(d(1 + i));
    filter.push_back(within);
    out.append({d(1 + i), within});
    init.shape.append({windows.in[i], Dim(windows.strides[i])});
    flat.push_back(windows.out[i]);
  }
  out.push_back(oc);
  init.shape.push_back(context[weight].dims[1]);
  flat.push_back(context[weight].dims[1]);
  init.map = mapOf(out);
  SmallVector<Input> inputs = {{context.tensor(input), mapOf(pixel), {}},
                               {context.tensor(weight), mapOf(filter), {}}};
  if (bias)
    inputs.push_back({context.tensor(bias), mapOf(oc), {}});
  Location loc = op->getLoc();
  Value result = context.contract(loc, inputs, init, [&](Code &c, ValueRange x) {
    return bias ? c.add(x[0], c.cast(x[1], x[0].getType())) : x[0];
  });
  return channelsFirst(context, loc, context.reshape(loc, result, init.shape, flat), flat);
}

LogicalResult lowerConvTranspose(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X"), weight = op.in("W"), bias = op.in("B");
  SmallVector<Dim> dims = context[input].dims;
  auto weightShape = cast<RankedTensorType>(weight.getType()).getShape();
  int64_t groups = intAttr(op, "group", 1), outputs = weightShape[1];
  if (groups < 1 || weightShape[0] % groups != 0)
    return context.refuse(op, "the channels of its input are no whole groups");
  if (failed(checkChannels(op, context, dims, weightShape[0])))
    return failure();
  int64_t channels = weightShape[0] / groups;
  std::optional<Windows> windows = transposedWindows(op, context, dims, weightShape.drop_front(2));
  if (!windows)
    return failure();
  if (groups == 1 && areTiles(*windows)) {
    SmallVector<Dim> shape = {dims[0], Dim(outputs)};
    llvm::append_range(shape, windows->out);
    context.define(op->getResult(0), tiles(context, op, *windows), shape);
    return success();
  }
  // (n, o..., oc, k..., ic), ic among the channels of a group
  unsigned rank = windows->rank(), size = 2 * rank + 3;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  AffineExpr group = d(rank + 1).floorDiv(outputs);
  SmallVector<AffineExpr> filter = {group * channels + d(size - 1), d(rank + 1) % outputs};
  if (groups == 1)
    filter = {d(size - 1), d(rank + 1)};
  Type element = context[input].element;
  AffineMap all = AffineMap::getMultiDimIdentityMap(size, op->getContext());
  Context::Init init{{dims[0]}, element, all.getMajorSubMap(rank + 2)};
  SmallVector<int64_t> extents(size, -1);
  extents.back() = channels;
  SmallVector<Extent> sizes, lows;
  for (unsigned i = 0; i < rank; ++i) {
    filter.push_back(d(rank + 2 + i));
    init.shape.push_back(windows->out[i]);
    sizes.emplace_back(context, windows->in[i]);
    lows.emplace_back(context, windows->low[i]);
  }
  init.shape.push_back(Dim(outputs * groups));
  SmallVector<Input> inputs = {
      {context.tensor(input), {}, {}},
      {context.tensor(weight), AffineMap::get(size, 0, filter, op->getContext()), {}}};
  if (bias)
    inputs.push_back({context.tensor(bias), AffineMap::get(size, 0, d(rank + 1)), {}});
  auto body = [&](Code &c, ValueRange x) {
    Value channel = c.dim(size - 1), exists;
    if (groups > 1) {
      Value number = c.make<arith::DivUIOp>(c.dim(rank + 1), c.index(outputs));
      channel = c.make<arith::AddIOp>(c.make<arith::MulIOp>(number, c.index(channels)), channel);
    }
    SmallVector<Value> at = {c.dim(0), channel};
    for (unsigned i = 0; i < rank; ++i) {
      Value reach = c.make<arith::MulIOp>(c.dim(rank + 2 + i), c.index(windows->dilations[i]));
      Origin origin =
          originOf(c, c.dim(1 + i), reach, lows[i].in(c), windows->strides[i], sizes[i].in(c));
      at.push_back(origin.place);
      exists = exists ? c.make<arith::AndIOp>(exists, origin.exists) : origin.exists;
    }
    Value value = c.widen(c.fetch(0, element, at));
    Value term = c.select(exists, c.mul(value, x[1]), c.constant(0, value));
    Value sum = c.combine(kernel::CombineKind::Add, term);
    return bias ? c.add(sum, x[2]) : sum;
  };
  Value result = context.rows(op->getLoc(), rank + 1, inputs, init, body, extents);
  SmallVector<Dim> shape = {dims[0], Dim(outputs * groups)};
  llvm::append_range(shape, windows->out);
  context.define(op->getResult(0), channelsFirst(context, op->getLoc(), result, init.shape), shape);
  return success();
}

} // namespace

void addConvTranspose(LoweringTable &table) {
  table["onnx.ConvTranspose"] = {refuseConvolution, lowerConvTranspose};
}

} // namespace strut::kernelize
