//===- Preflight.h - every unsupported node at once --------------*- C++ -*-===//

#ifndef STRUT_IMPORT_PREFLIGHT_H
#define STRUT_IMPORT_PREFLIGHT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <optional>
#include <string>

namespace strut {

/// What the compiler cannot do with a model, grouped by operator and reason.
struct PreflightReport {
  struct Group {
    /// "Conv", or "com.microsoft.QuickGelu" outside the default domain.
    std::string op;
    /// The opset version since which this form of the operator exists.
    int version = 0;
    std::string reason;
    /// All nodes of the group, in subgraphs too.
    unsigned count = 0;
    /// The names of the first few, in the order of the graph.
    llvm::SmallVector<std::string, 3> firstNodes;
  };

  /// Nodes that were looked at.
  unsigned nodes = 0;
  /// Largest first, then by name.
  llvm::SmallVector<Group> unsupported;

  bool ok() const { return unsupported.empty(); }
  /// A few lines of text; at most 30 groups are spelled out.
  void print(llvm::raw_ostream &os) const;
  /// {"nodes": n, "supported": b, "unsupported": [{"op", "version", "reason",
  /// "count", "nodes"}]}
  llvm::json::Value toJSON() const;
};

/// Asks `unsupported` about every operator of the onnx dialect in `module`, in
/// subgraphs too. It answers with a reason, or with nothing where the operation
/// is supported.
PreflightReport
preflight(mlir::ModuleOp module,
          llvm::function_ref<std::optional<std::string>(mlir::Operation *)> unsupported);

} // namespace strut

#endif // STRUT_IMPORT_PREFLIGHT_H
