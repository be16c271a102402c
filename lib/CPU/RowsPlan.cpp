//===- RowsPlan.cpp - How a kernel.rows is computed -----------------------===//
#include "RowsPlan.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace strut::cpu {

FailureOr<RowsPlan> RowsPlan::create(Nest nest, int64_t lanes) {
  FailureOr<RowPhases> phases = RowPhases::create(std::move(nest));
  if (failed(phases))
    return failure();
  RowsPlan plan(std::move(*phases));
  plan.chooseLanes(lanes);
  plan.chooseBlock(lanes);
  plan.keepExpensive();
  return plan;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

SetVector<Value> RowsPlan::slice(unsigned phase) const {
  return RowPhases::slice(phase,
                          [&](Value v) { return kept && v == kept->value && phase > kept->phase; });
}

static bool isExpensive(Value v) {
  Operation *op = v.getDefiningOp();
  return op && isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
         !isa<math::AbsFOp, math::AbsIOp, math::FmaOp, math::CopySignOp, math::FloorOp,
              math::CeilOp, math::RoundEvenOp, math::TruncOp, math::SqrtOp, math::RsqrtOp>(op);
}

bool RowsPlan::isExpensive(unsigned phase) const {
  return llvm::any_of(slice(phase), [](Value v) { return cpu::isExpensive(v); });
}

/// Softmax needs its exponentials for their sum and again, divided by it: the
/// first pass leaves them in the result. Memory that an input may share with the
/// init must not be read after that.
void RowsPlan::keepExpensive() {
  for (unsigned phase = 0; phase < phases.size() && !kept; ++phase) {
    for (Value v : slice(phase)) {
      if (!cpu::isExpensive(v))
        continue;
      for (unsigned n = nest.inputs; n < nest.operands.size() && !kept; ++n)
        if (nest.usesAxis(nest.maps[n]) && nest.typeOf(n).getElementType() == v.getType())
          kept = Kept{v, n, phase};
      if (!kept)
        continue;
      bool used = false, readsInput = false;
      for (unsigned later = phase + 1; later <= phases.size(); ++later) {
        SetVector<Value> rest = slice(later);
        used |= llvm::is_contained(goals(later), v);
        for (Value r : rest) {
          readsInput |=
              isa<BlockArgument>(r) || isa_and_nonnull<kernel::FetchOp>(r.getDefiningOp());
          used |= r.getDefiningOp() && llvm::is_contained(r.getDefiningOp()->getOperands(), v);
        }
      }
      if (used && !readsInput)
        break;
      kept.reset();
    }
  }
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

/// How well lanes run along `d`: operands that are contiguous there, less those
/// that have to be gathered.
static int scoreOf(const Nest &nest, unsigned d, int64_t lanes) {
  int score = 0;
  for (auto [n, map] : llvm::enumerate(nest.maps)) {
    if (nest.isFetched(n))
      continue;
    Access access = classify(nest.typeOf(n), map, d, lanes);
    score += access == Access::contiguous ? 1 : access == Access::scattered ? -1 : 0;
  }
  return score;
}

void RowsPlan::chooseLanes(int64_t lanes) {
  unsigned firstAxis = nest.dims - nest.axes;
  // Along an axis unless it is short, like a window, or others fit memory better.
  laneDim = nest.dims - 1;
  int best = INT_MIN;
  for (unsigned d = nest.dims; d-- > 0;) {
    int64_t extent = nest.staticExtent(d);
    int score = 4 * scoreOf(nest, d, lanes);
    if (!ShapedType::isDynamic(extent) && extent < lanes)
      score -= extent <= lanes / 4 ? 8 : 2;
    if (d >= firstAxis)
      ++score;
    if (score > best) {
      best = score;
      laneDim = d;
    }
  }
  along = laneDim >= firstAxis;
}

/// How many of `extent` rows to compute together: as many as registers hold, such
/// that few are left over. Sizes of images are often multiples of 7.
static int64_t blockFor(int64_t extent, int64_t lanes) {
  if (lanes < 16 || ShapedType::isDynamic(extent))
    return 4;
  int64_t best = 1;
  for (int64_t size : {7, 8, 6, 5, 4, 3, 2})
    if (size <= extent && (best == 1 || extent % size < extent % best))
      best = size;
  return best;
}

void RowsPlan::chooseBlock(int64_t lanes) {
  unsigned firstAxis = nest.dims - nest.axes;
  firstUnrolled = nest.dims;
  if (along)
    return;
  auto isWindow = [&](unsigned row) {
    return llvm::any_of(nest.maps, [&](AffineMap map) {
      return llvm::any_of(map.getResults(), [&](AffineExpr expr) {
        return expr.isFunctionOfDim(row) &&
               llvm::any_of(llvm::seq(firstAxis, nest.dims),
                            [&](unsigned axis) { return expr.isFunctionOfDim(axis); });
      });
    });
  };
  for (unsigned row = firstAxis; row-- > 0 && !blockDim;)
    if (row != laneDim && isWindow(row))
      blockDim = row;
  if (!blockDim)
    return;
  blockSize = blockFor(nest.staticExtent(*blockDim), lanes);
  constexpr int64_t mostSteps = 8;
  for (int64_t steps = 1; firstUnrolled > firstAxis; --firstUnrolled) {
    int64_t extent = nest.staticExtent(firstUnrolled - 1);
    if (ShapedType::isDynamic(extent) || (steps *= extent) > mostSteps)
      break;
  }
}

} // namespace strut::cpu
