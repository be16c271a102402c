//===- Slices.cpp - Slices of an operand in shared memory -----------------===//
#include "Slices.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace strut::gpu {

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

Slices::Slices(OpBuilder &b, Location loc, const SlicePlace &place, const TileOperand &operand,
               const CopyPlan &plan, Value first)
    : loc(loc), place(place), stepGroup(operand.steps), dims(operand.map.getNumDims()), plan(plan),
      stepMap(withoutConstants(operand.map)) {
  I32 i{b, loc};
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, operand.memref);
  llvm::append_range(strides, metadata.getStrides());
  if (cast<MemRefType>(operand.memref.getType()).isLastDimUnitStride() && !strides.empty())
    strides.back() = indexConstant(b, loc, 1);
  Value base = metadata.getOffset();
  source = pointerTo(b, loc, operand.memref, globalSpace);

  int64_t elements = plan.bytes / place.elementBytes;
  int64_t perLine = lineBytes() / plan.bytes, lines = place.threads / perLine;
  int64_t parts = place.bytes() / plan.bytes / place.threads;
  assert(parts > 0 && lines > 0 && "a tile whose threads outnumber its copies");
  Value number = i.rem(place.thread, perLine), within = i.mul(number, plan.bytes);
  Value firstElement = i.toIndex(i.mul(number, elements));
  auto rowOffset = [&](Value row) {
    Value safe =
        clamp(b, loc, arith::AddIOp::create(b, loc, first, row), operand.along->size).first;
    if (operand.rowAt)
      safe = operand.rowAt(b, safe);
    SmallVector<Value> point(operand.origin);
    operand.along->place(b, loc, point, safe);
    return b.createOrFold<arith::AddIOp>(loc, base,
                                         linearOffset(b, loc, operand.map, point, strides));
  };
  (plan.alongSteps ? stepNumbers : rowOffsets)
      .push_back(plan.alongSteps ? firstElement : rowOffset(firstElement));
  for (int64_t part = 0; part < parts; ++part) {
    Value line = i.add(i.div(place.thread, perLine), part * lines);
    offsets.push_back(
        i.add(offsetOf(i, line, i.div(within, chunkBytes)), i.rem(within, chunkBytes)));
    if (plan.alongSteps)
      rowOffsets.push_back(rowOffset(i.toIndex(line)));
    else
      stepNumbers.push_back(i.toIndex(line));
  }
}

Slices::Slices(Location loc, const SlicePlace &place)
    : loc(loc), place(place), plan{/*alongSteps=*/true, chunkBytes} {}

/// The row or column that stands as number `number` in its 8.
Value Slices::columnOf(const I32 &i, Value number) const {
  return place.interleaved ? i.add(i.div(number, 2), i.mul(i.rem(number, 2), 4)) : number;
}

/// Of a chunk in its slice.
Value Slices::offsetOf(const I32 &i, Value line, Value chunk) const {
  Value permutation = isScalar() ? i.mul(line, 2) : i.div(line, linesOfPermutation());
  Value permuted = i.flip(chunk, i.rem(permutation, period()));
  return i.add(i.mul(line, lineBytes()), i.mul(permuted, chunkBytes));
}

Value Slices::address(OpBuilder &b, Value number, Value offset) const {
  I32 i{b, loc};
  return movedBy(b, loc, place.memory, i.add(i.mul(number, place.bytes()), offset), 1);
}

/// Of so many lines and chunks after the given ones. What leaves the permutation as it is, is told
/// as a constant, so that addresses of one thread differ by immediate operands.
Value Slices::address(OpBuilder &b, Value number, Value line, int64_t lines, Value chunk,
                      int64_t chunks) const {
  I32 i{b, loc};
  int64_t repeat =
      isScalar() ? std::max<int64_t>(1, period() / 2) : period() * linesOfPermutation();
  Value offset = offsetOf(i, i.add(line, lines % repeat), i.add(chunk, chunks % period()));
  int64_t fixed = lines / repeat * repeat * lineBytes() + chunks / period() * period() * chunkBytes;
  Value at = address(b, number, offset);
  return fixed ? movedBy(b, loc, at, i.constant(fixed), 1) : at;
}

