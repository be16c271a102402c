//===- OperandShapes.h - What operators say of their operands' shapes ------===//

#ifndef LIB_NORMALIZE_OPERANDSHAPES_H
#define LIB_NORMALIZE_OPERANDSHAPES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace strut::normalize {

/// Refines the types of operands, last operator first, by
///
///  * the type of a result that has the operand's shape, or its channels;
///  * the other operands: a convolution takes as many channels as its weight has, a product
///    as many columns as its other side has rows, a normalization what it has scales for.
///
/// A dimension of the function's inputs that has no other valid value is fixed, in all inputs
/// that have it, and a remark says by which node. Nothing is concluded from what a branch or
/// the body of a loop computes of outer values: it may never run.
///
/// Returns whether a type has changed.
bool refineOperands(mlir::func::FuncOp function);

} // namespace strut::normalize

#endif // LIB_NORMALIZE_OPERANDSHAPES_H
