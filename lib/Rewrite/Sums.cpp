//===- Sums.cpp - Sums of several values ----------------------------------===//
#include "Sums.h"
#include "Constants.h"
#include "dialects/Layer/Layer.h"

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

static void collect(Value sum, Type type, SmallVectorImpl<Value> &addends) {
  for (Value operand : sum.getDefiningOp()->getOperands()) {
    bool isPart = operand.getType() == type && operand.hasOneUse() &&
                  isa_and_present<Op<"Add">, Op<"Sum">>(operand.getDefiningOp());
    if (isPart)
      collect(operand, type, addends);
    else
      addends.push_back(operand);
  }
}

RankedTensorType addendsOf(Value sum, bool reducedPrecision, SmallVectorImpl<Value> &addends) {
  auto type = dyn_cast<RankedTensorType>(sum.getType());
  if (!type)
    return {};
  // Condition 4 of merge-convolutions and 4 of stack-nets.
  if (!mayCombine(type.getElementType(), reducedPrecision))
    return {};
  collect(sum, type, addends);
  return type;
}

Value sumOf(OpBuilder &b, Location loc, ValueRange addends) {
  Value sum = addends.front();
  for (Value addend : addends.drop_front()) {
    Type type = sum.getType();
    sum = Op<"Add">::create(b, loc, {sum, addend})->getResult(0);
    sum.setType(type);
  }
  return sum;
}

SmallVector<Value> rootsOf(Value addend) {
  SmallVector<Value> roots = {addend};
  while (Operation *op = roots.back().getDefiningOp()) {
    Value next;
    unsigned others = 0;
    for (Value operand : op->getOperands())
      if (!isa<NoneType>(operand.getType()) && !isConstant(operand)) {
        next = operand;
        ++others;
      }
    bool isMap = isa<layer::LinearOp, layer::BlockLinearOp, Op<"Mul">, Op<"Div">, Op<"Neg">>(op);
    if (!isMap || others != 1 || (isa<Op<"Div">>(op) && next != op->getOperand(0)) ||
        !roots.back().hasOneUse())
      break;
    roots.push_back(next);
  }
  return roots;
}

} // namespace strut::rewrite
