//===- Array.cpp - Tensors of the evaluator -------------------------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "strut/Evaluate/Evaluate.h"
#include <cstring>

using namespace mlir;

namespace strut::evaluate {

constexpr size_t kAlignment = 64;

static uint64_t bytesOf(RankedTensorType type) {
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

Array::Array(RankedTensorType type)
    : type(type), data(HeapAsmResourceBlob::allocate(bytesOf(type), kAlignment)) {
  std::memset(bytes().data(), 0, bytes().size());
}

/// Whether the elements of a type can be had: numbers of whole bytes, or bools.
static llvm::Expected<RankedTensorType> typeOf(ElementsAttr constant) {
  auto type = dyn_cast<RankedTensorType>(constant.getShapedType());
  if (type && type.getElementType().isIntOrFloat() &&
      (type.getElementType().isInteger(1) || type.getElementTypeBitWidth() % 8 == 0))
    return type;
  std::string text;
  llvm::raw_string_ostream(text) << constant.getShapedType();
  return llvm::createStringError("a constant of type " + text + " cannot be computed with");
}

/// Shows the bytes of a constant of no bools where they lie, those of one element where all are
/// equal to it.
static llvm::Error withBytes(ElementsAttr constant, RankedTensorType type,
                             llvm::function_ref<void(ArrayRef<char>)> show) {
  auto check = [&](ArrayRef<char> bytes) -> llvm::Error {
    if (bytes.size() != bytesOf(type))
      return llvm::createStringError("a constant has " + std::to_string(bytes.size()) +
                                     " bytes instead of " + std::to_string(bytesOf(type)));
    show(bytes);
    return llvm::Error::success();
  };
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(constant)) {
    llvm::Expected<FileData> mapped = file.data();
    return mapped ? check(mapped->bytes()) : mapped.takeError();
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return llvm::createStringError("the stage does not carry the elements of '" +
                                     resource.getRawHandle().getKey() + "'");
    return check(blob->getData());
  }
  show(cast<DenseElementsAttr>(constant).getRawData());
  return llvm::Error::success();
}

llvm::Expected<Array> Array::of(ElementsAttr constant) {
  llvm::Expected<RankedTensorType> type = typeOf(constant);
  if (!type)
    return type.takeError();
  Array array(*type);
  if (type->getElementType().isInteger(1) && isa<DenseElementsAttr>(constant)) {
    for (auto [to, value] : llvm::zip(array.bytes(), constant.getValues<bool>()))
      to = value;
    return array;
  }
  llvm::Error failed = withBytes(constant, *type, [&](ArrayRef<char> from) {
    for (size_t at = 0; at < array.bytes().size(); at += from.size())
      std::memcpy(array.bytes().data() + at, from.data(), from.size());
  });
  if (failed)
    return std::move(failed);
  return array;
}

llvm::Expected<Array> Array::of(ElementsAttr constant, ArrayRef<int64_t> positions) {
  llvm::Expected<RankedTensorType> type = typeOf(constant);
  if (!type)
    return type.takeError();
  assert(!type->getElementType().isInteger(1) && "elements are whole bytes");
  Array array(RankedTensorType::get({int64_t(positions.size())}, type->getElementType()));
  size_t each = type->getElementTypeBitWidth() / 8;
  llvm::Error failed = withBytes(constant, *type, [&](ArrayRef<char> from) {
    bool isUniform = from.size() == each;
    for (auto [i, position] : llvm::enumerate(positions))
      std::memcpy(array.bytes().data() + i * each,
                  from.data() + (isUniform ? 0 : size_t(position) * each), each);
  });
  if (failed)
    return std::move(failed);
  return array;
}

ElementsAttr Array::toAttr(Array array, llvm::StringRef name) {
  constexpr size_t small = 4096;
  if (array.type.getElementType().isInteger(1))
    return DenseElementsAttr::get(
        array.type,
        ArrayRef(reinterpret_cast<const bool *>(array.bytes().data()), array.bytes().size()));
  if (array.bytes().size() <= small)
    return DenseElementsAttr::getFromRawBuffer(array.type, array.bytes());
  return DenseResourceElementsAttr::get(array.type, name, std::move(array.data));
}

} // namespace strut::evaluate
