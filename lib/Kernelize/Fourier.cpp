//===- Fourier.cpp - Discrete Fourier transforms as contractions ----------===//
//
// A transform is a product with a constant matrix, or a chain of them, one for each factor
// of its length (strut/Algebra/Fourier.h). Real and imaginary parts lie apart between
// these products and take part as one more axis that is summed over or made; only a move
// at the end interleaves them, and what reads the result folds it.
//
// Along the last axis the matrix is the right-hand side. Along another it is the left one,
// and the columns are those of the values, which so keep their place; after a first factor
// along the last axis, too, for its k1 then lies innermost.
//
//===----------------------------------------------------------------------===//
#include "Fourier.h"
#include "FourierMatrix.h"
#include "Slices.h"
#include "strut/Algebra/Fourier.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using Dims = SmallVector<Dim>;
using Places = SmallVector<AffineExpr>;

/// The iteration dimensions of a contraction.
struct Space {
  Context &context;
  Dims extents = {};

  Places add(ArrayRef<Dim> more) {
    Places exprs;
    for (const Dim &dim : more) {
      exprs.push_back(context.b.getAffineDimExpr(extents.size()));
      extents.push_back(dim);
    }
    return exprs;
  }
};

/// All, one after the other.
template <typename T> SmallVector<T> joined(std::initializer_list<ArrayRef<T>> parts) {
  SmallVector<T> all;
  for (ArrayRef<T> part : parts)
    llvm::append_range(all, part);
  return all;
}

class FourierCode {
public:
  FourierCode(Context &context, Location loc, ArrayRef<Dim> dims, const Fourier &what)
      : context(context), loc(loc), what(what), outer(dims.take_front(what.axis)),
        inner(dims.slice(what.axis + 1, dims.size() - what.axis - 2)),
        half(context.dims.floorDiv(what.length, Dim(2)) + Dim(1)), isComplex(dims.back().is(2)) {}

  std::pair<Value, Dims> run(Value x, Dim given);

private:
  /// An operand: a tensor, and the places at which it is read.
  struct Read {
    Value tensor;
    Places places;
  };

  /// How many values are read, and how many come out.
  Dim wanted() const { return what.givesReal() ? half : what.length; }
  Dim bins() const { return what.oneSided && !what.inverse ? half : what.length; }
  /// The axis of parts: none of real values.
  Dims parts(bool two) const { return Dims(two ? 1 : 0, Dim(2)); }
  Dims made(bool isLast) const { return parts(!isLast || !what.makesReal()); }

  /// The first elements along each axis.
  Value first(Value x, ArrayRef<Dim> shape) {
    return slice(context, loc, x, llvm::map_to_vector(shape, [](const Dim &size) {
                   return AxisSlice{Dim(0), size};
                 }));
  }
  Value fit(Value x, Dim given, Dim extent);
  Value contract(const Space &space, const Read &lhs, const Read &rhs, ArrayRef<Dim> shape,
                 ArrayRef<AffineExpr> out);
  Value dense(Value x, Dim given);
  Value factored(Value x);
  Value firstAlongLast(Value x, const algebra::FourierStage &stage, Dim values);
  Value stageAcross(Value x, const algebra::FourierStage &stage, Dim values, bool isLast);
  FourierMatrix matrixOf(const algebra::FourierStage &stage, bool isFirst, bool isLast) const;

  Context &context;
  Location loc;
  const Fourier &what;
  Dims outer, inner;
  Dim half;
  bool isComplex; ///< whether the values that the next product reads have two parts
  /// Between stages the values lie [outer, digits, n, parts, columns], where the digits are
  /// the k1 of stages before.
  Dims digits, columns;
};

} // namespace

/// The input with `extent` values along the axis: the first ones, or zeros behind them.
Value FourierCode::fit(Value x, Dim given, Dim extent) {
  if (given == extent)
    return x;
  Dims shape = joined<Dim>({outer, extent, inner, Dim(isComplex ? 2 : 1)});
  bool isLonger = context.dims.isNonNegative(given - extent);
  if (isLonger)
    return first(x, shape);
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  Extent count(context, given);
  // Parts are written apart: the axis of parts comes first.
  unsigned rank = shape.size(), apart = isComplex ? 1 : 0;
  Dims written = isComplex ? joined<Dim>({Dims{Dim(2)}, ArrayRef<Dim>(shape).drop_back()}) : shape;
  Value padded = context.map(loc, written, element, {{x, {}, {}}}, [&](Code &c, ValueRange) {
    SmallVector<Value> at;
    for (unsigned d = 0; d < rank; ++d)
      at.push_back(c.dim((d + apart) % rank));
    Value place = at[what.axis], zero = c.index(0);
    Value inside = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, place, count.in(c));
    Value last = c.make<arith::SubIOp>(count.in(c), c.index(1));
    at[what.axis] = c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), zero);
    Value value = c.widen(c.fetch(0, element, at));
    return c.select(inside, value, c.constant(0, value));
  });
  if (!isComplex)
    return padded;
  Places read;
  for (unsigned d = 0; d < rank; ++d)
    read.push_back(context.b.getAffineDimExpr((d + rank - 1) % rank));
  return context.move(loc, padded, AffineMap::get(rank, 0, read, context.getContext()), shape);
}

