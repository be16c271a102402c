//===- ContractPlan.h - How a contraction is computed ----------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_CONTRACTPLAN_H
#define STRUT_LIB_CPU_CONTRACTPLAN_H

#include "strut/CPU/Emit.h"

namespace strut::cpu {

/// How many terms one accumulator takes.
constexpr int64_t blockSize = 512;

/// The roles of the op's dimensions with one column dimension. Of several, it is the one along
/// which the result lies innermost; the others count as batch dimensions, of which lhs, the
/// same for all, is read again. None, where there are no columns.
std::optional<kernel::ContractOp::Roles> rolesWithOneColumn(kernel::ContractOp op);

/// Those of kernel.grouped: groups are batches, its rows m.
kernel::ContractOp::Roles rolesOfGroups();

/// What is decided per op before any code is written.
struct ContractPlan {
  /// For a kernel.contract or kernel.grouped. Fails with a message on what has no column dimension.
  static mlir::FailureOr<ContractPlan> create(const Emitter &emitter, kernel::KernelOpInterface op);

  kernel::KernelOpInterface op;
  unsigned firstExtra; ///< the number of inputs before those of the epilogue
  kernel::ContractOp::Roles roles;
  llvm::SmallVector<mlir::AffineMap> maps;
  unsigned n;                   ///< the column dimension
  int64_t vectors, lanes, rows; ///< vectors are those of one sum
  int64_t registers;            ///< vector registers of the target
  bool fetchesIntoL1;           ///< tiles ask L1 for panels that are in L2
  bool asksAhead;               ///< tiles of few rows ask for their panel before their loads do
  bool masked;                  ///< the last panel may be partly filled
  mlir::Type accumulator;
  /// One loop over k.
  struct Loop {
    llvm::SmallVector<unsigned> products; ///< that it computes, see productLoops
    llvm::SmallVector<unsigned> k;
    bool panels; ///< rhs is stored as panels (packed weight or workspace)
    /// How many of the innermost dimensions of k have few steps in all, and are summed in
    /// registers throughout. At least 1; the innermost one alone may have any number of steps.
    unsigned inRegisters = 1;
    bool begins; ///< no loop before it adds to its sums
    /// Rows of a panel where these may be more than steps: of a weight whose first ones are read.
    std::optional<int64_t> storedRows;
  };
  llvm::SmallVector<Loop> loops;
  llvm::SmallVector<unsigned> sumOf; ///< per product
  unsigned sums = 1;
  /// Blocks of a batch dimension, the last of roles.batch, whose columns lie side by side in
  /// the result: a task computes all of them. 1 where there are none.
  int64_t blocks = 1;

  /// The dimension of the blocks, if there are several.
  unsigned block() const { return roles.batch.back(); }
  /// The batch dimensions of which a task has one index.
  llvm::ArrayRef<unsigned> batch() const {
    return llvm::ArrayRef(roles.batch).drop_back(blocks > 1 ? 1 : 0);
  }
  int64_t columns() const { return vectors * lanes; }

  mlir::Value lhs(unsigned product = 0) { return op.getKernelInputs()[2 * product]; }
  mlir::Value rhs(unsigned product = 0) { return op.getKernelInputs()[2 * product + 1]; }
  mlir::OperandRange extras() { return op.getKernelInputs().drop_front(firstExtra); }
  mlir::Value init() { return op.getKernelInits()[0]; }
  mlir::Block &body() { return op->getRegion(0).front(); }
};

/// Registers that a vector of sums takes, of products of this type: it has as many lanes for all
/// types, so that sums of 64 bits take two.
int64_t registersOfSums(mlir::Type element);

/// The products that share a loop over k: neighbours that multiply the same rows with weights,
/// each for another sum, as many as a register tile has vectors. The rows are then read once,
/// and the sums are in registers together.
llvm::SmallVector<llvm::SmallVector<unsigned>> productLoops(const Target &target,
                                                            kernel::ContractOp op);

/// Rows of a task: few enough that all threads find work, at most 32 tiles so that
/// the rows of a task stay in L2 beside the panel.
mlir::Value chooseRowsPerTask(mlir::OpBuilder &host, mlir::Location loc, mlir::Value rows,
                              mlir::Value panels, int64_t tileRows);

/// Joins dimensions of k along which lhs goes on where the inner one ends, as a row of a
/// window does with its channels: the inner extent becomes the product, the outer one 1.
/// Done for packed right-hand sides, whose rows follow each other in the order of k.
void joinSteps(mlir::OpBuilder &host, mlir::Location loc, ContractPlan &plan,
               llvm::SmallVector<mlir::Value> &extents);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_CONTRACTPLAN_H
