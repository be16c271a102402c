//===- TensorTile.cpp - A tile of a matrix product on tensor cores --------===//
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t chunkBytes = 16;    ///< what a row of a matrix of ldmatrix has
constexpr int64_t multiplyBytes = 32; ///< of the steps that one mma.sync takes
constexpr int64_t multipliesOfSlice = TensorShape::sliceBytes / multiplyBytes;
constexpr unsigned globalSpace = 1, sharedSpace = 3;

namespace {
/// Arithmetic on i32, in which addresses of shared memory are computed.
struct I32 {
  OpBuilder &b;
  Location loc;

  Value constant(int64_t value) const { return arith::ConstantIntOp::create(b, loc, value, 32); }
  Value add(Value x, Value y) const { return b.createOrFold<arith::AddIOp>(loc, x, y); }
  Value add(Value x, int64_t y) const { return add(x, constant(y)); }
  Value mul(Value x, int64_t y) const { return b.createOrFold<arith::MulIOp>(loc, x, constant(y)); }
  Value div(Value x, int64_t y) const {
    return b.createOrFold<arith::DivUIOp>(loc, x, constant(y));
  }
  Value rem(Value x, int64_t y) const {
    return b.createOrFold<arith::RemUIOp>(loc, x, constant(y));
  }
  Value flip(Value x, Value y) const { return b.createOrFold<arith::XOrIOp>(loc, x, y); }
  Value from(Value index) const {
    return b.createOrFold<arith::IndexCastUIOp>(loc, b.getI32Type(), index);
  }
  Value toIndex(Value x) const {
    return b.createOrFold<arith::IndexCastUIOp>(loc, b.getIndexType(), x);
  }
};

Value pointerTo(OpBuilder &b, Location loc, Value memref, unsigned space) {
  Value place = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
  place = arith::IndexCastOp::create(b, loc, b.getI64Type(), place);
  auto type = LLVM::LLVMPointerType::get(b.getContext(), space);
  if (space == sharedSpace)
    return LLVM::IntToPtrOp::create(b, loc, type, place);
  auto generic = LLVM::LLVMPointerType::get(b.getContext());
  return LLVM::AddrSpaceCastOp::create(b, loc, type,
                                       LLVM::IntToPtrOp::create(b, loc, generic, place));
}

/// `pointer` moved by `offset` times `bytes`.
Value movedBy(OpBuilder &b, Location loc, Value pointer, Value offset, int64_t bytes) {
  return LLVM::GEPOp::create(b, loc, pointer.getType(), b.getIntegerType(8 * bytes), pointer,
                             ValueRange{offset});
}
} // namespace

//===----------------------------------------------------------------------===//
// The slices of an operand in shared memory
//===----------------------------------------------------------------------===//

/// A slice is lines of memory: rows (or columns) if it runs along the steps, else steps. The
/// 16-byte chunks of a line are permuted by the line's number, so that what a warp reads at once
/// lies in different banks.
class Slices {
public:
  /// `first` is the first row or column of the tile.
  Slices(OpBuilder &b, const TensorTile &tile, const TileOperand &operand, const CopyPlan &plan,
         bool isLhs, Value first);

  /// Starts the copies of a slice, whose missing steps become zero.
  void copy(OpBuilder &b, Value stage, Value firstStep) const;
  /// The registers of rows (or columns) 16 `block` and on of the warp, for multiplication number
  /// `number` of the slice: of the left side, A of a product; of the right, B of two.
  SmallVector<Value> load(OpBuilder &b, Value stage, int64_t number, int64_t block) const;

private:
  int64_t lineBytes() const {
    return plan.alongSteps ? TensorShape::sliceBytes : width * tile.shape.elementBytes();
  }
  /// 32-bit elements cannot be transposed by ldmatrix and are read one by one.
  bool isScalar() const { return !plan.alongSteps && tile.shape.elementBytes() == 4; }
  Value placeOf(const I32 &i, Value line, Value chunk) const;
  Value stageOffset(const I32 &i, Value stage) const;
  SmallVector<Value> loadScalars(OpBuilder &b, Value stage, int64_t number, int64_t block) const;