Value FourierCode::contract(const Space &space, const Read &lhs, const Read &rhs,
                            ArrayRef<Dim> shape, ArrayRef<AffineExpr> out) {
  auto map = [&](ArrayRef<AffineExpr> places) {
    return AffineMap::get(space.extents.size(), 0, places, context.getContext());
  };
  Type element = cast<RankedTensorType>(lhs.tensor.getType()).getElementType();
  return context.contract(loc,
                          {{lhs.tensor, map(lhs.places), {}}, {rhs.tensor, map(rhs.places), {}}},
                          {llvm::to_vector(shape), element, map(out)});
}

/// One product: to [outer, parts, k], or [parts, outer, k, inner] where there are axes behind.
Value FourierCode::dense(Value x, Dim given) {
  FourierMatrix of{what.length, 1, what.inverse, what.givesReal(), what.inverse, 0, what.scale};
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  bool isShorter =
      given.isConstant() && wanted().isConstant() && given.constant() < wanted().constant();
  Dim values = isShorter ? given : wanted();
  x = fit(x, given, values);
  Dims read = parts(isComplex), result = made(true);
  if (!isComplex)
    x = context.reshape(loc, x, joined<Dim>({outer, values, inner, Dim(1)}),
                        joined<Dim>({outer, values, inner}));
  Space space{context};
  Places p = space.add(outer);
  if (inner.empty()) {
    Dim count = product(result) * bins();
    Places kd = space.add(count), c = space.add(read), n = space.add(values);
    Value matrix = of.build(context, loc, element,
                            {{FourierMatrix::Read, read},
                             {FourierMatrix::Value, values},
                             {FourierMatrix::Made, result},
                             {FourierMatrix::Result, bins()}},
                            joined<Dim>({read, values, count}));
    Dims shape = joined<Dim>({outer, count});
    Value y =
        contract(space, {x, joined<AffineExpr>({p, n, c})},
                 {matrix, joined<AffineExpr>({c, n, kd})}, shape, joined<AffineExpr>({p, kd}));
    return context.reshape(loc, y, shape, joined<Dim>({outer, result, bins()}));
  }
  Places d = space.add(result), k = space.add(bins()), q = space.add(inner), c = space.add(read),
         n = space.add(values);
  Dims axes = joined<Dim>({result, bins(), read, values});
  Value matrix = of.build(context, loc, element,
                          {{FourierMatrix::Made, result},
                           {FourierMatrix::Result, bins()},
                           {FourierMatrix::Read, read},
                           {FourierMatrix::Value, values}},
                          axes);
  return contract(space, {matrix, joined<AffineExpr>({d, k, c, n})},
                  {x, joined<AffineExpr>({p, n, q, c})},
                  joined<Dim>({result, outer, bins(), inner}), joined<AffineExpr>({d, p, k, q}));
}

FourierMatrix FourierCode::matrixOf(const algebra::FourierStage &stage, bool isFirst,
                                    bool isLast) const {
  return {Dim(stage.radix * stage.rest),
          stage.rest,
          what.inverse,
          isFirst && what.givesReal(),
          isLast && what.inverse,
          what.length,
          isLast ? what.scale : 1};
}

/// The first stage of a transform along the last axis: from [outer, n, parts] to
/// [outer, n2, parts, k1].
Value FourierCode::firstAlongLast(Value x, const algebra::FourierStage &stage, Dim values) {
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  Dim radix(stage.radix), rest(stage.rest), count = radix * Dim(2);
  Dims read = parts(isComplex);
  if (!isComplex)
    x = context.reshape(loc, x, joined<Dim>({outer, values * rest, Dim(1)}),
                        joined<Dim>({outer, values * rest}));
  Space space{context};
  Places p = space.add(outer), n2 = space.add(rest), kd = space.add(count), c = space.add(read),
         n1 = space.add(values);
  Value matrix = matrixOf(stage, true, false)
                     .build(context, loc, element,
                            {{FourierMatrix::Rest, rest},
                             {FourierMatrix::Read, read},
                             {FourierMatrix::Value, values},
                             {FourierMatrix::Made, Dim(2)},
                             {FourierMatrix::Result, radix}},
                            joined<Dim>({rest, read, values, count}));
  Dims shape = joined<Dim>({outer, rest, count});
  Value y = contract(space, {x, joined<AffineExpr>({p, n1[0] * stage.rest + n2[0], c})},
                     {matrix, joined<AffineExpr>({n2, c, n1, kd})}, shape,
                     joined<AffineExpr>({p, n2, kd}));
  columns = {radix};
  return context.reshape(loc, y, shape, joined<Dim>({outer, rest, Dim(2), radix}));
}

