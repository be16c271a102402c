//===- Passes.h - onnx to onnx -----------------------------------*- C++ -*-===//

#ifndef STRUT_NORMALIZE_PASSES_H
#define STRUT_NORMALIZE_PASSES_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <functional>

namespace strut::normalize {

#define GEN_PASS_DECL
#include "strut/Normalize/Passes.h.inc"

/// Whether an operator shall be replaced by its function body.
using ExpandPredicate = std::function<bool(onnx_ir::AnyOp)>;

/// Expands what `shouldExpand` asks for, again and again until nothing is left;
/// the natural predicate is "no lowering takes it". It is not asked about
/// operators without a body.
std::unique_ptr<mlir::Pass> createExpandFunctions(ExpandPredicate shouldExpand);

/// Registers the pass with the predicate that its option `only-unlowered` stands for,
/// so that a printed pipeline can be run again. Call it before registerNormalizePasses.
void registerExpandFunctions(ExpandPredicate isUnlowered);

/// Gives a function, or each of a module, the types that its arguments and return
/// have by now.
void updateFunctionType(mlir::func::FuncOp function);
void updateFunctionTypes(mlir::ModuleOp module);

/// Gives the dimension of this name (`onnx.dims`) an extent in every input that has it; their
/// uses keep the types they have. Returns whether there is such a dimension.
bool setDimension(mlir::func::FuncOp function, llvm::StringRef name, int64_t extent);

#define GEN_PASS_REGISTRATION
#include "strut/Normalize/Passes.h.inc"

} // namespace strut::normalize

#endif // STRUT_NORMALIZE_PASSES_H
