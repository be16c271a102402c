//===- FourierTest.cpp - Factorised transforms against their definition ---===//
#include "strut/Algebra/Fourier.h"
#include <gtest/gtest.h>
#include <random>

using namespace strut::algebra;

namespace {

int64_t product(const std::vector<int64_t> &factors) {
  int64_t size = 1;
  for (int64_t factor : factors)
    size *= factor;
  return size;
}

class FourierTest : public testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(FourierTest, IsTheTransform) {
  int64_t size = product(GetParam());
  std::mt19937_64 engine(testing::UnitTest::GetInstance()->random_seed());
  std::normal_distribution<double> number;
  Matrix x(2, 2 * size);
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t i = 0; i < 2 * size; ++i)
      x(row, i) = number(engine);
  for (bool inverse : {false, true}) {
    Matrix y = fourier(GetParam(), inverse).apply(x);
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t k = 0; k < size; ++k) {
        std::complex<double> sum = 0;
        for (int64_t n = 0; n < size; ++n)
          sum += std::complex(x(row, 2 * n), x(row, 2 * n + 1)) *
                 unitRoot(inverse ? k * n : -k * n, size);
        ASSERT_NEAR(y(row, 2 * k), sum.real(), 1e-11 * double(size));
        ASSERT_NEAR(y(row, 2 * k + 1), sum.imag(), 1e-11 * double(size));
      }
  }
}

TEST_P(FourierTest, CostsTheSumOfItsFactors) {
  double sum = 0;
  for (int64_t factor : GetParam())
    sum += double(factor);
  double size = double(product(GetParam()));
  EXPECT_EQ(fourier(GetParam()).flops(3), 3 * 8 * size * sum);
}

INSTANTIATE_TEST_SUITE_P(Factors, FourierTest,
                         testing::Values(std::vector<int64_t>{7}, std::vector<int64_t>{2, 3},
                                         std::vector<int64_t>{3, 2}, std::vector<int64_t>{5, 4, 3},
                                         std::vector<int64_t>{8, 8},
                                         std::vector<int64_t>{2, 3, 5, 2}));

TEST(FourierFactors, AreTheCheapest) {
  EXPECT_EQ(balancedFactors(1), std::vector<int64_t>({1}));
  EXPECT_EQ(balancedFactors(64), std::vector<int64_t>({64}));
  EXPECT_EQ(balancedFactors(768), std::vector<int64_t>({32, 24}));
  EXPECT_EQ(balancedFactors(1 << 18), std::vector<int64_t>({32, 32, 16, 16}));
  EXPECT_EQ(balancedFactors(1009), std::vector<int64_t>({1009})); // a prime
  EXPECT_EQ(balancedFactors(7 * 1009), std::vector<int64_t>({1009, 7}));
  // Where only the number of stages counts.
  EXPECT_EQ(cheapestFactors(768, [](int64_t) { return 1; }), std::vector<int64_t>({768}));
}

} // namespace
