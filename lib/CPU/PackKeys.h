//===- PackKeys.h - The keys of attention as panels ------------*- C++ -*-===//
#ifndef STRUT_LIB_CPU_PACKKEYS_H
#define STRUT_LIB_CPU_PACKKEYS_H

#include "AttentionPlan.h"

namespace strut::cpu {

/// The launch that copies the keys to the workspace: `[batch][panel of keys][feature]
/// [key]`, batches in the order of the keys' own axes. `keyCount` is a host value.
Emitter::Launch packKeys(Emitter &emitter, mlir::OpBuilder &host, const AttentionPlan &plan,
                         llvm::StringRef key, mlir::Value keyCount);

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_PACKKEYS_H
