//===- FunctionBody.h - operators defined by other operators -----*- C++ -*-===//

#ifndef STRUT_IMPORT_FUNCTIONBODY_H
#define STRUT_IMPORT_FUNCTIONBODY_H

#include "dialects/Onnx/Onnx.h"

namespace strut {

/// Whether the standard defines `op` by a function of other operators. A body
/// that depends on the types or attributes of the operation counts if it can be
/// built for this one.
bool hasFunctionBody(onnx_ir::AnyOp op);

/// Builds the function body of `op` before it, in the newest forms that the
/// official converter can bring it to, and returns what to replace the results
/// with. Locations keep the name of the node. Fails, with nothing built and a
/// message on the operation, if there is no body for it.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildFunctionBody(mlir::OpBuilder &builder,
                                                                  onnx_ir::AnyOp op);

} // namespace strut

#endif // STRUT_IMPORT_FUNCTIONBODY_H
