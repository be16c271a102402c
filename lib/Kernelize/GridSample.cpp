//===- GridSample.cpp - Elements from places that a tensor says -----------===//
//
// Where the grid says to sample, all channels are sampled: places and weights are tables over
// images and grid, computed in f64 once and read for each channel.
//
//===----------------------------------------------------------------------===//
#include "Real.h"
#include "Samples.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

StringRef stringAttr(AnyOp op, StringRef name, StringRef otherwise) {
  auto attr = op.attr<StringAttr>(name);
  return attr ? attr.getValue() : otherwise;
}

Reason supportsGridSample(Operation *operation) {
  AnyOp op(operation);
  auto image = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto grid = dyn_cast<RankedTensorType>(op.in("grid").getType());
  if (!image || !grid || image.getRank() < 3 || grid.getRank() != image.getRank())
    return "its image and its grid are not known to have the same rank of at least 3";
  StringRef mode = stringAttr(op, "mode", "linear"),
            padding = stringAttr(op, "padding_mode", "zeros");
  if (!llvm::is_contained({"nearest", "linear", "bilinear", "cubic", "bicubic"}, mode))
    return ("its mode '" + mode + "' is not one of the standard").str();
  if (!llvm::is_contained({"zeros", "border", "reflection"}, padding))
    return ("its padding '" + padding + "' is not one of the standard").str();
  if (!image.getElementType().isIntOrFloat() ||
      (mode != "nearest" && !isa<FloatType>(image.getElementType())))
    return "floats alone are interpolated; for other elements its mode can be 'nearest' only";
  return std::nullopt;
}

/// The samples of a grid along one spatial axis.
class GridAxis {
public:
  GridAxis(AnyOp op, const Extent &in)
      : in(in), mode(stringAttr(op, "mode", "linear")),
        padding(stringAttr(op, "padding_mode", "zeros")), aligns(intAttr(op, "align_corners")) {
    mode.consume_front("bi");
  }

  bool isNearest() const { return mode == "nearest"; }
  int64_t taps() const { return isNearest() ? 1 : mode == "cubic" ? 4 : 2; }

  Real placeOfTap(Code &c, const Real &coordinate, const Real &tap) const {
    Real number = neighbour(placeOf(c, coordinate), tap), last = extent(c) - 1;
    if (padding == "reflection")
      number = reflected(c, number);
    Real inside = max(min(number, last), 0);
    return padding == "zeros" ? select(number < Real(0) || last < number, -1, inside) : inside;
  }

  Real weightOfTap(Code &c, const Real &coordinate, const Real &tap) const {
    Real place = placeOf(c, coordinate), distance = abs(neighbour(place, tap) - place);
    constexpr double a = -0.75; // of the standard
    return mode == "cubic" ? cubicWeight(distance, a) : linearWeight(distance);
  }

private:
  Real extent(Code &c) const { return asReal(c, in.in(c), c.b.getF64Type()); }

  /// The place of a coordinate, of which -1 and 1 are the borders: the middles of the outermost
  /// elements, or their ends. Far places are brought back.
  Real placeOf(Code &c, const Real &coordinate) const {
    Real size = extent(c);
    Real place = aligns ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
    if (isNearest())
      place = roundEven(place);
    if (padding == "border")
      return select(place < low() || high(c) < place, max(min(place, size - 1), 0), place);
    return padding == "reflection" ? reflected(c, place) : place;
  }
  Real low() const { return aligns ? 0 : -0.5; }
  Real high(Code &c) const { return extent(c) - (aligns ? 1 : 0.5); }

  /// Mirrored at both borders until it lies between them.
  Real reflected(Code &c, const Real &place) const {
    Real span = high(c) - low(), from = abs(place - low());
    Real times = floor(from / span), rest = from - times * span;
    Truth isEven = times - Real(2) * floor(times / 2) == Real(0);
    Real back = low() + select(isEven, rest, span - rest);
    // One element that is all there is has its borders in one place.
    return select(Real(0) < span, select(place < low() || high(c) < place, back, place), 0);
  }

  Real neighbour(const Real &place, const Real &tap) const {
    return isNearest() ? place : mode == "cubic" ? floor(place) - 1 + tap : floor(place) + tap;
  }

  Extent in;
  StringRef mode, padding;
  bool aligns;
};

