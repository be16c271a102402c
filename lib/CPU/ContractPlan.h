//===- ContractPlan.h - How a kernel.contract is computed ------*- C++ -*-===//
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

/// What is decided per op before any code is written.
struct ContractPlan {
  /// Fails with a message on what has no column dimension.
  static mlir::FailureOr<ContractPlan> create(const Target &target, kernel::ContractOp op);

  kernel::ContractOp op;
  kernel::ContractOp::Roles roles;
  llvm::SmallVector<mlir::AffineMap> maps;
  unsigned n; ///< the column dimension
  int64_t vectors, lanes, rows;
  bool masked; ///< the last panel may be partly filled
  bool panels; ///< rhs is stored as panels (packed weight or workspace)
  /// Several dimensions of k with few steps in all: summed in registers throughout.
  bool oneBlock;
  mlir::Type accumulator;
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
};

/// Joins dimensions of k along which lhs goes on where the inner one ends, as a row of a
/// window does with its channels: the inner extent becomes the product, the outer one 1.
/// Holds for a packed rhs, whose rows follow each other in the order of k.
void joinSteps(mlir::OpBuilder &host, mlir::Location loc, const ContractPlan &plan,
               llvm::SmallVector<mlir::Value> &extents);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_CONTRACTPLAN_H
