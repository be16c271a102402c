//===- Pool.cpp - Pooling -------------------------------------------------===//
//
// A pool is a row kernel whose row is a window. Like convolutions, pools write
// channels-last and move.
//
//===----------------------------------------------------------------------===//
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

/// The maximum, the norm, or the mean over the window or over what of it lies in the
/// input.
Value pool(Code &c, Value x, AnyOp op, Kind kind, const Windows &w, ArrayRef<Value> dynamic) {
  if (kind == Kind::Max)
    return c.combine(CombineKind::Max, x);
  if (kind == Kind::Lp)
    return norm(c, x, intAttr(op, "p", 2));
  bool countPads = intAttr(op, "count_include_pad");
  Value sum = c.combine(CombineKind::Add, x);
  if (w.isPadded() && !countPads)
    return c.div(sum, countInside(c, w, dynamic, x.getType()));
  int64_t count = 1;
  for (int64_t extent : w.kernel)
    count *= extent;
  return c.mul(sum, c.constant(1.0 / count, x));
}

LogicalResult lowerPool(AnyOp op, Context &context, Kind kind) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  std::optional<Windows> windows = windowsOf(op, context, dims);
  if (!windows)
    return failure();
  bool isMax = kind == Kind::Max;
  bool countPads = kind == Kind::Average && intAttr(op, "count_include_pad");
  if (countPads && intAttr(op, "ceil_mode") && windows->isPadded())
    return context.refuse(op, "count_include_pad together with ceil_mode is not supported yet");
  Location loc = op->getLoc();
  Type element = context[input].element;
  double lowest = -std::numeric_limits<double>::infinity();
  ChannelsLast image =
      padded(context, loc, input, *windows, context.b.getFloatAttr(element, isMax ? lowest : 0));
  // (n, o..., c, k...)
  unsigned rank = windows->rank(), size = 2 * rank + 2;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> places;
  SmallVector<int64_t> extents(size, -1);
  SmallVector<Value> dynamic;
  Context::Init init{
      {dims[0]},
      element,
      AffineMap::getMultiDimIdentityMap(size, op->getContext()).getMajorSubMap(rank + 2)};
  for (unsigned i = 0; i < rank; ++i) {
    places.push_back(windows->place(i, d(1 + i), d(rank + 2 + i)));
    extents[rank + 2 + i] = windows->kernel[i];
    init.shape.push_back(windows->out[i]);
    dynamic.push_back(windows->in[i].isConstant() ? Value() : context.dims.value(windows->in[i]));
  }
  init.shape.push_back(dims[1]);
  Value result = context.rows(
      loc, rank, {{image.tensor, image.map(size, d(0), d(rank + 1), places), {}}}, init,
      [&](Code &c, ValueRange x) { return pool(c, x[0], op, kind, *windows, dynamic); }, extents);
  SmallVector<Dim> shape = {dims[0], dims[1]};
  llvm::append_range(shape, windows->out);
  context.define(op->getResult(0), channelsFirst(context, loc, result, init.shape), shape);
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