/// A table [taps, image, grid...] of one axis, whose coordinate is this component of the grid.
using Formula = Real (GridAxis::*)(Code &, const Real &, const Real &) const;
Value tableOf(Context &context, Location loc, const GridAxis &axis, const Input &coordinate,
              ArrayRef<Dim> shape, Type type, Formula formula) {
  return context.map(loc, shape, type, {coordinate}, [&](Code &c, ValueRange x) {
    Code s = c.asSigned();
    Type wide = c.b.getF64Type();
    Real place(s, s.cast(x[0], wide)), tap = asReal(s, s.dim(0), wide);
    return s.cast((axis.*formula)(s, place, tap).in(s, wide), type);
  });
}

/// The samples along spatial axis `number` of an image, at the places [image, grid...].
AxisSamples samplesOf(AnyOp op, Context &context, Value grid, unsigned number, ArrayRef<Dim> places,
                      Type computed) {
  GridAxis axis(op, {context, context[op.in("X")].dims[2 + number]});
  unsigned axes = places.size() - 1;
  SmallVector<Dim> shape = {Dim(axis.taps())};
  llvm::append_range(shape, places);
  SmallVector<AffineExpr> at;
  for (unsigned d = 1; d < shape.size(); ++d)
    at.push_back(context.b.getAffineDimExpr(d));
  at.push_back(context.b.getAffineConstantExpr(axes - 1 - number)); // the innermost comes first
  Input coordinate{grid, AffineMap::get(shape.size(), 0, at, context.getContext()), {}};
  auto table = [&](Type type, Formula formula) {
    return tableOf(context, op->getLoc(), axis, coordinate, shape, type, formula);
  };
  AxisSamples samples{2 + number, axis.taps(), {}, {}, {0}};
  for (unsigned d = 0; d < axes; ++d)
    samples.along.push_back(2 + d);
  samples.places = table(context.b.getI32Type(), &GridAxis::placeOfTap);
  if (!axis.isNearest())
    samples.weights = table(computed, &GridAxis::weightOfTap);
  return samples;
}

/// A grid of which only dimensions can tell whether it has `axes` coordinates for each place, as a
/// tensor of so many.
FailureOr<Value> checkedGrid(AnyOp op, Context &context, Value grid, unsigned axes) {
  SmallVector<Dim> shape = context[grid].dims;
  if (failed(context.requireNoDifference(op, shape.back() - Dim(axes),
                                         "its grid has not " + Twine(axes) +
                                             " coordinates for each place")))
    return failure();
  shape.back() = Dim(axes);
  AffineMap identity = context.b.getMultiDimIdentityMap(shape.size());
  return context.move(op->getLoc(), context.tensor(grid), identity, shape);
}

LogicalResult lowerGridSample(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value image = op.in("X"), grid = op.in("grid");
  SmallVector<Dim> from = context[image].dims, places = context[grid].dims;
  unsigned axes = from.size() - 2;
  if (places.back().isConstant() && !places.back().is(axes))
    return context.refuse(op, "the last extent of its grid is not " + Twine(axes) +
                                  ", a coordinate for each spatial axis");
  FailureOr<Value> coordinates =
      places.back().is(axes) ? context.tensor(grid) : checkedGrid(op, context, grid, axes);
  if (failed(coordinates))
    return failure();
  places.pop_back();
  std::optional<Dim> images = context.unify(from[0], places[0]);
  if (!images)
    return context.refuse(op, "it cannot be told that there are as many grids as images");
  places[0] = *images;
  SmallVector<Dim> shape = {*images, from[1]};
  llvm::append_range(shape, ArrayRef(places).drop_front());
  Sampler sampler(context, op->getLoc(), cast<ShapedType>(image.getType()).getElementType());
  if (stringAttr(op, "padding_mode", "zeros") == "zeros")
    sampler.outside = Outside::Neighbour;
  SmallVector<AxisSamples> samples;
  for (unsigned i = 0; i < axes; ++i) {
    if (from[2 + i].is(0) && !product(shape).is(0))
      return context.refuse(op, "spatial axis " + Twine(i) + " has no elements to sample");
    samples.push_back(samplesOf(op, context, *coordinates, i, places, sampler.computed));
  }
  context.define(op->getResult(0), sampler.sample(context.tensor(image), shape, samples), shape);
  return success();
}

} // namespace

void addGridSample(LoweringTable &table) {
  table["onnx.GridSample"] = {supportsGridSample, lowerGridSample};
}

} // namespace strut::kernelize
