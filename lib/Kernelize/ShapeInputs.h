//===- ShapeInputs.h - Inputs whose elements are dimensions ----*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_SHAPEINPUTS_H
#define STRUT_LIB_KERNELIZE_SHAPEINPUTS_H

#include "Lowering.h"
#include "llvm/ADT/SetVector.h"

namespace strut::kernelize {

/// The arguments of a function of the onnx level that hold a few i64 or i32 integers from
/// which the shape of something is computed, such as the size that an image is brought to.
/// Each of their elements can be a dimension like those of shapes.
llvm::SetVector<mlir::BlockArgument> shapeInputs(mlir::func::FuncOp function);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_SHAPEINPUTS_H
