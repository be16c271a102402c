//===- Pool.cpp - Pooling -------------------------------------------------===//
//
// A pool is a row kernel whose row is a window. Like convolutions, pools write
// channels-last and move. The pooling mixer is a pool less its centre.
//
//===----------------------------------------------------------------------===//
#include "RowSpace.h"
#include "Windows.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using kernel::CombineKind;

Reason supportsPool(Operation *operation) {
  auto type = dyn_cast<RankedTensorType>(operation->getOperand(0).getType());
  if (!type || type.getRank() < 3 || !isa<FloatType>(type.getElementType()))
    return "it is supported for floats with at least one spatial axis only";
  for (OpResult result : operation->getResults().drop_front())
    if (!isa<NoneType>(result.getType()) && !result.use_empty())
      return "its indices are read, which is not supported yet";
  return std::nullopt;
}

/// The number of elements of this window that lie in the unpadded input.
Value countInside(Code &c, const Windows &w, ArrayRef<Value> dynamic, Type type) {
  Value inside;
  for (unsigned i = 0; i < w.rank(); ++i) {
    Value place = c.make<arith::MulIOp>(c.dim(1 + i), c.index(w.strides[i]));
    Value step = c.make<arith::MulIOp>(c.dim(2 + w.rank() + i), c.index(w.dilations[i]));
    place = c.make<arith::SubIOp>(c.make<arith::AddIOp>(place, step), c.index(w.low[i]));
    Value extent = dynamic[i] ? dynamic[i] : c.index(w.in[i].constant());
    Value here = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, place, extent);
    inside = inside ? c.make<arith::AndIOp>(inside, here) : here;
  }
  return c.combine(CombineKind::Add, c.select(inside, c.constant(1, type), c.constant(0, type)));
}

enum class Kind { Max, Average, Lp };

/// (sum |x|^p)^(1/p)
Value norm(Code &c, Value x, int64_t p) {
  Value size = c.make<math::AbsFOp>(x);
  if (p == 1)
    return c.combine(CombineKind::Add, size);
  if (p == 2)
    return c.make<math::SqrtOp>(c.combine(CombineKind::Add, c.mul(x, x)));
  Value sum = c.combine(CombineKind::Add, c.make<math::PowFOp>(size, c.constant(p, x)));
  return c.make<math::PowFOp>(sum, c.constant(1.0 / p, x));
}

/// The mean over what of the window lies in the input.
Value meanInside(Code &c, Value x, const Windows &w, ArrayRef<Value> dynamic) {
  Value sum = c.combine(CombineKind::Add, x);
  if (w.isPadded())
    return c.div(sum, countInside(c, w, dynamic, x.getType()));
  int64_t count = 1;
  for (int64_t extent : w.kernel)
    count *= extent;
  return c.mul(sum, c.constant(1.0 / count, x));
}

/// The maximum, the norm, or the mean over the window or over what of it lies in the
/// input.
Value pool(Code &c, Value x, AnyOp op, Kind kind, Windows w, ArrayRef<Value> dynamic) {
  if (kind == Kind::Max)
    return c.combine(CombineKind::Max, x);
  if (kind == Kind::Lp)
    return norm(c, x, intAttr(op, "p", 2));
  if (intAttr(op, "count_include_pad")) // pads are elements like others
    w.low = w.high = SmallVector<int64_t>(w.rank(), 0);
  return meanInside(c, x, w, dynamic);
}

/// A row kernel over the windows of an image [N, C, spatial...]: its iteration dimensions
/// are (n, o..., c, k...).
struct WindowRows {
  WindowRows(Context &context, Value image, const Windows &windows)
      : context(context), windows(windows), dims(context[image].dims),
        element(context[image].element) {
    for (const Dim &extent : windows.in)
      dynamic.push_back(extent.isConstant() ? Value() : context.dims.value(extent));
  }

  unsigned size() const { return 2 * windows.rank() + 2; }
  AffineExpr n() const { return context.b.getAffineDimExpr(0); }
  AffineExpr place(unsigned axis) const { return context.b.getAffineDimExpr(1 + axis); }
  AffineExpr channel() const { return context.b.getAffineDimExpr(windows.rank() + 1); }
  AffineExpr tap(unsigned axis) const {
    return context.b.getAffineDimExpr(windows.rank() + 2 + axis);
  }
  AffineMap map(ArrayRef<AffineExpr> exprs) const {
    return AffineMap::get(size(), 0, exprs, context.getContext());
  }

  /// The image as the windows read it, with `fill` around it.
  Input image(Location loc, Value value, double fill) const {
    ChannelsLast source =
        padded(context, loc, value, windows, context.b.getFloatAttr(element, fill));
    SmallVector<AffineExpr> places;
    for (unsigned i = 0; i < windows.rank(); ++i)
      places.push_back(windows.place(i, place(i), tap(i)));
    return {source.tensor, source.map(size(), n(), channel(), places), {}};
  }

  /// The results of all windows, as `result`.
  void build(Location loc, Value result, ArrayRef<Input> inputs, BodyBuilder body) {
    unsigned rank = windows.rank();
    SmallVector<int64_t> extents(size(), -1);
    Context::Init init{
        {dims[0]},
        element,
        AffineMap::getMultiDimIdentityMap(size(), context.getContext()).getMajorSubMap(rank + 2)};
    for (unsigned i = 0; i < rank; ++i) {
      extents[rank + 2 + i] = windows.kernel[i];
      init.shape.push_back(windows.out[i]);
    }
    init.shape.push_back(dims[1]);
    Value value = context.rows(loc, rank, inputs, init, body, extents);
    SmallVector<Dim> shape = {dims[0], dims[1]};
    llvm::append_range(shape, windows.out);
    context.define(result, channelsFirst(context, loc, value, init.shape), shape);
  }

