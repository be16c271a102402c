//===- ByValueTest.cpp - Matrices that are something by their numbers -----===//
#include "strut/Algebra/ByValue.h"
#include "strut/Algebra/Map.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numbers>
#include <random>

using namespace strut::algebra;

namespace {

constexpr double kTolerance = 4.8e-7; // 2^-21

/// As a file of f32 has it.
Matrix rounded(Matrix m) {
  for (int64_t i = 0; i < m.rows(); ++i)
    for (int64_t j = 0; j < m.cols(); ++j)
      m(i, j) = float(m(i, j));
  return m;
}

class ByValueTest : public testing::Test {
protected:
  Matrix matrix(int64_t rows, int64_t cols) {
    Matrix result(rows, cols);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        result(i, j) = std::normal_distribution<double>()(engine);
    return result;
  }
  std::vector<int64_t> permutation(int64_t size) {
    std::vector<int64_t> from = Map::identity(size).as<Selection>()->from;
    std::shuffle(from.begin(), from.end(), engine);
    return from;
  }
  Matrix transform(Transform::Kind kind, int64_t size) {
    return Map::transform(kind, size).materialise();
  }

  std::mt19937 engine{11};
};

/// The matrix with other columns, times factors.
Matrix columnsOf(const Matrix &w, const std::vector<int64_t> &from, double scale) {
  Matrix result(w.rows(), int64_t(from.size()));
  for (int64_t k = 0; k < w.rows(); ++k)
    for (size_t n = 0; n < from.size(); ++n)
      result(k, int64_t(n)) = w(k, from[n]) * (n % 3 ? scale : -scale);
  return result;
}

bool mayBe(const Matrix &w) {
  std::vector<double> column;
  for (int64_t k = 0; k < w.rows(); ++k)
    column.push_back(w(k, 0));
  return mayBeKnown(column, kTolerance);
}

TEST_F(ByValueTest, KroneckerProducts) {
  // Other factors of these numbers there are none.
  for (auto [a, m, b, n] : {std::array<int64_t, 4>{2, 3, 5, 7}, {3, 2, 2, 5}, {7, 7, 3, 3}}) {
    Matrix w = rounded(kroneckerProduct(matrix(a, m), matrix(b, n)));
    EXPECT_TRUE(mayBe(w));
    std::vector<Kronecker> found = kroneckerFactors(w, kTolerance);
    ASSERT_EQ(found.size(), 1u) << a << " x " << b;
    EXPECT_EQ(found[0].outer.rows(), a);
    EXPECT_EQ(found[0].outer.cols(), m);
    Matrix product = kroneckerProduct(found[0].outer, found[0].inner);
    for (int64_t k = 0; k < w.rows(); ++k)
      for (int64_t l = 0; l < w.cols(); ++l)
        EXPECT_NEAR(product(k, l), w(k, l), 1e-5);
    w(1, 1) += 1e-3;
    EXPECT_TRUE(kroneckerFactors(w, kTolerance).empty());
  }
}

TEST_F(ByValueTest, KroneckerChains) {
  Matrix a = matrix(2, 3), b = matrix(5, 2), c = matrix(3, 7);
  Matrix w(30, 42);
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t n = 0; n < w.cols(); ++n)
      w(k, n) = a(k / 15, n / 14) * b(k / 3 % 5, n / 7 % 2) * c(k % 3, n % 7);
  std::vector<Matrix> chain = kroneckerChain(rounded(w), kTolerance);
  ASSERT_EQ(chain.size(), 3u);
  Matrix product = kroneckerProduct(kroneckerProduct(chain[0], chain[1]), chain[2]);
  EXPECT_EQ(chain[1].rows(), 5);
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t n = 0; n < w.cols(); ++n)
      EXPECT_NEAR(product(k, n), w(k, n), 1e-5);
  EXPECT_EQ(kroneckerChain(matrix(6, 6), kTolerance).size(), 1u);
}

TEST_F(ByValueTest, OrdinaryMatricesAreNone) {
  for (int64_t size : {4, 6, 8, 12, 31, 64}) {
    Matrix w = rounded(matrix(size, size));
    EXPECT_FALSE(mayBe(w)) << size;
    EXPECT_TRUE(kroneckerFactors(w, kTolerance).empty());
    EXPECT_FALSE(hadamardColumns(w, kTolerance));
    EXPECT_FALSE(fourierColumns(w, kTolerance));
  }
  for (double number : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    Matrix w(8, 8, std::vector<double>(64, number));
    EXPECT_TRUE(kroneckerFactors(w, kTolerance).empty());
    EXPECT_FALSE(hadamardColumns(w, kTolerance));
    EXPECT_FALSE(fourierColumns(w, kTolerance));
  }
  EXPECT_TRUE(kroneckerFactors(Matrix(8, 8), kTolerance).empty());
}

