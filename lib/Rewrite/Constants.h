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

/// The elements of a constant of floats in row-major order; nothing for other values,
/// or where the model's file cannot be read.
std::optional<std::vector<double>> readConstant(mlir::Value value);

/// A constant matrix, also one that is transposed before it is used.
std::optional<algebra::Matrix> readMatrix(mlir::Value value);

/// Whether readMatrix would find a matrix of static shape, without reading it.
bool isConstantMatrix(mlir::Value value);

/// A constant with these elements, rounded to nearest, ties to even. It takes its name
/// from the location.
mlir::Value writeConstant(mlir::OpBuilder &b, mlir::Location loc, mlir::RankedTensorType type,
                          llvm::ArrayRef<double> elements);

/// A location that names a rewrite and the nodes that it took the place of.
mlir::Location rewritten(llvm::StringRef rewrite, llvm::ArrayRef<mlir::Location> nodes);

} // namespace strut::rewrite

#endif // LIB_REWRITE_CONSTANTS_H
