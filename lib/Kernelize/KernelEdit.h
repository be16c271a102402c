//===- KernelEdit.h - Editing the operands and body of a kernel -*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_KERNELEDIT_H
#define STRUT_LIB_KERNELIZE_KERNELEDIT_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/PatternMatch.h"

namespace strut::kernelize {

/// Whether the kernel writes what a loop carries to its next step. Such a kernel stays
/// where it is and reads what it reads: another place could be before or after one that
/// reads the old state.
bool writesLoopState(kernel::KernelOpInterface op);
/// Whether a value is what a loop carries.
bool isLoopState(mlir::Value value);
/// Whether a value is a view of what a loop carries, or that itself.
bool viewsLoopState(mlir::Value value);

/// Whether the map's body only passes on one input that it reads by a map.
/// Returns that input's number.
std::optional<unsigned> asPureMove(kernel::MapOp map);

/// The iteration dimension along which all that the map fetches lies in runs of memory; none
/// if it fetches nothing, or elements from here and there.
std::optional<unsigned> fetchedRun(kernel::MapOp map);

/// How much a body does per element, roughly in arithmetic operations:
/// functions of `math` count many, fetches and moves few.
unsigned costOf(mlir::Block &body);

/// Whether with these maps every iteration dimension of `op` has an extent: an
/// operand that it indexes alone, or an entry of `extents`.
bool knowsExtents(kernel::KernelOpInterface op, llvm::ArrayRef<mlir::AffineMap> maps);

/// Whether `written`, as the map of the result, puts the columns of a few blocks side by side:
/// the last place is the number of the block, a batch dimension of at most
/// `mostInterleaved`, the one before it the column. Back ends hold the blocks of some columns
/// at once and store them as one run.
bool interleavesBlocks(kernel::ContractOp op, mlir::AffineMap written);
constexpr int64_t mostInterleaved = 8;

/// Whether the kernel writes runs of memory if its result's map becomes `written`.
bool writesRuns(kernel::KernelOpInterface op, mlir::AffineMap written);

/// Copies a kernel with one result, in a tensor of its own, so that it writes the axes of the
/// result in another order: place (i, j, ..) at `order`(i, j, ..). Returns the map that moves
/// them back, in whose place the caller puts it; its input is the copy.
kernel::MapOp writeInOrder(mlir::RewriterBase &rewriter, kernel::KernelOpInterface op,
                           mlir::AffineMap order);

/// A copy of a kernel whose inputs and body are being changed. Inputs are
/// numbered as in the op; commit() makes the op agree with them.
class KernelEdit {
public:
  KernelEdit(mlir::RewriterBase &rewriter, kernel::KernelOpInterface op);

  mlir::Block &body() { return op->getRegion(0).front(); }
  unsigned numInputs() const { return inputs.size(); }
  mlir::AffineMap &map(unsigned input) { return maps[input]; }
  mlir::Value &input(unsigned number) { return inputs[number]; }
  /// The block argument of an input; none for lhs, rhs, q, k and v.
  std::optional<mlir::BlockArgument> argument(unsigned input);

  /// Adds an input, or finds an equal one that is there already, and gives its
  /// number. The argument has type none if the map is the empty one of a fetch.
  unsigned addInput(mlir::Value value, mlir::AffineMap map, bool fetched);
  /// Removes an input whose argument has no uses.
  void removeInput(unsigned input);

  /// Copies a map's body to `builder`'s place in this body. `toIterators` takes
  /// this kernel's iteration dimensions to the map's; `own` is the value that
  /// stands for input number `ownInput` of the map, if any. Inputs are added as
  /// needed. Returns what the map yields.
  mlir::Value inlineMap(mlir::OpBuilder &builder, kernel::MapOp map, mlir::AffineMap toIterators,
                        mlir::Value own = {}, std::optional<unsigned> ownInput = std::nullopt);

  /// Writes operands and maps back; `initMaps` and `inits` too.
  void commit();

  kernel::KernelOpInterface op;
  llvm::SmallVector<mlir::Value> inits;
  llvm::SmallVector<mlir::AffineMap> initMaps;

private:
  mlir::RewriterBase &rewriter;
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<mlir::AffineMap> maps;
  /// Inputs without a block argument, and block arguments without an input.
  unsigned unmapped = 0, leading = 0;
};

/// The affine expression over index values, as arithmetic.
mlir::Value expand(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineExpr expr,
                   mlir::ValueRange dims);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_KERNELEDIT_H
