//===- Widen.h - A function in f64 ------------------------------*- C++ -*-===//
#ifndef STRUT_LIB_EVALUATE_WIDEN_H
#define STRUT_LIB_EVALUATE_WIDEN_H

#include "strut/Evaluate/Evaluate.h"

namespace strut::evaluate {

/// The same elements; floats as f64.
Array widen(const Array &array);

/// Gives every float of a function of onnx operators the type f64: constants,
/// attributes that name a type, results. Fails, naming the node, where another
/// dialect holds a float.
llvm::Error widen(mlir::func::FuncOp function);

} // namespace strut::evaluate

#endif // STRUT_LIB_EVALUATE_WIDEN_H
