//===- Kernel.h - The kernel dialect ---------------------------*- C++ -*-===//
//
// What runs, and the contract with every back end. See README.md beside this
// file for the rationale, KernelOps.td for the ops.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_DIALECTS_KERNEL_KERNEL_H
#define STRUT_DIALECTS_KERNEL_KERNEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Kernel/KernelAttrInterfaces.h.inc"
#include "dialects/Kernel/KernelDialect.h.inc"
#include "dialects/Kernel/KernelEnums.h.inc"
#include "dialects/Kernel/KernelOpInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.h.inc"

namespace strut::kernel {
/// Of a kernel op in a program: its number in the artefact's list of kernels.
inline constexpr llvm::StringLiteral kNumberAttr = "kernel.number";
/// That of the kernel whose result is the middle of a kernel.chain.
inline constexpr llvm::StringLiteral kMiddleNumberAttr = "kernel.middle_number";

/// Makes the kernel ops known to One-Shot Bufferize.
void registerBufferizableOpInterfaces(mlir::DialectRegistry &registry);
} // namespace strut::kernel

#endif // STRUT_DIALECTS_KERNEL_KERNEL_H