  const TensorTile &tile;
  const TileOperand operand;
  CopyPlan plan;
  bool isLhs;
  int64_t width; ///< rows or columns of the tile
  Location loc;

  Value source;                   ///< pointer to the operand's first element
  SmallVector<Value> strides;     ///< of its memref
  AffineMap stepMap;              ///< what the steps add to the operand's indices
  SmallVector<Value> places;      ///< of this thread's copies in a slice, i32
  SmallVector<Value> rowOffsets;  ///< of the copies in the operand, at step 0
  SmallVector<Value> stepNumbers; ///< of the copies, from the slice's first on
};

/// The affine map less its value at 0.
static AffineMap withoutConstants(AffineMap map) {
  SmallVector<AffineExpr> zeros(map.getNumDims(), getAffineConstantExpr(0, map.getContext()));
  SmallVector<AffineExpr> results;
  for (AffineExpr e : map.getResults())
    results.push_back(
        simplifyAffineExpr(e - e.replaceDimsAndSymbols(zeros, {}), map.getNumDims(), 0));
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

/// Where `map` leads from `point`, in elements.
static Value linearOffset(OpBuilder &b, Location loc, AffineMap map, ValueRange point,
                          ValueRange strides) {
  Value offset = indexConstant(b, loc, 0);
  for (auto [index, stride] : llvm::zip(applyMap(b, loc, map, point), strides))
    offset = b.createOrFold<arith::AddIOp>(loc, offset,
                                           b.createOrFold<arith::MulIOp>(loc, index, stride));
  return offset;
}

Slices::Slices(OpBuilder &b, const TensorTile &tile, const TileOperand &operand,
               const CopyPlan &plan, bool isLhs, Value first)
    : tile(tile), operand(operand), plan(plan), isLhs(isLhs),
      width(isLhs ? tile.shape.rows : tile.shape.columns), loc(tile.loc),
      stepMap(withoutConstants(operand.map)) {
  I32 i{b, loc};
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, operand.memref);
  llvm::append_range(strides, metadata.getStrides());
  if (cast<MemRefType>(operand.memref.getType()).isLastDimUnitStride() && !strides.empty())
    strides.back() = indexConstant(b, loc, 1);
  Value base = metadata.getOffset();
  source = pointerTo(b, loc, operand.memref, globalSpace);

  int64_t elements = plan.bytes / tile.shape.elementBytes();
  int64_t perLine = lineBytes() / plan.bytes, lines = tile.shape.threads() / perLine;
  int64_t parts = width * TensorShape::sliceBytes / plan.bytes / tile.shape.threads();
  assert(parts > 0 && lines > 0 && "a tile whose threads outnumber its copies");
  Value number = i.rem(tile.thread, perLine), within = i.mul(number, plan.bytes);
  Value firstElement = i.toIndex(i.mul(number, elements));
  auto rowOffset = [&](Value row) {
    Value safe =
        clamp(b, loc, arith::AddIOp::create(b, loc, first, row), operand.along->size).first;
    SmallVector<Value> point(operand.origin);
    operand.along->place(b, loc, point, safe);
    return b.createOrFold<arith::AddIOp>(loc, base,
                                         linearOffset(b, loc, operand.map, point, strides));
  };
  (plan.alongSteps ? stepNumbers : rowOffsets)
      .push_back(plan.alongSteps ? firstElement : rowOffset(firstElement));
  for (int64_t part = 0; part < parts; ++part) {
    Value line = i.add(i.div(tile.thread, perLine), part * lines);
    places.push_back(i.add(placeOf(i, line, i.div(within, chunkBytes)), i.rem(within, chunkBytes)));
    if (plan.alongSteps)
      rowOffsets.push_back(rowOffset(i.toIndex(line)));
    else
      stepNumbers.push_back(i.toIndex(line));
  }
}

Value Slices::placeOf(const I32 &i, Value line, Value chunk) const {
  int64_t chunks = lineBytes() / chunkBytes, period = std::min<int64_t>(8, chunks);
  Value permutation =
      isScalar() ? i.mul(line, 2) : i.div(line, std::max<int64_t>(1, 128 / lineBytes()));
  Value permuted = i.flip(chunk, i.rem(permutation, period));
  return i.add(i.mul(line, lineBytes()), i.mul(permuted, chunkBytes));
}

