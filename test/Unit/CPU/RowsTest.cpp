//===- RowsTest.cpp - kernel.rows against plain loops in f64 --------------===//
#include "Harness.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace strut::test;

static const int64_t sizes[] = {0, 1, 2, 7, 16, 17, 31, 33, 64, 100, 197};

static const char *softmax = R"mlir(
  func.func @test(%x: memref<?x?xf32>, %y: memref<?x?xf32>) {
    kernel.rows ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>)
        attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>,
                                                     affine_map<(r, i) -> (r, i)>]} {
    ^bb0(%e: f32):
      %m = kernel.combine max %e : f32
      %d = arith.subf %e, %m : f32
      %p = math.exp %d : f32
      %s = kernel.combine add %p : f32
      %v = arith.divf %p, %s : f32
      kernel.yield %v : f32
    }
    return
  })mlir";

TEST(Rows, Softmax) {
  Program program(softmax);
  for (int64_t rows : {1, 3, 50})
    for (int64_t n : sizes) {
      auto x = Array<float>::random({rows, n}, n, -9, 9);
      Array<float> y({rows, n});
      program(x, y);
      for (int64_t r = 0; r < rows; ++r) {
        double max = -1e30, sum = 0;
        for (int64_t i = 0; i < n; ++i)
          max = std::max<double>(max, x[r * n + i]);
        for (int64_t i = 0; i < n; ++i)
          sum += std::exp(x[r * n + i] - max);
        for (int64_t i = 0; i < n; ++i) {
          double exact = std::exp(x[r * n + i] - max) / sum;
          // e - max is rounded in f32, and is up to 18.
          ASSERT_NEAR(y[r * n + i], exact, 3e-6 * exact) << rows << "x" << n;
        }
      }
      EXPECT_TRUE(y.intact());
    }
}

TEST(Rows, ARowDoesNotDependOnItsNeighbours) {
  Program program(softmax);
  auto x = Array<float>::random({50, 197}, 1);
  Array<float> all({50, 197}), one({1, 197}), row({1, 197});
  program(x, all);
  std::copy_n(x.begin() + 31 * 197, 197, row.begin());
  program(row, one);
  for (int64_t i = 0; i < 197; ++i)
    ASSERT_EQ(one[i], all[31 * 197 + i]);
}

TEST(Rows, SoftmaxInPlace) {
  Program program(softmax);
  auto x = Array<float>::random({5, 33}, 1);
  Array<float> y({5, 33});
  program(x, y);
  program(x, x);
  for (int64_t i = 0; i < 5 * 33; ++i)
    ASSERT_EQ(x[i], y[i]);
}

TEST(Rows, LayerNorm) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?xf32>, %g: memref<?xf32>, %h: memref<?xf32>,
                    %y: memref<?x?xf32>) {
      %c1 = arith.constant 1 : index
      %n = memref.dim %x, %c1 : memref<?x?xf32>
      %ni = arith.index_cast %n : index to i32
      %nf = arith.sitofp %ni : i32 to f32
      kernel.rows ins(%x, %g, %h : memref<?x?xf32>, memref<?xf32>, memref<?xf32>)
          outs(%y : memref<?x?xf32>)
          attributes {axes = 1 : i64, indexing_maps = [
            affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (i)>, affine_map<(r, i) -> (i)>,
            affine_map<(r, i) -> (r, i)>]} {
      ^bb0(%e: f32, %scale: f32, %shift: f32):
        %eps = arith.constant 1.0e-5 : f32
        %s = kernel.combine add %e : f32
        %mean = arith.divf %s, %nf : f32
        %d = arith.subf %e, %mean : f32
        %q = arith.mulf %d, %d : f32
        %t = kernel.combine add %q : f32
        %var = arith.divf %t, %nf : f32
        %safe = arith.addf %var, %eps : f32
        %r = math.rsqrt %safe : f32
        %v = arith.mulf %d, %r : f32
        %w = arith.mulf %v, %scale : f32
        %z = arith.addf %w, %shift : f32
        kernel.yield %z : f32
      }
      return
    })mlir");
  for (int64_t n : sizes) {
    int64_t rows = 9;
    auto x = Array<float>::random({rows, n}, 1), g = Array<float>::random({n}, 2),
         h = Array<float>::random({n}, 3);
    Array<float> y({rows, n});
    program(x, g, h, y);
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0, var = 0;
      for (int64_t i = 0; i < n; ++i)
        mean += x[r * n + i] / double(n);
      for (int64_t i = 0; i < n; ++i)
        var += std::pow(x[r * n + i] - mean, 2) / double(n);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_NEAR(y[r * n + i], (x[r * n + i] - mean) / std::sqrt(var + 1e-5) * g[i] + h[i], 1e-5)
            << n;
    }
    EXPECT_TRUE(y.intact());
  }
}

