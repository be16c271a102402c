//===- Protos.cpp - tensors, attributes and nodes --------------------------===//

#include "dialects/Onnx/Bridge.h"
#include "dialects/Onnx/Schemas.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using onnx::AttributeProto;
using onnx::TensorProto;

namespace strut::onnx_ir {

/// Larger tensors are weights, into which no schema looks.
static constexpr uint64_t kSchemaData = 8192;

template <typename... Ts> static llvm::Error refuse(const char *format, Ts... args) {
  return llvm::createStringError(std::errc::invalid_argument, format, args...);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Elements narrower than a byte, one to a byte, as DenseElementsAttr has them.
static std::vector<char> unpack(ArrayRef<char> bytes, unsigned bits, uint64_t count) {
  std::vector<char> result(count);
  auto bit = [&](uint64_t i) { return uint8_t(bytes[i / 8]) >> (i % 8) & 1; };
  for (uint64_t i = 0; i < count; ++i)
    for (unsigned j = 0; j < bits; ++j)
      result[i] |= bit(i * bits + j) << j;
  return result;
}

llvm::Expected<ElementsAttr> denseFromStored(RankedTensorType type, ArrayRef<char> bytes) {
  Type element = type.getElementType();
  std::optional<uint64_t> size = storedBytes(type.getShape(), element);
  if (!size || *size != bytes.size())
    return refuse("%zu bytes of data do not fill its type", bytes.size());
  if (bytes.empty())
    return cast<ElementsAttr>(DenseElementsAttr::get(type, ArrayRef<Attribute>()));
  if (element.isInteger(1)) {
    SmallVector<bool> values(llvm::map_range(bytes, [](char c) { return c != 0; }));
    return cast<ElementsAttr>(DenseElementsAttr::get(type, values));
  }
  std::vector<char> unpacked;
  if (unsigned bits = storedBits(element); bits < 8) {
    unpacked = unpack(bytes, bits, type.getNumElements());
    bytes = unpacked;
  }
  return cast<ElementsAttr>(DenseElementsAttr::getFromRawBuffer(type, bytes));
}

/// The data of a tensor as raw_data would hold it, wherever it is. The typed
/// fields are wider than some types they serve.
static std::string storedData(const TensorProto &tensor, unsigned bits) {
  if (!tensor.raw_data().empty())
    return tensor.raw_data();
  std::string bytes;
  auto put = [&](const auto &field, size_t width) {
    bytes.reserve(field.size() * width);
    for (auto value : field)
      bytes.append(reinterpret_cast<const char *>(&value), width); // little-endian host
  };
  size_t width = std::max(1u, bits / 8);
  put(tensor.float_data(), 4);
  put(tensor.double_data(), 8);
  put(tensor.int64_data(), 8);
  put(tensor.int32_data(), std::min<size_t>(width, 4));
  put(tensor.uint64_data(), width);
  return bytes;
}

llvm::Expected<ElementsAttr> toMLIR(const TensorProto &tensor, MLIRContext *context) {
  Type element = elementToMLIR(tensor.data_type(), context);
  if (!element)
    return refuse("data type %d is not known", tensor.data_type());
  auto shape = list<int64_t>(tensor.dims());
  if (!storedBytes(shape, element))
    return refuse("its dimensions are negative or exceed any memory");
  auto type = RankedTensorType::get(shape, element);
  if (isa<StringType>(element)) {
    auto strings = list<StringRef>(tensor.string_data());
    // Strings have no fixed size, so the check above did not bound their number.
    int64_t count = 1;
    for (int64_t size : shape)
      if (llvm::MulOverflow(count, size, count))
        return refuse("its dimensions exceed any memory");
    if (int64_t(strings.size()) != count)
      return refuse("%zu strings do not fill its shape", strings.size());
    return cast<ElementsAttr>(DenseStringElementsAttr::get(type, strings));
  }
  std::string bytes = storedData(tensor, storedBits(element));
  return denseFromStored(type, bytes);
}

static std::string smallData(ElementsAttr elements) {
  Type element = elements.getElementType();
  std::optional<uint64_t> size = storedBytes(elements.getShapedType().getShape(), element);
  if (!size || *size > kSchemaData || storedBits(element) < 8)
    return {};
  if (auto file = dyn_cast<FileDataAttr>(elements)) {
    llvm::Expected<FileData> data = file.data();
    if (data)
      return std::string(data->data(), data->size());
    llvm::consumeError(data.takeError()); // the schema then knows less
    return {};
  }
  std::string bytes;
  if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    if (element.isInteger(1)) {
      for (bool value : dense.getValues<bool>())
        bytes.push_back(value);
    } else {
      ArrayRef<char> raw = dense.getRawData();
      for (int64_t i = 0, n = dense.isSplat() ? dense.getNumElements() : 1; i < n; ++i)
        bytes.append(raw.data(), raw.size());
    }
  }
  return bytes;
}

TensorProto toONNX(ElementsAttr elements) {
  TensorProto tensor;
  auto type = cast<RankedTensorType>(elements.getShapedType());
  for (int64_t size : type.getShape())
    tensor.add_dims(size);
  tensor.set_data_type(toONNX(type).tensor_type().elem_type());
  if (auto strings = dyn_cast<DenseStringElementsAttr>(elements)) {
    for (StringRef value : strings.getRawStringData())
      tensor.add_string_data(value.str());
  } else if (std::string bytes = smallData(elements); !bytes.empty()) {
    tensor.set_raw_data(std::move(bytes));
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

llvm::Expected<Attribute> toMLIR(const AttributeProto &attribute, MLIRContext *context,
                                 TensorFn tensor) {
  Builder b(context);
  switch (attribute.type()) {
  case AttributeProto::INT:
    return b.getI64IntegerAttr(attribute.i());
  case AttributeProto::FLOAT:
    return b.getF32FloatAttr(attribute.f());
  case AttributeProto::STRING:
    return b.getStringAttr(attribute.s());
  case AttributeProto::TENSOR:
    return tensor(attribute.t());
  case AttributeProto::TYPE_PROTO:
    return TypeAttr::get(toMLIR(attribute.tp(), context));
  case AttributeProto::INTS:
    return b.getDenseI64ArrayAttr(list<int64_t>(attribute.ints()));
  case AttributeProto::FLOATS:
    return b.getDenseF32ArrayAttr(list<float>(attribute.floats()));
  case AttributeProto::STRINGS:
    return b.getStrArrayAttr(list<StringRef>(attribute.strings()));
  default:
    return refuse("values of kind %s are not supported",
                  onnx::AttributeProto_AttributeType_Name(attribute.type()).c_str());
  }
}

AttributeProto toONNX(NamedAttribute attribute) {
  AttributeProto proto;
  proto.set_name(attribute.getName().str());
  // What matches no case stays UNDEFINED, and the schema refuses it by name.
  TypeSwitch<Attribute>(attribute.getValue())
      .Case([&](IntegerAttr value) {
        if (!value.getType().isSignlessInteger(64))
          return;
        proto.set_type(AttributeProto::INT);
        proto.set_i(value.getInt());
      })
      .Case([&](FloatAttr value) {
        if (!value.getType().isF32())
          return;
        proto.set_type(AttributeProto::FLOAT);
        proto.set_f(value.getValue().convertToFloat());
      })
      .Case([&](StringAttr value) {
        proto.set_type(AttributeProto::STRING);
        proto.set_s(value.str());
      })
      .Case([&](TypeAttr value) {
        proto.set_type(AttributeProto::TYPE_PROTO);
        *proto.mutable_tp() = toONNX(value.getValue());
      })
      .Case([&](DenseI64ArrayAttr value) {
        proto.set_type(AttributeProto::INTS);
        proto.mutable_ints()->Add(value.asArrayRef().begin(), value.asArrayRef().end());
      })
      .Case([&](DenseF32ArrayAttr value) {
        proto.set_type(AttributeProto::FLOATS);
        proto.mutable_floats()->Add(value.asArrayRef().begin(), value.asArrayRef().end());
      })
      .Case([&](ElementsAttr value) {
        if (!isa<RankedTensorType>(value.getShapedType()))
          return;
        proto.set_type(AttributeProto::TENSOR);
        *proto.mutable_t() = toONNX(value);
      })
      .Case([&](ArrayAttr value) {
        if (!llvm::all_of(value, llvm::IsaPred<StringAttr>))
          return;
        proto.set_type(AttributeProto::STRINGS);
        for (auto string : value.getAsRange<StringAttr>())
          proto.add_strings(string.str());
      });
  return proto;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// Inputs and outputs of a body, into which some schemas look.
static void signatureOf(Region &region, onnx::GraphProto &graph) {
  auto add = [](onnx::ValueInfoProto *info, const Twine &name, Type type) {
    info->set_name(name.str());
    *info->mutable_type() = toONNX(type);
  };
  for (BlockArgument argument : region.getArguments())
    add(graph.add_input(), "in" + Twine(argument.getArgNumber()), argument.getType());
  for (auto [i, type] : llvm::enumerate(region.front().getTerminator()->getOperandTypes()))
    add(graph.add_output(), "out" + Twine(i), type);
}

onnx::NodeProto toONNX(AnyOp op) {
  onnx::NodeProto node;
  node.set_op_type(op.opType().str());
  node.set_domain(op.domain().str());
  node.set_name(nodeNameOf(op.getLoc()).str());
  unsigned id = 0;
  auto invent = [&](Value value) {
    return isa<NoneType>(value.getType()) ? std::string() : ("v" + Twine(id++)).str();
  };
  for (Value value : op->getOperands())
    node.add_input(invent(value));
  for (Value value : op->getResults())
    node.add_output(invent(value));
  for (NamedAttribute attribute : op.onnxAttrs())
    *node.add_attribute() = toONNX(attribute);
  for (auto [name, region] : llvm::zip(regionNames(op.schema()), op->getRegions())) {
    if (region.empty())
      continue;
    AttributeProto *attribute = node.add_attribute();
    attribute->set_name(name.str());
    attribute->set_type(AttributeProto::GRAPH);
    signatureOf(region, *attribute->mutable_g());
  }
  return node;
}

} // namespace strut::onnx_ir
