//===- Passes.h - From layers to kernels -----------------------*- C++ -*-===//
#ifndef STRUT_KERNELIZE_PASSES_H
#define STRUT_KERNELIZE_PASSES_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <optional>
#include <string>

namespace strut::kernelize {

#define GEN_PASS_DECL
#include "strut/Kernelize/Passes.h.inc"

/// Registers the passes of this room by name.
void registerPasses();

/// What of the pipeline can be left out, for study.
struct Options {
  /// Fold data movement and pointwise code into neighbouring kernels.
  bool fuse = true;
  /// Merge neighbouring iteration dimensions.
  bool collapseDimensions = true;
};

/// From a module of onnx and layer ops to one of kernels on tensors.
void buildPipeline(mlir::OpPassManager &manager, const Options &options = {});

/// Why form-kernels would refuse this onnx or layer op, as far as its operator,
/// attributes and types tell: one clause without the node's name. None if it
/// has a lowering. Shapes that stay unknown are found out only by the pass.
std::optional<std::string> unsupportedReason(mlir::Operation *op);

/// Of onnx.DFT and onnx.STFT: the factors of the length by which the transform is computed.
inline constexpr llvm::StringLiteral kFactorsAttr = "layer.factors";
/// Of onnx.DFT: an f64 that its result is multiplied by.
inline constexpr llvm::StringLiteral kScaleAttr = "layer.scale";

// Attributes of a function of kernels.

/// Names of the symbolic dimensions, one per trailing `index` argument.
inline constexpr llvm::StringLiteral kSymbolsAttr = "strut.symbols";
/// Dimensions that are elements of inputs: triples of a dimension's number, the input's and
/// the element's.
inline constexpr llvm::StringLiteral kElementsAttr = "strut.elements";
/// What the last results of a function are, which are no tensors of the model but i64
/// without axes, one entry each: an array of pairs (result, axis) whose extent it is, or what
/// is wrong with the model if it is not 0.
inline constexpr llvm::StringLiteral kNotesAttr = "strut.notes";
/// Dictionary from a symbolic dimension to the largest value that the model can
/// work with (a table of positions ends there).
inline constexpr llvm::StringLiteral kLimitsAttr = "strut.limits";
/// Dictionary from a symbolic dimension to what it must be a multiple of (each
/// level of a U-Net halves it).
inline constexpr llvm::StringLiteral kMultiplesAttr = "strut.multiples";
/// Of an scf.index_switch between forms of a value that a caller may ask about: a
/// dictionary of the `name` of the nodes and the names of `forms`.
inline constexpr llvm::StringLiteral kChoiceAttr = "strut.choice";
/// Of an argument or result: the name the model gives it.
inline constexpr llvm::StringLiteral kNameAttr = "strut.name";
/// Of an argument: a symbolic dimension per axis, empty where it is static.
inline constexpr llvm::StringLiteral kDimsAttr = "strut.dims";
/// Of an argument or result of the function of kernels: the type of its elements in the
/// model, where kernels hold another: integers have no sign there, and what is narrower
/// than a byte, like floats of 8 bits, is a byte.
inline constexpr llvm::StringLiteral kElementAttr = "strut.element";

} // namespace strut::kernelize

#endif // STRUT_KERNELIZE_PASSES_H
