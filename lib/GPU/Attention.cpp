//===- Attention.cpp - kernel.attention by tensor cores or single FMAs ----===//
//
// By single FMAs: scores as a product of tiles, which go through shared memory into the softmax,
// four threads a row; then their product with the values onto rescaled sums, which stay in
// registers.
//
//===----------------------------------------------------------------------===//
#include "AttentionSpace.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t keys = 64; ///< between two rescalings
constexpr int64_t rowThreads = Tile::threads / Tile::rows;

class AttentionCode {
public:
  AttentionCode(Simt &simt, AttentionSpace &space)
      : simt(simt), space(space), loc(space.loc),
        f32(Float32Type::get(space.nest.op->getContext())) {
    int64_t size = space.valueColumns();
    columns = !ShapedType::isDynamic(size) && size <= 64 ? 64 : 128;
  }

  void emit(OpBuilder &b);

  int64_t columns; ///< of the values, a block

private:
  void storeProducts(OpBuilder &b, const Tile &tile, ValueRange sums);
  /// Maximum and sum of the thread's row so far, then the same with these keys.
  std::pair<Value, Value> softmax(OpBuilder &b, Value firstKey, Value maximum, Value total);
  SmallVector<Value> addValues(OpBuilder &b, const Tile &tile, Value firstKey, ValueRange sums);
  void finish(OpBuilder &b, const Tile &tile, ValueRange sums);

  /// Over the threads of a row, each of which gets the result.
  template <typename Op> Value overRow(OpBuilder &b, Value value);
  /// Lets the first thread of each row write to `array`, one place a row.
  void storeOfRow(OpBuilder &b, Value value, Value array);
  Value loadOfRow(OpBuilder &b, const Tile &tile, Value array, int64_t row) {
    return memref::LoadOp::create(b, loc, array, plus(b, loc, tile.threadRow, row));
  }

  Simt &simt;
  AttentionSpace &space;
  Location loc;
  Type f32;

  Value softmaxRow, softmaxPart; ///< which row of the tile the thread takes part in, and as which
  Value scores;                  ///< [key][row]
  Value valueSlice;              ///< [key][column]
  Value factors, totals;         ///< one a row
};

void AttentionCode::emit(OpBuilder &b) {
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

  SmallVector<Value> start(valueTile.sums(), valueTile.zero(b));
  start.append({space.lowest(b), space.number(b, 0)});
  auto loop = scf::ForOp::create(
      b, loc, indexConstant(b, loc, 0), space.s.size, indexConstant(b, loc, keys), start,
      [&](OpBuilder &b, Location, Value firstKey, ValueRange carried) {
        SmallVector<Value> products = scoreTile.multiply(
            b, space.queries(), querySlice, space.firstRow, space.keys(), keySlice, firstKey);
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
    Value score = space.score(b, arith::AddIOp::create(b, loc, space.firstRow, at[1]),
                              arith::AddIOp::create(b, loc, firstKey, at[0]),
                              memref::LoadOp::create(b, loc, scores, at));
    memref::StoreOp::create(b, loc, score, scores, at);
    return arith::MaximumFOp::create(b, loc, carried, score);
  });
  Value maximum = overRow<arith::MaximumFOp>(b, highest);
  Value shift = space.shiftFor(b, maximum);
  Value factor = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, older, shift));
  Value sum = forKeys(space.number(b, 0), [&](OpBuilder &b, ValueRange at, Value carried) -> Value {
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
  auto loop =
      scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, keys),
                         indexConstant(b, loc, Tile::steps), scaled,
                         [&](OpBuilder &b, Location, Value at, ValueRange carried) {
                           tile.load(b, space.values(), columns, valueSlice, space.firstColumn,
                                     arith::AddIOp::create(b, loc, firstKey, at));
                           barrier(b, loc);
                           SmallVector<Value> next = tile.add(b, scores, at, valueSlice, carried);
                           barrier(b, loc);
                           scf::YieldOp::create(b, loc, next);
                         });
  return loop.getResults();
}

void AttentionCode::finish(OpBuilder &b, const Tile &tile, ValueRange sums) {
  SmallVector<Value> scales;
  for (int64_t r = 0; r < Tile::threadRows; ++r)
    scales.push_back(space.scaleFor(b, loadOfRow(b, tile, totals, r)));
  tile.forSums(b, space.firstRow, space.m.size, space.firstColumn, space.e.size,
               [&](OpBuilder &b, Value row, Value column, int64_t i) {
                 Value scale = scales[i / tile.threadColumns()];
                 space.store(b, row, column, arith::MulFOp::create(b, loc, sums[i], scale));
               });
}

} // namespace

LogicalResult emitAttention(Simt &simt, OpBuilder &host, kernel::AttentionOp op) {
  FailureOr<Nest> nest = nestOfProducts(host, op);
  if (failed(nest))
    return failure();
  AttentionSpace space(*nest);
  if (emitTensorAttention(simt, host, space))
    return success();
  AttentionCode code(simt, space);
  launchAttention(simt, host, space, "attention", Tile::rows, code.columns, Tile::threads,
                  /*resident=*/512, [&](OpBuilder &b) { code.emit(b); });
  return success();
}

} // namespace strut::gpu
