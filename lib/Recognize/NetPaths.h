//===- NetPaths.h - What a net is made of, from its end back ---*- C++ -*-===//
#ifndef STRUT_LIB_RECOGNIZE_NETPATHS_H
#define STRUT_LIB_RECOGNIZE_NETPATHS_H

#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace strut::recognize {

/// The operators of a net.
using Members = llvm::SetVector<mlir::Operation *>;

/// Constants, views of them, and absent operands.
bool isConstant(mlir::Value value);

/// The only operand that is no constant; null where there are several or none.
mlir::Value onlyOperand(mlir::Operation *op);

/// A linear map, whatever its form.
bool isMap(mlir::Operation *op);

/// Moves features or tokens, and scales them.
bool movesOrScales(mlir::Operation *op);

/// A function of each element.
bool isFunction(mlir::Operation *op);

/// A normalisation of rows.
bool isNorm(mlir::Operation *op);

/// What is before an operator that has one operand that counts; null for others.
mlir::Value before(mlir::Operation *op);

/// A value as functions and maps of another one.
struct Path {
  mlir::Value root;
  Members ops;
  unsigned maps = 0, functions = 0;
};

/// Back from `value` through moves and maps, and through functions and norms where
/// `functions`, to the value before the first map that ends a run of maps.
std::optional<Path> pathTo(mlir::Value value, bool functions);

/// The extent of the last axis; dynamic where there is none.
int64_t widthOf(mlir::Value value);

/// The addends of a sum, through sums that nothing else reads.
llvm::SmallVector<mlir::Value> addendsOf(mlir::Operation *sum);

/// Goes on through maps and moves that alone read the net's result.
void extend(Members &ops);

} // namespace strut::recognize

#endif // STRUT_LIB_RECOGNIZE_NETPATHS_H
