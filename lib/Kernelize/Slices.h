//===- Slices.h - Parts of tensors -----------------------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_SLICES_H
#define STRUT_LIB_KERNELIZE_SLICES_H

#include "Lowering.h"

namespace strut::kernelize {

/// Elements start, start + step, ... of an axis, `size` of them.
struct AxisSlice {
  Dim start, size;
  int64_t step = 1;
};

/// The part of `tensor` that `slices` say, one per axis. Steps of symbolic
/// starts are positive.
mlir::Value slice(Context &context, mlir::Location loc, mlir::Value tensor,
                  llvm::ArrayRef<AxisSlice> slices);

/// `target` with `source`, as large as `shape`, written to the place `starts`: a constant,
/// or a tensor read at a map over `shape` (null: as it lies).
mlir::Value insert(Context &context, mlir::Location loc, const Input &source, mlir::Value target,
                   llvm::ArrayRef<Dim> starts, llvm::ArrayRef<Dim> shape);

/// Lowers a Slice whose bounds, axes or steps are data: the extents of its result are those
/// that the model declares, which the run checks, or counted dimensions.
mlir::LogicalResult sliceByData(AnyOp op, Context &context);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_SLICES_H