/// The left side's slices come first.
Value Slices::stageOffset(const I32 &i, Value stage) const {
  int64_t first = isLhs ? 0 : tile.shape.stages * tile.shape.rows * TensorShape::sliceBytes;
  return i.add(i.mul(stage, width * TensorShape::sliceBytes), first);
}

void Slices::copy(OpBuilder &b, Value stage, Value firstStep) const {
  I32 i{b, loc};
  Value ring = stageOffset(i, stage);
  auto modifier =
      plan.bytes == chunkBytes ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  SmallVector<Value> sizes, offsets;
  for (Value number : stepNumbers) {
    Value step = arith::AddIOp::create(b, loc, firstStep, number);
    auto [safe, inside] = clamp(b, loc, step, operand.steps->size);
    SmallVector<Value> point(operand.origin.size(), indexConstant(b, loc, 0));
    operand.steps->place(b, loc, point, safe);
    offsets.push_back(linearOffset(b, loc, stepMap, point, strides));
    sizes.push_back(arith::SelectOp::create(b, loc, inside, i.constant(plan.bytes), i.constant(0)));
  }
  for (auto [part, place] : llvm::enumerate(places)) {
    size_t ofRow = plan.alongSteps ? part : 0, ofStep = plan.alongSteps ? 0 : part;
    Value offset = arith::AddIOp::create(b, loc, rowOffsets[ofRow], offsets[ofStep]);
    offset = arith::IndexCastOp::create(b, loc, b.getI64Type(), offset);
    Value from = movedBy(b, loc, source, offset, tile.shape.elementBytes());
    NVVM::CpAsyncOp::create(b, loc, tile.address(b, i.add(ring, place)), from, uint32_t(plan.bytes),
                            modifier, sizes[ofStep]);
  }
}

SmallVector<Value> Slices::load(OpBuilder &b, Value stage, int64_t number, int64_t block) const {
  if (isScalar())
    return loadScalars(b, stage, number, block);
  I32 i{b, loc};
  // Four matrices of 8 rows or columns by 16 bytes of steps: which one this lane has a row of.
  Value second = i.rem(i.div(tile.lane, 8), 2), third = i.div(tile.lane, 16);
  Value outer = isLhs ? second : third, inner = isLhs ? third : second;
  Value first = isLhs ? i.mul(tile.warpRow, tile.shape.warpRows) : tile.warpColumn;
  Value row = i.rem(tile.lane, 8), line, chunk;
  if (plan.alongSteps) {
    line = i.add(i.add(i.add(first, row), i.mul(outer, 8)), 16 * block);
    chunk = i.add(inner, number * multiplyBytes / chunkBytes);
  } else {
    line = i.add(i.add(row, i.mul(inner, 8)), 16 * number);
    chunk = i.add(i.add(i.div(first, 8), outer), 2 * block);
  }
  Value address = tile.address(b, i.add(stageOffset(i, stage), placeOf(i, line, chunk)));
  SmallVector<Type> registers(4, b.getI32Type());
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), registers);
  Value loaded = NVVM::LdMatrixOp::create(
      b, loc, type, address, 4, plan.alongSteps ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> values;
  for (int64_t r = 0; r < 4; ++r)
    values.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, r));
  return values;
}

