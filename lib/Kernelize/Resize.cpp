//===- Resize.cpp - Interpolation -----------------------------------------===//
//
// A map that fetches: each element of the result finds its place in the input
// and reads the nearest element, or weighs its neighbours.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// An axis whose extent changes.
struct ResizedAxis {
  unsigned axis;
  Extent in, out;
  /// Elements of the result per element of the input; none for out / in.
  std::optional<double> scale;
};

struct Interpolation {
  StringRef mode, transformation, rounding;
};

StringRef stringAttr(AnyOp op, StringRef name, StringRef otherwise) {
  auto attr = op.attr<StringAttr>(name);
  return attr ? attr.getValue() : otherwise;
}

Interpolation interpolationOf(AnyOp op) {
  return {stringAttr(op, "mode", "nearest"),
          stringAttr(op, "coordinate_transformation_mode", "half_pixel"),
          stringAttr(op, "nearest_mode", "round_prefer_floor")};
}

Reason supportsResize(Operation *operation) {
  AnyOp op(operation);
  Interpolation how = interpolationOf(op);
  if (how.mode != "nearest" && how.mode != "linear")
    return ("its mode '" + how.mode + "' is not supported yet").str();
  if (how.transformation == "tf_crop_and_resize" || how.transformation == "half_pixel_symmetric")
    return ("its coordinates '" + how.transformation + "' are not supported yet").str();
  if (intAttr(op, "antialias"))
    return "antialias is not supported yet";
  if (stringAttr(op, "keep_aspect_ratio_policy", "stretch") != "stretch")
    return "keeping the aspect ratio is not supported yet";
  auto type = dyn_cast<ShapedType>(op.in("X").getType());
  if (!type || !isa<FloatType>(type.getElementType()))
    return "it is supported for floats only";
  return std::nullopt;
}

/// An index as a float.
Value toFloat(Code &c, Value index) {
  return c.make<arith::SIToFPOp>(c.b.getF32Type(),
                                 c.make<arith::IndexCastOp>(c.b.getI32Type(), index));
}

/// (in - 1) / (out - 1), and 0 where there is one element only.
Value cornerScale(Code &c, const ResizedAxis &axis) {
  Value one = c.index(1), last = c.make<arith::SubIOp>(axis.out.in(c), one);
  Value numerator = toFloat(c, c.make<arith::SubIOp>(axis.in.in(c), one));
  Value quotient = c.div(numerator, toFloat(c, c.make<arith::MaxSIOp>(last, one)));
  Value single = c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, last, one);
  return c.select(single, c.constant(0, quotient), quotient);
}

/// The place in the input that element `place` of the result stands for.
Value sourcePlace(Code &c, Value place, const ResizedAxis &axis, StringRef transformation) {
  Value x = toFloat(c, place);
  auto number = [&](double value) { return c.constant(value, x); };
  if (transformation == "align_corners")
    return c.mul(x, cornerScale(c, axis));
  Value scale = axis.scale ? number(*axis.scale)
                           : c.div(toFloat(c, axis.out.in(c)), toFloat(c, axis.in.in(c)));
  if (transformation == "asymmetric")
    return c.div(x, scale);
  Value centred = c.sub(c.div(c.add(x, number(0.5)), scale), number(0.5));
  if (transformation != "pytorch_half_pixel")
    return centred;
  Value single = c.make<arith::CmpIOp>(arith::CmpIPredicate::sle, axis.out.in(c), c.index(1));
  return c.select(single, number(0), centred);
}

/// A float that holds an integer, as an index within the axis.
Value clampedIndex(Code &c, Value x, const Extent &extent) {
  Value i =
      c.make<arith::IndexCastOp>(c.b.getIndexType(), c.make<arith::FPToSIOp>(c.b.getI32Type(), x));
  Value last = c.make<arith::SubIOp>(extent.in(c), c.index(1));
  return c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(i, last), c.index(0));
}

Value nearest(Code &c, Value x, StringRef rounding) {
  if (rounding == "floor")
    return c.make<math::FloorOp>(x);
  if (rounding == "ceil")
    return c.make<math::CeilOp>(x);
  if (rounding == "round_prefer_ceil")
    return c.make<math::FloorOp>(c.add(x, c.constant(0.5, x)));
  return c.make<math::CeilOp>(c.sub(x, c.constant(0.5, x)));
}

