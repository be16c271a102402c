//===- Resize.cpp - Interpolation -----------------------------------------===//
//
// Which elements an element is made of, and by what weights, is known per axis: tables
// of numbers and weights, constants of the model where all extents are. The interpolation
// is then a map that fetches. Axes of few neighbours are taken together; those of many one
// by one, the sums as rows where they are long.
//
//===----------------------------------------------------------------------===//
#include "Resampling.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

constexpr int64_t fewTaps = 8;

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

/// The neighbours of each element along an axis, [taps, elements]: their places, and their
/// weights (null if there is one neighbour).
struct Tables {
  Value places, weights;
};

class Resizer {
public:
  Resizer(AnyOp op, Context &context, const Resampling &r)
      : op(op), context(context), r(r), loc(op->getLoc()) {
    element = cast<ShapedType>(op.in("X").getType()).getElementType();
    unsigned width = element.getIntOrFloatBitWidth();
    unsigned exactInF32 = isa<FloatType>(element) ? 32 : 16;
    computed = width <= exactInF32 ? Type(context.b.getF32Type()) : Type(context.b.getF64Type());
  }

  void run();

private:
  using Axes = ArrayRef<const ResampledAxis *>;
  using Formula = Real (Resampling::*)(Code *, const ResampledAxis &, const Real &,
                                       const Real &) const;

  SmallVector<const ResampledAxis *> inOrder() const;
  Tables tablesOf(const ResampledAxis &axis);
  Value knownTable(const ResampledAxis &axis, Type type, Formula formula, bool sums);
  Value computedTable(const ResampledAxis &axis, Type type, Formula formula);
  Value computedWeights(const ResampledAxis &axis);
  Value interpolate(Value source, SmallVector<Dim> &dims, Axes axes, bool isLast);
  Value sum(Value source, SmallVector<Dim> &dims, const ResampledAxis &axis, bool isLast);
  Value read(Code &c, Value source, ArrayRef<Value> at) const;
  Value stored(Code &c, Value value, Value isOutside, bool isLast) const;
  Type storedType(bool isLast) const { return isLast ? element : computed; }

  AnyOp op;
  Context &context;
  const Resampling &r;
  Location loc;
  Type element, computed;
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
  return context.rows(loc, 1, r.runTimeInputs(), {{axis.taps(), axis.out.dim}, computed, turned},
                      [&](Code &c, ValueRange) {
                        Type wide = c.b.getF64Type();
                        Real i = asReal(c, c.dim(0), wide), tap = asReal(c, c.dim(1), wide);
                        Code s = c.asSigned();
                        Value weight = r.weightOfTap(&s, axis, i, tap).in(s, wide);
                        Real sum(s, s.combine(kernel::CombineKind::Add, weight));
                        Real scaled = Real(s, weight) / select(sum == Real(0), 1, sum);
                        return s.cast(scaled.in(s, wide), computed);
                      });
}

Tables Resizer::tablesOf(const ResampledAxis &axis) {
  Type index = context.b.getI32Type();
  Tables tables;
  constexpr int64_t most = 1 << 16;
  bool isKnown = axis.isKnown && axis.taps().constant() * axis.out.dim.constant() <= most;
  tables.places = isKnown ? knownTable(axis, index, &Resampling::placeOfTap, false)
                          : computedTable(axis, index, &Resampling::placeOfTap);
  if (r.isNearest())
    return tables;
  if (isKnown)
    tables.weights = knownTable(axis, computed, &Resampling::weightOfTap, r.needsSum());
  else
    tables.weights = r.needsSum() ? computedWeights(axis)
                                  : computedTable(axis, computed, &Resampling::weightOfTap);
  return tables;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Value Resizer::read(Code &c, Value source, ArrayRef<Value> at) const {
  Type stored = cast<ShapedType>(source.getType()).getElementType();
  Value value = c.fetch(0, stored, at);
  if (r.isNearest())
    return value;
  return stored == computed ? value : c.cast(value, computed);
}

/// What an interpolated element is stored as: outside, the value for that.
Value Resizer::stored(Code &c, Value value, Value isOutside, bool isLast) const {
  Type type = storedType(isLast);
  if (isa<IntegerType>(type) && isa<FloatType>(value.getType()))
    value = c.cast(c.make<math::RoundEvenOp>(value), type);
  else
    value = c.cast(value, type);
  if (!isOutside)
    return value;
  Value other = c.cast(c.constant(r.extrapolation, computed), type);
  return c.select(isOutside, other, value);
}

/// A number from a table of places, as an index.
static Value asPlace(Code &c, Value number) {
  return c.make<arith::IndexCastOp>(c.b.getIndexType(), number);
}

static Value isNone(Code &c, Value number) {
  Value zero = c.make<arith::ConstantOp>(c.b.getI32IntegerAttr(0));
  return c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, number, zero);
}

