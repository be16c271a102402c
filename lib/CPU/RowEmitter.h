//===- RowEmitter.h - The passes over one row of kernel.rows ---*- C++ -*-===//
#ifndef STRUT_LIB_CPU_ROWEMITTER_H
#define STRUT_LIB_CPU_ROWEMITTER_H

#include "RowsPlan.h"

namespace strut::cpu {

/// Emits one row or, across rows, as many as there are lanes in all groups: groups are
/// vectors side by side or, in a plan with blocks, neighbours along its blockDim.
class RowEmitter {
public:
  RowEmitter(const RowsPlan &plan, int64_t lanes, mlir::ValueRange parameters,
             llvm::ArrayRef<mlir::Value> extents, unsigned groups, mlir::Value count)
      : plan(plan), nest(plan.nest), lanes(lanes), parameters(parameters), extents(extents),
        count(count), groups(groups, nest.captured(parameters)) {}

  /// Combines, then stores. `iterators` number the row; across rows they hold the first lane's.
  void emit(mlir::OpBuilder &b, llvm::ArrayRef<mlir::Value> iterators);

private:
  using Iterators = llvm::SmallVector<mlir::Value>;
  using Carried = llvm::SmallVector<mlir::Value>;
  using Inner = llvm::function_ref<Carried(mlir::OpBuilder &, const Iterators &, Carried)>;
  using Step = llvm::function_ref<Carried(mlir::OpBuilder &, const Iterators &, mlir::Value count,
                                          unsigned copy, mlir::ValueRange carried)>;

  void emitUniform(mlir::OpBuilder &b, const Iterators &iterators, unsigned level);
  void emitCombines(mlir::OpBuilder &b, const Iterators &iterators, unsigned phase);
  void emitResults(mlir::OpBuilder &b, const Iterators &iterators);
  void storeUniform(mlir::OpBuilder &b, const Iterators &iterators);

  /// Loops over the axes from the `next`th on.
  Carried loopOverAxes(mlir::OpBuilder &b, Iterators iterators, unsigned next, Carried carried,
                       Inner inner);
  /// Loops over the lanes of an axis: `copies` vectors at a time, each with its
  /// share of `carried`, then single ones, then the rest under a mask.
  Carried loopOverLanes(mlir::OpBuilder &b, Iterators iterators, unsigned copies, Carried carried,
                        Step step);

  Carried accumulate(mlir::OpBuilder &b, unsigned phase, unsigned group, const Iterators &iterators,
                     mlir::Value mask, mlir::ValueRange carried);
  mlir::Value evaluate(mlir::OpBuilder &b, mlir::Value v, unsigned phase, mlir::IRMapping &values,
                       const Iterators &iterators, mlir::Value limit);
  mlir::Value special(mlir::OpBuilder &b, mlir::Operation *op, mlir::IRMapping &values,
                      const Iterators &iterators, mlir::Value limit);
  Iterators atGroup(mlir::OpBuilder &b, Iterators iterators, unsigned group);
  unsigned operandOf(unsigned result) const { return nest.inputs + result; }

  const RowsPlan &plan;
  const Nest &nest;
  int64_t lanes;
  mlir::ValueRange parameters;
  llvm::ArrayRef<mlir::Value> extents;
  mlir::Value count; ///< valid lanes across rows, null for all
  llvm::SmallVector<mlir::IRMapping> groups;
  mlir::Location loc{nest.op->getLoc()};
};

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_ROWEMITTER_H
