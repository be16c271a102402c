//===- MicroKernel.cpp - Sums of products on a register tile --------------===//
#include "MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/Emit/Emit.h"

using namespace mlir;

namespace strut::cpu {

static Value constantIndex(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
static Value add(OpBuilder &b, Location loc, Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(loc, x, y, arith::IntegerOverflowFlags::nsw);
}
static Value mul(OpBuilder &b, Location loc, Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(loc, x, y, arith::IntegerOverflowFlags::nsw);
}

Value TaskCode::index(int64_t value) { return constantIndex(b, loc, value); }
Value TaskCode::add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
Value TaskCode::mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }

Value lanesLeft(OpBuilder &b, Location loc, Value extent, Value first, int64_t lanes) {
  Value left = arith::SubIOp::create(b, loc, extent, first);
  left = arith::MaxSIOp::create(b, loc, left, constantIndex(b, loc, 0));
  return arith::MinSIOp::create(b, loc, left, constantIndex(b, loc, lanes));
}

//===----------------------------------------------------------------------===//
// FlatView
//===----------------------------------------------------------------------===//

FlatView::FlatView(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, memref);
  offset = metadata.getOffset();
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  (void)type.getStridesAndOffset(staticStrides, staticOffset);
  for (auto [stride, known] : llvm::zip(metadata.getStrides(), staticStrides))
    strides.push_back(ShapedType::isDynamic(known) ? Value(stride) : constantIndex(b, loc, known));
  // The size is never looked at: offsets are in bounds by construction.
  auto flatType = MemRefType::get({ShapedType::kDynamic}, type.getElementType());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult size = constantIndex(b, loc, INT64_MAX);
  flat = memref::ReinterpretCastOp::create(b, loc, flatType, metadata.getBaseBuffer(), zero,
                                           ArrayRef(size), ArrayRef(one));
}

Value FlatView::offsetOf(OpBuilder &b, Location loc, AffineMap map, ValueRange iterators) const {
  SmallVector<Value> present;
  for (Value iterator : iterators)
    present.push_back(iterator ? iterator : constantIndex(b, loc, 0));
  Value result = offset;
  for (auto [index, stride] : llvm::zip(applyMap(b, loc, map, present), strides))
    result = add(b, loc, result, mul(b, loc, index, stride));
  return result;
}

Value FlatView::strideOf(OpBuilder &b, Location loc, AffineMap map, unsigned dim) const {
  SmallVector<AffineExpr> unit(map.getNumDims(), getAffineConstantExpr(0, b.getContext()));
  SmallVector<AffineExpr> origin = unit;
  unit[dim] = getAffineConstantExpr(1, b.getContext());
  Value result;
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides)) {
    auto at = [&](ArrayRef<AffineExpr> point) {
      return cast<AffineConstantExpr>(
                 simplifyAffineExpr(expr.replaceDims(point), map.getNumDims(), 0))
          .getValue();
    };
    int64_t step = at(unit) - at(origin);
    if (step == 0)
      continue;
    Value move = mul(b, loc, stride, constantIndex(b, loc, step));
    result = result ? add(b, loc, result, move) : move;
  }
  return result ? result : constantIndex(b, loc, 0);
}

//===----------------------------------------------------------------------===//
// TileProduct
//===----------------------------------------------------------------------===//

enum Cache : uint32_t { L2 = 2, L1 = 3 };

/// Asks for the cache line of element `at` and for those after it.
static void prefetchLines(OpBuilder &b, Location loc, Value flat, Value at, int64_t lines,
                          Cache cache) {
  constexpr int64_t lineBits = 512;
  int64_t elements = lineBits / cast<MemRefType>(flat.getType()).getElementTypeBitWidth();
  for (int64_t line = 0; line < lines; ++line)
    memref::PrefetchOp::create(b, loc, flat,
                               add(b, loc, at, constantIndex(b, loc, line * elements)),
                               /*isWrite=*/false, cache, /*isDataCache=*/true);
}

/// `value`, of which LLVM no longer knows how it was computed. Rows whose distance it sees are
/// reached by adding it again and again, an instruction for each broadcast.
static Value inRegister(OpBuilder &b, Location loc, Value value) {
  Type word = b.getI64Type();
  Value bits = arith::IndexCastOp::create(b, loc, word, value);
  bits = LLVM::InlineAsmOp::create(b, loc, word, bits, /*asm_string=*/"", "=r,0",
                                   /*has_side_effects=*/false, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
             .getRes();
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), bits);
}

namespace {

/// The loops of a TileProduct.
class TileLoops {
public:
  TileLoops(const TileProduct &tile, Location loc) : tile(tile), loc(loc) {}

