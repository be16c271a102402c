//===- Resampling.h - What Resize says of its axes -------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_RESAMPLING_H
#define STRUT_LIB_KERNELIZE_RESAMPLING_H

#include "Lowering.h"
#include "Real.h"

namespace strut::kernelize {

/// Numbers of an operand: constants of the model, or a vector that the run brings.
struct Numbers {
  std::optional<llvm::SmallVector<double>> known;
  mlir::Value tensor;
  unsigned input = 0; ///< of the kernels that compute tables

  bool isGiven() const { return known || tensor; }
  /// In the body of a kernel, or outside of one where it is known.
  Real at(Code *c, unsigned number) const;
};

/// An axis along which elements are interpolated.
struct ResampledAxis {
  unsigned axis;
  unsigned number; ///< its place in scales, sizes and, twice, roi
  Extent in, out;
  /// How many neighbours on each side of an element it is made of; 0 if it is one of them.
  Extent reach;
  /// out / in where it is known, else 1.
  double ratio = 1;
  /// Whether the places and weights of all its samples are known.
  bool isKnown = false;

  Dim taps() const { return reach.dim.is(0) ? Dim(1) : reach.dim * Dim(2); }
};

/// A Resize, and what its samples are by the formulas of the standard.
class Resampling {
public:
  /// Reads the op; none, with a message, if the shape of its result is not known.
  static std::optional<Resampling> read(AnyOp op, Context &context);

  llvm::SmallVector<Dim> from, to;
  llvm::SmallVector<ResampledAxis> axes;

  bool isNearest() const { return mode == "nearest"; }
  /// Whether places outside of the input have a value of their own.
  bool crops() const { return transformation == "tf_crop_and_resize"; }
  double extrapolation = 0;

  /// The neighbours that an element is a sum of are numbered from 0, axis.taps() of them. The
  /// place of one in the input, brought into the axis; -1 if the element lies outside of the
  /// region that is cropped. Outside of a kernel (no code) of an axis that is known.
  Real placeOfTap(Code *c, const ResampledAxis &axis, const Real &element, const Real &tap) const;
  /// Its weight, up to a factor if needsSum().
  Real weightOfTap(Code *c, const ResampledAxis &axis, const Real &element, const Real &tap) const;
  /// Whether weights are divided by the sum of an element's.
  bool needsSum() const { return antialias || excludesOutside; }

  /// The tensors that the run brings, as inputs of a kernel to fetch from.
  llvm::SmallVector<Input> runTimeInputs() const;

private:
  std::optional<llvm::SmallVector<int64_t>> readAxes(AnyOp op, Context &context) const;
  bool readNumbers(AnyOp op, Context &context, unsigned count);
  bool hasKnownLengths(AnyOp op, Context &context) const;
  bool readShape(AnyOp op, Context &context, llvm::ArrayRef<int64_t> numbered);
  mlir::LogicalResult requireDeclared(AnyOp op, Context &context, unsigned number, unsigned axis);
  void keepAspectRatio(Context &context, llvm::ArrayRef<Dim> wanted,
                       llvm::ArrayRef<int64_t> numbered);
  Dim reachOf(Context &context, const ResampledAxis &axis) const;
  void addAxis(Context &context, unsigned axis, unsigned number);

  Real extentOf(Code *c, const Extent &extent) const;
  Real scaleOf(Code *c, const ResampledAxis &axis) const;
  Real place(Code *c, const ResampledAxis &axis, const Real &element) const;
  Real rounded(const Real &place) const;
  Real neighbour(Code *c, const ResampledAxis &axis, const Real &place, const Real &tap) const;

  mlir::StringRef mode, transformation, rounding, policy;
  bool antialias = false, excludesOutside = false;
  double cubic = -0.75;
  Numbers scales, sizes, roi;
  llvm::SmallVector<Extent> numberedExtents; ///< of the input, by the number of the axis
};

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_RESAMPLING_H
