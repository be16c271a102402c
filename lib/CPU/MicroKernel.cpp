//===- MicroKernel.cpp - Sums of products on a register tile --------------===//
#include "MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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

/// Asks for the cache line of element `at` and for those after it, in L2.
static void prefetchLines(OpBuilder &b, Location loc, Value flat, Value at, int64_t lines) {
  constexpr int64_t lineBits = 512, intoL2 = 2;
  int64_t elements = lineBits / cast<MemRefType>(flat.getType()).getElementTypeBitWidth();
  for (int64_t line = 0; line < lines; ++line)
    memref::PrefetchOp::create(b, loc, flat,
                               add(b, loc, at, constantIndex(b, loc, line * elements)),
                               /*isWrite=*/false, intoL2, /*isDataCache=*/true);
}

/// Keeps LLVM from unrolling a loop. The steps of an unrolled one are mixed, and what they load is
/// live together: with 16 registers, of which sums fill most, the sums go to the stack.
static void keepRolled(scf::ForOp loop) {
  MLIRContext *context = loop.getContext();
  auto unroll =
      LLVM::LoopUnrollAttr::get(context, BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
  loop->setAttr("llvm.loop_annotation",
                LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {},
                                              {}, {}, {}, {}, {}));
}

SmallVector<Value> TileProduct::emit(OpBuilder &builder, Location loc, ArrayRef<Value> init) const {
  auto loadB = [&](OpBuilder &nested, Value flat, Value offset, int64_t v) -> Value {
    Type element = cast<MemRefType>(flat.getType()).getElementType();
    auto type = VectorType::get(lanes, element);
    Value at = add(nested, loc, offset, constantIndex(nested, loc, v * lanes));
    if (masks.empty())
      return vector::LoadOp::create(nested, loc, type, flat, at);
    Value zero = arith::ConstantOp::create(nested, loc, nested.getZeroAttr(type));
    return vector::MaskedLoadOp::create(nested, loc, type, flat, at, masks[v], zero);
  };
  auto step = [&](OpBuilder &nested, Value aOffset, ValueRange bOffsets, ValueRange accumulators) {
    SmallVector<Value> columns, result;
    for (auto [side, offset] : llvm::zip(b, bOffsets))
      for (int64_t v = 0; v < vectors; ++v)
        columns.push_back(widen(nested, loc, loadB(nested, side.flat, offset, v), accumulator));
    for (auto [r, row] : llvm::enumerate(rowOffsets)) {
      Value at = add(nested, loc, row, aOffset);
      Value scalar = memref::LoadOp::create(nested, loc, a, at);
      Value broadcast =
          vector::BroadcastOp::create(nested, loc, VectorType::get(lanes, accumulator),
                                      widen(nested, loc, scalar, accumulator));
      for (size_t v = 0; v < columns.size(); ++v) {
        Value acc = accumulators[r * columns.size() + v];
        if (isa<FloatType>(accumulator)) {
          result.push_back(vector::FMAOp::create(nested, loc, broadcast, columns[v], acc));
        } else {
          Value product = arith::MulIOp::create(nested, loc, broadcast, columns[v]);
          result.push_back(arith::AddIOp::create(nested, loc, acc, product));
        }
      }
    }
    return result;
  };
  auto moved = [&](OpBuilder &inner, ValueRange offsets, Value move) {
    return llvm::map_to_vector(offsets, [&](Value offset) -> Value {
      return offset ? add(inner, loc, offset, move) : Value();
    });
  };
  // Several sums share the lines that a step asks for.
  int64_t lines = b.size() > 1 ? 1 : 2;
  // One loop per k dimension, each adding its step to all offsets.
  using Offsets = SmallVector<Value>;
  std::function<SmallVector<Value>(OpBuilder &, size_t, Value, Offsets, Offsets, ValueRange)> nest =
      [&](OpBuilder &nested, size_t depth, Value aOffset, const Offsets &bOffsets,
          const Offsets &fetched, ValueRange accumulators) -> SmallVector<Value> {
    if (depth == extents.size()) {
      for (auto [side, at] : llvm::zip(b, fetched))
        if (at)
          prefetchLines(nested, loc, side.flat, at, lines);
      return step(nested, aOffset, bOffsets, accumulators);
    }
    auto loop = scf::ForOp::create(
        nested, loc, constantIndex(nested, loc, 0), extents[depth], constantIndex(nested, loc, 1),
        accumulators, [&](OpBuilder &inner, Location, Value k, ValueRange carried) {
          Value nextA = add(inner, loc, aOffset, mul(inner, loc, k, aStrides[depth]));
          Offsets nextB = moved(inner, bOffsets, mul(inner, loc, k, bStrides[depth])),
                  next(fetched);
          if (!aheadStrides.empty())
            next = moved(inner, fetched, mul(inner, loc, k, aheadStrides[depth]));
          scf::YieldOp::create(inner, loc, nest(inner, depth + 1, nextA, nextB, next, carried));
        });
    if (registers <= 16 && int64_t(accumulators.size()) > registers / 2)
      keepRolled(loop);
    return SmallVector<Value>(loop.getResults());
  };
  Offsets begin, ahead;
  for (const Columns &side : b) {
    begin.push_back(side.offset);
    ahead.push_back(side.ahead);
  }
  return nest(builder, 0, constantIndex(builder, loc, 0), begin, ahead, init);
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
