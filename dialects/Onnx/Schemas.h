//===- Schemas.h - the registry of the ONNX library --------------*- C++ -*-===//
//
// Private to the dialect and the importer, who are built with exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ONNX_SCHEMAS_H
#define DIALECTS_ONNX_SCHEMAS_H

#include "mlir/IR/Operation.h"
#include "onnx/defs/schema.h"

namespace strut::onnx_ir {

/// Every schema of the process, all versions and domains; addresses are stable.
llvm::ArrayRef<onnx::OpSchema> allSchemas();

/// Declares the operators of CustomSchemas.cpp. Called once, by allSchemas().
void registerCustomSchemas();
/// One of them, com.microsoft.MoE.
onnx::OpSchema mixtureOfExperts();

/// onnx.Conv is the newest Conv, onnx.Conv_v11 an older one; other domains keep
/// their name: onnx.ai.onnx.ml.Scaler.
std::string nameOf(const onnx::OpSchema &schema);

/// The schema an operation was registered from; null if it is no operator.
const onnx::OpSchema *schemaOf(mlir::Operation *op);

/// The names of the graph attributes in the order of an operation's regions.
llvm::SmallVector<llvm::StringRef> regionNames(const onnx::OpSchema &schema);

/// The newest version of the default domain that the library defines.
int newestOpset();

/// "" and "ai.onnx" are two names of the default domain; this is the first.
llvm::StringRef canonicalDomain(llvm::StringRef domain);

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_SCHEMAS_H
