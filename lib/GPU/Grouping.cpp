//===- Grouping.cpp - What all forms of kernel.grouped share --------------===//
#include "Grouping.h"
#include "Addresses.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {

using kernel::GroupedOp;

namespace {
constexpr unsigned orderList = 2, offsetsList = 3;

/// A sum of i32 over the lanes of a warp, and over those up to this one.
struct WarpSums {
  Value upToThis, ofAll;

  WarpSums(OpBuilder &b, Location loc, Value lane, Value value) : upToThis(value), ofAll(value) {
    I32 i{b, loc};
    for (int64_t mask = 1; mask < warpSize; mask *= 2) {
      // Of each two halves, the upper one's lanes come after all of the lower one's.
      Value other = shuffleXor(b, loc, ofAll, mask), half = i.rem(i.div(lane, mask), 2);
      Value isUpper = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, half, i.constant(0));
      upToThis = i.add(upToThis, arith::SelectOp::create(b, loc, isUpper, other, i.constant(0)));
      ofAll = i.add(ofAll, other);
    }
  }
};

Value maximumOfWarp(OpBuilder &b, Location loc, Value value) {
  for (int64_t mask = 1; mask < warpSize; mask *= 2)
    value = arith::MaxSIOp::create(b, loc, value, shuffleXor(b, loc, value, mask));
  return value;
}
} // namespace

void Grouping::setExtents(OpBuilder &b, ValueRange operands) {
  extents = nest.extents(b, loc, operands);
  places = DimGroup(b, loc, {GroupedOp::kRow}, extents);
  n = DimGroup(b, loc, {GroupedOp::kColumn}, extents);
  k = DimGroup(b, loc, {GroupedOp::kTerm}, extents);
}

Value Grouping::panels(OpBuilder &b, int64_t columns) const {
  return ceilDiv(b, loc, n.size, indexConstant(b, loc, columns));
}

Value Grouping::entry(OpBuilder &b, unsigned list, Value at) const {
  Value number = memref::LoadOp::create(b, loc, parameters[list], at);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
}

/// Each group may begin a tile that is not full, but no tile is empty.
Value Grouping::blocks(OpBuilder &b, int64_t tileRows, int64_t columns) const {
  Value full = ceilDiv(b, loc, rows(), indexConstant(b, loc, tileRows));
  Value tiles = arith::AddIOp::create(b, loc, full, groups());
  tiles = arith::MinUIOp::create(b, loc, tiles, rows());
  return product(b, loc, {tiles, panels(b, columns)});
}

/// Each lane of a warp counts the tiles of a group, 32 groups at a time.
std::pair<Value, Value> Grouping::findTile(OpBuilder &b, Value number, int64_t tileRows) const {
  I32 outside{b, loc};
  Value lane = outside.rem(outside.from(threadIndex(b, loc)), warpSize);
  Value wanted = outside.from(number), none = outside.constant(-1);
  auto loop = scf::ForOp::create(
      b, loc, indexConstant(b, loc, 0), groups(), indexConstant(b, loc, warpSize),
      ValueRange{none, none, outside.constant(0)},
      [&](OpBuilder &b, Location, Value from, ValueRange state) {
        I32 i{b, loc};
        Value ofLane = arith::AddIOp::create(b, loc, from, i.toIndex(lane));
        auto [group, isGroup] = clamp(b, loc, ofLane, groups());
        Value begin = memref::LoadOp::create(b, loc, parameters[offsetsList], group);
        Value end = memref::LoadOp::create(b, loc, parameters[offsetsList], plus(b, loc, group, 1));
        Value count = i.div(i.add(i.sub(end, begin), tileRows - 1), tileRows);
        count = arith::SelectOp::create(b, loc, isGroup, count, i.constant(0));
        WarpSums sums(b, loc, lane, count);
        Value before = i.sub(i.add(state[2], sums.upToThis), count);
        Value ofGroup = i.sub(wanted, before);
        Value isMine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, ofGroup, count);
        Value place = i.add(begin, i.mul(ofGroup, tileRows));
        auto chosen = [&](Value mine, Value other) -> Value {
          return arith::SelectOp::create(b, loc, isMine, mine, other);
        };
        scf::YieldOp::create(b, loc,
                             ValueRange{chosen(i.from(group), state[0]), chosen(place, state[1]),
                                        i.add(state[2], sums.ofAll)});
      });
  auto found = [&](unsigned result) -> Value {
    Value value = maximumOfWarp(b, loc, loop.getResult(result));
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  };
  return {found(0), found(1)};
}

void Grouping::forTile(OpBuilder &b, ValueRange arguments, int64_t tileRows, int64_t columns,
                       function_ref<void(OpBuilder &)> body) {
  parameters = arguments;
  setExtents(b, parameters);
  rowAt = [this](OpBuilder &b, Value place) { return entry(b, orderList, place); };
  Value block = blockIndex(b, loc), across = panels(b, columns);
  Value group;
  std::tie(group, firstPlace) =
      findTile(b, arith::DivUIOp::create(b, loc, block, across), tileRows);
  firstColumn = arith::MulIOp::create(b, loc, arith::RemUIOp::create(b, loc, block, across),
                                      indexConstant(b, loc, columns));
  // The same for all threads of the block, which wait for each other inside.
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, group, indexConstant(b, loc, 0));
  scf::IfOp::create(b, loc, exists, [&](OpBuilder &b, Location) {
    Value end = entry(b, offsetsList, plus(b, loc, group, 1));
    places.size = arith::MinUIOp::create(b, loc, plus(b, loc, firstPlace, tileRows), end);
    origin.assign(GroupedOp::kNumDims, indexConstant(b, loc, 0));
    origin[GroupedOp::kGroup] = group;
    body(b);
    scf::YieldOp::create(b, loc);
  });
}

void Grouping::finish(OpBuilder &b, Value place, Value column, Value sum) const {
  SmallVector<Value> point(origin);
  point[GroupedOp::kRow] = entry(b, orderList, place);
  point[GroupedOp::kColumn] = column;
  Value result = evaluateSums(b, nest, sum, GroupedOp::kFirstExtra, parameters, point);
  storeLanes(b, loc, result, parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
}

void launchGrouping(Simt &simt, OpBuilder &host, Grouping &code, StringRef name, int64_t rows,
                    int64_t columns, int64_t threads, int64_t resident,
                    function_ref<void(OpBuilder &)> body) {
  code.setExtents(host, code.nest.operands);
  Grid grid{code.blocks(host, rows, columns), indexConstant(host, code.loc, threads), threads,
            resident};
  simt.launch(
      host, code.nest.op, name, code.nest.key(), code.nest.arguments(), grid,
      [&](OpBuilder &b, ValueRange arguments) { code.forTile(b, arguments, rows, columns, body); });
}

} // namespace strut::gpu
