//===- ConstantView.cpp - Weights as they are read ------------------------===//
#include "strut/Recognize/ConstantView.h"
#include "strut/Evaluate/Evaluate.h"
#include "strut/Recognize/Operands.h"
#include "llvm/ADT/STLExtras.h"
#include <cstring>

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;
using Digit = ConstantView::Digit;

static int64_t extentOf(ArrayRef<Digit> digits) {
  int64_t product = 1;
  for (const Digit &digit : digits)
    product *= digit.extent;
  return product;
}

/// Puts a digit inside of those of an axis, as one with the last where they meet.
static void append(ConstantView::Axis &axis, Digit digit) {
  if (digit.extent == 1)
    return;
  if (!axis.empty() && axis.back().stride == digit.stride * digit.extent)
    axis.back() = {axis.back().extent * digit.extent, digit.stride};
  else
    axis.push_back(digit);
}

int64_t ConstantView::extent(size_t axis) const { return extentOf(axes[axis]); }

int64_t ConstantView::count() const {
  int64_t product = 1;
  for (const Axis &axis : axes)
    product *= extentOf(axis);
  return product;
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

ConstantView ConstantView::transposed(ArrayRef<int64_t> permutation) const {
  ConstantView result = *this;
  for (auto [axis, from] : llvm::zip_equal(result.axes, permutation))
    axis = axes[from];
  return result;
}

ConstantView ConstantView::grouped(ArrayRef<SmallVector<unsigned>> groups) const {
  ConstantView result = *this;
  result.axes.clear();
  for (ArrayRef<unsigned> group : groups) {
    Axis &axis = result.axes.emplace_back();
    for (unsigned member : group)
      for (const Digit &digit : axes[member])
        append(axis, digit);
  }
  return result;
}

std::optional<ConstantView> ConstantView::reshaped(ArrayRef<int64_t> shape) const {
  SmallVector<Digit> rest; // the next one last
  for (const Axis &axis : llvm::reverse(axes))
    llvm::append_range(rest, llvm::reverse(axis));
  ConstantView result = *this;
  result.axes.clear();
  for (int64_t wanted : shape) {
    Axis &axis = result.axes.emplace_back();
    while (wanted > 1) {
      if (rest.empty())
        return std::nullopt;
      Digit digit = rest.pop_back_val();
      if (wanted % digit.extent != 0) {
        if (digit.extent % wanted != 0)
          return std::nullopt;
        int64_t inner = digit.extent / wanted;
        rest.push_back({inner, digit.stride});
        digit = {wanted, digit.stride * inner};
      }
      append(axis, digit);
      wanted /= digit.extent;
    }
    if (wanted != 1)
      return std::nullopt;
  }
  return rest.empty() ? std::optional(result) : std::nullopt;
}

std::optional<ConstantView> ConstantView::sliced(size_t axis, int64_t start, int64_t step,
                                                 int64_t count) const {
  // Of a nest of digits, a slice is no nest. Strides are positive.
  if (count < 1 || step < 1 || start < 0 || start >= extent(axis) || axes[axis].size() > 1)
    return std::nullopt;
  ConstantView result = *this;
  Axis &digits = result.axes[axis];
  if (digits.empty())
    return result;
  result.offset += start * digits[0].stride;
  digits[0] = {count, digits[0].stride * step};
  if (count == 1)
    digits.clear();
  return result;
}

//===----------------------------------------------------------------------===//
// Reading values
//===----------------------------------------------------------------------===//

/// The view after `op`, if it only moves elements.
static std::optional<ConstantView> after(onnx_ir::AnyOp op, const ConstantView &view) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || op->getNumResults() != 1)
    return std::nullopt;
  if (isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">, Op<"Identity">>(
          op.getOperation()))
    return view.reshaped(type.getShape());
  if (auto transpose = dyn_cast<Op<"Transpose">>(op.getOperation()))
    return view.transposed(permutationOf(transpose, view.rank()));
  if (auto gather = dyn_cast<Op<"Gather">>(op.getOperation())) {
    auto index = integersOf(gather.in("indices"));
    int64_t axis = axisOf(gather, "axis", 0, view.rank());
    if (!index || index->size() != 1)
      return std::nullopt;
    int64_t at = index->front() < 0 ? index->front() + view.extent(axis) : index->front();
    auto one = view.sliced(axis, at, 1, 1);
    return one ? one->reshaped(type.getShape()) : std::nullopt;
  }
  if (auto slice = dyn_cast<Op<"Slice">>(op.getOperation())) {
    auto ranges = slicesOf(slice, view.rank(), [&](int64_t axis) { return view.extent(axis); });
    std::optional<ConstantView> result = view;
    for (const SliceRange &range : ranges.value_or(SmallVector<SliceRange>()))
      if (result)
        result = result->sliced(range.axis, range.start, range.step, range.count);
    return ranges ? result : std::nullopt;
  }
  return std::nullopt;
}

