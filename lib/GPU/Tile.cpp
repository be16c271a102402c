//===- Tile.cpp - A tile of a matrix product, by a block of threads -------===//
#include "Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {

Value plus(OpBuilder &b, Location loc, Value i, int64_t offset) {
  return b.createOrFold<arith::AddIOp>(loc, i, indexConstant(b, loc, offset));
}

std::pair<Value, Value> clamp(OpBuilder &b, Location loc, Value number, Value count) {
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, count);
  Value safe = arith::SelectOp::create(b, loc, inside, number, indexConstant(b, loc, 0));
  return {safe, inside};
}

DimGroup::DimGroup(OpBuilder &b, Location loc, ArrayRef<unsigned> dims, ArrayRef<Value> all)
    : dims(dims) {
  for (unsigned d : dims)
    extents.push_back(all[d]);
  size = product(b, loc, extents);
}

void DimGroup::place(OpBuilder &b, Location loc, SmallVector<Value> &point, Value number) const {
  for (auto [d, index] : llvm::zip(dims, delinearize(b, loc, number, extents)))
    point[d] = index;
}

Tile::Tile(OpBuilder &b, Location loc, Type accumulator, int64_t columns)
    : accumulator(accumulator), loc(loc), columns(columns) {
  Value thread = threadIndex(b, loc), row = indexConstant(b, loc, across);
  auto first = [&](Value number, int64_t own) -> Value {
    return arith::MulIOp::create(b, loc, number, indexConstant(b, loc, own));
  };
  threadRow = first(arith::DivUIOp::create(b, loc, thread, row), threadRows);
  threadColumn = first(arith::RemUIOp::create(b, loc, thread, row), threadColumns());
}

Value Tile::zero(OpBuilder &b) const {
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
}

Value Tile::memory(Simt &simt, OpBuilder &b, int64_t depth, int64_t width) const {
  constexpr int64_t padding = 4; // against bank conflicts
  return simt.shared(b, loc, {depth, width + padding}, accumulator);
}

Value Tile::widened(OpBuilder &b, Value v) const {
  if (v.getType() == accumulator)
    return v;
  if (isa<FloatType>(accumulator))
    return arith::ExtFOp::create(b, loc, accumulator, v);
  return arith::ExtSIOp::create(b, loc, accumulator, v);
}

void Tile::load(OpBuilder &b, const TileOperand &operand, int64_t width, Value memory, Value first,
                Value firstStep) const {
  // Neighbouring threads read neighbouring elements, whichever way the operand lies.
  const DimGroup &along = *operand.along, &depth = *operand.steps;
  bool alongSteps =
      !depth.dims.empty() && classify(cast<MemRefType>(operand.memref.getType()), operand.map,
                                      depth.dims.back(), warpSize) == Access::contiguous;
  int64_t inner = alongSteps ? steps : width;
  auto identity = AffineMap::getMultiDimIdentityMap(2, b.getContext());
  for (int64_t part = 0; part < width * steps / threads; ++part) {
    Value element = plus(b, loc, threadIndex(b, loc), part * threads);
    Value fast = arith::RemUIOp::create(b, loc, element, indexConstant(b, loc, inner));
    Value slow = arith::DivUIOp::create(b, loc, element, indexConstant(b, loc, inner));
    Value ofStep = alongSteps ? fast : slow, ofRow = alongSteps ? slow : fast;
    auto [row, rowInside] = clamp(b, loc, arith::AddIOp::create(b, loc, first, ofRow), along.size);
    auto [step, stepInside] =
        clamp(b, loc, arith::AddIOp::create(b, loc, firstStep, ofStep), depth.size);
    if (operand.rowAt)
      row = operand.rowAt(b, row);
    SmallVector<Value> point(operand.origin);
    along.place(b, loc, point, row);
    depth.place(b, loc, point, step);
    Value loaded = loadElement(b, loc, operand.memref, applyMap(b, loc, operand.map, point));
    Value inside = arith::AndIOp::create(b, loc, rowInside, stepInside);
    Value value = arith::SelectOp::create(b, loc, inside, widened(b, loaded), zero(b));
    storeLanes(b, loc, value, memory, identity, {ofStep, ofRow}, 0, 1, nullptr);
  }
}

SmallVector<Value> Tile::add(OpBuilder &b, Value lhs, Value lhsStep, Value rhs,
                             ValueRange sums) const {
  auto loop = scf::ForOp::create(
      b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, steps), indexConstant(b, loc, 1),
      sums, [&](OpBuilder &b, Location, Value step, ValueRange carried) {
        SmallVector<Value> left, right, next;
        Value lhsAt = b.createOrFold<arith::AddIOp>(loc, lhsStep, step);
        auto load = [&](Value memory, Value depth, Value first, int64_t i) -> Value {
          return memref::LoadOp::create(b, loc, memory, ValueRange{depth, plus(b, loc, first, i)});
        };
        for (int64_t i = 0; i < threadRows; ++i)
          left.push_back(load(lhs, lhsAt, threadRow, i));
        for (int64_t i = 0; i < threadColumns(); ++i)
          right.push_back(load(rhs, step, threadColumn, i));
        for (auto [i, sum] : llvm::enumerate(carried)) {
          Value x = left[i / threadColumns()], y = right[i % threadColumns()];
          if (isa<FloatType>(accumulator))
            next.push_back(math::FmaOp::create(b, loc, x, y, sum));
          else
            next.push_back(arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, x, y), sum));
        }
        scf::YieldOp::create(b, loc, next);
      });
  return loop.getResults();
}

SmallVector<Value> Tile::multiply(OpBuilder &b, const TileOperand &lhs, Value lhsMemory,
                                  Value firstRow, const TileOperand &rhs, Value rhsMemory,
                                  Value firstColumn) const {
  auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), lhs.steps->size,
                                 indexConstant(b, loc, steps), SmallVector<Value>(sums(), zero(b)),
                                 [&](OpBuilder &b, Location, Value at, ValueRange carried) {
                                   load(b, lhs, rows, lhsMemory, firstRow, at);
                                   load(b, rhs, columns, rhsMemory, firstColumn, at);
                                   barrier(b, loc);
                                   SmallVector<Value> next = add(
                                       b, lhsMemory, indexConstant(b, loc, 0), rhsMemory, carried);
                                   barrier(b, loc);
                                   scf::YieldOp::create(b, loc, next);
                                 });
  return loop.getResults();
}

void Tile::forSums(OpBuilder &b, Value firstRow, Value rows, Value firstColumn, Value columns,
                   function_ref<void(OpBuilder &, Value, Value, int64_t)> body) const {
  for (int64_t i = 0; i < sums(); ++i) {
    Value row =
        arith::AddIOp::create(b, loc, firstRow, plus(b, loc, threadRow, i / threadColumns()));
    Value column =
        arith::AddIOp::create(b, loc, firstColumn, plus(b, loc, threadColumn, i % threadColumns()));
    Value inside = arith::AndIOp::create(
        b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, rows),
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, column, columns));
    scf::IfOp::create(b, loc, inside, [&](OpBuilder &b, Location) {
      body(b, row, column, i);
      scf::YieldOp::create(b, loc);
    });
  }
}

} // namespace strut::gpu