  /// Where a step reads.
  struct Place {
    SmallVector<Value> rows, b, ahead, near; ///< of each row of a, of each right-hand side
  };
  /// The loops from `depth` on, which add to `sums`.
  SmallVector<Value> nest(OpBuilder &b, size_t depth, const Place &place, ValueRange sums);

private:
  SmallVector<Value> step(OpBuilder &b, const Place &place, ValueRange sums);
  SmallVector<Value> innermostInOrder(OpBuilder &b, Place place, ValueRange sums);
  SmallVector<Value> loop(OpBuilder &b, size_t depth, const Place &place, Value begin, Value end,
                          int64_t steps, ValueRange sums);
  Place moved(OpBuilder &b, size_t depth, const Place &place, Value steps);
  Value loadColumns(OpBuilder &b, Value flat, Value offset, int64_t v);
  void fetchAhead(OpBuilder &b, const Place &place, int64_t steps);
  /// Whether sums fill the registers, so that the loads of a second step would push them out.
  bool isFull() const {
    int64_t bits = tile.rowOffsets.size() * tile.b.size() * tile.vectors *
                   tile.accumulator.getIntOrFloatBitWidth();
    return bits / 32 > tile.registers / 2;
  }
  /// Whether steps must follow each other as they are written.
  bool inOrder() const { return tile.registers <= 16 && isFull(); }

  const TileProduct &tile;
  Location loc;
};

Value TileLoops::loadColumns(OpBuilder &b, Value flat, Value offset, int64_t v) {
  auto type = VectorType::get(tile.lanes, cast<MemRefType>(flat.getType()).getElementType());
  Value at = add(b, loc, offset, constantIndex(b, loc, v * tile.lanes));
  if (tile.masks.empty())
    return vector::LoadOp::create(b, loc, type, flat, at);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, loc, type, flat, at, tile.masks[v], zero);
}

SmallVector<Value> TileLoops::step(OpBuilder &b, const Place &place, ValueRange sums) {
  Type element = tile.accumulator;
  SmallVector<Value> columns, result;
  for (auto [side, offset] : llvm::zip(tile.b, place.b))
    for (int64_t v = 0; v < tile.vectors; ++v)
      columns.push_back(widen(b, loc, loadColumns(b, side.flat, offset, v), element));
  for (Value row : place.rows) {
    Value scalar = widen(b, loc, memref::LoadOp::create(b, loc, tile.a, row), element);
    Value broadcast =
        vector::BroadcastOp::create(b, loc, VectorType::get(tile.lanes, element), scalar);
    for (Value column : columns) {
      Value sum = sums[result.size()];
      if (isa<FloatType>(element)) {
        result.push_back(vector::FMAOp::create(b, loc, broadcast, column, sum));
      } else {
        Value product = arith::MulIOp::create(b, loc, broadcast, column);
        result.push_back(arith::AddIOp::create(b, loc, sum, product));
      }
    }
  }
  return result;
}

TileLoops::Place TileLoops::moved(OpBuilder &b, size_t depth, const Place &place, Value steps) {
  auto each = [&](ValueRange offsets, Value stride) {
    return llvm::map_to_vector(offsets, [&](Value offset) -> Value {
      return offset ? add(b, loc, offset, mul(b, loc, steps, stride)) : Value();
    });
  };
  Place result{each(place.rows, tile.aStrides[depth]), each(place.b, tile.bStrides[depth]),
               place.ahead, place.near};
  if (!tile.aheadStrides.empty())
    result.ahead = each(place.ahead, tile.aheadStrides[depth]);
  if (!tile.nearStrides.empty())
    result.near = each(place.near, tile.nearStrides[depth]);
  return result;
}

void TileLoops::fetchAhead(OpBuilder &b, const Place &place, int64_t steps) {
  constexpr int64_t lineBytes = 64;
  int64_t all =
      llvm::divideCeil(tile.vectors * tile.lanes * tile.bytesOfColumn() * steps, lineBytes);
  int64_t lines = tile.b.size() > 1 ? 1 : 2; // several sums share those that a step asks for
  if (tile.aheadWhole)
    lines = all;
  else if (steps > 1)
    lines = llvm::divideCeil(all, 2);
  for (auto [side, ahead, near] : llvm::zip(tile.b, place.ahead, place.near)) {
    if (ahead)
      prefetchLines(b, loc, side.flat, ahead, lines, L2);
    if (near)
      prefetchLines(b, loc, side.flat, near, all, L1);
  }
}

