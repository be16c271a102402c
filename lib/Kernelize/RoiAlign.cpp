//===- RoiAlign.cpp - Regions of images as small images -------------------===//
//
// How many samples an element is the mean or the maximum of is known only with the region:
// loops, a task for each row of a small image. Images lie channels-last, so that all channels
// of a sample are vectors.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Real.h"
#include "Requirements.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

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

  /// What all channels are before the first sample.
  Value start(Code &c) const {
    return c.constant(isMax ? -std::numeric_limits<double>::infinity() : 0, computed);
  }

  /// The sum or the maximum of all channels with one sample more: the sum of its weighted
  /// neighbours or, as the standard's reference has it, the largest of them.
  Value withSample(Code &c, Value before, Value image, Value number, const Neighbours &y,
                   const Neighbours &x) const {
    Value exists = c.make<arith::AndIOp>(y.exists, x.exists);
    SmallVector<Value> neighbours, weights;
    for (int i : {0, 1})
      for (int j : {0, 1}) {
        Piece channels(c, image);
        channels.at(0, number).at(1, y.places[i]).at(2, x.places[j]);
        neighbours.push_back(channels.of(c, image));
        weights.push_back(c.mul(y.weights[i], x.weights[j]));
      }
    return mapped(c, neighbours, before, [&](Code &c, ValueRange v) {
      Value sample;
      for (auto [weight, value] : llvm::zip(weights, v)) {
        Value term = c.mul(weight, c.cast(value, computed));
        sample = !sample ? term : isMax ? c.max(sample, term) : c.add(sample, term);
      }
      sample = c.select(exists, sample, c.constant(0, computed));
      return isMax ? c.max(v.back(), sample) : c.add(v.back(), sample);
    });
  }

  /// All channels, once all samples are in.
  Value finished(Code &c, Value total, Value count) const {
    Value none = c.equal(count, c.index(0));
    Value divisor = c.make<arith::MaxSIOp>(count, c.index(1));
    divisor =
        c.make<arith::SIToFPOp>(computed, c.make<arith::IndexCastOp>(c.b.getI64Type(), divisor));
    return mapped(c, {}, total, [&](Code &c, ValueRange v) {
      Value value = isMax ? v[0] : c.div(v[0], divisor);
      return c.select(none, c.constant(0, computed), value);
    });
  }

  Type computed;
  double scale;
  int64_t ratio;
  bool isMax = false, isHalfPixel = true;

private:
  /// `target` by a function of the elements of the inputs and its own.
  Value mapped(Code &c, ValueRange inputs, Value target, BodyBuilder body) const {
    SmallVector<AffineMap> maps(inputs.size() + 1, c.b.getMultiDimIdentityMap(1));
    return linalg::GenericOp::create(c.b, c.loc, target.getType(), inputs, target, maps,
                                     utils::IteratorType::parallel,
                                     [&](OpBuilder &b, Location loc, ValueRange v) {
                                       Code inner{b, loc, c.isUnsigned};
                                       linalg::YieldOp::create(b, loc, body(inner, v));
                                     })
        .getResult(0);
  }
};

/// The row [x, channel] of the result at [region, y].
Value pooledRow(Code &c, const RoiAligner &align, ValueRange inputs, ValueRange place, Value row,
                ArrayRef<int64_t> size) {
  Value image = inputs[0], regions = inputs[1];
  SmallVector<Value> extents = extentsOf(c, image);
  auto number = [&](int64_t i) { return read(c, regions, {place[0], c.index(i)}); };
  Span y = align.spanOf(c, number(1), number(3), size[0], extents[1]);
  Span x = align.spanOf(c, number(0), number(2), size[1], extents[2]);
  Value index = c.make<tensor::ExtractOp>(inputs[2], place[0]);
  Value which = c.asSigned().boundedIndex(index, extents[0]);
  y.samples = c.select(c.equal(extents[0], c.index(0)), c.index(0), y.samples);
  Value count = c.make<arith::MulIOp>(y.samples, x.samples);
  return loops(c, c.index(size[1]), row,
               [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
                 Piece own = Piece(c, carried[0]).at(0, i[0]);
                 Value channels = own.of(c, carried[0]);
                 channels =
                     linalg::FillOp::create(c.b, c.loc, align.start(c), channels).getResult(0);
                 auto add = [&](Code &c, ValueRange sample, ValueRange sum) {
                   Neighbours ny = align.neighboursOf(c, y, place[1], sample[0], extents[1]);
                   Neighbours nx = align.neighboursOf(c, x, i[0], sample[1], extents[2]);
                   return SmallVector<Value>{align.withSample(c, sum[0], image, which, ny, nx)};
                 };
                 Value total = loops(c, {y.samples, x.samples}, channels, add)[0];
                 return {own.into(c, align.finished(c, total, count), carried[0])};
               })[0];
}

LogicalResult lowerRoiAlign(Operation *operation, Context &context) {
  AnyOp op(operation);
  Location loc = op->getLoc();
  Value image = op.in("X"), regions = op.in("rois"), numbers = op.in("batch_indices");
  SmallVector<Dim> dims = context[image].dims;
  std::optional<Dim> count = context.unify(context[regions].dims[0], context[numbers].dims[0]);
  if (!count || !context[regions].dims[1].is(4))
    return context.refuse(op, "its regions are not known to be four numbers each, and as many as "
                              "its batch_indices");
  if (failed(requireIndices(context, op, "batch_indices", op.in("batch_indices"), dims[0],
                            "its images", CountFrom::Beginning)))
    return failure();
  int64_t size[] = {intAttr(op, "output_height", 1), intAttr(op, "output_width", 1)};
  Type element = context[image].element;
  RoiAligner align(op, element.isF64() ? element : Type(context.b.getF32Type()));
  auto permuted = [&](ArrayRef<unsigned> order) {
    return AffineMap::getPermutationMap(order, op->getContext());
  };
  Value last = context.move(loc, context.tensor(image), permuted({0, 3, 1, 2}),
                            {dims[0], dims[2], dims[3], dims[1]});
  SmallVector<Dim> lies = {*count, Dim(size[0]), Dim(size[1]), dims[1]};
  SmallVector<Dim> shape = {*count, dims[1], Dim(size[0]), Dim(size[1])};
  if (product(shape).is(0)) {
    context.define(op->getResult(0), withoutElements(context, loc, shape, element), shape);
    return success();
  }
  Value pooled = context.region(
      loc, {last, context.tensor(regions), context.tensor(numbers)}, {{lies, align.computed, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        auto pieceOf = [](Code &c, ValueRange places, Value all) {
          return Piece(c, all).at(0, places[0]).at(1, places[1]);
        };
        SmallVector<Value> rows = extentsOf(c, x[3]);
        rows.truncate(2);
        return tasks(c, rows, x[3], pieceOf,
                     [&](Code &c, ValueRange place, ValueRange pieces) -> SmallVector<Value> {
                       return {pooledRow(c, align, x, place, pieces[0], size)};
                     });
      })[0];
  Value result = context.map(loc, shape, element, {{pooled, permuted({0, 2, 3, 1}), {}}},
                             [](Code &, ValueRange x) { return x[0]; });
  context.define(op->getResult(0), result, shape);
  return success();
}

} // namespace

void addRoiAlign(LoweringTable &table) {
  table["onnx.RoiAlign"] = {supportsRoiAlign, lowerRoiAlign};
}

} // namespace strut::kernelize
