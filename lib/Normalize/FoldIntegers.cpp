//===- FoldIntegers.cpp - Arithmetic on a few integers --------------------===//
//
// Exporters leave computations on axes, bounds and extents in the graph, and the
// ranks and extents behind them are known only once these are constants: the pads
// of an image whose size is fixed, computed from the shape of a batch that is not.
// Code for a handful of integers is not worth generating, so they are computed
// here, in the order of the graph and each before the types that depend on it. Where a
// branch depends on them, the one that is taken stands in place of the If.
//
//===----------------------------------------------------------------------===//
#include "IntegerArrays.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Normalize/Passes.h"

namespace strut::normalize {
#define GEN_PASS_DEF_FOLDINTEGERS
#include "strut/Normalize/Passes.h.inc"
} // namespace strut::normalize

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::AnyOp;
using onnx_ir::Op;

/// One walk over a function.
class IntegerFolder {
public:
  LogicalResult run(Region &region);

  ~IntegerFolder() {
    for (Operation *op : llvm::reverse(folded))
      op->erase();
  }

  SmallVector<Operation *> folded;

private:
  LogicalResult visit(AnyOp op);
  Region *takenBranch(AnyOp op);
  LogicalResult take(AnyOp op, Region &branch);
  void fold(AnyOp op);

  onnx_ir::ShapeInference inference;
  IntegerArrays arrays;
};

LogicalResult IntegerFolder::run(Region &region) {
  for (Block &block : region)
    for (Operation &op : llvm::make_early_inc_range(block))
      if (auto node = dyn_cast<AnyOp>(op); node && failed(visit(node)))
        return failure();
  return success();
}

/// The branch of an If whose condition is known; else null.
Region *IntegerFolder::takenBranch(AnyOp op) {
  if (!isa<Op<"If">>(op.getOperation()))
    return nullptr;
  const IntegerArray *condition = arrays.lookup(op.in("cond"));
  if (!condition || condition->elements.size() != 1 || !condition->elements.front())
    return nullptr;
  return op.region(*condition->elements.front() ? "then_branch" : "else_branch");
}

/// Puts the branch in place of the If.
LogicalResult IntegerFolder::take(AnyOp op, Region &branch) {
  if (failed(run(branch)))
    return failure();
  Operation *yield = branch.front().getTerminator();
  op->replaceAllUsesWith(yield->getOperands());
  op->getBlock()->getOperations().splice(op->getIterator(), branch.front().getOperations(),
                                         branch.front().begin(), yield->getIterator());
  folded.push_back(op);
  return success();
}

LogicalResult IntegerFolder::visit(AnyOp op) {
  if (Region *branch = takenBranch(op))
    return take(op, *branch);
  // What a body holds decides the types of the results.
  for (Region &region : op->getRegions())
    if (failed(run(region)))
      return failure();
  if (failed(inference.refine(op)))
    return failure();
  if (!isa<Op<"Constant">>(op.getOperation()))
    fold(op);
  return success();
}

void IntegerFolder::fold(AnyOp op) {
  const IntegerArray *array = arrays.follow(op);
  if (!array || !llvm::all_of(array->elements, [](auto element) { return element.has_value(); }))
    return;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  unsigned width = type.getElementTypeBitWidth();
  auto elements = llvm::map_to_vector(array->elements, [&](std::optional<int64_t> element) {
    return APInt(width, *element, /*isSigned=*/true, /*implicitTrunc=*/true);
  });
  OpBuilder b(op);
  auto attr = b.getNamedAttr("value", DenseElementsAttr::get(type, elements));
  auto constant = Op<"Constant">::create(b, op.getLoc(), {}, attr);
  op->getResult(0).replaceAllUsesWith(constant->getResult(0));
  // Kept so long, for what is known is known by the addresses of values.
  folded.push_back(op);
}

struct FoldIntegersPass : impl::FoldIntegersBase<FoldIntegersPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    IntegerFolder folder;
    if (failed(folder.run(function.getBody())))
      return signalPassFailure();
    updateFunctionType(function);
    numFolded += folder.folded.size();
  }
};

} // namespace
} // namespace strut::normalize
