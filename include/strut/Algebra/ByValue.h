//===- ByValue.h - Maps that a matrix of numbers turns out to be -*- C++ -*-===//
//
// A table of cosines, a Hadamard matrix or a Kronecker product in a model's file is a dense
// constant. Here the numbers are compared with what they may be, to a tolerance that is a share of
// the largest one beside them: that of rounding, for what is nearly a transform is none.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_ALGEBRA_BYVALUE_H
#define STRUT_ALGEBRA_BYVALUE_H

#include "strut/Algebra/Matrix.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace strut::algebra {

/// Whether a matrix with this column, or this row, may be one of those below: to be asked of one
/// before all of them are read.
bool mayBeKnown(llvm::ArrayRef<double> column, double tolerance);

/// The Kronecker product of two matrices, A of a x a' and B of b x b':
/// W[i b + j, m b' + n] = A[i, m] B[j, n].
struct Kronecker {
  Matrix outer, inner;
};
/// Every way to write `w` as one, both matrices having two rows and two columns or more.
std::vector<Kronecker> kroneckerFactors(const Matrix &w, double tolerance);
/// `w` as a Kronecker product of as many matrices as it has, the outermost first; itself where it
/// is none.
std::vector<Matrix> kroneckerChain(const Matrix &w, double tolerance);
Matrix kroneckerProduct(const Matrix &outer, const Matrix &inner);

/// The columns of a known matrix in any order, each times a factor: W[k, n] = scale[n] T[k,
/// from[n]]; where `order` and `signs` are not empty, of rows in another order with signs of their
/// own: signs[order[k]] W[order[k], n] = scale[n] T[k, from[n]].
struct Columns {
  std::vector<int64_t> from;
  std::vector<double> scale;
  std::vector<int64_t> order;
  std::vector<double> signs;
};
/// `w` as columns of Sylvester's Hadamard matrix (Transform::Hadamard), whose rows are a power of
/// two, and in any order, with any signs.
std::optional<Columns> hadamardColumns(const Matrix &w, double tolerance);

/// A map of N values by their real Fourier transform, X[f] = sum over k of x[k] e^(-2 pi i f k /
/// N): y[n] = real[n] Re X[bin[n]] + imaginary[n] Im X[bin[n]], with `bin` at most N / 2, of the
/// values in the order `order`, which is empty where it is theirs.
struct FourierColumns {
  std::vector<int64_t> bin;
  std::vector<double> real, imaginary;
  std::vector<int64_t> order;
};
/// `w` where each of its columns is a sum of the cosine and the sine of one of these frequencies,
/// or each one a column of the cosine transform (Transform::Cosine) times a factor: then the order
/// is that of Makhoul, A fast cosine transform, IEEE ASSP 1980.
std::optional<FourierColumns> fourierColumns(const Matrix &w, double tolerance);
/// Orders in which rows of `w` may be such columns, as W[order[k], :]; each a guess.
std::vector<std::vector<int64_t>> waveOrders(const Matrix &w, double tolerance);

/// A map by real Fourier transforms of `blocks` signals of `length` values each, of which each has
/// length / 2 + 1 bins of a real and an imaginary part. The input in the order `order` (empty: its
/// own) is the signals, and the result the sum over `reads` of scale[n] parts[from[n]]; or, where
/// it is inverse, the sum over `reads` of scale[p] x[from[p]] is the parts, and signal i of the
/// inverse transforms, one after the other, is result order[i].
struct FourierMap {
  struct Read {
    std::vector<int64_t> from;
    std::vector<double> scale;
  };
  int64_t length, blocks;
  bool isInverse = false;
  std::vector<int64_t> order;
  std::vector<Read> reads;
};
/// `w`, or its transpose, by fourierColumns of all rows, in their order or another one, or of two
/// halves of them, as real and imaginary parts of complex values are.
std::optional<FourierMap> fourierMap(const Matrix &w, double tolerance);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_BYVALUE_H
