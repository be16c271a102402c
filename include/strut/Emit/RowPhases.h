//===- RowPhases.h - The passes of a kernel.rows ---------------*- C++ -*-===//
#ifndef STRUT_EMIT_ROWPHASES_H
#define STRUT_EMIT_ROWPHASES_H

#include "strut/Emit/Nest.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

namespace strut::emit {

/// The analysis of a kernel.rows body.
///
/// The values of the body are *uniform* (one per row) or *varying* (one per
/// element). Combines are evaluated in phases: those of phase p need only combines
/// of earlier phases, and share one pass over the row. A last pass computes and
/// stores the varying results.
struct RowPhases {
  /// Fails with a diagnostic where an init of one value per row is given a varying one.
  static mlir::FailureOr<RowPhases> create(Nest nest);

  bool isVarying(mlir::Value v) const { return varying.contains(v); }
  bool isLast(unsigned phase) const { return phase == phases.size(); }
  /// The varying values that a pass over the row is made for: operands of the
  /// phase's combines, or in the last pass the yielded values.
  llvm::SmallVector<mlir::Value> goals(unsigned phase) const;
  /// Varying values of the body that `phase` evaluates for them, those apart (and what only
  /// they need) that `isKnown` names.
  llvm::SetVector<mlir::Value> slice(unsigned phase,
                                     llvm::function_ref<bool(mlir::Value)> isKnown = nullptr) const;

  Nest nest;
  llvm::SmallVector<llvm::SmallVector<kernel::CombineOp>> phases;
  /// First phase in which each op can be computed, its combines being known.
  llvm::DenseMap<mlir::Operation *, unsigned> level;

private:
  void analyze();

  llvm::DenseSet<mlir::Value> varying;
};

} // namespace strut::emit

#endif // STRUT_EMIT_ROWPHASES_H
