//===- EvaluateTest.cpp - Values against loops in f64 ----------------------===//
#include "strut/Evaluate/Evaluate.h"
#include "mlir/Parser/Parser.h"
#include "strut/Driver/Register.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace strut;
using evaluate::Array;

namespace {

class Evaluate : public testing::Test {
protected:
  Evaluate() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  func::FuncOp parse(const char *source) {
    module = parseSourceString<ModuleOp>(source, &context);
    return *module->getOps<func::FuncOp>().begin();
  }

  Array random(ArrayRef<int64_t> shape) {
    Array array(RankedTensorType::get(shape, Float32Type::get(&context)));
    for (float &value : array.as<float>())
      value = std::normal_distribution<float>()(engine);
    return array;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::mt19937 engine{7};
};

/// gelu(x · w) of x[m, 24], w[24, 40].
std::vector<double> geluOfProduct(const Array &x, const Array &w) {
  std::vector<double> result;
  for (int64_t m = 0; m < x.getType().getDimSize(0); ++m)
    for (int64_t n = 0; n < 40; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < 24; ++k)
        sum += double(x.as<float>()[m * 24 + k]) * w.as<float>()[k * 40 + n];
      result.push_back(0.5 * sum * (1 + std::erf(sum / std::sqrt(2.0))));
    }
  return result;
}

/// softmax(q · kᵀ / sqrt(size)) · v for each batch, of q[2, m, size], k[2, s, size], v[2, s, size];
/// `at` gives elements by batch, position and feature.
template <typename At>
double attentionOf(At q, At k, At v, int64_t keys, int64_t size, int64_t batch, int64_t row,
                   int64_t feature) {
  double total = 0, sum = 0;
  for (int64_t key = 0; key < keys; ++key) {
    double score = 0;
    for (int64_t d = 0; d < size; ++d)
      score += q(batch, row, d) * k(batch, key, d);
    double weight = std::exp(score / std::sqrt(double(size)));
    total += weight;
    sum += weight * v(batch, key, feature);
  }
  return sum / total;
}

constexpr const char *product = R"(
  func.func @f(%x: tensor<?x24xf32>, %w: tensor<24x40xf32>) -> tensor<?x40xf32> {
    %p = onnx.MatMul(%x, %w) : (tensor<?x24xf32>, tensor<24x40xf32>) -> tensor<?x40xf32>
    %y = onnx.Gelu(%p) : (tensor<?x40xf32>) -> tensor<?x40xf32>
    return %y : tensor<?x40xf32>
  })";

TEST_F(Evaluate, OnInputs) {
  std::vector<Array> inputs;
  inputs.push_back(random({5, 24}));
  inputs.push_back(random({24, 40}));
  auto values = evaluate::evaluate(parse(product), inputs);
  ASSERT_TRUE(bool(values)) << toString(values.takeError());
  ASSERT_EQ(values->size(), 1u);
  EXPECT_EQ(values->front().getType().getShape(), ArrayRef<int64_t>({5, 40}));
  std::vector<double> expected = geluOfProduct(inputs[0], inputs[1]);
  for (auto [value, wanted] : llvm::zip(values->front().as<float>(), expected))
    EXPECT_NEAR(value, wanted, 1e-5 + 1e-5 * std::abs(wanted));
}

TEST_F(Evaluate, InDoublePrecision) {
  std::vector<Array> inputs;
  inputs.push_back(random({3, 24}));
  inputs.push_back(random({24, 40}));
  evaluate::Options options;
  options.precision = evaluate::Precision::F64;
  auto values = evaluate::evaluate(parse(product), inputs, options);
  ASSERT_TRUE(bool(values)) << toString(values.takeError());
  EXPECT_TRUE(values->front().getType().getElementType().isF64());
  std::vector<double> expected = geluOfProduct(inputs[0], inputs[1]);
  for (auto [value, wanted] : llvm::zip(values->front().as<double>(), expected))
    EXPECT_NEAR(value, wanted, 1e-12 + 1e-12 * std::abs(wanted));
}

