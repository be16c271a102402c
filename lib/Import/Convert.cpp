//===- Convert.cpp - one version of the standard ---------------------------===//

#include "Convert.h"
#include "Check.h"
#include "onnx/shape_inference/implementation.h"
#include "onnx/version_converter/convert.h"

using onnx::ModelProto;
using onnx::OpSetID;

namespace strut {

bool convertToOpset(ModelProto &model, int opset) {
  OpsetMap opsets = opsetsOf(model);
  auto version = opsets.find("");
  if (version == opsets.end() || version->second == opset)
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
