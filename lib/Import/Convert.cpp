//===- Convert.cpp - one version of the standard ---------------------------===//

#include "Convert.h"
#include "Check.h"
#include "dialects/Onnx/Schemas.h"
#include "onnx/shape_inference/implementation.h"
#include "onnx/version_converter/convert.h"

using onnx::ModelProto;
using onnx::OpSetID;

namespace strut {

/// Until version 7 the slopes of PRelu belonged to channels, since then they are
/// broadcast to the last axes; the converter does not tell the two apart.
static bool hasChannelSlopes(const ModelProto &model, int version) {
  return version < 7 && llvm::any_of(
                            model.graph().node(),
                            [](const onnx::NodeProto &node) {
                              return node.op_type() == "PRelu" &&
                                     onnx_ir::canonicalDomain(node.domain()).empty();
                            });
}

bool convertToOpset(ModelProto &model, int opset) {
  OpsetMap opsets = opsetsOf(model);
  auto version = opsets.find("");
  if (version == opsets.end() || version->second == opset ||
      hasChannelSlopes(model, version->second))
    return false;
  try {
    // Adapters look at shapes. What ConvertVersion() adds to this is a copy of
    // all schemas, 20 ms each time.
    static const onnx::version_conversion::DefaultVersionConverter converter;
    ModelProto inferred = model;
    onnx::shape_inference::InferShapes(inferred);
    model = converter.convert_version(inferred, OpSetID(version->second), OpSetID(opset));
    return true;
  } catch (const std::exception &) {
    return false;
  }
}

} // namespace strut
