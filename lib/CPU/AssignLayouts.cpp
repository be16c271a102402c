//===- AssignLayouts.cpp - How the operands of contractions are stored ----===//
#include "ContractPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Passes.h"

namespace strut::cpu {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "strut/CPU/Passes.h.inc"
} // namespace strut::cpu

using namespace mlir;

namespace strut::cpu {
namespace {

/// The extent of iteration dimension `dim` at the tensor level.
Value extentOf(OpBuilder &b, kernel::KernelOpInterface op, unsigned dim) {
  SmallVector<AffineMap> maps = op.getMaps();
  AffineExpr expr = getAffineDimExpr(dim, b.getContext());
  for (auto [operand, map] : llvm::zip(op->getOperands(), maps))
    if (isa<TensorType>(operand.getType()))
      if (std::optional<unsigned> axis = map.getResultPosition(expr))
        return b.createOrFold<tensor::DimOp>(op.getLoc(), operand, *axis);
  return {};
}

/// An uninitialised array of the product of `extents`, with `columns` rounded up to
/// whole panels.
Value makeWorkspace(OpBuilder &b, Location loc, Type element, ArrayRef<Value> extents,
                    Value columns, int64_t panel) {
  Value n = arith::ConstantIndexOp::create(b, loc, panel);
  Value size = b.createOrFold<arith::CeilDivUIOp>(loc, columns, n);
  size = b.createOrFold<arith::MulIOp>(loc, size, n);
  for (Value extent : extents)
    size = b.createOrFold<arith::MulIOp>(loc, size, extent);
  OpFoldResult mixed = getAsOpFoldResult(size);
  return tensor::EmptyOp::create(b, loc, ArrayRef(mixed), element);
}

struct AssignLayoutsPass : impl::AssignLayoutsBase<AssignLayoutsPass> {
  using AssignLayoutsBase::AssignLayoutsBase;

  void runOnOperation() override {
    auto attribute = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!attribute)
      return;
    target = attribute.getTarget();
    getOperation().walk([&](kernel::ContractOp op) { assign(op); });
    getOperation().walk([&](kernel::GroupedOp op) {
      pack(cast<kernel::KernelOpInterface>(*op), 0, rolesOfGroups(), /*sums=*/1);
    });
    getOperation().walk([&](kernel::AttentionOp op) { assign(op); });
    getOperation().walk([&](kernel::RowsOp op) { assign(op); });
  }

private:
  void assign(kernel::ContractOp op);
  void assign(kernel::AttentionOp op);
  void assign(kernel::RowsOp op);
  void setLayout(Operation *op, unsigned number, PanelsAttr panels);
  bool pack(kernel::KernelOpInterface op, unsigned product, const kernel::ContractOp::Roles &roles,
            int64_t sums);

