//===- ShapeInputs.cpp - Inputs whose elements are dimensions -------------===//
#include "ShapeInputs.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using onnx_ir::Op;

/// More integers than this are data.
constexpr int64_t kMostElements = 16;

bool isFew(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() <= 1 && type.hasStaticShape() &&
         type.getNumElements() <= kMostElements;
}

bool holdsIntegers(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  return element.isSignlessInteger(64) || element.isSignlessInteger(32);
}

/// The operands of an op that say the extents of its result.
SmallVector<Value> shapeOperands(AnyOp op) {
  static const std::pair<StringRef, SmallVector<StringRef>> table[] = {
      {"onnx.AffineGrid", {"size"}},
      {"onnx.BlackmanWindow", {"size"}},
      {"onnx.ConstantOfShape", {"input"}},
      {"onnx.Expand", {"shape"}},
      {"onnx.HammingWindow", {"size"}},
      {"onnx.HannWindow", {"size"}},
      {"onnx.MelWeightMatrix", {"num_mel_bins", "dft_length"}},
      {"onnx.OneHot", {"depth"}},
      {"onnx.Pad", {"pads"}},
      {"onnx.Range", {"start", "limit", "delta"}},
      {"onnx.Reshape", {"shape"}},
      {"onnx.Resize", {"sizes"}},
      {"onnx.Split", {"split"}},
      {"onnx.Tile", {"repeats"}},
      {"onnx.TopK", {"K"}},
  };
  SmallVector<Value> operands;
  // What the model declares is checked in the run, and is more than a dimension is.
  if (llvm::all_of(op->getResultTypes(), [](Type type) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        return tensor && tensor.hasStaticShape();
      }))
    return operands;
  StringRef name = op->getName().getStringRef();
  for (const auto &[kind, names] : table)
    if (kind == name)
      for (StringRef operand : names)
        if (Value value = op.in(operand))
          operands.push_back(value);
  // A slice along axes or by steps that are data has no extent that dimensions tell.
  auto isFixed = [&](StringRef operand) {
    Value value = op.in(operand);
    return !value || onnx_ir::constantOf(value);
  };
  if (name == "onnx.Slice" && isFixed("axes") && isFixed("steps"))
    operands.append({op.in("starts"), op.in("ends")});
  // A loop that collects has as many parts as steps.
  if (name == "onnx.Loop" && op->getNumResults() + 2 > op->getNumOperands())
    if (Value most = op.in("M"))
      operands.push_back(most);
  return operands;
}

/// Whether form-kernels computes with dimensions through this op.
bool isShapeArithmetic(Operation *op) {
  return isa<Op<"Add">, Op<"Cast">, Op<"Concat">, Op<"Div">, Op<"Flatten">, Op<"Gather">,
             Op<"Identity">, Op<"Max">, Op<"Min">, Op<"Mod">, Op<"Mul">, Op<"Neg">,
             Op<"ReduceProd">, Op<"Reshape">, Op<"Slice">, Op<"Split">, Op<"Squeeze">, Op<"Sub">,
             Op<"Unsqueeze">, Op<"Where">>(op);
}

} // namespace

llvm::SetVector<BlockArgument> shapeInputs(func::FuncOp function) {
  llvm::SetVector<BlockArgument> found;
  DenseSet<Value> seen;
  SmallVector<Value> waiting;
  function.walk([&](AnyOp op) { llvm::append_range(waiting, shapeOperands(op)); });
  while (!waiting.empty()) {
    Value value = waiting.pop_back_val();
    if (!isFew(value) || !seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() == &function.getBody().front() && holdsIntegers(argument))
      found.insert(argument);
    else if (op && isShapeArithmetic(op))
      llvm::append_range(waiting, op->getOperands());
    else if (isa_and_present<Op<"If">>(op))
      for (Region &branch : op->getRegions())
        waiting.push_back(
            branch.front().getTerminator()->getOperand(cast<OpResult>(value).getResultNumber()));
  }
  return found;
}

} // namespace strut::kernelize
