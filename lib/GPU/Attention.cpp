//===- Attention.cpp - kernel.attention with an online softmax ------------===//
//
// A block has some query rows of one batch index and some columns of the values. It walks the
// keys a tile at a time: scores as a product of tiles, which go through shared memory into the
// softmax, four threads a row; then their product with the values onto rescaled sums, which
// stay in registers. Nothing depends on the number of rows, so neither do a row's bits.
//
//===----------------------------------------------------------------------===//
#include "Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t keys = 64; ///< between two rescalings
constexpr int64_t rowThreads = Tile::threads / Tile::rows;

class AttentionCode {
public:
  AttentionCode(Simt &simt, const Nest &nest)
      : simt(simt), nest(nest), loc(nest.op->getLoc()), first(nest.dims - 4),
        f32(Float32Type::get(nest.op->getContext())) {
    int64_t size = nest.staticExtent(nest.dims - 1);
    columns = !ShapedType::isDynamic(size) && size <= 64 ? 64 : 128;
  }

  /// Blocks of the grid, from the operands in the host function.
  Value blocks(OpBuilder &host);
  void emit(OpBuilder &b, ValueRange parameters);

private:
  void setGroups(OpBuilder &b, ValueRange operands);
  SmallVector<Value> gridExtents(OpBuilder &b);
  void storeProducts(OpBuilder &b, const Tile &tile, ValueRange sums);
  Value scoreAt(OpBuilder &b, Value row, Value key, Value sum);
  /// Maximum and sum of the thread's row so far, then the same with these keys.
  std::pair<Value, Value> softmax(OpBuilder &b, Value firstKey, Value maximum, Value total);
  SmallVector<Value> addValues(OpBuilder &b, const Tile &tile, Value firstKey, ValueRange sums);
  void finish(OpBuilder &b, const Tile &tile, ValueRange sums);

  Value number(OpBuilder &b, float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value lowest(OpBuilder &b) { return number(b, -std::numeric_limits<float>::infinity()); }
  /// Both over the threads of a row, each of which gets the result.
  template <typename Op> Value overRow(OpBuilder &b, Value value);
  /// Lets the first thread of each row write to `array`, one place a row.
  void storeOfRow(OpBuilder &b, Value value, Value array);
  Value loadOfRow(OpBuilder &b, const Tile &tile, Value array, int64_t row) {
    return memref::LoadOp::create(b, loc, array, plus(b, loc, tile.threadRow, row));
  }

  Simt &simt;
  const Nest &nest;
  Location loc;
  unsigned first; ///< dimension of the queries; keys, features and columns follow
  Type f32;
  int64_t columns; ///< of the values, a block

  DimGroup batch, m, s, d, e;
  ValueRange parameters;
  SmallVector<Value> origin; ///< the point of the batch index, other dimensions 0
  Value firstRow, firstColumn;
  Value softmaxRow, softmaxPart; ///< which row of the tile the thread takes part in, and as which
  Value scores;                  ///< [key][row]
  Value valueSlice;              ///< [key][column]
  Value factors, totals;         ///< one a row
};

void AttentionCode::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  batch = DimGroup(b, loc, llvm::to_vector(llvm::seq(first)), extents);
  m = DimGroup(b, loc, {first}, extents);
  s = DimGroup(b, loc, {first + 1}, extents);
  d = DimGroup(b, loc, {first + 2}, extents);
  e = DimGroup(b, loc, {first + 3}, extents);
}

SmallVector<Value> AttentionCode::gridExtents(OpBuilder &b) {
  return {batch.size, ceilDiv(b, loc, m.size, indexConstant(b, loc, Tile::rows)),
          ceilDiv(b, loc, e.size, indexConstant(b, loc, columns))};
}

Value AttentionCode::blocks(OpBuilder &host) {
  setGroups(host, nest.operands);
  return product(host, loc, gridExtents(host));
}

