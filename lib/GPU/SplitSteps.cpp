//===- SplitSteps.cpp - Products whose steps are shared by blocks ---------===//
//
// A block that streams a weight has some slices of it on the way, and memory answers after a
// while: few blocks get a part of its bandwidth only.
//
//===----------------------------------------------------------------------===//
#include "TileTime.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "strut/Cost/Machine.h"
#include "strut/GPU/Passes.h"

namespace strut::gpu {
#define GEN_PASS_DEF_SPLITSTEPS
#include "strut/GPU/Passes.h.inc"
} // namespace strut::gpu

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr double worthwhile = 0.9; ///< of the time without

/// A product, as far as it is known.
struct KnownProduct {
  int64_t rows; ///< kDynamic if open
  int64_t columns, steps, elementBytes;

  int64_t segments() const { return llvm::divideCeil(steps, segmentStepsOf(elementBytes)); }
};

int64_t extentOf(RankedTensorType type, AffineMap map, unsigned dim) {
  auto axis = map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
  return axis ? type.getDimSize(*axis) : ShapedType::kDynamic;
}

int64_t productOf(RankedTensorType type, AffineMap map, ArrayRef<unsigned> dims) {
  int64_t product = 1;
  for (unsigned d : dims) {
    int64_t extent = extentOf(type, map, d);
    if (ShapedType::isDynamic(extent))
      return extent;
    product *= extent;
  }
  return product;
}

/// The product, if its form and sizes allow for segments.
std::optional<KnownProduct> productFrom(kernel::ContractOp op, TargetAttr target) {
  Type element = getElementTypeOrSelf(op.getLhs().getType());
  std::optional<Multiplicand> kind = multiplicandOf(element, target);
  kernel::ContractOp::Roles roles = op.getRoles();
  if (!kind || op.getWorkspace())
    return std::nullopt;
  // Condition 1 of split-steps.
  if (op.getNumProducts() != 1 || !roles.batch.empty())
    return std::nullopt;
  Type right = op.getRhs().getType();
  if (auto packed = dyn_cast<kernel::PackedType>(right))
    right = packed.getLogical();
  SmallVector<AffineMap> maps = op.getMaps();
  auto result = cast<RankedTensorType>(op.getInit().getType());
  KnownProduct product{productOf(result, maps.back(), roles.m),
                       productOf(result, maps.back(), roles.n),
                       productOf(cast<RankedTensorType>(right), maps[1], roles.k),
                       element.getIntOrFloatBitWidth() / 8};
  // Condition 1 of split-steps.
  if (ShapedType::isDynamic(product.columns) || ShapedType::isDynamic(product.steps) ||
      product.segments() < 2)
    return std::nullopt;
  // Condition 2 of split-steps.
  if (ShapedType::isDynamic(product.rows) ? *kind != Multiplicand::SplitTF32
                                          : product.rows > TensorShapes::fewRows)
    return std::nullopt;
  return product;
}

/// Whether segments are faster, by the description of the GPU.
bool pays(const KnownProduct &product, Multiplicand kind, const cost::Machine &machine) {
  const TensorShape tile = TensorShapes(kind, /*sums=*/1).few;
  double ofBlock = double(tile.stages - 1) * tile.columns * sliceBytes / TileTime::latency;
  int64_t most = int64_t(machine.multiprocessors) * tile.resident(/*sums=*/1, {}) / tile.threads();
  auto secondsOf = [&](int64_t blocks) {
    double bandwidth = std::min(machine.memory.back().bandwidth, std::min(blocks, most) * ofBlock);
    return double(product.columns * product.steps * product.elementBytes) / bandwidth;
  };
  int64_t blocks = llvm::divideCeil(product.columns, tile.columns);
  int64_t rows = ShapedType::isDynamic(product.rows) ? TensorShapes::fewRows : product.rows;
  double sums = double(product.segments()) * rows * product.columns * sizeof(float);
  double split = secondsOf(blocks * product.segments()) + machine.launchAt(machine.threads) +
                 2 * sums / machine.memory.front().bandwidth;
  return split < worthwhile * secondsOf(blocks);
}

struct SplitStepsPass : impl::SplitStepsBase<SplitStepsPass> {
  using SplitStepsBase::SplitStepsBase;

  void runOnOperation() override {
    auto target = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!target || target.getCapability() < 80)
      return;
    const cost::Machine &machine = cost::machineForGpu(target.getCapability());
    if (machine.multiprocessors == 0)
      return;
    getOperation().walk([&](kernel::ContractOp op) {
      std::optional<KnownProduct> product = productFrom(op, target);
      Type element = getElementTypeOrSelf(op.getLhs().getType());
      if (product &&
          // Condition 3 of split-steps.
          pays(*product, *multiplicandOf(element, target), machine)) {
        op.getWorkspaceMutable().assign(workspaceFor(op, *product));
        ++splitProducts;
      }
    });
  }

private:
  /// [segment][row][column] of f32, for as many rows as there are if they are few.
  static Value workspaceFor(kernel::ContractOp op, const KnownProduct &product);
};

Value SplitStepsPass::workspaceFor(kernel::ContractOp op, const KnownProduct &product) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  OpFoldResult rows = b.getIndexAttr(product.rows);
  if (ShapedType::isDynamic(product.rows)) {
    AffineMap map = op.getMaps().back();
    Value count = arith::ConstantIndexOp::create(b, loc, 1);
    for (unsigned d : op.getRoles().m) {
      unsigned axis = *map.getResultPosition(b.getAffineDimExpr(d));
      Value extent = b.createOrFold<tensor::DimOp>(loc, op.getInit(), axis);
      count = b.createOrFold<arith::MulIOp>(loc, count, extent);
    }
    Value few = arith::ConstantIndexOp::create(b, loc, TensorShapes::fewRows);
    rows = arith::MinUIOp::create(b, loc, count, few).getResult();
  }
  SmallVector<OpFoldResult> extents = {b.getIndexAttr(product.segments()), rows,
                                       b.getIndexAttr(product.columns)};
  return tensor::EmptyOp::create(b, loc, extents, b.getF32Type());
}

} // namespace
} // namespace strut::gpu
