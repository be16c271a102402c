//===- FourierMatrix.h - Matrices of Fourier transforms --------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_FOURIERMATRIX_H
#define STRUT_LIB_KERNELIZE_FOURIERMATRIX_H

#include "Lowering.h"

namespace strut::kernelize {

/// The matrix of one stage of a transform of `length` values, of the whole where rest is 1:
/// e^(-2 pi i k n / length), n = rest n1 + n2, on real and imaginary parts.
struct FourierMatrix {
  Dim length;
  int64_t rest = 1;
  bool inverse = false;
  /// The values are half of a spectrum, whose other half mirrors it: those but the first
  /// and the middle one count twice, and those beyond the middle not at all.
  bool isHalf = false;
  /// Whether the elements are divided by `divisor`, or `length` where that is 0.
  bool isDivided = false;
  Dim divisor = 0;
  double scale = 1; ///< what the elements are multiplied by

  enum Role : unsigned {
    Rest,   ///< n2
    Read,   ///< the parts of a value: real, imaginary
    Value,  ///< n1
    Made,   ///< the parts of a result
    Result, ///< k
    numRoles
  };
  /// A run of axes with this role, none or one; without one, its number is 0.
  struct Axis {
    Axis(Role role, llvm::ArrayRef<Dim> extents) : role(role), extents(extents) {}
    Axis(Role role, const Dim &extent) : role(role), extents(1, extent) {}
    Role role;
    llvm::SmallVector<Dim, 1> extents;
  };

  /// The matrix with its axes in this order, as a tensor of `shape`: a weight where the
  /// extents are constant, else computed by each run.
  mlir::Value build(Context &context, mlir::Location loc, mlir::Type element,
                    llvm::ArrayRef<Axis> axes, llvm::ArrayRef<Dim> shape) const;
};

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_FOURIERMATRIX_H
