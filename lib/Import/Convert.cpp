//===- Convert.cpp - one version of the standard ---------------------------===//

#include "Convert.h"
#include "Check.h"
#include "dialects/Onnx/Schemas.h"
#include "onnx/shape_inference/implementation.h"
#include "onnx/version_converter/convert.h"

using onnx::ModelProto;
using onnx::NodeProto;
using onnx::OpSetID;

namespace strut {

namespace {
template <typename Nodes, typename Fn> void forEachNode(Nodes &nodes, Fn fn) {
  for (auto &node : nodes) {
    if (onnx_ir::canonicalDomain(node.domain()).empty())
      fn(node);
    for (auto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        forEachNode(*attribute.mutable_g()->mutable_node(), fn);
  }
}

/// What the converter takes for the same and is not: until version 7 the slopes
/// of PRelu belonged to channels, not to the last axes; until version 13 Hardmax
/// worked on all axes from its own on.
bool isMisconverted(ModelProto &model, int version) {
  bool found = false;
  forEachNode(*model.mutable_graph()->mutable_node(), [&](NodeProto &node) {
    found |= (version < 7 && node.op_type() == "PRelu") ||
             (version < 9 && node.op_type() == "Scan") ||
             (version < 13 && node.op_type() == "Hardmax");
  });
  return found;
}

/// Until version 11 Resize, and Upsample, knew one way to map coordinates. Then
/// they got an attribute for it, with another default that the converter leaves.
void keepCoordinates(ModelProto &model) {
  auto set = [](NodeProto &node, const char *name, const char *value) {
    onnx::AttributeProto *attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::STRING);
    attribute->set_s(value);
  };
  forEachNode(*model.mutable_graph()->mutable_node(), [&](NodeProto &node) {
    if (node.op_type() != "Resize")
      return;
    set(node, "coordinate_transformation_mode", "asymmetric");
    set(node, "nearest_mode", "floor");
  });
}
} // namespace

bool convertToOpset(ModelProto &model, int opset) {
  OpsetMap opsets = opsetsOf(model);
  auto version = opsets.find("");
  if (version == opsets.end() || version->second == opset || isMisconverted(model, version->second))
    return false;
  try {
    // Adapters look at shapes. What ConvertVersion() adds to this is a copy of
    // all schemas, 20 ms each time.
    static const onnx::version_conversion::DefaultVersionConverter converter;
    ModelProto inferred = model;
    onnx::shape_inference::InferShapes(inferred);
    model = converter.convert_version(inferred, OpSetID(version->second), OpSetID(opset));
    if (version->second < 11 && opset >= 11)
      keepCoordinates(model);
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

} // namespace strut
