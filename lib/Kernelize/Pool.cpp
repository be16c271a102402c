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
  if (!type || type.getRank() < 3)
    return "its input is not known to have a spatial axis";
  auto integer = dyn_cast<IntegerType>(type.getElementType());
  bool ordered =
      integer && integer.getWidth() > 1 && operation->getName().getStringRef().contains("MaxPool");
  if (!isa<FloatType>(type.getElementType()) && !ordered)
    return "elements of its type are not supported";
  return std::nullopt;
}

/// The windows of an image, and what of them a body computes with: extents of the image and
/// their padding, without overhangs.
struct PooledWindows {
  PooledWindows(Context &context, const Windows &windows) : w(windows) {
    for (unsigned i = 0; i < w.rank(); ++i) {
      in.emplace_back(context, w.in[i]);
      low.emplace_back(context, w.low[i]);
      high.emplace_back(context, w.high[i] - Dim(w.overhang[i]));
    }
  }

  const Windows &w;
  SmallVector<Extent> in, low, high;
};

/// Whether an element of a window lies in the input, or in the padding around it if that counts.
Value isInside(Code &c, const PooledWindows &windows, bool countsPads) {
  const Windows &w = windows.w;
  Value inside;
  for (unsigned i = 0; i < w.rank(); ++i) {
    Value place = c.make<arith::MulIOp>(c.dim(1 + i), c.index(w.strides[i]));
    Value step = c.make<arith::MulIOp>(c.dim(2 + w.rank() + i), c.index(w.dilations[i]));
    place = c.make<arith::AddIOp>(place, step);
    Value low = windows.low[i].in(c), extent = windows.in[i].in(c);
    if (countsPads) {
      extent = c.make<arith::AddIOp>(extent, low);
      extent = c.make<arith::AddIOp>(extent, windows.high[i].in(c));
    } else {
      place = c.make<arith::SubIOp>(place, low);
    }
    Value here = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, place, extent);
    inside = inside ? c.make<arith::AndIOp>(inside, here) : here;
  }
  return inside;
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

/// The mean over what of the window lies in the input or, if it counts them, in the pads that
/// the attributes ask for.
Value meanInside(Code &c, Value x, const PooledWindows &windows, bool countsPads = false) {
  const Windows &w = windows.w;
  Value sum = c.combine(CombineKind::Add, x);
  bool isWhole = countsPads ? llvm::all_of(w.overhang, [](int64_t extent) { return extent == 0; })
                            : !w.isPadded();
  if (!isWhole) {
    Value one = c.constant(1, x), zero = c.constant(0, x);
    Value inside = isInside(c, windows, countsPads);
    return c.div(sum, c.combine(CombineKind::Add, c.select(inside, one, zero)));
  }
  int64_t count = 1;
  for (int64_t extent : w.kernel)
    count *= extent;
  return c.mul(sum, c.constant(1.0 / count, x));
}

/// The maximum, the norm, or the mean.
Value pool(Code &c, Value x, AnyOp op, Kind kind, const PooledWindows &windows) {
  if (kind == Kind::Max)
    return c.combine(CombineKind::Max, x);
  if (kind == Kind::Lp)
    return norm(c, x, intAttr(op, "p", 2));
  return meanInside(c, x, windows, intAttr(op, "count_include_pad"));
}

/// A row kernel over the windows of an image [N, C, spatial...]: its iteration dimensions
/// are (n, o..., c, k...).
struct WindowRows {
  WindowRows(Context &context, Value image, const Windows &windows)
      : context(context), windows(windows), inBody(context, windows), dims(context[image].dims),
        element(context[image].element) {}

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
  Input image(Location loc, Value value, TypedAttr fill) const {
    ChannelsLast source = padded(context, loc, value, windows, fill);
    SmallVector<AffineExpr> places;
    for (unsigned i = 0; i < windows.rank(); ++i)
      places.push_back(windows.place(i, place(i), tap(i)));
    return {source.tensor, source.map(size(), n(), channel(), places), {}};
  }

