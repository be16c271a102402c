//===- Fourier.h - Discrete Fourier transforms in factors ------*- C++ -*-===//
//
// The factorisation of Cooley and Tukey (Math. Comp. 19, 1965) for factors of any size,
// as a chain of maps.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_ALGEBRA_FOURIER_H
#define STRUT_ALGEBRA_FOURIER_H

#include "strut/Algebra/Map.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <complex>

namespace strut::algebra {

/// e^(2 pi i number / size), exact to f64 for any number.
std::complex<double> unitRoot(int64_t number, int64_t size);

/// One stage of a transform of N = radix * rest values, n = rest * n1 + n2, k = k1 + radix * k2:
///
///   y[k1, n2] = sum over n1 of x[n1, n2] e^(-2 pi i k1 n / N)
///
/// What is left is a transform of `rest` values over n2 for each k1, whose result is numbered
/// by k2. The twiddle factors are those of e^(-2 pi i k1 n / N) that depend on n2.
struct FourierStage {
  int64_t radix, rest;
};

/// The stages of a transform of as many values as the product of `factors`, in order.
std::vector<FourierStage> fourierStages(llvm::ArrayRef<int64_t> factors);

/// The transform of complex values, not normalised: of x[2 n], x[2 n + 1], the real and the
/// imaginary part of value n, to the same of y. A stage is a block-diagonal map, a block for
/// each n2, between two permutations: 8 N FLOPs times its radix.
Map fourier(llvm::ArrayRef<int64_t> factors, bool inverse = false);

/// The factors of a length, the largest first, whose stages cost least together; `cost` is
/// that of a stage with this radix. A length that no factors make cheaper is its own factor.
std::vector<int64_t> cheapestFactors(int64_t length,
                                     llvm::function_ref<double(int64_t radix)> cost);
/// The same for whom a stage costs its radix and as much as `overhead` more.
std::vector<int64_t> balancedFactors(int64_t length, int64_t overhead = 64);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_FOURIER_H
