//===- MapTest.cpp - kernel.map against plain loops -----------------------===//
#include "Harness.h"
#include <gtest/gtest.h>

using namespace strut::test;

static const int64_t sizes[] = {0, 1, 2, 7, 16, 17, 31, 33, 100, 197};

TEST(Map, BroadcastAdd) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?xf32>, %b: memref<?xf32>, %y: memref<?x?xf32>) {
      kernel.map ins(%x, %b : memref<?x?xf32>, memref<?xf32>) outs(%y : memref<?x?xf32>)
          attributes {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                                       affine_map<(i, j) -> (i, j)>]} {
      ^bb0(%e: f32, %f: f32):
        %s = arith.addf %e, %f : f32
        kernel.yield %s : f32
      }
      return
    })mlir");
  for (int64_t m : {0, 1, 3, 300})
    for (int64_t n : sizes) {
      auto x = Array<float>::random({m, n}, 1), b = Array<float>::random({n}, 2);
      Array<float> y({m, n});
      program(x, b, y);
      for (int64_t i = 0; i < m * n; ++i)
        ASSERT_EQ(y[i], x[i] + b[i % n]) << m << "x" << n << " at " << i;
      EXPECT_TRUE(y.intact());
    }
}

TEST(Map, LongRowsAreCutIntoTasks) {
  Program program(R"mlir(
    func.func @test(%x: memref<?xf64>, %y: memref<?xf64>) {
      kernel.map ins(%x : memref<?xf64>) outs(%y : memref<?xf64>)
          attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {
      ^bb0(%e: f64):
        %c = arith.constant 3.0 : f64
        %s = arith.mulf %e, %c : f64
        kernel.yield %s : f64
      }
      return
    })mlir");
  for (int64_t n : {4095, 4096, 4097, 20001}) {
    auto x = Array<double>::random({n}, 1);
    Array<double> y({n});
    program(x, y);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(y[i], 3 * x[i]);
    EXPECT_TRUE(y.intact());
  }
}

TEST(Map, Transpose) {
  Program program(R"mlir(
    func.func @test(%x: memref<?x?x?xf32>, %y: memref<?x?x?xf32>) {
      kernel.map ins(%x : memref<?x?x?xf32>) outs(%y : memref<?x?x?xf32>)
          attributes {indexing_maps = [affine_map<(b, i, j) -> (b, j, i)>,
                                       affine_map<(b, i, j) -> (b, i, j)>]} {
      ^bb0(%e: f32):
        kernel.yield %e : f32
      }
      return
    })mlir");
  for (int64_t m : sizes)
    for (int64_t n : {1, 5, 16, 33, 100}) {
      auto x = Array<float>::random({2, n, m}, 1);
      Array<float> y({2, m, n});
      program(x, y);
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j)
            ASSERT_EQ(y[(b * m + i) * n + j], x[(b * n + j) * m + i]) << m << "x" << n;
      EXPECT_TRUE(y.intact());
    }
}

TEST(Map, GatherRows) {
  Program program(R"mlir(
    func.func @test(%ids: memref<?xi64>, %table: memref<?x?xf32>, %y: memref<?x?xf32>) {
      kernel.map ins(%ids, %table : memref<?xi64>, memref<?x?xf32>) outs(%y : memref<?x?xf32>)
          attributes {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> ()>,
                                       affine_map<(t, d) -> (t, d)>]} {
      ^bb0(%id: i64, %unused: none):
        %row = arith.index_cast %id : i64 to index
        %d = kernel.index 1
        %v = kernel.fetch 1[%row, %d] : f32
        kernel.yield %v : f32
      }
      return
    })mlir");
  for (int64_t n : sizes) {
    auto table = Array<float>::random({9, n}, 1);
    auto ids = Array<int64_t>::random({13}, 2, 0, 9);
    Array<float> y({13, n});
    program(ids, table, y);
    for (int64_t t = 0; t < 13; ++t)
      for (int64_t d = 0; d < n; ++d)
        ASSERT_EQ(y[t * n + d], table[ids[t] * n + d]);
    EXPECT_TRUE(y.intact());
  }
}

