//===- InferShapes.cpp - types by the schemas' own inference ---------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Normalize/Passes.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_INFERSHAPES
#include "strut/Normalize/Passes.h.inc"

void updateFunctionTypes(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    auto exit = cast<func::ReturnOp>(function.getBody().back().getTerminator());
    function.setType(FunctionType::get(function.getContext(), function.front().getArgumentTypes(),
                                       exit.getOperandTypes()));
  }
}

namespace {
struct InferShapes : impl::InferShapesBase<InferShapes> {
  using InferShapesBase::InferShapesBase;

  void runOnOperation() override {
    llvm::MapVector<Value, Type> before;
    auto remember = [&](ValueRange values) {
      for (Value value : values)
        before[value] = value.getType();
    };
    getOperation()->walk([&](AnyOp op) {
      remember(op->getResults());
      for (Region &region : op->getRegions())
        remember(region.getArguments());
    });
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      ShapeInference inference;
      if (failed(inference.refine(function.getBody())))
        return signalPassFailure();
    }
    updateFunctionTypes(getOperation());
    for (auto [value, type] : before)
      numRefined += value.getType() != type;
  }
};
} // namespace

} // namespace strut::normalize
