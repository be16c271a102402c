//===- TransposeTest.cpp - kernel.map whose operands lie differently ------===//
//
// Inputs that are contiguous along another dimension than the result: whole tiles, tiles
// cut on either side, dimensions shorter than a vector, for all widths of vectors.
//
//===----------------------------------------------------------------------===//
#include "Harness.h"
#include <gtest/gtest.h>

using namespace strut;
using namespace strut::test;

namespace {

class Transpose : public testing::TestWithParam<int64_t> {
protected:
  cpu::Target target() const {
    cpu::Target target;
    target.vectorBytes = GetParam();
    target.vectorRegisters = GetParam() == 64 ? 32 : 16;
    return target;
  }
  /// y[b, i, j] = x[b, j, i] for elements of `type`, through sizes that fit no tile.
  template <typename T> void move(const std::string &type);
};

const int64_t sizes[] = {0, 1, 3, 8, 16, 17, 37, 100};

std::string replaceAll(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

template <typename T> void Transpose::move(const std::string &type) {
  Program program(replaceAll(R"mlir(
    func.func @test(%x: memref<?x?x?xTYPE>, %y: memref<?x?x?xTYPE>) {
      kernel.map ins(%x : memref<?x?x?xTYPE>) outs(%y : memref<?x?x?xTYPE>)
          attributes {indexing_maps = [affine_map<(b, i, j) -> (b, j, i)>,
                                       affine_map<(b, i, j) -> (b, i, j)>]} {
      ^bb0(%e: TYPE):
        kernel.yield %e : TYPE
      }
      return
    })mlir",
                             "TYPE", type),
                  target());
  unsigned seed = 0;
  for (int64_t m : sizes)
    for (int64_t n : {1, 5, 16, 33, 600}) {
      auto x = Array<T>::random({2, n, m}, ++seed, -100, 100);
      if (type == "i1")
        for (int64_t i = 0; i < x.size(); ++i)
          x[i] = x[i] > 0;
      Array<T> y({2, m, n});
      program(x, y);
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j)
            ASSERT_EQ(y[(b * m + i) * n + j], x[(b * n + j) * m + i])
                << type << " " << m << "x" << n << " at " << i << ", " << j;
      EXPECT_TRUE(y.intact());
    }
}

TEST_P(Transpose, Elements) {
  move<float>("f32");
  move<double>("f64");
  move<int64_t>("i64");
  move<int16_t>("i16");
  move<int8_t>("i8");
  move<int8_t>("i1");
}

/// Channels of a fixed number, fewer than lanes, to the end and back.
TEST_P(Transpose, FewChannels) {
  for (int64_t channels : {2, 3, 5, 16}) {
    std::string source = R"mlir(
      func.func @test(%x: memref<?xCx?xf32>, %last: memref<?x?xCxf32>, %first: memref<?xCx?xf32>) {
        kernel.map ins(%x : memref<?xCx?xf32>) outs(%last : memref<?x?xCxf32>)
            attributes {indexing_maps = [affine_map<(n, p, c) -> (n, c, p)>,
                                         affine_map<(n, p, c) -> (n, p, c)>]} {
        ^bb0(%e: f32):
          kernel.yield %e : f32
        }
        kernel.map ins(%last : memref<?x?xCxf32>) outs(%first : memref<?xCx?xf32>)
            attributes {indexing_maps = [affine_map<(n, c, p) -> (n, p, c)>,
                                         affine_map<(n, c, p) -> (n, c, p)>]} {
        ^bb0(%e: f32):
          %s = arith.addf %e, %e : f32
          kernel.yield %s : f32
        }
        return
      })mlir";
    Program program(replaceAll(source, "xCx", "x" + std::to_string(channels) + "x"), target());
    for (int64_t pixels : {0, 1, 15, 16, 17, 50, 700}) {
      auto x = Array<float>::random({2, channels, pixels}, pixels);
      Array<float> last({2, pixels, channels}), first({2, channels, pixels});
      program(x, last, first);
      for (int64_t n = 0; n < 2; ++n)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t p = 0; p < pixels; ++p) {
            ASSERT_EQ(last[(n * pixels + p) * channels + c], x[(n * channels + c) * pixels + p]);
            ASSERT_EQ(first[(n * channels + c) * pixels + p],
                      2 * x[(n * channels + c) * pixels + p]);
          }
      EXPECT_TRUE(last.intact());
      EXPECT_TRUE(first.intact());
    }
  }
}

