//===- MapValues.h - Recognised maps with their numbers --------*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_MAPVALUES_H
#define STRUT_LIB_REWRITE_MAPVALUES_H

#include "strut/Recognize/Maps.h"

namespace strut::rewrite {

/// The map with the numbers of its weights; none where they cannot be read.
std::optional<algebra::Affine> affineOf(const recognize::Chain &chain, int64_t inputs);

/// A dense map, and its addend where that is not 0, at the end of a chain, rounded once to
/// `element`. False where a number is not finite then.
bool appendDense(recognize::Chain &chain, const algebra::Affine &map, mlir::Type element,
                 llvm::ArrayRef<mlir::Location> locations);

/// Whether the matrices of a region have no other reader: what a rewrite makes of them takes
/// their place instead of standing beside them.
bool ownsWeights(const recognize::MapRegion &region);

/// How many elements the matrices of a region have that have no other reader.
double ownedElements(const recognize::MapRegion &region);

/// How many elements the matrices of a chain have.
double elementsOf(const recognize::Chain &chain);

} // namespace strut::rewrite

#endif // STRUT_LIB_REWRITE_MAPVALUES_H
