//===- Parts.h - Tensors that are written part by part ----------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_PARTS_H
#define STRUT_LIB_KERNELIZE_PARTS_H

#include "KernelEdit.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace strut::kernelize {

/// A part of a tensor and the kernel that writes it there.
struct Part {
  mlir::tensor::InsertSliceOp insert;
  kernel::KernelOpInterface writer;
  mlir::AffineMap read; ///< of a pure move by a permutation, else null

  /// What a move copies from.
  mlir::Value moved() { return writer.getKernelInputs()[0]; }
  /// The part of the tensor as it was before, to which the writer writes.
  mlir::tensor::ExtractSliceOp slice() {
    return writer.getKernelInits()[0].getDefiningOp<mlir::tensor::ExtractSliceOp>();
  }
};

/// The parts in order, if `last` ends a chain of at least two that starts with an empty tensor
/// and that nobody reads before it is whole: a concatenation, or data within borders.
std::optional<llvm::SmallVector<Part>> partsOf(mlir::tensor::InsertSliceOp last);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_PARTS_H
