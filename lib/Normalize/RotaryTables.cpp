//===- RotaryTables.cpp - Cosines and sines of rotary embeddings ----------===//
#include "RotaryTables.h"
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {

using onnx_ir::Op;

/// The only integer of a constant; none if there are several or they are no constants.
static std::optional<int64_t> integerOf(Value value) {
  auto terms = value ? shapeTerms(value) : std::nullopt;
  if (!terms || terms->size() != 1 || terms->front().of)
    return std::nullopt;
  return terms->front().constant;
}

std::optional<LastSlice> sliceOfLast(Op<"Slice"> slice) {
  auto type = dyn_cast<RankedTensorType>(slice.in("data").getType());
  auto start = integerOf(slice.in("starts")), end = integerOf(slice.in("ends")),
       axis = integerOf(slice.in("axes")),
       step = slice.in("steps") ? integerOf(slice.in("steps")) : 1;
  if (!type || type.getRank() == 0 || !start || !end || !axis || !step || *step < 1 ||
      (*axis != -1 && *axis != type.getRank() - 1) || ShapedType::isDynamic(type.getShape().back()))
    return std::nullopt;
  int64_t extent = type.getShape().back();
  auto clamped = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? std::max(place, -extent) + extent : place, 0, extent);
  };
  int64_t from = clamped(*start), to = std::max(clamped(*end), from);
  return LastSlice{from, (to - from + *step - 1) / *step, *step, extent};
}

static int64_t lastExtent(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() ? type.getShape().back() : ShapedType::kDynamic;
}

/// Whether both elements of each pair of a constant's last axis are the same.
static bool hasEqualPairs(ElementsAttr constant, bool isInterleaved) {
  int64_t width = cast<ShapedType>(constant.getType()).getShape().back(), half = width / 2;
  auto elements = constant.tryGetValues<APFloat>();
  if (!elements)
    return false;
  SmallVector<APFloat> row;
  for (APFloat element : *elements) {
    row.push_back(element);
    if (int64_t(row.size()) < width)
      continue;
    for (int64_t i = 0; i < half; ++i) {
      int64_t first = isInterleaved ? 2 * i : i, second = isInterleaved ? first + 1 : first + half;
      if (!row[first].bitwiseIsEqual(row[second]))
        return false;
    }
    row.clear();
  }
  return true;
}

/// Whether the operator gives each row of its operand, whole and in order, in any place.
static bool keepsRows(Operation *op) {
  Value data = op->getOperand(0);
  auto type = dyn_cast<RankedTensorType>(data.getType());
  if (!type || type.getRank() == 0)
    return false;
  if (auto gather = dyn_cast<Op<"Gather">>(op)) {
    int64_t axis = gather.attr<IntegerAttr>("axis") ? gather.attr<IntegerAttr>("axis").getInt() : 0;
    return axis != -1 && axis != type.getRank() - 1;
  }
  if (auto gather = dyn_cast<Op<"GatherND">>(op)) {
    auto indices = dyn_cast<RankedTensorType>(gather.in("indices").getType());
    auto batch = gather.attr<IntegerAttr>("batch_dims");
    return indices && indices.getRank() && !indices.isDynamicDim(indices.getRank() - 1) &&
           (batch ? batch.getInt() : 0) + indices.getShape().back() < type.getRank();
  }
  if (auto transpose = dyn_cast<Op<"Transpose">>(op)) {
    auto perm = transpose.attr<DenseI64ArrayAttr>("perm");
    return perm && perm.asArrayRef().back() == type.getRank() - 1;
  }
  // Rows of the same length are the same rows.
  return isa<Op<"Unsqueeze">, Op<"Squeeze">, Op<"Reshape">, Op<"Expand">, Op<"Identity">,
             Op<"Cast">, Op<"Cos">, Op<"Sin">, Op<"Neg">>(op) &&
         lastExtent(data) == lastExtent(op->getResult(0));
}

