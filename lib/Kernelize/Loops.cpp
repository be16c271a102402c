//===- Loops.cpp - Code in the bodies of regions --------------------------===//
#include "Loops.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::kernelize {

SmallVector<Value> extentsOf(Code &c, Value tensor) {
  SmallVector<Value> extents;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    extents.push_back(type.isDynamicDim(axis) ? c.make<tensor::DimOp>(tensor, c.index(axis))
                                              : c.index(type.getDimSize(axis)));
  return extents;
}

Value asIndex(Code &c, Value number) {
  return c.make<arith::IndexCastOp>(c.b.getIndexType(), number);
}

Value asNumber(Code &c, Value index) { return c.make<arith::IndexCastOp>(c.b.getI64Type(), index); }

Value numberAt(Code &c, Value list, Value place) {
  return asIndex(c, c.make<tensor::ExtractOp>(list, place));
}

Value withNumber(Code &c, Value index, Value list, Value place) {
  return c.make<tensor::InsertOp>(asNumber(c, index), list, place);
}

Value advanced(Code &c, Value index, Value isMore) {
  return c.select(isMore, c.make<arith::AddIOp>(index, c.index(1)), index);
}

static SmallVector<Value> nest(Code &c, ArrayRef<Value> extents, SmallVector<Value> &places,
                               ValueRange carried, LoopBody body) {
  if (extents.empty())
    return body(c, places, carried);
  Value zero = c.index(0), one = c.index(1);
  auto loop = scf::ForOp::create(
      c.b, c.loc, zero, extents.front(), one, carried,
      [&](OpBuilder &b, Location loc, Value place, ValueRange inside) {
        Code inner{b, loc, c.isUnsigned};
        places.push_back(place);
        scf::YieldOp::create(b, loc, nest(inner, extents.drop_front(), places, inside, body));
        places.pop_back();
      });
  return loop.getResults();
}

SmallVector<Value> loops(Code &c, ArrayRef<Value> extents, ArrayRef<Value> carried, LoopBody body) {
  SmallVector<Value> places;
  return nest(c, extents, places, carried, body);
}

Value withoutElements(Context &context, Location loc, ArrayRef<Dim> shape, Type element) {
  Input zero{{}, {}, context.b.getZeroAttr(element)};
  return context.map(loc, shape, element, zero, [](Code &, ValueRange x) { return x[0]; });
}

Piece::Piece(Code &c, Value tensor)
    : element(getElementTypeOrSelf(tensor.getType())),
      sizes(getAsOpFoldResult(extentsOf(c, tensor))) {
  offsets.assign(sizes.size(), c.b.getIndexAttr(0));
  strides.assign(sizes.size(), c.b.getIndexAttr(1));
  isPlace.assign(sizes.size(), false);
}

Piece &Piece::at(unsigned axis, Value place) {
  offsets[axis] = place;
  sizes[axis] = strides[axis];
  isPlace[axis] = true;
  return *this;
}

Piece &Piece::from(unsigned axis, Value begin, Value size) {
  offsets[axis] = begin;
  sizes[axis] = getAsOpFoldResult(size);
  return *this;
}

RankedTensorType Piece::type() const {
  SmallVector<int64_t> shape;
  for (auto [size, place] : llvm::zip(sizes, isPlace))
    if (!place)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(shape, element);
}

Value Piece::of(Code &c, Value tensor) const {
  return c.make<tensor::ExtractSliceOp>(type(), tensor, offsets, sizes, strides);
}

Value Piece::into(Code &c, Value part, Value tensor) const {
  return c.make<tensor::InsertSliceOp>(part, tensor, offsets, sizes, strides);
}

void Piece::intoShared(Code &c, Value part, Value tensor) const {
  tensor::ParallelInsertSliceOp::create(c.b, c.loc, part, tensor, offsets, sizes, strides);
}

SmallVector<Value> tasks(Code &c, ArrayRef<Value> extents, ArrayRef<Value> targets,
                         function_ref<Piece(Code &, ValueRange, Value)> pieceOf, LoopBody body) {
  SmallVector<Value> counts(extents);
  if (extents.empty())
    counts.push_back(c.index(1)); // a loop has at least one dimension
  auto loop = scf::ForallOp::create(
      c.b, c.loc, getAsOpFoldResult(counts), targets, /*mapping=*/std::nullopt,
      [&](OpBuilder &b, Location loc, ValueRange arguments) {
        Code inner{b, loc, c.isUnsigned};
        ValueRange places = arguments.take_front(extents.size()),
                   shared = arguments.drop_front(counts.size());
        SmallVector<Piece, 2> pieces;
        SmallVector<Value> before;
        for (Value target : shared) {
          pieces.push_back(pieceOf(inner, places, target));
          before.push_back(pieces.back().of(inner, target));
        }
        SmallVector<Value> after = body(inner, places, before);
        auto end = scf::InParallelOp::create(b, loc);
        b.setInsertionPointToStart(end.getBody());
        for (auto [part, value, target] : llvm::zip(pieces, after, shared))
          part.intoShared(inner, value, target);
      });
  return loop.getResults();
}

Value read(Code &c, Value tensor, ValueRange at) {
  return c.widen(c.make<tensor::ExtractOp>(tensor, at));
}

Value written(Code &c, Value value, Value tensor, ValueRange at) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return c.make<tensor::InsertOp>(c.cast(value, element), tensor, at);
}

} // namespace strut::kernelize
