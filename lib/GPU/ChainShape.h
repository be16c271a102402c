//===- ChainShape.h - What a block of a chain takes at once -----*- C++ -*-===//
//
// A block computes all columns of the middle for some rows, which then lie in shared memory as the
// left side of products with one tile of columns after another. The blocks of a cluster each sum a
// part of the steps of the middle, add these sums for a part of its rows, and read the other rows
// of each other. Shared memory has, one behind the other, the middle, slices of the second right
// side, sums for the other blocks, and what the first product takes, in whose place sums are
// exchanged.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_CHAINSHAPE_H
#define STRUT_LIB_GPU_CHAINSHAPE_H

#include "TileTime.h"

namespace strut::gpu {

struct ChainShape {
  static constexpr int64_t columns = 64; ///< of the result, at once
  /// Blocks of a cluster, where there are clusters: as many as any GPU takes.
  static constexpr int64_t clusterBlocks = 8;
  /// Whether code runs on nothing but GPUs that have clusters and as much shared memory as they
  /// want here: of those after sm_90 some have half of it.
  static bool mayHaveClusters(TargetAttr target) { return target.getArch() == "sm_90a"; }

  TensorShape first;    ///< of the middle
  TensorShape second;   ///< of the result
  int64_t middleSlices; ///< of the middle
  int64_t cluster;      ///< blocks that share the steps of the first product; 1: none do

  /// For so many rows and columns of the middle, and steps; none where there is no room for them.
  static std::optional<ChainShape> create(Multiplicand kind, int64_t rows, int64_t middle,
                                          int64_t steps, int64_t cluster);

  int64_t rows() const { return first.rows; }
  int64_t threads() const { return first.threads(); }
  int64_t middleBytes() const { return rows() * middleSlices * sliceBytes; }
  int64_t nextBytes() const { return second.stages * columns * sliceBytes; }
  int64_t middleColumns() const { return middleSlices * first.steps(); }
  /// Of the sums that the blocks of a cluster read.
  int64_t partBytes() const { return cluster > 1 ? rows() * middleColumns() * 4 : 0; }
  int64_t bytes() const;
  /// Blocks that there are, but for those of more rows: more would wait longer for the slices of
  /// the first product than they save of a tile of the second.
  int64_t mostBlocks(const TileTime &time, int64_t steps) const;
  /// Seconds of a run, that of a launch included.
  double seconds(const TileTime &time, int64_t rows, int64_t columns, int64_t steps) const;

private:
  /// Of a block.
  int64_t slices(int64_t steps) const { return llvm::divideCeil(steps, first.steps() * cluster); }
  /// Seconds of so many tiles of columns.
  double secondsOfTiles(const TileTime &time, int64_t tiles, int64_t blocks) const;
};

/// From few rows to many. All add in the same order: the bits of a row do not depend on which runs.
struct ChainShapes {
  ChainShape few, middle, many;

  static std::optional<ChainShapes> create(Multiplicand kind, int64_t columns, int64_t steps,
                                           int64_t cluster);
  /// Rows up to which the first runs, and up to which the second does.
  int64_t mostOfFew() const { return few.rows(); }
  int64_t mostOfMiddle(const cost::Machine &machine) const {
    return middle.rows() *
           (machine.multiprocessors / middle.cluster); // more would take a second turn
  }
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_CHAINSHAPE_H