/// Interpolates between both neighbours along each axis from `next` on.
Value blend(Code &c, ArrayRef<ResizedAxis> axes, ArrayRef<Value> places, MutableArrayRef<Value> at,
            Type element) {
  if (axes.empty())
    return c.widen(c.fetch(0, element, at));
  const ResizedAxis &axis = axes.front();
  Value low = c.make<math::FloorOp>(places.front());
  Value weight = c.sub(places.front(), low);
  at[axis.axis] = clampedIndex(c, low, axis.in);
  Value left = blend(c, axes.drop_front(), places.drop_front(), at, element);
  at[axis.axis] = clampedIndex(c, c.add(low, c.constant(1, low)), axis.in);
  Value right = blend(c, axes.drop_front(), places.drop_front(), at, element);
  weight = c.cast(weight, left.getType());
  return c.add(left, c.mul(weight, c.sub(right, left)));
}

/// floor(extent * scale), exactly: a float is a whole number over a power of two.
Dim scaled(Context &context, const Dim &extent, double scale) {
  int64_t denominator = 1;
  for (; scale != std::floor(scale) && denominator < (int64_t(1) << 30); denominator *= 2)
    scale *= 2;
  return context.dims.floorDiv(extent * Dim(int64_t(scale)), denominator);
}

/// Extents and scales from `sizes` or `scales`; none, with a message, if they
/// depend on data.
std::optional<SmallVector<ResizedAxis>> resizedAxes(AnyOp op, Context &context, ArrayRef<Dim> from,
                                                    SmallVector<Dim> &to) {
  auto refuse = [&](const Twine &why) {
    (void)context.refuse(op, why);
    return std::nullopt;
  };
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, from.size()));
  if (auto given = op.attr<DenseI64ArrayAttr>("axes"))
    axes = llvm::to_vector(given.asArrayRef());
  SmallVector<double> scales;
  std::optional<SmallVector<Dim>> sizes;
  if (Value operand = op.in("sizes")) {
    sizes = context[operand].contents;
  } else if (Value operand = op.in("scales")) {
    ElementsAttr constant = context[operand].constant;
    auto values = constant ? constant.tryGetValues<float>() : std::nullopt;
    if (values)
      scales.assign(values->begin(), values->end());
  }
  if ((sizes ? sizes->size() : scales.size()) != axes.size())
    return refuse("its sizes are computed from data, or its scales are no constants");
  SmallVector<ResizedAxis> result;
  to.assign(from.begin(), from.end());
  for (auto [i, given] : llvm::enumerate(axes)) {
    int64_t axis = normalizeAxis(given, from.size());
    if (axis < 0 || axis >= int64_t(from.size()))
      return refuse("one of its axes does not exist");
    if (!sizes && scales[i] == 1)
      continue;
    // An axis of 4096 parts at most, so that scaling the extent stays exact.
    constexpr double most = 4096;
    if (!sizes && !(scales[i] > 0 && scales[i] <= most))
      return refuse("its scale along axis " + Twine(axis) + " is not positive or absurd");
    std::optional<double> scale;
    if (!sizes)
      scale = scales[i];
    const Dim &in = from[axis];
    to[axis] = sizes ? (*sizes)[i] : scaled(context, in, *scale);
    if (in.is(0) && !to[axis].is(0))
      return refuse("axis " + Twine(axis) + " has no elements to interpolate");
    if (to[axis] != in || scale)
      result.push_back({unsigned(axis), {context, in}, {context, to[axis]}, scale});
  }
  return result;
}

LogicalResult lowerResize(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X");
  SmallVector<Dim> from = context[input].dims, to;
  auto axes = resizedAxes(op, context, from, to);
  if (!axes)
    return failure();
  Interpolation how = interpolationOf(op);
  Type element = context[input].element;
  Value result = context.map(
      op->getLoc(), to, element, {{context.tensor(input), {}, {}}}, [&](Code &c, ValueRange) {
        SmallVector<Value> at, places;
        for (unsigned i = 0; i < from.size(); ++i)
          at.push_back(c.dim(i));
        for (const ResizedAxis &axis : *axes)
          places.push_back(sourcePlace(c, at[axis.axis], axis, how.transformation));
        if (how.mode == "linear")
          return blend(c, *axes, places, at, element);
        for (auto [axis, place] : llvm::zip(*axes, places))
          at[axis.axis] = clampedIndex(c, nearest(c, place, how.rounding), axis.in);
        return c.fetch(0, element, at);
      });
  context.define(op->getResult(0), result, to);
  return success();
}

} // namespace

void addResize(LoweringTable &table) { table["onnx.Resize"] = {supportsResize, lowerResize}; }

} // namespace strut::kernelize
