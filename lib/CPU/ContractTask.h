//===- ContractTask.h - Code inside a task of a contraction ----*- C++ -*-===//
#ifndef STRUT_LIB_CPU_CONTRACTTASK_H
#define STRUT_LIB_CPU_CONTRACTTASK_H

#include "ContractPlan.h"
#include "MicroKernel.h"

namespace strut::cpu {

/// What tasks of contractions share: the sums of a register tile, and the epilogue row by row.
/// Derived classes say which rows a task has.
class ContractTask {
public:
  virtual ~ContractTask() = default;

protected:
  /// `arguments` are the op's inputs, its init, what its body reads from outside, the extents of
  /// the iteration dimensions, and the number of rows of a task.
  ContractTask(const ContractPlan &decided, const mlir::OpBuilder &builder,
               mlir::ValueRange arguments);

  /// Rows that are summed in registers together: the first one, and how many.
  struct Tile {
    mlir::Value first, height;
  };
  /// The tile at `place`, one of `begin`, `begin` + plan.rows, ... before `end`.  Tiles are whole,
  /// but a last one of few rows takes some of the tile before it: a tile of one or two rows
  /// waits for its sums, two of four are as fast as their products.
  Tile tileAt(mlir::Value place, mlir::Value begin, mlir::Value end);
  /// Rows that each of two tiles or more has at least.
  int64_t fewestOfSeveral() const { return (plan.rows + 1) / 2; }

  /// The panel that comes next, which tiles read into L2.
  struct Ahead {
    mlir::Value tiles;  ///< how many share the reading; null: no panel comes next
    mlir::Value number; ///< of this tile among them
    mlir::Value panels; ///< how far on it lies, in panels
    int64_t fewestRows; ///< of a tile that takes part
    bool follows;       ///< it lies behind this one
  };

  using Rows = llvm::SmallVector<llvm::SmallVector<mlir::Value>>;
  /// Iteration indices of the `count` rows that begin with `first`.
  virtual Rows rowsFrom(llvm::SmallVector<mlir::Value> first, int64_t count) = 0;

  mlir::Value index(int64_t value);
  llvm::SmallVector<mlir::Value> extentsOf(llvm::ArrayRef<unsigned> dims);
  mlir::Value product(mlir::ValueRange values);
  /// Of the `lanes` lanes from vector `v` on, how many hold columns; null if all do.
  mlir::Value columnsLeft(int64_t v, int64_t lanes);
  /// Sums of a tile of `height` rows into the scratch array.
  void emitProducts(const llvm::SmallVector<mlir::Value> &first, mlir::Value height);
  /// The epilogue of the row that lies at this offset of the scratch array.
  void emitEpilogue(llvm::SmallVector<mlir::Value> iterators, mlir::Value scratchOffset);
  mlir::Value epilogueOf(mlir::ValueRange sums, mlir::ValueRange extraLanes,
                         mlir::ValueRange iterators);
  /// Elements of the scratch array for one sum, or one block.
  int64_t blockElements() { return plan.rows * plan.columns(); }

  ContractPlan plan;
  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Value init, rowsPerTask, scratch, panelNumber;
  mlir::Value blockScratch; ///< where the block's tile begins in `scratch`
  Ahead ahead;
  llvm::SmallVector<mlir::Value> inputs, extents, fixed; ///< inputs as the op has them
  mlir::IRMapping captured;                              ///< what the epilogue reads from outside

private:
  using Loop = ContractPlan::Loop;
  /// What the steps of a loop ask for: the tile's own panel; that or its share of the next one; or
  /// its share, being one of many, and L1 for its own.
  enum class Fetches { Own, Few, Many };
  void emitSharingLoops(const llvm::SmallVector<mlir::Value> &first, int64_t height);
  void emitLoops(const llvm::SmallVector<mlir::Value> &first, int64_t height, Fetches fetches);
  void emitLoop(const llvm::SmallVector<mlir::Value> &first, int64_t height, const Loop &loop,
                Fetches fetches);
  /// Where a right-hand side begins for this task, and the strides of its steps.
  mlir::Value startOf(unsigned product, const Loop &loop, llvm::ArrayRef<mlir::Value> first,
                      TileProduct &tile);
  /// What each step reads into a cache.
  struct Fetched {
    mlir::Value distance; ///< in elements, of what the first step asks for from what it reads
    mlir::Value columns;  ///< by which a step goes on
  };
  Fetched ownPanel(const TileProduct &tile);
  Fetched nextPanel(const TileProduct &tile);
  void fetchPanels(TileProduct &tile, Fetches fetches);
  llvm::SmallVector<mlir::Value> stridesOf(const TileProduct &tile, mlir::Value stride);
  void chooseFetches();
  /// Columns of the next panel that this tile reads of each step.
  mlir::Value share();

  mlir::Value isShared; ///< tiles read the next panel in shares
  mlir::Value shares;   ///< this one does
  mlir::Value asks;     ///< this tile reads its own panel ahead, if it reads no share
  void emitBlocks(TileProduct &tile, const Loop &loop);
  void emitBlock(const TileProduct &tile, const Loop &loop, llvm::ArrayRef<mlir::Value> steps);
};

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_CONTRACTTASK_H
