//===- ChainShape.h - What a block of a chain takes at once -----*- C++ -*-===//
//
// A block computes all columns of the middle for some rows, which then lie in shared memory as the
// left side of products with one tile of columns after another. Shared memory has, one behind the
// other, the middle, slices of the second right side, and what the first product takes, in whose
// place sums are exchanged.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_CHAINSHAPE_H
#define STRUT_LIB_GPU_CHAINSHAPE_H

#include "TileTime.h"

namespace strut::gpu {

struct ChainShape {
  static constexpr int64_t columns = 64; ///< of the result, at once
  /// Of shared memory, so that all GPUs from sm_80 on have it.
  static constexpr int64_t mostBytes = 96 << 10;

  TensorShape first;    ///< of the middle
  TensorShape second;   ///< of the result
  int64_t middleSlices; ///< of the middle

  /// For so many rows and columns of the middle; none where there is no room for them.
  static std::optional<ChainShape> create(Multiplicand kind, int64_t rows, int64_t middle);

  int64_t rows() const { return first.rows; }
  int64_t threads() const { return first.threads(); }
  int64_t middleBytes() const { return rows() * middleSlices * sliceBytes; }
  int64_t nextBytes() const { return second.stages * columns * sliceBytes; }
  int64_t bytes() const;
  /// Blocks that there are, but for those of more rows: more would wait longer for the slices of
  /// the first product than they save of a tile of the second.
  int64_t mostBlocks(const TileTime &time, int64_t steps) const;
  /// Seconds of a run, that of a launch included.
  double seconds(const TileTime &time, int64_t rows, int64_t columns, int64_t steps) const;

private:
  int64_t slices(int64_t steps) const { return llvm::divideCeil(steps, first.steps()); }
  /// Seconds of so many tiles of columns.
  double secondsOfTiles(const TileTime &time, int64_t tiles, int64_t blocks) const;
};

/// From few rows to many. All add in the same order: the bits of a row do not depend on which runs.
struct ChainShapes {
  ChainShape few, middle, many;

  static std::optional<ChainShapes> create(Multiplicand kind, int64_t columns);
  /// Rows up to which the first runs, and up to which the second does.
  int64_t mostOfFew() const { return few.rows(); }
  int64_t mostOfMiddle(const cost::Machine &machine) const {
    return middle.rows() * machine.multiprocessors; // more would take a second turn
  }
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_CHAINSHAPE_H
