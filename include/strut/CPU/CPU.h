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

#endif // STRUT_CPU_CPU_H
