//===- Loops.h - Code in the bodies of regions -----------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_LOOPS_H
#define STRUT_LIB_KERNELIZE_LOOPS_H

#include "Lowering.h"

namespace strut::kernelize {

/// The extents of a tensor, one index value per axis.
llvm::SmallVector<mlir::Value> extentsOf(Code &c, mlir::Value tensor);

/// Builds the body of a nest: what is carried to the next iteration, as many values
/// and of the types as came in.
using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(Code &, mlir::ValueRange places,
                                                                   mlir::ValueRange carried)>;

/// Nested loops from 0 to each extent, the last one innermost. With no extents the
/// body runs once.
llvm::SmallVector<mlir::Value> loops(Code &c, llvm::ArrayRef<mlir::Value> extents,
                                     llvm::ArrayRef<mlir::Value> carried, LoopBody body);

/// An element, f16 and bf16 widened.
mlir::Value read(Code &c, mlir::Value tensor, mlir::ValueRange at);
/// The tensor with the value, converted to the element type, at a place.
mlir::Value written(Code &c, mlir::Value value, mlir::Value tensor, mlir::ValueRange at);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_LOOPS_H
