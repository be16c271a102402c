//===- Approximate.h - Structured maps close to a matrix --------*- C++ -*-===//
#ifndef STRUT_ALGEBRA_APPROXIMATE_H
#define STRUT_ALGEBRA_APPROXIMATE_H

#include "strut/Algebra/Map.h"
#include <optional>

namespace strut::algebra {

/// Factors of a matrix that is cut into `blocks` x `blocks` pieces of rank `rank`:
///
///     x · first, the middle values in the order `shuffle`, · second
///
/// `first` has `blocks` matrices of K / blocks x blocks * rank, `second` as many of
/// blocks * rank x N / blocks. One block is the low-rank form; more are a Monarch map
/// (Dao et al., Monarch, ICML 2022) whose output is not interleaved.
struct Factors {
  int64_t blocks, rank;
  std::vector<Matrix> first, second;

  /// Which middle value each input of `second` reads; the identity for one block.
  std::vector<int64_t> shuffle() const;
  double parameters() const;
  Matrix materialise() const;
};

/// The factors with the fewest parameters whose product is at most `tolerance` away
/// from `matrix`, as a share of its Frobenius norm, for one of the numbers of `blocks`
/// that divide both extents. Nothing where none has fewer parameters than the matrix.
///
/// The error of a number of blocks is the least that its form can have: pieces are
/// projected to their leading singular vectors (Eckart and Young 1936, piece by piece).
/// `matrix` must be finite and have elements.
std::optional<Factors> approximate(const Matrix &matrix, double tolerance,
                                   const std::vector<int64_t> &blocks);

/// The Frobenius norm of a - b as a share of that of b; 0 if both are zero.
double relativeError(const Matrix &a, const Matrix &b);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_APPROXIMATE_H
