//===- IntegerArrays.cpp - Small arrays of integers, some known -----------===//
#include "IntegerArrays.h"
#include <numeric>

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::AnyOp;
using onnx_ir::Op;
using Element = std::optional<int64_t>;
using Elements = SmallVector<Element>;
using Index = ArrayRef<int64_t>;

int64_t countOf(ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

/// Integers or truths, as few as shapes have, of known extents.
RankedTensorType smallType(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool isInteger = type && type.getElementType().isSignlessInteger();
  return isInteger && type.hasStaticShape() && type.getNumElements() <= IntegerArrays::kMost
             ? type
             : RankedTensorType();
}

/// Calls `visit` with every index of a shape, in row-major order.
void forEachIndex(ArrayRef<int64_t> shape, function_ref<void(Index)> visit) {
  SmallVector<int64_t> index(shape.size());
  for (int64_t i = 0, count = countOf(shape); i < count; ++i) {
    int64_t rest = i;
    for (unsigned axis = shape.size(); axis-- > 0;) {
      index[axis] = rest % shape[axis];
      rest /= shape[axis];
    }
    visit(index);
  }
}

/// The element at an index, of which leading axes and those of extent 1 are left out.
Element broadcastAt(const IntegerArray &array, Index index) {
  int64_t offset = 0;
  index = index.take_back(array.shape.size());
  for (auto [extent, i] : llvm::zip(array.shape, index))
    offset = offset * extent + (extent == 1 ? 0 : i);
  return array.elements[offset];
}

int64_t wrap(int64_t position, int64_t size) { return position < 0 ? position + size : position; }

int64_t intAttr(AnyOp op, StringRef name, int64_t otherwise) {
  auto attr = op.attr<IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}

/// Of numbers far from overflow; a division only where all rounding agrees.
Element compute(Operation *op, int64_t a, int64_t b) {
  constexpr int64_t far = int64_t(1) << 31;
  if (a <= -far || a >= far || b <= -far || b >= far)
    return std::nullopt;
  if (isa<Op<"Add">>(op))
    return a + b;
  if (isa<Op<"Sub">>(op))
    return a - b;
  if (isa<Op<"Mul">>(op))
    return a * b;
  if (isa<Op<"Equal">>(op))
    return a == b;
  if (isa<Op<"Less">>(op))
    return a < b;
  if (isa<Op<"Greater">>(op))
    return a > b;
  if (isa<Op<"And">>(op))
    return a & b;
  if (isa<Op<"Or">>(op))
    return a | b;
  if (isa<Op<"Min">>(op))
    return std::min(a, b);
  if (isa<Op<"Max">>(op))
    return std::max(a, b);
  if (a < 0 || b <= 0)
    return std::nullopt;
  return isa<Op<"Div">>(op) ? a / b : a % b;
}

/// One operator whose result has known extents and whose operands are arrays.
struct Step {
  AnyOp op;
  SmallVector<int64_t> shape;
  SmallVector<const IntegerArray *> operands;

  const IntegerArray &operator[](unsigned i) const { return *operands[i]; }
  /// The numbers of an operand, if all are known.
  std::optional<SmallVector<int64_t>> known(unsigned i) const;
  /// The result, element by element.
  Elements collect(function_ref<Element(Index)> at) const {
    Elements elements;
    forEachIndex(shape, [&](Index index) { elements.push_back(at(index)); });
    return elements;
  }
};

std::optional<SmallVector<int64_t>> Step::known(unsigned i) const {
  SmallVector<int64_t> numbers;
  for (Element element : operands[i]->elements) {
    if (!element)
      return std::nullopt;
    numbers.push_back(*element);
  }
  return numbers;
}

Elements binary(const Step &step) {
  return step.collect([&](Index index) -> Element {
    Element a = broadcastAt(step[0], index), b = broadcastAt(step[1], index);
    return a && b ? compute(step.op, *a, *b) : std::nullopt;
  });
}

Elements select(const Step &step) {
  return step.collect([&](Index index) -> Element {
    Element condition = broadcastAt(step[0], index);
    return condition ? broadcastAt(step[*condition ? 1 : 2], index) : std::nullopt;
  });
}

std::optional<Elements> transpose(const Step &step) {
  auto perm = AnyOp(step.op).attr<DenseI64ArrayAttr>("perm");
  unsigned rank = step.shape.size();
  return step.collect([&](Index index) {
    SmallVector<int64_t> from(rank);
    for (unsigned i = 0; i < rank; ++i)
      from[perm ? perm[i] : rank - 1 - i] = index[i];
    return broadcastAt(step[0], from);
  });
}

std::optional<Elements> slice(const Step &step) {
  auto starts = step.known(1), ends = step.known(2);
  if (!starts || !ends)
    return std::nullopt;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  SmallVector<int64_t> steps(starts->size(), 1);
  for (auto [i, numbers] : {std::pair(3u, &axes), {4u, &steps}})
    if (i < step.operands.size()) {
      auto given = step.known(i);
      if (!given)
        return std::nullopt;
      *numbers = *given;
    }
  ArrayRef<int64_t> from = step[0].shape;
  SmallVector<int64_t> first(from.size(), 0), stride(from.size(), 1);
  for (auto [start, axis, by] : llvm::zip(*starts, axes, steps)) {
    unsigned at = wrap(axis, from.size());
    int64_t last = by < 0 ? from[at] - 1 : from[at];
    first[at] = std::clamp<int64_t>(wrap(start, from[at]), 0, std::max<int64_t>(last, 0));
    stride[at] = by;
  }
  return step.collect([&](Index index) {
    SmallVector<int64_t> source;
    for (auto [i, start, by] : llvm::zip(index, first, stride))
      source.push_back(start + i * by);
    return broadcastAt(step[0], source);
  });
}

std::optional<Elements> gather(const Step &step) {
  auto indices = step.known(1);
  if (!indices)
    return std::nullopt;
  unsigned axis = wrap(intAttr(step.op, "axis", 0), step[0].shape.size());
  unsigned inner = step[1].shape.size();
  int64_t size = step[0].shape[axis];
  if (llvm::any_of(*indices, [&](int64_t i) { return i < -size || i >= size; }))
    return std::nullopt;
  return step.collect([&](Index index) {
    SmallVector<int64_t> source(index.take_front(axis));
    source.push_back(wrap(*broadcastAt(step[1], index.slice(axis, inner)), size));
    llvm::append_range(source, index.drop_front(axis + inner));
    return broadcastAt(step[0], source);
  });
}

std::optional<Elements> concat(const Step &step) {
  unsigned axis = wrap(intAttr(step.op, "axis", 0), step.shape.size());
  return step.collect([&](Index index) {
    SmallVector<int64_t> source(index);
    unsigned part = 0;
    while (source[axis] >= step[part].shape[axis])
      source[axis] -= step[part++].shape[axis];
    return broadcastAt(step[part], source);
  });
}

std::optional<Elements> fill(const Step &step) {
  auto value = AnyOp(step.op).attr<DenseElementsAttr>("value");
  if (!value)
    return std::nullopt;
  int64_t number = (*value.getValues<APInt>().begin()).getSExtValue();
  return Elements(countOf(step.shape), Element(number));
}

std::optional<Elements> range(const Step &step) {
  auto start = step.known(0), delta = step.known(2);
  if (!start || !delta || !step.known(1))
    return std::nullopt;
  return step.collect([&](Index index) { return start->front() + index[0] * delta->front(); });
}

Elements product(const Step &step) {
  Element result = 1;
  for (Element element : step[0].elements)
    result = result && element && std::abs(*result) < (int64_t(1) << 31) &&
                     std::abs(*element) < (int64_t(1) << 31)
                 ? Element(*result * *element)
                 : std::nullopt;
  return {result};
}

/// The elements of the result, if the operator is one of those that shapes are computed by.
std::optional<Elements> dispatch(const Step &step) {
  Operation *op = step.op;
  bool isPair = step.operands.size() == 2;
  if (isa<Op<"Add">, Op<"Sub">, Op<"Mul">, Op<"Div">, Op<"Equal">, Op<"Less">, Op<"Greater">,
          Op<"And">, Op<"Or">>(op))
    return binary(step);
  if (isa<Op<"Mod">>(op) || (isPair && isa<Op<"Min">, Op<"Max">>(op)))
    return binary(step);
  // Of integers, these keep the elements.
  if (isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">, Op<"Identity">>(op))
    return step[0].elements;
  if (isa<Op<"Where">>(op))
    return select(step);
  if (isa<Op<"Expand">>(op))
    return step.collect([&](Index index) { return broadcastAt(step[0], index); });
  if (isa<Op<"Transpose">>(op))
    return transpose(step);
  if (isa<Op<"Slice">>(op))
    return slice(step);
  if (isa<Op<"Gather">>(op))
    return gather(step);
  if (isa<Op<"Concat">>(op))
    return concat(step);
  if (isa<Op<"ConstantOfShape">>(op))
    return fill(step);
  if (isa<Op<"Range">>(op))
    return range(step);
  if (isa<Op<"ReduceProd">>(op) && countOf(step.shape) == 1)
    return product(step);
  return std::nullopt;
}

/// Between integers that hold every number of a shape.
bool isWideningCast(AnyOp op) {
  return isa<Op<"Cast">>(op.getOperation()) &&
         cast<TensorType>(op->getResult(0).getType()).getElementTypeBitWidth() >= 32;
}

/// The extents of the operand, some of them unknown.
std::optional<Elements> shapeOf(AnyOp op) {
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  if (!type)
    return std::nullopt;
  int64_t rank = type.getRank();
  int64_t start = std::clamp<int64_t>(wrap(intAttr(op, "start", 0), rank), 0, rank);
  int64_t end = std::clamp<int64_t>(wrap(intAttr(op, "end", rank), rank), start, rank);
  Elements extents;
  for (int64_t extent : type.getShape().slice(start, end - start))
    extents.push_back(ShapedType::isDynamic(extent) ? std::nullopt : Element(extent));
  return extents;
}

} // namespace

const IntegerArray *IntegerArrays::lookup(Value value) {
  if (auto known = arrays.find(value); known != arrays.end())
    return &known->second;
  RankedTensorType type = smallType(value);
  ElementsAttr constant = type ? onnx_ir::constantOf(value) : ElementsAttr();
  auto numbers = constant ? constant.tryGetValues<APInt>() : std::nullopt;
  if (!numbers)
    return nullptr;
  IntegerArray array{llvm::to_vector(type.getShape()), {}};
  bool isTruth = type.getElementType().isInteger(1);
  for (APInt number : *numbers)
    array.elements.push_back(isTruth ? int64_t(number.getZExtValue()) : number.getSExtValue());
  return &arrays.try_emplace(value, std::move(array)).first->second;
}

const IntegerArray *IntegerArrays::follow(AnyOp op) {
  if (op->getNumResults() != 1 || op->getNumRegions() || op->getNumOperands() == 0)
    return nullptr;
  RankedTensorType type = smallType(op->getResult(0));
  if (!type)
    return nullptr;
  Step step{op, llvm::to_vector(type.getShape()), {}};
  std::optional<Elements> elements;
  if (isa<Op<"Shape">>(op.getOperation())) {
    elements = shapeOf(op);
  } else if (isa<Op<"Size">>(op.getOperation())) {
    auto whole = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    if (whole && whole.hasStaticShape())
      elements = Elements{Element(whole.getNumElements())};
  } else {
    for (Value operand : op->getOperands())
      if (!lookup(operand))
        return nullptr;
    for (Value operand : op->getOperands())
      step.operands.push_back(lookup(operand));
    elements = isWideningCast(op) ? std::optional(step[0].elements) : dispatch(step);
  }
  if (!elements || int64_t(elements->size()) != type.getNumElements())
    return nullptr;
  return &(arrays[op->getResult(0)] = {step.shape, std::move(*elements)});
}

} // namespace strut::normalize