void Slices::store(OpBuilder &b, Value row, Value step, Value element) const {
  I32 i{b, loc};
  int64_t steps = sliceBytes / place.elementBytes;
  Value within = i.mul(i.rem(step, steps), place.elementBytes);
  Value offset = i.add(offsetOf(i, row, i.div(within, chunkBytes)), i.rem(within, chunkBytes));
  Type bits = b.getIntegerType(8 * place.elementBytes);
  Value stored = arith::BitcastOp::create(b, loc, bits, element);
  LLVM::StoreOp::create(b, loc, stored, address(b, i.div(step, steps), offset));
}

/// No asynchronous copy is this small.
void Slices::copyElement(OpBuilder &b, Value to, Value from, Value exists) const {
  Type bits = b.getIntegerType(8 * place.elementBytes);
  Value loaded = LLVM::LoadOp::create(b, loc, bits, from);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(bits));
  LLVM::StoreOp::create(b, loc, arith::SelectOp::create(b, loc, exists, loaded, zero), to);
}

void Slices::copy(OpBuilder &b, Value number, Value firstStep) const {
  I32 i{b, loc};
  auto modifier =
      plan.bytes == chunkBytes ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  SmallVector<Value> present, stepOffsets;
  for (Value stepNumber : stepNumbers) {
    Value step = arith::AddIOp::create(b, loc, firstStep, stepNumber);
    auto [safe, inside] = clamp(b, loc, step, stepGroup->size);
    SmallVector<Value> point(dims, indexConstant(b, loc, 0));
    stepGroup->place(b, loc, point, safe);
    stepOffsets.push_back(linearOffset(b, loc, stepMap, point, strides));
    present.push_back(inside);
  }
  for (auto [part, offset] : llvm::enumerate(offsets)) {
    size_t ofRow = plan.alongSteps ? part : 0, ofStep = plan.alongSteps ? 0 : part;
    Value from = arith::AddIOp::create(b, loc, rowOffsets[ofRow], stepOffsets[ofStep]);
    from = arith::IndexCastOp::create(b, loc, b.getI64Type(), from);
    from = movedBy(b, loc, source, from, place.elementBytes);
    Value to = address(b, number, offset);
    if (plan.bytes < leastCopy) {
      copyElement(b, to, from, present[ofStep]);
      continue;
    }
    Value size =
        arith::SelectOp::create(b, loc, present[ofStep], i.constant(plan.bytes), i.constant(0));
    NVVM::CpAsyncOp::create(b, loc, to, from, uint32_t(plan.bytes), modifier, size);
  }
}

SmallVector<Value> Slices::load(OpBuilder &b, Value number, int64_t part, int64_t block) const {
  if (isScalar())
    return loadScalars(b, number, part, block);
  I32 i{b, loc};
  // Four matrices of 8 rows or columns by 16 bytes of steps: which one this lane has a row of.
  Value lane = i.rem(place.thread, warpSize);
  Value second = i.rem(i.div(lane, 8), 2), third = i.div(lane, 16);
  Value outer = place.isLhs ? second : third, inner = place.isLhs ? third : second;
  Value row = columnOf(i, i.rem(lane, 8)), at;
  if (plan.alongSteps)
    at = address(b, number, i.add(i.add(place.first, row), i.mul(outer, 8)), 16 * block, inner,
                 part * multiplyBytes / chunkBytes);
  else
    at = address(b, number, i.add(row, i.mul(inner, 8)), 16 * part,
                 i.add(i.div(place.first, 8), outer), 2 * block);
  SmallVector<Type> registers(4, b.getI32Type());
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), registers);
  Value loaded = NVVM::LdMatrixOp::create(
      b, loc, type, at, 4, plan.alongSteps ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> values;
  for (int64_t r = 0; r < 4; ++r)
    values.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, r));
  return values;
}

SmallVector<Value> Slices::loadScalars(OpBuilder &b, Value number, int64_t part,
                                       int64_t block) const {
  I32 i{b, loc};
  Value lane = i.rem(place.thread, warpSize);
  SmallVector<Value> values;
  Value element = i.add(place.first, columnOf(i, i.div(lane, 4)));
  for (int64_t r = 0; r < 4; ++r) {
    int64_t outer = place.isLhs ? r % 2 : r / 2, inner = place.isLhs ? r / 2 : r % 2;
    Value at = address(b, number, i.rem(lane, 4), 8 * part + 4 * inner, i.div(element, 4),
                       4 * block + 2 * outer);
    at = movedBy(b, loc, at, i.rem(element, 4), 4);
    values.push_back(LLVM::LoadOp::create(b, loc, b.getI32Type(), at));
  }
  return values;
}

} // namespace strut::gpu
