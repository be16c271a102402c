//===- Parts.h - real and imaginary parts of values --------------*- C++ -*-===//
#ifndef DIALECTS_ONNX_PARTS_H
#define DIALECTS_ONNX_PARTS_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace strut::onnx_ir {

/// The elements of a constant of integers.
std::optional<llvm::SmallVector<int64_t>> integersOf(mlir::Value value);

/// Whether the last axis of a tensor could hold the parts of complex values: its extent is 2.
bool hasParts(mlir::Type type);

/// That an op reads one part of its first operand, 0 or 1, and whether it drops the axis.
struct PartRead {
  unsigned part;
  bool dropsAxis;
};
/// Gather and Slice of one place of a last axis of 2, by constants.
std::optional<PartRead> asPartRead(mlir::Operation *op);

/// The two operands of a Concat that puts real values side by side as parts.
std::optional<std::pair<mlir::Value, mlir::Value>> partsOfConcat(mlir::Value value);

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_PARTS_H
