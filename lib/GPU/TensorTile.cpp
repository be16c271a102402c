//===- TensorTile.cpp - A tile of a matrix product on tensor cores --------===//
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

int64_t TensorShape::resident(unsigned sums, ArrayRef<CopyPlan> plans) const {
  int64_t ofThread = warpRows * warpColumns / warpSize * (sums + (segment ? 1 : 0));
  bool isHeavy =
      ofThread > 64 || llvm::any_of(plans, [](const CopyPlan &plan) { return plan.bytes < 8; });
  return isHeavy ? 256 : 512;
}

std::string TensorShape::suffix(ArrayRef<CopyPlan> plans) const {
  std::string suffix;
  for (const CopyPlan &plan : plans)
    suffix += suffixOf(plan);
  return suffix + "_" + std::to_string(rows) + "x" + std::to_string(columns);
}

TensorShapes::TensorShapes(Multiplicand kind, unsigned sums) {
  // Three products of rounded numbers are as good as f32 if their sums are: the sums of tensor
  // cores are cut off, not rounded, so that long ones drift.
  int64_t segment = kind == Multiplicand::SplitTF32 ? segmentStepsOf(4) : 0;
  few = {kind, fewRows, 64, 32, 16, /*stages=*/6, segment};
  middle = {kind, 64, 64, 32, 32, /*stages=*/6, segment};
  bool heavy = segment || sums > 1; // in registers
  many = heavy ? TensorShape{kind, 128, 64, 32, 32, /*stages=*/4, segment}
               : TensorShape{kind, 128, 128, 64, 64, /*stages=*/3, segment};
}

void launchBySize(OpBuilder &host, Location loc, Value isFew, Value isMany,
                  function_ref<void(OpBuilder &)> few, function_ref<void(OpBuilder &)> middle,
                  function_ref<void(OpBuilder &)> many) {
  auto branch = [](function_ref<void(OpBuilder &)> launch) {
    return [launch](OpBuilder &b, Location loc) {
      launch(b);
      scf::YieldOp::create(b, loc);
    };
  };
  scf::IfOp::create(host, loc, isFew, branch(few), branch([&](OpBuilder &b) {
                      scf::IfOp::create(b, loc, isMany, branch(many), branch(middle));
                    }));
}

void TensorShapes::choose(OpBuilder &host, Location loc, Value isFew, Value isMany,
                          function_ref<void(OpBuilder &, const TensorShape &)> launch) const {
  launchBySize(
      host, loc, isFew, isMany, [&](OpBuilder &b) { launch(b, few); },
      [&](OpBuilder &b) { launch(b, middle); }, [&](OpBuilder &b) { launch(b, many); });
}

bool isWide(const Nest &nest, ArrayRef<unsigned> dims) {
  constexpr int64_t least = 16;
  int64_t product = 1;
  for (unsigned d : dims) {
    int64_t extent = nest.staticExtent(d);
    if (ShapedType::isDynamic(extent))
      return true;
    product *= extent;
  }
  return product >= least;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Floats between rows, against bank conflicts.
static int64_t exchangeStride(const TensorShape &shape) { return shape.columns + 8; }

/// The arrays are [row][column].
int64_t TensorTile::exchangeBytes(const TensorShape &shape, int64_t count) {
  return count * shape.warpRows * exchangeStride(shape) * 4;
}

static Value memoryFor(Simt &simt, OpBuilder &b, Location loc, const TensorShape &shape,
                       unsigned count) {
  int64_t bytes =
      std::max(TensorTile::exchangeBytes(shape, count), shape.stages * shape.stageBytes());
  return pointerTo(b, loc, simt.shared(b, loc, {bytes}, b.getI8Type(), /*alignment=*/128),
                   sharedSpace);
}

TensorTile::TensorTile(Simt &simt, OpBuilder &b, Location loc, const TensorShape &shape,
                       unsigned count)
    : TensorTile(b, loc, shape, memoryFor(simt, b, loc, shape, count)) {}

TensorTile::TensorTile(OpBuilder &b, Location loc, const TensorShape &shape, Value memory)
    : loc(loc), shape(shape), memory(memory) {
  I32 i{b, loc};
  thread = i.from(threadIndex(b, loc));
  Value warp = i.div(thread, warpSize);
  warpRow = i.div(warp, shape.warpsAcross());
  warpColumn = i.mul(i.rem(warp, shape.warpsAcross()), shape.warpColumns);
}

int64_t TensorTile::sums() const { return shape.warpRows * shape.warpColumns / warpSize; }

SmallVector<Value> TensorTile::zeros(OpBuilder &b) const {
  return SmallVector<Value>(sums(),
                            arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)).getResult());
}

