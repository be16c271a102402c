//===- Forms.h - Maps that the literature has names for --------*- C++ -*-===//
#ifndef STRUT_ALGEBRA_FORMS_H
#define STRUT_ALGEBRA_FORMS_H

#include "strut/Algebra/Map.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace strut::algebra {

/// x · down · up, with `down` K x R and `up` R x N.
Map lowRank(Matrix down, Matrix up);

/// Pieces of x through a block each, then all through `up` (BlockDense).
Map blockDense(std::vector<Matrix> blocks, Matrix up);

/// Two block-diagonal maps with a shuffle between and after them (Monarch). With L
/// blocks in `second`, block l reads every L-th value of what `first` gives, beginning
/// at l, and writes every L-th output, beginning at l.
Map blockShuffle(std::vector<Matrix> first, std::vector<Matrix> second);

/// The time of one kernel for some fixed number of rows: FLOPs, parameters, shape.
using KernelTime = llvm::function_ref<double(double flops, double parameters, Shape shape)>;

/// A chain in the cheapest association for `rows` rows: each run of factors is either
/// kept, a kernel each, or multiplied out to one dense kernel. Other maps are a chain of
/// one. Takes O(n²) calls of `time` for n factors.
Map associate(const Map &map, double rows, KernelTime time);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_FORMS_H