/// A stage across the columns: from [outer, digits, n, parts, columns] to
/// [outer, digits, k1, n2, parts, columns], after the last one to [parts, outer, k, columns].
/// Before the first one the values lie as the input does, [outer, n, columns, parts].
Value FourierCode::stageAcross(Value x, const algebra::FourierStage &stage, Dim values,
                               bool isLast) {
  Type element = cast<RankedTensorType>(x.getType()).getElementType();
  bool isFirst = columns.empty();
  if (isFirst)
    columns = inner;
  Dim radix(stage.radix), rest(stage.rest);
  if (isLast && what.oneSided && !what.inverse)
    radix = Dim((what.length.constant() / 2) / (what.length.constant() / stage.radix) + 1);
  Dims read = parts(isComplex), result = made(isLast), more = stage.rest > 1 ? Dims{rest} : Dims();
  Dims tail = isFirst ? joined<Dim>({columns, read}) : joined<Dim>({read, columns});
  Dims last = isFirst && !isComplex ? Dims{Dim(1)} : Dims();
  x = context.reshape(loc, x, joined<Dim>({outer, digits, values * rest, tail, last}),
                      joined<Dim>({outer, digits, values, more, tail}));
  Space space{context};
  Places p = space.add(outer), g = space.add(digits), n2 = space.add(more), d = space.add(result),
         k = space.add(radix), q = space.add(columns), c = space.add(read), n1 = space.add(values);
  Value matrix = matrixOf(stage, isFirst, isLast)
                     .build(context, loc, element,
                            {{FourierMatrix::Rest, more},
                             {FourierMatrix::Made, result},
                             {FourierMatrix::Result, radix},
                             {FourierMatrix::Read, read},
                             {FourierMatrix::Value, values}},
                            joined<Dim>({more, result, radix, read, values}));
  Places back = isFirst ? joined<AffineExpr>({q, c}) : joined<AffineExpr>({c, q});
  Read lhs{matrix, joined<AffineExpr>({n2, d, k, c, n1})};
  Read rhs{x, joined<AffineExpr>({p, g, n1, n2, back})};
  isComplex = true;
  if (!isLast) {
    digits.push_back(radix);
    Dims shape = joined<Dim>({outer, digits, more, result, columns});
    return contract(space, lhs, rhs, shape, joined<AffineExpr>({p, g, k, n2, d, q}));
  }
  Dims reversed(llvm::reverse(digits));
  Places order(llvm::reverse(g));
  Dims shape = joined<Dim>({result, outer, radix, reversed, columns});
  Value y = contract(space, lhs, rhs, shape, joined<AffineExpr>({d, p, k, order, q}));
  // The k1 of a first stage along the last axis is the last digit.
  Dim count = radix * product(reversed) * (inner.empty() ? columns[0] : Dim(1));
  Dims whole = joined<Dim>({result, outer, count, inner});
  y = context.reshape(loc, y, shape, whole);
  if (count == bins())
    return y;
  return first(y, joined<Dim>({result, outer, bins(), inner}));
}

Value FourierCode::factored(Value x) {
  std::vector<algebra::FourierStage> stages = algebra::fourierStages(what.factors);
  // Of half a spectrum only the first n1 are not 0.
  Dim values(stages.front().radix);
  if (what.givesReal())
    values = Dim(what.length.constant() / 2 / stages.front().rest + 1);
  for (auto [i, stage] : llvm::enumerate(stages)) {
    if (i == 0 && inner.empty()) {
      x = firstAlongLast(x, stage, values);
      isComplex = true;
    } else {
      x = stageAcross(x, stage, i == 0 ? values : Dim(stage.radix), i + 1 == stages.size());
    }
  }
  return x;
}

std::pair<Value, Dims> FourierCode::run(Value x, Dim given) {
  Dims result = made(true);
  bool isDense = what.factors.size() < 2, partsFirst = !isDense || !inner.empty();
  if (isDense) {
    x = dense(x, given);
  } else {
    int64_t rest = what.length.constant() / what.factors.front();
    Dim extent = what.length;
    if (what.givesReal())
      extent = Dim((what.length.constant() / 2 / rest + 1) * rest);
    // What lies beyond the middle is not read as part of the spectrum, but it may lie there.
    x = factored(fit(x, given, extent));
  }
  if (what.givesReal()) {
    Dims shape = joined<Dim>({outer, bins(), inner, Dim(1)});
    return {context.reshape(loc, x, joined<Dim>({outer, bins(), inner}), shape), shape};
  }
  Dims shape = joined<Dim>({outer, bins(), inner, Dim(2)});
  Space space{context};
  Places p = space.add(outer), k = space.add(bins()), q = space.add(inner), d = space.add(Dim(2));
  if (result.empty())
    d.clear();
  Places read = partsFirst ? joined<AffineExpr>({d, p, k, q}) : joined<AffineExpr>({p, d, k});
  AffineMap map = AffineMap::get(shape.size(), 0, read, context.getContext());
  return {context.move(loc, x, map, shape), shape};
}

std::pair<Value, SmallVector<Dim>> transformed(Context &context, Location loc, Value x,
                                               ArrayRef<Dim> dims, const Fourier &what) {
  return FourierCode(context, loc, dims, what).run(x, dims[what.axis]);
}

} // namespace strut::kernelize