void AttentionCode::emit(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setGroups(b, parameters);
  Tile scoreTile(b, loc, f32, keys), valueTile(b, loc, f32, columns);
  Value querySlice = scoreTile.memory(simt, b, Tile::steps, Tile::rows);
  Value keySlice = scoreTile.memory(simt, b, Tile::steps, keys);
  scores = scoreTile.memory(simt, b, keys, Tile::rows);
  valueSlice = valueTile.memory(simt, b, Tile::steps, columns);
  factors = simt.shared(b, loc, {Tile::rows}, f32);
  totals = simt.shared(b, loc, {Tile::rows}, f32);
  Value thread = threadIndex(b, loc), own = indexConstant(b, loc, rowThreads);
  softmaxRow = arith::DivUIOp::create(b, loc, thread, own);
  softmaxPart = arith::RemUIOp::create(b, loc, thread, own);

  SmallVector<Value> block = delinearize(b, loc, blockIndex(b, loc), gridExtents(b));
  origin.assign(nest.dims, indexConstant(b, loc, 0));
  batch.place(b, loc, origin, block[0]);
  firstRow = arith::MulIOp::create(b, loc, block[1], indexConstant(b, loc, Tile::rows));
  firstColumn = arith::MulIOp::create(b, loc, block[2], indexConstant(b, loc, columns));

  SmallVector<Value> start(valueTile.sums(), valueTile.zero(b));
  start.append({lowest(b), number(b, 0)});
  auto loop = scf::ForOp::create(
      b, loc, indexConstant(b, loc, 0), s.size, indexConstant(b, loc, keys), start,
      [&](OpBuilder &b, Location, Value firstKey, ValueRange carried) {
        TileOperand query{parameters[0], nest.maps[0], &m, &d, origin};
        TileOperand key{parameters[1], nest.maps[1], &s, &d, origin};
        SmallVector<Value> products =
            scoreTile.multiply(b, query, querySlice, firstRow, key, keySlice, firstKey);
        storeProducts(b, scoreTile, products);
        barrier(b, loc);
        auto [maximum, total] = softmax(b, firstKey, carried.drop_back().back(), carried.back());
        barrier(b, loc);
        SmallVector<Value> next = addValues(b, valueTile, firstKey, carried.drop_back(2));
        next.append({maximum, total});
        scf::YieldOp::create(b, loc, next);
      });
  storeOfRow(b, loop.getResults().back(), totals);
  barrier(b, loc);
  finish(b, valueTile, loop.getResults().drop_back(2));
}

/// The score of a pair of query and key; -inf beyond the last key.
Value AttentionCode::scoreAt(OpBuilder &b, Value row, Value key, Value sum) {
  auto [safeRow, isRow] = clamp(b, loc, row, m.size);
  auto [safeKey, isKey] = clamp(b, loc, key, s.size);
  SmallVector<Value> point(origin);
  m.place(b, loc, point, safeRow);
  s.place(b, loc, point, safeKey);
  Value score = evaluateSums(b, nest, sum, /*firstExtra=*/3, parameters, point);
  return arith::SelectOp::create(b, loc, isKey, score, lowest(b));
}

void AttentionCode::storeProducts(OpBuilder &b, const Tile &tile, ValueRange sums) {
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value row = plus(b, loc, tile.threadRow, i / tile.threadColumns());
    Value key = plus(b, loc, tile.threadColumn, i % tile.threadColumns());
    memref::StoreOp::create(b, loc, sum, scores, ValueRange{key, row});
  }
}

template <typename Op> Value AttentionCode::overRow(OpBuilder &b, Value value) {
  for (int64_t distance = rowThreads / 2; distance > 0; distance /= 2)
    value = Op::create(b, loc, value, shuffleXor(b, loc, value, distance));
  return value;
}

void AttentionCode::storeOfRow(OpBuilder &b, Value value, Value array) {
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, softmaxPart,
                                        indexConstant(b, loc, 0));
  scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &b, Location) {
    memref::StoreOp::create(b, loc, value, array, softmaxRow);
    scf::YieldOp::create(b, loc);
  });
}

