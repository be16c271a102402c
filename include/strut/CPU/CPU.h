//===- CPU.h - The cpu dialect: layouts and launches -----------*- C++ -*-===//
#ifndef STRUT_CPU_CPU_H
#define STRUT_CPU_CPU_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "strut/CPU/Target.h"

#include "strut/CPU/CPUDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "strut/CPU/CPUAttrs.h.inc"
#define GET_OP_CLASSES
#include "strut/CPU/CPUOps.h.inc"

namespace strut::cpu {

/// Unit attribute of a kernel function whose loops are scalar as they were written.
constexpr llvm::StringLiteral kScalarAttr = "cpu.scalar";
/// Of a program, an array of booleans: which `kernel.region` ops, in their order,
/// became such functions.
constexpr llvm::StringLiteral kScalarRegionsAttr = "cpu.scalar_regions";

} // namespace strut::cpu

#endif // STRUT_CPU_CPU_H
