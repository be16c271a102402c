//===- RecognizeExperts.cpp - Mixtures of experts -------------------------===//
#include "ExpertSpellings.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "strut/Recognize/Passes.h"

namespace strut::recognize {
#define GEN_PASS_DEF_RECOGNIZEEXPERTS
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

/// The names of the nodes between the rows, the router and the result.
Location locationOf(Operation *last, const Experts &experts) {
  SetVector<Operation *> ops;
  SmallVector<Operation *> open = {last};
  while (!open.empty()) {
    Operation *op = open.pop_back_val();
    if (!ops.insert(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && operand != experts.rows && operand != experts.routing.weights &&
          operand != experts.routing.experts && !onnx_ir::constantOf(operand))
        open.push_back(producer);
  }
  SmallVector<Location> locations;
  for (Operation *op : llvm::reverse(ops))
    locations.push_back(op->getLoc());
  return FusedLoc::get(last->getContext(), locations,
                       StringAttr::get(last->getContext(), "recognize-experts"));
}

/// The operations that a pass looks at, some of which it takes away on the way.
class OpsBackwards {
public:
  explicit OpsBackwards(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (op != function)
        ops.push_back(op);
    });
  }
  /// Calls `visit` from the last one to the first, whose results come before those of others.
  void visit(llvm::function_ref<void(Operation *)> visitor) {
    while (!ops.empty()) {
      Operation *op = ops.pop_back_val();
      if (!erased.contains(op))
        visitor(op);
    }
  }
  /// Erases an op that nothing reads, and then what only it read.
  void eraseDead(Operation *op) {
    SmallVector<Operation *> open = {op};
    while (!open.empty()) {
      Operation *dead = open.pop_back_val();
      if (erased.contains(dead) || !isOpTriviallyDead(dead))
        continue;
      for (Value operand : dead->getOperands())
        if (Operation *producer = operand.getDefiningOp())
          open.push_back(producer);
      erased.insert(dead);
      dead->erase();
    }
  }

private:
  SmallVector<Operation *> ops;
  DenseSet<Operation *> erased;
};

struct RecognizeExpertsPass : impl::RecognizeExpertsBase<RecognizeExpertsPass> {
  /// Puts layer.experts in the place of what `last` ends.
  void replace(Operation *last, const Experts &experts, OpsBackwards &ops) {
    OpBuilder b(last);
    Location loc = locationOf(last, experts);
    Value result = build(b, loc, experts.net, experts.rows, experts.routing, experts.result);
    if (!result)
      return;
    for (Value other : experts.others)
      result = Op<"Add">::create(b, last->getLoc(), {result, other})->getResult(0);
    result.setType(last->getResult(0).getType()); // which may know more
    last->getResult(0).replaceAllUsesWith(result);
    ops.eraseDead(last);
    ++numExperts;
  }

  void recognise(Operation *op, OpsBackwards &ops) {
    std::optional<Experts> found;
    if (auto sum = dyn_cast<Op<"ReduceSum">>(op)) {
      found = readBatched(sum);
      if (!found)
        found = readGathered(sum);
    } else if (auto add = dyn_cast<Op<"Add">>(op)) {
      // The sum of all is read where it ends; what others read on the way is one of its own.
      Operation *user = op->hasOneUse() ? *op->user_begin() : nullptr;
      Doubt doubt;
      found = readMasked(add, doubt);
      if (!found && doubt && !isa_and_nonnull<Op<"Add">>(user))
        op->emitWarning(*doubt);
    }
    if (found && agree(found->net, found->rows, found->routing, found->result))
      replace(op, *found, ops);
  }

  void runOnOperation() override {
    // Results come after what they are made of, so the largest sum is met first.
    OpsBackwards ops(getOperation());
    ops.visit([&](Operation *op) {
      if (!op->use_empty())
        recognise(op, ops);
    });
  }
};

} // namespace
} // namespace strut::recognize
