//===- Resize.cpp - Interpolation -----------------------------------------===//
//
// Which elements an element is made of, and by what weights, is known per axis: tables
// of numbers and weights, constants of the model where all extents are. The interpolation
// is then a map that fetches. Axes of few neighbours are taken together; those of many one
// by one, the sums as rows where they are long.
//
//===----------------------------------------------------------------------===//
#include "Resampling.h"
#include "Samples.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Reason supportsResize(Operation *operation) {
  AnyOp op(operation);
  auto type = dyn_cast<ShapedType>(op.in("X").getType());
  if (!type || !type.getElementType().isIntOrFloat())
    return "elements of its type are not supported";
  auto mode = op.attr<StringAttr>("mode");
  if (mode && mode.getValue() != "nearest" && type.getElementType().isInteger(1))
    return "truth values cannot be interpolated; its mode can be 'nearest' only";
  return std::nullopt;
}

class Resizer {
public:
  Resizer(AnyOp op, Context &context, const Resampling &r)
      : op(op), context(context), r(r), loc(op->getLoc()),
        sampler(context, loc, cast<ShapedType>(op.in("X").getType()).getElementType()) {
    if (r.crops())
      sampler.outside = Outside::Element;
    sampler.value = r.extrapolation;
  }

  void run();

private:
  using Formula = Real (Resampling::*)(Code *, const ResampledAxis &, const Real &,
                                       const Real &) const;

  SmallVector<const ResampledAxis *> inOrder() const;
  AxisSamples samplesOf(const ResampledAxis &axis);
  Value knownTable(const ResampledAxis &axis, Type type, Formula formula, bool sums);
  Value computedTable(const ResampledAxis &axis, Type type, Formula formula);
  Value computedWeights(const ResampledAxis &axis);

  AnyOp op;
  Context &context;
  const Resampling &r;
  Location loc;
  Sampler sampler;
};

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

Value Resizer::knownTable(const ResampledAxis &axis, Type type, Formula formula, bool sums) {
  int64_t taps = axis.taps().constant(), size = axis.out.dim.constant();
  SmallVector<double> numbers(taps * size);
  for (int64_t i = 0; i < size; ++i) {
    double sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap)
      sum += numbers[tap * size + i] = (r.*formula)(nullptr, axis, double(i), double(tap)).value();
    for (int64_t tap = 0; sums && sum != 0 && tap < taps; ++tap)
      numbers[tap * size + i] /= sum;
  }
  auto elements = llvm::map_to_vector(numbers, [&](double number) -> Attribute {
    return isa<FloatType>(type) ? Attribute(context.b.getFloatAttr(type, number))
                                : context.b.getIntegerAttr(type, int64_t(number));
  });
  return context.weight(
      loc, DenseElementsAttr::get(RankedTensorType::get({taps, size}, type), elements));
}

Value Resizer::computedTable(const ResampledAxis &axis, Type type, Formula formula) {
  return context.map(loc, {axis.taps(), axis.out.dim}, type, r.runTimeInputs(),
                     [&](Code &c, ValueRange) {
                       Type wide = c.b.getF64Type();
                       Real tap = asReal(c, c.dim(0), wide), i = asReal(c, c.dim(1), wide);
                       Code s = c.asSigned();
                       Value number = (r.*formula)(&s, axis, i, tap).in(s, wide);
                       return s.cast(number, type);
                     });
}

/// The weights divided by their sum.
Value Resizer::computedWeights(const ResampledAxis &axis) {
  AffineMap turned = AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, context.getContext());
  return context.rows(loc, 1, r.runTimeInputs(),
                      {{axis.taps(), axis.out.dim}, sampler.computed, turned},
                      [&](Code &c, ValueRange) {
                        Type wide = c.b.getF64Type();
                        Real i = asReal(c, c.dim(0), wide), tap = asReal(c, c.dim(1), wide);
                        Code s = c.asSigned();
                        Value weight = r.weightOfTap(&s, axis, i, tap).in(s, wide);
                        Real sum(s, s.combine(kernel::CombineKind::Add, weight));
                        Real scaled = Real(s, weight) / select(sum == Real(0), 1, sum);
                        return s.cast(scaled.in(s, wide), sampler.computed);
                      });
}

AxisSamples Resizer::samplesOf(const ResampledAxis &axis) {
  Type index = context.b.getI32Type();
  AxisSamples samples{axis.axis, axis.taps(), {}, {}, {axis.axis}};
  constexpr int64_t most = 1 << 16;
  bool isKnown = axis.isKnown && axis.taps().constant() * axis.out.dim.constant() <= most;
  samples.places = isKnown ? knownTable(axis, index, &Resampling::placeOfTap, false)
                           : computedTable(axis, index, &Resampling::placeOfTap);
  if (r.isNearest())
    return samples;
  if (isKnown)
    samples.weights = knownTable(axis, sampler.computed, &Resampling::weightOfTap, r.needsSum());
  else
    samples.weights = r.needsSum()
                          ? computedWeights(axis)
                          : computedTable(axis, sampler.computed, &Resampling::weightOfTap);
  return samples;
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Axes that lose elements come first, then those that gain the fewest: the kernels that follow
/// have less to do. Of equals the innermost, where elements are found one by one, is first
/// while there are few.
SmallVector<const ResampledAxis *> Resizer::inOrder() const {
  auto order = llvm::map_to_vector(r.axes, [](const ResampledAxis &axis) { return &axis; });
  llvm::sort(order, [](const ResampledAxis *a, const ResampledAxis *b) {
    if (a->ratio != b->ratio)
      return a->ratio < b->ratio;
    return a->ratio < 1 ? a->axis < b->axis : a->axis > b->axis;
  });
  return order;
}

void Resizer::run() {
  Value input = op.in("X");
  if (r.axes.empty()) {
    context.define(op->getResult(0), Tracked(context[input]));
    return;
  }
  SmallVector<SmallVector<const ResampledAxis *>> passes;
  int64_t terms = Sampler::fewTerms + 1;
  for (const ResampledAxis *axis : inOrder()) {
    terms *= axis->taps().isConstant() ? axis->taps().constant() : Sampler::fewTerms + 1;
    if (terms > Sampler::fewTerms) {
      passes.emplace_back();
      terms = axis->taps().isConstant() ? axis->taps().constant() : Sampler::fewTerms + 1;
    }
    passes.back().push_back(axis);
  }
  Value value = context.tensor(input);
  SmallVector<Dim> dims = r.from;
  for (const auto &axes : passes) {
    SmallVector<AxisSamples> samples;
    for (const ResampledAxis *axis : axes) {
      dims[axis->axis] = axis->out.dim;
      samples.push_back(samplesOf(*axis));
    }
    value = sampler.sample(value, dims, samples, &axes != &passes.back());
  }
  context.define(op->getResult(0), value, dims);
}

LogicalResult lowerResize(Operation *operation, Context &context) {
  AnyOp op(operation);
  std::optional<Resampling> resampling = Resampling::read(op, context);
  if (!resampling)
    return failure();
  Resizer(op, context, *resampling).run();
  return success();
}

} // namespace

void addResize(LoweringTable &table) { table["onnx.Resize"] = {supportsResize, lowerResize}; }

} // namespace strut::kernelize
