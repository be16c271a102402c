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

#include "Fragments.h"
#include "Slices.h"

namespace strut::gpu {

/// The parameters of a tile.
struct TensorShape {
  Multiplicand kind;
  int64_t rows, columns;         ///< of a block
  int64_t warpRows, warpColumns; ///< of a warp; multiples of 16
  int64_t stages;                ///< slices that shared memory has room for
  int64_t segment = 0; ///< so many steps are summed apart, against rounding; 0: all as one
  static constexpr int64_t segmentSlices = 16; ///< of a segment, where there are any

  int64_t elementBytes() const { return isHalf(kind) ? 2 : 4; }
  int64_t steps() const { return sliceBytes / elementBytes(); }
  int64_t warpsAcross() const { return columns / warpColumns; }
  /// Of a block.
  int64_t threads() const { return rows / warpRows * warpsAcross() * warpSize; }
  int64_t stageBytes() const { return (rows + columns) * sliceBytes; }
  /// Threads that a multiprocessor should hold (Grid::resident), where a thread has so many sums
  /// for an element and copies so: many sums, and the addresses of many copies, need registers.
  int64_t resident(unsigned sums, llvm::ArrayRef<CopyPlan> plans) const;
  /// What tells kernels of the same op apart: "_k16_w8_64x64".
  std::string suffix(llvm::ArrayRef<CopyPlan> plans) const;
};

/// Steps of a segment, by the bytes of an element.
constexpr int64_t segmentStepsOf(int64_t elementBytes) {
  return TensorShape::segmentSlices * sliceBytes / elementBytes;
}

/// The tiles of a kind, from few rows to many. All add in the same order: the bits of an element
/// do not depend on which one runs.
struct TensorShapes {
  static constexpr int64_t fewRows = 32;    ///< that the first tile has
  static constexpr int64_t manyBlocks = 96; ///< of the last tile, which then fill a GPU
  TensorShape few, middle, many;

  /// Where a thread has `sums` for each element.
  TensorShapes(Multiplicand kind, unsigned sums);

  /// Runs `launch` with the first where `isFew`, the last where `isMany`, else the middle one.
  void choose(mlir::OpBuilder &host, mlir::Location loc, mlir::Value isFew, mlir::Value isMany,
              llvm::function_ref<void(mlir::OpBuilder &, const TensorShape &)> launch) const;
};

/// Runs one of three launches: the first where `isFew`, the last where `isMany`, else the middle
/// one.
void launchBySize(mlir::OpBuilder &host, mlir::Location loc, mlir::Value isFew, mlir::Value isMany,
                  llvm::function_ref<void(mlir::OpBuilder &)> few,
                  llvm::function_ref<void(mlir::OpBuilder &)> middle,
                  llvm::function_ref<void(mlir::OpBuilder &)> many);

/// Whether dimensions have, or at run time may have, enough elements together for tensor cores:
/// of fewer most would be padding.
bool isWide(const Nest &nest, llvm::ArrayRef<unsigned> dims);

class TensorTile {
public:
  /// In the kernel that is being written, for `count` sums of each element.
  TensorTile(Simt &simt, mlir::OpBuilder &b, mlir::Location loc, const TensorShape &shape,
             unsigned count);
  /// ... for one sum, in shared memory that is there.
  TensorTile(mlir::OpBuilder &b, mlir::Location loc, const TensorShape &shape, mlir::Value memory);

  /// Of the array through which `count` sums of each element of a row of warps go.
  static int64_t exchangeBytes(const TensorShape &shape, int64_t count);

  /// Sums of a thread.
  int64_t sums() const;
  llvm::SmallVector<mlir::Value> zeros(mlir::OpBuilder &b) const;
  /// Where slices of one side lie, from `memory` on, and this warp's part of them.
  SlicePlace place(mlir::OpBuilder &b, mlir::Value memory, bool isLhs) const;
  /// `sums` plus the product of a slice of each side, by their numbers.
  llvm::SmallVector<mlir::Value> multiplySlice(mlir::OpBuilder &b, const Slices &lhs,
                                               mlir::Value left, const Slices &rhs,
                                               mlir::Value right, mlir::ValueRange sums) const;
  /// The product of both operands over all steps, which ends with a barrier; with `firstStep`, over
  /// one segment.
  llvm::SmallVector<mlir::Value> multiply(mlir::OpBuilder &b, const TileOperand &lhs,
                                          const CopyPlan &lhsPlan, mlir::Value firstRow,
                                          const TileOperand &rhs, const CopyPlan &rhsPlan,
                                          mlir::Value firstColumn,
                                          mlir::Value firstStep = nullptr) const;

  /// Runs `body` for each element of the tile whose row and column are below `rows` and `columns`,
  /// with its value in each of `sums`. They go through shared memory, row by row of warps, so that
  /// neighbouring threads have neighbouring elements and the body's code is there once.
  using Finish = llvm::function_ref<void(mlir::OpBuilder &, mlir::Value row, mlir::Value column,
                                         mlir::ValueRange sums)>;
  void forSums(mlir::OpBuilder &b, llvm::ArrayRef<llvm::SmallVector<mlir::Value>> sums,
               mlir::Value firstRow, mlir::Value rows, mlir::Value firstColumn, mlir::Value columns,
               Finish body) const;

private:
  mlir::Value exchangeAddress(mlir::OpBuilder &b, mlir::Value row, mlir::Value column,
                              int64_t number) const;
  /// Writes the sums of a warp to the array number `number` of a row of warps.
  void storeSums(mlir::OpBuilder &b, mlir::ValueRange sums, int64_t number) const;
  mlir::Value loadSum(mlir::OpBuilder &b, mlir::Value row, mlir::Value column,
                      int64_t number) const;

  mlir::Location loc;
  TensorShape shape;
  mlir::Value memory;                      ///< pointer to shared memory
  mlir::Value thread, warpRow, warpColumn; ///< i32; of the row of warps its number
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_TENSORTILE_H