ConstantView ConstantView::whole(ElementsAttr constant, Location loc) {
  ConstantView view(constant, loc);
  auto type = cast<ShapedType>(constant.getType());
  int64_t stride = type.getNumElements();
  for (int64_t extent : type.getShape()) {
    stride /= extent;
    append(view.axes.emplace_back(), {extent, stride});
  }
  return view;
}

std::optional<ConstantView> ConstantView::stacked(ArrayRef<ConstantView> views) {
  const ConstantView &first = views.front();
  SmallVector<int64_t> shape = {int64_t(views.size())};
  for (size_t axis = 0; axis < first.rank(); ++axis)
    shape.push_back(first.extent(axis));
  int64_t step = views.size() > 1 ? views[1].offset - first.offset : 0;
  bool isStack = step > 0;
  for (auto [i, view] : llvm::enumerate(views)) {
    if (view.element() != first.element() || view.rank() != first.rank())
      return std::nullopt;
    for (size_t axis = 0; axis < first.rank(); ++axis)
      if (view.extent(axis) != first.extent(axis))
        return std::nullopt;
    isStack &= view.constant == first.constant && view.axes == first.axes &&
               view.offset == first.offset + int64_t(i) * step;
  }
  if (isStack) {
    ConstantView stack = first;
    stack.axes.insert(stack.axes.begin(), Axis{{shape[0], step}});
    return stack;
  }
  return interleaved(views, shape, 1);
}

std::optional<ConstantView> ConstantView::interleaved(ArrayRef<ConstantView> views,
                                                      ArrayRef<int64_t> shape, int64_t outer) {
  evaluate::Array all(RankedTensorType::get(shape, views.front().element()));
  SmallVector<evaluate::Array> sources;
  for (const ConstantView &view : views) {
    llvm::Expected<evaluate::Array> source = evaluate::Array::of(view.constant, view.positions());
    if (!source) {
      llvm::consumeError(source.takeError());
      return std::nullopt;
    }
    sources.push_back(std::move(*source));
  }
  char *to = all.bytes().data();
  for (int64_t row = 0; row < outer; ++row)
    for (evaluate::Array &source : sources) {
      size_t bytes = source.bytes().size() / size_t(outer);
      std::memcpy(to, source.bytes().data() + size_t(row) * bytes, bytes);
      to += bytes;
    }
  Location loc = views.front().loc;
  StringRef name = onnx_ir::nodeNameOf(loc);
  return whole(evaluate::Array::toAttr(std::move(all), name.empty() ? "weight" : name), loc);
}

std::optional<ConstantView> ConstantView::concatenated(ArrayRef<ConstantView> views, size_t axis) {
  const ConstantView &first = views.front();
  SmallVector<int64_t> shape;
  int64_t outer = 1;
  for (size_t i = 0; i < first.rank(); ++i) {
    shape.push_back(i == axis ? 0 : first.extent(i));
    outer *= i < axis ? first.extent(i) : 1;
  }
  for (const ConstantView &view : views) {
    if (view.element() != first.element() || view.rank() != first.rank())
      return std::nullopt;
    for (size_t i = 0; i < first.rank(); ++i)
      if (i != axis && view.extent(i) != first.extent(i))
        return std::nullopt;
    shape[axis] += view.extent(axis);
  }
  return interleaved(views, shape, outer);
}

std::optional<ConstantView> ConstantView::of(Value value) {
  if (!value)
    return std::nullopt;
  if (ElementsAttr constant = onnx_ir::constantOf(value)) {
    auto type = dyn_cast<RankedTensorType>(constant.getShapedType());
    if (!type || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()) ||
        type.getNumElements() == 0)
      return std::nullopt;
    return whole(constant, value.getLoc());
  }
  auto op = dyn_cast_or_null<onnx_ir::AnyOp>(value.getDefiningOp());
  if (!op || op->getNumOperands() == 0)
    return std::nullopt;
  if (!isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">, Op<"Identity">,
           Op<"Transpose">, Op<"Gather">, Op<"Slice">>(op.getOperation()))
    return std::nullopt;
  std::optional<ConstantView> source = of(op->getOperand(0));
  return source ? after(op, *source) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

