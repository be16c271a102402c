//===- ExpandMathTest.cpp - Errors of the elementary functions ------------===//
#include "Harness.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace strut;
using namespace strut::test;

namespace {

std::string kernelOf(const std::string &op, const std::string &type) {
  std::string buffer = "memref<?x" + type + ">";
  return "func.func @test(%x: " + buffer + ", %y: " + buffer + ") { kernel.map ins(%x : " + buffer +
         ") outs(%y : " + buffer +
         ") attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {"
         "^bb0(%e: " +
         type + "): %v = " + op + " %e : " + type + " kernel.yield %v : " + type + " } return }";
}

struct Function {
  const char *op;
  double (*exact)(double);
  double low, high;
  double ulps; ///< of f32
  double ulps64;
};

const Function functions[] = {
    {"math.exp", std::exp, -86, 88.7, 1.5, 1.5},
    {"math.exp", std::exp, -1, 1, 1.5, 1.5},
    {"math.exp2", std::exp2, -124, 127.9, 1.5, 2},
    {"math.expm1", std::expm1, -20, 88, 3, 3},
    {"math.expm1", std::expm1, -1e-3, 1e-3, 3, 3},
    {"math.tanh", std::tanh, -12, 12, 4, 4},
    {"math.tanh", std::tanh, -0.1, 0.1, 4, 4},
    {"math.erf", std::erf, -5, 5, 3, 8},
    {"math.erf", std::erf, -0.01, 0.01, 3, 8},
    {"math.log", std::log, 1e-30, 10, 1.5, 1.5},
    {"math.log", std::log, 0.9, 1.1, 1.5, 1.5},
    {"math.log2", std::log2, 0, 1000, 3, 3},
    {"math.log10", std::log10, 0, 1000, 3, 3},
    {"math.log1p", std::log1p, -0.5, 10, 4, 4},
    {"math.log1p", std::log1p, -1e-5, 1e-5, 4, 4},
    {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1e-3, 1e3, 1.6, 1.6},
    {"math.round", std::round, -10, 10, 0, 0},
    {"math.tan", std::tan, -1.5, 1.5, 1, 8},
    {"math.atan", std::atan, -10, 10, 1, 4},
    {"math.asin", std::asin, -1, 1, 1, 8},
    {"math.acos", std::acos, -1, 0.9, 1, 8},
    {"math.sinh", std::sinh, -20, 20, 1, 8},
    {"math.cosh", std::cosh, -20, 20, 1, 8},
    {"math.asinh", std::asinh, -20, 20, 1, 8},
    {"math.acosh", std::acosh, 1, 20, 1, 8},
    {"math.atanh", std::atanh, -0.99, 0.99, 1, 8},
    {"math.cbrt", std::cbrt, -20, 20, 1, 4},
};

template <typename T> double worst(Program &program, const Function &function) {
  auto x = Array<T>::random({40001}, 7, function.low, function.high);
  Array<T> y({40001});
  program(x, y);
  double worst = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    double exact = function.exact(x[i]);
    double ulp =
        std::nextafter(std::abs(T(exact)), std::numeric_limits<T>::infinity()) - std::abs(T(exact));
    double error = std::abs(double(y[i]) - exact) / ulp;
    worst = std::isnan(error) ? 1e300 : std::max(worst, error);
  }
  return worst;
}

TEST(ExpandMath, ErrorsOfF32) {
  for (const Function &function : functions) {
    Program program(kernelOf(function.op, "f32"));
    EXPECT_LE(worst<float>(program, function), function.ulps)
        << function.op << " from " << function.low;
  }
}

TEST(ExpandMath, ErrorsOfF64) {
  for (const Function &function : functions) {
    Program program(kernelOf(function.op, "f64"));
    // The reference may itself be one off.
    EXPECT_LE(worst<double>(program, function), function.ulps64 + 1)
        << function.op << " from " << function.low;
  }
}

TEST(ExpandMath, ErrorsWithoutFusedOperations) {
  cpu::Target target;
  target.fma = false;
  target.vectorBytes = 16;
  for (const Function &function : functions) {
    if (function.ulps < 1.1 || function.high - function.low < 3)
      continue; // those in f64 do not care, narrow ones neither
    Program program(kernelOf(function.op, "f32"), target);
    EXPECT_LE(worst<float>(program, function), 2 * function.ulps + 1)
        << function.op << " from " << function.low;
  }
}

TEST(ExpandMath, SineAndCosineAreAbsolute) {
  for (const char *type : {"f32", "f64"})
    for (bool sine : {true, false}) {
      Program program(kernelOf(sine ? "math.sin" : "math.cos", type));
      double worst = 0;
      auto test = [&](auto x, auto y) {
        program(x, y);
        for (int64_t i = 0; i < x.size(); ++i)
          worst = std::max(
              worst, std::abs(y[i] - (sine ? std::sin(double(x[i])) : std::cos(double(x[i])))));
      };
      if (type == std::string("f32"))
        test(Array<float>::random({20001}, 1, -1e5, 1e5), Array<float>({20001}));
      else
        test(Array<double>::random({20001}, 1, -1e5, 1e5), Array<double>({20001}));
      EXPECT_LE(worst, type == std::string("f32") ? 6e-8 : 1e-15);
    }
}

