//===- Contract.cpp - kernel.contract by register tiles of single FMAs ----===//
//
// A block computes a tile of the result for one batch index. Rows, columns and the summed
// dimensions are each numbered as one, so windows (a convolution) and any number of dimensions
// take the same way. The sum runs in the order of k, whatever the shape.
//
//===----------------------------------------------------------------------===//
#include "Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t columns = 64; ///< of a block

class ContractCode {
public:
  ContractCode(Simt &simt, const Nest &nest, kernel::ContractOp op, Type accumulator)
      : simt(simt), nest(nest), op(op), roles(kernel::ContractOp::rolesOf(nest.maps)),
        accumulator(accumulator), loc(op.getLoc()) {}

  /// Blocks of the grid, from the operands in the host function.
  Value blocks(OpBuilder &host);
  void emit(OpBuilder &b, ValueRange parameters);

private:
  void setGroups(OpBuilder &b, ValueRange operands);
  /// How many blocks there are for batch, m and n.
  SmallVector<Value> gridExtents(OpBuilder &b);
  void finish(OpBuilder &b, const Tile &tile, ArrayRef<SmallVector<Value>> sums, Value firstRow,
              Value firstColumn);
  void finishElement(OpBuilder &b, Value row, Value column, ValueRange sums);

  Simt &simt;
  const Nest &nest;
  kernel::ContractOp op;
  kernel::ContractOp::Roles roles;
  Type accumulator;
  Location loc;

  DimGroup batch, m, n;
  SmallVector<DimGroup> steps; ///< the k of each product
  ValueRange parameters;
  SmallVector<Value> origin; ///< the point of the batch index, other dimensions 0
};

void ContractCode::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  batch = DimGroup(b, loc, roles.batch, extents);
  m = DimGroup(b, loc, roles.m, extents);
  n = DimGroup(b, loc, roles.n, extents);
  steps.clear();
  for (unsigned product = 0; product < op.getNumProducts(); ++product)
    steps.emplace_back(b, loc, kernel::ContractOp::stepsOf(nest.maps, product), extents);
}

SmallVector<Value> ContractCode::gridExtents(OpBuilder &b) {
  return {batch.size, ceilDiv(b, loc, m.size, indexConstant(b, loc, Tile::rows)),
          ceilDiv(b, loc, n.size, indexConstant(b, loc, columns))};
}

Value ContractCode::blocks(OpBuilder &host) {
  setGroups(host, nest.operands);
  return product(host, loc, gridExtents(host));
}

void ContractCode::emit(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setGroups(b, parameters);
  Tile tile(b, loc, accumulator, columns);
  Value lhs = tile.memory(simt, b, Tile::steps, Tile::rows);
  Value rhs = tile.memory(simt, b, Tile::steps, columns);
  SmallVector<Value> block = delinearize(b, loc, blockIndex(b, loc), gridExtents(b));
  origin.assign(nest.dims, indexConstant(b, loc, 0));
  batch.place(b, loc, origin, block[0]);
  Value firstRow = arith::MulIOp::create(b, loc, block[1], indexConstant(b, loc, Tile::rows));
  Value firstColumn = arith::MulIOp::create(b, loc, block[2], indexConstant(b, loc, columns));
  SmallVector<SmallVector<Value>> sums(op.getNumSums());
  for (unsigned product = 0; product < op.getNumProducts(); ++product) {
    unsigned number = 2 * product;
    const DimGroup *k = &steps[product];
    TileOperand left{parameters[number], nest.maps[number], &m, k, origin};
    TileOperand right{parameters[number + 1], nest.maps[number + 1], &n, k, origin};
    SmallVector<Value> made = tile.multiply(b, left, lhs, firstRow, right, rhs, firstColumn);
    SmallVector<Value> &sum = sums[op.getSumOf(product)];
    for (auto [i, older] : llvm::enumerate(sum))
      made[i] = isa<FloatType>(accumulator) ? Value(arith::AddFOp::create(b, loc, older, made[i]))
                                            : Value(arith::AddIOp::create(b, loc, older, made[i]));
    sum = std::move(made);
  }
  finish(b, tile, sums, firstRow, firstColumn);
}

void ContractCode::finish(OpBuilder &b, const Tile &tile, ArrayRef<SmallVector<Value>> sums,
                          Value firstRow, Value firstColumn) {
  tile.forSums(b, firstRow, m.size, firstColumn, n.size,
               [&](OpBuilder &b, Value row, Value column, int64_t i) {
                 SmallVector<Value> here = llvm::map_to_vector(
                     sums, [&](const SmallVector<Value> &sum) { return sum[i]; });
                 finishElement(b, row, column, here);
               });
}

/// The epilogue of one element.
void ContractCode::finishElement(OpBuilder &b, Value row, Value column, ValueRange sums) {
  SmallVector<Value> point(origin);
  m.place(b, loc, point, row);
  n.place(b, loc, point, column);
  Value result = evaluateSums(b, nest, sums, op.getNumFactors(), parameters, point);
  storeLanes(b, loc, result, parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
}

} // namespace

LogicalResult emitContract(Simt &simt, OpBuilder &host, kernel::ContractOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  Type accumulator = kernel::ContractOp::getAccumulatorType(nest->typeOf(0).getElementType());
  ContractCode code(simt, *nest, op, accumulator);
  Location loc = op.getLoc();
  Grid grid{code.blocks(host), indexConstant(host, loc, Tile::threads), Tile::threads};
  simt.launch(host, op, "contract", nest->key(), nest->arguments(), grid,
              [&](OpBuilder &b, ValueRange parameters) { code.emit(b, parameters); });
  return success();
}

} // namespace strut::gpu
