//===- OperandShapes.cpp - What operators say of their operands' shapes ----===//

#include "OperandShapes.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Normalize/Passes.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

/// Whether the result has the shape of the first operand, whatever the attributes.
static bool keepsShape(Operation *op) {
  return isa<
      onnx_ir::Op<"Abs">, onnx_ir::Op<"BatchNormalization">, onnx_ir::Op<"Cast">,
      onnx_ir::Op<"CastLike">, onnx_ir::Op<"Ceil">, onnx_ir::Op<"Clip">, onnx_ir::Op<"Dropout">,
      onnx_ir::Op<"Elu">, onnx_ir::Op<"Erf">, onnx_ir::Op<"Exp">, onnx_ir::Op<"Floor">,
      onnx_ir::Op<"Gelu">, onnx_ir::Op<"HardSigmoid">, onnx_ir::Op<"HardSwish">,
      onnx_ir::Op<"Identity">, onnx_ir::Op<"InstanceNormalization">, onnx_ir::Op<"LRN">,
      onnx_ir::Op<"LayerNormalization">, onnx_ir::Op<"LeakyRelu">, onnx_ir::Op<"Log">,
      onnx_ir::Op<"LogSoftmax">, onnx_ir::Op<"Mish">, onnx_ir::Op<"Neg">, onnx_ir::Op<"Not">,
      onnx_ir::Op<"Reciprocal">, onnx_ir::Op<"Relu">, onnx_ir::Op<"Round">, onnx_ir::Op<"Selu">,
      onnx_ir::Op<"Sigmoid">, onnx_ir::Op<"Sign">, onnx_ir::Op<"Softmax">, onnx_ir::Op<"Softplus">,
      onnx_ir::Op<"Softsign">, onnx_ir::Op<"Sqrt">, onnx_ir::Op<"Tanh">>(op);
}

/// Whether the result has as many channels, axis 1, as the first operand.
static bool keepsChannels(Operation *op) {
  return isa<onnx_ir::Op<"AveragePool">, onnx_ir::Op<"GlobalAveragePool">,
             onnx_ir::Op<"GlobalLpPool">, onnx_ir::Op<"GlobalMaxPool">, onnx_ir::Op<"LpPool">,
             onnx_ir::Op<"MaxPool">>(op);
}

/// The extent of an axis, counted from the end if negative; kDynamic where it is not known.
static int64_t extentOf(Value value, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return ShapedType::kDynamic;
  axis = axis < 0 ? axis + type.getRank() : axis;
  return axis < 0 || axis >= type.getRank() ? ShapedType::kDynamic : type.getDimSize(axis);
}

namespace {
/// Refines the operands of one operator after the other.
class Refiner {
public:
  explicit Refiner(func::FuncOp function) : function(function) {}

  void visit(AnyOp op);
  bool hasChanged = false;

private:
  /// An operand has at an axis, counted from the end if negative, this extent.
  void expect(AnyOp op, unsigned operand, int64_t axis, int64_t extent);
  /// Two operands agree at an axis of each.
  void expectEqual(AnyOp op, unsigned a, int64_t axisOfA, unsigned b, int64_t axisOfB) {
    expect(op, a, axisOfA, extentOf(op->getOperand(b), axisOfB));
    expect(op, b, axisOfB, extentOf(op->getOperand(a), axisOfA));
  }
  void expectOfWeights(AnyOp op);
  void expectOfTranspose(AnyOp op);
  void fixDimension(AnyOp op, BlockArgument argument, int64_t axis, int64_t extent);

  func::FuncOp function;
};
} // namespace

void Refiner::fixDimension(AnyOp op, BlockArgument argument, int64_t axis, int64_t extent) {
  auto names =
      function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), OnnxDialect::kDimsAttr);
  if (!names || argument.getOwner() != &function.front())
    return;
  StringRef name = cast<StringAttr>(names[axis]).getValue();
  op->emitRemark() << "dimension '" << name << "' of the inputs is " << extent
                   << ", all that what follows takes";
  hasChanged |= setDimension(function, name, extent);
}

