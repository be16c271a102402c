//===- ContractPlan.cpp - How a kernel.contract is computed ---------------===//
#include "ContractPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "strut/CPU/CPU.h"

using namespace mlir;

namespace strut::cpu {

std::optional<kernel::ContractOp::Roles> rolesWithOneColumn(kernel::ContractOp op) {
  kernel::ContractOp::Roles roles = op.getRoles();
  AffineMap written = op.getMaps().back();
  auto place = [&](unsigned d) {
    return *written.getResultPosition(getAffineDimExpr(d, op.getContext()));
  };
  auto column =
      llvm::max_element(roles.n, [&](unsigned a, unsigned b) { return place(a) < place(b); });
  if (column == roles.n.end())
    return std::nullopt;
  unsigned last = *column;
  for (unsigned d : roles.n)
    if (d != last)
      roles.batch.push_back(d);
  llvm::sort(roles.batch);
  roles.n = {last};
  return roles;
}

/// The number of products in a sum, kDynamic where the types do not tell.
static int64_t termsOf(kernel::ContractOp op, const ContractPlan &plan) {
  auto packed = dyn_cast<kernel::PackedType>(op.getRhs().getType());
  ArrayRef<int64_t> shape =
      packed ? packed.getLogical().getShape() : cast<MemRefType>(op.getRhs().getType()).getShape();
  int64_t terms = 1;
  for (unsigned k : plan.roles.k) {
    auto axis = plan.maps[1].getResultPosition(getAffineDimExpr(k, op.getContext()));
    if (!axis || ShapedType::isDynamic(shape[*axis]))
      return ShapedType::kDynamic;
    terms *= shape[*axis];
  }
  return terms;
}

/// Whether places of `type` follow each other as (column, block) does, block running fastest.
static bool liesInterleaved(Type operand, AffineMap map, AffineExpr column, AffineExpr block,
                            int64_t blocks) {
  auto type = dyn_cast<MemRefType>(operand);
  SmallVector<int64_t> strides;
  int64_t offset;
  unsigned rank = map.getNumResults();
  return type && rank >= 2 && map.getResult(rank - 1) == block &&
         map.getResult(rank - 2) == column &&
         succeeded(type.getStridesAndOffset(strides, offset)) && strides[rank - 1] == 1 &&
         strides[rank - 2] == blocks;
}

/// How many blocks of the last batch dimension a task can store side by side, else 1.
static int64_t interleavedBlocks(const ContractPlan &plan) {
  constexpr int64_t most = 8; // their accumulators wait in L1
  kernel::ContractOp op = plan.op;
  if (plan.roles.batch.empty())
    return 1;
  AffineExpr column = getAffineDimExpr(plan.n, op.getContext()),
             block = getAffineDimExpr(plan.roles.batch.back(), op.getContext());
  std::optional<unsigned> axis = plan.maps[1].getResultPosition(block);
  auto packed = dyn_cast<kernel::PackedType>(op.getRhs().getType());
  int64_t blocks = axis && packed ? packed.getLogical().getDimSize(*axis) : 1;
  if (blocks < 2 || blocks > most)
    return 1;
  for (auto [operand, map] : llvm::drop_begin(llvm::zip(op->getOperands(), plan.maps), 2)) {
    bool either = map.isFunctionOfDim(plan.n) || map.isFunctionOfDim(plan.roles.batch.back());
    bool init = operand == op.getInit();
    if ((either || init) && !liesInterleaved(operand.getType(), map, column, block, blocks))
      return 1;
  }
  WalkResult indexed = op.getBody().walk([&](kernel::IndexOp index) {
    bool lane = index.getDim() == plan.n || index.getDim() == plan.roles.batch.back();
    return lane ? WalkResult::interrupt() : WalkResult::advance();
  });
  return indexed.wasInterrupted() ? 1 : blocks;
}

FailureOr<ContractPlan> ContractPlan::create(const Target &target, kernel::ContractOp op) {
  ContractPlan plan;
  plan.op = op;
  std::optional<kernel::ContractOp::Roles> roles = rolesWithOneColumn(op);
  if (!roles)
    return op.emitOpError("needs a column dimension");
  plan.roles = *roles;
  plan.maps = op.getMaps();
  plan.n = plan.roles.n.front();
  plan.lanes = target.lanes();
  auto packed = dyn_cast<kernel::PackedType>(op.getRhs().getType());
  plan.panels = packed || op.getWorkspace();
  Type element;
  int64_t columns = ShapedType::kDynamic;
  AffineExpr n = getAffineDimExpr(plan.n, op.getContext());
  auto columnsOf = [&](ShapedType type, AffineMap map) {
    element = type.getElementType();
    return type.getDimSize(*map.getResultPosition(n));
  };
  if (packed) {
    columns = columnsOf(packed.getLogical(), plan.maps[1]);
    plan.vectors = cast<PanelsAttr>(packed.getLayout()).getN() / plan.lanes;
  } else {
    columns = columnsOf(cast<MemRefType>(op.getRhs().getType()), plan.maps[1]);
    plan.vectors = target.panelVectors(ShapedType::isDynamic(columns) ? INT32_MAX : columns);
  }
  plan.rows = target.tileRows(plan.vectors);
  plan.masked = ShapedType::isDynamic(columns) || columns % plan.columns() != 0;
  plan.accumulator = kernel::ContractOp::getAccumulatorType(element);
  int64_t terms = termsOf(op, plan);
  plan.oneBlock = plan.roles.k.size() > 1 && terms != ShapedType::kDynamic && terms <= blockSize;
  plan.blocks = interleavedBlocks(plan);
  return plan;
}

/// The distance in elements of one step along `dim` of lhs, if it is known.
static std::optional<int64_t> strideOf(AffineMap map, ArrayRef<int64_t> strides, unsigned d) {
  int64_t stride = 0;
  AffineExpr dim = getAffineDimExpr(d, map.getContext());
  for (auto [expr, place] : llvm::zip(map.getResults(), strides)) {
    AffineExpr step =
        simplifyAffineExpr(expr.replace(dim, dim + 1) - expr, map.getNumDims(), /*numSymbols=*/0);
    auto known = dyn_cast<AffineConstantExpr>(step);
    if (!known || (known.getValue() != 0 && ShapedType::isDynamic(place)))
      return std::nullopt;
    if (known.getValue() != 0)
      stride += known.getValue() * place;
  }
  return stride;
}

void joinSteps(OpBuilder &host, Location loc, const ContractPlan &plan,
               SmallVector<Value> &extents) {
  SmallVector<int64_t> strides;
  int64_t offset;
  kernel::ContractOp op = plan.op;
  if (failed(cast<MemRefType>(op.getLhs().getType()).getStridesAndOffset(strides, offset)))
    return;
  unsigned inner = plan.roles.k.back();
  for (unsigned outer : llvm::reverse(ArrayRef(plan.roles.k).drop_back())) {
    std::optional<int64_t> run = getConstantIntValue(extents[inner]);
    auto outerStride = strideOf(plan.maps[0], strides, outer);
    auto innerStride = strideOf(plan.maps[0], strides, inner);
    if (!run || !outerStride || !innerStride || *outerStride != *run * *innerStride)
      return;
    extents[inner] = host.createOrFold<arith::MulIOp>(loc, extents[inner], extents[outer]);
    extents[outer] = arith::ConstantIndexOp::create(host, loc, 1);
  }
}

} // namespace strut::cpu
