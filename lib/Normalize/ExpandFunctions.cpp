//===- ExpandFunctions.cpp - operators by their definitions ----------------===//

#include "mlir/IR/PatternMatch.h"
#include "strut/Import/FunctionBody.h"
#include "strut/Normalize/Passes.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_EXPANDFUNCTIONS
#include "strut/Normalize/Passes.h.inc"

namespace {
struct ExpandFunctions : impl::ExpandFunctionsBase<ExpandFunctions> {
  using ExpandFunctionsBase::ExpandFunctionsBase;
  ExpandFunctions(ExpandPredicate isUnlowered, bool only) : isUnlowered(std::move(isUnlowered)) {
    onlyUnlowered = only;
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<OnnxDialect>();
  }

  void runOnOperation() override {
    ExpandPredicate shouldExpand;
    if (onlyUnlowered)
      shouldExpand = isUnlowered;
    if (!ops.empty()) {
      llvm::StringSet<> names;
      names.insert(ops.begin(), ops.end());
      shouldExpand = [names = std::move(names)](AnyOp op) {
        return names.contains(op->getName().stripDialect());
      };
    }
    // What a body brings in is looked at in the next round. The standard's
    // definitions are well-founded, so this ends.
    while (true) {
      SmallVector<AnyOp> found;
      getOperation()->walk([&](AnyOp op) {
        if ((!shouldExpand || shouldExpand(op)) && hasFunctionBody(op))
          found.push_back(op);
      });
      if (found.empty())
        break;
      for (AnyOp op : found)
        if (failed(expand(op)))
          return signalPassFailure();
    }
    updateFunctionTypes(getOperation());
  }

  LogicalResult expand(AnyOp op) {
    IRRewriter rewriter(op.getContext());
    FailureOr<SmallVector<Value>> results = buildFunctionBody(rewriter, op);
    if (failed(results))
      return failure();
    rewriter.replaceOp(op, *results);
    ++numExpanded;
    return success();
  }

  ExpandPredicate isUnlowered;
};
} // namespace

std::unique_ptr<Pass> createExpandFunctions(ExpandPredicate shouldExpand) {
  return std::make_unique<ExpandFunctions>(std::move(shouldExpand), /*only=*/true);
}

void registerExpandFunctions(ExpandPredicate isUnlowered) {
  // The first registration of a pass is the one that counts.
  registerPass([isUnlowered = std::move(isUnlowered)] {
    return std::make_unique<ExpandFunctions>(isUnlowered, /*only=*/false);
  });
}

} // namespace strut::normalize
