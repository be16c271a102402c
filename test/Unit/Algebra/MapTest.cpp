//===- MapTest.cpp - Structured linear maps against their matrices --------===//
#include "strut/Algebra/Map.h"
#include "strut/Algebra/Forms.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <complex>
#include <gtest/gtest.h>
#include <limits>
#include <numbers>
#include <random>

using namespace strut::algebra;

namespace {

class MapTest : public testing::Test {
protected:
  int64_t upTo(int64_t most) { return std::uniform_int_distribution<int64_t>(1, most)(engine); }
  double number() { return std::normal_distribution<double>()(engine); }

  Matrix matrix(int64_t rows, int64_t cols) {
    Matrix result(rows, cols);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        result(i, j) = number();
    return result;
  }
  Map dense(int64_t inputs, int64_t outputs) { return Map::dense(matrix(inputs, outputs)); }
  Map diagonal(int64_t size) {
    std::vector<double> scale;
    for (int64_t i = 0; i < size; ++i)
      scale.push_back(number());
    return Map::diagonal(scale);
  }
  Map permutation(int64_t size) {
    std::vector<int64_t> from = Map::identity(size).as<Selection>()->from;
    std::shuffle(from.begin(), from.end(), engine);
    return Map::selection(size, from);
  }
  /// Some places several times, some not at all, some zeros.
  Map selection(int64_t inputs, int64_t outputs) {
    std::vector<int64_t> from;
    for (int64_t i = 0; i < outputs; ++i)
      from.push_back(upTo(inputs + 1) - 2);
    return Map::selection(inputs, from);
  }

