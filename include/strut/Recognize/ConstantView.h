//===- ConstantView.h - Weights as they are read ---------------*- C++ -*-===//
#ifndef STRUT_RECOGNIZE_CONSTANTVIEW_H
#define STRUT_RECOGNIZE_CONSTANTVIEW_H

#include "dialects/Onnx/Onnx.h"
#include <optional>
#include <vector>

namespace strut::recognize {

/// Elements of a constant of the model in some order, as transpositions, reshapes and
/// slices leave them. Knows where they are and does not read them until asked.
class ConstantView {
public:
  /// One loop over elements: `extent` of them, `stride` elements of the constant apart.
  struct Digit {
    int64_t extent, stride;
    bool operator==(const Digit &) const = default;
  };
  /// An axis is a row-major nest of digits; none for an extent of 1.
  using Axis = llvm::SmallVector<Digit, 2>;

  /// A value that is a constant, or one behind operators that only move elements. None
  /// for any other, and where the type is not static.
  static std::optional<ConstantView> of(mlir::Value value);

  /// Views of one shape and type one after the other, along a new first axis. Copied, unless
  /// they lie like that in one constant. None where they differ or cannot be read.
  static std::optional<ConstantView> stacked(llvm::ArrayRef<ConstantView> views);

  /// Views of one type beside each other along an axis, copied; none where other extents differ or
  /// elements cannot be read.
  static std::optional<ConstantView> concatenated(llvm::ArrayRef<ConstantView> views, size_t axis);

  /// All elements of a constant of floats with a static shape, at least one.
  static ConstantView whole(mlir::ElementsAttr constant, mlir::Location loc);

  mlir::Type element() const { return constant.getElementType(); }
  size_t rank() const { return axes.size(); }
  int64_t extent(size_t axis) const;
  int64_t count() const;

  ConstantView transposed(llvm::ArrayRef<int64_t> permutation) const;
  /// None where an axis of the result would take digits that do not divide.
  std::optional<ConstantView> reshaped(llvm::ArrayRef<int64_t> shape) const;
  /// Elements start, start + step, ... of an axis.
  std::optional<ConstantView> sliced(size_t axis, int64_t start, int64_t step, int64_t count) const;
  /// Elements in another order of an axis, copied; none where they cannot be read.
  std::optional<ConstantView> selected(size_t axis, llvm::ArrayRef<int64_t> from) const;
  /// The axes of each group as one, row-major.
  ConstantView grouped(llvm::ArrayRef<llvm::SmallVector<unsigned>> groups) const;

  /// The elements, row-major, widened; none where they cannot be had.
  std::optional<std::vector<double>> numbers() const;
  /// A value of these elements: the constant itself if it has them in this order, its
  /// transposition if that is all, else a new constant.
  mlir::Value build(mlir::OpBuilder &builder, mlir::Location loc) const;

private:
  ConstantView(mlir::ElementsAttr constant, mlir::Location loc) : constant(constant), loc(loc) {}

  /// A constant of `shape` made of the first of `outer` equal pieces of each view, then of the
  /// second of each, and so on; none where elements cannot be read.
  static std::optional<ConstantView> interleaved(llvm::ArrayRef<ConstantView> views,
                                                 llvm::ArrayRef<int64_t> shape, int64_t outer);

  std::vector<int64_t> positions() const;
  bool isWhole() const;
  std::optional<mlir::ElementsAttr> copy(llvm::ArrayRef<int64_t> from,
                                         llvm::ArrayRef<int64_t> shape) const;

  mlir::ElementsAttr constant;
  mlir::Location loc; ///< of the constant
  int64_t offset = 0;
  llvm::SmallVector<Axis, 4> axes;
};

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_CONSTANTVIEW_H
