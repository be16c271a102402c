//===- Contraction.h - What all forms of kernel.contract share --*- C++ -*-===//
//
// A block computes a tile of the result for one batch index. Rows, columns and the summed
// dimensions are each numbered as one, so windows (a convolution) and any number of dimensions
// take the same way.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_CONTRACTION_H
#define STRUT_LIB_GPU_CONTRACTION_H

#include "Tile.h"

namespace strut::gpu {

class Contraction {
public:
  Contraction(const Nest &nest, kernel::ContractOp op)
      : nest(nest), op(op), roles(kernel::ContractOp::rolesOf(nest.maps)), loc(op.getLoc()) {}

  /// Numbers the dimensions by the extents that the operands have where `b` stands.
  void setGroups(mlir::OpBuilder &b, mlir::ValueRange operands);
  /// Blocks of a grid of tiles, after setGroups.
  mlir::Value blocks(mlir::OpBuilder &b, int64_t rows, int64_t columns) const;
  /// In a kernel function: its arguments, those of the nest.
  void begin(mlir::OpBuilder &b, mlir::ValueRange arguments);
  /// After that: where tile number `tile` of the grid is.
  void place(mlir::OpBuilder &b, mlir::Value tile, int64_t rows, int64_t columns);

  /// The operands of a product, in a kernel function.
  TileOperand lhs(unsigned product) const {
    return {parameters[2 * product], nest.maps[2 * product], &m, &steps[product], origin};
  }
  TileOperand rhs(unsigned product) const {
    return {parameters[2 * product + 1], nest.maps[2 * product + 1], &n, &steps[product], origin};
  }
  /// What the epilogue makes of the sums of one element.
  mlir::Value valueAt(mlir::OpBuilder &b, mlir::Value row, mlir::Value column,
                      mlir::ValueRange sums);
  /// Stores that.
  void finish(mlir::OpBuilder &b, mlir::Value row, mlir::Value column, mlir::ValueRange sums);

  const Nest &nest;
  kernel::ContractOp op;
  kernel::ContractOp::Roles roles;
  mlir::Location loc;

  DimGroup batch, m, n;
  llvm::SmallVector<DimGroup> steps; ///< the k of each product
  mlir::ValueRange parameters;
  llvm::SmallVector<mlir::Value> origin; ///< the point of the batch index, other dimensions 0
  mlir::Value firstRow, firstColumn;     ///< of the tile

private:
  llvm::SmallVector<mlir::Value> pointAt(mlir::OpBuilder &b, mlir::Value row,
                                         mlir::Value column) const;
  llvm::SmallVector<mlir::Value> gridExtents(mlir::OpBuilder &b, int64_t rows,
                                             int64_t columns) const;
};

/// Launches a contraction by tiles; `threads` and `resident` as in a Grid, `body` writes the code
/// of a thread.
void launchContraction(Simt &simt, mlir::OpBuilder &host, Contraction &code, llvm::StringRef name,
                       int64_t rows, int64_t columns, int64_t threads, int64_t resident,
                       llvm::function_ref<void(mlir::OpBuilder &)> body);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_CONTRACTION_H
