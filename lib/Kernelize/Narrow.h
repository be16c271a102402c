//===- Narrow.h - Elements that are bits in a byte -------------*- C++ -*-===//
//
// Floats of 8, 6 and 4 bits and integers of 4 and 2 bits are storage only. Kernels
// hold such an element as its bits at the low end of a byte, whatever lies above
// them, and compute with it as f32 or i32.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_NARROW_H
#define STRUT_LIB_KERNELIZE_NARROW_H

#include "ScalarCode.h"

namespace strut::kernelize {

/// Whether kernels hold elements of this type of the onnx level as bits in a byte.
bool isNarrow(mlir::Type element);

/// A constant of narrow elements as bytes, the bits above them 0.
mlir::ElementsAttr bytesOf(mlir::ElementsAttr elements);
mlir::TypedAttr byteOf(mlir::TypedAttr number);

/// How a number goes into a narrow float that cannot hold it (ONNX's Cast).
struct Narrowing {
  /// What is out of range becomes the largest finite number, else infinity or NaN.
  bool saturate = true;
  /// Of f8E8M0, which holds powers of two. All others round to nearest, ties to even.
  enum { Up, Down, Nearest } power = Up;
};

/// The number whose bits are in the byte `bits`: f32 if `element` is a float, else i32.
mlir::Value widenNarrow(Code &c, mlir::Value bits, mlir::Type element);

/// The byte of a float, integer or truth as `element`. Floats outside of a narrow
/// integer lose their high bits, as integers do.
mlir::Value toNarrow(Code &c, mlir::Value x, mlir::Type element, Narrowing how = {});

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_NARROW_H