/// Whether `value` is [..., n, 2] whose last axis repeats one element.
static bool repeatsLast(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || lastExtent(value) != 2)
    return false;
  if (isa<Op<"Expand">, Op<"Tile">>(op))
    return lastExtent(op->getOperand(0)) == 1;
  return isa<Op<"Concat">>(op) && op->getNumOperands() == 2 &&
         op->getOperand(0) == op->getOperand(1) && lastExtent(op->getOperand(0)) == 1;
}

/// Whether both elements of each pair of the last axis are the same, by how they are made.
static bool hasEqualPairs(Value value, int64_t width, bool isInterleaved, unsigned depth = 0) {
  constexpr unsigned deep = 16;
  Operation *op = value.getDefiningOp();
  if (!op || lastExtent(value) != width || depth > deep)
    return false;
  if (ElementsAttr constant = onnx_ir::constantOf(value))
    return hasEqualPairs(constant, isInterleaved);
  if (!isInterleaved && isa<Op<"Concat">>(op)) {
    auto axis = cast<Op<"Concat">>(op).attr<IntegerAttr>("axis").getInt();
    int64_t last = cast<RankedTensorType>(value.getType()).getRank() - 1;
    if (axis == -1 || axis == last)
      return op->getNumOperands() == 2 && op->getOperand(0) == op->getOperand(1);
  }
  if (isInterleaved && isa<Op<"Reshape">>(op) && lastExtent(op->getOperand(0)) == 2)
    return repeatsLast(op->getOperand(0));
  if (isa<Op<"Mul">, Op<"Div">, Op<"Add">, Op<"Sub">>(op))
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      return (type && type.getRank() == 0) || lastExtent(operand) == 1 ||
             hasEqualPairs(operand, width, isInterleaved, depth + 1);
    });
  return keepsRows(op) && hasEqualPairs(op->getOperand(0), width, isInterleaved, depth + 1);
}

bool TableReader::reads(Value table) const {
  auto type = dyn_cast<RankedTensorType>(table.getType());
  int64_t width = hasTwice ? 2 * pairs : pairs;
  if (!type || type.getRank() < 2 || type.getRank() > 4 || lastExtent(table) != width ||
      (hasTwice && !hasEqualPairs(table, width, isInterleaved)))
    return false;
  // [S, d], [1, S, d], [B, 1, S, d] or [B, S, 1, d]
  return type.getRank() == 2 || (type.getRank() == 3 && type.getDimSize(0) == 1) ||
         (type.getRank() == 4 && (type.getDimSize(1) == 1 || type.getDimSize(2) == 1));
}

bool TableReader::isTurned(Value table) const {
  auto type = cast<RankedTensorType>(table.getType());
  return type.getRank() == 4 && type.getDimSize(1) != 1;
}

Value TableReader::build(PatternRewriter &rewriter, Location loc, Value table) const {
  auto integers = [&](ArrayRef<int64_t> values) {
    auto type = RankedTensorType::get({int64_t(values.size())}, rewriter.getI64Type());
    auto attr = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, values));
    return Op<"Constant">::create(rewriter, loc, {}, attr)->getResult(0);
  };
  int64_t rank = cast<RankedTensorType>(table.getType()).getRank();
  int64_t heads = isTurned(table) ? 2 : 1;
  if (rank == 4)
    table = Op<"Squeeze">::create(rewriter, loc, {table, integers(heads)})->getResult(0);
  if (rank == 2)
    table = Op<"Unsqueeze">::create(rewriter, loc, {table, integers(0)})->getResult(0);
  if (!hasTwice)
    return table;
  Value end = integers(isInterleaved ? 2 * pairs : pairs), step = integers(isInterleaved ? 2 : 1);
  return Op<"Slice">::create(rewriter, loc, {table, integers(0), end, integers(2), step})
      ->getResult(0);
}

} // namespace strut::normalize
