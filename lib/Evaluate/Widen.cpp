//===- Widen.cpp - A function in f64 --------------------------------------===//
#include "Widen.h"
#include "dialects/Onnx/Onnx.h"
#include <cstring>

using namespace mlir;

namespace strut::evaluate {

static Type widen(Type type) {
  auto tensor = dyn_cast<TensorType>(type);
  if (!tensor || !isa<FloatType>(tensor.getElementType()))
    return type;
  return tensor.clone(Float64Type::get(type.getContext()));
}

Array widen(const Array &array) {
  Array result(cast<RankedTensorType>(widen(Type(array.getType()))));
  auto from = dyn_cast<FloatType>(array.getType().getElementType());
  if (!from || from.isF64()) {
    llvm::copy(array.bytes(), result.bytes().begin());
    return result;
  }
  if (from.isF32()) {
    llvm::copy(array.as<float>(), result.as<double>().begin());
    return result;
  }
  unsigned width = from.getWidth() / 8;
  for (auto [i, to] : llvm::enumerate(result.as<double>())) {
    uint64_t bits = 0;
    std::memcpy(&bits, array.bytes().data() + i * width, width);
    APFloat value(from.getFloatSemantics(), APInt(width * 8, bits));
    bool inexact;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
    to = value.convertToDouble();
  }
  return result;
}

static llvm::Expected<std::vector<double>> toDoubles(llvm::Expected<Array> array) {
  if (!array)
    return array.takeError();
  if (!isa<FloatType>(array->getType().getElementType()))
    return llvm::createStringError("a constant has elements that are no floats");
  return widen(*array).as<double>().vec();
}

llvm::Expected<std::vector<double>> toDoubles(ElementsAttr constant) {
  return toDoubles(Array::of(constant));
}

llvm::Expected<std::vector<double>> toDoubles(ElementsAttr constant, ArrayRef<int64_t> positions) {
  return toDoubles(Array::of(constant, positions));
}

Array ofDoubles(RankedTensorType type, ArrayRef<double> numbers) {
  Array array(type);
  auto to = cast<FloatType>(type.getElementType());
  if (to.isF64() || to.isF32()) {
    // The conversion of the machine rounds as is promised.
    if (to.isF64())
      llvm::copy(numbers, array.as<double>().begin());
    else
      llvm::transform(numbers, array.as<float>().begin(), [](double x) { return float(x); });
    return array;
  }
  unsigned width = to.getWidth() / 8;
  for (auto [i, number] : llvm::enumerate(numbers)) {
    APFloat value(number);
    bool inexact;
    value.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    std::memcpy(array.bytes().data() + i * width, &bits, width);
  }
  return array;
}

/// The attribute of an operator in f64: a tensor, or one that names a type by its
/// number in TensorProto.
static llvm::Expected<Attribute> widen(NamedAttribute named) {
  enum { Float = 1, Float16 = 10, Double = 11, BFloat16 = 16 };
  if (auto elements = dyn_cast<ElementsAttr>(named.getValue());
      elements && isa<FloatType>(elements.getElementType())) {
    llvm::Expected<Array> array = Array::of(elements);
    if (!array)
      return array.takeError();
    return Array::toAttr(widen(*array), "widened");
  }
  StringRef name = named.getName().getValue();
  auto number = dyn_cast<IntegerAttr>(named.getValue());
  bool isType = number && (name == "to" || name == "dtype" || name == "output_dtype" ||
                           name == "output_datatype");
  if (isType && llvm::is_contained({int(Float), int(Float16), int(BFloat16)}, number.getInt()))
    return IntegerAttr::get(number.getType(), Double);
  return named.getValue();
}

llvm::Error widen(func::FuncOp function) {
  llvm::Error error = llvm::Error::success();
  function.walk([&](Block *block) {
    for (BlockArgument argument : block->getArguments())
      argument.setType(widen(argument.getType()));
  });
  function.walk([&](Operation *op) {
    if (op == function || isa<func::ReturnOp>(op))
      return WalkResult::advance();
    if (!isa<onnx_ir::OnnxDialect>(op->getDialect())) {
      consumeError(std::move(error));
      error = llvm::createStringError("only operators of ONNX can be evaluated in f64; node '" +
                                      onnx_ir::nodeNameOf(op->getLoc()) + "' is a " +
                                      op->getName().getStringRef());
      return WalkResult::interrupt();
    }
    for (Value result : op->getResults())
      result.setType(widen(result.getType()));
    // Constants spelled otherwise (value_float) become the one form that is widened.
    if (isa<onnx_ir::Op<"Constant">>(op)) {
      ElementsAttr value = onnx_ir::constantOf(op->getResult(0));
      op->setAttrs({NamedAttribute(StringAttr::get(op->getContext(), "value"), value)});
    }
    // Without a value it makes zeros, of f32.
    if (isa<onnx_ir::Op<"ConstantOfShape">>(op) && !op->hasAttr("value")) {
      auto one = RankedTensorType::get({1}, Float64Type::get(op->getContext()));
      op->setAttr("value", DenseElementsAttr::get(one, 0.0));
    }
    for (NamedAttribute named : llvm::to_vector(op->getAttrs())) {
      llvm::Expected<Attribute> wide = widen(named);
      if (!wide) {
        consumeError(std::move(error));
        error = wide.takeError();
        return WalkResult::interrupt();
      }
      op->setAttr(named.getName(), *wide);
    }
    return WalkResult::advance();
  });
  Operation *exit = function.front().getTerminator();
  function.setType(FunctionType::get(function.getContext(), function.front().getArgumentTypes(),
                                     exit->getOperandTypes()));
  return error;
}

} // namespace strut::evaluate