  std::mt19937 engine{5};
};

void expectNear(const Matrix &actual, const Matrix &expected, const char *what) {
  ASSERT_EQ(actual.rows(), expected.rows()) << what;
  ASSERT_EQ(actual.cols(), expected.cols()) << what;
  for (int64_t i = 0; i < actual.rows(); ++i)
    for (int64_t j = 0; j < actual.cols(); ++j)
      ASSERT_NEAR(actual(i, j), expected(i, j), 1e-11 * (1 + std::abs(expected(i, j))))
          << what << " at " << i << ", " << j;
}

//===----------------------------------------------------------------------===//
// Each kind by its formula
//===----------------------------------------------------------------------===//

TEST_F(MapTest, Dense) {
  Matrix w = matrix(7, 3), x = matrix(5, 7), y(5, 3);
  for (int64_t m = 0; m < 5; ++m)
    for (int64_t n = 0; n < 3; ++n)
      for (int64_t k = 0; k < 7; ++k)
        y(m, n) += x(m, k) * w(k, n);
  Map map = Map::dense(w);
  expectNear(map.apply(x), y, "dense");
  EXPECT_EQ(map.shape(), (Shape{7, 3}));
  EXPECT_EQ(map.flops(5), 2.0 * 5 * 7 * 3);
  EXPECT_EQ(map.bytes(5, 4), 4.0 * (7 * 3 + 5 * (7 + 3)));
}

TEST_F(MapTest, BlockDiagonal) {
  Matrix a = matrix(2, 3), b = matrix(4, 1), expected(6, 4);
  for (int64_t k = 0; k < 2; ++k)
    for (int64_t n = 0; n < 3; ++n)
      expected(k, n) = a(k, n);
  for (int64_t k = 0; k < 4; ++k)
    expected(2 + k, 3) = b(k, 0);
  Map map = Map::blockDiagonal({Map::dense(a), Map::dense(b)});
  EXPECT_EQ(map.materialise(), expected);
  EXPECT_EQ(map.flops(10), 2.0 * 10 * (2 * 3 + 4));
  EXPECT_EQ(map.parameters(), 10);
  EXPECT_EQ(map.transpose().materialise(), expected.transposed());
}

TEST_F(MapTest, Selection) {
  Map map = Map::selection(3, {2, -1, 0, 2, 2});
  Matrix x(1, 3, {5, 6, 7});
  EXPECT_EQ(map.apply(x), Matrix(1, 5, {7, 0, 5, 7, 7}));
  // Its transpose adds up what was read several times, and leaves 0 where nothing was.
  Matrix y(1, 5, {1, 2, 4, 8, 16});
  EXPECT_EQ(map.transpose().apply(y), Matrix(1, 3, {4, 0, 25}));
  EXPECT_EQ(map.flops(9) + map.parameters(), 0);
  EXPECT_EQ(Map::selection(2, {-1}).transpose().materialise(), Matrix(1, 2));
}

TEST_F(MapTest, Fourier) {
  for (int64_t n : {1, 2, 5, 8, 12}) {
    Matrix x = matrix(1, n), y = Map::transform(Transform::Fourier, n).apply(x);
    ASSERT_EQ(y.cols(), n / 2 * 2 + 2);
    for (int64_t j = 0; j <= n / 2; ++j) {
      std::complex<double> sum;
      for (int64_t k = 0; k < n; ++k)
        sum += x(0, k) * std::polar(1.0, -2 * std::numbers::pi * double(j * k) / double(n));
      EXPECT_NEAR(y(0, 2 * j), sum.real(), 1e-12 * double(n));
      EXPECT_NEAR(y(0, 2 * j + 1), sum.imag(), 1e-12 * double(n));
    }
  }
}

TEST_F(MapTest, HadamardAndCosineAreOrthogonal) {
  for (int64_t n : {1, 2, 16}) {
    Matrix h = Map::transform(Transform::Hadamard, n).materialise(), expected(n, n);
    for (int64_t i = 0; i < n; ++i)
      expected(i, i) = double(n);
    EXPECT_EQ(h * h, expected);
  }
  EXPECT_EQ(Map::transform(Transform::Hadamard, 1024).flops(1), 10240);
  for (int64_t n : {1, 3, 8}) {
    Map cosine = Map::transform(Transform::Cosine, n);
    Matrix expected(n, n);
    for (int64_t i = 0; i < n; ++i)
      expected(i, i) = i == 0 ? double(n) : double(n) / 2;
    expectNear(cosine.transpose().materialise() * cosine.materialise(), expected, "cosine");
    EXPECT_NEAR(cosine.materialise()(0, n - 1),
                std::cos(std::numbers::pi * double(n - 1) / (2.0 * double(n))), 1e-15);
  }
}

//===----------------------------------------------------------------------===//
// Canonical forms
//===----------------------------------------------------------------------===//

TEST_F(MapTest, IdentitiesVanish) {
  Map w = dense(4, 6);
  Map chain = Map::chain({Map::identity(4), w, Map::diagonal({1, 1, 1, 1, 1, 1})});
  ASSERT_TRUE(chain.as<Dense>());
  EXPECT_EQ(chain.materialise(), w.materialise());
  Map turn = permutation(9), back = turn.transpose();
  EXPECT_TRUE(isIdentity(Map::chain({turn, back})));
  EXPECT_TRUE(isIdentity(Map::chain({turn, Map::chain({back, turn}), back})));
}

TEST_F(MapTest, ScalingGoesIntoWeights) {
  Map chain = Map::chain({diagonal(5), dense(5, 7), diagonal(7), diagonal(7)});
  EXPECT_TRUE(chain.as<Dense>());
  Map blocks = Map::chain(
      {diagonal(5), Map::blockDiagonal({dense(2, 3), dense(3, 4)}), diagonal(7), permutation(7)});
  ASSERT_TRUE(blocks.as<Chain>());
  EXPECT_EQ(blocks.as<Chain>()->factors.size(), 2u);
  EXPECT_EQ(blocks.parameters(), 2 * 3 + 3 * 4);
}

/// What would make a weight larger stays beside it.
TEST_F(MapTest, SelectionsThatWouldFillWeightsStay) {
  Map slice = Map::selection(100, {3, 4, 5}), repeat = Map::selection(3, {0, 1, 2, 0, 1, 2});
  EXPECT_TRUE(Map::chain({slice, dense(3, 3)}).as<Chain>());
  EXPECT_TRUE(Map::chain({dense(3, 3), repeat}).as<Chain>());
  EXPECT_TRUE(Map::chain({repeat, dense(6, 2)}).as<Dense>());
  EXPECT_TRUE(Map::chain({dense(2, 100), slice}).as<Dense>());
  EXPECT_EQ(Map::chain({dense(2, 100), slice}).parameters(), 6);
  // A zero in a weight would meet what was not read.
  double infinity = std::numeric_limits<double>::infinity();
  Map unread = Map::chain({Map::selection(2, {0, 0}), dense(2, 2)});
  EXPECT_FALSE(std::isnan(unread.apply(Matrix(1, 2, {1, infinity}))(0, 0)));
  Map padded = Map::chain({dense(1, 2), Map::selection(2, {-1, 0})});
  EXPECT_EQ(padded.apply(Matrix(1, 1, {infinity}))(0, 0), 0);
}

TEST_F(MapTest, ResidualsCostNothing) {
  Map w = dense(6, 6), residual = Map::sum({Map::identity(6), w, diagonal(6)});
  EXPECT_TRUE(residual.as<Dense>());
  EXPECT_EQ(residual.flops(1), w.flops(1));
  // Without a dense term there is nowhere to put the identity.
  Map pair = lowRank(matrix(6, 2), matrix(2, 6)), both = Map::sum({Map::identity(6), pair});
  ASSERT_TRUE(both.as<Sum>());
  EXPECT_EQ(both.flops(1), pair.flops(1) + 6);
  Map scale = Map::sum({diagonal(6), diagonal(6)});
  EXPECT_TRUE(scale.as<Diagonal>());
}

/// A product with the rows of the identity would be K K N multiplications, and would make NaN of
/// 0 times infinity: an infinity that stays alone says that there is none.
TEST_F(MapTest, MaterialisingMultipliesFactorsAlone) {
  auto infinities = [&](const Map &map) {
    Matrix values = map.materialise();
    auto all = llvm::ArrayRef(values.data(), values.rows() * values.cols());
    EXPECT_FALSE(llvm::any_of(all, [](double value) { return std::isnan(value); }));
    return llvm::count(all, std::numeric_limits<double>::infinity());
  };
  Matrix w = matrix(6, 6);
  w(2, 3) = std::numeric_limits<double>::infinity();
  Map update = Map::chain({dense(6, 2), dense(2, 6)});
  EXPECT_EQ(infinities(Map::sum({Map::dense(w), update})), 1);
  EXPECT_EQ(infinities(Map::blockDiagonal({Map::dense(w), Map::sum({update, Map::dense(w)})})), 2);
  std::vector<double> scale(6, 2.0);
  scale[4] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(infinities(Map::sum({update, Map::diagonal(scale), Map::diagonal(scale)})), 1);
}

/// Maps are drawn and written in random ways; canonical form keeps the matrix and never
/// costs more than what was written.
TEST_F(MapTest, RandomExpressions) {
  for (int round = 0; round < 300; ++round) {
    int64_t width = upTo(6);
    std::vector<Map> factors;
    Matrix expected = Matrix::identity(width);
    double flops = 0, parameters = 0;
    for (int64_t count = upTo(5); count > 0; --count) {
      int64_t next = upTo(6);
      auto draw = [&]() -> Map {
        switch (upTo(7)) {
        case 1:
          return permutation(next = width);
        case 2:
          return diagonal(next = width);
        case 3:
          return selection(width, next);
        case 4:
          return Map::transform(Transform::Cosine, next = width);
        case 5:
          if (width >= 2)
            return Map::blockDiagonal({dense(1, next), dense(width - 1, 1)});
          return dense(width, next + 1);
        default:
          return dense(width, next);
        }
      };
      std::vector<Map> terms = {draw()};
      Shape shape = terms[0].shape();
      if (upTo(3) == 1)
        terms.push_back(dense(shape.inputs, shape.outputs));
      if (upTo(3) == 1)
        terms.push_back(selection(shape.inputs, shape.outputs));
      Matrix step(shape.inputs, shape.outputs);
      for (const Map &term : terms) {
        step += term.materialise();
        flops += term.flops(1);
        parameters += term.parameters();
      }
      flops += double((terms.size() - 1) * shape.outputs);
      expected = expected * step;
      Map sum = Map::sum(terms);
      factors.push_back(upTo(4) == 1 ? sum.transpose().transpose() : sum);
      width = shape.outputs;
    }
    Map map = Map::chain(factors);
    ASSERT_EQ(map.shape(), (Shape{expected.rows(), expected.cols()}));
    expectNear(map.materialise(), expected, "materialise");
    Matrix x = matrix(3, expected.rows());
    expectNear(map.apply(x), x * expected, "apply");
    expectNear(map.transpose().materialise(), expected.transposed(), "transpose");
    ASSERT_LE(map.flops(1), flops);
    ASSERT_LE(map.parameters(), parameters);
  }
}

TEST_F(MapTest, Affine) {
  Affine first{dense(4, 6), {1, 2, 3, 4, 5, 6}}, second{diagonal(6), {}},
      third{dense(6, 2), {-1, 1}};
  Affine all = compose(compose(first, second), third),
         other = compose(first, compose(second, third));
  EXPECT_TRUE(compose(second, third).map.as<Dense>()); // a batch norm's scale is in the weight
  Matrix x = matrix(5, 4), expected = third.apply(second.apply(first.apply(x)));
  expectNear(all.apply(x), expected, "affine");
  expectNear(other.apply(x), expected, "affine");
}

} // namespace
