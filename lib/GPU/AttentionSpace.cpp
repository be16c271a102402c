//===- AttentionSpace.cpp - What all forms of kernel.attention share ------===//
#include "AttentionSpace.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;

namespace strut::gpu {

void AttentionSpace::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  batch = DimGroup(b, loc, llvm::to_vector(llvm::seq(first)), extents);
  m = DimGroup(b, loc, {first}, extents);
  s = DimGroup(b, loc, {first + 1}, extents);
  d = DimGroup(b, loc, {first + 2}, extents);
  e = DimGroup(b, loc, {first + 3}, extents);
}

SmallVector<Value> AttentionSpace::gridExtents(OpBuilder &b, int64_t rows, int64_t columns) const {
  return {batch.size, ceilDiv(b, loc, m.size, indexConstant(b, loc, rows)),
          ceilDiv(b, loc, e.size, indexConstant(b, loc, columns))};
}

Value AttentionSpace::blocks(OpBuilder &b, int64_t rows, int64_t columns) const {
  return product(b, loc, gridExtents(b, rows, columns));
}

void AttentionSpace::begin(OpBuilder &b, ValueRange arguments, int64_t rows, int64_t columns) {
  parameters = arguments;
  setGroups(b, parameters);
  SmallVector<Value> block = delinearize(b, loc, blockIndex(b, loc), gridExtents(b, rows, columns));
  origin.assign(nest.dims, indexConstant(b, loc, 0));
  batch.place(b, loc, origin, block[0]);
  firstRow = arith::MulIOp::create(b, loc, block[1], indexConstant(b, loc, rows));
  firstColumn = arith::MulIOp::create(b, loc, block[2], indexConstant(b, loc, columns));
}

Value AttentionSpace::score(OpBuilder &b, Value row, Value key, Value product) const {
  auto [safeRow, isRow] = clamp(b, loc, row, m.size);
  auto [safeKey, isKey] = clamp(b, loc, key, s.size);
  SmallVector<Value> point(origin);
  m.place(b, loc, point, safeRow);
  s.place(b, loc, point, safeKey);
  Value score = evaluateSums(b, nest, product, /*firstExtra=*/3, parameters, point);
  return arith::SelectOp::create(b, loc, isKey, score, lowest(b));
}

void AttentionSpace::store(OpBuilder &b, Value row, Value column, Value value) const {
  Type element = nest.typeOf(nest.inputs).getElementType();
  if (element != value.getType())
    value = arith::TruncFOp::create(b, loc, element, value);
  SmallVector<Value> point(origin);
  m.place(b, loc, point, row);
  e.place(b, loc, point, column);
  storeLanes(b, loc, value, parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
}

Value AttentionSpace::number(OpBuilder &b, float value) const {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}

Value AttentionSpace::lowest(OpBuilder &b) const {
  return number(b, -std::numeric_limits<float>::infinity());
}

Value AttentionSpace::shiftFor(OpBuilder &b, Value maximum) const {
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, maximum, lowest(b));
  return arith::SelectOp::create(b, loc, none, number(b, 0), maximum);
}

Value AttentionSpace::scaleFor(OpBuilder &b, Value total) const {
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, total, number(b, 0));
  total = arith::SelectOp::create(b, loc, none, number(b, 1), total);
  return arith::DivFOp::create(b, loc, number(b, 1), total);
}

void launchAttention(Simt &simt, OpBuilder &host, AttentionSpace &space, StringRef name,
                     int64_t rows, int64_t columns, int64_t threads, int64_t resident,
                     function_ref<void(OpBuilder &)> body) {
  space.setGroups(host, space.nest.operands);
  Grid grid{space.blocks(host, rows, columns), indexConstant(host, space.loc, threads), threads,
            resident};
  simt.launch(host, space.nest.op, name, space.nest.key(), space.nest.arguments(), grid,
              [&](OpBuilder &b, ValueRange arguments) {
                space.begin(b, arguments, rows, columns);
                body(b);
              });
}

} // namespace strut::gpu
