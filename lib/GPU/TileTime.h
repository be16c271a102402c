//===- TileTime.h - How long tiles of products take -------------*- C++ -*-===//
//
// A block multiplies slice by slice, and each takes its turn: a barrier, loads of fragments,
// products that wait for each other. It may have to wait for the slice, too: for memory, which
// answers after a while, for what one multiprocessor can read, or for what the second cache gives
// to all of them. Results take as many instructions each as the assembled code of a plain epilogue
// has.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_TILETIME_H
#define STRUT_LIB_GPU_TILETIME_H

#include "TensorTile.h"
#include "WarpgroupTile.h"
#include "strut/Cost/Machine.h"

namespace strut::gpu {

/// What of a tile decides how long it takes.
struct TilePace {
  int64_t rows, columns;
  int64_t steps; ///< of a slice
  int64_t bytes; ///< that are copied for a slice
  int64_t ahead; ///< slices on their way

  static TilePace of(const TensorShape &shape) {
    return {shape.rows, shape.columns, shape.steps(), shape.stageBytes(), shape.stages - 1};
  }
  static TilePace of(const WarpgroupShape &shape) {
    return {shape.rows, shape.columns, WarpgroupShape::steps, shape.stageBytes(), shape.stages - 1};
  }
};

class TileTime {
public:
  static constexpr double latency = 500e-9; ///< of memory, in seconds
  static constexpr double turn = 100e-9;    ///< of a slice, some 150 cycles
  static constexpr double meeting = 300e-9; ///< of the blocks of a cluster

  TileTime(const cost::Machine &machine, Multiplicand kind) : machine(machine), kind(kind) {}

  /// Seconds that a kernel takes before its first slice is there.
  double start() const { return machine.launchAt(machine.threads) + latency; }
  /// Seconds in which so many blocks multiply so many slices each.
  double multiply(const TilePace &pace, int64_t slices, int64_t blocks) const;
  /// Seconds in which they make so many results each of the sums.
  double finish(int64_t results, int64_t blocks) const;
  /// Seconds in which a block reads so much of the others of its cluster.
  double readFromOthers(int64_t bytes) const;
  /// Blocks to which the second cache gives a slice in so many seconds.
  int64_t blocksFed(const TilePace &pace, double seconds) const;

private:
  const cost::Machine &machine;
  Multiplicand kind;
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_TILETIME_H
