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

Reason supportsConvTranspose(Operation *operation) {
  AnyOp op(operation);
  if (Reason reason = refuseConvolution(operation))
    return reason;
  if (intAttr(op, "group", 1) != 1)
    return "groups are not supported yet";
  auto autoPad = op.attr<StringAttr>("auto_pad");
  if (op.attr<DenseI64ArrayAttr>("output_shape") ||
      (autoPad && autoPad.getValue().starts_with("SAME")))
    return "padding that follows from the shape of the result is not supported yet";
  return std::nullopt;
}

/// The element of the input that reaches place `o` of the result through element
/// `k` of the window, and whether there is one.
struct Origin {
  Value place, exists;
};

Origin originOf(Code &c, const Windows &w, unsigned axis, Value o, Value k, Value extent) {
  Value zero = c.index(0), stride = c.index(w.strides[axis]);
  Value reach = c.make<arith::MulIOp>(k, c.index(w.dilations[axis]));
  Value p = c.make<arith::SubIOp>(c.make<arith::AddIOp>(o, c.index(w.low[axis])), reach);
  Value at = c.make<arith::MaxSIOp>(p, zero);
  Value place = c.make<arith::DivUIOp>(at, stride), rest = c.make<arith::RemUIOp>(at, stride);
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
  for (unsigned i = 0; i < windows->rank(); ++i) {
    int64_t span = windows->dilations[i] * (windows->kernel[i] - 1) + 1;
    int64_t more = extra && i < extra.size() ? extra[i] : 0;
    windows->out.push_back((windows->in[i] - Dim(1)) * Dim(windows->strides[i]) +
                           Dim(span + more - windows->low[i] - windows->high[i]));
    if (windows->out[i].isConstant() && windows->out[i].constant() < 0) {
      (void)context.refuse(op, "its padding is larger than its result");
      return std::nullopt;
    }
  }
  return windows;
}

LogicalResult lowerConvTranspose(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X"), weight = op.in("W"), bias = op.in("B");
  SmallVector<Dim> dims = context[input].dims;
  auto weightShape = cast<RankedTensorType>(weight.getType()).getShape();
  if (!dims[1].is(weightShape[0]))
    return context.refuse(op, "its channels do not fit its weight");
  std::optional<Windows> windows = transposedWindows(op, context, dims, weightShape.drop_front(2));
  if (!windows)
    return failure();
  // (n, o..., oc, k..., ic)
  unsigned rank = windows->rank(), size = 2 * rank + 3;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  Type element = context[input].element;
  Context::Init init{
      {dims[0]},
      element,
      AffineMap::getMultiDimIdentityMap(size, op->getContext()).getMajorSubMap(rank + 2)};
  SmallVector<AffineExpr> filter = {d(size - 1), d(rank + 1)};
  SmallVector<Value> dynamic;
  for (unsigned i = 0; i < rank; ++i) {
    filter.push_back(d(rank + 2 + i));
    init.shape.push_back(windows->out[i]);
    dynamic.push_back(windows->in[i].isConstant() ? Value() : context.dims.value(windows->in[i]));
  }
  init.shape.push_back(Dim(weightShape[1]));
  SmallVector<Input> inputs = {
      {context.tensor(input), {}, {}},
      {context.tensor(weight), AffineMap::get(size, 0, filter, op->getContext()), {}}};
  if (bias)
    inputs.push_back({context.tensor(bias), AffineMap::get(size, 0, d(rank + 1)), {}});
  Value result = context.rows(op->getLoc(), rank + 1, inputs, init, [&](Code &c, ValueRange x) {
    SmallVector<Value> at = {c.dim(0), c.dim(size - 1)};
    Value exists;
    for (unsigned i = 0; i < rank; ++i) {
      Value extent = dynamic[i] ? dynamic[i] : c.index(windows->in[i].constant());
      Origin origin = originOf(c, *windows, i, c.dim(1 + i), c.dim(rank + 2 + i), extent);
      at.push_back(origin.place);
      exists = exists ? c.make<arith::AndIOp>(exists, origin.exists) : origin.exists;
    }
    Value value = c.widen(c.fetch(0, element, at));
    Value term = c.select(exists, c.mul(value, x[1]), c.constant(0, value));
    Value sum = c.combine(kernel::CombineKind::Add, term);
    return bias ? c.add(sum, x[2]) : sum;
  });
  SmallVector<Dim> shape = {dims[0], Dim(weightShape[1])};
  llvm::append_range(shape, windows->out);
  context.define(op->getResult(0), channelsFirst(context, op->getLoc(), result, init.shape), shape);
  return success();
}

} // namespace

void addConvTranspose(LoweringTable &table) {
  table["onnx.ConvTranspose"] = {supportsConvTranspose, lowerConvTranspose};
}

} // namespace strut::kernelize
