//===- Signal.cpp - DFT and STFT ------------------------------------------===//
#include "Fourier.h"
#include "Slices.h"
#include "dialects/Onnx/Parts.h"
#include "strut/Algebra/Fourier.h"
#include "strut/Kernelize/Passes.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The one number of an operand that is known when dimensions are bound.
std::optional<Dim> numberOf(Context &context, Value operand) {
  const auto &contents = context[operand].contents;
  return contents && contents->size() == 1 ? std::optional(contents->front()) : std::nullopt;
}

/// The factors that were chosen for a length, or else those with the fewest products.
SmallVector<int64_t> factorsOf(Operation *op, const Dim &length) {
  if (!length.isConstant())
    return {};
  auto chosen = op->getAttrOfType<DenseI64ArrayAttr>(kFactorsAttr);
  int64_t product = 1;
  for (int64_t factor : chosen ? chosen.asArrayRef() : ArrayRef<int64_t>())
    product *= factor;
  if (chosen && product == length.constant())
    return llvm::to_vector(chosen.asArrayRef());
  std::vector<int64_t> factors = algebra::balancedFactors(length.constant());
  return SmallVector<int64_t>(factors.begin(), factors.end());
}

bool isPositive(Context &context, const Dim &dim) {
  return !dim.isConstant() || dim.constant() > 0;
}

/// The signal: one whose parts are put side by side has them one after the other instead, for
/// the transform reads them apart.
Value signalOf(Value signal, Context &context) {
  auto parts = onnx_ir::partsOfConcat(signal);
  if (!parts)
    return context.tensor(signal);
  SmallVector<Dim> dims = context[signal].dims, part(ArrayRef(dims).drop_back()), whole = {Dim(2)};
  llvm::append_range(whole, part);
  part.insert(part.begin(), Dim(1));
  Location loc = signal.getLoc();
  Value apart = context.empty(loc, whole, context[signal].element);
  Value both[] = {parts->first, parts->second};
  for (auto [i, value] : llvm::enumerate(both)) {
    SmallVector<Dim> starts(whole.size(), Dim(0));
    starts.front() = Dim(i);
    Value source =
        context.reshape(loc, context.tensor(value), SmallVector<Dim>(context[value].dims), part);
    apart = insert(context, loc, {source, {}, {}}, apart, starts, part);
  }
  // (i..., part) is read at (part, i...).
  SmallVector<AffineExpr> read = {context.b.getAffineDimExpr(dims.size() - 1)};
  for (unsigned i = 0; i + 1 < dims.size(); ++i)
    read.push_back(context.b.getAffineDimExpr(i));
  return context.move(loc, apart, AffineMap::get(dims.size(), 0, read, context.getContext()), dims);
}

LogicalResult lowerDFT(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value x = op.in("input"), axisOperand = op.in("axis"), lengthOperand = op.in("dft_length");
  SmallVector<Dim> dims = context[x].dims;
  int64_t rank = dims.size(), axis = rank - 2;
  bool isReal = rank > 0 && dims.back().is(1);
  if (rank < 2 || !(isReal || dims.back().is(2)))
    return context.refuse(op, "the last axis of its input has neither one part nor two");
  Fourier what;
  what.inverse = intAttr(op, "inverse") != 0;
  what.oneSided = intAttr(op, "onesided") != 0;
  if (what.oneSided && what.inverse == isReal)
    return context.refuse(op, what.inverse ? "one half of a spectrum must be complex"
                                           : "only a real signal has a one-sided spectrum");
  if (axisOperand) {
    std::optional<Dim> given = numberOf(context, axisOperand);
    if (!given || !given->isConstant())
      return lowerRunTimeFourier(op, context);
    axis = normalizeAxis(given->constant(), rank);
    if (axis < 0 || axis > rank - 2)
      return context.refuse(op, "its axis does not exist, or is that of the parts");
  }
  what.axis = axis;
  what.length = what.givesReal() ? (dims[axis] - Dim(1)) * Dim(2) : dims[axis];
  if (lengthOperand) {
    std::optional<Dim> given = numberOf(context, lengthOperand);
    if (!given)
      return lowerRunTimeFourier(op, context);
    what.length = *given;
  }
  if (!isPositive(context, what.length))
    return context.refuse(op, "its length is not positive");
  what.factors = factorsOf(op, what.length);
  if (auto scale = op->getAttrOfType<FloatAttr>(kScaleAttr))
    what.scale = scale.getValueAsDouble();
  what.realAlone = llvm::all_of(op->getUsers(), [](Operation *user) {
    std::optional<onnx_ir::PartRead> read = onnx_ir::asPartRead(user);
    return read && read->part == 0;
  });
  auto [result, shape] = transformed(context, op->getLoc(), signalOf(x, context), dims, what);
  context.define(op->getResult(0), result, shape);
  return success();
}

