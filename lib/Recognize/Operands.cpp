//===- Operands.cpp - What constant operands and attributes say -----------===//
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace strut::recognize {

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  ElementsAttr constant = value ? onnx_ir::constantOf(value) : ElementsAttr();
  if (!constant)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  if (auto longs = constant.tryGetValues<int64_t>())
    numbers.append(longs->begin(), longs->end());
  else if (auto ints = constant.tryGetValues<int32_t>())
    numbers.append(ints->begin(), ints->end());
  else
    return std::nullopt;
  return numbers;
}

int64_t axisOf(onnx_ir::AnyOp op, StringRef name, int64_t otherwise, int64_t rank) {
  auto attr = op.attr<IntegerAttr>(name);
  int64_t axis = attr ? attr.getInt() : otherwise;
  return axis < 0 ? axis + rank : axis;
}

SmallVector<int64_t> permutationOf(onnx_ir::AnyOp op, int64_t rank) {
  if (auto given = op.attr<DenseI64ArrayAttr>("perm"))
    return llvm::map_to_vector(given.asArrayRef(),
                               [&](int64_t axis) { return axis < 0 ? axis + rank : axis; });
  return llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
}

std::optional<SmallVector<SliceRange>> slicesOf(onnx_ir::AnyOp op, int64_t rank,
                                                llvm::function_ref<int64_t(int64_t)> extent) {
  auto starts = integersOf(op.in("starts")), ends = integersOf(op.in("ends"));
  Value axesOperand = op.in("axes"), stepsOperand = op.in("steps");
  auto axes = integersOf(axesOperand), steps = integersOf(stepsOperand);
  if (!starts || !ends || (axesOperand && !axes) || (stepsOperand && !steps))
    return std::nullopt;
  SmallVector<SliceRange> ranges;
  for (size_t i = 0; i < starts->size(); ++i) {
    int64_t axis = axes ? (*axes)[i] : int64_t(i), step = steps ? (*steps)[i] : 1;
    axis = axis < 0 ? axis + rank : axis;
    int64_t size = extent(axis), start = (*starts)[i], end = (*ends)[i];
    if (size < 0) {
      if (start == 0 && step == 1 && end >= (int64_t(1) << 31) - 1)
        continue;
      return std::nullopt;
    }
    if (step == 0 || size == 0)
      return std::nullopt;
    // Backwards a range begins at an element and may end before the first one.
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
    auto bound = [&](int64_t at, int64_t least) {
      return std::clamp<int64_t>(at < 0 ? at + size : at, least, high);
    };
    start = bound(start, 0);
    end = bound(end, low);
    int64_t sign = step < 0 ? -1 : 1;
    if ((end - start) * sign <= 0)
      return std::nullopt;
    ranges.push_back({axis, start, step, 1 + (end - start - sign) / step});
  }
  return ranges;
}

} // namespace strut::recognize
