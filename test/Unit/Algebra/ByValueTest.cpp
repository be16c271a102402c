//===- ByValueTest.cpp - Matrices that are something by their numbers -----===//
#include "strut/Algebra/ByValue.h"
#include "strut/Algebra/Map.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
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

Matrix kronecker(const Matrix &a, const Matrix &b) {
  Matrix w(a.rows() * b.rows(), a.cols() * b.cols());
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t n = 0; n < w.cols(); ++n)
      w(k, n) = a(k / b.rows(), n / b.cols()) * b(k % b.rows(), n % b.cols());
  return w;
}

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
    Matrix w = rounded(kronecker(matrix(a, m), matrix(b, n)));
    EXPECT_TRUE(mayBe(w));
    std::vector<Kronecker> found = kroneckerFactors(w, kTolerance);
    ASSERT_EQ(found.size(), 1u) << a << " x " << b;
    EXPECT_EQ(found[0].outer.rows(), a);
    EXPECT_EQ(found[0].outer.cols(), m);
    Matrix product = kronecker(found[0].outer, found[0].inner);
    for (int64_t k = 0; k < w.rows(); ++k)
      for (int64_t l = 0; l < w.cols(); ++l)
        EXPECT_NEAR(product(k, l), w(k, l), 1e-5);
    w(1, 1) += 1e-3;
    EXPECT_TRUE(kroneckerFactors(w, kTolerance).empty());
  }
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

} // namespace
