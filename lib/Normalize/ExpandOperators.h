//===- ExpandOperators.h - Definitions by other operators ------*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_EXPANDOPERATORS_H
#define STRUT_LIB_NORMALIZE_EXPANDOPERATORS_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace strut::normalize {

/// Numbers of TensorProto.DataType.
enum DataType { Float = 1, Int32 = 6, Int64 = 7, Double = 11 };

/// Writes nodes, whose types are inferred.
struct NodeWriter {
  mlir::OpBuilder &b;
  mlir::Location loc;

  template <typename OpT>
  mlir::Value make(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attrs = {}) {
    return OpT::create(b, loc, operands, attrs)->getResult(0);
  }
  mlir::Value cast(mlir::Value x, DataType to);
  /// A scalar of f32, and a vector of i64.
  mlir::Value number(float value);
  mlir::Value integers(llvm::ArrayRef<int64_t> values);
  /// A tensor of f32.
  mlir::Value numbers(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape);
};

/// Writes what an operator of ranked operands is; gives its only result, or null where its
/// types say too little.
using Expansion = mlir::Value (*)(NodeWriter &, onnx_ir::AnyOp);
/// By the names of operations.
using ExpansionTable = llvm::StringMap<Expansion>;

void addExpandQuantized(ExpansionTable &table);
void addExpandTfIdf(ExpansionTable &table);

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_EXPANDOPERATORS_H
