//===- Samples.cpp - Elements as sums of neighbours -----------------------===//
#include "Samples.h"

using namespace mlir;

namespace strut::kernelize {

Sampler::Sampler(Context &context, Location loc, Type element)
    : context(context), loc(loc), element(element) {
  unsigned exactInF32 = isa<FloatType>(element) ? 32 : 16;
  computed = element.getIntOrFloatBitWidth() <= exactInF32 ? Type(context.b.getF32Type())
                                                           : Type(context.b.getF64Type());
}

static Value isNone(Code &c, Value place) {
  return c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, place, c.constant(0, place));
}

static Value either(Code &c, Value a, Value b) { return a ? c.make<arith::OrIOp>(a, b) : b; }

namespace {

/// The sum in the body of a kernel whose input 0 is the source.
struct Sum {
  Code &c;
  Outside outside;
  Type source, computed; ///< the second null where elements are taken as they are
  SmallVector<Value> at; ///< where the source is read

  /// The element at these places; 0 if one of them is `none`.
  Value read(Value none) {
    Value element = c.fetch(0, source, at);
    if (computed)
      element = c.cast(element, computed);
    return none ? c.select(none, c.constant(0, element), element) : element;
  }

  void go(unsigned axis, Value place) {
    if (outside != Outside::Never)
      place = c.make<arith::MaxSIOp>(place, c.constant(0, place));
    at[axis] = c.make<arith::IndexCastOp>(c.b.getIndexType(), place);
  }

  /// Over all neighbours along `axes`, whose places and weights `tables` begin with.
  Value all(ArrayRef<AxisSamples> axes, ValueRange tables, Value none = {}) {
    if (axes.empty())
      return read(none);
    const AxisSamples &axis = axes.front();
    ValueRange others = tables.drop_front(axis.numTables());
    Value sum;
    for (int64_t tap = 0; tap < axis.taps.constant(); ++tap) {
      Value place = tables[tap * axis.tablesPerTap()];
      go(axis.axis, place);
      Value missing = outside == Outside::Neighbour ? either(c, none, isNone(c, place)) : Value();
      Value term = all(axes.drop_front(), others, missing);
      if (axis.weights)
        term = c.mul(tables[tap * axis.tablesPerTap() + 1], term);
      sum = sum ? c.add(sum, term) : term;
    }
    return sum;
  }
};

SmallVector<Value> placesOf(Code &c, unsigned rank) {
  return llvm::map_to_vector(llvm::seq(rank), [&](unsigned i) { return c.dim(i); });
}

} // namespace

/// Where the tables of an axis are read for this tap.
AffineMap Sampler::readOf(const AxisSamples &axis, unsigned iterators, AffineExpr tap) const {
  SmallVector<AffineExpr> at = {tap};
  for (unsigned dim : axis.along)
    at.push_back(context.b.getAffineDimExpr(dim));
  return AffineMap::get(iterators, 0, at, context.getContext());
}

/// What a sum is stored as; outside, the value for that.
Value Sampler::stored(Code &c, Value sum, Value isOutside, Type type) const {
  auto convert = [&](Value x) {
    bool rounds = isa<IntegerType>(type) && isa<FloatType>(x.getType());
    return c.cast(rounds ? c.make<math::RoundEvenOp>(x) : x, type);
  };
  Value result = convert(sum);
  return isOutside ? c.select(isOutside, convert(c.constant(value, computed)), result) : result;
}

Value Sampler::sampleMap(Value source, ArrayRef<Dim> shape, ArrayRef<AxisSamples> axes,
                         Type type) const {
  SmallVector<Input> inputs = {{source, {}, {}}};
  for (const AxisSamples &axis : axes)
    for (int64_t tap = 0; tap < axis.taps.constant(); ++tap) {
      AffineMap at = readOf(axis, shape.size(), context.b.getAffineConstantExpr(tap));
      inputs.push_back({axis.places, at, {}});
      if (axis.weights)
        inputs.push_back({axis.weights, at, {}});
    }
  auto from = cast<ShapedType>(source.getType());
  return context.map(loc, shape, type, inputs, [&](Code &c, ValueRange x) {
    ValueRange tables = x.drop_front();
    Type wide = axes.front().weights ? computed : Type();
    Sum sum{c, outside, from.getElementType(), wide, placesOf(c, from.getRank())};
    Value value = sum.all(axes, tables), isOutside;
    for (const AxisSamples &axis : axes) {
      if (outside == Outside::Element)
        isOutside = either(c, isOutside, isNone(c, tables.front()));
      tables = tables.drop_front(axis.numTables());
    }
    return stored(c, value, isOutside, type);
  });
}

/// The last iteration dimensions number the neighbours along each axis.
Value Sampler::sampleRows(Value source, ArrayRef<Dim> shape, ArrayRef<AxisSamples> axes,
                          Type type) const {
  unsigned iterators = shape.size() + axes.size();
  SmallVector<Input> inputs = {{source, {}, {}}};
  for (auto [i, axis] : llvm::enumerate(axes)) {
    AffineMap at = readOf(axis, iterators, context.b.getAffineDimExpr(shape.size() + i));
    inputs.push_back({axis.places, at, {}});
    inputs.push_back({axis.weights, at, {}});
  }
  if (outside == Outside::Element) // of the row as a whole
    for (const AxisSamples &axis : axes)
      inputs.push_back(
          {axis.places, readOf(axis, iterators, context.b.getAffineConstantExpr(0)), {}});
  AffineMap all = AffineMap::getMultiDimIdentityMap(iterators, context.getContext());
  Context::Init init{llvm::to_vector(shape), type, all.getMajorSubMap(shape.size())};
  auto from = cast<ShapedType>(source.getType());
  return context.rows(loc, axes.size(), inputs, init, [&](Code &c, ValueRange x) {
    Sum sum{c, outside, from.getElementType(), computed, placesOf(c, from.getRank())};
    Value weight, none, isOutside;
    ValueRange tables = x.drop_front();
    for (const AxisSamples &axis : axes) {
      sum.go(axis.axis, tables[0]);
      weight = weight ? c.mul(weight, tables[1]) : tables[1];
      if (outside == Outside::Neighbour)
        none = either(c, none, isNone(c, tables[0]));
      tables = tables.drop_front(2);
    }
    for (Value place : tables)
      isOutside = either(c, isOutside, isNone(c, place));
    Value total = c.combine(kernel::CombineKind::Add, c.mul(weight, sum.read(none)));
    return stored(c, total, isOutside, type);
  });
}

Value Sampler::sample(Value source, ArrayRef<Dim> shape, ArrayRef<AxisSamples> axes,
                      bool isBetween) const {
  Type type = isBetween ? computed : element;
  Dim terms(1);
  for (const AxisSamples &axis : axes)
    terms = terms * axis.taps;
  return terms.isConstant() && terms.constant() <= fewTerms ? sampleMap(source, shape, axes, type)
                                                            : sampleRows(source, shape, axes, type);
}

} // namespace strut::kernelize
