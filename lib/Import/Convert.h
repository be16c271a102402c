//===- Convert.h - one version of the standard -------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_CONVERT_H
#define STRUT_LIB_IMPORT_CONVERT_H

#include "onnx/onnx_pb.h"

namespace strut {

/// Brings the default domain of a model to version `opset` by the official
/// converter. Returns false, and leaves the model as it is, where that does not
/// know how, where the model does not import the default domain, and where there
/// is nothing to do.
bool convertToOpset(onnx::ModelProto &model, int opset);

} // namespace strut

#endif // STRUT_LIB_IMPORT_CONVERT_H
