//===- ReadModel.cpp - a model without its weights -------------------------===//
//
// Protobuf would copy hundreds of megabytes of weights to parse a graph of some
// kilobytes. So the mapped file is first copied field by field, with every
// large raw_data (and float_data, which looks the same) replaced by ONNX's own
// reference to external data, here into the very same file. The inliner, the converter and
// inference then work on a light model, and embedded and external weights are one case.
//
//===----------------------------------------------------------------------===//

#include "ReadModel.h"
#include "strut/Support/FileData.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

namespace strut {

namespace {
/// The messages on the way from a model to its tensors.
enum class Message { Model, Graph, Node, Attribute, Function, Tensor };

std::optional<Message> child(Message message, int field) {
  switch (message) {
  case Message::Model:
    if (field == ModelProto::kGraphFieldNumber)
      return Message::Graph;
    if (field == ModelProto::kFunctionsFieldNumber)
      return Message::Function;
    break;
  case Message::Graph:
    if (field == GraphProto::kNodeFieldNumber)
      return Message::Node;
    if (field == GraphProto::kInitializerFieldNumber)
      return Message::Tensor;
    break;
  case Message::Function:
    if (field == FunctionProto::kNodeFieldNumber)
      return Message::Node;
    break;
  case Message::Node:
    if (field == NodeProto::kAttributeFieldNumber)
      return Message::Attribute;
    break;
  case Message::Attribute:
    if (field == AttributeProto::kTFieldNumber)
      return Message::Tensor;
    if (field == AttributeProto::kGFieldNumber)
      return Message::Graph;
    break;
  default:
    break;
  }
  return std::nullopt;
}

bool isDropped(Message message, int field) {
  return (message == Message::Model && (field == ModelProto::kTrainingInfoFieldNumber ||
                                        field == ModelProto::kDocStringFieldNumber)) ||
         (message == Message::Graph && field == GraphProto::kDocStringFieldNumber) ||
         (message == Message::Node && field == NodeProto::kDocStringFieldNumber);
}

/// Protobuf's own bound on nesting, which the parse that follows would hit.
constexpr int kMaxDepth = 100;

/// What a model may hold besides the raw data that stays in its file. Exports
/// have a few megabytes; a file made of one huge string shall not eat the memory.
constexpr uint64_t kMaxLightSize = uint64_t(128) << 20;

/// Copies messages field by field. False means damage, or that it is too much.
class Copier {
public:
  explicit Copier(CodedInputStream &in) : in(in) {}

  bool message(CodedOutputStream &out, Message message, int depth);
  bool tooLarge() const { return isTooLarge; }

private:
  bool bytesField(CodedOutputStream &out, uint32_t tag, Message message, int depth);
  bool isStored(int field, uint32_t length) const;
  bool copyChild(CodedOutputStream &out, uint32_t tag, uint32_t length, Message message, int depth);
  bool copyBytes(CodedOutputStream &out, uint32_t tag, uint32_t length);
  bool referTo(CodedOutputStream &out, uint32_t length);

