//===- Grouped.cpp - kernel.grouped by tensor cores or single FMAs --------===//
#include "Grouping.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t columns = 64; ///< of a block

static void emitBody(Simt &simt, OpBuilder &b, Grouping &code, Type accumulator) {
  Tile tile(b, code.loc, accumulator, columns);
  Value lhs = tile.memory(simt, b, Tile::steps, Tile::rows);
  Value rhs = tile.memory(simt, b, Tile::steps, columns);
  SmallVector<Value> sums =
      tile.multiply(b, code.lhs(), lhs, code.firstPlace, code.rhs(), rhs, code.firstColumn);
  tile.forSums(b, code.firstPlace, code.places.size, code.firstColumn, code.n.size,
               [&](OpBuilder &b, Value place, Value column, int64_t i) {
                 code.finish(b, place, column, sums[i]);
               });
}

LogicalResult emitGrouped(Simt &simt, OpBuilder &host, kernel::GroupedOp op) {
  FailureOr<Nest> nest = nestOfProducts(host, op);
  if (failed(nest))
    return failure();
  Grouping code(*nest);
  if (emitTensorGrouped(simt, host, code))
    return success();
  Type accumulator = kernel::ContractOp::getAccumulatorType(nest->typeOf(0).getElementType());
  launchGrouping(simt, host, code, "grouped", Tile::rows, columns, Tile::threads,
                 /*resident=*/512, [&](OpBuilder &b) { emitBody(simt, b, code, accumulator); });
  return success();
}

} // namespace strut::gpu
