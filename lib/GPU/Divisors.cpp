//===- Divisors.cpp - What strides and offsets are multiples of -----------===//
#include "Divisors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace strut::gpu {

int64_t divisorOf(int64_t number) {
  return number == 0 ? largestDivisor : std::min(largestDivisor, number & -number);
}

int64_t divisorOfProduct(int64_t x, int64_t y) { return std::min(largestDivisor, x * y); }

/// Of an extent, which may be open.
static int64_t divisorOfExtent(int64_t extent) {
  return ShapedType::isDynamic(extent) ? 1 : divisorOf(extent);
}

static int64_t divisorOf(OpFoldResult number) {
  if (std::optional<int64_t> constant = getConstantIntValue(number))
    return divisorOf(*constant);
  auto product = cast<Value>(number).getDefiningOp<arith::MulIOp>();
  if (!product)
    return 1;
  return divisorOfProduct(divisorOf(OpFoldResult(product.getLhs())),
                          divisorOf(OpFoldResult(product.getRhs())));
}

/// By the way a view is made; 1 where that tells nothing.
static Divisors divisorsOfView(Value memref) {
  Divisors known{SmallVector<int64_t>(cast<MemRefType>(memref.getType()).getRank(), 1), 1};
  Operation *op = memref.getDefiningOp();
  if (!op)
    return known;
  return llvm::TypeSwitch<Operation *, Divisors>(op)
      .Case([&](memref::CastOp cast) { return divisorsOf(cast.getSource()); })
      .Case([&](memref::ReinterpretCastOp view) {
        for (auto [divisor, stride] : llvm::zip(known.strides, view.getMixedStrides()))
          divisor = divisorOf(stride);
        known.offset = divisorOf(view.getMixedOffsets().front());
        return known;
      })
      .Case([&](memref::SubViewOp view) {
        Divisors whole = divisorsOf(view.getSource());
        llvm::SmallBitVector dropped = view.getDroppedDims();
        known.offset = whole.offset;
        known.strides.clear();
        for (auto [axis, stride] : llvm::enumerate(whole.strides)) {
          int64_t moved = divisorOfProduct(divisorOf(view.getMixedOffsets()[axis]), stride);
          known.offset = std::min(known.offset, moved);
          if (!dropped.test(axis))
            known.strides.push_back(
                divisorOfProduct(divisorOf(view.getMixedStrides()[axis]), stride));
        }
        return known;
      })
      .Case([&](memref::ExpandShapeOp view) {
        Divisors joined = divisorsOf(view.getSrc());
        known.offset = joined.offset;
        for (auto [stride, group] : llvm::zip(joined.strides, view.getReassociationIndices()))
          for (int64_t axis : llvm::reverse(group)) {
            known.strides[axis] = stride;
            stride =
                divisorOfProduct(stride, divisorOfExtent(view.getResultType().getDimSize(axis)));
          }
        return known;
      })
      .Case([&](memref::CollapseShapeOp view) {
        // The stride of a group is that of one of its axes, which one is left to the extents.
        Divisors split = divisorsOf(view.getSrc());
        known.offset = split.offset;
        for (auto [divisor, group] : llvm::zip(known.strides, view.getReassociationIndices())) {
          divisor = largestDivisor;
          for (int64_t axis : group)
            divisor = std::min(divisor, split.strides[axis]);
        }
        return known;
      })
      .Default(known);
}

/// Of memory without gaps.
static Divisors divisorsOfDense(MemRefType type) {
  Divisors known{SmallVector<int64_t>(type.getRank()), largestDivisor};
  int64_t stride = 1;
  for (int64_t axis = type.getRank(); axis-- > 0;) {
    known.strides[axis] = stride;
    stride = divisorOfProduct(stride, divisorOfExtent(type.getDimSize(axis)));
  }
  return known;
}

Divisors divisorsOf(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getLayout().isIdentity())
    return divisorsOfDense(type);
  Divisors known = divisorsOfView(memref);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return known;
  for (auto [divisor, stride] : llvm::zip(known.strides, strides))
    divisor = std::max(divisor, divisorOfExtent(stride));
  known.offset = std::max(known.offset, divisorOfExtent(offset));
  return known;
}

} // namespace strut::gpu