// As the one operator and as its formula, which becomes that operator in f32 alone.
TEST_F(Evaluate, AttentionInDoublePrecision) {
  constexpr const char *sources[] = {R"(
    func.func @f(%q: tensor<2x1x5x8xf32>, %k: tensor<2x1x11x8xf32>, %v: tensor<2x1x11x8xf32>) -> tensor<2x1x5x8xf32> {
      %y = onnx.Attention(%q, %k, %v) : (tensor<2x1x5x8xf32>, tensor<2x1x11x8xf32>, tensor<2x1x11x8xf32>) -> tensor<2x1x5x8xf32>
      return %y : tensor<2x1x5x8xf32>
    })",
                                     R"(
    func.func @f(%q: tensor<2x1x5x8xf32>, %k: tensor<2x1x11x8xf32>, %v: tensor<2x1x11x8xf32>) -> tensor<2x1x5x8xf32> {
      %t = onnx.Transpose(%k) {perm = array<i64: 0, 1, 3, 2>} : (tensor<2x1x11x8xf32>) -> tensor<2x1x8x11xf32>
      %p = onnx.MatMul(%q, %t) : (tensor<2x1x5x8xf32>, tensor<2x1x8x11xf32>) -> tensor<2x1x5x11xf32>
      %r = onnx.Constant() {value = dense<8.0> : tensor<f32>} : () -> tensor<f32>
      %d = onnx.Sqrt(%r) : (tensor<f32>) -> tensor<f32>
      %s = onnx.Div(%p, %d) : (tensor<2x1x5x11xf32>, tensor<f32>) -> tensor<2x1x5x11xf32>
      %w = onnx.Softmax(%s) {axis = -1 : i64} : (tensor<2x1x5x11xf32>) -> tensor<2x1x5x11xf32>
      %y = onnx.MatMul(%w, %v) : (tensor<2x1x5x11xf32>, tensor<2x1x11x8xf32>) -> tensor<2x1x5x8xf32>
      return %y : tensor<2x1x5x8xf32>
    })"};
  for (const char *source : sources) {
    SCOPED_TRACE(source);
    std::vector<Array> inputs;
    inputs.push_back(random({2, 1, 5, 8}));
    inputs.push_back(random({2, 1, 11, 8}));
    inputs.push_back(random({2, 1, 11, 8}));
    auto of = [&](int number, int64_t rows) {
      return [&, number, rows](int64_t batch, int64_t row, int64_t feature) -> double {
        return inputs[number].as<float>()[(batch * rows + row) * 8 + feature];
      };
    };
    for (auto precision : {evaluate::Precision::AsGiven, evaluate::Precision::F64}) {
      bool isWide = precision == evaluate::Precision::F64;
      evaluate::Options options;
      options.precision = precision;
      auto values = evaluate::evaluate(parse(source), inputs, options);
      ASSERT_TRUE(bool(values)) << toString(values.takeError());
      const Array &y = values->front();
      ASSERT_EQ(y.getType().getShape(), ArrayRef<int64_t>({2, 1, 5, 8}));
      ASSERT_EQ(y.getType().getElementType().isF64(), isWide);
      for (int64_t i = 0; i < 80; ++i) {
        double expected =
            attentionOf(of(0, 5), of(1, 11), of(2, 11), 11, 8, i / 40, i / 8 % 5, i % 8);
        EXPECT_NEAR(isWide ? y.as<double>()[i] : y.as<float>()[i], expected, isWide ? 1e-13 : 1e-5);
      }
    }
  }
}

// y[m, n] = x[m, k] · w[n, k], extents from the inputs by the names of their dimensions.
constexpr const char *kernels = R"(
  #x = affine_map<(m, n, k) -> (m, k)>
  #w = affine_map<(m, n, k) -> (n, k)>
  #y = affine_map<(m, n, k) -> (m, n)>
  func.func @f(%x: tensor<?x?xf32> {strut.dims = ["M", "K"]}, %w: tensor<?x?xf32> {strut.dims = ["N", "K"]}, %M: index, %K: index, %N: index) -> tensor<?x?xf32>
      attributes {strut.symbols = ["M", "K", "N"]} {
    %o = tensor.empty(%M, %N) : tensor<?x?xf32>
    %y = kernel.contract ins(%x, %w : tensor<?x?xf32>, tensor<?x?xf32>) outs(%o : tensor<?x?xf32>) attributes {indexing_maps = [#x, #w, #y]} {
    ^bb0(%a: f32):
      kernel.yield %a : f32
    } -> tensor<?x?xf32>
    return %y : tensor<?x?xf32>
  })";

TEST_F(Evaluate, KernelsWithSymbolicDimensions) {
  struct Sizes {
    int64_t m, k, n;
  };
  for (auto [m, k, n] :
       {Sizes{5, 7, 3}, Sizes{1, 1, 1}, Sizes{0, 4, 2}, Sizes{2, 0, 3}, Sizes{67, 19, 41}}) {
    SCOPED_TRACE(llvm::formatv("{0} x {1} x {2}", m, k, n).str());
    std::vector<Array> inputs;
    inputs.push_back(random({m, k}));
    inputs.push_back(random({n, k}));
    auto values = evaluate::evaluate(parse(kernels), inputs);
    ASSERT_TRUE(bool(values)) << toString(values.takeError());
    ASSERT_EQ(values->front().getType().getShape(), ArrayRef<int64_t>({m, n}));
    for (int64_t i = 0; i < m * n; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j)
        sum += double(inputs[0].as<float>()[i / n * k + j]) * inputs[1].as<float>()[i % n * k + j];
      EXPECT_NEAR(values->front().as<float>()[i], sum, 1e-5);
    }
  }
  std::vector<Array> inputs;
  inputs.push_back(random({5, 7}));
  inputs.push_back(random({3, 6}));
  auto values = evaluate::evaluate(parse(kernels), inputs);
  ASSERT_FALSE(bool(values));
  EXPECT_EQ(toString(values.takeError()),
            "input 1 is a tensor<3x6xf32>, the function takes a tensor<?x?xf32>");
}

