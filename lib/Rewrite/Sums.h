//===- Sums.h - Sums of several values -------------------------*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_SUMS_H
#define STRUT_LIB_REWRITE_SUMS_H

#include "dialects/Onnx/Onnx.h"

namespace strut::rewrite {

/// The addends of a sum, through sums of the same type that nothing else reads. Gives the
/// type, and null where weights of it may not be combined (mayCombine).
mlir::RankedTensorType addendsOf(mlir::Value sum, bool reducedPrecision,
                                 llvm::SmallVectorImpl<mlir::Value> &addends);

/// The sum of values of one type, added from the first to the last.
mlir::Value sumOf(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange addends);

/// The values that an addend is a map of: itself, and what is before its maps and factors.
llvm::SmallVector<mlir::Value> rootsOf(mlir::Value addend);

} // namespace strut::rewrite

#endif // STRUT_LIB_REWRITE_SUMS_H
