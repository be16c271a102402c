//===- IntegerArrays.h - Small arrays of integers, some known --*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_INTEGERARRAYS_H
#define STRUT_LIB_NORMALIZE_INTEGERARRAYS_H

#include "dialects/Onnx/Onnx.h"
#include <optional>

namespace strut::normalize {

/// A tensor of integers in row-major order, of which an element may be unknown:
/// the shape of an image with an open batch is [?, 3, 224, 224].
struct IntegerArray {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<std::optional<int64_t>> elements;
};

/// What is known of the integers of a function, followed from operator to operator.
class IntegerArrays {
public:
  /// More elements than this are no arithmetic on shapes.
  static constexpr int64_t kMost = 64;

  /// The elements of a value: those of a constant, or what `follow` found.
  const IntegerArray *lookup(mlir::Value value);
  /// The elements of the operator's only result, computed from its operands'; null
  /// where the operator is another, its result's extents are not known or an
  /// exception of the arithmetic is its own matter: overflow, a division by zero or
  /// of a negative number.
  const IntegerArray *follow(onnx_ir::AnyOp op);

private:
  llvm::DenseMap<mlir::Value, IntegerArray> arrays;
};

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_INTEGERARRAYS_H
