//===- FormsTest.cpp - Named forms and the order of products --------------===//
#include "strut/Algebra/Forms.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace strut::algebra;

namespace {

class Forms : public testing::Test {
protected:
  Matrix matrix(int64_t rows, int64_t cols) {
    Matrix result(rows, cols);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        result(i, j) = std::normal_distribution<double>()(engine);
    return result;
  }
  std::vector<Matrix> matrices(int64_t count, int64_t rows, int64_t cols) {
    std::vector<Matrix> result;
    for (int64_t i = 0; i < count; ++i)
      result.push_back(matrix(rows, cols));
    return result;
  }
  std::mt19937 engine{9};
};

TEST_F(Forms, LowRank) {
  Matrix down = matrix(12, 3), up = matrix(3, 8);
  Map map = lowRank(down, up);
  EXPECT_EQ(map.materialise(), down * up);
  EXPECT_EQ(map.parameters(), 3 * (12 + 8));
  EXPECT_EQ(map.flops(10), 2.0 * 10 * 3 * (12 + 8));
  EXPECT_EQ(map.transpose().materialise(), (down * up).transposed());
}

TEST_F(Forms, BlockDense) {
  // K = 12, N = 8, rank 6 in three blocks: R (N + K / blocks) parameters.
  Map map = blockDense(matrices(3, 4, 2), matrix(6, 8));
  EXPECT_EQ(map.shape(), (Shape{12, 8}));
  EXPECT_EQ(map.parameters(), 6 * (8 + 12 / 3));
}

/// z[k Q + q] = sum over p of first[k](p, q) x[k P + p];
/// y[s L + l] = sum over r of second[l](r, s) z[r L + l].
TEST_F(Forms, BlockShuffle) {
  struct Case {
    int64_t inputs, outputs, blocks;
  };
  for (auto [inputs, outputs, count] :
       {Case{8, 32, 2}, {32, 8, 4}, {12, 18, 3}, {18, 12, 3}, {12, 12, 3}}) {
    int64_t p = inputs / count, s = outputs / count, q = std::min(p, s), r = q;
    std::vector<Matrix> first = matrices(count, p, q), second = matrices(count, r, s);
    Map map = blockShuffle(first, second);
    ASSERT_EQ(map.shape(), (Shape{inputs, outputs}));
    EXPECT_EQ(map.parameters(), double(std::min(inputs, outputs) * (inputs + outputs) / count));
    Matrix x = matrix(1, inputs), z(1, count * q), y(1, outputs);
    for (int64_t k = 0; k < count; ++k)
      for (int64_t j = 0; j < q; ++j)
        for (int64_t i = 0; i < p; ++i)
          z(0, k * q + j) += first[k](i, j) * x(0, k * p + i);
    for (int64_t l = 0; l < count; ++l)
      for (int64_t j = 0; j < s; ++j)
        for (int64_t i = 0; i < r; ++i)
          y(0, j * count + l) += second[l](i, j) * z(0, i * count + l);
    Matrix actual = map.apply(x);
    for (int64_t n = 0; n < outputs; ++n)
      EXPECT_NEAR(actual(0, n), y(0, n), 1e-12);
    // Merged, and kept as four factors: neither shuffle can go into blocks.
    EXPECT_EQ(map.as<Chain>()->factors.size(), 4u);
  }
}

/// Merging a low-rank layer and the update of another: W + A B of one shape.
TEST_F(Forms, LowRankUpdate) {
  Map update = Map::sum({Map::dense(matrix(16, 16)), lowRank(matrix(16, 2), matrix(2, 16))});
  ASSERT_TRUE(update.as<Sum>());
  EXPECT_EQ(update.flops(1), 2 * 16 * 16 + 2 * 2 * 32 + 16);
  Map merged = Map::dense(update.materialise());
  EXPECT_LT(merged.flops(1), update.flops(1));
}

/// Where only FLOPs count, two factors are merged from rank K N / (K + N) on.
TEST_F(Forms, AssociateByFlops) {
  auto byFlops = [](double flops, double, Shape) { return flops; };
  for (auto [rank, merged] : {std::pair(15, false), {16, false}, {17, true}}) {
    Map map = lowRank(matrix(80, rank), matrix(rank, 20)); // 80 · 20 / 100 = 16
    Map chosen = associate(map, 7, byFlops);
    EXPECT_EQ(chosen.as<Dense>() != nullptr, merged) << rank;
    EXPECT_LE(chosen.flops(7), map.flops(7));
  }
}

/// Time of kernels: a fixed cost each, then what is slower of arithmetic and traffic.
TEST_F(Forms, AssociateByTime) {
  auto forms = [&](double rows, double launch) {
    auto time = [&](double flops, double parameters, Shape shape) {
      double bytes = 4 * (parameters + rows * double(shape.inputs + shape.outputs));
      return launch + std::max(flops / 100, bytes / 10);
    };
    Map map = lowRank(matrix(64, 8), matrix(8, 64));
    return associate(map, rows, time).as<Dense>() ? "merged" : "kept";
  };
  EXPECT_STREQ(forms(1, 1e-3), "kept");
  EXPECT_STREQ(forms(1, 1e4), "merged"); // one launch less is worth the larger weight
  EXPECT_STREQ(forms(1e6, 1e4), "kept"); // but not for many rows
}

/// Of a chain of four only the run in the middle is worth merging.
TEST_F(Forms, AssociatePartOfAChain) {
  auto byFlops = [](double flops, double, Shape) { return flops; };
  Map map = Map::chain({Map::dense(matrix(4, 50)), Map::dense(matrix(50, 40)),
                        Map::dense(matrix(40, 30)), Map::dense(matrix(30, 4))});
  Map chosen = associate(map, 1, byFlops);
  EXPECT_EQ(chosen.flops(1), 2.0 * 4 * 4);
  Map bottleneck = Map::chain({Map::dense(matrix(40, 30)), Map::dense(matrix(30, 2)),
                               Map::dense(matrix(2, 30)), Map::dense(matrix(30, 40))});
  EXPECT_EQ(associate(bottleneck, 1, byFlops).flops(1), 2.0 * 2 * (40 + 40));
  EXPECT_EQ(associate(Map::dense(matrix(3, 3)), 1, byFlops).flops(1), 18);
}

} // namespace
