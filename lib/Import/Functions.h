//===- Functions.h - model-local functions -----------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_FUNCTIONS_H
#define STRUT_LIB_IMPORT_FUNCTIONS_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace strut {

/// The functions of a model by identifier.
class FunctionTable {
public:
  explicit FunctionTable(const onnx::ModelProto &model);

  /// The function that a node calls, null if it calls none.
  const onnx::FunctionProto *lookup(const onnx::NodeProto &node) const;

  /// Fails if two functions have one identifier, one calls itself, or the model
  /// has, or would have with all functions inlined, more nodes than any has.
  llvm::Error check() const;

private:
  const onnx::ModelProto &model;
  llvm::StringMap<const onnx::FunctionProto *> functions;
};

/// Inlines all functions of a checked model whose nodes are named. An inlined
/// node is named `<call>/<node>` after all calls it came through.
llvm::Error inlineFunctions(onnx::ModelProto &model);

} // namespace strut

#endif // STRUT_LIB_IMPORT_FUNCTIONS_H
