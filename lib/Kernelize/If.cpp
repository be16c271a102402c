//===- If.cpp - One of two branches ---------------------------------------===//
//
// Both branches are compiled. Where the condition is known from constants or shapes, the
// branch taken stands in place of the If; otherwise the host reads the condition while it
// runs, and its scf.if holds the kernels of both. A value of either branch has the same
// dimensions, for memory is planned before the condition is known.
//
//===----------------------------------------------------------------------===//
#include "ControlFlow.h"
#include "Requirements.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// Puts the ops of the branch in place of the op.
LogicalResult takeBranch(AnyOp op, Context &context, Block &branch) {
  context.taken.insert(&branch);
  if (failed(context.lowerBlock(branch)))
    return failure();
  for (auto [result, value] : llvm::zip(op->getResults(), branch.getTerminator()->getOperands()))
    if (!isa<NoneType>(result.getType()))
      context.define(result, Tracked(context[value]));
  op->getBlock()->getOperations().splice(op->getIterator(), branch.getOperations(), branch.begin(),
                                         branch.getTerminator()->getIterator());
  return success();
}

class Choice {
public:
  Choice(AnyOp op, Context &context, Block &first, Block &second)
      : op(op), context(context), branches{&first, &second}, required(context) {}
  LogicalResult lower();

private:
  LogicalResult readShapes();
  void moveInto(Region &target, unsigned number);

  AnyOp op;
  Context &context;
  Block *branches[2];
  /// Numbers of the results that have to be computed, and their dimensions.
  SmallVector<unsigned> computed;
  SmallVector<SmallVector<Dim>> shapes;
  BranchRequirements required;
};

LogicalResult Choice::readShapes() {
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    if (isa<NoneType>(op->getResult(i).getType()))
      continue;
    const Tracked &a = context[branches[0]->getTerminator()->getOperand(i)],
                  &b = context[branches[1]->getTerminator()->getOperand(i)];
    auto shape = sameShape(context, a.dims, b.dims);
    if (!shape)
      return context.refuse(
          op, "its branches give result " + Twine(i) + " the shapes " + spell(a.dims) + " and " +
                  spell(b.dims) +
                  ", and memory is planned before the condition is known; make both branches give "
                  "one shape, or the condition a constant");
    if (a.contents && a.contents == b.contents) {
      context.define(op->getResult(i), Tracked(a));
      continue;
    }
    computed.push_back(i);
    shapes.push_back(*shape);
  }
  return success();
}

void Choice::moveInto(Region &target, unsigned number) {
  Block &branch = *branches[number];
  Operation *yield = branch.getTerminator();
  context.b.setInsertionPoint(yield);
  SmallVector<Value> values;
  for (auto [i, shape] : llvm::zip(computed, shapes))
    values.push_back(withShape(context, op->getLoc(), yield->getOperand(i), shape));
  llvm::append_range(values, required.of(number, op->getLoc()));
  scf::YieldOp::create(context.b, op->getLoc(), values);
  yield->erase();
  target.takeBody(*branch.getParent());
}

LogicalResult Choice::lower() {
  Location loc = op->getLoc();
  for (Block *branch : branches) {
    if (failed(context.lowerBlock(*branch)))
      return failure();
    required.endBranch();
  }
  OpBuilder &b = context.b;
  b.setInsertionPoint(op);
  FailureOr<Value> condition = hostElement(op, context, op.in("cond"), "condition");
  if (failed(condition) || failed(readShapes()))
    return failure();
  SmallVector<Type> types;
  for (auto [i, shape] : llvm::zip(computed, shapes)) {
    Value first = branches[0]->getTerminator()->getOperand(i);
    types.push_back(DimEnv::type(shape, context[first].element));
  }
  llvm::append_range(types, required.types());
  auto branch = scf::IfOp::create(b, loc, types, *condition, /*withElseRegion=*/true);
  moveInto(branch.getThenRegion(), 0);
  moveInto(branch.getElseRegion(), 1);
  required.bringOut(branch.getResults().drop_front(computed.size()));
  // A move has a destination, which tells the dimensions that a branch does not.
  // Kernels that read it read the result of the branch instead.
  b.setInsertionPoint(op);
  for (auto [i, shape, result] : llvm::zip(computed, shapes, branch.getResults())) {
    AffineMap identity = b.getMultiDimIdentityMap(shape.size());
    context.define(op->getResult(i), context.move(loc, result, identity, shape), shape);
  }
  return success();
}

LogicalResult lowerIf(Operation *operation, Context &context) {
  AnyOp op(operation);
  Region *first = op.region("then_branch"), *second = op.region("else_branch");
  if (!first || !second)
    return context.refuse(op, "one of its branches is missing");
  const auto &known = context[op.in("cond")].contents;
  if (known && known->size() == 1 && known->front().isConstant())
    return takeBranch(op, context, (known->front().is(0) ? second : first)->front());
  return Choice(op, context, first->front(), second->front()).lower();
}

} // namespace

void addIf(LoweringTable &table) { table["onnx.If"] = {nullptr, lowerIf}; }

} // namespace strut::kernelize