/// Sums are in the order of 16 rows, then 8 columns, then as mma.sync has them.
SmallVector<Value> TensorTile::multiplySlice(OpBuilder &b, const Slices &lhs, Value leftNumber,
                                             const Slices &rhs, Value rightNumber,
                                             ValueRange carried) const {
  SmallVector<Value> sums(carried);
  for (int64_t part = 0; part < multipliesOfSlice; ++part) {
    SmallVector<Fragment> right;
    for (int64_t block = 0; block < shape.warpColumns / 16; ++block) {
      SmallVector<Value> registers = rhs.load(b, rightNumber, part, block);
      right.emplace_back(b, loc, shape.kind, ArrayRef(registers).take_front(2));
      right.emplace_back(b, loc, shape.kind, ArrayRef(registers).drop_front(2));
    }
    for (int64_t block = 0; block < shape.warpRows / 16; ++block) {
      Fragment left(b, loc, shape.kind, lhs.load(b, leftNumber, part, block));
      for (auto [column, factor] : llvm::enumerate(right))
        addProduct(b, loc, shape.kind, left, factor,
                   MutableArrayRef(sums).slice((block * right.size() + column) * 4, 4));
    }
  }
  return sums;
}

SlicePlace TensorTile::place(OpBuilder &b, Value slices, bool isLhs) const {
  I32 i{b, loc};
  return {slices,
          isLhs ? shape.rows : shape.columns,
          shape.elementBytes(),
          shape.threads(),
          thread,
          isLhs ? i.mul(warpRow, shape.warpRows) : warpColumn,
          isLhs};
}

SmallVector<Value> TensorTile::multiply(OpBuilder &b, const TileOperand &lhs,
                                        const CopyPlan &lhsPlan, Value firstRow,
                                        const TileOperand &rhs, const CopyPlan &rhsPlan,
                                        Value firstColumn, Value firstStep) const {
  I32 outside{b, loc};
  SlicePlace leftPlace = place(b, memory, /*isLhs=*/true);
  Value behind = movedBy(b, loc, memory, outside.constant(shape.stages * leftPlace.bytes()), 1);
  Slices left(b, loc, leftPlace, lhs, lhsPlan, firstRow);
  Slices right(b, loc, place(b, behind, /*isLhs=*/false), rhs, rhsPlan, firstColumn);
  Value end = lhs.steps->size, start = indexConstant(b, loc, 0);
  auto endOfSegment = [&](OpBuilder &b, Value from) -> Value {
    return arith::MinUIOp::create(b, loc, plus(b, loc, from, shape.segment), lhs.steps->size);
  };
  if (firstStep) {
    start = firstStep;
    end = endOfSegment(b, firstStep);
  }
  Value slice = indexConstant(b, loc, shape.steps());
  int64_t ahead = shape.stages - 1;

  // Every thread commits a group for each slice, be it empty: so it can count them.
  auto fetch = [&](OpBuilder &b, Value stage, Value step) {
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, step, end);
    scf::IfOp::create(b, loc, exists, [&](OpBuilder &b, Location) {
      left.copy(b, stage, step);
      right.copy(b, stage, step);
      scf::YieldOp::create(b, loc);
    });
    NVVM::CpAsyncCommitGroupOp::create(b, loc);
  };
  for (int64_t stage = 0; stage < ahead; ++stage)
    fetch(b, outside.constant(stage), plus(b, loc, start, stage * shape.steps()));

  auto multiplySlices = [&](OpBuilder &b, Value from, Value to, ValueRange initial) {
    auto loop = scf::ForOp::create(
        b, loc, from, to, slice, initial,
        [&](OpBuilder &b, Location, Value step, ValueRange state) {
          I32 i{b, loc};
          Value stage = state.back();
          NVVM::CpAsyncWaitGroupOp::create(b, loc, uint32_t(ahead - 1));
          barrier(b, loc); // all copies of this slice are there, and all have read the last one
          Value isFirst =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stage, i.constant(0));
          Value last =
              arith::SelectOp::create(b, loc, isFirst, i.constant(ahead), i.add(stage, -1));
          fetch(b, last, plus(b, loc, step, ahead * shape.steps()));
          SmallVector<Value> next = multiplySlice(b, left, stage, right, stage, state.drop_back());
          Value isLast =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stage, i.constant(ahead));
          next.push_back(arith::SelectOp::create(b, loc, isLast, i.constant(0), i.add(stage, 1)));
          scf::YieldOp::create(b, loc, next);
        });
    return SmallVector<Value>(loop.getResults());
  };
  SmallVector<Value> initial = zeros(b), result;
  initial.push_back(outside.constant(0));
  if (!shape.segment || firstStep) {
    result = multiplySlices(b, start, end, initial);
  } else {
    Value segment = indexConstant(b, loc, shape.segment);
    auto loop = scf::ForOp::create(
        b, loc, start, end, segment, initial,
        [&](OpBuilder &b, Location, Value from, ValueRange totals) {
          SmallVector<Value> fresh = zeros(b);
          fresh.push_back(totals.back());
          SmallVector<Value> next = multiplySlices(b, from, endOfSegment(b, from), fresh);
          for (auto [sum, total] : llvm::zip(MutableArrayRef(next).drop_back(), totals))
            sum = arith::AddFOp::create(b, loc, total, sum);
          scf::YieldOp::create(b, loc, next);
        });
    llvm::append_range(result, loop.getResults());
  }
  barrier(b, loc);
  result.pop_back();
  return result;
}

