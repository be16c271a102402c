//===- SignalWindows.cpp - HannWindow, HammingWindow, BlackmanWindow, mel -===//
//
// Vectors and matrices that are computed from a few numbers, in f64: at compile time where
// these are constant and what reads them wants a constant, else once a run.
//
//===----------------------------------------------------------------------===//
#include "Counts.h"
#include <numbers>

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The number of an operand, known when dimensions are bound.
std::optional<Dim> numberOf(Context &context, Value operand) {
  const auto &contents = context[operand].contents;
  return contents && contents->size() == 1 ? std::optional(contents->front()) : std::nullopt;
}

Value real(Code &c, Value number) { return c.cast(number, c.b.getF64Type()); }

Value placeOf(Code &c, unsigned axis) {
  return real(c, c.make<arith::IndexCastOp>(c.b.getI64Type(), c.dim(axis)));
}

/// a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n), with n the size, or one less if symmetric.
struct CosineSum {
  double a0, a1, a2;
};

LogicalResult lowerWindow(AnyOp op, Context &context, const CosineSum &sum) {
  Value size = op.in("size");
  std::optional<Dim> extent = numberOf(context, size);
  if (auto declared = extent ? std::nullopt : context.declaredShape(op->getResult(0))) {
    extent = declared->front();
    if (failed(requireNumbers(context, op, size, {extent->constant()}, "its size")))
      return failure();
  }
  if (!extent)
    return context.refuse(op, "its size is computed from data and not from shapes");
  bool periodic = intAttr(op, "periodic", 1) != 0;
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.map(
      op->getLoc(), *extent, element, {context.broadcast(size, {}, {}, 1)},
      [&](Code &c, ValueRange x) -> Value {
        Value n = real(c, x[0]);
        if (!periodic)
          n = c.sub(n, c.constant(1, n));
        Value angle = c.div(c.mul(placeOf(c, 0), c.constant(2 * std::numbers::pi, n)), n);
        Value cosine = c.make<math::CosOp>(angle);
        Value value = c.sub(c.constant(sum.a0, n), c.mul(c.constant(sum.a1, n), cosine));
        if (sum.a2 != 0) {
          // cos 2a = 2 cos a cos a - 1
          Value twice = c.mul(c.mul(cosine, cosine), c.constant(2 * sum.a2, n));
          value = c.add(value, c.sub(twice, c.constant(sum.a2, n)));
        }
        return value;
      });
  context.define(op->getResult(0), result, *extent);
  return success();
}

/// Numbers of bins of a spectrum, on the mel scale.
struct MelScale {
  Value low, step;    ///< mel of the lower edge, and between two bands
  Value length, rate; ///< of the transform, in values; of the signal, in values a second

  /// The bin of the edge with this number.
  Value binOf(Code &c, Value number) const {
    Value mel = c.add(c.mul(number, step), low);
    // 700 (10^(mel / 2595) - 1)
    Value power = c.mul(mel, c.constant(std::numbers::ln10 / 2595, mel));
    Value hertz = c.mul(c.make<math::ExpM1Op>(power), c.constant(700, mel));
    Value bins = c.mul(c.add(length, c.constant(1, mel)), hertz);
    return c.make<math::FloorOp>(c.div(bins, rate));
  }
};

Value melOf(Code &c, Value hertz) {
  Value ratio = c.div(hertz, c.constant(700, hertz));
  return c.mul(c.make<math::Log1pOp>(ratio), c.constant(2595 / std::numbers::ln10, hertz));
}

