//===- ControlFlow.h - What the host decides while it runs -----*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_CONTROLFLOW_H
#define STRUT_LIB_KERNELIZE_CONTROLFLOW_H

#include "Lowering.h"

namespace strut::kernelize {

/// The only element of an operand, read by the host while it runs. Fails, with a message on
/// `op` that calls the operand `name`, for one that may have another number of elements.
mlir::FailureOr<mlir::Value> hostElement(AnyOp op, Context &context, mlir::Value operand,
                                         llvm::StringRef name);
/// The same as an index.
mlir::FailureOr<mlir::Value> hostIndex(AnyOp op, Context &context, mlir::Value operand,
                                       llvm::StringRef name);

/// A kernel that copies `source` to `target`, a tensor of the same shape.
mlir::Value copyInto(Context &context, mlir::Location loc, mlir::Value source, mlir::Value target);

/// The shape that two values have in common; none if it cannot be told that they have one.
std::optional<llvm::SmallVector<Dim>> sameShape(Context &context, llvm::ArrayRef<Dim> a,
                                                llvm::ArrayRef<Dim> b);
/// A value of these dimensions as a tensor of the type that these have.
mlir::Value withShape(Context &context, mlir::Location loc, mlir::Value onnx,
                      llvm::ArrayRef<Dim> dims);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_CONTROLFLOW_H