SmallVector<Value> Slices::loadScalars(OpBuilder &b, Value stage, int64_t number,
                                       int64_t block) const {
  I32 i{b, loc};
  Value first = isLhs ? i.mul(tile.warpRow, tile.shape.warpRows) : tile.warpColumn;
  SmallVector<Value> values;
  for (int64_t r = 0; r < 4; ++r) {
    int64_t outer = isLhs ? r % 2 : r / 2, inner = isLhs ? r / 2 : r % 2;
    Value element = i.add(i.add(first, i.div(tile.lane, 4)), 16 * block + 8 * outer);
    Value line = i.add(i.rem(tile.lane, 4), 8 * number + 4 * inner);
    Value place = placeOf(i, line, i.div(element, 4));
    place = i.add(i.add(stageOffset(i, stage), place), i.mul(i.rem(element, 4), 4));
    values.push_back(LLVM::LoadOp::create(b, loc, b.getI32Type(), tile.address(b, place)));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// f32 in a register, to the nearest number of tf32.
static Value roundToTF32(OpBuilder &b, Location loc, Value x) {
  return NVVM::ConvertFloatToTF32Op::create(b, loc, b.getI32Type(), x, NVVM::FPRoundingMode::RNA);
}

namespace {
/// Registers as mma.sync takes them: rounded, and for split numbers what rounding has lost.
struct Fragment {
  SmallVector<Value> high, low;

  Fragment(OpBuilder &b, Location loc, Multiplicand kind, ValueRange registers) {
    Type f32 = b.getF32Type();
    for (Value bits : registers) {
      if (kind == Multiplicand::F16)
        bits = LLVM::BitcastOp::create(b, loc, VectorType::get({2}, b.getF16Type()), bits);
      if (kind == Multiplicand::F16 || kind == Multiplicand::BF16) {
        high.push_back(bits);
        continue;
      }
      Value x = arith::BitcastOp::create(b, loc, f32, bits);
      high.push_back(roundToTF32(b, loc, x));
      if (kind == Multiplicand::TF32)
        continue;
      Value rounded = arith::BitcastOp::create(b, loc, f32, high.back());
      low.push_back(roundToTF32(b, loc, arith::SubFOp::create(b, loc, x, rounded)));
    }
  }
};

using Sums = SmallVector<Value>;

/// sums + a b of one mma.sync.
Sums multiplyOnce(OpBuilder &b, Location loc, Multiplicand kind, ValueRange left, ValueRange right,
                  ValueRange sums) {
  auto types = kind == Multiplicand::F16    ? NVVM::MMATypes::f16
               : kind == Multiplicand::BF16 ? NVVM::MMATypes::bf16
                                            : NVVM::MMATypes::tf32;
  int64_t depth = types == NVVM::MMATypes::tf32 ? 8 : 16;
  SmallVector<Type> fields(4, b.getF32Type());
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  Value made = NVVM::MmaOp::create(b, loc, type, left, right, sums, {16, 8, depth}, std::nullopt,
                                   std::nullopt, std::array{types, types},
                                   std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Sums results;
  for (int64_t i = 0; i < 4; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, loc, made, i));
  return results;
}
} // namespace

TensorTile::TensorTile(Simt &simt, OpBuilder &b, Location loc, const TensorShape &shape,
                       int64_t bytes)
    : loc(loc), shape(shape) {
  I32 i{b, loc};
  bytes = std::max(bytes, shape.stages * shape.stageBytes());
  memory = pointerTo(b, loc, simt.shared(b, loc, {bytes}, b.getI8Type(), /*alignment=*/128),
                     sharedSpace);
  thread = i.from(threadIndex(b, loc));
  lane = i.rem(thread, warpSize);
  Value warp = i.div(thread, warpSize);
  warpRow = i.div(warp, shape.warpsAcross());
  warpColumn = i.mul(i.rem(warp, shape.warpsAcross()), shape.warpColumns);
}

Value TensorTile::address(OpBuilder &b, Value offset) const {
  return movedBy(b, loc, memory, offset, 1);
}

int64_t TensorTile::sums() const { return shape.warpRows * shape.warpColumns / warpSize; }

SmallVector<Value> TensorTile::zeros(OpBuilder &b) const {
  return SmallVector<Value>(sums(),
                            arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)).getResult());
}

/// Sums are in the order of 16 rows, then 8 columns, then as mma.sync has them.
SmallVector<Value> TensorTile::multiplySlice(OpBuilder &b, const Slices &lhs, const Slices &rhs,
                                             Value stage, ValueRange carried) const {
  SmallVector<Value> sums(carried);
  for (int64_t number = 0; number < multipliesOfSlice; ++number) {
    SmallVector<Fragment> right;
    for (int64_t block = 0; block < shape.warpColumns / 16; ++block) {
      SmallVector<Value> registers = rhs.load(b, stage, number, block);
      right.emplace_back(b, loc, shape.kind, ArrayRef(registers).take_front(2));
      right.emplace_back(b, loc, shape.kind, ArrayRef(registers).drop_front(2));
    }
    for (int64_t block = 0; block < shape.warpRows / 16; ++block) {
      Fragment left(b, loc, shape.kind, lhs.load(b, stage, number, block));
      for (auto [column, factor] : llvm::enumerate(right)) {
        auto mine = MutableArrayRef(sums).slice((block * right.size() + column) * 4, 4);
        auto add = [&](ValueRange x, ValueRange y) {
          llvm::copy(multiplyOnce(b, loc, shape.kind, x, y, mine), mine.begin());
        };
        if (shape.kind == Multiplicand::SplitTF32) { // small terms first
          add(left.low, factor.high);
          add(left.high, factor.low);
        }
        add(left.high, factor.high);
      }
    }
  }
  return sums;
}

