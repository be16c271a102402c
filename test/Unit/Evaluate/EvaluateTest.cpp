//===- EvaluateTest.cpp - Values against loops in f64 ----------------------===//
#include "strut/Evaluate/Evaluate.h"
#include "mlir/Parser/Parser.h"
#include "strut/Driver/Register.h"
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
