//===- WarpgroupTile.h - A tile of a product by warpgroups ------*- C++ -*-===//
//
// For sm_90a. One warp fills a ring of stages in shared memory by bulk copies; warpgroups of four
// warps multiply what lies there (wgmma), 64 rows of the tile each. mbarriers say of each stage
// that it is full, and that it is empty. A stage holds 64 steps of both operands, in lines of 128
// bytes.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_WARPGROUPTILE_H
#define STRUT_LIB_GPU_WARPGROUPTILE_H

#include "BoxPlan.h"

namespace strut::gpu {

constexpr int64_t warpgroupSize = 128;

/// The parameters of a tile.
struct WarpgroupShape {
  int64_t rows, columns; ///< of a block: multiples of 64; columns up to 256
  int64_t stages;

  static constexpr int64_t groupRows = 64, steps = BoxPlan::lineElements;
  static constexpr int64_t lineBytes = 128;
  static constexpr int64_t panelBytes = 64 * lineBytes; ///< 64 lines
  static constexpr int64_t panels = 2;                  ///< of results on their way, a warpgroup's

  /// Warpgroups that multiply.
  int64_t consumers() const { return rows / groupRows; }
  int64_t threads() const { return (consumers() + 1) * warpgroupSize; }
  /// Of a thread, of one product.
  int64_t sums() const { return groupRows * columns / warpgroupSize; }
  int64_t stageBytes() const { return (rows + columns) * lineBytes; }
  int64_t resultOffset() const { return stages * stageBytes(); }
  int64_t barrierOffset() const { return resultOffset() + consumers() * panels * panelBytes; }
  int64_t sharedBytes() const { return barrierOffset() + 2 * stages * 8; }
};

/// The tiles, from few rows to many.
struct WarpgroupShapes {
  static constexpr int64_t fewRows = 64;
  static constexpr int64_t manyBlocks = 96; ///< of the largest tile, which then fill a GPU
  WarpgroupShape few{64, 64, /*stages=*/8}, middle{128, 128, /*stages=*/5}, many;

  /// Where a thread has `sums` for each element.
  explicit constexpr WarpgroupShapes(unsigned sums)
      : many(sums > 1 ? middle : WarpgroupShape{128, 256, /*stages=*/4}) {}
};

/// A stage of the ring, and the parity of the phase in which it is to be filled or read: i32.
struct Turn {
  mlir::Value stage, parity;
};

/// In the kernel that is being written.
class WarpgroupTile {
public:
  WarpgroupTile(Simt &simt, mlir::OpBuilder &b, mlir::Location loc, const WarpgroupShape &shape);

  /// Initialises the mbarriers; then runs `produce` in one thread and `consume` in the warpgroups
  /// that multiply.
  void run(mlir::OpBuilder &b, llvm::function_ref<void(mlir::OpBuilder &)> produce,
           llvm::function_ref<void(mlir::OpBuilder &)> consume) const;

  Turn firstTurn(mlir::OpBuilder &b) const;
  Turn next(mlir::OpBuilder &b, const Turn &turn) const;

  /// The producer's part: waits until the stage is empty, then fills it.
  void fill(mlir::OpBuilder &b, const Turn &turn, const BoxPlan &lhs, mlir::Value lhsMap,
            mlir::ValueRange origin, mlir::Value firstRow, const BoxPlan &rhs, mlir::Value rhsMap,
            mlir::Value firstColumn, mlir::Value firstStep) const;
  /// The consumers' part: all slices of one product are added to `sums`. Returns these, and the
  /// turn after the last one in `turn`.
  llvm::SmallVector<mlir::Value> multiply(mlir::OpBuilder &b, Turn &turn, mlir::Value slices,
                                          bool isLhsTransposed, bool isRhsTransposed,
                                          mlir::Type element, mlir::ValueRange sums) const;
  llvm::SmallVector<mlir::Value> zeros(mlir::OpBuilder &b) const;

  /// Where sum number `number` of a thread is in the tile: i32.
  std::pair<mlir::Value, mlir::Value> placeOf(mlir::OpBuilder &b, int64_t number) const;
  /// Pointer to the warpgroup's panel number `number`.
  mlir::Value panel(mlir::OpBuilder &b, int64_t number) const;
  /// Writes 64 columns to a panel, pairs of 16-bit results in the order of the sums, swizzled as
  /// bulk copies read them.
  void storePanel(mlir::OpBuilder &b, mlir::Value panel, mlir::ValueRange pairs) const;
  /// All threads of the warpgroup wait for each other.
  void meet(mlir::OpBuilder &b) const;
  /// Runs `body` in one thread of the warpgroup, always the same one.
  void inOne(mlir::OpBuilder &b, llvm::function_ref<void(mlir::OpBuilder &)> body) const;

  mlir::Value group;  ///< number of the warpgroup that multiplies, i32
  mlir::Value member; ///< number of the thread in its warpgroup, i32

private:
  mlir::Value address(mlir::OpBuilder &b, mlir::Value offset) const;
  mlir::Value full(mlir::OpBuilder &b, mlir::Value stage) const;
  mlir::Value empty(mlir::OpBuilder &b, mlir::Value stage) const;
  void waitFor(mlir::OpBuilder &b, mlir::Value mbarrier, mlir::Value parity) const;
  void loadBoxes(mlir::OpBuilder &b, const BoxPlan &plan, mlir::Value map, mlir::ValueRange origin,
                 mlir::Value first, int64_t extent, mlir::Value step, mlir::Value offset,
                 mlir::Value mbarrier) const;
  mlir::Value descriptor(mlir::OpBuilder &b, mlir::Value offset, bool isTransposed) const;
  llvm::SmallVector<mlir::Value> multiplyStage(mlir::OpBuilder &b, mlir::Value stage,
                                               bool isLhsTransposed, bool isRhsTransposed,
                                               mlir::Type element, mlir::ValueRange sums) const;
  llvm::SmallVector<mlir::Value> awaitGroups(mlir::OpBuilder &b, int64_t groups,
                                             mlir::ValueRange sums) const;
  void release(mlir::OpBuilder &b, mlir::Value stage) const;

  mlir::Location loc;
  WarpgroupShape shape;
  mlir::Value memory;       ///< pointer to shared memory
  mlir::Value warp, thread; ///< of the block, i32
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_WARPGROUPTILE_H
