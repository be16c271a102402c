//===- Activations.h - The functions of layers as operators ----*- C++ -*-===//
#ifndef STRUT_RECOGNIZE_ACTIVATIONS_H
#define STRUT_RECOGNIZE_ACTIVATIONS_H

#include "dialects/Layer/Layer.h"
#include "mlir/IR/Builders.h"

namespace strut::recognize {

/// A function of a value, as layer.experts names it.
struct Activated {
  mlir::Value x;
  layer::Activation kind;
  double alpha = 0;
};

/// The function that gives `value`; the identity of what is none of them.
Activated activationOf(mlir::Value value);

/// The operator of the standard that computes it; `x` itself for the identity.
mlir::Value buildActivation(mlir::OpBuilder &b, mlir::Location loc, const Activated &what);

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_ACTIVATIONS_H
