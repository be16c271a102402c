//===- Passes.h - From onnx to layers --------------------------*- C++ -*-===//
#ifndef STRUT_RECOGNIZE_PASSES_H
#define STRUT_RECOGNIZE_PASSES_H

#include "dialects/Layer/Layer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace strut::recognize {

#define GEN_PASS_DECL
#include "strut/Recognize/Passes.h.inc"

/// Registers the passes of this room by name.
void registerPasses();

/// Of each op of a net: a dictionary of its kind and its number in the function.
inline constexpr llvm::StringLiteral kNetAttr = "layer.net";

/// From a module of normalised onnx ops to one of onnx and layer ops.
void buildPipeline(mlir::OpPassManager &manager);

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_PASSES_H
