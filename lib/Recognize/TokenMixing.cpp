//===- TokenMixing.cpp - Maps of places -----------------------------------===//
#include "strut/Recognize/TokenMixing.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

/// Whether a transposition gives the last axis another place.
static bool movesLastAxis(Op<"Transpose"> op) {
  auto perm = op.attr<DenseI64ArrayAttr>("perm");
  return !perm || perm.asArrayRef().empty() || perm.asArrayRef().back() + 1 != perm.size();
}

/// The operand that an op transforms along its last axis, element by element or by a map: the
/// only one that is no constant.
static Value transformedBy(Operation *op) {
  if (isa<layer::LinearOp, layer::BlockLinearOp>(op))
    return op->getOperand(0);
  if (!isa<Op<"Gelu">, Op<"Relu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Swish">, Op<"Identity">,
           Op<"Add">, Op<"Sub">, Op<"Mul">, Op<"Div">>(op))
    return {};
  Value one;
  for (Value operand : op->getOperands()) {
    if (onnx_ir::constantOf(operand))
      continue;
    if (one && one != operand)
      return {};
    one = operand;
  }
  return one;
}

bool mixesPlaces(Operation *op) {
  if (auto product = dyn_cast<Op<"MatMul">>(op))
    return onnx_ir::constantOf(product.in("A")) && !onnx_ir::constantOf(product.in("B"));
  if (!isa<layer::LinearOp, layer::BlockLinearOp>(op))
    return false;
  constexpr unsigned longest = 16;
  Operation *before = op;
  for (unsigned i = 0; i < longest && before && !isa<Op<"Transpose">>(before); ++i) {
    Value from = transformedBy(before);
    before = from ? from.getDefiningOp() : nullptr;
  }
  Operation *after = op;
  for (unsigned i = 0; i < longest && after && !isa<Op<"Transpose">>(after); ++i) {
    Value result = after->getResult(0);
    Operation *user = result.hasOneUse() ? *result.user_begin() : nullptr;
    bool goesOn = user && (isa<Op<"Transpose">>(user) || transformedBy(user) == result);
    after = goesOn ? user : nullptr;
  }
  auto isMove = [](Operation *end) {
    auto transpose = dyn_cast_or_null<Op<"Transpose">>(end);
    return transpose && movesLastAxis(transpose);
  };
  return isMove(before) && isMove(after);
}

} // namespace strut::recognize
