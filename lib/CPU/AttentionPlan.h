//===- AttentionPlan.h - What the emitters of attention share --*- C++ -*-===//
#ifndef STRUT_LIB_CPU_ATTENTIONPLAN_H
#define STRUT_LIB_CPU_ATTENTIONPLAN_H

#include "strut/CPU/Emit.h"

namespace strut::cpu {

/// What is decided per op before any code is written.
struct AttentionPlan {
  kernel::AttentionOp op;
  llvm::SmallVector<mlir::AffineMap> maps;
  unsigned m, s, d, e;                     ///< iteration dimensions; batches come before m
  int64_t headSize;                        ///< extent of e
  int64_t lanes, vectors, rows, registers; ///< registers: vector registers of the target
  unsigned keyAxis;                        ///< of s in the keys
  unsigned featureAxis;                    ///< of d in the keys

  int64_t panel() const { return lanes * vectors; }
  /// Values are summed in tiles of at most `vectors` vectors.
  int64_t valueVectors() const { return llvm::divideCeil(headSize, lanes); }
};

} // namespace strut::cpu

#endif // STRUT_LIB_CPU_ATTENTIONPLAN_H