static Value either(Code &c, Value a, Value b) { return a ? c.make<arith::OrIOp>(a, b) : b; }

/// Along axes of few neighbours, all at once.
Value Resizer::interpolate(Value source, SmallVector<Dim> &dims, Axes axes, bool isLast) {
  unsigned rank = dims.size();
  SmallVector<Input> inputs = {{source, {}, {}}};
  for (const ResampledAxis *axis : axes) {
    dims[axis->axis] = axis->out.dim;
    Tables tables = tablesOf(*axis);
    for (int64_t tap = 0; tap < axis->taps().constant(); ++tap) {
      AffineMap at = AffineMap::get(
          rank, 0, {context.b.getAffineConstantExpr(tap), context.b.getAffineDimExpr(axis->axis)},
          context.getContext());
      inputs.push_back({tables.places, at, {}});
      if (tables.weights)
        inputs.push_back({tables.weights, at, {}});
    }
  }
  return context.map(loc, dims, storedType(isLast), inputs, [&](Code &c, ValueRange x) {
    SmallVector<Value> at;
    for (unsigned i = 0; i < rank; ++i)
      at.push_back(c.dim(i));
    Value isOutside;
    auto blend = [&](auto &self, Axes rest, ValueRange tables) -> Value {
      if (rest.empty())
        return read(c, source, at);
      unsigned axis = rest.front()->axis, width = r.isNearest() ? 1 : 2;
      int64_t taps = rest.front()->taps().constant();
      ValueRange others = tables.drop_front(taps * width);
      Value sum;
      for (int64_t tap = 0; tap < taps; ++tap) {
        Value number = tables[tap * width];
        if (r.crops())
          number = c.make<arith::MaxSIOp>(number, c.constant(0, number));
        at[axis] = asPlace(c, number);
        Value value = self(self, rest.drop_front(), others);
        if (!r.isNearest())
          value = c.mul(tables[tap * width + 1], value);
        sum = sum ? c.add(sum, value) : value;
      }
      return sum;
    };
    ValueRange tables = x.drop_front();
    Value value = blend(blend, axes, tables);
    for (const ResampledAxis *axis : axes) {
      if (r.crops())
        isOutside = either(c, isOutside, isNone(c, tables.front()));
      tables = tables.drop_front(axis->taps().constant() * (r.isNearest() ? 1 : 2));
    }
    return stored(c, value, isOutside, isLast);
  });
}

/// Along an axis of many neighbours, or of a number that dimensions decide: rows of them.
Value Resizer::sum(Value source, SmallVector<Dim> &dims, const ResampledAxis &axis, bool isLast) {
  unsigned rank = dims.size();
  dims[axis.axis] = axis.out.dim;
  Tables tables = tablesOf(axis);
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  MLIRContext *ctx = context.getContext();
  AffineMap at = AffineMap::get(rank + 1, 0, {d(rank), d(axis.axis)}, ctx);
  AffineMap first =
      AffineMap::get(rank + 1, 0, {context.b.getAffineConstantExpr(0), d(axis.axis)}, ctx);
  SmallVector<Input> inputs = {{source, {}, {}}, {tables.places, at, {}}, {tables.weights, at, {}}};
  if (r.crops())
    inputs.push_back({tables.places, first, {}});
  Context::Init init{dims, storedType(isLast),
                     AffineMap::getMultiDimIdentityMap(rank + 1, ctx).getMajorSubMap(rank)};
  return context.rows(loc, 1, inputs, init, [&](Code &c, ValueRange x) {
    SmallVector<Value> place;
    for (unsigned i = 0; i < rank; ++i)
      place.push_back(c.dim(i));
    Value number = r.crops() ? c.make<arith::MaxSIOp>(x[1], c.constant(0, x[1])) : x[1];
    place[axis.axis] = asPlace(c, number);
    Value term = c.mul(x[2], read(c, source, place));
    Value value = c.combine(kernel::CombineKind::Add, term);
    return stored(c, value, r.crops() ? isNone(c, x[3]) : Value(), isLast);
  });
}

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
  int64_t together = fewTaps + 1;
  for (const ResampledAxis *axis : inOrder()) {
    int64_t taps = axis->taps().isConstant() ? axis->taps().constant() : fewTaps + 1;
    together *= taps;
    if (together > fewTaps) {
      passes.emplace_back();
      together = taps;
    }
    passes.back().push_back(axis);
  }
  Value value = context.tensor(input);
  SmallVector<Dim> dims = r.from;
  for (const auto &axes : passes) {
    bool isLast = &axes == &passes.back();
    Dim taps = axes.front()->taps();
    value = taps.isConstant() && taps.constant() <= fewTaps
                ? interpolate(value, dims, axes, isLast)
                : sum(value, dims, *axes.front(), isLast);
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
