//===- Windows.cpp - Sliding windows over spatial axes --------------------===//
#include "Windows.h"
#include "Slices.h"

using namespace mlir;

namespace strut::kernelize {

bool Windows::isPadded() const {
  auto isZero = [](const Dim &pad) { return pad.is(0); };
  return !llvm::all_of(low, isZero) || !llvm::all_of(high, isZero);
}

static SmallVector<int64_t> ints(AnyOp op, StringRef name, unsigned size, int64_t otherwise) {
  auto attr = op.attr<DenseI64ArrayAttr>(name);
  return attr && attr.size() == size ? llvm::to_vector(attr.asArrayRef())
                                     : SmallVector<int64_t>(size, otherwise);
}

/// auto_pad = SAME_*: as many windows as strides fit; returns how many. The amount depends
/// on the extent only if the stride is not 1.
static Dim padSame(Windows &w, unsigned axis, bool upper, DimEnv &dims) {
  int64_t span = w.dilations[axis] * (w.kernel[axis] - 1) + 1;
  Dim in = w.in[axis], stride(w.strides[axis]), out = dims.ceilDiv(in, stride);
  Dim total = w.strides[axis] == 1 ? Dim(span - 1)
                                   : dims.max((out - Dim(1)) * stride + Dim(span) - in, Dim(0));
  Dim smaller = dims.floorDiv(total, 2), larger = total - smaller;
  w.low[axis] = upper ? smaller : larger;
  w.high[axis] = upper ? larger : smaller;
  return out;
}

/// ceil_mode: a last window that starts within the input or its low padding
/// counts though it does not end there; the padding grows to hold it.
static Dim roundUp(Windows &w, unsigned axis, DimEnv &dims) {
  int64_t span = w.dilations[axis] * (w.kernel[axis] - 1) + 1, stride = w.strides[axis];
  Dim begin = w.in[axis] + w.low[axis], size = begin + w.high[axis];
  Dim out = dims.min(dims.ceilDiv(size - Dim(span), Dim(stride)) + Dim(1),
                     dims.ceilDiv(begin, Dim(stride)));
  // Of an extent that is not known, as much as it can ever need.
  Dim needed = (out - Dim(1)) * Dim(stride) + Dim(span) - size;
  w.overhang[axis] = needed.isConstant() ? std::max<int64_t>(0, needed.constant()) : stride - 1;
  w.high[axis] = w.high[axis] + Dim(w.overhang[axis]);
  return out;
}

std::optional<Windows> windowsOf(AnyOp op, Context &context, ArrayRef<Dim> input,
                                 ArrayRef<int64_t> kernel) {
  Windows w;
  unsigned rank = input.size() - 2;
  w.in = llvm::to_vector(input.drop_front(2));
  w.kernel = kernel.empty() ? ints(op, "kernel_shape", rank, 0) : llvm::to_vector(kernel);
  w.strides = ints(op, "strides", rank, 1);
  w.dilations = ints(op, "dilations", rank, 1);
  SmallVector<int64_t> pads = ints(op, "pads", 2 * rank, 0);
  w.low.assign(pads.begin(), pads.begin() + rank);
  w.high.assign(pads.begin() + rank, pads.end());
  w.overhang.assign(rank, 0);
  for (unsigned i = 0; i < rank; ++i)
    if (w.kernel[i] < 1 || w.strides[i] < 1 || w.dilations[i] < 1 || pads[i] < 0 ||
        pads[rank + i] < 0) {
      (void)context.refuse(op, "the window of spatial axis " + Twine(i) + " is not valid");
      return std::nullopt;
    }
  auto autoPad = op->getAttrOfType<StringAttr>("auto_pad"); // not all operators know it
  StringRef mode = autoPad ? autoPad.getValue() : "NOTSET";
  bool ceil = op->hasAttr("ceil_mode") && intAttr(op, "ceil_mode");
  for (unsigned i = 0; i < rank; ++i) {
    if (mode.starts_with("SAME")) {
      w.out.push_back(padSame(w, i, mode == "SAME_UPPER", context.dims));
      continue;
    }
    if (mode == "VALID")
      w.low[i] = w.high[i] = Dim(0);
    int64_t span = w.dilations[i] * (w.kernel[i] - 1) + 1;
    Dim free = w.in[i] + w.low[i] + w.high[i] - Dim(span);
    w.out.push_back(ceil ? roundUp(w, i, context.dims)
                         : context.dims.floorDiv(free, Dim(w.strides[i])) + Dim(1));
    if (w.out.back().isConstant() && w.out.back().constant() < 0) {
      (void)context.refuse(op, "its window is larger than spatial axis " + Twine(i));
      return std::nullopt;
    }
  }
  return w;
}

LogicalResult checkChannels(AnyOp op, Context &context, ArrayRef<Dim> input, int64_t channels) {
  if (input[1].is(channels))
    return success();
  if (!input[1].isConstant())
    return context.refuse(op, "how many channels its input has is not known; declare that there "
                              "are " +
                                  Twine(channels) + ", as many as its weight takes");
  return context.refuse(op, "its input has " + Twine(input[1].constant()) +
                                " channels, and its weight takes " + Twine(channels));
}

Origin originOf(Code &c, Value o, Value reach, Value low, int64_t stride, Value extent) {
  Value zero = c.index(0), step = c.index(stride);
  Value p = c.make<arith::SubIOp>(c.make<arith::AddIOp>(o, low), reach);
  Value at = c.make<arith::MaxSIOp>(p, zero);
  Value place = c.make<arith::DivUIOp>(at, step), rest = c.make<arith::RemUIOp>(at, step);
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
    return c.make<arith::CmpIOp>(predicate, x, y);
  };
  Value exists = c.make<arith::AndIOp>(compare(arith::CmpIPredicate::sge, p, zero),
                                       compare(arith::CmpIPredicate::eq, rest, zero));
  exists = c.make<arith::AndIOp>(exists, compare(arith::CmpIPredicate::ult, place, extent));
  Value last = c.make<arith::SubIOp>(extent, c.index(1));
  place = c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), zero);
  return {place, exists};
}