std::vector<int64_t> ConstantView::positions() const {
  std::vector<int64_t> result = {offset};
  for (const Axis &axis : axes)
    for (const Digit &digit : axis) {
      std::vector<int64_t> next;
      next.reserve(result.size() * digit.extent);
      for (int64_t position : result)
        for (int64_t i = 0; i < digit.extent; ++i)
          next.push_back(position + i * digit.stride);
      result = std::move(next);
    }
  return result;
}

std::optional<std::vector<double>> ConstantView::numbers() const {
  llvm::Expected<std::vector<double>> read = evaluate::toDoubles(constant, positions());
  if (!read) {
    llvm::consumeError(read.takeError());
    return std::nullopt;
  }
  return std::move(*read);
}

bool ConstantView::isWhole() const {
  return offset == 0 && count() == cast<ShapedType>(constant.getType()).getNumElements();
}

/// The same bytes under another shape.
static ElementsAttr withShape(ElementsAttr constant, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, constant.getElementType());
  if (type == constant.getShapedType())
    return constant;
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(constant))
    return onnx_ir::FileDataAttr::get(type, file.getPath(), file.getOffset(), file.getLength());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return cast<DenseElementsAttr>(constant).reshape(type);
}

static Value constantOp(OpBuilder &b, Location loc, ElementsAttr attr) {
  return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
}

Value ConstantView::build(OpBuilder &b, Location at) const {
  SmallVector<int64_t> shape;
  for (const Axis &axis : axes)
    shape.push_back(extentOf(axis));
  // In which order the axes lie in the constant, those of extent 1 last.
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, rank()));
  auto strideOf = [&](unsigned axis) { return axes[axis].empty() ? 0 : axes[axis][0].stride; };
  llvm::sort(order, [&](unsigned a, unsigned c) {
    return std::pair(-strideOf(a), a) < std::pair(-strideOf(c), c);
  });
  bool isPermuted = isWhole() && llvm::all_of(axes, [](const Axis &a) { return a.size() <= 1; });
  int64_t stride = count();
  SmallVector<int64_t> inOrder, permutation(rank());
  for (auto [place, axis] : llvm::enumerate(order)) {
    stride /= shape[axis];
    isPermuted &= axes[axis].empty() || axes[axis][0].stride == stride;
    inOrder.push_back(shape[axis]);
    permutation[axis] = place;
  }
  // Axes of extent 1 may stand anywhere.
  SmallVector<unsigned> large;
  llvm::copy_if(order, std::back_inserter(large), [&](unsigned axis) { return shape[axis] != 1; });
  if (isPermuted && llvm::is_sorted(large))
    return constantOp(b, loc, withShape(constant, shape));
  if (isPermuted) {
    Value base = constantOp(b, loc, withShape(constant, inOrder));
    auto perm = b.getNamedAttr("perm", b.getDenseI64ArrayAttr(permutation));
    return Op<"Transpose">::create(b, at, base, perm)->getResult(0);
  }
  std::optional<ElementsAttr> moved = copy(positions(), shape);
  return moved ? constantOp(b, loc, *moved) : Value();
}

std::optional<ElementsAttr> ConstantView::copy(ArrayRef<int64_t> from,
                                               ArrayRef<int64_t> shape) const {
  llvm::Expected<evaluate::Array> all = evaluate::Array::of(constant);
  if (!all) {
    llvm::consumeError(all.takeError());
    return std::nullopt;
  }
  evaluate::Array moved(RankedTensorType::get(shape, element()));
  size_t bytes = moved.bytes().size() / from.size();
  char *to = moved.bytes().data();
  for (int64_t position : from) {
    std::memcpy(to, all->bytes().data() + position * bytes, bytes);
    to += bytes;
  }
  StringRef name = onnx_ir::nodeNameOf(loc);
  return evaluate::Array::toAttr(std::move(moved), name.empty() ? "weight" : name);
}

std::optional<ConstantView> ConstantView::selected(size_t axis, ArrayRef<int64_t> from) const {
  SmallVector<int64_t> shape;
  int64_t inner = 1;
  for (size_t i = 0; i < rank(); ++i) {
    shape.push_back(extent(i));
    inner *= i > axis ? shape[i] : 1;
  }
  std::vector<int64_t> all = positions(), kept;
  for (int64_t outer = 0; outer < int64_t(all.size()); outer += shape[axis] * inner)
    for (int64_t at : from)
      kept.insert(kept.end(), all.begin() + outer + at * inner,
                  all.begin() + outer + (at + 1) * inner);
  shape[axis] = from.size();
  std::optional<ElementsAttr> moved = copy(kept, shape);
  return moved ? std::optional(whole(*moved, loc)) : std::nullopt;
}

} // namespace strut::recognize
