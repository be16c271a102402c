//===- ApproximateTest.cpp - Structured maps close to a matrix ------------===//
#include "strut/Algebra/Approximate.h"
#include "strut/Algebra/Forms.h"
#include <gtest/gtest.h>
#include <random>

using namespace strut::algebra;

namespace {

class ApproximateTest : public testing::Test {
protected:
  Matrix matrix(int64_t rows, int64_t cols, double scale = 1) {
    Matrix result(rows, cols);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        result(i, j) = scale * std::normal_distribution<double>()(engine);
    return result;
  }

  std::mt19937 engine{7};
};

TEST_F(ApproximateTest, FindsTheRankOfAProduct) {
  for (auto [k, n] : {std::pair<int64_t, int64_t>(24, 40), {40, 24}, {13, 13}}) {
    Matrix product = matrix(k, 5) * matrix(5, n);
    auto factors = approximate(product, 1e-6, {1});
    ASSERT_TRUE(factors);
    EXPECT_EQ(factors->rank, 5);
    EXPECT_EQ(factors->parameters(), 5 * (k + n));
    EXPECT_LT(relativeError(factors->materialise(), product), 1e-7);
  }
}

TEST_F(ApproximateTest, FindsTheBlocksOfAMonarchMap) {
  std::vector<Matrix> first, second;
  for (int i = 0; i < 4; ++i)
    first.push_back(matrix(6, 8)), second.push_back(matrix(8, 10));
  Matrix product = Factors{4, 2, first, second}.materialise();
  auto factors = approximate(product, 1e-6, {1, 2, 4});
  ASSERT_TRUE(factors);
  EXPECT_EQ(factors->blocks, 4);
  EXPECT_EQ(factors->rank, 2);
  EXPECT_LT(relativeError(factors->materialise(), product), 1e-7);
}

TEST_F(ApproximateTest, ErrorIsTheLeastOfItsRank) {
  // Singular values 8, 4, 2, 1: leaving out the last is an error of 1 / sqrt(85).
  Matrix values(4, 4);
  for (int i = 0; i < 4; ++i)
    values(i, i) = 8 >> i;
  auto within = approximate(values, 1.01 / std::sqrt(85), {1});
  EXPECT_FALSE(within) << "three of four have more parameters than the matrix";
  Matrix wide(4, 40);
  for (int i = 0; i < 4; ++i)
    wide(i, 7 * i) = 8 >> i;
  within = approximate(wide, 1.01 / std::sqrt(85), {1});
  ASSERT_TRUE(within);
  EXPECT_EQ(within->rank, 3);
  EXPECT_NEAR(relativeError(within->materialise(), wide), 1 / std::sqrt(85), 1e-12);
  EXPECT_FALSE(approximate(wide, 0.99 / std::sqrt(85), {1}));
}

TEST_F(ApproximateTest, KeepsTheToleranceWithNoise) {
  Matrix noisy = matrix(60, 3) * matrix(3, 84);
  noisy += matrix(60, 84, 0.02);
  for (double tolerance : {0.5, 0.1, 0.02, 0.005}) {
    auto factors = approximate(noisy, tolerance, {1, 2, 3, 4, 6, 12});
    if (!factors)
      continue;
    EXPECT_LE(relativeError(factors->materialise(), noisy), tolerance);
    EXPECT_LT(factors->parameters(), 60 * 84);
  }
  EXPECT_TRUE(approximate(noisy, 0.1, {1}));
}

TEST_F(ApproximateTest, RefusesWhatSavesNothing) {
  EXPECT_FALSE(approximate(matrix(20, 30), 1e-3, {1, 2, 5}));
  EXPECT_FALSE(approximate(matrix(1, 1), 0.1, {1}));
  EXPECT_FALSE(approximate(matrix(7, 11), 0.9999, {2, 3})) << "no number of blocks divides both";
}

TEST_F(ApproximateTest, ZerosHaveRankOne) {
  auto factors = approximate(Matrix(8, 9), 0.1, {1});
  ASSERT_TRUE(factors);
  EXPECT_EQ(factors->rank, 1);
  EXPECT_EQ(relativeError(factors->materialise(), Matrix(8, 9)), 0);
}

} // namespace