TEST(Map, PadByClampedFetch) {
  Program program(R"mlir(
    func.func @test(%x: memref<?xf32>, %y: memref<?xf32>) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %x, %c0 : memref<?xf32>
      kernel.map ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
          attributes {indexing_maps = [affine_map<(i) -> ()>, affine_map<(i) -> (i)>]} {
      ^bb0(%unused: none):
        %one = arith.constant 1 : index
        %two = arith.constant 2 : index
        %i = kernel.index 0
        %at = arith.subi %i, %two : index
        %low = arith.maxsi %at, %c0 : index
        %last = arith.subi %n, %one : index
        %clamped = arith.minsi %low, %last : index
        %inside = arith.cmpi eq, %clamped, %at : index
        %v = kernel.fetch 0[%clamped] : f32
        %zero = arith.constant 0.0 : f32
        %p = arith.select %inside, %v, %zero : f32
        kernel.yield %p : f32
      }
      return
    })mlir");
  for (int64_t n : {1, 2, 7, 16, 17, 31, 33, 100, 5000}) {
    auto x = Array<float>::random({n}, 1);
    Array<float> y({n + 5});
    program(x, y);
    for (int64_t i = 0; i < n + 5; ++i)
      ASSERT_EQ(y[i], i >= 2 && i < n + 2 ? x[i - 2] : 0) << n << " at " << i;
    EXPECT_TRUE(y.intact());
  }
}

TEST(Map, BooleansAreBytes) {
  Program program(R"mlir(
    func.func @test(%x: memref<?xf32>, %m: memref<?xi1>, %y: memref<?xf32>, %less: memref<?xi1>) {
      kernel.map ins(%x, %m : memref<?xf32>, memref<?xi1>)
          outs(%y, %less : memref<?xf32>, memref<?xi1>)
          attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                       affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {
      ^bb0(%e: f32, %keep: i1):
        %zero = arith.constant 0.0 : f32
        %v = arith.select %keep, %e, %zero : f32
        %l = arith.cmpf olt, %e, %zero : f32
        kernel.yield %v, %l : f32, i1
      }
      return
    })mlir");
  for (int64_t n : sizes) {
    auto x = Array<float>::random({n}, 1);
    auto keep = Array<int8_t>::random({n}, 2, 0, 2);
    Array<float> y({n});
    Array<int8_t> less({n}, 5);
    program(x, keep, y, less);
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(y[i], keep[i] ? x[i] : 0);
      ASSERT_EQ(less[i], x[i] < 0);
    }
    EXPECT_TRUE(less.intact());
  }
}

TEST(Map, RankZero) {
  Program program(R"mlir(
    func.func @test(%x: memref<f32>, %y: memref<f32>) {
      kernel.map ins(%x : memref<f32>) outs(%y : memref<f32>)
          attributes {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>]} {
      ^bb0(%e: f32):
        %s = arith.addf %e, %e : f32
        kernel.yield %s : f32
      }
      return
    })mlir");
  Array<float> x({}, 3), y({});
  program(x, y);
  EXPECT_EQ(y[0], 6);
}

TEST(Map, EqualKernelsShareOneFunction) {
  Program program(R"mlir(
    #id = affine_map<(i) -> (i)>
    func.func @test(%x: memref<10xf32>, %y: memref<?xf32>) {
      %two = arith.constant 2.0 : f32
      kernel.map ins(%x : memref<10xf32>) outs(%x : memref<10xf32>)
          attributes {indexing_maps = [#id, #id]} {
      ^bb0(%e: f32):
        %s = arith.mulf %e, %two : f32
        kernel.yield %s : f32
      }
      kernel.map ins(%y : memref<?xf32>) outs(%y : memref<?xf32>)
          attributes {indexing_maps = [#id, #id]} {
      ^bb0(%e: f32):
        %s = arith.mulf %e, %two : f32
        kernel.yield %s : f32
      }
      kernel.map ins(%y : memref<?xf32>) outs(%y : memref<?xf32>)
          attributes {indexing_maps = [#id, #id]} {
      ^bb0(%e: f32):
        %s = arith.addf %e, %two : f32
        kernel.yield %s : f32
      }
      return
    })mlir");
  EXPECT_EQ(program.kernels, 2);
  Array<float> x({10}, 1), y({20}, 1);
  program(x, y);
  EXPECT_EQ(x[9], 2);
  EXPECT_EQ(y[19], 4);
}