SmallVector<Value> TensorTile::multiply(OpBuilder &b, const TileOperand &lhs,
                                        const CopyPlan &lhsPlan, Value firstRow,
                                        const TileOperand &rhs, const CopyPlan &rhsPlan,
                                        Value firstColumn) const {
  Slices left(b, *this, lhs, lhsPlan, /*isLhs=*/true, firstRow);
  Slices right(b, *this, rhs, rhsPlan, /*isLhs=*/false, firstColumn);
  Value end = lhs.steps->size, zero = indexConstant(b, loc, 0);
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
  I32 outside{b, loc};
  for (int64_t stage = 0; stage < ahead; ++stage)
    fetch(b, outside.constant(stage), indexConstant(b, loc, stage * shape.steps()));

  auto multiplySlices = [&](OpBuilder &b, Value from, Value to, ValueRange start) {
    auto loop = scf::ForOp::create(
        b, loc, from, to, slice, start, [&](OpBuilder &b, Location, Value step, ValueRange state) {
          I32 i{b, loc};
          Value stage = state.back();
          NVVM::CpAsyncWaitGroupOp::create(b, loc, uint32_t(ahead - 1));
          barrier(b, loc); // all copies of this slice are there, and all have read the last one
          Value isFirst =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stage, i.constant(0));
          Value last =
              arith::SelectOp::create(b, loc, isFirst, i.constant(ahead), i.add(stage, -1));
          fetch(b, last, plus(b, loc, step, ahead * shape.steps()));
          SmallVector<Value> next = multiplySlice(b, left, right, stage, state.drop_back());
          Value isLast =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stage, i.constant(ahead));
          next.push_back(arith::SelectOp::create(b, loc, isLast, i.constant(0), i.add(stage, 1)));
          scf::YieldOp::create(b, loc, next);
        });
    return SmallVector<Value>(loop.getResults());
  };
  SmallVector<Value> start = zeros(b), result;
  start.push_back(outside.constant(0));
  if (!shape.segment) {
    result = multiplySlices(b, zero, end, start);
  } else {
    Value segment = indexConstant(b, loc, shape.segment);
    auto loop = scf::ForOp::create(
        b, loc, zero, end, segment, start,
        [&](OpBuilder &b, Location, Value from, ValueRange totals) {
          Value to = arith::MinUIOp::create(b, loc, plus(b, loc, from, shape.segment), end);
          SmallVector<Value> fresh = zeros(b);
          fresh.push_back(totals.back());
          SmallVector<Value> next = multiplySlices(b, from, to, fresh);
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

/// Floats between rows, against bank conflicts.
static int64_t exchangeStride(const TensorShape &shape) { return shape.columns + 8; }

int64_t TensorTile::exchangeBytes(const TensorShape &shape, int64_t count) {
  return count * shape.warpRows * exchangeStride(shape) * 4;
}

Value TensorTile::exchangeAddress(OpBuilder &b, Value row, Value column, int64_t number) const {
  I32 i{b, loc};
  Value place = i.add(i.mul(row, exchangeStride(shape)), column);
  return address(b, i.add(i.mul(place, 4), exchangeBytes(shape, number)));
}

void TensorTile::storeSums(OpBuilder &b, ValueRange sums, int64_t number) const {
  I32 i{b, loc};
  auto pair = VectorType::get({2}, b.getF32Type());
  Value row = i.div(lane, 4), column = i.add(warpColumn, i.mul(i.rem(lane, 4), 2));
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

} // namespace strut::gpu
