//===- ExternalData.h - where weights lie ------------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_EXTERNALDATA_H
#define STRUT_LIB_IMPORT_EXTERNALDATA_H

#include "mlir/IR/BuiltinAttributes.h"
#include "onnx/onnx_pb.h"
#include "llvm/Support/Error.h"

namespace strut {

/// Checks every reference to external data in the model against the file it
/// names. Afterwards large tensors refer to absolute paths with offset and
/// length of exactly their size, and small ones hold their data. Fails, naming
/// the tensor, if a file is missing, lies outside the model's folder or is too
/// short, or if sizes do not agree.
llvm::Error resolveExternalData(onnx::ModelProto &model, llvm::StringRef modelPath,
                                mlir::MLIRContext *context);

/// A tensor of a resolved model as an attribute: dense, or a reference.
llvm::Expected<mlir::ElementsAttr> tensorAttr(const onnx::TensorProto &tensor,
                                              mlir::MLIRContext *context);

} // namespace strut

#endif // STRUT_LIB_IMPORT_EXTERNALDATA_H
