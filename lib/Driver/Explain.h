//===- Explain.h - what strut explain finds out -----------------*- C++ -*-===//
#ifndef LIB_DRIVER_EXPLAIN_H
#define LIB_DRIVER_EXPLAIN_H

#include "mlir/IR/BuiltinOps.h"
#include "strut/Cost/Time.h"
#include "llvm/Support/JSON.h"

namespace strut::driver {

/// Names of the ONNX nodes that a location is made of, each once, in the order of fusion.
std::vector<std::string> nodesOf(mlir::Location loc);

/// The blocks of a module at the layer stage, as docs/explain.md has them, with times for
/// `rows` rows each.
llvm::json::Array blocksOf(mlir::ModuleOp module, const cost::Setting &setting,
                           llvm::ArrayRef<int64_t> rows);
/// Which rewrites left their names, how often, and the nodes that they took.
llvm::json::Array rewritesOf(mlir::ModuleOp module);
/// Products of a module at the layer stage that no block holds, by operator.
llvm::json::Array unrecognisedOf(mlir::ModuleOp module);
/// The operators of @main as nodes, and what reads what, constants left out.
llvm::json::Object graphOf(mlir::ModuleOp module, llvm::StringRef title);

/// The kind of block that an operator is, empty for what is none.
llvm::StringRef kindOf(mlir::Operation *op);

} // namespace strut::driver

#endif // LIB_DRIVER_EXPLAIN_H
