//===- Lanes.h - What the emitters of scalar code share --------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_LANES_H
#define STRUT_LIB_CPU_LANES_H

#include "strut/CPU/Emit.h"

namespace strut::cpu {

mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc, int64_t value);

/// Splits `index` into one index per extent, the last running fastest.
llvm::SmallVector<mlir::Value> delinearize(mlir::OpBuilder &b, mlir::Location loc,
                                           mlir::Value index, mlir::ValueRange extents);

/// One lane of a vector; a scalar is its own every lane.
mlir::Value extractLane(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, int64_t lane);

/// The lanes before `count` (index).
mlir::Value laneMask(mlir::OpBuilder &b, mlir::Location loc, int64_t lanes, mlir::Value count);

/// One step of cloneAsVectors: clones `op`, whose operands `values` maps.
void cloneAsVector(mlir::OpBuilder &b, mlir::Operation *op, mlir::IRMapping &values, int64_t lanes,
                   SpecialOp special);

/// How the lanes of an operand lie in memory.
enum class Access { uniform, contiguous, scattered };
Access classify(mlir::MemRefType type, mlir::AffineMap map, unsigned laneDim, int64_t lanes);

/// Loads one element; booleans are bytes in memory.
mlir::Value loadElement(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                        mlir::ValueRange indices);

/// The type that an element is moved as: bytes for booleans, 16-bit integers for halves.
mlir::Type storageOf(mlir::Type element);
/// loadLanes without the conversion from storage, which fromStorage does.
mlir::Value loadStored(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                       mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim,
                       int64_t lanes, mlir::Value count);
mlir::Value fromStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored,
                        mlir::Type element);

/// Loads `lanes` elements from `indices` on along the last dimension, of unit
/// stride; those at or beyond `count` (null for all) are zero and not read.
mlir::Value loadContiguous(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                           mlir::ValueRange indices, int64_t lanes, mlir::Value count);

/// The iteration index of the lane dimension: `first`, `first + 1`...
mlir::Value laneIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::Value first, int64_t lanes);

/// Reads `source` at `indices`, each a scalar or a vector of lanes. Lanes at or
/// beyond `count` (null for all) are not read there.
mlir::Value fetchLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                       llvm::ArrayRef<mlir::Value> indices, int64_t lanes, mlir::Value count);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_LANES_H