TEST(Rows, MaskedMeanOverALeadingDimension) {
  // Lanes run across the columns, the row is the sequence.
  Program program(R"mlir(
    func.func @test(%x: memref<?x?x?xf32>, %m: memref<?x?xf32>, %y: memref<?x?xf32>) {
      kernel.rows ins(%x, %m : memref<?x?x?xf32>, memref<?x?xf32>) outs(%y : memref<?x?xf32>)
          attributes {axes = 1 : i64, indexing_maps = [
            affine_map<(b, d, s) -> (b, s, d)>, affine_map<(b, d, s) -> (b, s)>,
            affine_map<(b, d, s) -> (b, d)>]} {
      ^bb0(%e: f32, %w: f32):
        %p = arith.mulf %e, %w : f32
        %s = kernel.combine add %p : f32
        %c = kernel.combine add %w : f32
        %v = arith.divf %s, %c : f32
        kernel.yield %v : f32
      }
      return
    })mlir");
  for (int64_t d : sizes)
    for (int64_t s : {1, 7, 100}) {
      auto x = Array<float>::random({3, s, d}, 1);
      auto m = Array<float>::random({3, s}, 2, 0, 1);
      Array<float> y({3, d});
      program(x, m, y);
      for (int64_t b = 0; b < 3; ++b)
        for (int64_t j = 0; j < d; ++j) {
          double sum = 0, count = 0;
          for (int64_t i = 0; i < s; ++i) {
            sum += double(x[(b * s + i) * d + j]) * m[b * s + i];
            count += m[b * s + i];
          }
          ASSERT_NEAR(y[b * d + j], sum / count, 1e-5) << s << "x" << d;
        }
      EXPECT_TRUE(y.intact());
    }
}

TEST(Rows, MaxPoolOfAWindow) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?x?x?xf32>, %y: memref<?x?x?x?xf32>) {
      kernel.rows ins(%x : memref<?x?x?x?xf32>) outs(%y : memref<?x?x?x?xf32>)
          attributes {axes = 2 : i64, extents = array<i64: -1, -1, -1, -1, 2, 3>,
            indexing_maps = [
              affine_map<(n, c, h, w, kh, kw) -> (n, c, h * 2 + kh, w * 2 + kw)>,
              affine_map<(n, c, h, w, kh, kw) -> (n, c, h, w)>]} {
      ^bb0(%e: f32):
        %m = kernel.combine max %e : f32
        kernel.yield %m : f32
      }
      return
    })mlir");
  for (int64_t w : {1, 2, 15, 16, 40, 70}) {
    int64_t h = 3, ih = 6, iw = 2 * w + 1;
    auto x = Array<float>::random({2, 3, ih, iw}, 1);
    Array<float> y({2, 3, h, w});
    program(x, y);
    for (int64_t c = 0; c < 6; ++c)
      for (int64_t i = 0; i < h; ++i)
        for (int64_t j = 0; j < w; ++j) {
          float max = -1e30f;
          for (int64_t a = 0; a < 2; ++a)
            for (int64_t b = 0; b < 3; ++b)
              max = std::max(max, x[(c * ih + 2 * i + a) * iw + 2 * j + b]);
          ASSERT_EQ(y[(c * h + i) * w + j], max) << w;
        }
    EXPECT_TRUE(y.intact());
  }
}