/// Frames of a signal [batch, length, parts], times the window: [batch, frames, size, parts].
Value framed(AnyOp op, Context &context, const Dim &frames, const Dim &size, int64_t step) {
  Value signal = op.in("signal"), window = op.in("window");
  SmallVector<Dim> dims = context[signal].dims, shape = {dims[0], frames, size, dims[2]};
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  AffineMap read = AffineMap::get(4, 0, {d(0), d(1) * step + d(2), d(3)}, context.getContext());
  if (!window)
    return context.move(op->getLoc(), context.tensor(signal), read, shape);
  return context.map(op->getLoc(), shape, context[signal].element,
                     {{context.tensor(signal), read, {}},
                      {context.tensor(window), AffineMap::get(4, 0, d(2)), {}}},
                     [](Code &c, ValueRange x) { return c.mul(x[0], x[1]); });
}

LogicalResult lowerSTFT(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value signal = op.in("signal"), window = op.in("window"), lengthOperand = op.in("frame_length");
  SmallVector<Dim> dims = context[signal].dims;
  bool isReal = dims.size() == 3 && dims.back().is(1);
  if (dims.size() != 3 || !(isReal || dims.back().is(2)))
    return context.refuse(op, "its signal is not [batch, length, parts] with one part or two");
  Fourier what;
  what.axis = 2;
  what.length = dims[1];
  what.oneSided = intAttr(op, "onesided", 1) != 0;
  if (what.oneSided && !isReal)
    return context.refuse(op, "only a real signal has a one-sided spectrum");
  if (window && context[window].rank() != 1)
    return context.refuse(op, "its window is no vector");
  std::optional<Dim> step = numberOf(context, op.in("frame_step"));
  if (window)
    what.length = context[window].dims[0];
  if (lengthOperand) {
    std::optional<Dim> given = numberOf(context, lengthOperand);
    if (!given && !window)
      return lowerRunTimeFrames(op, context);
    if (given && window && !context.unify(*given, what.length))
      return context.refuse(op, "its window is not as long as its frames");
    if (given && !window)
      what.length = *given;
  }
  if (!step)
    return lowerRunTimeFrames(op, context);
  if (!step->isConstant() || step->constant() < 1 || !isPositive(context, what.length))
    return context.refuse(op, "the step or the length of its frames is not positive");
  Dim frames = context.dims.floorDiv(dims[1] - what.length, *step) + Dim(1);
  if (!context.dims.isNonNegative(frames))
    frames = context.dims.max(frames, Dim(0));
  what.factors = factorsOf(op, what.length);
  Value x = framed(op, context, frames, what.length, step->constant());
  auto [result, shape] =
      transformed(context, op->getLoc(), x, {dims[0], frames, what.length, dims[2]}, what);
  context.define(op->getResult(0), result, shape);
  return success();
}

Reason refuseOtherFloats(Operation *op) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  if (isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element))
    return std::nullopt;
  return "elements of its type are not supported";
}

} // namespace

void addSignal(LoweringTable &table) {
  table["onnx.DFT"] = {refuseOtherFloats, lowerDFT};
  table["onnx.STFT"] = {refuseOtherFloats, lowerSTFT};
}

} // namespace strut::kernelize
