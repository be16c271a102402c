//===- BoxPlan.h - Operands as tensors that bulk copies take boxes of *- C++ -*-===//
#ifndef STRUT_LIB_GPU_BOXPLAN_H
#define STRUT_LIB_GPU_BOXPLAN_H

#include "Tile.h"

namespace strut::gpu {

/// An operand of a contraction as a tensor of 16-bit floats whose boxes bulk copies take: lines of
/// 128 bytes, swizzled by as many.
struct BoxPlan {
  /// What a dimension of the tensor numbers: rows or columns, the summed dimensions, or one of the
  /// batch.
  enum Role { Along, Steps, Batch };
  struct Dim {
    Role role;
    llvm::SmallVector<unsigned> results; ///< of the operand's map: what memory has as one
    unsigned batchDim = 0;               ///< of the iteration space
  };
  llvm::SmallVector<Dim, 2> dims; ///< innermost first

  static constexpr int64_t lineElements = 64, mostDims = 5;

  /// Whether memory runs along rows or columns, not along the steps.
  bool isTransposed() const { return dims.front().role == Along; }
  /// Elements of each side of a box of `rows` rows or columns and one line of steps; of a
  /// transposed operand it has one line of rows or columns.
  llvm::SmallVector<int64_t> box(int64_t rows) const;
  /// Where a box begins, i32 values.
  llvm::SmallVector<mlir::Value> corner(mlir::OpBuilder &b, mlir::Location loc, mlir::Value row,
                                        mlir::Value step, mlir::ValueRange origin) const;
};

/// The plan of an operand; none where bulk copies cannot take it: lines that are not a multiple of
/// 16 bytes, strides that are not known to be, or dimensions that are no tensor's.
std::optional<BoxPlan> planBoxes(mlir::MemRefType type, mlir::AffineMap map,
                                 llvm::ArrayRef<unsigned> along, llvm::ArrayRef<unsigned> steps,
                                 llvm::ArrayRef<unsigned> batch);

/// Fields of a StrutTensorDescription of the operand, for boxes of `rows`: index values of the host
/// function. A kernel finds the tensor map in the place of these, its first arguments.
llvm::SmallVector<mlir::Value> describeTensor(mlir::OpBuilder &host, mlir::Location loc,
                                              const BoxPlan &plan, mlir::Value operand,
                                              int64_t rows);
constexpr unsigned tensorFields = 16;

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_BOXPLAN_H