/// Turns products into scores and these into weights, and leaves the factor by which older sums
/// of a row shrink.
std::pair<Value, Value> AttentionCode::softmax(OpBuilder &b, Value firstKey, Value older,
                                               Value total) {
  auto forKeys = [&](Value start, auto step) -> Value {
    auto loop = scf::ForOp::create(
        b, loc, softmaxPart, indexConstant(b, loc, keys), indexConstant(b, loc, rowThreads), start,
        [&](OpBuilder &b, Location, Value key, ValueRange carried) {
          scf::YieldOp::create(b, loc, step(b, ValueRange{key, softmaxRow}, carried.front()));
        });
    return loop.getResult(0);
  };
  Value highest = forKeys(older, [&](OpBuilder &b, ValueRange at, Value carried) -> Value {
    Value score = scoreAt(b, arith::AddIOp::create(b, loc, firstRow, at[1]),
                          arith::AddIOp::create(b, loc, firstKey, at[0]),
                          memref::LoadOp::create(b, loc, scores, at));
    memref::StoreOp::create(b, loc, score, scores, at);
    return arith::MaximumFOp::create(b, loc, carried, score);
  });
  Value maximum = overRow<arith::MaximumFOp>(b, highest);
  // A row whose scores are all -inf keeps weights of 0 instead of NaN.
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, maximum, lowest(b));
  Value shift = arith::SelectOp::create(b, loc, none, number(b, 0), maximum);
  Value factor = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, older, shift));
  Value sum = forKeys(number(b, 0), [&](OpBuilder &b, ValueRange at, Value carried) -> Value {
    Value score = memref::LoadOp::create(b, loc, scores, at);
    Value weight = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, score, shift));
    memref::StoreOp::create(b, loc, weight, scores, at);
    return arith::AddFOp::create(b, loc, carried, weight);
  });
  storeOfRow(b, factor, factors);
  Value kept = arith::MulFOp::create(b, loc, total, factor);
  return {maximum, arith::AddFOp::create(b, loc, kept, overRow<arith::AddFOp>(b, sum))};
}

SmallVector<Value> AttentionCode::addValues(OpBuilder &b, const Tile &tile, Value firstKey,
                                            ValueRange sums) {
  SmallVector<Value> scaled;
  for (auto [i, sum] : llvm::enumerate(sums))
    scaled.push_back(
        arith::MulFOp::create(b, loc, sum, loadOfRow(b, tile, factors, i / tile.threadColumns())));
  TileOperand values{parameters[2], nest.maps[2], &e, &s, origin};
  auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, keys),
                                 indexConstant(b, loc, Tile::steps), scaled,
                                 [&](OpBuilder &b, Location, Value at, ValueRange carried) {
                                   tile.load(b, values, columns, valueSlice, firstColumn,
                                             arith::AddIOp::create(b, loc, firstKey, at));
                                   barrier(b, loc);
                                   SmallVector<Value> next =
                                       tile.add(b, scores, at, valueSlice, carried);
                                   barrier(b, loc);
                                   scf::YieldOp::create(b, loc, next);
                                 });
  return loop.getResults();
}

void AttentionCode::finish(OpBuilder &b, const Tile &tile, ValueRange sums) {
  Type element = nest.typeOf(nest.inputs).getElementType();
  for (int64_t r = 0; r < Tile::threadRows; ++r) {
    Value row = arith::AddIOp::create(b, loc, firstRow, plus(b, loc, tile.threadRow, r));
    Value total = loadOfRow(b, tile, totals, r);
    Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, total, number(b, 0));
    total = arith::SelectOp::create(b, loc, none, number(b, 1), total);
    Value scale = arith::DivFOp::create(b, loc, number(b, 1), total);
    Value isRow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, m.size);
    for (int64_t c = 0; c < tile.threadColumns(); ++c) {
      Value column = arith::AddIOp::create(b, loc, firstColumn, plus(b, loc, tile.threadColumn, c));
      Value isColumn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, column, e.size);
      Value sum = sums[r * tile.threadColumns() + c];
      scf::IfOp::create(b, loc, arith::AndIOp::create(b, loc, isRow, isColumn),
                        [&](OpBuilder &b, Location) {
                          Value result = arith::MulFOp::create(b, loc, sum, scale);
                          if (element != f32)
                            result = arith::TruncFOp::create(b, loc, element, result);
                          SmallVector<Value> point(origin);
                          m.place(b, loc, point, row);
                          e.place(b, loc, point, column);
                          storeLanes(b, loc, result, parameters[nest.inputs], nest.maps.back(),
                                     point, 0, 1, nullptr);
                          scf::YieldOp::create(b, loc);
                        });
    }
  }
}

} // namespace

LogicalResult emitAttention(Simt &simt, OpBuilder &host, kernel::AttentionOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  AttentionCode code(simt, *nest);
  Location loc = op.getLoc();
  Grid grid{code.blocks(host), indexConstant(host, loc, Tile::threads), Tile::threads};
  simt.launch(host, op, "attention", nest->key(), nest->arguments(), grid,
              [&](OpBuilder &b, ValueRange parameters) { code.emit(b, parameters); });
  return success();
}

} // namespace strut::gpu
