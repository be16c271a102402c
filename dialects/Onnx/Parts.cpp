//===- Parts.cpp - real and imaginary parts of values ----------------------===//

#include "dialects/Onnx/Parts.h"
#include "dialects/Onnx/Onnx.h"

using namespace mlir;

namespace strut::onnx_ir {

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  auto numbers = constant ? constant.tryGetValues<APInt>() : std::nullopt;
  if (!numbers || !isa<IntegerType>(constant.getElementType()))
    return std::nullopt;
  SmallVector<int64_t> integers;
  for (const APInt &number : *numbers)
    integers.push_back(number.getSExtValue());
  return integers;
}

static bool isLastAxis(int64_t axis, int64_t rank) { return axis == -1 || axis == rank - 1; }

bool hasParts(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() > 0 && tensor.getShape().back() == 2;
}

std::optional<PartRead> asPartRead(Operation *op) {
  if (op->getNumOperands() < 2 || !hasParts(op->getOperand(0).getType()))
    return std::nullopt;
  int64_t rank = cast<RankedTensorType>(op->getOperand(0).getType()).getRank();
  if (auto gather = dyn_cast<Op<"Gather">>(op)) {
    auto axis = gather.attr<IntegerAttr>("axis");
    auto index = integersOf(gather.in("indices"));
    auto type = cast<RankedTensorType>(gather.in("indices").getType());
    if (!axis || !isLastAxis(axis.getInt(), rank) || !index || index->size() != 1 ||
        type.getRank() > 1 || index->front() < -2 || index->front() > 1)
      return std::nullopt;
    return PartRead{unsigned(index->front() + 2) % 2, type.getRank() == 0};
  }
  auto slice = dyn_cast<Op<"Slice">>(op);
  if (!slice)
    return std::nullopt;
  auto starts = integersOf(slice.in("starts")), ends = integersOf(slice.in("ends")),
       axes = integersOf(slice.in("axes"));
  auto steps =
      slice.in("steps") ? integersOf(slice.in("steps")) : std::optional(SmallVector<int64_t>{1});
  if (!starts || !ends || !axes || !steps || starts->size() != 1 || ends->size() != 1 ||
      axes->size() != 1 || steps->size() != 1 || !isLastAxis(axes->front(), rank) ||
      steps->front() != 1)
    return std::nullopt;
  int64_t start = starts->front() < 0 ? starts->front() + 2 : starts->front();
  int64_t end = std::min<int64_t>(ends->front() < 0 ? ends->front() + 2 : ends->front(), 2);
  if (start < 0 || start > 1 || end != start + 1)
    return std::nullopt;
  return PartRead{unsigned(start), false};
}

std::optional<std::pair<Value, Value>> partsOfConcat(Value value) {
  auto concat = value.getDefiningOp<Op<"Concat">>();
  if (!concat || concat->getNumOperands() != 2 || !hasParts(value.getType()))
    return std::nullopt;
  auto axis = concat.attr<IntegerAttr>("axis");
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  for (Value part : concat->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(part.getType());
    if (!type || type.getRank() != rank || type.getShape().back() != 1)
      return std::nullopt;
  }
  if (!axis || !isLastAxis(axis.getInt(), rank))
    return std::nullopt;
  return std::pair(concat->getOperand(0), concat->getOperand(1));
}

} // namespace strut::onnx_ir
