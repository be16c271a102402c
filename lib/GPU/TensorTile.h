//===- TensorTile.h - A tile of a matrix product on tensor cores *- C++ -*-===//
//
// For sm_80 and later. All threads copy slices of both operands to shared memory, some slices
// ahead of the one that is multiplied (cp.async); each warp then multiplies a part of the tile
// (ldmatrix, mma.sync). A slice is 64 bytes of the summed dimensions, so that all element types
// have the same layout.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_TENSORTILE_H
#define STRUT_LIB_GPU_TENSORTILE_H

#include "Tile.h"

namespace strut::gpu {

/// What tensor cores multiply. Their sums are f32.
enum class Multiplicand {
  F16,
  BF16,
  TF32,      ///< f32, rounded to 10 bits of fraction
  SplitTF32, ///< f32 as the sum of two such: three products, near the accuracy of f32
};

/// The parameters of a tile.
struct TensorShape {
  Multiplicand kind;
  int64_t rows, columns;         ///< of a block
  int64_t warpRows, warpColumns; ///< of a warp; multiples of 16
  int64_t stages;                ///< slices that shared memory has room for
  int64_t segment = 0; ///< so many steps are summed apart, against rounding; 0: all as one

  static constexpr int64_t sliceBytes = 64;

  int64_t elementBytes() const {
    return kind == Multiplicand::F16 || kind == Multiplicand::BF16 ? 2 : 4;
  }
  int64_t steps() const { return sliceBytes / elementBytes(); }
  int64_t warpsAcross() const { return columns / warpColumns; }
  /// Of a block.
  int64_t threads() const { return rows / warpRows * warpsAcross() * warpSize; }
  int64_t stageBytes() const { return (rows + columns) * sliceBytes; }
};

/// How an operand comes to shared memory.
struct CopyPlan {
  bool alongSteps; ///< memory runs along the steps, else along rows or columns
  int64_t bytes;   ///< of one copy: 16, 8 or 4, all in one run and so aligned
};

/// The best way to copy an operand of this type, as the host function knows it; none where copies
/// of 4 bytes, the smallest, would be too large.
std::optional<CopyPlan> planCopy(mlir::MemRefType type, mlir::AffineMap map, const Nest &nest,
                                 llvm::ArrayRef<unsigned> along, llvm::ArrayRef<unsigned> steps);

class TensorTile {
public:
  /// In the kernel that is being written; with `bytes` of shared memory at least.
  TensorTile(Simt &simt, mlir::OpBuilder &b, mlir::Location loc, const TensorShape &shape,
             int64_t bytes);

  /// Sums of a thread.
  int64_t sums() const;
  /// The product of both operands over all steps, which ends with a barrier.
  llvm::SmallVector<mlir::Value> multiply(mlir::OpBuilder &b, const TileOperand &lhs,
                                          const CopyPlan &lhsPlan, mlir::Value firstRow,
                                          const TileOperand &rhs, const CopyPlan &rhsPlan,
                                          mlir::Value firstColumn) const;

  /// Shared memory for the sums of one row of warps: [row][column], of `count` such arrays.
  static int64_t exchangeBytes(const TensorShape &shape, int64_t count);
  /// Writes the sums of a warp to the array number `number`.
  void storeSums(mlir::OpBuilder &b, mlir::ValueRange sums, int64_t number) const;
  mlir::Value loadSum(mlir::OpBuilder &b, mlir::Value row, mlir::Value column,
                      int64_t number) const;

  mlir::Value warpRow; ///< number of the warp's row of warps, i32

private:
  friend class Slices;
  mlir::Value address(mlir::OpBuilder &b, mlir::Value offset) const;
  mlir::Value exchangeAddress(mlir::OpBuilder &b, mlir::Value row, mlir::Value column,
                              int64_t number) const;
  llvm::SmallVector<mlir::Value> zeros(mlir::OpBuilder &b) const;
  llvm::SmallVector<mlir::Value> multiplySlice(mlir::OpBuilder &b, const class Slices &lhs,
                                               const class Slices &rhs, mlir::Value stage,
                                               mlir::ValueRange sums) const;

  mlir::Location loc;
  TensorShape shape;
  mlir::Value memory;                   ///< pointer to shared memory
  mlir::Value thread, lane, warpColumn; ///< i32
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_TENSORTILE_H
