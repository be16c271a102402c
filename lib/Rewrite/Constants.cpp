//===- Constants.cpp - Weights read, combined and written -----------------===//
#include "Constants.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Evaluate/Evaluate.h"

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

/// What the value holds the elements of in another order or shape; null at the end.
static Value movedFrom(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_present<Op<"Transpose">, Op<"Reshape">, Op<"Unsqueeze">, Op<"Squeeze">,
                      Op<"Identity">>(op))
    return op->getOperand(0);
  return {};
}

static bool isStatic(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape();
}

bool isConstant(Value value) {
  if (!value || !isStatic(value))
    return false;
  if (onnx_ir::constantOf(value))
    return true;
  Value source = movedFrom(value);
  return source && isConstant(source);
}

bool isConstantOf(Value value, Operation *reader) {
  if (!isConstant(value))
    return false;
  for (Value at = value; at; at = movedFrom(at))
    if (!at.hasOneUse())
      return false;
  return *value.getUsers().begin() == reader;
}

/// Elements of `shape` in the order of the axes that `perm` names.
static std::vector<double> transposed(ArrayRef<double> numbers, ArrayRef<int64_t> shape,
                                      ArrayRef<int64_t> perm) {
  unsigned rank = shape.size();
  SmallVector<int64_t> strides(rank, 1), extents, steps, index(rank, 0);
  for (int64_t i = int64_t(rank) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  for (int64_t axis : perm) {
    extents.push_back(shape[axis]);
    steps.push_back(strides[axis]);
  }
  std::vector<double> result;
  result.reserve(numbers.size());
  int64_t at = 0;
  while (result.size() < numbers.size()) {
    result.push_back(numbers[at]);
    for (unsigned axis = rank; axis-- > 0;) {
      at += steps[axis];
      if (++index[axis] < extents[axis])
        break;
      at -= steps[axis] * extents[axis];
      index[axis] = 0;
    }
  }
  return result;
}

std::optional<std::vector<double>> readConstant(Value value) {
  if (!isConstant(value))
    return std::nullopt;
  ElementsAttr constant = onnx_ir::constantOf(value);
  if (!constant) {
    Value source = movedFrom(value);
    auto numbers = readConstant(source);
    auto transpose = value.getDefiningOp<Op<"Transpose">>();
    if (!numbers || !transpose)
      return numbers;
    auto shape = cast<RankedTensorType>(source.getType()).getShape();
    SmallVector<int64_t> perm;
    if (auto given = transpose.attr<DenseI64ArrayAttr>("perm"))
      perm.assign(given.asArrayRef().begin(), given.asArrayRef().end());
    else
      for (int64_t axis = shape.size(); axis-- > 0;)
        perm.push_back(axis);
    return transposed(*numbers, shape, perm);
  }
  if (constant.getElementType().isInteger(1)) {
    auto flags = constant.tryGetValues<bool>();
    if (!flags)
      return std::nullopt;
    return std::vector<double>(flags->begin(), flags->end());
  }
  llvm::Expected<std::vector<double>> numbers = evaluate::toDoubles(constant);
  if (!numbers) {
    llvm::consumeError(numbers.takeError());
    return std::nullopt;
  }
  return std::move(*numbers);
}

bool isConstantMatrix(Value value) {
  return isConstant(value) && cast<RankedTensorType>(value.getType()).getRank() == 2;
}

std::optional<algebra::Matrix> readMatrix(Value value) {
  auto elements = isConstantMatrix(value) ? readConstant(value) : std::nullopt;
  if (!elements)
    return std::nullopt;
  auto type = cast<RankedTensorType>(value.getType());
  return algebra::Matrix(type.getDimSize(0), type.getDimSize(1), std::move(*elements));
}

bool mayCombine(Type element, bool reducedPrecision) {
  return element.isF32() || element.isF64() || reducedPrecision;
}

std::string nameOf(Type element) {
  std::string name;
  llvm::raw_string_ostream(name) << element;
  return name;
}

bool areFinite(ArrayRef<double> numbers, Type element) {
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  double largest = APFloat::getLargest(semantics).convertToDouble();
  // NaN fails the comparison too. What rounds up to infinity from above the largest is
  // refused with what is beyond it.
  return llvm::all_of(numbers, [&](double number) { return std::abs(number) <= largest; });
}

Value writeConstant(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<double> elements) {
  ElementsAttr attr =
      evaluate::Array::toAttr(evaluate::ofDoubles(type, elements), onnx_ir::nodeNameOf(loc));
  return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
}

Location rewritten(StringRef rewrite, ArrayRef<Location> nodes) {
  MLIRContext *context = nodes.front().getContext();
  return FusedLoc::get(context, nodes, StringAttr::get(context, rewrite));
}

} // namespace strut::rewrite