TEST(ExpandMath, GeluStaysWithinAMillionth) {
  Program program(R"mlir(
    func.func @test(%x: memref<?xf32>, %y: memref<?xf32>) {
      kernel.map ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
          attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {
      ^bb0(%e: f32):
        %c = arith.constant 0.70710678118654752 : f32
        %h = arith.constant 0.5 : f32
        %o = arith.constant 1.0 : f32
        %u = arith.mulf %e, %c : f32
        %f = math.erf %u : f32
        %p = arith.addf %f, %o : f32
        %g = arith.mulf %e, %h : f32
        %v = arith.mulf %g, %p : f32
        kernel.yield %v : f32
      }
      return
    })mlir");
  auto x = Array<float>::random({100000}, 3, -8, 8);
  Array<float> y({100000});
  program(x, y);
  double worst = 0;
  for (int64_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, std::abs(y[i] - 0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0)))));
  EXPECT_LE(worst, 1e-6);
}

TEST(ExpandMath, Extremes) {
  const float inf = INFINITY;
  struct Case {
    const char *op;
    std::vector<float> in, out;
  };
  const Case cases[] = {
      {"math.exp",
       {-inf, inf, NAN, 0, -0.f, 200, -200, 88.8f, -104},
       {0, inf, NAN, 1, 1, inf, 0, inf, 0}},
      {"math.exp2",
       {-inf, inf, NAN, 0, 10, -10, 128, 127},
       {0, inf, NAN, 1, 1024, 1 / 1024.f, inf, 0x1p127f}},
      {"math.expm1", {-inf, inf, NAN, 0, 200}, {-1, inf, NAN, 0, inf}},
      {"math.tanh", {-inf, inf, NAN, 0, -0.f, 1e-30f}, {-1, 1, NAN, 0, -0.f, 1e-30f}},
      {"math.erf", {-inf, inf, NAN, 0, -0.f, 100}, {-1, 1, NAN, 0, -0.f, 1}},
      {"math.erfc", {-inf, inf, NAN, 0}, {2, 0, NAN, 1}},
      {"math.log", {0, -1, inf, NAN, 1, -inf, -0.f}, {-inf, NAN, inf, NAN, 0, NAN, -inf}},
      {"math.log2", {0, 8, 0.25, 0x1p-140f}, {-inf, 3, -2, -140}},
      {"math.log1p", {-1, 0, inf, NAN, -2}, {-inf, 0, inf, NAN, NAN}},
      {"math.rsqrt", {0, inf, NAN, 4}, {inf, 0, NAN, 0.5}},
      {"math.round",
       {0.5, -0.5, 2.5, 0.49999997f, 8388609, NAN, inf},
       {1, -1, 3, 0, 8388609, NAN, inf}},
      {"math.sin", {0, inf, NAN}, {0, NAN, NAN}},
      {"math.cos", {0, inf, NAN}, {1, NAN, NAN}},
      {"math.atan", {0, inf, -inf, NAN}, {0, 1.57079637f, -1.57079637f, NAN}},
      {"math.asin", {2, 1, NAN}, {NAN, 1.57079637f, NAN}},
      {"math.cbrt", {0, 27, -8, inf}, {0, 3, -2, inf}},
      {"math.asinh", {0, inf, 1e30f}, {0, inf, 69.7706985f}},
  };
  for (const Case &test : cases) {
    Program program(kernelOf(test.op, "f32"));
    Array<float> x({int64_t(test.in.size())}), y = x;
    std::copy(test.in.begin(), test.in.end(), x.begin());
    program(x, y);
    for (size_t i = 0; i < test.in.size(); ++i) {
      EXPECT_EQ(std::isnan(y[i]), std::isnan(test.out[i])) << test.op << " of " << x[i];
      if (!std::isnan(test.out[i]) && test.op != std::string("math.erfc"))
        EXPECT_EQ(y[i], test.out[i]) << test.op << " of " << x[i];
      if (test.out[i] == 0)
        EXPECT_EQ(std::signbit(y[i]), std::signbit(test.out[i])) << test.op << " of " << x[i];
    }
  }
}

TEST(ExpandMath, PowersAndRemainders) {
  const char *binary = R"mlir(
    func.func @test(%x: memref<?xf32>, %z: memref<?xf32>, %y: memref<?xf32>) {
      kernel.map ins(%x, %z : memref<?xf32>, memref<?xf32>) outs(%y : memref<?xf32>)
          attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                       affine_map<(i) -> (i)>]} {
      ^bb0(%e: f32, %f: f32):
        %v = OP %e, %f : f32
        kernel.yield %v : f32
      }
      return
    })mlir";
  const float inf = INFINITY;
  const float values[] = {0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, -7.25, 100, inf, -inf, NAN};
  for (auto [op, exact] :
       {std::pair(
            "math.powf", +[](double x, double y) { return std::pow(x, y); }),
        std::pair(
            "arith.remf", +[](double x, double y) { return std::fmod(x, y); }),
        std::pair("math.atan2", +[](double x, double y) { return std::atan2(x, y); })}) {
    std::string source = binary;
    source.replace(source.find("OP"), 2, op);
    Program program(source);
    Array<float> x({225}), z({225}), y({225});
    for (int64_t i = 0; i < 225; ++i) {
      x[i] = values[i / 15];
      z[i] = values[i % 15];
    }
    program(x, z, y);
    for (int64_t i = 0; i < 225; ++i) {
      float expected = exact(x[i], z[i]);
      EXPECT_EQ(std::isnan(y[i]), std::isnan(expected)) << op << " of " << x[i] << ", " << z[i];
      if (!std::isnan(expected) && !std::isnan(y[i]))
        EXPECT_FLOAT_EQ(y[i], expected) << op << " of " << x[i] << ", " << z[i];
    }
  }
}

