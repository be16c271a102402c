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

llvm::Expected<Array> Array::of(ElementsAttr constant) {
  auto type = dyn_cast<RankedTensorType>(constant.getShapedType());
  if (!type || !type.getElementType().isIntOrFloat() ||
      (!type.getElementType().isInteger(1) && type.getElementTypeBitWidth() % 8 != 0)) {
    std::string text;
    llvm::raw_string_ostream(text) << constant.getShapedType();
    return llvm::createStringError("a constant of type " + text + " cannot be computed with");
  }
  Array array(type);
  auto copy = [&](ArrayRef<char> from) -> llvm::Error {
    if (from.size() != array.bytes().size())
      return llvm::createStringError("a constant has " + std::to_string(from.size()) +
                                     " bytes instead of " + std::to_string(array.bytes().size()));
    std::memcpy(array.bytes().data(), from.data(), from.size());
    return llvm::Error::success();
  };
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(constant)) {
    llvm::Expected<FileData> mapped = file.data();
    if (!mapped)
      return mapped.takeError();
    if (llvm::Error error = copy(mapped->bytes()))
      return std::move(error);
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return llvm::createStringError("the stage does not carry the elements of '" +
                                     resource.getRawHandle().getKey() + "'");
    if (llvm::Error error = copy(blob->getData()))
      return std::move(error);
  } else if (type.getElementType().isInteger(1)) {
    for (auto [to, value] : llvm::zip(array.bytes(), constant.getValues<bool>()))
      to = value;
  } else {
    auto dense = cast<DenseElementsAttr>(constant);
    ArrayRef<char> raw = dense.getRawData();
    size_t step = dense.isSplat() ? raw.size() : array.bytes().size();
    for (size_t at = 0; at < array.bytes().size(); at += step)
      std::memcpy(array.bytes().data() + at, raw.data(), step);
  }
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