void Refiner::expect(AnyOp op, unsigned operand, int64_t axis, int64_t extent) {
  Value value = op->getOperand(operand);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || ShapedType::isDynamic(extent) || value.getParentBlock() != op->getBlock())
    return;
  axis = axis < 0 ? axis + type.getRank() : axis;
  if (axis < 0 || axis >= type.getRank() || !type.isDynamicDim(axis))
    return;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return fixDimension(op, argument, axis, extent);
  if (!isa<AnyOp>(value.getDefiningOp()))
    return;
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = extent;
  value.setType(type.clone(shape));
  hasChanged = true;
}

void Refiner::expectOfWeights(AnyOp op) {
  if (isa<onnx_ir::Op<"Conv">>(op.getOperation())) {
    if (int64_t channels = extentOf(op->getOperand(1), 1); !ShapedType::isDynamic(channels))
      expect(op, 0, 1, channels * op.attr<IntegerAttr>("group").getInt());
  } else if (isa<onnx_ir::Op<"ConvTranspose">>(op.getOperation())) {
    expectEqual(op, 0, 1, 1, 0);
  } else if (isa<onnx_ir::Op<"MatMul">>(op.getOperation())) {
    auto right = dyn_cast<RankedTensorType>(op->getOperand(1).getType());
    if (right && right.getRank() > 0)
      expectEqual(op, 0, -1, 1, right.getRank() == 1 ? 0 : -2);
  } else if (isa<onnx_ir::Op<"Gemm">>(op.getOperation())) {
    expectEqual(op, 0, op.attr<IntegerAttr>("transA").getInt() ? 0 : 1, 1,
                op.attr<IntegerAttr>("transB").getInt() ? 1 : 0);
  } else if (isa<onnx_ir::Op<"BatchNormalization">, onnx_ir::Op<"InstanceNormalization">>(
                 op.getOperation())) {
    expectEqual(op, 0, 1, 1, 0);
  } else if (isa<onnx_ir::Op<"LSTM">, onnx_ir::Op<"GRU">, onnx_ir::Op<"RNN">>(op.getOperation())) {
    expectEqual(op, 0, 2, 1, 2);
  }
}

void Refiner::expectOfTranspose(AnyOp op) {
  auto order = op.attr<DenseI64ArrayAttr>("perm");
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || (order && order.size() != type.getRank()))
    return;
  for (int64_t axis = 0, rank = type.getRank(); axis < rank; ++axis)
    expect(op, 0, order ? order[axis] : rank - 1 - axis, type.getDimSize(axis));
}

void Refiner::visit(AnyOp op) {
  if (op->getNumOperands() == 0 || op->getNumResults() == 0)
    return;
  if (keepsShape(op)) {
    if (auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType())) {
      Value operand = op->getOperand(0);
      auto unranked = dyn_cast<UnrankedTensorType>(operand.getType());
      if (unranked && isa_and_nonnull<AnyOp>(operand.getDefiningOp()))
        operand.setType(type.clone(unranked.getElementType()));
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        expect(op, 0, axis, type.getDimSize(axis));
    }
  } else if (keepsChannels(op)) {
    expect(op, 0, 1, extentOf(op->getResult(0), 1));
  } else if (isa<onnx_ir::Op<"Transpose">>(op.getOperation())) {
    expectOfTranspose(op);
  }
  if (op->getNumOperands() > 1)
    expectOfWeights(op);
}

bool refineOperands(func::FuncOp function) {
  SmallVector<AnyOp> ops;
  function.walk([&](AnyOp op) { ops.push_back(op); });
  Refiner refiner(function);
  for (AnyOp op : llvm::reverse(ops))
    refiner.visit(op);
  return refiner.hasChanged;
}

} // namespace strut::normalize
