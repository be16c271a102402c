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

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_TRANSPOSE_H
