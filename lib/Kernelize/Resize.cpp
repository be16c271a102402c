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
  int64_t in, out;
  /// Elements of the result per element of the input.
  double scale;
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

/// The place in the input that element `place` of the result stands for.
Value sourcePlace(Code &c, Value place, const ResizedAxis &axis, StringRef transformation) {
  Value x = c.make<arith::SIToFPOp>(c.b.getF32Type(),
                                    c.make<arith::IndexCastOp>(c.b.getI32Type(), place));
  auto number = [&](double value) { return c.constant(value, x); };
  if (transformation == "asymmetric")
    return c.div(x, number(axis.scale));
  if (transformation == "align_corners")
    return axis.out == 1 ? number(0) : c.mul(x, number(double(axis.in - 1) / double(axis.out - 1)));
  if (transformation == "pytorch_half_pixel" && axis.out == 1)
    return number(0);
  return c.sub(c.div(c.add(x, number(0.5)), number(axis.scale)), number(0.5));
}

/// A float that holds an integer, as an index within the axis.
Value clampedIndex(Code &c, Value x, int64_t extent) {
  Value i =
      c.make<arith::IndexCastOp>(c.b.getIndexType(), c.make<arith::FPToSIOp>(c.b.getI32Type(), x));
  return c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(i, c.index(extent - 1)), c.index(0));
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

/// Extents and scales from `sizes` or `scales`; none, with a message, if they
/// are not constant.
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
  std::optional<SmallVector<int64_t>> sizes;
  if (Value operand = op.in("sizes")) {
    sizes = context.integers(operand);
  } else if (Value operand = op.in("scales")) {
    ElementsAttr constant = context[operand].constant;
    auto values = constant ? constant.tryGetValues<float>() : std::nullopt;
    if (values)
      scales.assign(values->begin(), values->end());
  }
  if ((sizes ? sizes->size() : scales.size()) != axes.size())
    return refuse("its sizes or scales are no constants");
  SmallVector<ResizedAxis> result;
  to.assign(from.begin(), from.end());
  for (auto [i, given] : llvm::enumerate(axes)) {
    int64_t axis = normalizeAxis(given, from.size());
    if (axis < 0 || axis >= int64_t(from.size()))
      return refuse("one of its axes does not exist");
    if (!sizes && scales[i] == 1)
      continue;
    if (!from[axis].isConstant() || from[axis].constant() < 1)
      return refuse("the extent of axis " + Twine(axis) + " is not constant");
    int64_t in = from[axis].constant();
    double scale = sizes ? double((*sizes)[i]) / double(in) : scales[i];
    int64_t out = sizes ? (*sizes)[i] : int64_t(std::floor(in * scale));
    if (!(scale > 0) || out < 0)
      return refuse("its scale along axis " + Twine(axis) + " is not positive");
    to[axis] = out;
    if (out != in || scale != 1)
      result.push_back({unsigned(axis), in, out, scale});
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