SmallVector<Value> TileLoops::loop(OpBuilder &b, size_t depth, const Place &place, Value begin,
                                   Value end, int64_t steps, ValueRange sums) {
  bool innermost = depth + 1 == tile.extents.size();
  auto loop = scf::ForOp::create(
      b, loc, begin, end, constantIndex(b, loc, steps), sums,
      [&](OpBuilder &inner, Location, Value k, ValueRange carried) {
        Place here = moved(inner, depth, place, k);
        SmallVector<Value> result(carried);
        if (!innermost) {
          result = nest(inner, depth + 1, here, carried);
        } else {
          fetchAhead(inner, here, steps);
          for (int64_t u = 0; u < steps; ++u)
            result = step(inner, moved(inner, depth, here, constantIndex(inner, loc, u)), result);
        }
        scf::YieldOp::create(inner, loc, result);
      });
  if (isFull())
    emit::keepRolled(loop);
  return SmallVector<Value>(loop.getResults());
}

/// Four steps at a time, in their order, and then the rest. Beside its sums a step is the loads
/// of its columns and a broadcast per row; whatever else there is takes slots of the decoders,
/// which 12 multiply-adds of two a cycle leave 36 of, and half of these where another thread
/// shares the core.
SmallVector<Value> TileLoops::innermostInOrder(OpBuilder &b, Place place, ValueRange sums) {
  constexpr int64_t steps = 4;
  size_t depth = tile.extents.size() - 1;
  Value zero = constantIndex(b, loc, 0), end = tile.extents.back();
  for (Value &row : place.rows)
    row = inRegister(b, loc, row);
  Value rest = b.createOrFold<arith::RemUIOp>(loc, end, constantIndex(b, loc, steps));
  Value whole = b.createOrFold<arith::SubIOp>(loc, end, rest);
  SmallVector<Value> most = loop(b, depth, place, zero, whole, steps, sums);
  return loop(b, depth, place, whole, end, 1, most);
}

SmallVector<Value> TileLoops::nest(OpBuilder &b, size_t depth, const Place &place,
                                   ValueRange sums) {
  if (depth == tile.extents.size())
    return step(b, place, sums);
  if (inOrder() && depth + 1 == tile.extents.size())
    return innermostInOrder(b, place, sums);
  return loop(b, depth, place, constantIndex(b, loc, 0), tile.extents[depth], 1, sums);
}

} // namespace

SmallVector<Value> TileProduct::emit(OpBuilder &builder, Location loc, ArrayRef<Value> init) const {
  TileLoops::Place begin{rowOffsets, {}, {}};
  for (const Columns &side : b) {
    begin.b.push_back(side.offset);
    begin.ahead.push_back(side.ahead);
    begin.near.push_back(side.near);
  }
  return TileLoops(*this, loc).nest(builder, 0, begin, init);
}

//===----------------------------------------------------------------------===//
// Small helpers
//===----------------------------------------------------------------------===//

Value widen(OpBuilder &b, Location loc, Value value, Type element) {
  Type type = value.getType();
  if (getElementTypeOrSelf(type) == element)
    return value;
  Type wide = element;
  if (auto vector = dyn_cast<VectorType>(type))
    wide = vector.clone(element);
  if (isa<FloatType>(element))
    return arith::ExtFOp::create(b, loc, wide, value);
  if (getElementTypeOrSelf(type).isUnsignedInteger())
    return arith::ExtUIOp::create(b, loc, wide, value);
  return arith::ExtSIOp::create(b, loc, wide, value);
}

Value stackArray(OpBuilder &b, Location loc, int64_t size, Type element) {
  OpBuilder::InsertionGuard guard(b);
  auto kernel = b.getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(kernel))
    kernel = kernel->getParentOp();
  b.setInsertionPointToStart(&cast<func::FuncOp>(kernel).getBody().front());
  return memref::AllocaOp::create(b, loc, MemRefType::get({size}, element),
                                  b.getI64IntegerAttr(64));
}

/// Of a packed weight a part may be read, so that other operands tell first.
static Value extentOf(OpBuilder &host, kernel::KernelOpInterface op, unsigned dim) {
  SmallVector<AffineMap> maps = op.getMaps();
  Value packedExtent;
  for (auto [operand, map] : llvm::zip(op->getOperands(), maps))
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      if (expr != getAffineDimExpr(dim, host.getContext()))
        continue;
      if (auto packed = dyn_cast<kernel::PackedType>(operand.getType())) {
        packedExtent = constantIndex(host, op.getLoc(), packed.getLogical().getDimSize(i));
        continue;
      }
      auto type = cast<MemRefType>(operand.getType());
      if (!type.isDynamicDim(i))
        return constantIndex(host, op.getLoc(), type.getDimSize(i));
      return memref::DimOp::create(host, op.getLoc(), operand, i);
    }
  return packedExtent;
}

FailureOr<SmallVector<Value>> extentsOf(OpBuilder &host, kernel::KernelOpInterface op) {
  SmallVector<Value> extents;
  for (unsigned d = 0; d < op.getNumIterators(); ++d) {
    extents.push_back(extentOf(host, op, d));
    if (!extents.back())
      return op->emitOpError("has no operand that gives the extent of d") << d;
  }
  return extents;
}

} // namespace strut::cpu
