//===- Module.h - any input of the compiler as a module ---------*- C++ -*-===//

#ifndef LIB_DRIVER_MODULE_H
#define LIB_DRIVER_MODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace strut::driver {

/// Collects the errors of a context while it lives, for one message at the end.
/// Warnings go to `warnings`, if given; remarks are dropped.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext &context, llvm::raw_ostream *warnings = nullptr);

  /// What was collected, a line each, as an error; `otherwise` if nothing was. At
  /// most 30 lines.
  llvm::Error take(const std::string &otherwise);

private:
  std::vector<std::string> messages;
  mlir::ScopedDiagnosticHandler handler;
};

/// Writes the remarks of a category that passes make from now on to `log`, a line each.
void reportRemarks(mlir::MLIRContext &context, llvm::StringRef category, llvm::raw_ostream &log);

/// Imports an ONNX model, or parses an MLIR stage as text or bytecode, told apart
/// by content and, for text, by the suffix .mlir.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> readModule(const std::string &path,
                                                             mlir::MLIRContext &context);

} // namespace strut::driver

#endif // LIB_DRIVER_MODULE_H
