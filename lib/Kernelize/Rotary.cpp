//===- Rotary.cpp - Rotary embeddings -------------------------------------===//
//
// A pointwise map of pairs of places of a head: two maps where the pairs are halves, each
// of contiguous places, one where they are neighbours.
//
//===----------------------------------------------------------------------===//
#include "Requirements.h"
#include "Slices.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

constexpr unsigned kRank = 4, kLast = 3;

/// y = x with (x₁, x₂) of each pair as (x₁ cos - x₂ sin, x₂ cos + x₁ sin), on X as [B, H, S, D]
/// or as [B, S, H, D].
class RotaryLowering {
public:
  RotaryLowering(AnyOp op, Context &context)
      : op(op), context(context), isInterleaved(intAttr(op, "interleaved")) {}
  LogicalResult run();

private:
  LogicalResult readInput();
  FailureOr<Input> readTable(StringRef name);
  FailureOr<Value> rowsByPosition(Value table);
  Value rotateHalf(bool isSecond);
  Value rotateNeighbours();

  /// The iteration dimensions, the last one replaced.
  AffineMap mapTo(AffineExpr last) {
    SmallVector<AffineExpr> read;
    for (unsigned i = 0; i < kLast; ++i)
      read.push_back(context.b.getAffineDimExpr(i));
    read.push_back(last);
    return AffineMap::get(kRank, 0, read, context.getContext());
  }
  Input placesFrom(int64_t first) {
    return {x, mapTo(context.b.getAffineDimExpr(kLast) + first), {}};
  }
  SmallVector<Dim> shapeOf(int64_t places) {
    SmallVector<Dim> part(shape);
    part[kLast] = places;
    return part;
  }

  AnyOp op;
  Context &context;
  bool isInterleaved;
  Value x;
  Input cosine, sine;
  Type element;
  SmallVector<Dim> shape;
  unsigned placeAxis = 2;
  int64_t size = 0, rotated = 0; ///< places of a head, and those of them that are rotated
};

LogicalResult RotaryLowering::readInput() {
  Value input = op.in("X");
  shape = context[input].dims;
  x = context.tensor(input);
  element = context[input].element;
  if (shape.size() == 3) {
    int64_t heads = intAttr(op, "num_heads");
    std::optional<Dim> width = heads > 0 ? shape[2].dividedBy(heads) : std::nullopt;
    if (!width)
      return context.refuse(op, "its num_heads does not divide the last axis");
    SmallVector<Dim> split = {shape[0], shape[1], Dim(heads), *width};
    x = context.reshape(op->getLoc(), x, shape, split);
    shape = split;
    placeAxis = 1;
  }
  if (!shape[kLast].isConstant())
    return context.refuse(op, "the size of its heads is not constant");
  size = shape[kLast].constant();
  rotated = intAttr(op, "rotary_embedding_dim");
  rotated = rotated ? rotated : size;
  if (rotated < 0 || rotated > size || rotated % 2 != 0)
    return context.refuse(op, "it cannot rotate " + Twine(rotated) + " of " + Twine(size) +
                                  " places of a head");
  return success();
}

/// table[position_ids[b, s], i]
FailureOr<Value> RotaryLowering::rowsByPosition(Value table) {
  Value positions = op.in("position_ids");
  SmallVector<Dim> at(context[positions].dims);
  if (at.size() != 2)
    return context.refuse(op, "its position_ids do not have two axes");
  at.push_back(rotated / 2);
  if (failed(requireIndices(context, op, "position_ids", op.in("position_ids"),
                            context[table].dims[0], "its tables")))
    return failure();
  Extent extent(context, context[table].dims[0]);
  AffineExpr b = context.b.getAffineDimExpr(0), s = context.b.getAffineDimExpr(1);
  Input number{context.tensor(positions), AffineMap::get(3, 0, {b, s}, context.getContext()), {}};
  Input rows{context.tensor(table), {}, {}};
  return context.map(op->getLoc(), at, element, {number, rows}, [&](Code &c, ValueRange x) {
    return c.fetch(1, element, {c.boundedIndex(x[0], extent.in(c)), c.dim(2)});
  });
}

