//===- Import.h - an ONNX file becomes a module ------------------*- C++ -*-===//

#ifndef STRUT_IMPORT_IMPORT_H
#define STRUT_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace strut {

struct ImportOptions {
  /// The version of the default domain to convert to; 0 is the newest.
  int opset = 0;
  /// Without conversion every operator keeps the version the model imports.
  bool convert = true;
};

/// Reads the ONNX model at `path` into a verified module of the onnx dialect.
///
/// The module holds one function, `main`, whose arguments and results carry the
/// model's names in `onnx.name`; arguments of ranked tensor type also carry
/// `onnx.dims`, one dimension name per axis, "" where the dimension is static.
/// Equal names are equal dimensions; a dynamic dimension that the model leaves
/// unnamed gets the name of its input and axis. Model-local functions are
/// inlined. Locations are node names; an unnamed node is called
/// `<OpType>_<index>`.
///
/// Weights of a kilobyte or more stay in their files, as `#onnx.file_data`. The
/// rest of the model takes memory in the order of its graph.
///
/// Whatever is wrong with the file is reported by diagnostics on the context:
/// one message, with the node where there is one. Nothing is thrown.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(llvm::StringRef path, mlir::MLIRContext &context, const ImportOptions &options = {});

} // namespace strut

#endif // STRUT_IMPORT_IMPORT_H
