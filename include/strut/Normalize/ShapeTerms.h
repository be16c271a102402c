//===- ShapeTerms.h - What a shape operand is made of ----------*- C++ -*-===//
#ifndef STRUT_NORMALIZE_SHAPETERMS_H
#define STRUT_NORMALIZE_SHAPETERMS_H

#include "dialects/Onnx/Onnx.h"
#include <optional>

namespace strut::normalize {

/// One number of a shape: a constant, or the extent of an axis of a value.
struct ShapeTerm {
  int64_t constant = 0;
  mlir::Value of;
  int64_t axis = 0;

  bool operator==(const ShapeTerm &) const = default;
};

/// The extent of an axis of a tensor of known rank.
ShapeTerm extentOf(mlir::Value tensor, int64_t axis);

/// The same extent, of the value that it comes from through slices of other axes,
/// transpositions and pointwise operators of one operand.
ShapeTerm originOf(ShapeTerm term);

/// The elements of a vector of integers, followed through Shape, Slice, Gather,
/// Concat and reshapes; none where one of them is anything else.
std::optional<llvm::SmallVector<ShapeTerm>> shapeTerms(mlir::Value vector);

} // namespace strut::normalize

#endif // STRUT_NORMALIZE_SHAPETERMS_H
