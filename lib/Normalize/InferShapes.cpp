//===- InferShapes.cpp - types by the schemas' own inference ---------------===//

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

void updateFunctionTypes(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal())
      updateFunctionType(function);
}

/// Whether the result has the shape of the first operand, whatever the attributes.
static bool keepsShape(Operation *op) {
  return isa<onnx_ir::Op<"Abs">, onnx_ir::Op<"Cast">, onnx_ir::Op<"CastLike">, onnx_ir::Op<"Ceil">,
             onnx_ir::Op<"Erf">, onnx_ir::Op<"Exp">, onnx_ir::Op<"Floor">, onnx_ir::Op<"Identity">,
             onnx_ir::Op<"LeakyRelu">, onnx_ir::Op<"Log">, onnx_ir::Op<"LogSoftmax">,
             onnx_ir::Op<"Neg">, onnx_ir::Op<"Not">, onnx_ir::Op<"Reciprocal">, onnx_ir::Op<"Relu">,
             onnx_ir::Op<"Round">, onnx_ir::Op<"Sigmoid">, onnx_ir::Op<"Sign">,
             onnx_ir::Op<"Softmax">, onnx_ir::Op<"Sqrt">, onnx_ir::Op<"Tanh">>(op);
}

/// What is known of a result, say because the model declares it, is known of the
/// operand whose shape it has.
static void refineOperands(func::FuncOp function) {
  SmallVector<AnyOp> ops;
  function.walk([&](AnyOp op) {
    if (keepsShape(op))
      ops.push_back(op);
  });
  for (AnyOp op : llvm::reverse(ops)) {
    Value operand = op->getOperand(0);
    auto result = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto own = dyn_cast<TensorType>(operand.getType());
    if (!result || !own || !isa_and_nonnull<AnyOp>(operand.getDefiningOp()))
      continue;
    if (Type both = meet(own, result.clone(own.getElementType())))
      operand.setType(both);
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
      refineOperands(function);
    }
    updateFunctionTypes(getOperation());
    for (auto [value, type] : before)
      numRefined += value.getType() != type;
  }
};
} // namespace

} // namespace strut::normalize
