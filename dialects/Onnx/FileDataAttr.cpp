//===- FileDataAttr.cpp - tensors that stay in their file ------------------===//

#include "dialects/Onnx/Bridge.h"
#include "llvm/Support/Endian.h"

using namespace mlir;

namespace strut::onnx_ir {

LogicalResult FileDataAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr path,
                                   uint64_t offset, uint64_t length, RankedTensorType type) {
  if (path.empty())
    return emitError() << "names no file";
  std::optional<uint64_t> size = storedBytes(type.getShape(), type.getElementType());
  if (!size || storedBits(type.getElementType()) == 0)
    return emitError() << type << " has no fixed size in a file";
  if (*size != length)
    return emitError() << type << " takes " << *size << " bytes, not " << length;
  return success();
}

llvm::Expected<FileData> FileDataAttr::data() const {
  return mapFileData(getPath(), getOffset(), getLength());
}

namespace {
/// Mapped elements and how to read one of them.
struct Elements {
  FileData data;
  Type type;

  APInt bits(uint64_t index) const {
    unsigned width = storedBits(type);
    const char *bytes = data.data();
    if (width < 8) {
      uint64_t value = 0;
      for (unsigned j = 0; j < width; ++j) {
        uint64_t bit = index * width + j;
        value |= uint64_t(uint8_t(bytes[bit / 8]) >> (bit % 8) & 1) << j;
      }
      return APInt(width, value);
    }
    uint64_t value = 0;
    std::memcpy(&value, bytes + index * (width / 8), width / 8); // little-endian host
    return type.isInteger(1) ? APInt(1, value != 0) : APInt(width, value);
  }
};

/// Reads elements as `T`.
template <typename T>
class ElementIterator
    : public llvm::indexed_accessor_iterator<ElementIterator<T>, Elements, T, T *, T> {
public:
  explicit ElementIterator(Elements elements)
      : llvm::indexed_accessor_iterator<ElementIterator<T>, Elements, T, T *, T>(
            std::move(elements), 0) {}

  T operator*() const {
    const Elements &elements = this->getBase();
    APInt bits = elements.bits(this->getIndex());
    auto floats = dyn_cast<FloatType>(elements.type);
    if constexpr (std::is_same_v<T, APInt>)
      return bits;
    else if constexpr (std::is_same_v<T, APFloat>)
      return APFloat(floats.getFloatSemantics(), bits);
    else if constexpr (std::is_same_v<T, Attribute>)
      return floats ? Attribute(FloatAttr::get(floats, APFloat(floats.getFloatSemantics(), bits)))
                    : Attribute(IntegerAttr::get(elements.type, bits));
    else
      return llvm::bit_cast<T>(static_cast<NativeBits<T>>(bits.getZExtValue()));
  }

private:
  template <typename N>
  using NativeBits = std::conditional_t<
      sizeof(N) == 1, uint8_t,
      std::conditional_t<sizeof(N) == 2, uint16_t,
                         std::conditional_t<sizeof(N) == 4, uint32_t, uint64_t>>>;
};

template <typename T> bool isReadAs(Type element) {
  if constexpr (std::is_same_v<T, Attribute>)
    return element.isIntOrFloat();
  else if constexpr (std::is_same_v<T, APInt>)
    return isa<IntegerType>(element);
  else if constexpr (std::is_same_v<T, APFloat>)
    return isa<FloatType>(element);
  else if constexpr (std::is_same_v<T, bool>)
    return element.isInteger(1);
  else if constexpr (std::is_floating_point_v<T>)
    return std::is_same_v<T, float> ? element.isF32() : element.isF64();
  else
    return element.isInteger(8 * sizeof(T)) && element.isUnsignedInteger() == std::is_unsigned_v<T>;
}
} // namespace

using Indexer = ::mlir::detail::ElementsAttrIndexer;

/// Serves the first of the types that `id` names.
template <typename T, typename... Rest>
static FailureOr<Indexer> indexAs(FileDataAttr attr, TypeID id) {
  if (TypeID::get<T>() != id) {
    if constexpr (sizeof...(Rest) > 0)
      return indexAs<Rest...>(attr, id);
    return failure();
  }
  Type element = attr.getElementType();
  if (!isReadAs<T>(element))
    return failure();
  llvm::Expected<FileData> data = attr.data();
  if (!data) {
    llvm::consumeError(data.takeError()); // data() says why
    return failure();
  }
  return Indexer::nonContiguous(attr.isSplat(),
                                ElementIterator<T>(Elements{std::move(*data), element}));
}

FailureOr<Indexer> FileDataAttr::getValuesImpl(TypeID id) const {
  return indexAs<Attribute, APInt, APFloat, bool, float, double, int8_t, int16_t, int32_t, int64_t,
                 uint8_t, uint16_t, uint32_t, uint64_t>(*this, id);
}

} // namespace strut::onnx_ir