float halfToFloat(uint16_t h) {
  float sign = h & 0x8000 ? -1 : 1;
  int exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent == 31)
    return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024.f + fraction, exponent - 25)
                          : std::ldexp(float(fraction), -24));
}

TEST(ExpandMath, HalvesOnEveryTarget) {
  // Every f16 through f32 and back, then arithmetic on bf16.
  for (bool fused : {true, false}) {
    cpu::Target target;
    target.fma = fused;
    Program program(R"mlir(
      func.func @test(%x: memref<?xf16>, %y: memref<?xf32>, %z: memref<?xf16>) {
        kernel.map ins(%x : memref<?xf16>) outs(%y, %z : memref<?xf32>, memref<?xf16>)
            attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                         affine_map<(i) -> (i)>]} {
        ^bb0(%e: f16):
          %v = arith.extf %e : f16 to f32
          %eighth = arith.constant 0.125 : f32
          %w = arith.mulf %v, %eighth : f32
          %t = arith.truncf %w : f32 to f16
          kernel.yield %v, %t : f32, f16
        }
        return
      })mlir",
                    target);
    Array<uint16_t> x({65536}), z({65536});
    Array<float> y({65536});
    for (int64_t i = 0; i < 65536; ++i)
      x[i] = i;
    program(x, y, z);
    for (int64_t i = 0; i < 65536; ++i) {
      float exact = halfToFloat(x[i]);
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(y[i]) && std::isnan(halfToFloat(z[i]))) << i;
        continue;
      }
      ASSERT_EQ(y[i], exact) << i;
      // To nearest even among multiples of the spacing there.
      float scaled = exact / 8;
      float ulp = std::ldexp(1.f, scaled == 0 ? -24 : std::max(-24, std::ilogb(scaled) - 10));
      float rounded =
          std::isinf(exact) || scaled == 0 ? scaled : std::nearbyint(scaled / ulp) * ulp;
      ASSERT_EQ(halfToFloat(z[i]), rounded) << i;
    }
  }
}

TEST(ExpandMath, BrainFloatsRoundToNearestEven) {
  Program program(R"mlir(
    func.func @test(%x: memref<?xf32>, %y: memref<?xbf16>) {
      kernel.map ins(%x : memref<?xf32>) outs(%y : memref<?xbf16>)
          attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} {
      ^bb0(%e: f32):
        %t = arith.truncf %e : f32 to bf16
        %u = arith.addf %t, %t : bf16
        kernel.yield %u : bf16
      }
      return
    })mlir");
  Array<float> x({5});
  const float in[] = {1, 0x1.01p0f, 0x1.03p0f, NAN, INFINITY};
  std::copy(in, in + 5, x.begin());
  Array<uint16_t> y({5});
  program(x, y);
  EXPECT_EQ(y[0], 0x4000);
  EXPECT_EQ(y[1], 0x4000);
  EXPECT_EQ(y[2], 0x4002);
  EXPECT_GT(y[3] & 0x7fff, 0x7f80);
  EXPECT_EQ(y[4], 0x7f80);
}

TEST(ExpandMath, NothingIsLeftToCall) {
  struct Machine {
    const char *triple, *cpu;
    bool fma;
    int64_t bytes;
  };
  for (auto [triple, name, fma, bytes] :
       {Machine{"x86_64-unknown-linux-gnu", "x86-64-v2", false, 16},
        Machine{"x86_64-unknown-linux-gnu", "haswell", true, 32},
        Machine{"x86_64-unknown-linux-gnu", "znver4", true, 64},
        Machine{"aarch64-unknown-linux-gnu", "generic", true, 16}}) {
    cpu::Target target;
    target.fma = fma;
    target.vectorBytes = bytes;
    for (const char *type : {"f32", "f64", "f16", "bf16"}) {
      std::string source;
      for (const char *op : {"exp", "tanh", "erf", "log", "floor", "ceil", "round", "roundeven",
                             "trunc", "sqrt", "sin", "cbrt", "absf"}) {
        std::string text = kernelOf(std::string("math.") + op, type);
        text.replace(text.find("test"), 4, op);
        source += text + "\n";
      }
      EXPECT_EQ(undefinedSymbols(source, target, triple, name), std::vector<std::string>())
          << type << " on " << name;
    }
  }
}

} // namespace
