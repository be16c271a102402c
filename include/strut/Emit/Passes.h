//===- Passes.h - What all back ends share ---------------------*- C++ -*-===//
#ifndef STRUT_EMIT_PASSES_H
#define STRUT_EMIT_PASSES_H

#include "mlir/Pass/Pass.h"

namespace strut::emit {

#define GEN_PASS_DECL
#include "strut/Emit/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "strut/Emit/Passes.h.inc"

} // namespace strut::emit

#endif // STRUT_EMIT_PASSES_H
