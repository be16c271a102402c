//===- ReadModel.h - a model without its weights -----------------*- C++ -*-===//

#ifndef STRUT_LIB_IMPORT_READMODEL_H
#define STRUT_LIB_IMPORT_READMODEL_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace strut {

/// Data of this many bytes or more stays in its file; smaller tensors may be
/// shapes, into which inference looks.
inline constexpr uint64_t kLargeData = 1024;

/// The key of external_data that says that data lies in the model's own file.
inline constexpr llvm::StringLiteral kInModelFile = "strut.in_model_file";

/// Parses the file, whose large raw_data become external data of the file
/// itself, so that the result takes memory in the order of the graph. Protobuf
/// fields that the importer has no use for (training, doc strings) are dropped.
llvm::Expected<onnx::ModelProto> readModel(llvm::StringRef path);

} // namespace strut

#endif // STRUT_LIB_IMPORT_READMODEL_H
