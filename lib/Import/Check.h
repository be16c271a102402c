//===- Check.h - is this proto a model at all --------------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_CHECK_H
#define STRUT_LIB_IMPORT_CHECK_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace strut {

/// Domain (the default one is "") to version.
using OpsetMap = llvm::StringMap<int>;

/// The versions that a model or function imports. The default domain has two
/// names; a model so old that it has no imports uses version 1.
template <typename Proto> OpsetMap opsetsOf(const Proto &proto);
extern template OpsetMap opsetsOf(const onnx::ModelProto &);
extern template OpsetMap opsetsOf(const onnx::FunctionProto &);

/// Gives every unnamed node the name `<OpType>_<index>`, after that of the node
/// it lies in.
void nameNodes(onnx::ModelProto &model);

/// Checks what the inliner, the converter and the graph builder take for
/// granted: versions, names, order, arity, attributes, data, and functions that
/// end. Types are checked later, by inference. The error names the node.
llvm::Error checkModel(const onnx::ModelProto &model);

} // namespace strut

#endif // STRUT_LIB_IMPORT_CHECK_H
