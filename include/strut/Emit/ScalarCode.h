//===- ScalarCode.h - The bodies of kernels as code ------------*- C++ -*-===//
//
// What a kernel computes is said by scalar code, indexing maps and operands. Here these
// become code on scalars or on vectors of lanes, for the emitters of every target.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_EMIT_SCALARCODE_H
#define STRUT_EMIT_SCALARCODE_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace strut::emit {

/// The type with run-time sizes, strides and offset; a unit innermost stride stays static,
/// for it decides how memory is accessed.
mlir::MemRefType generalize(mlir::MemRefType type);
/// A memref as one of its generalised type; other values as they are.
mlir::Value generalize(mlir::OpBuilder &b, mlir::Location loc, mlir::Value argument);

/// What identifies a kernel's code besides its operand types: maps, inherent attributes
/// and the body, printed without names of values or locations.
std::string keyOf(mlir::Operation *kernel);

//===----------------------------------------------------------------------===//
// Scalar regions as vector code
//===----------------------------------------------------------------------===//

/// Handles an op of a kernel body that is not elementwise (kernel.index,
/// kernel.fetch, kernel.combine): returns its value, a scalar for a uniform one
/// or a vector of `lanes`.
using SpecialOp = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Operation *)>;

/// Clones the ops of `body` before its terminator with `values` mapping its
/// arguments to scalars (the same for all lanes) or vectors of `lanes` elements.
/// An op whose operands are all scalars stays scalar. Afterwards `values` maps
/// everything defined in the body.
void cloneAsVectors(mlir::OpBuilder &b, mlir::Block &body, mlir::IRMapping &values, int64_t lanes,
                    SpecialOp special);

/// Values from outside that the body of `kernel` uses, constants apart (those are
/// cloned in): they become arguments of its function.
llvm::SmallVector<mlir::Value> capturesOf(mlir::Operation *kernel);

/// `value`, broadcast to `lanes` elements if it is a scalar.
mlir::Value asVector(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, int64_t lanes);

/// Loads `lanes` elements of `source` at `indices` along the iteration dimension
/// whose step is the lane: `map` gives the indices. A uniform operand is loaded
/// as a scalar, a unit-stride one by a vector load, others element by element. Lanes at or
/// beyond `count` (an index value, null for all) are not read.
mlir::Value loadLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                      mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim,
                      int64_t lanes, mlir::Value count);

/// Stores the lanes before `count` (null for all) where `map` says.
void storeLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Value target,
                mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim, int64_t lanes,
                mlir::Value count);

/// The values of an affine map's results at `iterators`.
llvm::SmallVector<mlir::Value> applyMap(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineMap map,
                                        mlir::ValueRange iterators);

//===----------------------------------------------------------------------===//
// Parts of the above
//===----------------------------------------------------------------------===//

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
/// The memref of what is moved. Both types have the same descriptor, so the cast vanishes when
/// memrefs are lowered.
mlir::Value storageView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref);
/// loadLanes without the conversion from storage, which fromStorage does.
mlir::Value loadStored(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                       mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim,
                       int64_t lanes, mlir::Value count);
mlir::Value fromStorage(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored,
                        mlir::Type element);

/// Loads `lanes` elements as they are stored from `indices` on along the last dimension, of unit
/// stride; those at or beyond `count` (null for all) are zero and not read.
mlir::Value loadContiguous(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                           mlir::ValueRange indices, int64_t lanes, mlir::Value count);

/// The iteration index of the lane dimension: `first`, `first + 1`...
mlir::Value laneIndices(mlir::OpBuilder &b, mlir::Location loc, mlir::Value first, int64_t lanes);

/// Reads `source` at `indices`, each a scalar or a vector of lanes. Lanes at or
/// beyond `count` (null for all) are not read there. With `mayBeEmpty`, nothing is read of a
/// source that turns out to have no elements, and what comes is zero.
mlir::Value fetchLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                       llvm::ArrayRef<mlir::Value> indices, int64_t lanes, mlir::Value count,
                       bool mayBeEmpty);

} // namespace strut::emit

#endif // STRUT_EMIT_SCALARCODE_H
