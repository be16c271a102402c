//===- Contraction.cpp - What all forms of kernel.contract share ----------===//
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace strut::gpu {

void Contraction::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  batch = DimGroup(b, loc, roles.batch, extents);
  m = DimGroup(b, loc, roles.m, extents);
  n = DimGroup(b, loc, roles.n, extents);
  steps.clear();
  for (unsigned product = 0; product < op.getNumProducts(); ++product)
    steps.emplace_back(b, loc, kernel::ContractOp::stepsOf(nest.maps, product), extents);
}

SmallVector<Value> Contraction::gridExtents(OpBuilder &b, int64_t rows, int64_t columns) const {
  return {batch.size, ceilDiv(b, loc, m.size, indexConstant(b, loc, rows)),
          ceilDiv(b, loc, n.size, indexConstant(b, loc, columns))};
}

Value Contraction::blocks(OpBuilder &b, int64_t rows, int64_t columns) const {
  return product(b, loc, gridExtents(b, rows, columns));
}

void Contraction::begin(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setGroups(b, parameters);
  origin.assign(nest.dims, indexConstant(b, loc, 0));
}

void Contraction::place(OpBuilder &b, Value tile, int64_t rows, int64_t columns) {
  SmallVector<Value> at = delinearize(b, loc, tile, gridExtents(b, rows, columns));
  batch.place(b, loc, origin, at[0]);
  firstRow = arith::MulIOp::create(b, loc, at[1], indexConstant(b, loc, rows));
  firstColumn = arith::MulIOp::create(b, loc, at[2], indexConstant(b, loc, columns));
}

SmallVector<Value> Contraction::pointAt(OpBuilder &b, Value row, Value column) const {
  SmallVector<Value> point(origin);
  m.place(b, loc, point, row);
  n.place(b, loc, point, column);
  return point;
}

Value Contraction::valueAt(OpBuilder &b, Value row, Value column, ValueRange sums) {
  return evaluateSums(b, nest, sums, op.getNumFactors(), parameters, pointAt(b, row, column));
}

void Contraction::finish(OpBuilder &b, Value row, Value column, ValueRange sums) {
  Value result = valueAt(b, row, column, sums);
  SmallVector<Value> point = pointAt(b, row, column);
  storeLanes(b, loc, result, parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
}

void launchContraction(Simt &simt, OpBuilder &host, Contraction &code, StringRef name, int64_t rows,
                       int64_t columns, int64_t threads, int64_t resident,
                       function_ref<void(OpBuilder &)> body) {
  code.setGroups(host, code.nest.operands);
  Grid grid{code.blocks(host, rows, columns), indexConstant(host, code.loc, threads), threads,
            resident};
  simt.launch(host, code.op, name, code.nest.key(), code.nest.arguments(), grid,
              [&](OpBuilder &b, ValueRange arguments) {
                code.begin(b, arguments);
                code.place(b, blockIndex(b, code.loc), rows, columns);
                body(b);
              });
}

} // namespace strut::gpu
