//===- DeformConv.cpp - Convolutions that look elsewhere ------------------===//
//
// Each element of a window is sampled where the offsets say, once for all output channels; what
// is sampled is contracted with the weight.
//
//===----------------------------------------------------------------------===//
#include "Real.h"
#include "Samples.h"
#include "Windows.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

Reason supportsDeformConv(Operation *operation) {
  AnyOp op(operation);
  if (Reason reason = refuseConvolution(operation))
    return reason;
  auto offset = dyn_cast<RankedTensorType>(op.in("offset").getType());
  if (!offset || offset.getRank() != cast<RankedTensorType>(op.in("X").getType()).getRank())
    return "its offsets are not known to have as many axes as its input";
  return std::nullopt;
}

/// A convolution of images [N, C, in...] at places [N, offset groups, window, out...].
class DeformedWindows {
public:
  DeformedWindows(AnyOp op, Context &context, Windows windows)
      : op(op), context(context), windows(std::move(windows)), loc(op->getLoc()),
        image(context[op.in("X")].dims), groups(intAttr(op, "group", 1)),
        offsetGroups(intAttr(op, "offset_group", 1)),
        sampler(context, loc, context[op.in("X")].element) {
    sampler.outside = Outside::Neighbour;
    for (int64_t extent : this->windows.kernel)
      taps *= extent;
  }

  LogicalResult run();

private:
  /// The number of the element of a window along an axis.
  Value tapOf(Code &c, unsigned axis, Value tap) const {
    int64_t inner = 1;
    for (int64_t extent : ArrayRef(windows.kernel).drop_front(axis + 1))
      inner *= extent;
    Value number = c.make<arith::DivUIOp>(tap, c.index(inner));
    return c.make<arith::RemUIOp>(number, c.index(windows.kernel[axis]));
  }
  bool fits();
  SmallVector<Dim> withPlaces(ArrayRef<Dim> first) const {
    SmallVector<Dim> shape(first);
    llvm::append_range(shape, windows.out);
    return shape;
  }
  Value table(unsigned axis, Type type, bool weighs);
  Value sampled();
  Value weighted(Value samples);

  AnyOp op;
  Context &context;
  Windows windows;
  Location loc;
  SmallVector<Dim> image;
  int64_t groups, offsetGroups, taps = 1;
  Sampler sampler;
};

/// Whether the operands fit each other; else with a message.
bool DeformedWindows::fits() {
  auto shape = cast<RankedTensorType>(op.in("W").getType()).getShape();
  int64_t channels = shape[1] * groups, rank = windows.rank();
  auto refuse = [&](const Twine &why) { return succeeded(context.refuse(op, why)); };
  if (groups < 1 || offsetGroups < 1 || !image[1].is(channels) || shape[0] % groups != 0 ||
      channels % offsetGroups != 0)
    return refuse("its channels do not fit its weight and groups");
  const std::pair<StringRef, int64_t> operands[] = {{"offset", offsetGroups * taps * rank},
                                                    {"mask", offsetGroups * taps}};
  for (auto [name, planes] : operands) {
    Value operand = op.in(name);
    if (!operand)
      continue;
    SmallVector<Dim> have = context[operand].dims, wanted = withPlaces({image[0], Dim(planes)});
    bool same = have.size() == wanted.size();
    for (unsigned i = 0; same && i < have.size(); ++i)
      same = context.unify(have[i], wanted[i]).has_value();
    if (!same)
      return refuse("it cannot be told that its " + name + " fits images, windows and groups");
  }
  return true;
}

/// [2, N, offset groups, window, out...]: places, or weights, along an axis.
Value DeformedWindows::table(unsigned axis, Type type, bool weighs) {
  unsigned rank = windows.rank();
  SmallVector<Dim> shape = withPlaces({Dim(2), image[0], Dim(offsetGroups), Dim(taps)});
  SmallVector<Dim> offsets =
      withPlaces({image[0], Dim(offsetGroups), Dim(taps), Dim(int64_t(rank))});
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> at = {d(1), d(2), d(3), context.b.getAffineConstantExpr(axis)};
  for (unsigned i = 0; i < rank; ++i)
    at.push_back(d(4 + i));
  auto input = [&](Value operand, ArrayRef<Dim> view) {
    Value tensor = context.reshape(loc, context.tensor(operand), context[operand].dims, view);
    return Input{tensor, AffineMap::get(shape.size(), 0, at, context.getContext()), {}};
  };
  SmallVector<Input> inputs = {input(op.in("offset"), offsets)};
  // The mask is a factor of one of the axes' weights.
  Value mask = weighs && axis == 0 ? op.in("mask") : Value();
  if (mask) {
    at.erase(at.begin() + 3);
    offsets.erase(offsets.begin() + 3);
    inputs.push_back(input(mask, offsets));
  }
  Extent in(context, windows.in[axis]);
  return context.map(loc, shape, type, inputs, [&](Code &c, ValueRange x) {
    Type wide = c.b.getF64Type();
    Value start = c.make<arith::MulIOp>(c.dim(4 + axis), c.index(windows.strides[axis]));
    Value step = c.make<arith::MulIOp>(tapOf(c, axis, c.dim(3)), c.index(windows.dilations[axis]));
    Value corner = c.make<arith::SubIOp>(c.make<arith::AddIOp>(start, step),
                                         c.index(windows.low[axis].constant()));
    Real place = asReal(c, corner, wide) + Real(c, c.cast(x[0], wide));
    Real number = floor(place) + asReal(c, c.dim(0), wide);
    if (weighs) {
      Real weight = linearWeight(abs(number - place));
      if (mask)
        weight = weight * Real(c, c.cast(x[1], wide));
      return c.cast(weight.in(c, wide), type);
    }
    Real last = asReal(c, in.in(c), wide) - 1;
    Real inside = max(min(number, last), 0);
    Real result = select(number < Real(0) || last < number, -1, inside);
    return c.cast(result.in(c, wide), type);
  });
}

