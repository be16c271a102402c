//===- NetPaths.cpp - What a net is made of, from its end back ------------===//
#include "NetPaths.h"
#include "strut/Recognize/ConstantView.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

bool isConstant(Value value) {
  return isa<NoneType>(value.getType()) || onnx_ir::constantOf(value) || ConstantView::of(value);
}

Value onlyOperand(Operation *op) {
  Value found;
  for (Value operand : op->getOperands()) {
    if (isConstant(operand))
      continue;
    if (found && found != operand)
      return {};
    found = operand;
  }
  return found;
}

bool isMap(Operation *op) {
  return isa_and_present<layer::LinearOp, layer::BlockLinearOp, layer::AlternativesOp>(op);
}

bool movesOrScales(Operation *op) {
  return isa_and_present<Op<"Gather">, Op<"Split">, Op<"Slice">, Op<"Reshape">, Op<"Transpose">,
                         Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">, Op<"Concat">>(op) ||
         (isa_and_present<Op<"Mul">, Op<"Div">, Op<"Add">, Op<"Sub">, Op<"Neg">>(op) &&
          onlyOperand(op));
}

bool isFunction(Operation *op) {
  return isa_and_present<Op<"Relu">, Op<"Gelu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Swish">,
                         Op<"HardSwish">, Op<"HardSigmoid">, Op<"LeakyRelu">, Op<"Elu">, Op<"Selu">,
                         Op<"Celu">, Op<"Softplus">, Op<"Softsign">, Op<"Mish">, Op<"Exp">,
                         Op<"Sin">, Op<"Cos">, Op<"Erf">>(op);
}

bool isNorm(Operation *op) {
  return isa_and_present<Op<"LayerNormalization">, Op<"RMSNormalization">>(op);
}

Value before(Operation *op) {
  if (isMap(op) || isNorm(op))
    return op->getOperand(0);
  if (isa<Op<"Reshape">, Op<"ScatterND">>(op))
    return op->getOperand(0); // shape and places may be computed
  return onlyOperand(op);
}

/// Whether features of a value are written into it that are functions of its own; their ops.
static bool isWrittenBack(Operation *op, Members &ops) {
  if (!isa_and_present<Op<"ScatterND">>(op))
    return false;
  SmallVector<Value> open = {op->getOperand(2)};
  Members found;
  bool reachesData = false;
  constexpr unsigned most = 100;
  while (!open.empty()) {
    Value at = open.pop_back_val();
    Operation *from = at.getDefiningOp();
    reachesData |= at == op->getOperand(0);
    if (at == op->getOperand(0) || !from || isConstant(at) || found.contains(from))
      continue;
    if (isMap(from) || from->getNumRegions() > 0 || found.size() == most)
      return false;
    found.insert(from);
    // Integers are shapes and places.
    llvm::append_range(open, llvm::make_filter_range(from->getOperands(), [](Value operand) {
                         Type type = getElementTypeOrSelf(operand.getType());
                         return isa<FloatType>(type) || type.isInteger(1);
                       }));
  }
  if (reachesData)
    ops.insert_range(found);
  return reachesData;
}

std::optional<Path> pathTo(Value value, bool functions) {
  Path path{value, {}};
  Value at = value;
  bool inMaps = false;
  while (Operation *op = at.getDefiningOp()) {
    bool map = isMap(op), function = isFunction(op) || isNorm(op);
    // A run of maps ends where a function gives what they read.
    if (inMaps && function)
      break;
    if (!map && !movesOrScales(op) && !(functions && (function || isWrittenBack(op, path.ops))))
      break;
    Value next = before(op);
    if (!next)
      break;
    path.ops.insert(op);
    path.functions += isFunction(op);
    at = next;
    if (map) {
      inMaps = true;
      ++path.maps;
      path.root = at;
    }
  }
  if (path.maps == 0)
    return std::nullopt;
  // Moves before the first map are not of the net.
  while (!isMap(path.ops.back()))
    path.ops.pop_back();
  return path;
}

int64_t widthOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() > 0 ? type.getShape().back() : ShapedType::kDynamic;
}

SmallVector<Value> addendsOf(Operation *sum) {
  SmallVector<Value> open(sum->getOperands()), addends;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (isa_and_present<Op<"Add">, Op<"Sum">>(value.getDefiningOp()) && value.hasOneUse())
      llvm::append_range(open, value.getDefiningOp()->getOperands());
    else
      addends.push_back(value);
  }
  return addends;
}

void extend(Members &ops) {
  Operation *last = ops.back();
  bool first = true;
  while (last->getNumResults() == 1 && last->hasOneUse()) {
    Operation *user = *last->user_begin();
    bool joins = isMap(user) && user->getOperand(0) == last->getResult(0);
    if (!(joins && first) && !isNorm(user) && !(movesOrScales(user) && onlyOperand(user)))
      return;
    first &= !joins;
    ops.insert(user);
    last = user;
    if (joins)
      return;
  }
}

} // namespace strut::recognize
