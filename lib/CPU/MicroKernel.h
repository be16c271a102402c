//===- MicroKernel.h - Sums of products on a register tile -----*- C++ -*-===//
#ifndef STRUT_LIB_CPU_MICROKERNEL_H
#define STRUT_LIB_CPU_MICROKERNEL_H

#include "strut/CPU/Emit.h"

namespace strut::cpu {

/// What an emitter of tasks writes with: a builder, a location, index arithmetic.
struct TaskCode {
  TaskCode(const mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);

  mlir::OpBuilder b;
  mlir::Location loc;
};

/// A memref as one flat array, addressed by offsets in elements.
struct FlatView {
  mlir::Value flat;                       ///< memref<?xT>
  mlir::Value offset;                     ///< of its first element
  llvm::SmallVector<mlir::Value> strides; ///< one per dimension

  FlatView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref);

  /// Offset of the element that `map` names at `iterators`; null iterators are 0.
  mlir::Value offsetOf(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineMap map,
                       mlir::ValueRange iterators) const;
  /// How far one step of iteration dimension `dim` moves.
  mlir::Value strideOf(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineMap map,
                       unsigned dim) const;
};

/// acc[r][s][v] += sum over k of a[row r, k] * b[s][k, vector v], the terms in the order
/// of k. One loop per entry of `extents`, the last one innermost.
struct TileProduct {
  /// A right-hand side: flat memref with unit stride along columns, and where it begins.
  struct Columns {
    mlir::Value flat, offset;
    /// Where each step asks L2 to have the next cache lines, of this side or for a later
    /// product; null: nothing is fetched ahead.
    mlir::Value ahead = {};
    /// Where each step asks L1 to have all its columns; null: nowhere.
    mlir::Value near = {};
  };
  mlir::Value a;                               ///< flat memref
  llvm::SmallVector<mlir::Value> rowOffsets;   ///< one per row of the tile
  llvm::SmallVector<mlir::Value> aStrides;     ///< one per loop
  llvm::SmallVector<Columns> b;                ///< one per sum, all with the same strides
  llvm::SmallVector<mlir::Value> bStrides;     ///< one per loop
  llvm::SmallVector<mlir::Value> aheadStrides; ///< one per loop
  bool aheadWhole = false;                     ///< a step asks for as much as it reads, else half
  llvm::SmallVector<mlir::Value> nearStrides;  ///< one per loop
  llvm::SmallVector<mlir::Value> extents;      ///< trip count of each loop
  llvm::SmallVector<mlir::Value> masks;        ///< per vector of b; empty: read whole vectors
  int64_t vectors, lanes;
  int64_t registers;      ///< vector registers of the target
  mlir::Type accumulator; ///< element type

  /// Bytes of an element of a right-hand side.
  int64_t bytesOfColumn() const {
    return cast<mlir::MemRefType>(b.front().flat.getType()).getElementTypeBitWidth() / 8;
  }
  /// Emits the loops; `init` and the result are row by row, sum by sum, vector by vector.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &builder, mlir::Location loc,
                                      llvm::ArrayRef<mlir::Value> init) const;
};

/// How many of the `lanes` elements from `first` on lie before `extent`, 0 to `lanes`.
mlir::Value lanesLeft(mlir::OpBuilder &b, mlir::Location loc, mlir::Value extent, mlir::Value first,
                      int64_t lanes);

/// `value`, a scalar or vector, widened to `element` (f16 to f32, i8 to i32).
mlir::Value widen(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type element);

/// An uninitialised array on the stack of the kernel function around `b`.
mlir::Value stackArray(mlir::OpBuilder &b, mlir::Location loc, int64_t size, mlir::Type element);

/// Host-side extents of the iteration dimensions, each from an operand whose map has
/// it as a plain result; an error on `op` where there is none.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> extentsOf(mlir::OpBuilder &host,
                                                          kernel::KernelOpInterface op);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_MICROKERNEL_H
