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

/// What one factor of a chain costs.
struct FactorCost {
  double flopsPerRow, parameters;
  Shape shape;
};

/// Factors [begin, end) of a chain as one kernel: `isDense` if multiplied out, else the
/// only one as it is.
struct Run {
  size_t begin, end;
  bool isDense;
  bool operator==(const Run &) const = default;
};

/// The runs that take the least time together for `rows` rows. Takes O(n²) calls of `time`
/// for n factors.
std::vector<Run> cheapestRuns(const std::vector<FactorCost> &factors, double rows, KernelTime time);

/// A chain in the cheapest association for `rows` rows: each run of factors is either
/// kept, a kernel each, or multiplied out to one dense kernel. Other maps are a chain of
/// one.
Map associate(const Map &map, double rows, KernelTime time);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_FORMS_H
