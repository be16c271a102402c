//===- ExternalData.cpp - where weights lie --------------------------------===//

#include "ExternalData.h"
#include "ReadModel.h"
#include "dialects/Onnx/Bridge.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

namespace strut {

namespace {
llvm::Error refuse(const TensorProto &tensor, const llvm::Twine &why) {
  return llvm::createStringError("tensor '" + tensor.name() + "': " + why);
}

/// The entries of external_data that the standard defines.
struct Reference {
  bool inModelFile = false;
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;

  static llvm::Expected<Reference> of(const TensorProto &tensor);
};

llvm::Expected<Reference> Reference::of(const TensorProto &tensor) {
  Reference reference;
  for (const auto &entry : tensor.external_data()) {
    llvm::StringRef key = entry.key(), value = entry.value();
    uint64_t number = 0;
    if (key == kInModelFile) {
      reference.inModelFile = true;
    } else if (key == "location") {
      reference.location = value.str();
    } else if (key == "offset" || key == "length") {
      if (value.getAsInteger(10, number))
        return refuse(tensor, "external data has " + key + " '" + value + "', not a number");
      if (key == "offset")
        reference.offset = number;
      else
        reference.length = number;
    }
  }
  return reference;
}

/// Walks a model and resolves each tensor on the way.
class Resolver {
public:
  Resolver(llvm::StringRef modelPath, MLIRContext *context)
      : modelPath(modelPath), context(context) {}

  llvm::Error graph(GraphProto &graph);
  llvm::Error node(NodeProto &node);
  llvm::Error tensor(TensorProto &tensor);

private:
  llvm::Expected<std::string> locate(const TensorProto &tensor, llvm::StringRef location);

  std::string modelPath;
  MLIRContext *context;
};

/// The absolute path of a file that must lie in the model's folder, symbolic
/// links followed.
llvm::Expected<std::string> Resolver::locate(const TensorProto &tensor, llvm::StringRef location) {
  namespace path = llvm::sys::path;
  if (location.empty())
    return refuse(tensor, "external data names no file");
  if (location.contains('\0') || path::is_absolute(location) ||
      llvm::is_contained(llvm::make_range(path::begin(location), path::end(location)), ".."))
    return refuse(tensor, "external data '" + location +
                              "' must be a relative path inside the model's folder");
  llvm::SmallString<256> folder(modelPath), file, realFolder, realFile;
  path::remove_filename(folder);
  file = folder;
  path::append(file, location);
  if (std::error_code error = llvm::sys::fs::real_path(file, realFile))
    return refuse(tensor, "cannot read external data '" + file + "': " + error.message());
  if (std::error_code error = llvm::sys::fs::real_path(folder, realFolder))
    return refuse(tensor, "cannot read '" + folder + "': " + error.message());
  if (!path::is_separator(realFolder.back()))
    realFolder += path::get_separator();
  if (!llvm::StringRef(realFile).starts_with(realFolder))
    return refuse(tensor, "external data '" + location +
                              "' leads outside the model's folder, to '" + realFile + "'");
  return std::string(realFile);
}

llvm::Error Resolver::tensor(TensorProto &tensor) {
  if (tensor.data_location() != TensorProto::EXTERNAL)
    return llvm::Error::success();
  llvm::Expected<Reference> reference = Reference::of(tensor);
  if (!reference)
    return reference.takeError();
  Type element = onnx_ir::elementToMLIR(tensor.data_type(), context);
  if (!element || onnx_ir::storedBits(element) == 0)
    return refuse(tensor,
                  "data of type " + llvm::Twine(tensor.data_type()) + " cannot be external or raw");
  auto size = onnx_ir::storedBytes(onnx_ir::list<int64_t>(tensor.dims()), element);
  if (!size)
    return refuse(tensor, "its dimensions are negative or exceed any memory");
  if (reference->length.value_or(*size) != *size)
    return refuse(tensor, "its dimensions and type need " + llvm::Twine(*size) +
                              " bytes of data, but it has " + llvm::Twine(*reference->length));

  std::string file = modelPath;
  if (!reference->inModelFile) {
    llvm::Expected<std::string> located = locate(tensor, reference->location);
    if (!located)
      return located.takeError();
    file = *located;
  }
  llvm::Expected<FileData> data = mapFileData(file, reference->offset, *size);
  if (!data)
    return refuse(tensor, llvm::toString(data.takeError()));

  tensor.clear_external_data();
  if (*size < kLargeData) {
    tensor.clear_data_location();
    tensor.set_raw_data(data->data(), data->size());
    return llvm::Error::success();
  }
  auto add = [&](const char *key, const std::string &value) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  };
  add("location", file);
  add("offset", std::to_string(reference->offset));
  add("length", std::to_string(*size));
  return llvm::Error::success();
}

llvm::Error Resolver::node(NodeProto &node) {
  for (AttributeProto &attribute : *node.mutable_attribute()) {
    if (attribute.has_t())
      if (llvm::Error error = tensor(*attribute.mutable_t()))
        return error;
    if (attribute.has_g())
      if (llvm::Error error = graph(*attribute.mutable_g()))
        return error;
  }
  return llvm::Error::success();
}

llvm::Error Resolver::graph(GraphProto &graph) {
  for (TensorProto &initializer : *graph.mutable_initializer())
    if (llvm::Error error = tensor(initializer))
      return error;
  for (NodeProto &child : *graph.mutable_node())
    if (llvm::Error error = node(child))
      return error;
  return llvm::Error::success();
}
} // namespace

llvm::Error resolveExternalData(ModelProto &model, llvm::StringRef modelPath,
                                MLIRContext *context) {
  Resolver resolver(modelPath, context);
  for (auto &function : *model.mutable_functions())
    for (NodeProto &node : *function.mutable_node())
      if (llvm::Error error = resolver.node(node))
        return error;
  return resolver.graph(*model.mutable_graph());
}

llvm::Expected<ElementsAttr> tensorAttr(const TensorProto &tensor, MLIRContext *context) {
  if (tensor.data_location() != TensorProto::EXTERNAL)
    return onnx_ir::toMLIR(tensor, context);
  llvm::Expected<Reference> reference = Reference::of(tensor);
  if (!reference)
    return reference.takeError();
  if (!reference->length)
    return refuse(tensor, "its reference to external data was lost");
  auto type = RankedTensorType::get(onnx_ir::list<int64_t>(tensor.dims()),
                                    onnx_ir::elementToMLIR(tensor.data_type(), context));
  return cast<ElementsAttr>(
      onnx_ir::FileDataAttr::get(type, reference->location, reference->offset, *reference->length));
}

} // namespace strut
