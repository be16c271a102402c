//===- Passes.h - Executable definitions of layers -------------*- C++ -*-===//
#ifndef STRUT_REFERENCE_PASSES_H
#define STRUT_REFERENCE_PASSES_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace strut::reference {

#define GEN_PASS_DECL
#include "strut/Reference/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "strut/Reference/Passes.h.inc"

} // namespace strut::reference

#endif // STRUT_REFERENCE_PASSES_H
