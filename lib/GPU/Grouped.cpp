//===- Grouped.cpp - kernel.grouped: rows that choose their matrix --------===//
//
// The rows lie in `order` by group. A block takes 64 places of that order and 64 columns, and
// goes through the groups that its places touch: for each a tile of the products, of whose rows
// those of other groups are left out. The order of a sum is that of k, as in a contraction, so
// a row's bits depend on nothing but itself and its group.
//
//===----------------------------------------------------------------------===//
#include "Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

using kernel::GroupedOp;

constexpr int64_t columns = 64; ///< of a block

class GroupedCode {
public:
  GroupedCode(Simt &simt, const Nest &nest, Type accumulator)
      : simt(simt), nest(nest), accumulator(accumulator), loc(nest.op->getLoc()) {}

  /// Blocks of the grid, from the operands in the host function.
  Value blocks(OpBuilder &host);
  void emit(OpBuilder &b, ValueRange parameters);

private:
  void setExtents(OpBuilder &b, ValueRange operands) {
    extents = nest.extents(b, loc, operands);
    n = DimGroup(b, loc, {GroupedOp::kColumn}, extents);
    k = DimGroup(b, loc, {GroupedOp::kTerm}, extents);
  }
  Value panels(OpBuilder &b) { return ceilDiv(b, loc, n.size, indexConstant(b, loc, columns)); }
  Value rowsOf(OpBuilder &b, Value block) {
    return arith::MulIOp::create(b, loc, block, indexConstant(b, loc, Tile::rows));
  }
  /// An element of `order` or `offsets`.
  Value entry(OpBuilder &b, unsigned list, Value at) {
    Value number = memref::LoadOp::create(b, loc, parameters[list], at);
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  }
  void emitGroup(OpBuilder &b, const Tile &tile, Value lhs, Value rhs, Value group, Value first,
                 Value last, Value firstColumn);

  Simt &simt;
  const Nest &nest;
  Type accumulator;
  Location loc;
  SmallVector<Value> extents;
  DimGroup n, k;
  ValueRange parameters;
};

Value GroupedCode::blocks(OpBuilder &host) {
  setExtents(host, nest.operands);
  Value runs = ceilDiv(host, loc, extents[GroupedOp::kRow], indexConstant(host, loc, Tile::rows));
  return product(host, loc, {runs, panels(host)});
}

void GroupedCode::emit(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setExtents(b, parameters);
  Tile tile(b, loc, accumulator, columns);
  Value lhs = tile.memory(simt, b, Tile::steps, Tile::rows);
  Value rhs = tile.memory(simt, b, Tile::steps, columns);
  Value block = blockIndex(b, loc), across = panels(b);
  Value begin = rowsOf(b, arith::DivUIOp::create(b, loc, block, across));
  Value end =
      arith::MinUIOp::create(b, loc, plus(b, loc, begin, Tile::rows), extents[GroupedOp::kRow]);
  Value firstColumn = arith::MulIOp::create(b, loc, arith::RemUIOp::create(b, loc, block, across),
                                            indexConstant(b, loc, columns));
  auto groups = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), extents[GroupedOp::kGroup],
                                   indexConstant(b, loc, 1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(groups.getBody());
  Value group = groups.getInductionVar();
  Value first = arith::MaxSIOp::create(b, loc, begin, entry(b, 3, group));
  Value last = arith::MinSIOp::create(b, loc, end, entry(b, 3, plus(b, loc, group, 1)));
  // The same for all threads of the block, which wait for each other inside.
  Value touched = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, first, last);
  scf::IfOp::create(b, loc, touched, [&](OpBuilder &b, Location) {
    emitGroup(b, tile, lhs, rhs, group, first, last, firstColumn);
    scf::YieldOp::create(b, loc);
  });
}

/// The places from `first` to `last`, which belong to one group.
void GroupedCode::emitGroup(OpBuilder &b, const Tile &tile, Value lhs, Value rhs, Value group,
                            Value first, Value last, Value firstColumn) {
  SmallVector<Value> origin(GroupedOp::kNumDims, indexConstant(b, loc, 0));
  origin[GroupedOp::kGroup] = group;
  DimGroup places(b, loc, {GroupedOp::kRow}, extents);
  places.size = last;
  auto rowAt = [&](OpBuilder &b, Value place) { return entry(b, 2, place); };
  TileOperand left{parameters[0], nest.maps[0], &places, &k, origin, rowAt};
  TileOperand right{parameters[1], nest.maps[1], &n, &k, origin};
  SmallVector<Value> sums = tile.multiply(b, left, lhs, first, right, rhs, firstColumn);
  tile.forSums(
      b, first, last, firstColumn, n.size, [&](OpBuilder &b, Value place, Value column, int64_t i) {
        SmallVector<Value> point(origin);
        point[GroupedOp::kRow] = entry(b, 2, place);
        point[GroupedOp::kColumn] = column;
        Value result = evaluateSums(b, nest, sums[i], GroupedOp::kFirstExtra, parameters, point);
        storeLanes(b, loc, result, parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
      });
}

} // namespace

LogicalResult emitGrouped(Simt &simt, OpBuilder &host, GroupedOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  Type accumulator = kernel::ContractOp::getAccumulatorType(nest->typeOf(0).getElementType());
  GroupedCode code(simt, *nest, accumulator);
  Grid grid{code.blocks(host), indexConstant(host, op.getLoc(), Tile::threads), Tile::threads};
  simt.launch(host, op, "grouped", nest->key(), nest->arguments(), grid,
              [&](OpBuilder &b, ValueRange parameters) { code.emit(b, parameters); });
  return success();
}

} // namespace strut::gpu