/// A table as [batch, place, pair], of which an axis of extent 1 is repeated.
FailureOr<Input> RotaryLowering::readTable(StringRef name) {
  Value given = op.in(name), positions = op.in("position_ids");
  SmallVector<Dim> dims = context[given].dims;
  if (dims.size() != (positions ? 2 : 3) || !dims.back().is(rotated / 2))
    return context.refuse(op, "its " + name + " does not have an element for each of " +
                                  Twine(rotated / 2) + " pairs");
  FailureOr<Value> tensor = positions ? rowsByPosition(given) : context.tensor(given);
  if (failed(tensor))
    return failure();
  if (positions)
    dims = {context[positions].dims[0], context[positions].dims[1], dims.back()};
  SmallVector<AffineExpr> read;
  for (auto [axis, dim] : {std::pair(0u, dims[0]), {placeAxis, dims[1]}}) {
    if (!dim.is(1) && !context.unify(dim, shape[axis]))
      return context.refuse(op, "it cannot be told that its " + name + " fits its input");
    bool repeats = dim.is(1) && !shape[axis].is(1);
    read.push_back(repeats ? context.b.getAffineConstantExpr(0) : context.b.getAffineDimExpr(axis));
  }
  AffineExpr last = context.b.getAffineDimExpr(kLast);
  read.push_back(isInterleaved ? last.floorDiv(2) : last);
  return Input{*tensor, AffineMap::get(kRank, 0, read, context.getContext()), {}};
}

Value RotaryLowering::rotateHalf(bool isSecond) {
  int64_t half = rotated / 2;
  return context.map(op->getLoc(), shapeOf(half), element,
                     {placesFrom(0), placesFrom(half), cosine, sine}, [&](Code &c, ValueRange v) {
                       return isSecond ? c.add(c.mul(v[1], v[2]), c.mul(v[0], v[3]))
                                       : c.sub(c.mul(v[0], v[2]), c.mul(v[1], v[3]));
                     });
}

Value RotaryLowering::rotateNeighbours() {
  Input whole{x, {}, {}};
  return context.map(op->getLoc(), shapeOf(rotated), element, {placesFrom(0), cosine, sine, whole},
                     [&](Code &c, ValueRange v) {
                       Value place = c.dim(kLast), one = c.index(1);
                       Value parity = c.make<arith::AndIOp>(place, one);
                       Value isSecond =
                           c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, parity, one);
                       Value other = c.make<arith::XOrIOp>(place, one);
                       Value partner =
                           c.widen(c.fetch(3, element, {c.dim(0), c.dim(1), c.dim(2), other}));
                       Value turned = c.mul(partner, v[2]), kept = c.mul(v[0], v[1]);
                       return c.select(isSecond, c.add(kept, turned), c.sub(kept, turned));
                     });
}

LogicalResult RotaryLowering::run() {
  if (failed(readInput()))
    return failure();
  FailureOr<Input> cosines = readTable("cos_cache"), sines = readTable("sin_cache");
  if (failed(cosines) || failed(sines))
    return failure();
  cosine = *cosines;
  sine = *sines;
  Location loc = op->getLoc();
  SmallVector<Dim> start(kRank, Dim(0));
  Value result = context.empty(loc, shape, element);
  if (isInterleaved) {
    result = insert(context, loc, {rotateNeighbours(), {}, {}}, result, start, shapeOf(rotated));
  } else {
    for (bool isSecond : {false, true}) {
      start[kLast] = isSecond ? rotated / 2 : 0;
      result =
          insert(context, loc, {rotateHalf(isSecond), {}, {}}, result, start, shapeOf(rotated / 2));
    }
  }
  start[kLast] = rotated;
  result = insert(context, loc, placesFrom(rotated), result, start, shapeOf(size - rotated));
  SmallVector<Dim> dims = context[op.in("X")].dims;
  context.define(op->getResult(0), context.reshape(loc, result, shape, dims), dims);
  return success();
}

Reason supportsRotary(Operation *operation) {
  auto type = dyn_cast<RankedTensorType>(AnyOp(operation).in("X").getType());
  if (!type || !isa<FloatType>(type.getElementType()))
    return "its input has no rank, or its elements are no floats";
  if (type.getRank() != 3 && type.getRank() != 4)
    return "its input has neither three nor four axes";
  return std::nullopt;
}

} // namespace

void addRotary(LoweringTable &table) {
  table["onnx.RotaryEmbedding"] = {supportsRotary, [](Operation *op, Context &context) {
                                     return RotaryLowering(AnyOp(op), context).run();
                                   }};
}

} // namespace strut::kernelize
