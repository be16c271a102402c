//===- Grouping.h - What all forms of kernel.grouped share ------*- C++ -*-===//
//
// The rows lie in `order` by group. A tile is some places of that order, all of one group, and some
// columns. How many tiles a group has is known on the device alone: the grid has as many blocks as
// there could be, each of which finds its tile in the groups' offsets. An empty group has no
// tile, and blocks beyond the last one end at once. The order of a sum is that of k, so that a
// row's bits depend on nothing but itself and its group.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_GROUPING_H
#define STRUT_LIB_GPU_GROUPING_H

#include "Tile.h"

namespace strut::gpu {

class Grouping {
public:
  explicit Grouping(const Nest &nest) : nest(nest), loc(nest.op->getLoc()) {}

  /// Numbers the dimensions by the extents that the operands have where `b` stands.
  void setExtents(mlir::OpBuilder &b, mlir::ValueRange operands);
  mlir::Value rows() const { return extents[kernel::GroupedOp::kRow]; }
  mlir::Value groups() const { return extents[kernel::GroupedOp::kGroup]; }
  /// Blocks of a grid, after setExtents; of tiles of `rows` places.
  mlir::Value blocks(mlir::OpBuilder &b, int64_t rows, int64_t columns) const;
  /// In a kernel function with these arguments, all of whose threads take part: finds the tile of
  /// this block, and runs `body` for it if there is one.
  void forTile(mlir::OpBuilder &b, mlir::ValueRange arguments, int64_t rows, int64_t columns,
               llvm::function_ref<void(mlir::OpBuilder &)> body);

  /// The operands of the product; rows are places in the order. Used where this object lives.
  TileOperand lhs() const { return {parameters[0], nest.maps[0], &places, &k, origin, rowAt}; }
  TileOperand rhs() const { return {parameters[1], nest.maps[1], &n, &k, origin}; }
  /// Stores what the epilogue makes of the sum of one element.
  void finish(mlir::OpBuilder &b, mlir::Value place, mlir::Value column, mlir::Value sum) const;

  const Nest &nest;
  mlir::Location loc;

  DimGroup places, n, k;               ///< the places end where the tile does
  mlir::Value firstPlace, firstColumn; ///< of the tile

private:
  mlir::Value panels(mlir::OpBuilder &b, int64_t columns) const;
  /// An element of `order` or `offsets`.
  mlir::Value entry(mlir::OpBuilder &b, unsigned list, mlir::Value at) const;
  /// Group and first place of the tile with this number, all threads taking part; -1 if there
  /// are not so many tiles.
  std::pair<mlir::Value, mlir::Value> findTile(mlir::OpBuilder &b, mlir::Value number,
                                               int64_t rows) const;

  llvm::SmallVector<mlir::Value> extents;
  mlir::ValueRange parameters;
  llvm::SmallVector<mlir::Value> origin; ///< the point of the group, other dimensions 0
  std::function<mlir::Value(mlir::OpBuilder &, mlir::Value)> rowAt;
};

/// Launches a ragged product by tiles; `threads` and `resident` as in a Grid, `body` writes the
/// code of a thread.
void launchGrouping(Simt &simt, mlir::OpBuilder &host, Grouping &code, llvm::StringRef name,
                    int64_t rows, int64_t columns, int64_t threads, int64_t resident,
                    llvm::function_ref<void(mlir::OpBuilder &)> body);

/// Launches it on tensor cores, in one of several tiles by the sizes of the run; false where they
/// cannot take it (as emitTensorContract).
bool emitTensorGrouped(Simt &simt, mlir::OpBuilder &host, Grouping &code);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_GROUPING_H
