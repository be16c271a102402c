//===- Transpose.h - Tiles transposed in registers -------------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_TRANSPOSE_H
#define STRUT_LIB_CPU_TRANSPOSE_H

#include "mlir/IR/Builders.h"

namespace strut::cpu {

/// True if tiles of `lanes` vectors of as many elements can be transposed: a power of two
/// of at least 4.
bool canTranspose(int64_t lanes);

/// Element j of result i is element i of row j. There are as many rows as a row has elements.
llvm::SmallVector<mlir::Value> transpose(mlir::OpBuilder &b, mlir::Location loc,
                                         llvm::SmallVector<mlir::Value> rows);

/// The elements of equally long vectors by turns, x0 y0 z0 x1 y1 z1 ..., as as many vectors.
llvm::SmallVector<mlir::Value> interleaved(mlir::OpBuilder &b, mlir::Location loc,
                                           llvm::ArrayRef<mlir::Value> streams);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_TRANSPOSE_H
