//===- RowsPlan.h - How a kernel.rows is computed --------------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_ROWSPLAN_H
#define STRUT_LIB_CPU_ROWSPLAN_H

#include "strut/CPU/Emit.h"
#include "strut/Emit/RowPhases.h"
#include "llvm/ADT/MapVector.h"

namespace strut::cpu {

/// The phases of a kernel.rows, and how lanes run through them.
struct RowsPlan : RowPhases {
  static mlir::FailureOr<RowsPlan> create(Nest nest, int64_t lanes);

  /// Values of the body that `phase` evaluates, those it reloads apart.
  llvm::SetVector<mlir::Value> slice(unsigned phase) const;
  bool isExpensive(unsigned phase) const;

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

  /// A value that is expensive and needed again: kept in an init in between.
  struct Kept {
    mlir::Value value;
    unsigned init;  ///< operand number
    unsigned phase; ///< that computes it
  };
  std::optional<Kept> kept;

private:
  explicit RowsPlan(RowPhases phases) : RowPhases(std::move(phases)) {}
  void chooseLanes(int64_t lanes);
  void chooseBlock(int64_t lanes);
  void keepExpensive();
};

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_ROWSPLAN_H