//===----------------------------------------------------------------------===//
// Sums of all threads, in the order of the result
//===----------------------------------------------------------------------===//

Value TensorTile::exchangeAddress(OpBuilder &b, Value row, Value column, int64_t number) const {
  I32 i{b, loc};
  Value place = i.add(i.mul(row, exchangeStride(shape)), column);
  return movedBy(b, loc, memory, i.add(i.mul(place, 4), exchangeBytes(shape, number)), 1);
}

void TensorTile::storeSums(OpBuilder &b, ValueRange sums, int64_t number) const {
  I32 i{b, loc};
  auto pair = VectorType::get({2}, b.getF32Type());
  Value lane = i.rem(thread, warpSize), row = i.div(lane, 4),
        column = i.add(warpColumn, i.mul(i.rem(lane, 4), 2));
  int64_t across = shape.warpColumns / 8;
  for (int64_t at = 0; at < int64_t(sums.size()); at += 2) {
    int64_t product = at / 4, half = at % 4 / 2;
    Value value = LLVM::PoisonOp::create(b, loc, pair);
    for (int64_t e = 0; e < 2; ++e)
      value = LLVM::InsertElementOp::create(b, loc, value, sums[at + e], i.constant(e));
    Value to = exchangeAddress(b, i.add(row, product / across * 16 + half * 8),
                               i.add(column, product % across * 8), number);
    LLVM::StoreOp::create(b, loc, value, to, /*alignment=*/8);
  }
}

Value TensorTile::loadSum(OpBuilder &b, Value row, Value column, int64_t number) const {
  I32 i{b, loc};
  return LLVM::LoadOp::create(b, loc, b.getF32Type(),
                              exchangeAddress(b, i.from(row), i.from(column), number));
}

void TensorTile::forSums(OpBuilder &b, ArrayRef<SmallVector<Value>> sums, Value firstRow,
                         Value rows, Value firstColumn, Value columns, Finish body) const {
  auto constant = [&](OpBuilder &b, int64_t value) { return indexConstant(b, loc, value); };
  auto isBelow = [&](OpBuilder &b, Value number, Value bound) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, bound);
  };
  auto writePart = [&](OpBuilder &b, Value part) {
    Value row = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), warpRow);
    Value isMine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, row, part);
    scf::IfOp::create(b, loc, isMine, [&](OpBuilder &b, Location) {
      for (auto [number, sum] : llvm::enumerate(sums))
        storeSums(b, sum, number);
      scf::YieldOp::create(b, loc);
    });
  };
  auto finishPart = [&](OpBuilder &b, Value part) {
    Value top = arith::MulIOp::create(b, loc, part, constant(b, shape.warpRows));
    top = arith::AddIOp::create(b, loc, firstRow, top);
    scf::ForOp::create(
        b, loc, threadIndex(b, loc), constant(b, shape.warpRows * shape.columns),
        constant(b, shape.threads()), ValueRange(),
        [&](OpBuilder &b, Location, Value element, ValueRange) {
          Value row = arith::DivUIOp::create(b, loc, element, constant(b, shape.columns));
          Value column = arith::RemUIOp::create(b, loc, element, constant(b, shape.columns));
          Value toRow = arith::AddIOp::create(b, loc, top, row);
          Value toColumn = arith::AddIOp::create(b, loc, firstColumn, column);
          Value inside =
              arith::AndIOp::create(b, loc, isBelow(b, toRow, rows), isBelow(b, toColumn, columns));
          scf::IfOp::create(b, loc, inside, [&](OpBuilder &b, Location) {
            SmallVector<Value> here;
            for (size_t number = 0; number < sums.size(); ++number)
              here.push_back(loadSum(b, row, column, number));
            body(b, toRow, toColumn, here);
            scf::YieldOp::create(b, loc);
          });
          scf::YieldOp::create(b, loc);
        });
  };
  scf::ForOp::create(b, loc, constant(b, 0), constant(b, shape.rows / shape.warpRows),
                     constant(b, 1), ValueRange(),
                     [&](OpBuilder &b, Location, Value part, ValueRange) {
                       writePart(b, part);
                       barrier(b, loc);
                       finishPart(b, part);
                       barrier(b, loc);
                       scf::YieldOp::create(b, loc);
                     });
}

} // namespace strut::gpu