  Target target;
};

/// The weight that an operand is, or of which it is the leading rows or columns.
kernel::UseOp weightOf(Value operand) {
  if (auto slice = operand.getDefiningOp<tensor::ExtractSliceOp>()) {
    auto areAll = [](ArrayRef<OpFoldResult> values, int64_t wanted) {
      return llvm::all_of(values, [&](OpFoldResult v) { return isConstantIntValue(v, wanted); });
    };
    if (slice.getType().getRank() != slice.getSourceType().getRank() ||
        !areAll(slice.getMixedOffsets(), 0) || !areAll(slice.getMixedStrides(), 1))
      return {};
    operand = slice.getSource();
  }
  return operand.getDefiningOp<kernel::UseOp>();
}

/// Reads the weight that is operand `number` in another layout.
void AssignLayoutsPass::setLayout(Operation *op, unsigned number, PanelsAttr panels) {
  kernel::UseOp use = weightOf(op->getOperand(number));
  Operation *view = op->getOperand(number).getDefiningOp();
  auto type = kernel::PackedType::get(op->getContext(), cast<RankedTensorType>(use.getType()),
                                      cast<kernel::LayoutAttrInterface>(Attribute(panels)));
  OpBuilder b(op);
  op->setOperand(number, kernel::UseOp::create(b, use.getLoc(), type, use.getWeightAttr()));
  if (view != use.getOperation() && view->use_empty())
    view->erase();
  if (use->use_empty())
    use->erase();
  ++packed;
}

/// Packs a weight, in panels of which `sums` fit side by side into a tile; false if the
/// right-hand side is none or has not all of k, or its matrices follow each other in another
/// order than the result's. A part of a matrix is some of the panels, and of their rows, that
/// the whole one has: the other operands tell how many.
bool AssignLayoutsPass::pack(kernel::KernelOpInterface op, unsigned product,
                             const kernel::ContractOp::Roles &roles, int64_t sums) {
  Value rhs = op.getKernelInputs()[2 * product + 1];
  kernel::UseOp use = weightOf(rhs);
  bool isPart = use && rhs != use.getResult();
  if (!use || (isPart && (roles.k.size() != 1 || !roles.batch.empty())))
    return false;
  MLIRContext *context = op->getContext();
  AffineMap map = op.getMaps()[2 * product + 1];
  SmallVector<int64_t> rows;
  SmallVector<unsigned> matrices;
  bool grouped = isa<kernel::GroupedOp>(op.getOperation());
  for (unsigned d : grouped ? roles.k : kernel::ContractOp::stepsOf(op.getMaps(), product)) {
    std::optional<unsigned> axis = map.getResultPosition(getAffineDimExpr(d, context));
    if (!axis)
      return false;
    rows.push_back(*axis);
  }
  for (unsigned d : roles.batch)
    matrices.push_back(*map.getResultPosition(getAffineDimExpr(d, context)));
  if (!llvm::is_sorted(matrices))
    return false;
  auto type = cast<RankedTensorType>(use.getType());
  int64_t column = *map.getResultPosition(getAffineDimExpr(roles.n[0], context));
  int64_t width =
      target.panelVectors(type.getDimSize(column), sums * registersOfSums(type.getElementType())) *
      target.lanes();
  auto panels = PanelsAttr::get(context, rows, {column}, width);
  setLayout(op, 2 * product + 1, panels);
  return true;
}

void AssignLayoutsPass::assign(kernel::ContractOp op) {
  std::optional<kernel::ContractOp::Roles> known = rolesWithOneColumn(op);
  if (!known || op.getWorkspace())
    return;
  size_t together = 0;
  for (ArrayRef<unsigned> products : productLoops(target, op))
    together = std::max(together, products.size());
  bool packedAll = true;
  for (unsigned product = 0; product < op.getNumProducts(); ++product)
    packedAll &= pack(cast<kernel::KernelOpInterface>(*op), product, *known, together);
  if (packedAll || op.getNumProducts() > 1)
    return;
  kernel::ContractOp::Roles roles = *known;
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  AffineMap map = op.getMaps()[1];
  AffineExpr n = getAffineDimExpr(roles.n[0], op.getContext());
  unsigned column = *map.getResultPosition(n);
  if (column + 1 == type.getRank())
    return; // unit stride: read in place

  OpBuilder b(op);
  auto kernelOp = cast<kernel::KernelOpInterface>(*op);
  SmallVector<Value> extents;
  for (unsigned d : llvm::concat<unsigned>(roles.batch, roles.k))
    extents.push_back(extentOf(b, kernelOp, d));
  int64_t columns = type.getDimSize(column);
  int64_t width = target.panelVectors(ShapedType::isDynamic(columns) ? INT32_MAX : columns,
                                      registersOfSums(type.getElementType())) *
                  target.lanes();
  Value workspace = makeWorkspace(b, op.getLoc(), type.getElementType(), extents,
                                  extentOf(b, kernelOp, roles.n[0]), width);
  op.getWorkspaceMutable().assign(workspace);
  ++workspaces;
}

/// Weights of windows (a filter per channel) are turned so that the dimension along
/// which the result is contiguous is so in the weight too: one panel of all columns.
void AssignLayoutsPass::assign(kernel::RowsOp op) {
  SmallVector<AffineMap> maps = op.getMaps();
  AffineMap written = maps[op.getInputs().size()];
  if (written.getNumResults() == 0)
    return;
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    auto use = input.getDefiningOp<kernel::UseOp>();
    std::optional<unsigned> column = maps[i].getResultPosition(written.getResults().back());
    if (!use || !column || !maps[i].isProjectedPermutation())
      continue;
    auto type = cast<RankedTensorType>(use.getType());
    int64_t columns = type.getDimSize(*column), last = type.getShape().back();
    // Long rows along the last dimension are read along it.
    if (*column + 1 == type.getRank() || last >= target.lanes() || columns == 0)
      continue;
    SmallVector<int64_t> rows = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    rows.erase(rows.begin() + *column);
    int64_t width = llvm::alignTo(columns, target.lanes());
    setLayout(op, i, PanelsAttr::get(op.getContext(), rows, {int64_t(*column)}, width));
  }
}

/// Keys are packed as panels of their transpose, so that a score tile reads rows of
/// the head size.
void AssignLayoutsPass::assign(kernel::AttentionOp op) {
  if (op.getWorkspace())
    return;
  OpBuilder b(op);
  auto kernelOp = cast<kernel::KernelOpInterface>(*op);
  auto type = cast<RankedTensorType>(op.getInputs()[1].getType());
  unsigned iterators = op.getMaps()[0].getNumDims();
  SmallVector<Value> extents;
  AffineMap keys = op.getMaps()[1];
  for (auto [axis, expr] : llvm::enumerate(keys.getResults()))
    if (expr != getAffineDimExpr(iterators - 3, op.getContext()))
      extents.push_back(b.createOrFold<tensor::DimOp>(op.getLoc(), op.getInputs()[1], axis));
  Value workspace = makeWorkspace(b, op.getLoc(), type.getElementType(), extents,
                                  extentOf(b, kernelOp, iterators - 3),
                                  target.panelVectors(INT32_MAX) * target.lanes());
  op.getWorkspaceMutable().assign(workspace);
  ++workspaces;
}

} // namespace
} // namespace strut::cpu