  Context &context;
  const Windows &windows;
  SmallVector<Dim> dims;
  Type element;
  SmallVector<Value> dynamic; ///< the spatial extents that are no constants
};

LogicalResult lowerPool(AnyOp op, Context &context, Kind kind) {
  Value input = op->getOperand(0);
  std::optional<Windows> windows = windowsOf(op, context, context[input].dims);
  if (!windows)
    return failure();
  bool countPads = kind == Kind::Average && intAttr(op, "count_include_pad");
  if (countPads && intAttr(op, "ceil_mode") && windows->isPadded())
    return context.refuse(op, "count_include_pad together with ceil_mode is not supported yet");
  WindowRows rows(context, input, *windows);
  double fill = kind == Kind::Max ? -std::numeric_limits<double>::infinity() : 0;
  rows.build(
      op->getLoc(), op->getResult(0), rows.image(op->getLoc(), input, fill),
      [&](Code &c, ValueRange x) { return pool(c, x[0], op, kind, *windows, rows.dynamic); });
  return success();
}

/// 1 / sqrt(variance + epsilon) of each image as a whole.
Value inverseDeviations(Context &context, Location loc, Value image, double epsilon) {
  SmallVector<Dim> dims = context[image].dims;
  AffineMap whole = AffineMap::getMultiDimIdentityMap(dims.size(), context.getContext());
  Dim count = product(ArrayRef(dims).drop_front());
  return context.rows(loc, dims.size() - 1, {{context.tensor(image), whole, {}}},
                      {{dims[0]}, context[image].element, whole.getMajorSubMap(1)},
                      [&](Code &c, ValueRange x) {
                        Value d = c.sub(x[0], mean(c, x[0], count));
                        return inverseDeviation(c, d, count, epsilon);
                      });
}

LogicalResult lowerPoolMixer(Operation *operation, Context &context) {
  auto op = cast<layer::PoolMixerOp>(operation);
  Location loc = op.getLoc();
  Windows windows;
  windows.kernel = llvm::to_vector(op.getWindow());
  windows.low = llvm::to_vector(op.getBefore());
  unsigned rank = windows.kernel.size();
  windows.strides = windows.dilations = SmallVector<int64_t>(rank, 1);
  for (auto [extent, before] : llvm::zip(windows.kernel, windows.low))
    windows.high.push_back(extent - 1 - before);
  windows.in = windows.out = llvm::to_vector(ArrayRef(context[op.getInput()].dims).drop_front(2));
  WindowRows rows(context, op.getInput(), windows);
  SmallVector<AffineExpr> centre = {rows.n(), rows.channel()};
  for (unsigned i = 0; i < rank; ++i)
    centre.push_back(rows.place(i));
  SmallVector<Input> inputs = {rows.image(loc, op.getInput(), 0),
                               {context.tensor(op.getInput()), rows.map(centre), {}}};
  if (Value scale = op.getScale())
    inputs.push_back({context.tensor(scale), rows.map(rows.channel()), {}});
  if (auto epsilon = op.getEpsilon())
    inputs.push_back({inverseDeviations(context, loc, op.getInput(), epsilon->convertToDouble()),
                      rows.map(rows.n()),
                      {}});
  rows.build(loc, op.getResult(), inputs, [&](Code &c, ValueRange x) {
    Value y = c.sub(meanInside(c, x[0], windows, rows.dynamic), x[1]);
    for (Value factor : x.drop_front(2))
      y = c.mul(y, factor);
    return y;
  });
  return success();
}

LogicalResult lowerGlobalPool(AnyOp op, Context &context, Kind kind) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  unsigned rank = dims.size();
  AffineMap whole = AffineMap::getMultiDimIdentityMap(rank, op->getContext());
  Dim count = product(ArrayRef(dims).drop_front(2));
  Context::Init init{{dims[0], dims[1]}, context[input].element, whole.getMajorSubMap(2)};
  Value result = context.rows(
      op->getLoc(), rank - 2, {{context.tensor(input), whole, {}}}, init,
      [&](Code &c, ValueRange x) {
        if (kind == Kind::Max)
          return c.combine(CombineKind::Max, x[0]);
        if (kind == Kind::Lp)
          return norm(c, x[0], intAttr(op, "p", 2));
        Value sum = c.combine(CombineKind::Add, x[0]);
        return c.div(sum, count.isConstant() ? c.constant(count.constant(), sum)
                                             : c.combine(CombineKind::Add, c.constant(1, sum)));
      });
  SmallVector<Dim> shape(rank, Dim(1));
  shape[0] = dims[0];
  shape[1] = dims[1];
  context.define(op->getResult(0), context.reshape(op->getLoc(), result, init.shape, shape), shape);
  return success();
}

} // namespace

void addPool(LoweringTable &table) {
  table["layer.pool_mixer"] = {nullptr, lowerPoolMixer};
  const std::pair<std::string, Kind> pools[] = {
      {"MaxPool", Kind::Max}, {"AveragePool", Kind::Average}, {"LpPool", Kind::Lp}};
  for (const auto &[name, kind] : pools) {
    table["onnx." + name] = {supportsPool, [kind](Operation *op, Context &context) {
                               return lowerPool(AnyOp(op), context, kind);
                             }};
    table["onnx.Global" + name] = {supportsPool, [kind](Operation *op, Context &context) {
                                     return lowerGlobalPool(AnyOp(op), context, kind);
                                   }};
  }
}

} // namespace strut::kernelize