/// The weight of bin `bin` in a band that rises from `low` to `centre` and falls to `high`.
Value weightOf(Code &c, Value bin, Value low, Value centre, Value high) {
  auto isAtLeast = [&](Value x, Value y) {
    return c.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, x, y);
  };
  auto both = [&](Value x, Value y) { return c.make<arith::AndIOp>(x, y); };
  Value zero = c.constant(0, bin), one = c.constant(1, bin);
  Value rise = c.sub(centre, low), fall = c.sub(high, centre);
  Value isSteep = c.equal(rise, zero);
  Value rising = c.select(isSteep, one, c.div(c.sub(bin, low), c.select(isSteep, one, rise)));
  Value weight = c.select(both(isAtLeast(bin, low), isAtLeast(centre, bin)), rising, zero);
  Value falls = both(isAtLeast(bin, centre), c.less(bin, high));
  Value falling = c.div(c.sub(high, bin), c.select(falls, fall, one));
  return c.select(falls, falling, weight);
}

/// Makes the run fail where a transform of this length has not as many bins.
LogicalResult requireLength(Context &context, AnyOp op, Value length, int64_t bins) {
  if (!product(context[length].dims).is(1))
    return context.refuse(op, "its dft_length is not one number");
  Type type = context[length].element;
  auto fits = [&](Code &c, ValueRange) {
    Value number = c.cast(c.fetch(0, type, c.index(0)), c.b.getI64Type());
    Value half = c.make<arith::DivSIOp>(number, c.constant(2, number));
    return c.equal(half, c.constant(bins - 1, number));
  };
  context.require(op, context.tensor(length), fits,
                  "its dft_length does not give the shape that the model declares");
  return success();
}

LogicalResult lowerMelWeightMatrix(Operation *operation, Context &context) {
  AnyOp op(operation);
  std::optional<Dim> bands = numberOf(context, op.in("num_mel_bins")),
                     length = numberOf(context, op.in("dft_length"));
  SmallVector<Dim> shape;
  if (bands && length)
    shape = {context.dims.floorDiv(*length, Dim(2)) + Dim(1), *bands};
  else if (auto declared = context.declaredShape(op->getResult(0)))
    shape = *declared;
  else
    return context.refuse(op, "its size is computed from data and not from shapes");
  if (!length && failed(requireLength(context, op, op.in("dft_length"), shape[0].constant())))
    return failure();
  if (!bands && failed(requireNumbers(context, op, op.in("num_mel_bins"), {shape[1].constant()},
                                      "its num_mel_bins")))
    return failure();
  SmallVector<Input> inputs;
  for (StringRef name :
       {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"})
    inputs.push_back(context.broadcast(op.in(name), {}, {}, 2));
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.map(op->getLoc(), shape, element, inputs, [&](Code &c, ValueRange x) {
    Value bands = real(c, x[0]), low = melOf(c, real(c, x[3])), high = melOf(c, real(c, x[4]));
    Value step = c.div(c.sub(high, low), c.add(bands, c.constant(2, bands)));
    MelScale scale{low, step, real(c, x[1]), real(c, x[2])};
    Value band = placeOf(c, 1), edges[3];
    for (int i = 0; i < 3; ++i)
      edges[i] = scale.binOf(c, c.add(band, c.constant(i, band)));
    return weightOf(c, placeOf(c, 0), edges[0], edges[1], edges[2]);
  });
  context.define(op->getResult(0), result, shape);
  return success();
}

Reason refuseResult(Operation *op) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  auto integer = dyn_cast<IntegerType>(element);
  if (isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element) ||
      (integer && integer.getWidth() >= 8))
    return std::nullopt;
  return "elements of its type are not supported";
}

} // namespace

void addSignalWindows(LoweringTable &table) {
  const std::pair<StringRef, CosineSum> windows[] = {
      {"onnx.HannWindow", {0.5, 0.5, 0}},
      {"onnx.HammingWindow", {25.0 / 46, 21.0 / 46, 0}},
      {"onnx.BlackmanWindow", {0.42, 0.5, 0.08}}};
  for (const auto &[name, sum] : windows)
    table[name] = {refuseResult, [sum = sum](Operation *op, Context &context) {
                     return lowerWindow(AnyOp(op), context, sum);
                   }};
  table["onnx.MelWeightMatrix"] = {refuseResult, lowerMelWeightMatrix};
}

} // namespace strut::kernelize
