//===- CopyPlan.cpp - How operands come to shared memory ------------------===//
#include "Slices.h"
#include <numeric>

using namespace mlir;

namespace strut::gpu {

constexpr int64_t largestCopy = 16; ///< bytes that cp.async copies

/// A number that divides the stride of each dimension, in elements.
static SmallVector<int64_t> strideFactors(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return SmallVector<int64_t>(type.getRank(), 1);
  if (!type.getLayout().isIdentity()) {
    for (int64_t &stride : strides)
      stride = ShapedType::isDynamic(stride) ? 1 : stride;
    return strides;
  }
  int64_t factor = 1;
  for (int64_t d = type.getRank(); d-- > 0;) {
    strides[d] = factor;
    factor *= type.isDynamicDim(d) ? 1 : type.getDimSize(d);
  }
  return strides;
}

/// How many neighbours along dimension `inner` lie in one run that begins at a multiple of their
/// number, whatever the other dimensions: 8, 4, 2 or 1.
static int64_t alignedRun(MemRefType type, AffineMap map, const Nest &nest, unsigned inner) {
  if (classify(type, map, inner, warpSize) != Access::contiguous)
    return 1;
  int64_t extent = nest.staticExtent(inner);
  SmallVector<int64_t> strides;
  int64_t offset, factor = 8;
  if (ShapedType::isDynamic(extent) || failed(type.getStridesAndOffset(strides, offset)) ||
      ShapedType::isDynamic(offset))
    return 1;
  factor = std::gcd(std::gcd(factor, extent), offset);
  for (auto [expr, stride] : llvm::zip(map.getResults(), strideFactors(type))) {
    // Each other dimension moves the run by a multiple of the greatest divisor of its coefficient.
    AffineExpr others = expr.replace(getAffineDimExpr(inner, map.getContext()),
                                     getAffineConstantExpr(0, map.getContext()));
    others = simplifyAffineExpr(others, map.getNumDims(), 0);
    factor = std::gcd(factor, others.getLargestKnownDivisor() * stride);
  }
  return factor;
}

std::string suffixOf(const CopyPlan &plan) {
  return (plan.alongSteps ? "_k" : "_w") + std::to_string(plan.bytes);
}

/// Whether each of the map's results is a sum of multiples of `dims` and of a function of others.
static bool isLinearIn(ArrayRef<unsigned> dims, AffineMap map) {
  bool linear = true;
  for (AffineExpr e : map.getResults())
    e.walk([&](AffineExpr part) {
      bool isRounded = part.getKind() == AffineExprKind::Mod ||
                       part.getKind() == AffineExprKind::FloorDiv ||
                       part.getKind() == AffineExprKind::CeilDiv;
      linear &=
          !isRounded || llvm::none_of(dims, [&](unsigned d) { return part.isFunctionOfDim(d); });
    });
  return linear;
}

std::optional<CopyPlan> planCopy(MemRefType type, AffineMap map, const Nest &nest,
                                 ArrayRef<unsigned> along, ArrayRef<unsigned> steps) {
  if (!isLinearIn(steps, map))
    return std::nullopt;
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  auto run = [&](ArrayRef<unsigned> dims) {
    return dims.empty() ? 1 : alignedRun(type, map, nest, dims.back());
  };
  int64_t ofSteps = run(steps), ofRows = run(along);
  CopyPlan plan{ofSteps >= ofRows, std::min(largestCopy, std::max(ofSteps, ofRows) * bytes)};
  if (plan.bytes < 4)
    return std::nullopt;
  // Single elements are best copied the way that memory lies.
  if (ofSteps == 1 && ofRows == 1 && !along.empty())
    plan.alongSteps = classify(type, map, along.back(), warpSize) != Access::contiguous;
  return plan;
}

} // namespace strut::gpu
