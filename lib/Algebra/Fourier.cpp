//===- Fourier.cpp - Discrete Fourier transforms in factors ---------------===//
#include "strut/Algebra/Fourier.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>

namespace strut::algebra {

std::complex<double> unitRoot(int64_t number, int64_t size) {
  number %= size;
  if (number < 0)
    number += size;
  double angle = 2 * std::numbers::pi * double(number) / double(size);
  return {std::cos(angle), std::sin(angle)};
}

std::vector<FourierStage> fourierStages(llvm::ArrayRef<int64_t> factors) {
  std::vector<FourierStage> stages;
  int64_t rest = std::accumulate(factors.begin(), factors.end(), int64_t(1), std::multiplies<>());
  for (int64_t radix : factors)
    stages.push_back({radix, rest /= radix});
  return stages;
}

/// Of an array [outer, a, b, inner] to [outer, b, a, inner].
static Map swapAxes(int64_t outer, int64_t a, int64_t b, int64_t inner) {
  std::vector<int64_t> from;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < b; ++j)
      for (int64_t i = 0; i < a; ++i)
        for (int64_t k = 0; k < inner; ++k)
          from.push_back(((o * a + i) * b + j) * inner + k);
  return Map::selection(outer * a * b * inner, std::move(from));
}

/// The matrix of one n2 on interleaved parts.
static Matrix blockOf(const FourierStage &stage, int64_t n2, bool inverse) {
  Matrix block(2 * stage.radix, 2 * stage.radix);
  for (int64_t n1 = 0; n1 < stage.radix; ++n1)
    for (int64_t k = 0; k < stage.radix; ++k) {
      int64_t turns = k * (stage.rest * n1 + n2);
      auto root = unitRoot(inverse ? turns : -turns, stage.radix * stage.rest);
      block(2 * n1, 2 * k) = block(2 * n1 + 1, 2 * k + 1) = root.real();
      block(2 * n1, 2 * k + 1) = root.imag();
      block(2 * n1 + 1, 2 * k) = -root.imag();
    }
  return block;
}

Map fourier(llvm::ArrayRef<int64_t> factors, bool inverse) {
  std::vector<Map> chain;
  int64_t done = 1; // the product of the stages before, numbered by their k1
  for (const FourierStage &stage : fourierStages(factors)) {
    std::vector<Map> blocks;
    for (int64_t outer = 0; outer < done; ++outer)
      for (int64_t n2 = 0; n2 < stage.rest; ++n2)
        blocks.push_back(Map::dense(blockOf(stage, n2, inverse)));
    chain.push_back(swapAxes(done, stage.radix, stage.rest, 2));
    chain.push_back(Map::blockDiagonal(std::move(blocks)));
    chain.push_back(swapAxes(done, stage.rest, stage.radix, 2));
    done *= stage.radix;
  }
  // The last k1 counts most: each stage before goes behind what follows it.
  int64_t behind = 1, left = done;
  for (int64_t factor : llvm::drop_end(factors)) {
    left /= factor;
    chain.push_back(swapAxes(1, factor, left, 2 * behind));
    behind *= factor;
  }
  return Map::chain(std::move(chain));
}

std::vector<int64_t> cheapestFactors(int64_t length,
                                     llvm::function_ref<double(int64_t radix)> cost) {
  std::vector<int64_t> divisors;
  for (int64_t d = 1; d * d <= length; ++d)
    if (length % d == 0) {
      divisors.push_back(d);
      if (d * d != length)
        divisors.push_back(length / d);
    }
  llvm::sort(divisors);
  // Of each divisor: the least cost, and the radix of a stage that it has then.
  std::map<int64_t, std::pair<double, int64_t>> best = {{1, {0, 1}}};
  for (int64_t whole : llvm::drop_begin(divisors)) {
    auto &[least, radix] = best[whole] = {std::numeric_limits<double>::infinity(), whole};
    for (int64_t stage : llvm::drop_begin(divisors))
      if (whole % stage == 0 && best[whole / stage].first + cost(stage) < least) {
        least = best[whole / stage].first + cost(stage);
        radix = stage;
      }
  }
  std::vector<int64_t> factors;
  for (int64_t left = length; left > 1; left /= factors.back())
    factors.push_back(best[left].second);
  llvm::sort(factors, std::greater<>());
  return factors.empty() ? std::vector<int64_t>{length} : factors;
}

std::vector<int64_t> balancedFactors(int64_t length, int64_t overhead) {
  return cheapestFactors(length, [=](int64_t radix) { return double(radix + overhead); });
}

} // namespace strut::algebra
