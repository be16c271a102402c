//===- RowSpace.h - Tensors as rows -----------------------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_ROWSPACE_H
#define STRUT_LIB_KERNELIZE_ROWSPACE_H

#include "Lowering.h"

namespace strut::kernelize {

/// The axes of a tensor, split into those that number the rows and a row's own.
struct RowSpace {
  unsigned rank = 0, numRows = 0;
  /// The iteration dimension of each axis of the tensor.
  llvm::SmallVector<unsigned> iteratorOf;
  llvm::SmallVector<unsigned> rowAxes, reducedAxes;

  RowSpace(unsigned rank, llvm::ArrayRef<int64_t> axes);

  mlir::AffineMap whole(mlir::MLIRContext *context) const;
  /// One element per row.
  mlir::AffineMap perRow(mlir::MLIRContext *context) const;
};

/// The sum of `x` over a row divided by the number of its elements.
mlir::Value mean(Code &c, mlir::Value x, const Dim &count);

/// 1 / sqrt(variance + epsilon) of a row, given its elements less their mean.
mlir::Value inverseDeviation(Code &c, mlir::Value centred, const Dim &count, double epsilon);

/// The product of the extents of `axes`.
Dim countOf(llvm::ArrayRef<Dim> dims, llvm::ArrayRef<unsigned> axes);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_ROWSPACE_H