TEST(Rows, SeveralAxesAndResultsOfBothKinds) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?x?xi32>, %sum: memref<?xi32>, %low: memref<?xi32>,
                    %y: memref<?x?x?xi32>) {
      kernel.rows ins(%x : memref<?x?x?xi32>) outs(%sum, %low, %y : memref<?xi32>, memref<?xi32>,
                                                    memref<?x?x?xi32>)
          attributes {axes = 2 : i64, indexing_maps = [
            affine_map<(r, i, j) -> (i, r, j)>, affine_map<(r, i, j) -> (r)>,
            affine_map<(r, i, j) -> (r)>, affine_map<(r, i, j) -> (i, r, j)>]} {
      ^bb0(%e: i32):
        %s = kernel.combine add %e : i32
        %l = kernel.combine min %e : i32
        %j = kernel.index 2
        %k = arith.index_cast %j : index to i32
        %d = arith.subi %e, %l : i32
        %f = arith.addi %d, %k : i32
        kernel.yield %s, %l, %f : i32, i32, i32
      }
      return
    })mlir");
  for (int64_t n : sizes) {
    auto x = Array<int32_t>::random({3, 4, n}, 1, -50, 50);
    Array<int32_t> sum({4}), low({4}), y({3, 4, n});
    program(x, sum, low, y);
    for (int64_t r = 0; r < 4; ++r) {
      int32_t s = 0, l = std::numeric_limits<int32_t>::max();
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < n; ++j) {
          s += x[(i * 4 + r) * n + j];
          l = std::min(l, x[(i * 4 + r) * n + j]);
        }
      ASSERT_EQ(sum[r], s) << n;
      ASSERT_EQ(low[r], l) << n;
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < n; ++j)
          ASSERT_EQ(y[(i * 4 + r) * n + j], x[(i * 4 + r) * n + j] - l + j) << n;
    }
    EXPECT_TRUE(y.intact());
  }
}

TEST(Rows, NaNWinsAndEmptyRowsAreNeutral) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?xf32>, %h: memref<?xf32>, %l: memref<?xf32>,
                    %p: memref<?xf32>) {
      kernel.rows ins(%x : memref<?x?xf32>)
          outs(%h, %l, %p : memref<?xf32>, memref<?xf32>, memref<?xf32>)
          attributes {axes = 1 : i64, indexing_maps = [
            affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r)>, affine_map<(r, i) -> (r)>,
            affine_map<(r, i) -> (r)>]} {
      ^bb0(%e: f32):
        %a = kernel.combine max %e : f32
        %b = kernel.combine min %e : f32
        %c = kernel.combine mul %e : f32
        kernel.yield %a, %b, %c : f32, f32, f32
      }
      return
    })mlir");
  const float inf = std::numeric_limits<float>::infinity();
  for (int64_t n : {1, 16, 33, 100})
    for (int64_t at : {int64_t(0), n / 2, n - 1}) {
      auto x = Array<float>::random({1, n}, 1, -5, -1);
      Array<float> high({1}), low({1}), all({1});
      program(x, high, low, all);
      EXPECT_EQ(high[0], *std::max_element(x.begin(), x.begin() + n));
      EXPECT_EQ(low[0], *std::min_element(x.begin(), x.begin() + n));
      x[at] = NAN;
      program(x, high, low, all);
      EXPECT_TRUE(std::isnan(high[0]) && std::isnan(low[0]) && std::isnan(all[0])) << n;
    }
  Array<float> x({2, 0}), high({2}), low({2}), all({2});
  program(x, high, low, all);
  EXPECT_EQ(high[1], -inf);
  EXPECT_EQ(low[1], inf);
  EXPECT_EQ(all[1], 1);
}

TEST(Rows, NormaliseF64) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?xf64>, %y: memref<?x?xf64>) {
      kernel.rows ins(%x : memref<?x?xf64>) outs(%y : memref<?x?xf64>)
          attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>,
                                                       affine_map<(r, i) -> (r, i)>]} {
      ^bb0(%e: f64):
        %q = arith.mulf %e, %e : f64
        %s = kernel.combine add %q : f64
        %n = math.sqrt %s : f64
        %v = arith.divf %e, %n : f64
        kernel.yield %v : f64
      }
      return
    })mlir");
  for (int64_t n : sizes) {
    auto x = Array<double>::random({4, n}, 1);
    Array<double> y({4, n});
    program(x, y);
    for (int64_t r = 0; r < 4; ++r) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i)
        sum += x[r * n + i] * x[r * n + i];
      for (int64_t i = 0; i < n; ++i)
        ASSERT_NEAR(y[r * n + i], x[r * n + i] / std::sqrt(sum), 1e-14);
    }
  }
}
