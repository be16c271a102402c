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

/// Whether an op treats what lies along the last axis as the channels of a place.
static bool isRowwise(Operation *op) {
  if (isa_and_present<layer::LinearOp, layer::BlockLinearOp>(op))
    return true;
  if (!isa_and_present<Op<"LayerNormalization">, Op<"RMSNormalization">>(op))
    return false;
  auto axis = onnx_ir::AnyOp(op).attr<IntegerAttr>("axis");
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return !axis || axis.getInt() == -1 || (type && axis.getInt() == type.getRank() - 1);
}

/// A window of one tap whose channels are the places of rows: what it reads was normalised, or
/// mapped, along the axis behind them.
static bool mixesRows(Op<"Conv"> conv) {
  auto window = dyn_cast<RankedTensorType>(conv.in("W").getType());
  if (!window || window.getRank() != 3 || window.getDimSize(2) != 1)
    return false;
  constexpr unsigned longest = 16;
  Operation *before = conv.in("X").getDefiningOp();
  for (unsigned i = 0; i < longest && before && !isRowwise(before); ++i) {
    Value from =
        isa<Op<"Split">, Op<"Slice">>(before) ? before->getOperand(0) : transformedBy(before);
    before = from ? from.getDefiningOp() : nullptr;
  }
  return isRowwise(before);
}

bool mixesPlaces(Operation *op) {
  if (auto conv = dyn_cast<Op<"Conv">>(op))
    return mixesRows(conv);
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
