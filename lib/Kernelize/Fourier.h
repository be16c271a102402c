//===- Fourier.h - Discrete Fourier transforms as contractions -*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_FOURIER_H
#define STRUT_LIB_KERNELIZE_FOURIER_H

#include "Lowering.h"

namespace strut::kernelize {

/// A transform along an axis whose last axis holds the parts of a value: one of real
/// values, two (real, imaginary) of complex ones. The number of values that it is of is
/// known when dimensions are bound.
struct Fourier {
  unsigned axis = 0;
  Dim length;
  bool inverse = false, oneSided = false;
  /// Of a constant length, the sizes of the transforms that it is made of; else empty.
  llvm::SmallVector<int64_t> factors;
  double scale = 1; ///< what the result is multiplied by
  /// Nobody reads the imaginary parts of the result, so they may be anything.
  bool realAlone = false;

  /// One-sided and inverse: the values that come out are real.
  bool givesReal() const { return inverse && oneSided; }
  /// Whether real parts are all that is computed.
  bool makesReal() const { return givesReal() || realAlone; }
};

/// The transform of `x`, which has the extents `dims`: its value and extents.
std::pair<mlir::Value, llvm::SmallVector<Dim>> transformed(Context &context, mlir::Location loc,
                                                           mlir::Value x, llvm::ArrayRef<Dim> dims,
                                                           const Fourier &what);

/// DFT whose axis or length, STFT whose step or length is known at run time only: loops
/// over the definition. The model must declare the shape of the result.
mlir::LogicalResult lowerRunTimeFourier(AnyOp op, Context &context);
mlir::LogicalResult lowerRunTimeFrames(AnyOp op, Context &context);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_FOURIER_H