/// [N, groups, channels of a group, window, out...]
Value DeformedWindows::sampled() {
  SmallVector<Dim> grouped = {image[0], Dim(offsetGroups), Dim(image[1].constant() / offsetGroups)};
  SmallVector<Dim> from = grouped, shape = grouped;
  llvm::append_range(from, windows.in);
  shape.push_back(Dim(taps));
  shape = withPlaces(shape);
  SmallVector<AxisSamples> axes;
  for (unsigned i = 0; i < windows.rank(); ++i) {
    AxisSamples samples{3 + i,
                        Dim(2),
                        table(i, context.b.getI32Type(), false),
                        table(i, sampler.computed, true),
                        {0, 1, 3}};
    for (unsigned o = 0; o < windows.rank(); ++o)
      samples.along.push_back(4 + o);
    axes.push_back(samples);
  }
  Value source = context.reshape(loc, context.tensor(op.in("X")), image, from);
  Value samples = sampler.sample(source, shape, axes);
  SmallVector<Dim> by =
      withPlaces({image[0], Dim(groups), Dim(image[1].constant() / groups), Dim(taps)});
  return context.reshape(loc, samples, shape, by);
}

/// The sums over the channels of a group and its window, channels last.
Value DeformedWindows::weighted(Value samples) {
  Value weight = op.in("W"), bias = op.in("B");
  auto given = cast<RankedTensorType>(weight.getType()).getShape();
  SmallVector<Dim> shape = {Dim(groups), Dim(given[0] / groups), Dim(given[1]), Dim(taps)};
  Value filter = viewOf(context, weight, shape);
  // (n, o..., g, oc, ic, k)
  unsigned rank = windows.rank(), size = rank + 5;
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(size, 0, exprs, context.getContext());
  };
  SmallVector<AffineExpr> read = {d(0), d(rank + 1), d(rank + 3), d(rank + 4)};
  for (unsigned i = 0; i < rank; ++i)
    read.push_back(d(1 + i));
  Context::Init init{withPlaces({image[0]}), context[op.in("X")].element, {}};
  init.shape.append({shape[0], shape[1]});
  init.map = AffineMap::getMultiDimIdentityMap(size, context.getContext()).getMajorSubMap(rank + 3);
  SmallVector<Input> inputs = {
      {samples, map(read), {}},
      {filter, map({d(rank + 1), d(rank + 2), d(rank + 3), d(rank + 4)}), {}}};
  if (bias) {
    Value perGroup =
        context.reshape(loc, context.tensor(bias), Dim(given[0]), {shape[0], shape[1]});
    inputs.push_back({perGroup, map({d(rank + 1), d(rank + 2)}), {}});
  }
  Value result = context.contract(loc, inputs, init, [&](Code &c, ValueRange x) {
    return bias ? c.add(x[0], c.cast(x[1], x[0].getType())) : x[0];
  });
  SmallVector<Dim> flat = withPlaces({image[0]});
  flat.push_back(Dim(given[0]));
  return channelsFirst(context, loc, context.reshape(loc, result, init.shape, flat), flat);
}

LogicalResult DeformedWindows::run() {
  if (!fits())
    return failure();
  int64_t outputs = cast<RankedTensorType>(op.in("W").getType()).getShape()[0];
  context.define(op->getResult(0), weighted(sampled()), withPlaces({image[0], Dim(outputs)}));
  return success();
}

LogicalResult lowerDeformConv(Operation *operation, Context &context) {
  AnyOp op(operation);
  auto shape = cast<RankedTensorType>(op.in("W").getType()).getShape();
  std::optional<Windows> windows =
      windowsOf(op, context, context[op.in("X")].dims, shape.drop_front(2));
  return windows ? DeformedWindows(op, context, *windows).run() : failure();
}

} // namespace

void addDeformConv(LoweringTable &table) {
  table["onnx.DeformConv"] = {supportsDeformConv, lowerDeformConv};
}

} // namespace strut::kernelize
