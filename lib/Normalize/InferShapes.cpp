//===- InferShapes.cpp - types by the schemas' own inference ---------------===//

#include "OperandShapes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Normalize/Passes.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_INFERSHAPES
#include "strut/Normalize/Passes.h.inc"

void updateFunctionType(func::FuncOp function) {
  auto exit = cast<func::ReturnOp>(function.getBody().back().getTerminator());
  function.setType(FunctionType::get(function.getContext(), function.front().getArgumentTypes(),
                                     exit.getOperandTypes()));
}

bool setDimension(func::FuncOp function, StringRef name, int64_t extent) {
  Builder b(function.getContext());
  bool found = false;
  for (BlockArgument argument : function.getArguments()) {
    unsigned position = argument.getArgNumber();
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    auto names = function.getArgAttrOfType<ArrayAttr>(position, OnnxDialect::kDimsAttr);
    if (!type || !names)
      continue;
    SmallVector<int64_t> shape(type.getShape());
    SmallVector<Attribute> left(names.begin(), names.end());
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (cast<StringAttr>(left[axis]).getValue() != name)
        continue;
      found = true;
      shape[axis] = extent;
      left[axis] = b.getStringAttr("");
    }
    argument.setType(type.clone(shape));
    function.setArgAttr(position, OnnxDialect::kDimsAttr, b.getArrayAttr(left));
  }
  return found;
}

void updateFunctionTypes(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal())
      updateFunctionType(function);
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
      do {
        ShapeInference inference;
        if (failed(inference.refine(function.getBody())))
          return signalPassFailure();
      } while (refineOperands(function));
    }
    updateFunctionTypes(getOperation());
    for (auto [value, type] : before)
      numRefined += value.getType() != type;
  }
};
} // namespace

} // namespace strut::normalize