/// An image into the inside of a larger one, beside operands that lie like the result, that
/// differ by channel alone or by pixel alone, and indices; few ops and many.
TEST_P(Transpose, BesideOthers) {
  for (bool many : {false, true}) {
    std::string source = R"mlir(
      func.func @test(%x: memref<?x?x?xf32>, %r: memref<?x?x?xf32>, %c: memref<?xf32>,
                      %p: memref<?x?xf32>, %whole: memref<?x?x?xf32>, %to: memref<?x?x?xf32>) {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c2 = arith.constant 2 : index
        %h = memref.dim %r, %c0 : memref<?x?x?xf32>
        %w = memref.dim %r, %c1 : memref<?x?x?xf32>
        %d = memref.dim %r, %c2 : memref<?x?x?xf32>
        %y = memref.subview %whole[1, 2, 0] [%h, %w, %d] [1, 1, 1]
            : memref<?x?x?xf32> to memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
        kernel.map ins(%x, %r, %c, %p : memref<?x?x?xf32>, memref<?x?x?xf32>, memref<?xf32>,
                       memref<?x?xf32>)
            outs(%y, %to : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>, memref<?x?x?xf32>)
            attributes {indexing_maps = [affine_map<(h, w, c) -> (c, h, w)>,
                                         affine_map<(h, w, c) -> (h, w, c)>,
                                         affine_map<(h, w, c) -> (c)>,
                                         affine_map<(h, w, c) -> (h, w)>,
                                         affine_map<(h, w, c) -> (h, w, c)>,
                                         affine_map<(h, w, c) -> (h, w, c)>]} {
        ^bb0(%e: f32, %f: f32, %g: f32, %i: f32):
          %s = arith.addf %e, %f : f32
          %t = arith.mulf %s, %g : f32
          %u = arith.addf %t, %i : f32
          MORE
          kernel.yield %u, %e : f32, f32
        }
        return
      })mlir";
    std::string more = R"mlir(
          %n = kernel.index 2
          %k = kernel.index 1
          %nk = arith.addi %n, %k : index
          %j = arith.index_cast %nk : index to i32
          %v = arith.sitofp %j : i32 to f32
          %z = arith.constant 3.0 : f32
          %q = arith.mulf %v, %z : f32)mlir";
    source = replaceAll(source, "MORE", many ? more : "");
    if (many)
      source = replaceAll(source, "yield %u, %e", "yield %u, %q");
    Program program(source, target());
    for (auto [h, w, d] : {std::tuple{1, 1, 1}, {3, 17, 5}, {2, 33, 48}, {1, 5, 300}, {0, 4, 4}}) {
      auto x = Array<float>::random({d, h, w}, 1), r = Array<float>::random({h, w, d}, 2);
      auto c = Array<float>::random({d}, 3), p = Array<float>::random({h, w}, 4);
      Array<float> whole({h + 2, w + 4, d}, 9), to({h, w, d});
      program(x, r, c, p, whole, to);
      for (int64_t i = -1; i < h + 1; ++i)
        for (int64_t j = -2; j < w + 2; ++j)
          for (int64_t k = 0; k < d; ++k) {
            float found = whole[((i + 1) * (w + 4) + j + 2) * d + k];
            if (i < 0 || j < 0 || i >= h || j >= w) {
              ASSERT_EQ(found, 9);
              continue;
            }
            int64_t at = (i * w + j) * d + k;
            float e = x[(k * h + i) * w + j];
            ASSERT_NEAR(found, (e + r[at]) * c[k] + p[i * w + j], 1e-5);
            ASSERT_EQ(to[at], many ? 3.0f * (j + k) : e);
          }
      EXPECT_TRUE(whole.intact());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, Transpose, testing::Values(16, 32, 64));

} // namespace
