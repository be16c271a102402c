//===- Bridge.h - between MLIR and the ONNX protos ---------------*- C++ -*-===//
//
// Private to the dialect and the importer. Types are in Types.cpp, data in
// Protos.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ONNX_BRIDGE_H
#define DIALECTS_ONNX_BRIDGE_H

#include "dialects/Onnx/Onnx.h"
#include "onnx/onnx_pb.h"

namespace strut::onnx_ir {

/// A repeated proto field as a list.
template <typename T, typename Field> llvm::SmallVector<T> list(const Field &field) {
  return {field.begin(), field.end()};
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// The element type of a TensorProto::DataType, null if there is none.
mlir::Type elementToMLIR(int dataType, mlir::MLIRContext *context);
/// !onnx.unknown for what has no counterpart (sparse tensors, opaque types).
/// Negative dimensions, which inference can yield, are dynamic.
mlir::Type toMLIR(const onnx::TypeProto &type, mlir::MLIRContext *context);
onnx::TypeProto toONNX(mlir::Type type);

/// The bits one element takes in a file; 0 for strings, whose size varies.
unsigned storedBits(mlir::Type element);
/// The bytes a tensor takes in a file; nothing if a dimension is negative or
/// the size does not fit.
std::optional<uint64_t> storedBytes(llvm::ArrayRef<int64_t> shape, mlir::Type element);

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// A tensor whose data is in the proto. Fails if the data does not match the
/// declared dimensions and type.
llvm::Expected<mlir::ElementsAttr> toMLIR(const onnx::TensorProto &tensor,
                                          mlir::MLIRContext *context);
/// The same for a tensor of `bytes` as a file stores them.
llvm::Expected<mlir::ElementsAttr> denseFromStored(mlir::RankedTensorType type,
                                                   llvm::ArrayRef<char> bytes);
/// Without data if the tensor is larger than anything a schema looks into.
onnx::TensorProto toONNX(mlir::ElementsAttr elements);

using TensorFn = llvm::function_ref<llvm::Expected<mlir::ElementsAttr>(const onnx::TensorProto &)>;
/// `tensor` converts the tensors inside. Graph attributes are not for here: they
/// become regions.
llvm::Expected<mlir::Attribute> toMLIR(const onnx::AttributeProto &attribute,
                                       mlir::MLIRContext *context, TensorFn tensor);
onnx::AttributeProto toONNX(mlir::NamedAttribute attribute);

/// The operation as a node, values under invented names; of bodies only the
/// signatures.
onnx::NodeProto toONNX(AnyOp op);

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_BRIDGE_H