  /// The results of all windows, as `result`, whose elements are of type `stored`.
  void build(Location loc, Value result, Type stored, ArrayRef<Input> inputs, BodyBuilder body) {
    unsigned rank = windows.rank();
    SmallVector<int64_t> extents(size(), -1);
    Context::Init init{
        {dims[0]},
        stored,
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
  PooledWindows inBody;
  SmallVector<Dim> dims;
  Type element;
};

/// The number of this element of a window among all elements of the image.
Value numberOf(Code &c, const WindowRows &rows, ArrayRef<Value> extents) {
  const Windows &w = rows.windows;
  auto add = [&](Value x, Value y) { return c.make<arith::AddIOp>(x, y); };
  auto mul = [&](Value x, Value y) { return c.make<arith::MulIOp>(x, y); };
  Value number = add(mul(c.dim(0), extents[0]), c.dim(w.rank() + 1));
  for (unsigned i = 0; i < w.rank(); ++i) {
    Value place = add(mul(c.dim(1 + i), c.index(w.strides[i])),
                      mul(c.dim(w.rank() + 2 + i), c.index(w.dilations[i])));
    Value low = rows.inBody.low[i].in(c);
    number = add(mul(number, extents[1 + i]), c.make<arith::SubIOp>(place, low));
  }
  return number;
}

/// The number of the same element if the first spatial axis is the innermost one.
Value numberedByColumns(Code &c, Value number, ArrayRef<Value> extents) {
  Value rest = number, size = c.index(1), result;
  SmallVector<Value> places(extents.size());
  for (unsigned i = extents.size(); i-- > 1;) {
    places[i] = c.make<arith::RemUIOp>(rest, extents[i]);
    rest = c.make<arith::DivUIOp>(rest, extents[i]);
  }
  for (unsigned i = 1; i < extents.size(); ++i) {
    Value term = c.make<arith::MulIOp>(places[i], size);
    result = result ? c.make<arith::AddIOp>(result, term) : term;
    size = c.make<arith::MulIOp>(size, extents[i]);
  }
  return c.make<arith::AddIOp>(result, c.make<arith::MulIOp>(rest, size));
}

/// The second result of MaxPool: the number of the first element that is the maximum of its
/// window, or no number.
void lowerIndices(AnyOp op, WindowRows &rows, const Input &image) {
  Context &context = rows.context;
  SmallVector<Extent> sizes = {{context, rows.dims[1]}};
  llvm::append_range(sizes, rows.inBody.in);
  bool byColumns = intAttr(op, "storage_order") != 0;
  rows.build(
      op->getLoc(), op->getResult(1), context.b.getI64Type(), image, [&](Code &c, ValueRange x) {
        auto extents = llvm::map_to_vector(sizes, [&](Extent &size) { return size.in(c); });
        Value most = c.combine(CombineKind::Max, x[0]);
        Value same = c.equal(x[0], most);
        if (Code::isFloat(x[0]))
          same = c.make<arith::OrIOp>(same,
                                      c.make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x[0], x[0]));
        same = c.make<arith::AndIOp>(same, isInside(c, rows.inBody, /*countsPads=*/false));
        Value number = c.make<arith::IndexCastOp>(c.b.getI64Type(), numberOf(c, rows, extents));
        Value far =
            c.make<arith::ConstantOp>(c.b.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
        Value first = c.asSigned().combine(CombineKind::Min, c.select(same, number, far));
        if (!byColumns)
          return first;
        Value index = c.make<arith::IndexCastOp>(c.b.getIndexType(), first);
        return c.make<arith::IndexCastOp>(c.b.getI64Type(), numberedByColumns(c, index, extents));
      });
}

/// What pads do not change the result with.
TypedAttr fillOf(OpBuilder &b, Type element, Kind kind) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return b.getFloatAttr(signless(element),
                          kind == Kind::Max ? -std::numeric_limits<double>::infinity() : 0);
  unsigned width = integer.getWidth();
  APInt least = integer.isUnsigned() ? APInt::getZero(width) : APInt::getSignedMinValue(width);
  return b.getIntegerAttr(signless(integer), least);
}

LogicalResult lowerPool(AnyOp op, Context &context, Kind kind) {
  Value input = op->getOperand(0);
  std::optional<Windows> windows = windowsOf(op, context, context[input].dims);
  if (!windows)
    return failure();
  WindowRows rows(context, input, *windows);
  Location loc = op->getLoc();
  Type element = getElementTypeOrSelf(input.getType());
  Input image = rows.image(loc, input, fillOf(context.b, element, kind));
  rows.build(loc, op->getResult(0), rows.element, image,
             [&](Code &c, ValueRange x) { return pool(c, x[0], op, kind, rows.inBody); });
  if (op->getNumResults() > 1 && !op->getResult(1).use_empty())
    lowerIndices(op, rows, image);
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
  windows.low.assign(op.getBefore().begin(), op.getBefore().end());
  unsigned rank = windows.kernel.size();
  windows.strides = windows.dilations = SmallVector<int64_t>(rank, 1);
  windows.overhang.assign(rank, 0);
  for (auto [extent, before] : llvm::zip(windows.kernel, op.getBefore()))
    windows.high.push_back(Dim(extent - 1 - before));
  windows.in = windows.out = llvm::to_vector(ArrayRef(context[op.getInput()].dims).drop_front(2));
  WindowRows rows(context, op.getInput(), windows);
  SmallVector<AffineExpr> centre = {rows.n(), rows.channel()};
  for (unsigned i = 0; i < rank; ++i)
    centre.push_back(rows.place(i));
  SmallVector<Input> inputs = {
      rows.image(loc, op.getInput(), fillOf(context.b, rows.element, Kind::Average)),
      {context.tensor(op.getInput()), rows.map(centre), {}}};
  if (Value scale = op.getScale())
    inputs.push_back({context.tensor(scale), rows.map(rows.channel()), {}});
  if (auto epsilon = op.getEpsilon())
    inputs.push_back({inverseDeviations(context, loc, op.getInput(), epsilon->convertToDouble()),
                      rows.map(rows.n()),
                      {}});
  rows.build(loc, op.getResult(), rows.element, inputs, [&](Code &c, ValueRange x) {
    Value y = c.sub(meanInside(c, x[0], rows.inBody), x[1]);
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
