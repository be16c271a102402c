//===- Passes.h - From tensors to planned memory ---------------*- C++ -*-===//
#ifndef STRUT_PLAN_PASSES_H
#define STRUT_PLAN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace strut::plan {

/// Of a result of `@main`, then of the argument that it is written to: the number of
/// the input whose memory it may be.
inline constexpr llvm::StringLiteral kAliasAttr = "strut.alias";
/// Of an scf.index_switch: a choice between forms (kernelize::kChoiceAttr). Of a planned
/// host function: all of its choices in the order in which @main_bind returns them, behind
/// the extents of the outputs.
inline constexpr llvm::StringLiteral kChoiceAttr = "strut.choice", kChoicesAttr = "strut.choices";
/// Of a planned host function: what is wrong with dimensions for which the numbers that
/// @main_bind returns last, one entry each, are not 0.
inline constexpr llvm::StringLiteral kRequirementsAttr = "strut.requirements";

#define GEN_PASS_DECL
#include "strut/Plan/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "strut/Plan/Passes.h.inc"

/// Kernels on tensors to kernels on planned memory, on `kernel.program`:
/// bufferize-host, plan-memory.
void buildPipeline(mlir::OpPassManager &pm);

} // namespace strut::plan

#endif // STRUT_PLAN_PASSES_H
