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

Value read(Code &c, Value tensor, ValueRange at) {
  return c.widen(c.make<tensor::ExtractOp>(tensor, at));
}

Value written(Code &c, Value value, Value tensor, ValueRange at) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return c.make<tensor::InsertOp>(c.cast(value, element), tensor, at);
}

} // namespace strut::kernelize
