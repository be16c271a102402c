//===- Reduction.h - Combining the values of a row -------------*- C++ -*-===//
#ifndef STRUT_EMIT_REDUCTION_H
#define STRUT_EMIT_REDUCTION_H

#include "strut/Emit/ScalarCode.h"

namespace strut::emit {

/// A running combination, scalar or one per lane. The maximum and the minimum of
/// floats carry a second value that is NaN once a NaN was met: two cheap
/// instructions off the critical path, where the IEEE maximum takes five on it.
class Reduction {
public:
  Reduction(kernel::CombineKind kind, mlir::Type type) : kind(kind), type(type) {}

  /// Values carried by a loop.
  unsigned width() const { return tracksNaN() ? 2 : 1; }
  llvm::SmallVector<mlir::Value> start(mlir::OpBuilder &b, mlir::Location loc, int64_t lanes) const;
  /// Takes in `value`, of as many lanes, where `mask` is set (null for all).
  llvm::SmallVector<mlir::Value> add(mlir::OpBuilder &b, mlir::Location loc,
                                     mlir::ValueRange carried, mlir::Value value,
                                     mlir::Value mask) const;
  /// Takes in x * y, rounded once with the sum, if the combination is a sum of floats.
  llvm::SmallVector<mlir::Value> addProduct(mlir::OpBuilder &b, mlir::Location loc,
                                            mlir::ValueRange carried, mlir::Value x, mlir::Value y,
                                            mlir::Value mask) const;
  bool isFloatSum() const {
    return kind == kernel::CombineKind::Add && llvm::isa<mlir::FloatType>(type);
  }
  llvm::SmallVector<mlir::Value> merge(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange a,
                                       mlir::ValueRange other) const;
  /// Combines the lanes in halves, always in the same order.
  llvm::SmallVector<mlir::Value> fold(mlir::OpBuilder &b, mlir::Location loc,
                                      mlir::ValueRange carried, int64_t lanes) const;
  mlir::Value finish(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange carried) const;

private:
  bool tracksNaN() const;
  mlir::TypedAttr neutral(mlir::OpBuilder &b) const;
  mlir::Value combine(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                      mlir::Value accumulator) const;

  kernel::CombineKind kind;
  mlir::Type type;
};

} // namespace strut::emit

#endif // STRUT_EMIT_REDUCTION_H
