//===- CopyPlan.cpp - How operands come to shared memory ------------------===//
#include "Divisors.h"
#include "Slices.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t largestCopy = 16; ///< bytes that cp.async copies

/// How many neighbours along dimension `inner` lie in one run that begins at a multiple of their
/// number, whatever the other dimensions: 8, 4, 2 or 1.
static int64_t alignedRun(const Nest &nest, unsigned operand, unsigned inner) {
  AffineMap map = nest.maps[operand];
  int64_t extent = nest.staticExtent(inner);
  if (ShapedType::isDynamic(extent) ||
      classify(nest.typeOf(operand), map, inner, warpSize) != Access::contiguous)
    return 1;
  Divisors known = divisorsOf(nest.operands[operand]);
  int64_t run = std::min({int64_t(8), divisorOf(extent), known.offset});
  for (auto [expr, stride] : llvm::zip(map.getResults(), known.strides)) {
    // Each other dimension moves the run by a multiple of the greatest divisor of its coefficient.
    AffineExpr others = expr.replace(getAffineDimExpr(inner, map.getContext()),
                                     getAffineConstantExpr(0, map.getContext()));
    others = simplifyAffineExpr(others, map.getNumDims(), 0);
    run = std::min(run, divisorOfProduct(divisorOf(others.getLargestKnownDivisor()), stride));
  }
  return run;
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

std::optional<CopyPlan> planCopy(const Nest &nest, unsigned operand, ArrayRef<unsigned> along,
                                 ArrayRef<unsigned> steps, int64_t least) {
  MemRefType type = nest.typeOf(operand);
  AffineMap map = nest.maps[operand];
  if (!isLinearIn(steps, map))
    return std::nullopt;
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  auto run = [&](ArrayRef<unsigned> dims) {
    return dims.empty() ? 1 : alignedRun(nest, operand, dims.back());
  };
  int64_t ofSteps = run(steps), ofRows = run(along);
  CopyPlan plan{ofSteps >= ofRows, std::min(largestCopy, std::max(ofSteps, ofRows) * bytes)};
  if (plan.bytes < least)
    return std::nullopt;
  // Single elements are best copied the way that memory lies.
  if (ofSteps == 1 && ofRows == 1 && !along.empty())
    plan.alongSteps = classify(type, map, along.back(), warpSize) != Access::contiguous;
  return plan;
}

} // namespace strut::gpu
