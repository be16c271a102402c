//===- InspectModel.cpp - strut inspect of a model or a stage --------------===//

#include "Inspect.h"
#include "Module.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "strut/Cost/Layers.h"
#include "llvm/ADT/SetVector.h"
#include <map>

using namespace llvm;
using namespace strut::driver;
using strut::onnx_ir::OnnxDialect;

static std::string textOf(mlir::Type type) {
  std::string text;
  raw_string_ostream stream(text);
  type.print(stream);
  return text;
}

/// numpy's name of an element type, as for artefacts, where it has one.
static std::string elementText(mlir::Type type) {
  if (type.isInteger(1))
    return "bool";
  if (type.isBF16())
    return "bfloat16";
  bool known =
      mlir::isa<mlir::IntegerType, mlir::Float16Type, mlir::Float32Type, mlir::Float64Type>(type);
  if (!known)
    return textOf(type);
  StringRef kind = mlir::isa<mlir::FloatType>(type) ? "float"
                   : type.isUnsignedInteger()       ? "uint"
                                                    : "int";
  return (kind + Twine(type.getIntOrFloatBitWidth())).str();
}

/// "float32[batch, 3]": names for the dynamic axes where `dims` has them.
static std::string typeText(mlir::Type type, mlir::ArrayAttr dims) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor)
    return textOf(type);
  std::string text = elementText(tensor.getElementType()) + "[";
  for (auto [axis, extent] : enumerate(tensor.getShape())) {
    text += axis ? ", " : "";
    if (!mlir::ShapedType::isDynamic(extent))
      text += std::to_string(extent);
    else if (dims && axis < dims.size())
      text += mlir::cast<mlir::StringAttr>(dims[axis]).str();
    else
      text += "?";
  }
  return text + "]";
}

static std::string nameOf(mlir::DictionaryAttr attributes, unsigned index) {
  if (attributes)
    if (auto name = attributes.getAs<mlir::StringAttr>(OnnxDialect::kNameAttr))
      return json::fixUTF8(name.getValue());
  return std::to_string(index);
}

static void addSignature(mlir::func::FuncOp function, json::Object &answer) {
  json::Array inputs, outputs, names;
  SetVector<StringRef> dimNames;
  for (auto [i, type] : enumerate(function.getArgumentTypes())) {
    auto dims = function.getArgAttrOfType<mlir::ArrayAttr>(i, OnnxDialect::kDimsAttr);
    inputs.push_back(json::Object{{"name", nameOf(function.getArgAttrDict(i), i)},
                                  {"type", json::fixUTF8(typeText(type, dims))}});
    if (dims)
      for (auto dim : dims.getAsValueRange<mlir::StringAttr>())
        if (!dim.empty())
          dimNames.insert(dim);
  }
  for (auto [i, type] : enumerate(function.getResultTypes()))
    outputs.push_back(json::Object{{"name", nameOf(function.getResultAttrDict(i), i)},
                                   {"type", typeText(type, nullptr)}});
  for (StringRef name : dimNames)
    names.push_back(json::fixUTF8(name));
  answer["inputs"] = std::move(inputs);
  answer["outputs"] = std::move(outputs);
  answer["dims"] = std::move(names);
}

namespace {
struct Count {
  int64_t count = 0, bytes = 0;
};
} // namespace

/// Most bytes first, then most often, then by name.
static bool larger(const std::pair<std::string, Count> &a, const std::pair<std::string, Count> &b) {
  return std::tie(b.second.bytes, b.second.count, a.first) <
         std::tie(a.second.bytes, a.second.count, b.first);
}

/// Operations by name, and constants by type with their bytes.
static void addCounts(mlir::ModuleOp module, json::Object &answer) {
  std::map<std::string, Count> ops, weights;
  int64_t weightBytes = 0;
  module->walk([&](mlir::Operation *op) {
    if (op->hasTrait<mlir::OpTrait::IsTerminator>() ||
        mlir::isa<mlir::ModuleOp, mlir::func::FuncOp, strut::onnx_ir::Absent>(op))
      return;
    mlir::ElementsAttr constant =
        op->getNumResults() == 1 ? strut::onnx_ir::constantOf(op->getResult(0)) : nullptr;
    if (!constant) {
      StringRef name = op->getName().getStringRef();
      name.consume_front("onnx.");
      ++ops[name.str()].count;
      return;
    }
    mlir::Type element = constant.getElementType();
    int64_t bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 0;
    int64_t bytes = (constant.getNumElements() * (bits == 1 ? 8 : bits) + 7) / 8;
    Count &entry = weights[typeText(constant.getType(), nullptr)];
    ++entry.count;
    entry.bytes += bytes;
    weightBytes += bytes;
  });
  auto sorted = [](const std::map<std::string, Count> &counts) {
    std::vector<std::pair<std::string, Count>> entries(counts.begin(), counts.end());
    llvm::sort(entries, larger);
    return entries;
  };
  json::Array opArray, weightArray;
  for (const auto &[name, entry] : sorted(ops))
    opArray.push_back(json::Object{{"op", name}, {"count", entry.count}});
  for (const auto &[type, entry] : sorted(weights))
    weightArray.push_back(
        json::Object{{"type", type}, {"count", entry.count}, {"bytes", entry.bytes}});
  answer["ops"] = std::move(opArray);
  answer["weights"] = std::move(weightArray);
  answer["weight_bytes"] = weightBytes;
}

static void addMetadata(mlir::ModuleOp module, json::Object &answer) {
  json::Object entries;
  if (auto metadata = module->getAttrOfType<mlir::DictionaryAttr>(OnnxDialect::kMetadataAttr))
    for (mlir::NamedAttribute entry : metadata)
      if (auto value = mlir::dyn_cast<mlir::StringAttr>(entry.getValue()))
        entries[json::fixUTF8(entry.getName())] = json::fixUTF8(value.getValue());
  answer["metadata"] = std::move(entries);
}

/// What the layers cost, of a stage that has any.
static void addLayers(mlir::ModuleOp module, json::Object &answer) {
  json::Array layers;
  for (strut::cost::LayerWork &layer : strut::cost::layersOf(module)) {
    auto [inputs, outputs] = layer.op.getMapShape();
    layers.push_back(
        json::Object{{"name", json::fixUTF8(strut::onnx_ir::nodeNameOf(layer.op.getLoc()))},
                     {"op", layer.op->getName().getStringRef().str()},
                     {"inputs", inputs},
                     {"outputs", outputs},
                     {"flops_per_row", layer.perRow.flops},
                     {"bytes_per_row", layer.perRow.bytes},
                     {"weight_bytes", layer.atNoRow.bytes}});
  }
  if (!layers.empty())
    answer["layers"] = std::move(layers);
}

Expected<json::Object> strut::driver::inspectModel(const InspectOptions &options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = readModule(options.file, context);
  if (!module)
    return module.takeError();
  json::Object answer;
  if (auto name = (**module)->getAttrOfType<mlir::StringAttr>(OnnxDialect::kGraphNameAttr))
    answer["model"] = json::fixUTF8(name.getValue());
  auto functions = (**module).getOps<mlir::func::FuncOp>();
  if (!functions.empty())
    addSignature(*functions.begin(), answer);
  addCounts(**module, answer);
  addLayers(**module, answer);
  addMetadata(**module, answer);
  return answer;
}
