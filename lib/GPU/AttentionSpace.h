//===- AttentionSpace.h - What all forms of kernel.attention share *- C++ -*-===//
//
// A block has some query rows of one batch index and some columns of the values. It walks the keys
// a tile at a time, with an online softmax. Nothing depends on the number of rows, so neither do
// a row's bits.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_ATTENTIONSPACE_H
#define STRUT_LIB_GPU_ATTENTIONSPACE_H

#include "Tile.h"

namespace strut::gpu {

class AttentionSpace {
public:
  explicit AttentionSpace(const Nest &nest)
      : nest(nest), loc(nest.op->getLoc()), first(nest.dims - 4) {}

  /// Extents as far as the types tell, of a head of the queries and keys, and of the values.
  int64_t features() const { return nest.staticExtent(first + 2); }
  int64_t valueColumns() const { return nest.staticExtent(first + 3); }

  /// Numbers the dimensions by the extents that the operands have where `b` stands.
  void setGroups(mlir::OpBuilder &b, mlir::ValueRange operands);
  /// Blocks of a grid of `rows` and `columns` each, after setGroups.
  mlir::Value blocks(mlir::OpBuilder &b, int64_t rows, int64_t columns) const;
  /// In a kernel function with these arguments: where this block is.
  void begin(mlir::OpBuilder &b, mlir::ValueRange arguments, int64_t rows, int64_t columns);

  /// Query rows or keys by features, and columns of the values by keys; in a kernel function.
  TileOperand queries() const { return {parameters[0], nest.maps[0], &m, &d, origin}; }
  TileOperand keys() const { return {parameters[1], nest.maps[1], &s, &d, origin}; }
  TileOperand values() const { return {parameters[2], nest.maps[2], &e, &s, origin}; }
  /// The score of a pair, from the product of both; -inf beyond the last key.
  mlir::Value score(mlir::OpBuilder &b, mlir::Value row, mlir::Value key,
                    mlir::Value product) const;
  /// Stores an element of the result.
  void store(mlir::OpBuilder &b, mlir::Value row, mlir::Value column, mlir::Value value) const;

  mlir::Value number(mlir::OpBuilder &b, float value) const;
  mlir::Value lowest(mlir::OpBuilder &b) const; ///< -inf
  /// What is subtracted from the scores of a row with this maximum: 0 where they are all -inf, so
  /// that their weights are 0 instead of NaN.
  mlir::Value shiftFor(mlir::OpBuilder &b, mlir::Value maximum) const;
  /// What makes weights of exponentials whose sum is `total`; 1 of nothing.
  mlir::Value scaleFor(mlir::OpBuilder &b, mlir::Value total) const;

  const Nest &nest;
  mlir::Location loc;
  unsigned first; ///< dimension of the queries; keys, features and columns follow

  DimGroup batch, m, s, d, e;
  mlir::ValueRange parameters;
  llvm::SmallVector<mlir::Value> origin; ///< the point of the batch index, other dimensions 0
  mlir::Value firstRow, firstColumn;     ///< of the block

private:
  llvm::SmallVector<mlir::Value> gridExtents(mlir::OpBuilder &b, int64_t rows,
                                             int64_t columns) const;
};

/// Launches an attention; `threads` and `resident` as in a Grid, `body` writes the code of a
/// thread.
void launchAttention(Simt &simt, mlir::OpBuilder &host, AttentionSpace &space, llvm::StringRef name,
                     int64_t rows, int64_t columns, int64_t threads, int64_t resident,
                     llvm::function_ref<void(mlir::OpBuilder &)> body);

/// Launches it on tensor cores; false where they cannot take it: as emitTensorContract, and heads
/// of more than 128 features or of a number that is not known.
bool emitTensorAttention(Simt &simt, mlir::OpBuilder &host, AttentionSpace &space);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_ATTENTIONSPACE_H
