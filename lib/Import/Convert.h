//===- Convert.h - one version of the standard -------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_CONVERT_H
#define STRUT_LIB_IMPORT_CONVERT_H

#include "onnx/onnx_pb.h"

namespace strut {

/// Brings the default domain of a model to version `opset` by the official
/// converter. Where that does not know how, or the model does not import the
/// default domain, the model stays as it is.
void convertToOpset(onnx::ModelProto &model, int opset);

} // namespace strut

#endif // STRUT_LIB_IMPORT_CONVERT_H
