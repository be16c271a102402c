//===- RoiAlign.cpp - Regions of images as small images -------------------===//
//
// How many samples an element is the mean or the maximum of is known only with the region:
// a region of loops.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Real.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Reason supportsRoiAlign(Operation *operation) {
  AnyOp op(operation);
  auto image = dyn_cast<RankedTensorType>(op.in("X").getType());
  auto regions = dyn_cast<RankedTensorType>(op.in("rois").getType());
  if (!image || image.getRank() != 4 || !regions || regions.getRank() != 2)
    return "its image and its regions are not known to have 4 and 2 axes";
  if (intAttr(op, "output_height", 1) < 1 || intAttr(op, "output_width", 1) < 1 ||
      intAttr(op, "sampling_ratio") < 0)
    return "its output or its sampling ratio is not valid";
  return std::nullopt;
}

/// A region along one axis: where it begins, how long an element of the result is, and how
/// many samples one has.
struct Span {
  Value begin, step, samples;
};

/// Two neighbours along an axis and their weights, and whether the sample lies in the image.
struct Neighbours {
  Value places[2], weights[2], exists;
};

class RoiAligner {
public:
  RoiAligner(AnyOp op, Type computed)
      : computed(computed), scale(floatAttr(op, "spatial_scale", 1)),
        ratio(intAttr(op, "sampling_ratio")) {
    auto mode = op.attr<StringAttr>("mode");
    isMax = mode && mode.getValue() == "max";
    auto coordinates = op.attr<StringAttr>("coordinate_transformation_mode");
    isHalfPixel = !coordinates || coordinates.getValue() == "half_pixel";
  }

  /// Of the numbers where a region begins and ends.
  Span spanOf(Code &c, Value begin, Value end, int64_t elements, Value extent) const {
    double offset = isHalfPixel ? 0.5 : 0;
    auto place = [&](Value x) { return Real(c, c.cast(x, computed)) * Real(scale) - offset; };
    Real first = place(begin), length = place(end) - first;
    if (!isHalfPixel)
      length = max(length, 1);
    Real step = length / double(elements);
    Value samples = c.index(ratio);
    if (ratio == 0) {
      // A region that is no number has no samples, and one beyond all images not too many.
      constexpr double most = 1 << 16;
      Real count = min(max(ceil(step), 0), most);
      count = select(count == count, count, 0);
      samples = c.make<arith::IndexCastOp>(
          c.b.getIndexType(), c.make<arith::FPToSIOp>(c.b.getI64Type(), count.in(c, computed)));
    }
    // An image without elements has nothing to sample.
    Value empty = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, extent, c.index(0));
    return {first.in(c, computed), step.in(c, computed), c.select(empty, c.index(0), samples)};
  }

  Neighbours neighboursOf(Code &c, const Span &span, Value element, Value sample,
                          Value extent) const {
    Real size = asReal(c, extent, computed), last = size - 1, step(c, span.step);
    Real place = Real(c, span.begin) + asReal(c, element, computed) * step +
                 (asReal(c, sample, computed) + 0.5) * step / asReal(c, span.samples, computed);
    Neighbours n;
    Value below = c.less(place.in(c, computed), c.constant(-1, computed));
    Value beyond = c.less(size.in(c, computed), place.in(c, computed));
    n.exists = c.make<arith::XOrIOp>(c.make<arith::OrIOp>(below, beyond),
                                     c.make<arith::ConstantIntOp>(1, 1));
    place = min(max(place, 0), last);
    Real low = floor(place), high = min(low + 1, last), weight = place - low;
    auto index = [&](const Real &x) {
      return c.make<arith::IndexCastOp>(
          c.b.getIndexType(), c.make<arith::FPToSIOp>(c.b.getI64Type(), x.in(c, computed)));
    };
    n.places[0] = index(low);
    n.places[1] = index(high);
    n.weights[0] = (Real(1) - weight).in(c, computed);
    n.weights[1] = weight.in(c, computed);
    return n;
  }

  /// The sum or the maximum with one sample more: the sum of its weighted neighbours or,
  /// as the standard's reference has it, the largest of them.
  Value withSample(Code &c, Value before, Value image, ArrayRef<Value> at, const Neighbours &y,
                   const Neighbours &x) const {
    Value exists = c.make<arith::AndIOp>(y.exists, x.exists), sample;
    for (int i : {0, 1})
      for (int j : {0, 1}) {
        Value value = c.cast(read(c, image, {at[0], at[1], y.places[i], x.places[j]}), computed);
        Value term = c.mul(c.mul(y.weights[i], x.weights[j]), value);
        sample = !sample ? term : isMax ? c.max(sample, term) : c.add(sample, term);
      }
    sample = c.select(exists, sample, c.constant(0, computed));
    return isMax ? c.max(before, sample) : c.add(before, sample);
  }

  Type computed;
  double scale;
  int64_t ratio;
  bool isMax = false, isHalfPixel = true;
};

