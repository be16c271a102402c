//===- FuseKernels.h - The rewrites of fuse-kernels ------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_FUSEKERNELS_H
#define STRUT_LIB_KERNELIZE_FUSEKERNELS_H

#include "KernelEdit.h"

namespace strut::kernelize {

/// How often each rewrite has fired.
struct FusionCounts {
  unsigned moves = 0, permutedInits = 0, epilogues = 0, maps = 0, views = 0, turned = 0;
};

/// Whether a map reads elements by number, as maps and rows alone do.
inline bool fetches(kernel::MapOp map) {
  return !map.getBody().front().getOps<kernel::FetchOp>().empty();
}

/// FoldMoves.cpp: pure maps into the indexing maps of their consumers, and pure
/// permutations into where their producer writes.
void addFoldMoves(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// SinkViews.cpp: a view of a product behind the pointwise map that reads it.
void addSinkViews(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// HoistViews.cpp: a view or a slice before the permutation that it sees.
void addHoistViews(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// TurnContractions.cpp: a contraction whose operands change sides, where all read its result
/// across the columns.
void addTurnContractions(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// TurnRows.cpp: what rows write, in the order in which they read, where products sum over it.
void addTurnRows(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// FuseEpilogues.cpp: a pointwise map into the kernel whose result it reads.
void addFuseEpilogues(mlir::RewritePatternSet &patterns, FusionCounts &counts);
/// FuseMaps.cpp: a pointwise map into the kernel that reads its result.
void addFuseMaps(mlir::RewritePatternSet &patterns, FusionCounts &counts);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_FUSEKERNELS_H
