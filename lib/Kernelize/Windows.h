//===- Windows.h - Sliding windows over spatial axes -----------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_WINDOWS_H
#define STRUT_LIB_KERNELIZE_WINDOWS_H

#include "Lowering.h"

namespace strut::kernelize {

/// What Conv and the pools say about their windows, over the spatial axes of an
/// input [N, C, spatial...].
struct Windows {
  llvm::SmallVector<int64_t> kernel, strides, dilations;
  llvm::SmallVector<Dim> low, high;    ///< padding
  llvm::SmallVector<int64_t> overhang; ///< how much of `high` the attributes do not ask for
  llvm::SmallVector<Dim> in, out;      ///< spatial extents

  unsigned rank() const { return kernel.size(); }
  bool isPadded() const;
  /// The place in the (padded) input that window `o` reads at its element `k`.
  mlir::AffineExpr place(unsigned axis, mlir::AffineExpr o, mlir::AffineExpr k) const {
    return o * strides[axis] + k * dilations[axis];
  }
};

/// Why an operator with an input X and a weight W cannot be a convolution, if so.
Reason refuseConvolution(mlir::Operation *operation);

/// Fails, with a message, unless the input [N, C, spatial...] has `channels`, as the weight says.
mlir::LogicalResult checkChannels(AnyOp op, Context &context, llvm::ArrayRef<Dim> input,
                                  int64_t channels);

/// Reads the attributes; `kernel` is used where the op has no kernel_shape.
/// None, with a message, if they are not valid.
std::optional<Windows> windowsOf(AnyOp op, Context &context, llvm::ArrayRef<Dim> input,
                                 llvm::ArrayRef<int64_t> kernel = {});

/// The window that reaches a place, and whether there is one.
struct Origin {
  mlir::Value place, exists;
};

/// Of `extent` windows that start at multiples of `stride`, less `low` of padding, the one whose
/// element at a distance of `reach` lies at `o`. Its number is in bounds even if there is none.
Origin originOf(Code &c, mlir::Value o, mlir::Value reach, mlir::Value low, int64_t stride,
                mlir::Value extent);

/// A tensor in the order [N, spatial..., C] as a kernel reads it.
struct ChannelsLast {
  mlir::Value tensor;
  /// Whether the tensor itself lies so; else it is [N, C, spatial...].
  bool isLast = false;

  /// The map that reads it at these places.
  mlir::AffineMap map(unsigned numIterators, mlir::AffineExpr n, mlir::AffineExpr c,
                      llvm::ArrayRef<mlir::AffineExpr> spatial) const;
};

/// The input as the windows read it: itself, or a padded copy in channels-last
/// order.
ChannelsLast padded(Context &context, mlir::Location loc, mlir::Value input, const Windows &windows,
                    mlir::TypedAttr fill);

/// A constant or tensor with some of its axes split or, where they have one element, left out.
mlir::Value viewOf(Context &context, mlir::Value operand, llvm::ArrayRef<Dim> shape);

/// From [N, spatial..., C] to [N, C, spatial...].
mlir::Value channelsFirst(Context &context, mlir::Location loc, mlir::Value tensor,
                          llvm::ArrayRef<Dim> shape);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_WINDOWS_H
