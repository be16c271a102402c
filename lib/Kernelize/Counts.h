//===- Counts.h - Extents that data tell -----------------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_COUNTS_H
#define STRUT_LIB_KERNELIZE_COUNTS_H

#include "Lowering.h"

namespace strut::kernelize {

/// Refuses an op that would see what lies beyond the count of an operand's dimension, or
/// whose result has a dimension that is computed from one.
mlir::LogicalResult checkCounts(mlir::Operation *op, Context &context);

/// A tensor of a result as the caller sees it, the elements within the counts of its
/// dimensions side by side at its beginning.
mlir::Value compacted(Context &context, mlir::Location loc, mlir::Value tensor,
                      llvm::ArrayRef<Dim> dims);

// Where an operand that says a shape is data, what the model declares for the result stands
// for it, and the run checks that both agree.

/// Of an operand that says extents: `declared` ones, as Reshape, Expand or another op means
/// them.
mlir::LogicalResult requireShape(Context &context, mlir::Operation *op, mlir::Value operand,
                                 llvm::ArrayRef<Dim> declared);
/// Of an operand whose elements are these numbers, any number where there is none; `what` the
/// operand says.
mlir::LogicalResult requireNumbers(Context &context, mlir::Operation *op, mlir::Value operand,
                                   llvm::ArrayRef<std::optional<int64_t>> numbers,
                                   llvm::StringRef what);
/// Of axes: with extents of 1 at them, `squeezed` is `whole`.
mlir::LogicalResult requireAxes(Context &context, mlir::Operation *op, mlir::Value axes,
                                llvm::ArrayRef<Dim> whole, llvm::ArrayRef<Dim> squeezed);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_COUNTS_H
