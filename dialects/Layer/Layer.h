//===- Layer.h - The layer dialect -----------------------------*- C++ -*-===//
//
// What a network means where the ONNX standard has no word for it. See
// README.md beside this file for the rationale, LayerOps.td for the ops.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_DIALECTS_LAYER_LAYER_H
#define STRUT_DIALECTS_LAYER_LAYER_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <optional>
#include <utility>

namespace strut::layer {

/// On an op that was chosen among several forms of a value: all that were considered,
/// an array of #layer.form, and the name of the chosen one.
constexpr llvm::StringLiteral kConsideredAttr = "layer.considered", kChosenAttr = "layer.chosen";
/// The kind of structure that such an op stands for: "lowrank", "blockdense" or
/// "blockshuffle".
constexpr llvm::StringLiteral kKindAttr = "layer.kind";

/// What a layer computes and moves.
struct Cost {
  double flops = 0; ///< operations on floats; a multiply-add is two
  double bytes = 0;
};

} // namespace strut::layer

#include "dialects/Layer/LayerDialect.h.inc"
#include "dialects/Layer/LayerEnums.h.inc"
#include "dialects/Layer/LayerOpInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Layer/LayerAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Layer/LayerOps.h.inc"

#endif // STRUT_DIALECTS_LAYER_LAYER_H
