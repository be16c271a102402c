//===- Tile.h - A tile of a matrix product, by a block of threads *- C++ -*-===//
//
// All threads load slices of both operands into shared memory, some steps of the summed
// dimensions each, converted to the accumulator's type; then each thread adds the products of
// a small tile of its own. The sum runs in the order of the summed dimensions.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_TILE_H
#define STRUT_LIB_GPU_TILE_H

#include "Simt.h"

namespace strut::gpu {

/// Dimensions of an iteration space that are numbered as one.
struct DimGroup {
  llvm::SmallVector<unsigned> dims;
  llvm::SmallVector<mlir::Value> extents;
  mlir::Value size; ///< their product

  DimGroup() = default;
  /// `extents` are those of the whole space.
  DimGroup(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<unsigned> dims,
           llvm::ArrayRef<mlir::Value> extents);

  /// Moves `point` to where the group has `number`.
  void place(mlir::OpBuilder &b, mlir::Location loc, llvm::SmallVector<mlir::Value> &point,
             mlir::Value number) const;
};

/// An operand as a matrix: rows (of the left side) or columns (of the right) by steps.
struct TileOperand {
  mlir::Value memref;
  mlir::AffineMap map;
  const DimGroup *along, *steps;
  llvm::ArrayRef<mlir::Value> origin; ///< a point of the space; the groups' dimensions are 0
  /// Which row stands at a place, where rows are taken in an order of their own.
  llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value)> rowAt = nullptr;
};

class Tile {
public:
  static constexpr int64_t rows = 64;
  static constexpr int64_t steps = 16;     ///< of a slice
  static constexpr int64_t threadRows = 4; ///< of a thread, which follow each other
  static constexpr int64_t threads = 256;
  static constexpr int64_t across = threads / (rows / threadRows); ///< threads of a row

  /// A tile of `columns`, a multiple of 16, whose products are sums of type `accumulator`.
  Tile(mlir::OpBuilder &b, mlir::Location loc, mlir::Type accumulator, int64_t columns);

  int64_t threadColumns() const { return columns / across; }
  /// Sums of a thread, row by row.
  int64_t sums() const { return threadRows * threadColumns(); }
  mlir::Value zero(mlir::OpBuilder &b) const;

  /// Shared memory for `depth` steps of `width` rows or columns: [step][row or column].
  mlir::Value memory(Simt &simt, mlir::OpBuilder &b, int64_t depth, int64_t width) const;
  /// Copies this thread's part of a slice of `width` rows or columns; zeros outside.
  void load(mlir::OpBuilder &b, const TileOperand &operand, int64_t width, mlir::Value memory,
            mlir::Value first, mlir::Value firstStep) const;
  /// sums + products of the slice `rhs` with the steps of `lhs` from `lhsStep` on.
  llvm::SmallVector<mlir::Value> add(mlir::OpBuilder &b, mlir::Value lhs, mlir::Value lhsStep,
                                     mlir::Value rhs, mlir::ValueRange sums) const;
  /// The product of both operands over all steps, which ends with a barrier.
  llvm::SmallVector<mlir::Value> multiply(mlir::OpBuilder &b, const TileOperand &lhs,
                                          mlir::Value lhsMemory, mlir::Value firstRow,
                                          const TileOperand &rhs, mlir::Value rhsMemory,
                                          mlir::Value firstColumn) const;

  /// Runs `body` for each sum of this thread, by its number, whose row and column are below `rows`
  /// and `columns`.
  void forSums(
      mlir::OpBuilder &b, mlir::Value firstRow, mlir::Value rows, mlir::Value firstColumn,
      mlir::Value columns,
      llvm::function_ref<void(mlir::OpBuilder &, mlir::Value row, mlir::Value column, int64_t sum)>
          body) const;

  mlir::Value threadRow, threadColumn; ///< the first of this thread, in the tile
  mlir::Type accumulator;

private:
  mlir::Value widened(mlir::OpBuilder &b, mlir::Value v) const;

  mlir::Location loc;
  int64_t columns;
};

/// `number` where it is below `count`, else 0, which is in bounds; and whether it is.
std::pair<mlir::Value, mlir::Value> clamp(mlir::OpBuilder &b, mlir::Location loc,
                                          mlir::Value number, mlir::Value count);
mlir::Value plus(mlir::OpBuilder &b, mlir::Location loc, mlir::Value i, int64_t offset);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_TILE_H