TEST_F(Evaluate, WhatIsAssertedOfDimensions) {
  std::string source = kernels;
  source.insert(source.find("%o ="), R"(%least = arith.constant 3 : index
    %holds = arith.cmpi sge, %M, %least : index
    cf.assert %holds, "node 'x': it has too few rows"
    )");
  for (int64_t rows : {2, 3}) {
    std::vector<Array> inputs;
    inputs.push_back(random({rows, 7}));
    inputs.push_back(random({4, 7}));
    auto values = evaluate::evaluate(parse(source.c_str()), inputs);
    EXPECT_EQ(bool(values), rows == 3);
    if (!values)
      EXPECT_EQ(toString(values.takeError()), "node 'x': it has too few rows");
  }
}

// No code is generated for what is too large: no emitter takes a contraction without a
// column dimension, and none is asked.
TEST_F(Evaluate, LimitsAreCheckedBeforeCodeIsGenerated) {
  constexpr const char *source = R"(
  #x = affine_map<(m, k) -> (m, k)>
  #w = affine_map<(m, k) -> (k)>
  #y = affine_map<(m, k) -> (m)>
  func.func @f(%x: tensor<?x8xf32> {strut.dims = ["M", ""]}, %w: tensor<8xf32> {strut.dims = [""]}, %M: index) -> tensor<?xf32>
      attributes {strut.symbols = ["M"]} {
    %o = tensor.empty(%M) : tensor<?xf32>
    %y = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<8xf32>) outs(%o : tensor<?xf32>) attributes {indexing_maps = [#x, #w, #y]} {
    ^bb0(%a: f32):
      kernel.yield %a : f32
    } -> tensor<?xf32>
    return %y : tensor<?xf32>
  })";
  std::vector<Array> inputs;
  inputs.push_back(random({100, 8}));
  inputs.push_back(random({8}));
  auto fails = [&](uint64_t maxBytes) {
    evaluate::Options options;
    options.maxBytes = maxBytes;
    auto values = evaluate::evaluate(parse(source), inputs, options);
    EXPECT_FALSE(bool(values));
    return values ? "" : toString(values.takeError());
  };
  EXPECT_NE(fails(399).find("bytes of memory, more than the limit of 399"), std::string::npos);
  EXPECT_NE(fails(1 << 20).find("column dimension"), std::string::npos);
}

TEST_F(Evaluate, AClosedFunctionOfSeveralResults) {
  auto values = evaluate::evaluate(parse(R"(
    func.func @f() -> (tensor<2x2xf32>, tensor<2xi64>, tensor<2x2xi1>) {
      %a = onnx.Constant() {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
      %i = onnx.Constant() {value = dense<[5, 6]> : tensor<2xi64>} : () -> tensor<2xi64>
      %t = onnx.Transpose(%a) : (tensor<2x2xf32>) -> tensor<2x2xf32>
      %s = onnx.Add(%i, %i) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
      %l = onnx.Less(%a, %t) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xi1>
      return %t, %s, %l : tensor<2x2xf32>, tensor<2xi64>, tensor<2x2xi1>
    })"));
  ASSERT_TRUE(bool(values)) << toString(values.takeError());
  EXPECT_EQ((*values)[0].as<float>(), ArrayRef<float>({1, 3, 2, 4}));
  EXPECT_EQ((*values)[1].as<int64_t>(), ArrayRef<int64_t>({10, 12}));
  EXPECT_EQ((*values)[2].as<char>(), ArrayRef<char>({0, 1, 0, 0}));
}

TEST_F(Evaluate, RefusesWhatDoesNotFit) {
  std::vector<Array> inputs;
  inputs.push_back(random({5, 23}));
  auto fails = [&](const evaluate::Options &options) {
    auto values = evaluate::evaluate(parse(product), inputs, options);
    EXPECT_FALSE(bool(values));
    return values ? "" : toString(values.takeError());
  };
  EXPECT_EQ(fails({}), "the function takes 2 tensors, given are 1");
  inputs.push_back(random({24, 40}));
  EXPECT_EQ(fails({}), "input 0 is a tensor<5x23xf32>, the function takes a tensor<?x24xf32>");
  inputs[0] = random({5, 24});
  evaluate::Options little;
  little.maxFlops = 100;
  EXPECT_NE(fails(little).find("more than the limit"), std::string::npos);
  little = {};
  little.maxBytes = 100;
  EXPECT_NE(fails(little).find("bytes of memory, more than the limit of 100"), std::string::npos);
}

} // namespace