// Beside one large number the others are small, and no less than a map of their own.
TEST_F(ByValueTest, SmallNumbersAreNoRounding) {
  Matrix w = rounded(matrix(16, 16));
  w(3, 5) = 1e9;
  EXPECT_TRUE(kroneckerFactors(w, kTolerance).empty());
  Matrix parts(16, 3);
  for (int64_t k = 0; k < parts.rows(); ++k)
    for (int64_t n = 0; n < parts.cols(); ++n)
      parts(k, n) = std::cos(2 * std::numbers::pi * double(k * n) / 16) * (n == 1 ? 1e-8 : 1.0);
  auto found = fourierColumns(rounded(parts), kTolerance);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->real[1], 1e-8, 1e-14);
}

TEST_F(ByValueTest, HadamardColumns) {
  for (int64_t size : {2, 8, 64}) {
    std::vector<int64_t> from = permutation(size);
    Matrix w = rounded(columnsOf(transform(Transform::Hadamard, size), from, 1 / std::sqrt(size)));
    auto found = hadamardColumns(w, kTolerance);
    ASSERT_TRUE(found) << size;
    EXPECT_EQ(found->from, from);
    EXPECT_TRUE(size < 4 || mayBe(w));
    w(size - 1, 0) *= -1;
    EXPECT_FALSE(size > 2 && hadamardColumns(w, kTolerance)) << size;
  }
  // Rows in another order, with signs.
  for (int64_t size : {8, 32}) {
    Matrix hadamard = transform(Transform::Hadamard, size), w(size, size);
    std::vector<int64_t> rows = permutation(size), from = permutation(size);
    for (int64_t k = 0; k < size; ++k)
      for (int64_t n = 0; n < size; ++n)
        w(k, n) = hadamard(rows[k], from[n]) * (k % 3 ? 1 : -1) * (n % 5 ? 0.5 : -0.5);
    auto found = hadamardColumns(w, kTolerance);
    ASSERT_TRUE(found && !found->signs.empty()) << size;
    for (int64_t k = 0; k < size; ++k)
      for (int64_t n = 0; n < size; ++n)
        EXPECT_EQ(found->signs[found->order[k]] * w(found->order[k], n),
                  found->scale[n] * hadamard(k, found->from[n]));
    w(1, 1) *= -1;
    EXPECT_FALSE(hadamardColumns(w, kTolerance)) << size;
  }
  // Twelve rows have a Hadamard matrix, but not Sylvester's.
  EXPECT_FALSE(hadamardColumns(Matrix(12, 2, std::vector<double>(24, 1)), kTolerance));
}

/// What the columns make of the transform that numbers say they are of.
Matrix rebuilt(const FourierColumns &columns, int64_t size) {
  Matrix x = Matrix::identity(size);
  if (!columns.order.empty())
    x = Map::selection(size, columns.order).materialise();
  Matrix spectrum = x * Map::transform(Transform::Fourier, size).materialise();
  Matrix w(size, int64_t(columns.bin.size()));
  for (int64_t k = 0; k < size; ++k)
    for (size_t n = 0; n < columns.bin.size(); ++n)
      w(k, int64_t(n)) = columns.real[n] * spectrum(k, 2 * columns.bin[n]) +
                         columns.imaginary[n] * spectrum(k, 2 * columns.bin[n] + 1);
  return w;
}

void expectWaves(const Matrix &w, bool isCosine, int64_t size) {
  EXPECT_TRUE(mayBe(w)) << size;
  auto found = fourierColumns(rounded(w), kTolerance);
  ASSERT_TRUE(found) << size;
  EXPECT_EQ(!found->order.empty(), isCosine) << size;
  Matrix again = rebuilt(*found, size);
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t n = 0; n < w.cols(); ++n)
      EXPECT_NEAR(again(k, n), w(k, n), 1e-6) << size << ": " << k << ", " << n;
}

