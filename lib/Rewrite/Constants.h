//===- Constants.h - Weights read, combined and written ---------*- C++ -*-===//
//
// Rewrites combine weights in f64 and round once, to the type that they had.
//
//===----------------------------------------------------------------------===//
#ifndef LIB_REWRITE_CONSTANTS_H
#define LIB_REWRITE_CONSTANTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "strut/Algebra/Matrix.h"
#include <optional>

namespace strut::rewrite {

/// Whether `value` is a constant, or a transposition or reshaping of one; its elements
/// are not looked at.
bool isConstant(mlir::Value value);

/// Whether `value` is such a constant and `reader` alone reads it: a new one takes its
/// place instead of standing beside it.
bool isConstantOf(mlir::Value value, mlir::Operation *reader);

/// The elements of such a constant, row-major in the shape of `value`; bools as 0 and 1.
/// Nothing for other values and integers, or where the model's file cannot be read.
std::optional<std::vector<double>> readConstant(mlir::Value value);

/// Such a constant as a matrix, also one that is transposed before it is used.
std::optional<algebra::Matrix> readMatrix(mlir::Value value);

/// Whether readMatrix would find a matrix, without reading it.
bool isConstantMatrix(mlir::Value value);

/// Whether weights of this type may be combined: those of f32 and f64, in which 1 + w keeps the
/// bits of w, and where `reducedPrecision` says so the others.
bool mayCombine(mlir::Type element, bool reducedPrecision);

/// The type of elements as the cost model calls it: "f32".
std::string nameOf(mlir::Type element);

/// Whether every number is finite once rounded to `element`, a float.
bool areFinite(llvm::ArrayRef<double> numbers, mlir::Type element);

/// A constant with these elements, rounded to nearest, ties to even. It takes its name
/// from the location.
mlir::Value writeConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::RankedTensorType type,
                          llvm::ArrayRef<double> elements);

/// A location that names a rewrite and the nodes that it took the place of.
mlir::Location rewritten(llvm::StringRef rewrite, llvm::ArrayRef<mlir::Location> nodes);

} // namespace strut::rewrite

#endif // LIB_REWRITE_CONSTANTS_H
