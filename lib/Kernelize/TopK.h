//===- TopK.h - The largest elements along an axis -------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_TOPK_H
#define STRUT_LIB_KERNELIZE_TOPK_H

#include "Lowering.h"

namespace strut::kernelize {

/// The largest (or smallest) elements of `tensor` along `axis` in their order, and their
/// places as i64, both of this shape; of equal ones the lower place comes first.
llvm::SmallVector<mlir::Value> selectBest(Context &context, mlir::Location loc, mlir::Value tensor,
                                          unsigned axis, llvm::ArrayRef<Dim> shape, bool largest);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_TOPK_H
