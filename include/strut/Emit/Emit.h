//===- Emit.h - The emit dialect --------------------------------*- C++ -*-===//
#ifndef STRUT_EMIT_EMIT_H
#define STRUT_EMIT_EMIT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "strut/Emit/EmitDialect.h.inc"
#define GET_OP_CLASSES
#include "strut/Emit/EmitOps.h.inc"

namespace mlir {
class LLVMTypeConverter;
class RewritePatternSet;
namespace scf {
class ForOp;
} // namespace scf
} // namespace mlir

namespace strut::emit {

/// The emit dialect's ops to the LLVM dialect.
void populateToLLVMPatterns(const mlir::LLVMTypeConverter &converter,
                            mlir::RewritePatternSet &patterns);

/// Writes the arguments of a launch, converted to LLVM types, to one struct on the stack
/// of the enclosing function, as `emit.unbundle` reads them; returns its address and type.
std::pair<mlir::Value, mlir::Type> bundle(mlir::OpBuilder &b, mlir::Operation *launch,
                                          mlir::ValueRange arguments);

/// Keeps LLVM from unrolling a loop. The steps of an unrolled one are mixed, and what they load is
/// live together: where sums fill most registers, some go to the stack.
void keepRolled(mlir::scf::ForOp loop);
/// What loops say so about themselves comes to the LLVM dialect as a foreign attribute of their
/// back edges; makes it these edges' own.
void annotateLoops(mlir::Operation *program);

} // namespace strut::emit

#endif // STRUT_EMIT_EMIT_H