  CodedInputStream &in;
  bool isTooLarge = false;
  /// Of the tensor being copied, once it is known; it precedes the data.
  uint64_t dataType = TensorProto::UNDEFINED;
};

bool Copier::copyChild(CodedOutputStream &out, uint32_t tag, uint32_t length, Message child,
                       int depth) {
  if (depth == kMaxDepth)
    return false;
  std::string body;
  {
    StringOutputStream stream(&body);
    CodedOutputStream inner(&stream);
    auto limit = in.PushLimit(static_cast<int>(length));
    if (!message(inner, child, depth + 1))
      return false;
    in.PopLimit(limit);
  }
  out.WriteVarint32(tag);
  out.WriteVarint32(static_cast<uint32_t>(body.size()));
  out.WriteString(body);
  return true;
}

bool Copier::copyBytes(CodedOutputStream &out, uint32_t tag, uint32_t length) {
  isTooLarge = isTooLarge || static_cast<uint64_t>(out.ByteCount()) + length > kMaxLightSize;
  std::string bytes;
  if (isTooLarge || !in.ReadString(&bytes, static_cast<int>(length)))
    return false;
  out.WriteVarint32(tag);
  out.WriteVarint32(length);
  out.WriteString(bytes);
  return true;
}

/// In place of the data at the current position.
bool Copier::referTo(CodedOutputStream &out, uint32_t length) {
  TensorProto reference; // serialised fields append to the message being copied
  reference.set_data_location(TensorProto::EXTERNAL);
  auto add = [&](llvm::StringRef key, uint64_t value) {
    auto *entry = reference.add_external_data();
    entry->set_key(key.str());
    entry->set_value(std::to_string(value));
  };
  add(kInModelFile, 1);
  add("offset", static_cast<uint64_t>(in.CurrentPosition()));
  add("length", length);
  out.WriteString(reference.SerializeAsString());
  return in.Skip(static_cast<int>(length));
}

/// Whether a field of a tensor is large and holds bytes as raw_data would.
bool Copier::isStored(int field, uint32_t length) const {
  if (length < kLargeData)
    return false;
  switch (field) {
  case TensorProto::kRawDataFieldNumber:
    return true;
  case TensorProto::kFloatDataFieldNumber:
    return dataType == TensorProto::FLOAT;
  case TensorProto::kDoubleDataFieldNumber:
    return dataType == TensorProto::DOUBLE;
  default:
    return false;
  }
}

bool Copier::bytesField(CodedOutputStream &out, uint32_t tag, Message message, int depth) {
  int field = WireFormatLite::GetTagFieldNumber(tag);
  uint32_t length;
  if (!in.ReadVarint32(&length) || length > static_cast<uint32_t>(in.BytesUntilLimit()))
    return false;
  if (std::optional<Message> inner = child(message, field))
    return copyChild(out, tag, length, *inner, depth);
  if (message == Message::Tensor && isStored(field, length))
    return referTo(out, length);
  if (isDropped(message, field))
    return in.Skip(static_cast<int>(length));
  return copyBytes(out, tag, length);
}

bool Copier::message(CodedOutputStream &out, Message message, int depth) {
  dataType = TensorProto::UNDEFINED;
  while (uint32_t tag = in.ReadTag()) {
    bool ok;
    switch (WireFormatLite::GetTagWireType(tag)) {
    case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
      ok = bytesField(out, tag, message, depth);
      break;
    case WireFormatLite::WIRETYPE_START_GROUP: // not in ONNX
      ok = WireFormatLite::SkipField(&in, tag);
      break;
    case WireFormatLite::WIRETYPE_VARINT: {
      uint64_t value;
      ok = in.ReadVarint64(&value);
      out.WriteVarint32(tag);
      out.WriteVarint64(value);
      if (message == Message::Tensor &&
          WireFormatLite::GetTagFieldNumber(tag) == TensorProto::kDataTypeFieldNumber)
        dataType = value;
      break;
    }
    default:
      ok = WireFormatLite::SkipField(&in, tag, &out);
    }
    if (!ok)
      return false;
  }
  return in.ConsumedEntireMessage();
}

llvm::Error refuse(llvm::StringRef path, const llvm::Twine &why) {
  return llvm::createStringError("'" + path + "' " + why);
}
} // namespace

llvm::Expected<ModelProto> readModel(llvm::StringRef path) {
  llvm::Expected<FileData> file = mapFile(path);
  if (!file)
    return file.takeError();
  if (file->size() == 0)
    return refuse(path, "is empty");
  if (file->size() > INT32_MAX)
    return refuse(path, "is larger than 2 GiB, the limit of protobuf; such a model keeps its "
                        "weights as external data");
  CodedInputStream in(reinterpret_cast<const uint8_t *>(file->data()),
                      static_cast<int>(file->size()));
  auto limit = in.PushLimit(static_cast<int>(file->size()));
  std::string light;
  Copier copier(in);
  bool ok;
  {
    StringOutputStream stream(&light);
    CodedOutputStream out(&stream);
    ok = copier.message(out, Message::Model, 0);
  }
  in.PopLimit(limit);
  if (copier.tooLarge())
    return refuse(path, "holds more than 128 MiB besides raw tensor data");
  ModelProto model;
  if (!ok || !model.ParseFromString(light))
    return refuse(path, "is not an ONNX model, or is damaged: protobuf cannot parse it");
  if (!model.has_graph())
    return refuse(path, "is not an ONNX model: it holds no graph");
  return model;
}

} // namespace strut
