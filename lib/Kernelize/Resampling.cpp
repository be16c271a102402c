//===- Resampling.cpp - What Resize says of its axes ----------------------===//
#include "Resampling.h"

using namespace mlir;

namespace strut::kernelize {

Real Numbers::at(Code *c, unsigned number) const {
  if (known)
    return (*known)[number];
  Type element = cast<ShapedType>(tensor.getType()).getElementType();
  Value value = c->fetch(input, element, c->index(number));
  return Real(*c, c->asSigned().cast(value, c->b.getF64Type()));
}

//===----------------------------------------------------------------------===//
// Reading the op
//===----------------------------------------------------------------------===//

static StringRef stringAttr(AnyOp op, StringRef name, StringRef otherwise) {
  auto attr = op.attr<StringAttr>(name);
  return attr ? attr.getValue() : otherwise;
}

static bool isAbsent(Context &context, Value operand) {
  return !operand || (context[operand].rank() == 1 && context[operand].dims[0].is(0));
}

/// The elements of a constant of floats or integers.
static std::optional<SmallVector<double>> elementsOf(ElementsAttr constant) {
  SmallVector<double> elements;
  if (auto floats = constant.tryGetValues<APFloat>()) {
    for (APFloat element : *floats)
      elements.push_back(element.convertToDouble());
    return elements;
  }
  auto integers = constant.tryGetValues<APInt>();
  if (!integers)
    return std::nullopt;
  for (const APInt &element : *integers)
    elements.push_back(element.getSExtValue());
  return elements;
}

/// What an operand of `count` numbers says. One that is known to have another length is refused
/// with a message.
static std::optional<Numbers> numbersOf(AnyOp op, Context &context, StringRef name,
                                        unsigned count) {
  Numbers numbers;
  Value operand = op.in(name);
  if (isAbsent(context, operand))
    return numbers;
  const Tracked &tracked = context[operand];
  if (tracked.rank() != 1 || (tracked.dims[0].isConstant() && !tracked.dims[0].is(count))) {
    (void)context.refuse(op, "its " + name + " are not " + Twine(count) +
                                 " numbers, as many as its axes ask for");
    return std::nullopt;
  }
  if (tracked.constant)
    numbers.known = elementsOf(tracked.constant);
  else if (auto integers = context.integers(operand))
    numbers.known.emplace(integers->begin(), integers->end());
  if (!numbers.known)
    numbers.tensor = context.tensor(operand);
  return numbers;
}

std::optional<SmallVector<int64_t>> Resampling::readAxes(AnyOp op, Context &context) const {
  SmallVector<int64_t> numbered = llvm::to_vector(llvm::seq<int64_t>(0, from.size()));
  auto given = op.attr<DenseI64ArrayAttr>("axes");
  if (!given)
    return numbered;
  numbered.clear();
  for (int64_t axis : given.asArrayRef()) {
    axis = normalizeAxis(axis, from.size());
    if (axis < 0 || axis >= int64_t(from.size()) || llvm::is_contained(numbered, axis)) {
      (void)context.refuse(op, "one of its axes does not exist, or is named twice");
      return std::nullopt;
    }
    numbered.push_back(axis);
  }
  return numbered;
}

bool Resampling::readNumbers(AnyOp op, Context &context, unsigned count) {
  // Until version 13 an empty tensor stood for the one that is not given.
  bool bySizes = !isAbsent(context, op.in("sizes"));
  if (!bySizes && isAbsent(context, op.in("scales")))
    return succeeded(context.refuse(op, "it has neither scales nor sizes"));
  auto given = numbersOf(op, context, bySizes ? "sizes" : "scales", count);
  if (!given)
    return false;
  (bySizes ? sizes : scales) = *given;
  if (!crops())
    return true;
  auto region = numbersOf(op, context, "roi", 2 * count);
  if (!region)
    return false;
  roi = *region;
  if (!roi.isGiven())
    return succeeded(context.refuse(op, "its coordinates 'tf_crop_and_resize' need a roi"));
  return true;
}

/// A kernel reads as many numbers as there are axes, whatever a run brings.
bool Resampling::hasKnownLengths(AnyOp op, Context &context) const {
  const std::pair<StringRef, const Numbers *> operands[] = {
      {"scales", &scales}, {"sizes", &sizes}, {"roi", &roi}};
  for (auto [name, numbers] : operands)
    if (numbers->tensor && !context[op.in(name)].dims[0].isConstant())
      return succeeded(context.refuse(op, "the number of its " + name +
                                              " is not known; declare the operand's shape"));
  return true;
}

/// floor(extent * scale), exactly: a float is a whole number over a power of two.
static Dim scaled(Context &context, const Dim &extent, double scale) {
  int64_t denominator = 1;
  for (; scale != std::floor(scale) && denominator < (int64_t(1) << 30); denominator *= 2)
    scale *= 2;
  return context.dims.floorDiv(extent * Dim(int64_t(scale)), denominator);
}

/// The extent of each axis is its own times one factor, rounded, halves up: the factor which
/// meets one of the sizes and exceeds none, or falls short of none.
void Resampling::keepAspectRatio(Context &context, ArrayRef<Dim> wanted,
                                 ArrayRef<int64_t> numbered) {
  DimEnv &dims = context.dims;
  SmallVector<Dim> extents(from);
  for (int64_t axis : numbered)
    for (auto [i, other] : llvm::enumerate(numbered)) {
      // round(size / own * extent); with no elements along the other axis nothing matters.
      Dim own = dims.max(extents[other], Dim(1)), two(2);
      Dim candidate = axis == other
                          ? wanted[i]
                          : dims.floorDiv(wanted[i] * extents[axis] * two + own, own * two);
      to[axis] = i == 0                   ? candidate
                 : policy == "not_larger" ? dims.min(to[axis], candidate)
                                          : dims.max(to[axis], candidate);
    }
}

/// Makes the run fail where the number that it brings does not give the declared extent. A scale
/// is a float, and what it is meant to give may be out by its rounding.
LogicalResult Resampling::requireDeclared(AnyOp op, Context &context, unsigned number,
                                          unsigned axis) {
  bool bySizes = sizes.isGiven();
  Value tensor = bySizes ? sizes.tensor : scales.tensor;
  if (bySizes && policy != "stretch")
    return success(); // its sizes are bounds
  Type type = cast<ShapedType>(tensor.getType()).getElementType(), wide = context.b.getF64Type();
  Extent in(context, from[axis]);
  auto fits = [&](Code &c, ValueRange) {
    Value given = c.asSigned().cast(c.fetch(0, type, c.index(number)), wide);
    Value declared = c.constant(to[axis].constant(), wide);
    if (bySizes)
      return c.equal(given, declared);
    constexpr double rounding = 1e-6;
    Value extent = c.mul(asReal(c, in.in(c), wide).in(c, wide), given);
    Value above = c.mul(extent, c.constant(1 + rounding, wide)),
          below = c.mul(extent, c.constant(1 - rounding, wide));
    Value reaches = c.make<arith::CmpFOp>(arith::CmpFPredicate::OGE, above, declared);
    return c.make<arith::AndIOp>(reaches, c.less(below, c.add(declared, c.constant(1, wide))));
  };
  context.require(op, tensor, fits,
                  Twine("its ") + (bySizes ? "sizes do" : "scales do") + " not give axis " +
                      Twine(axis) + " of its result the extent " + Twine(to[axis].constant()) +
                      " that the model declares");
  return success();
}

bool Resampling::readShape(AnyOp op, Context &context, ArrayRef<int64_t> numbered) {
  to = from;
  std::optional<SmallVector<Dim>> wanted;
  if (sizes.isGiven())
    wanted = context[op.in("sizes")].contents;
  if (wanted && policy != "stretch") {
    keepAspectRatio(context, *wanted, numbered);
    return true;
  }
  auto declared = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  for (auto [i, axis] : llvm::enumerate(numbered)) {
    // An axis of 4096 parts at most, so that scaling the extent stays exact.
    constexpr double most = 4096;
    if (wanted) {
      to[axis] = (*wanted)[i];
    } else if (scales.known) {
      double scale = (*scales.known)[i];
      if (!(scale > 0 && scale <= most))
        return succeeded(context.refuse(op, "its scale along axis " + Twine(axis) +
                                                " is not positive or absurd"));
      if (scale != 1)
        to[axis] = scaled(context, from[axis], scale);
    } else if (declared && !declared.isDynamicDim(axis)) {
      to[axis] = Dim(declared.getDimSize(axis));
      if (failed(requireDeclared(op, context, i, axis)))
        return false;
    } else {
      StringRef which = sizes.isGiven() ? "sizes" : "scales";
      return succeeded(
          context.refuse(op, "its " + which +
                                 " are known only when it runs, and the model does not declare "
                                 "the extent of axis " +
                                 Twine(axis) + " of its result"));
    }
  }
  return true;
}

/// A filter that is stretched by 1 / scale reaches that much farther.
Dim Resampling::reachOf(Context &context, const ResampledAxis &axis) const {
  if (isNearest())
    return 0;
  int64_t reach = mode == "cubic" ? 2 : 1;
  if (!antialias)
    return reach;
  if (axis.isKnown || scales.known)
    return int64_t(std::ceil(double(reach) / std::min(scaleOf(nullptr, axis).value(), 1.0)));
  // A scale that a run brings makes at least the extent that there is; one that keeps the
  // aspect ratio is rounded, by half an element at most.
  DimEnv &dims = context.dims;
  Dim most = dims.max(axis.out.dim * Dim(2) - Dim(1), Dim(1));
  return dims.max(dims.ceilDiv(axis.in.dim * Dim(2 * reach), most), Dim(reach));
}

void Resampling::addAxis(Context &context, unsigned axis, unsigned number) {
  const Dim &in = from[axis], &out = to[axis];
  bool wholeRegion = true, fixed = in.isConstant() && out.isConstant();
  if (crops()) {
    wholeRegion = roi.known && (*roi.known)[number] == 0 &&
                  (*roi.known)[number + numberedExtents.size()] == 1;
    fixed &= roi.known.has_value();
  }
  if (scales.isGiven())
    fixed &= scales.known.has_value();
  bool isScaled = scales.isGiven() ? !scales.known || (*scales.known)[number] != 1
                                   : policy != "stretch" || in != out;
  if (policy != "stretch" && sizes.isGiven())
    fixed &= sizes.known && llvm::all_of(numberedExtents, [](const Extent &extent) {
               return extent.dim.isConstant();
             });
  if (!isScaled && wholeRegion)
    return;
  ResampledAxis result{axis, number, {context, in}, {context, out}, {context, Dim()}};
  if (scales.known)
    result.ratio = (*scales.known)[number];
  else if (in.isConstant() && out.isConstant() && in.constant() > 0)
    result.ratio = double(out.constant()) / double(in.constant());
  result.isKnown = fixed;
  result.reach = {context, reachOf(context, result)};
  axes.push_back(result);
}

std::optional<Resampling> Resampling::read(AnyOp op, Context &context) {
  Resampling r;
  r.mode = stringAttr(op, "mode", "nearest");
  r.transformation = stringAttr(op, "coordinate_transformation_mode", "half_pixel");
  r.rounding = stringAttr(op, "nearest_mode", "round_prefer_floor");
  r.policy = stringAttr(op, "keep_aspect_ratio_policy", "stretch");
  r.antialias = intAttr(op, "antialias") && !r.isNearest();
  r.excludesOutside = intAttr(op, "exclude_outside") && !r.isNearest();
  r.cubic = floatAttr(op, "cubic_coeff_a", -0.75);
  r.extrapolation = floatAttr(op, "extrapolation_value");
  r.from = context[op.in("X")].dims;
  std::optional<SmallVector<int64_t>> numbered = r.readAxes(op, context);
  if (!numbered || !r.readNumbers(op, context, numbered->size()))
    return std::nullopt;
  if (r.scales.isGiven())
    r.policy = "stretch"; // it says how to read sizes
  // Sizes of a known length are dimensions, so that this comes first; scales are none.
  if (r.sizes.tensor && !r.hasKnownLengths(op, context))
    return std::nullopt;
  if (!r.readShape(op, context, *numbered) || !r.hasKnownLengths(op, context))
    return std::nullopt;
  for (int64_t axis : *numbered) {
    if (r.from[axis].is(0) && !r.to[axis].is(0)) {
      (void)context.refuse(op, "axis " + Twine(axis) + " has no elements to interpolate");
      return std::nullopt;
    }
    r.numberedExtents.emplace_back(context, r.from[axis]);
  }
  for (auto [number, axis] : llvm::enumerate(*numbered))
    r.addAxis(context, axis, number);
  unsigned inputs = 0;
  for (Numbers *numbers : {&r.scales, &r.sizes, &r.roi})
    if (numbers->tensor)
      numbers->input = inputs++;
  return r;
}

SmallVector<Input> Resampling::runTimeInputs() const {
  SmallVector<Input> inputs;
  for (const Numbers *numbers : {&scales, &sizes, &roi})
    if (numbers->tensor)
      inputs.push_back({numbers->tensor, {}, {}});
  return inputs;
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

Real Resampling::extentOf(Code *c, const Extent &extent) const {
  return extent.dynamic ? asReal(*c, extent.dynamic, c->b.getF64Type())
                        : Real(extent.dim.constant());
}

Real Resampling::scaleOf(Code *c, const ResampledAxis &axis) const {
  if (scales.isGiven())
    return scales.at(c, axis.number);
  if (policy == "stretch")
    return extentOf(c, axis.out) / extentOf(c, axis.in);
  std::optional<Real> scale;
  for (auto [i, extent] : llvm::enumerate(numberedExtents)) {
    Real own = sizes.at(c, i) / extentOf(c, extent);
    scale = !scale ? own : policy == "not_larger" ? min(*scale, own) : max(*scale, own);
  }
  return *scale;
}

/// Where in the input the element lies. The length of the result is what the scale makes of
/// the input's, with its fraction.
Real Resampling::place(Code *c, const ResampledAxis &axis, const Real &element) const {
  Real scale = scaleOf(c, axis), in = extentOf(c, axis.in), out = extentOf(c, axis.out);
  bool isWhole = !scales.isGiven() && policy == "stretch";
  Real length = isWhole ? out : scale * in, half = 0.5;
  Truth isSingle = out < Real(2);
  if (transformation == "align_corners")
    return select(isSingle, 0, element * (in - 1) / (length - 1));
  if (transformation == "asymmetric")
    return element / scale;
  if (crops()) {
    Real begin = roi.at(c, axis.number), end = roi.at(c, axis.number + numberedExtents.size());
    Real step = (end - begin) * (in - 1);
    return begin * (in - 1) + select(isSingle, step * half, element * step / (length - 1));
  }
  Real centred = (element + half) / scale;
  if (transformation == "half_pixel_symmetric") // a term more, in the order of the standard
    return in * half * (Real(1) - out / length) + centred - half;
  centred = centred - half;
  if (transformation == "pytorch_half_pixel")
    return select(isSingle, 0, centred);
  return centred;
}

Real Resampling::rounded(const Real &place) const {
  if (rounding == "floor")
    return floor(place);
  if (rounding == "ceil")
    return ceil(place);
  if (rounding == "round_prefer_ceil")
    return floor(place + 0.5);
  return ceil(place - 0.5);
}

/// The number of a neighbour, which may lie outside.
Real Resampling::neighbour(Code *c, const ResampledAxis &axis, const Real &place,
                           const Real &tap) const {
  return isNearest() ? rounded(place) : floor(place) + 1 - extentOf(c, axis.reach) + tap;
}

Real Resampling::placeOfTap(Code *c, const ResampledAxis &axis, const Real &element,
                            const Real &tap) const {
  Real at = place(c, axis, element), last = extentOf(c, axis.in) - 1;
  Real inside = max(min(neighbour(c, axis, at, tap), last), 0);
  return crops() ? select(at < Real(0) || last < at, -1, inside) : inside;
}

Real Resampling::weightOfTap(Code *c, const ResampledAxis &axis, const Real &element,
                             const Real &tap) const {
  Real at = place(c, axis, element), number = neighbour(c, axis, at, tap);
  Real distance = abs(number - at);
  if (antialias)
    distance = distance * min(scaleOf(c, axis), 1);
  Real weight = mode == "cubic" ? cubicWeight(distance, cubic) : linearWeight(distance);
  if (!excludesOutside)
    return weight;
  return select(number < Real(0) || extentOf(c, axis.in) - 1 < number, 0, weight);
}

} // namespace strut::kernelize
