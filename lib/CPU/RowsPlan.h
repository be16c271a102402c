//===- RowsPlan.h - How a kernel.rows is computed --------------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_ROWSPLAN_H
#define STRUT_LIB_CPU_ROWSPLAN_H

#include "Nest.h"
#include "llvm/ADT/MapVector.h"

namespace strut::cpu {

/// The analysis of a kernel.rows body.
///
/// The values of the body are *uniform* (one per row) or *varying* (one per
/// element). Combines are evaluated in phases: those of phase p need only combines
/// of earlier phases, and share one pass over the row. A last pass computes and
/// stores the varying results.
struct RowsPlan {
  static mlir::FailureOr<RowsPlan> create(Nest nest, int64_t lanes);

  bool isVarying(mlir::Value v) const { return varying.contains(v); }
  bool isLast(unsigned phase) const { return phase == phases.size(); }
  /// The varying values that a pass over the row is made for: operands of the
  /// phase's combines, or in the last pass the yielded values.
  llvm::SmallVector<mlir::Value> goals(unsigned phase) const;
  /// Values of the body that `phase` evaluates, those it reloads apart.
  llvm::SetVector<mlir::Value> slice(unsigned phase) const;
  bool isExpensive(unsigned phase) const;

  Nest nest;
  /// Lanes run along an axis (reducing vectors at the end of a row) or across
  /// rows, along a dimension that numbers them.
  bool along = true;
  unsigned laneDim = 0;
  /// Across rows, `blockSize` neighbouring rows along `blockDim` are computed together:
  /// windows along it overlap and share a weight. Unset if there are no windows.
  std::optional<unsigned> blockDim;
  int64_t blockSize = 1;
  /// Axes from this one on are short and of static extents: their loops are unrolled.
  unsigned firstUnrolled = 0;
  llvm::SmallVector<llvm::SmallVector<kernel::CombineOp>> phases;
  /// First phase in which each op can be computed, its combines being known.
  llvm::DenseMap<mlir::Operation *, unsigned> level;

  /// A value that is expensive and needed again: kept in an init in between.
  struct Kept {
    mlir::Value value;
    unsigned init;  ///< operand number
    unsigned phase; ///< that computes it
  };
  std::optional<Kept> kept;

private:
  void analyze();
  void chooseLanes(int64_t lanes);
  void chooseBlock(int64_t lanes);
  void keepExpensive();

  llvm::DenseSet<mlir::Value> varying;
};

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_ROWSPLAN_H
