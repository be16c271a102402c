//===- Activations.h - Activations as scalar code --------------*- C++ -*-===//
//
// What operators of their own and the gates of recurrent layers compute with.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_ACTIVATIONS_H
#define STRUT_LIB_KERNELIZE_ACTIVATIONS_H

#include "ScalarCode.h"

namespace strut::kernelize {

mlir::Value sigmoid(Code &c, mlir::Value x);
/// x times the normal distribution's Φ(x), or its approximation by a tanh.
mlir::Value gelu(Code &c, mlir::Value x, bool tanh);
/// log(1 + exp(x)) without overflow.
mlir::Value softplus(Code &c, mlir::Value x);
mlir::Value softsign(Code &c, mlir::Value x);
/// `negative` where x is below 0, else x.
mlir::Value whereNegative(Code &c, mlir::Value x, mlir::Value negative);
mlir::Value leakyRelu(Code &c, mlir::Value x, double alpha);
mlir::Value elu(Code &c, mlir::Value x, double alpha);
mlir::Value hardSigmoid(Code &c, mlir::Value x, double alpha, double beta);
/// x where it is above alpha, else 0.
mlir::Value thresholdedRelu(Code &c, mlir::Value x, double alpha);

/// exp(x) by the sum of these over the row: for the body of kernel.rows.
mlir::Value softmax(Code &c, mlir::Value x);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_ACTIVATIONS_H
