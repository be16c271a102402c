//===- ShapeTerms.cpp - What a shape operand is made of -------------------===//
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {

using onnx_ir::Op;
using Terms = std::optional<SmallVector<ShapeTerm>>;

ShapeTerm extentOf(Value tensor, int64_t axis) {
  int64_t extent = cast<RankedTensorType>(tensor.getType()).getDimSize(axis);
  return ShapedType::isDynamic(extent) ? ShapeTerm{0, tensor, axis} : ShapeTerm{extent, {}, 0};
}

/// Integers of a constant of at most one axis.
static std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  constexpr int64_t most = 16; // axes of a tensor
  if (!constant || !constant.getElementType().isInteger(64) || constant.getNumElements() > most ||
      cast<ShapedType>(constant.getType()).getRank() > 1)
    return std::nullopt;
  auto numbers = constant.tryGetValues<int64_t>();
  return numbers ? std::optional(SmallVector<int64_t>(*numbers)) : std::nullopt;
}

/// A position or bound along `size` elements, negative ones counted from the end.
static int64_t clamp(int64_t position, int64_t size) {
  if (position < 0)
    position = std::max<int64_t>(position, -size) + size;
  return std::min(position, size);
}

/// Whether a Slice is known to leave an axis whole.
static bool keepsAxis(Op<"Slice"> slice, int64_t axis, int64_t rank) {
  auto axes = slice.in("axes") ? integersOf(slice.in("axes")) : std::nullopt;
  return axes && llvm::none_of(*axes, [&](int64_t sliced) {
           return sliced == axis || sliced + rank == axis;
         });
}

ShapeTerm originOf(ShapeTerm term) {
  while (Operation *op = term.of ? term.of.getDefiningOp() : nullptr) {
    auto from = op->getNumOperands() ? dyn_cast<RankedTensorType>(op->getOperand(0).getType())
                                     : RankedTensorType();
    if (!from)
      break;
    auto slice = dyn_cast<Op<"Slice">>(op);
    if (slice && !keepsAxis(slice, term.axis, from.getRank()))
      break;
    if (auto transpose = dyn_cast<Op<"Transpose">>(op)) {
      auto perm = transpose.attr<DenseI64ArrayAttr>("perm");
      if (!perm)
        break;
      term.axis = perm[term.axis];
    } else if (!isa<Op<"Slice">, Op<"Neg">, Op<"Cast">, Op<"Identity">>(op)) {
      break;
    }
    term.of = op->getOperand(0);
  }
  return term;
}

static Terms termsOfShape(Op<"Shape"> op) {
  Value data = op.in("data");
  auto type = dyn_cast<RankedTensorType>(data.getType());
  if (!type)
    return std::nullopt;
  auto start = op.attr<IntegerAttr>("start"), end = op.attr<IntegerAttr>("end");
  int64_t rank = type.getRank(), last = end ? clamp(end.getInt(), rank) : rank;
  SmallVector<ShapeTerm> terms;
  for (int64_t axis = start ? clamp(start.getInt(), rank) : 0; axis < last; ++axis)
    terms.push_back(extentOf(data, axis));
  return terms;
}

static Terms termsOfSlice(Op<"Slice"> op) {
  Terms all = shapeTerms(op.in("data"));
  auto start = integersOf(op.in("starts")), end = integersOf(op.in("ends"));
  auto step = op.in("steps") ? integersOf(op.in("steps")) : SmallVector<int64_t>{1};
  if (!all || !start || !end || !step || start->size() != 1 || end->size() != 1 ||
      step->size() != 1 || step->front() != 1)
    return std::nullopt;
  int64_t size = all->size(), from = clamp(start->front(), size), to = clamp(end->front(), size);
  return SmallVector<ShapeTerm>(ArrayRef(*all).slice(from, std::max<int64_t>(to - from, 0)));
}

static Terms termsOfGather(Op<"Gather"> op) {
  Terms all = shapeTerms(op.in("data"));
  auto indices = integersOf(op.in("indices"));
  if (!all || !indices)
    return std::nullopt;
  SmallVector<ShapeTerm> terms;
  for (int64_t index : *indices) {
    int64_t size = all->size();
    if (index < -size || index >= size)
      return std::nullopt;
    terms.push_back((*all)[index < 0 ? index + size : index]);
  }
  return terms;
}

Terms shapeTerms(Value vector) {
  auto type = dyn_cast<RankedTensorType>(vector.getType());
  if (!type || type.getRank() > 1 || !type.getElementType().isInteger(64))
    return std::nullopt;
  if (auto numbers = integersOf(vector))
    return llvm::map_to_vector(*numbers, [](int64_t number) { return ShapeTerm{number, {}, 0}; });
  if (auto shape = vector.getDefiningOp<Op<"Shape">>())
    return termsOfShape(shape);
  if (auto slice = vector.getDefiningOp<Op<"Slice">>())
    return termsOfSlice(slice);
  if (auto gather = vector.getDefiningOp<Op<"Gather">>())
    return termsOfGather(gather);
  if (auto concat = vector.getDefiningOp<Op<"Concat">>()) {
    SmallVector<ShapeTerm> terms;
    for (Value operand : concat->getOperands()) {
      Terms part = shapeTerms(operand);
      if (!part)
        return std::nullopt;
      llvm::append_range(terms, *part);
    }
    return terms;
  }
  // Of at most one axis, these keep the elements.
  Operation *op = vector.getDefiningOp();
  if (op && isa<Op<"Unsqueeze">, Op<"Squeeze">, Op<"Reshape">, Op<"Identity">, Op<"Cast">>(op))
    return shapeTerms(op->getOperand(0));
  return std::nullopt;
}

} // namespace strut::normalize