AffineMap ChannelsLast::map(unsigned numIterators, AffineExpr n, AffineExpr c,
                            ArrayRef<AffineExpr> spatial) const {
  SmallVector<AffineExpr> results = {n};
  if (!isLast)
    results.push_back(c);
  llvm::append_range(results, spatial);
  if (isLast)
    results.push_back(c);
  return AffineMap::get(numIterators, 0, results, n.getContext());
}

ChannelsLast padded(Context &context, Location loc, Value input, const Windows &windows,
                    TypedAttr fill) {
  Value source = context.tensor(input);
  if (!windows.isPadded())
    return {source, false};
  SmallVector<Dim> dims = context[input].dims, shape = {dims[0]};
  for (unsigned i = 0; i < windows.rank(); ++i)
    shape.push_back(windows.in[i] + windows.low[i] + windows.high[i]);
  shape.push_back(dims[1]);
  // What is filled already along the axes before one is not filled again along it.
  Value result = context.empty(loc, shape, context[input].element);
  SmallVector<Dim> starts(shape.size(), Dim(0)), sizes = shape;
  for (unsigned i = 0; i < windows.rank(); ++i) {
    for (bool above : {false, true}) {
      const Dim &width = above ? windows.high[i] : windows.low[i];
      if (width.is(0))
        continue;
      starts[i + 1] = above ? windows.in[i] + windows.low[i] : Dim(0);
      sizes[i + 1] = width;
      result = insert(context, loc, {{}, {}, fill}, result, starts, sizes);
    }
    starts[i + 1] = windows.low[i];
    sizes[i + 1] = windows.in[i];
  }
  // (n, i..., c) reads the source at (n, c, i...).
  unsigned rank = shape.size();
  SmallVector<AffineExpr> read = {context.b.getAffineDimExpr(0),
                                  context.b.getAffineDimExpr(rank - 1)};
  for (unsigned i = 1; i + 1 < rank; ++i)
    read.push_back(context.b.getAffineDimExpr(i));
  AffineMap map = AffineMap::get(rank, 0, read, context.getContext());
  return {insert(context, loc, {source, map, {}}, result, starts, sizes), true};
}

Value channelsFirst(Context &context, Location loc, Value tensor, ArrayRef<Dim> shape) {
  unsigned rank = shape.size();
  SmallVector<AffineExpr> read = {context.b.getAffineDimExpr(0)};
  SmallVector<Dim> to = {shape[0], shape.back()};
  for (unsigned i = 1; i + 1 < rank; ++i) {
    read.push_back(context.b.getAffineDimExpr(i + 1));
    to.push_back(shape[i]);
  }
  read.push_back(context.b.getAffineDimExpr(1));
  return context.move(loc, tensor, AffineMap::get(rank, 0, read, context.getContext()), to);
}

Value viewOf(Context &context, Value operand, ArrayRef<Dim> shape) {
  if (ElementsAttr constant = context.constantAs(operand, shape))
    return context.weight(operand.getLoc(), constant);
  return context.reshape(operand.getLoc(), context.tensor(operand), context[operand].dims, shape);
}

Reason refuseConvolution(Operation *operation) {
  AnyOp op(operation);
  auto input = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto weight = dyn_cast<RankedTensorType>(op.in("W").getType());
  if (!input || !weight || !weight.hasStaticShape())
    return "the shape of its weight is not known";
  if (weight.getRank() != input.getRank())
    return "input and weight have different ranks";
  if (input.getRank() < 3 || input.getRank() > 5)
    return "it has no one to three spatial axes";
  if (!isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(input.getElementType()))
    return "it is supported for floats only";
  return std::nullopt;
}

} // namespace strut::kernelize