TEST_F(ByValueTest, FourierColumns) {
  for (int64_t size : {5, 8, 31, 360}) {
    Matrix fourier = transform(Transform::Fourier, size);
    expectWaves(columnsOf(fourier, permutation(fourier.cols()), 0.3), false, size);
    // Frequencies above the middle, as a matrix of all of them has.
    Matrix all(size, size);
    for (int64_t k = 0; k < size; ++k)
      for (int64_t n = 0; n < size; ++n)
        all(k, n) = std::cos(2 * M_PI * double(k * n % size) / double(size) + 0.4 * double(n > 0));
    expectWaves(all, false, size);
    all(size - 2, size - 2) += 1e-5;
    EXPECT_FALSE(fourierColumns(rounded(all), kTolerance)) << size;
  }
}

TEST_F(ByValueTest, CosineColumns) {
  for (int64_t size : {5, 8, 31, 360}) {
    Matrix w = columnsOf(transform(Transform::Cosine, size), permutation(size), 0.7);
    expectWaves(w, true, size);
    w(2, 3) += 1e-5;
    EXPECT_FALSE(fourierColumns(rounded(w), kTolerance)) << size;
  }
}

/// What the map makes of unit vectors, by the definitions of its parts.
Matrix rebuilt(const FourierMap &map, int64_t inputs, int64_t outputs) {
  int64_t bins = map.length / 2 + 1;
  Matrix forward = Map::transform(Transform::Fourier, map.length).materialise();
  Matrix w(inputs, outputs);
  auto orderOf = [&](int64_t i) { return map.order.empty() ? i : map.order[i]; };
  for (int64_t block = 0; block < map.blocks; ++block)
    for (int64_t k = 0; k < map.length; ++k)
      for (const FourierMap::Read &read : map.reads)
        for (size_t i = 0; i < read.from.size(); ++i) {
          int64_t place = map.isInverse ? int64_t(i) : read.from[i];
          if (place / (2 * bins) != block)
            continue;
          int64_t part = place % (2 * bins), end = part / 2;
          double value = read.scale[i] * forward(k, part), signal = orderOf(block * map.length + k);
          if (!map.isInverse)
            w(int64_t(signal), int64_t(i)) += value;
          else // the inverse takes both halves of a spectrum
            w(read.from[i], int64_t(signal)) +=
                value * (end == 0 || 2 * end == map.length ? 1 : 2) / double(map.length);
        }
  return w;
}

void expectMap(const Matrix &w, bool isInverse, int64_t blocks, bool isOrdered) {
  auto found = fourierMap(rounded(w), kTolerance);
  ASSERT_TRUE(found) << w.rows();
  EXPECT_EQ(found->isInverse, isInverse);
  EXPECT_EQ(found->blocks, blocks);
  EXPECT_EQ(!found->order.empty(), isOrdered);
  Matrix again = rebuilt(*found, w.rows(), w.cols());
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t n = 0; n < w.cols(); ++n)
      EXPECT_NEAR(again(k, n), w(k, n), 3e-6) << w.rows() << ": " << k << ", " << n;
}

TEST_F(ByValueTest, FourierMaps) {
  for (int64_t size : {9, 16, 30, 31}) {
    std::vector<int64_t> rows = permutation(size);
    Matrix order = Map::selection(size, rows).materialise();
    Matrix cosine = columnsOf(transform(Transform::Cosine, size), permutation(size), 0.7);
    Matrix fourier = transform(Transform::Fourier, size);
    expectMap(fourier, false, 1, false);
    expectMap(fourier.transposed(), true, 1, false);
    expectMap(order * fourier, false, 1, true);
    expectMap(cosine, false, 1, true);
    expectMap(cosine.transposed(), true, 1, true);
    expectMap(order * cosine, false, 1, true);
    expectMap((order * cosine).transposed(), true, 1, true);
    // [real, imaginary] to [real, imaginary].
    Matrix complex(2 * size, 2 * size);
    for (int64_t k = 0; k < 2 * size; ++k)
      for (int64_t n = 0; n < 2 * size; ++n) {
        double angle = 2 * M_PI * double(k % size * (n % size) % size) / double(size);
        bool sameParts = k / size == n / size;
        complex(k, n) = sameParts ? std::cos(angle) : (k < size ? -1 : 1) * std::sin(angle);
      }
    expectMap(complex, false, 2, false);
    fourier(2, 2) += 1e-5;
    EXPECT_FALSE(fourierMap(rounded(fourier), kTolerance)) << size;
    cosine(size - 1, 1) += 1e-5;
    EXPECT_FALSE(fourierMap(rounded((order * cosine).transposed()), kTolerance)) << size;
  }
  EXPECT_FALSE(fourierMap(matrix(16, 16), kTolerance));
  EXPECT_FALSE(fourierMap(Matrix(8, 8), kTolerance));
}

} // namespace