/// The element at [region, channel, y, x] of the result.
Value pooledElement(Code &c, const RoiAligner &align, ValueRange inputs, ValueRange place,
                    ArrayRef<int64_t> size) {
  Value image = inputs[0], regions = inputs[1];
  SmallVector<Value> extents = extentsOf(c, image);
  auto number = [&](int64_t i) { return read(c, regions, {place[0], c.index(i)}); };
  Span y = align.spanOf(c, number(1), number(3), size[0], extents[2]);
  Span x = align.spanOf(c, number(0), number(2), size[1], extents[3]);
  Value index = c.make<tensor::ExtractOp>(inputs[2], place[0]);
  SmallVector<Value> at = {c.asSigned().boundedIndex(index, extents[0]), place[1]};
  double first = align.isMax ? -std::numeric_limits<double>::infinity() : 0;
  Value empty = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, extents[0], c.index(0));
  y.samples = c.select(empty, c.index(0), y.samples);
  Value total = loops(c, {y.samples, x.samples}, c.constant(first, align.computed),
                      [&](Code &c, ValueRange sample, ValueRange carried) -> SmallVector<Value> {
                        Neighbours ny = align.neighboursOf(c, y, place[2], sample[0], extents[2]);
                        Neighbours nx = align.neighboursOf(c, x, place[3], sample[1], extents[3]);
                        return {align.withSample(c, carried[0], image, at, ny, nx)};
                      })[0];
  Value count = c.make<arith::MulIOp>(y.samples, x.samples);
  if (!align.isMax) {
    count = c.make<arith::MaxSIOp>(count, c.index(1));
    Value number = c.make<arith::IndexCastOp>(c.b.getI64Type(), count);
    return c.div(total, c.make<arith::SIToFPOp>(align.computed, number));
  }
  Value none = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, count, c.index(0));
  return c.select(none, c.constant(0, align.computed), total);
}

LogicalResult lowerRoiAlign(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value image = op.in("X"), regions = op.in("rois"), numbers = op.in("batch_indices");
  SmallVector<Dim> dims = context[image].dims;
  std::optional<Dim> count = context.unify(context[regions].dims[0], context[numbers].dims[0]);
  if (!count || !context[regions].dims[1].is(4))
    return context.refuse(op, "its regions are not known to be four numbers each, and as many as "
                              "its batch_indices");
  int64_t size[] = {intAttr(op, "output_height", 1), intAttr(op, "output_width", 1)};
  SmallVector<Dim> shape = {*count, dims[1], Dim(size[0]), Dim(size[1])};
  Type element = context[image].element;
  RoiAligner align(op, element.isF64() ? element : Type(context.b.getF32Type()));
  SmallVector<Value> results = context.region(
      op->getLoc(), {context.tensor(image), context.tensor(regions), context.tensor(numbers)},
      {{shape, element, {}}}, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        return loops(c, extentsOf(c, x[3]), x[3],
                     [&](Code &c, ValueRange place, ValueRange carried) -> SmallVector<Value> {
                       Value value = pooledElement(c, align, x, place, size);
                       return {written(c, value, carried[0], place)};
                     });
      });
  context.define(op->getResult(0), results[0], shape);
  return success();
}

} // namespace

void addRoiAlign(LoweringTable &table) {
  table["onnx.RoiAlign"] = {supportsRoiAlign, lowerRoiAlign};
}

} // namespace strut::kernelize
