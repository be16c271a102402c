//===- ExpandLayersTest.cpp - Layers as compiled against their definition --===//
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "strut/Algebra/Forms.h"
#include "strut/Cost/Layers.h"
#include "strut/Driver/Register.h"
#include "strut/Evaluate/Evaluate.h"
#include "strut/Reference/Passes.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace strut;
using evaluate::Array;

namespace {

class ExpandLayers : public testing::Test {
protected:
  ExpandLayers() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  OwningOpRef<ModuleOp> parse(const std::string &source) {
    return parseSourceString<ModuleOp>(source, &context);
  }

  static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  std::vector<Array> evaluateOne(ModuleOp module, ArrayRef<Array> inputs,
                                 const evaluate::Options &options = {}) {
    auto values = evaluate::evaluate(mainOf(module), inputs, options);
    EXPECT_TRUE(bool(values)) << toString(values.takeError());
    return values ? std::move(*values) : std::vector<Array>();
  }

  /// The compiled function in f32 against its expanded form in f64.
  void compare(const std::string &source, ArrayRef<Array> inputs, int64_t form = -1) {
    OwningOpRef<ModuleOp> module = parse(source);
    ASSERT_TRUE(module) << source;
    std::vector<Array> actual = evaluateOne(*module, inputs);
    PassManager manager(&context);
    manager.addNestedPass<func::FuncOp>(reference::createExpandLayers({form}));
    ASSERT_TRUE(succeeded(manager.run(*module)));
    evaluate::Options exact;
    exact.precision = evaluate::Precision::F64;
    std::vector<Array> expected = evaluateOne(*module, inputs, exact);
    ASSERT_TRUE(actual.size() == 1 && expected.size() == 1);
    ASSERT_EQ(actual[0].getType().getShape(), expected[0].getType().getShape());
    double squares = 0;
    ArrayRef<double> wanted = expected[0].as<double>();
    for (double value : wanted)
      squares += value * value;
    double rms = std::sqrt(squares / std::max<size_t>(wanted.size(), 1));
    for (auto [value, want] : llvm::zip_equal(actual[0].as<float>(), wanted))
      ASSERT_NEAR(value, want, 1e-5 * rms + 1e-4 * std::abs(want)) << source;
  }

  Array random(ArrayRef<int64_t> shape) {
    Array array(RankedTensorType::get(shape, Float32Type::get(&context)));
    for (float &value : array.as<float>())
      value = std::normal_distribution<float>()(engine);
    return array;
  }

  int64_t upTo(int64_t most) { return std::uniform_int_distribution<int64_t>(1, most)(engine); }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::mt19937 engine{11};
};

std::string tensor(ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

TEST_F(ExpandLayers, Linear) {
  for (int round = 0; round < 6; ++round) {
    int64_t m = round == 0 ? 0 : upTo(9), k = upTo(70), n = upTo(130);
    bool bias = round % 2;
    std::string x = tensor({m, 2, k}), w = tensor({k, n}), b = tensor({n}), y = tensor({m, 2, n});
    std::string source = "func.func @f(%x: " + x + ", %w: " + w + ", %b: " + b + ") -> " + y +
                         " {\n%y = layer.linear %x, %w" + (bias ? " bias %b" : "") + " : " + x +
                         ", " + w + (bias ? ", " + b : "") + " -> " + y + "\nreturn %y : " + y +
                         "\n}";
    std::vector<Array> inputs;
    inputs.push_back(random({m, 2, k}));
    inputs.push_back(random({k, n}));
    inputs.push_back(random({n}));
    compare(source, inputs);
  }
}

TEST_F(ExpandLayers, BlockLinear) {
  for (int round = 0; round < 6; ++round) {
    int64_t m = round == 0 ? 0 : upTo(9), blocks = upTo(5), k = upTo(20), n = upTo(40);
    bool bias = round % 2;
    std::string x = tensor({m, 2, blocks * k}), w = tensor({blocks, k, n}),
                b = tensor({blocks * n}), y = tensor({m, 2, blocks * n});
    std::string source = "func.func @f(%x: " + x + ", %w: " + w + ", %b: " + b + ") -> " + y +
                         " {\n%y = layer.block_linear %x, %w" + (bias ? " bias %b" : "") + " : " +
                         x + ", " + w + (bias ? ", " + b : "") + " -> " + y + "\nreturn %y : " + y +
                         "\n}";
    std::vector<Array> inputs;
    inputs.push_back(random({m, 2, blocks * k}));
    inputs.push_back(random({blocks, k, n}));
    inputs.push_back(random({blocks * n}));
    compare(source, inputs);
  }
}

/// Windows of odd and even extents on one to three axes, with and without factors.
TEST_F(ExpandLayers, PoolMixer) {
  for (int round = 0; round < 8; ++round) {
    SmallVector<int64_t> shape = {round == 0 ? 0 : upTo(3), upTo(40)}, window, before;
    for (int axis = 0; axis < 1 + round % 3; ++axis) {
      shape.push_back(upTo(9));
      window.push_back(upTo(4));
      before.push_back(upTo(window.back()) - 1);
    }
    auto list = [](ArrayRef<int64_t> numbers) {
      std::string text;
      for (int64_t number : numbers)
        text += (text.empty() ? "" : ", ") + std::to_string(number);
      return "[" + text + "]";
    };
    bool scale = round % 2;
    std::string x = tensor(shape), s = tensor(shape[1]);
    std::string source = "func.func @f(%x: " + x + ", %s: " + s + ") -> " + x +
                         " {\n%y = layer.pool_mixer %x" + (scale ? " scale %s" : "") + " window " +
                         list(window) + " before " + list(before) +
                         (round % 4 < 2 ? " epsilon 1.0e-3" : "") + " : " + x +
                         (scale ? ", " + s : "") + "\nreturn %y : " + x + "\n}";
    std::vector<Array> inputs;
    inputs.push_back(random(shape));
    for (float &value : inputs[0].as<float>())
      value += 2;
    inputs.push_back(random(shape[1]));
    compare(source, inputs);
  }
}

/// BlockShuffle as a chain of layers, against the algebra's map of the same matrices.
TEST_F(ExpandLayers, BlockShuffle) {
  OwningOpRef<ModuleOp> module = parse(R"(
    func.func @f(%x: tensor<?x12xf32>, %v: tensor<3x4x4xf32>, %w: tensor<3x4x6xf32>) -> tensor<?x18xf32> {
      %i = onnx.Constant() {value = dense<[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]> : tensor<12xi64>} : () -> tensor<12xi64>
      %j = onnx.Constant() {value = dense<[0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 16, 5, 11, 17]> : tensor<18xi64>} : () -> tensor<18xi64>
      %a = layer.block_linear %x, %v : tensor<?x12xf32>, tensor<3x4x4xf32> -> tensor<?x12xf32>
      %b = onnx.Gather(%a, %i) {axis = 1} : (tensor<?x12xf32>, tensor<12xi64>) -> tensor<?x12xf32>
      %c = layer.block_linear %b, %w : tensor<?x12xf32>, tensor<3x4x6xf32> -> tensor<?x18xf32>
      %d = onnx.Gather(%c, %j) {axis = 1} : (tensor<?x18xf32>, tensor<18xi64>) -> tensor<?x18xf32>
      return %d : tensor<?x18xf32>
    })");
  ASSERT_TRUE(module);
  std::vector<Array> inputs;
  inputs.push_back(random({7, 12}));
  inputs.push_back(random({3, 4, 4}));
  inputs.push_back(random({3, 4, 6}));
  auto blocksOf = [](const Array &weight) {
    ArrayRef<int64_t> shape = weight.getType().getShape();
    ArrayRef<float> values = weight.as<float>();
    std::vector<algebra::Matrix> blocks;
    for (; !values.empty(); values = values.drop_front(shape[1] * shape[2]))
      blocks.emplace_back(
          shape[1], shape[2],
          std::vector<double>(values.begin(), values.begin() + shape[1] * shape[2]));
    return blocks;
  };
  algebra::Map map = algebra::blockShuffle(blocksOf(inputs[1]), blocksOf(inputs[2]));
  ArrayRef<float> x = inputs[0].as<float>();
  algebra::Matrix expected = map.apply({7, 12, std::vector<double>(x.begin(), x.end())});
  std::vector<Array> actual = evaluateOne(*module, inputs);
  ASSERT_EQ(actual.size(), 1u);
  for (int64_t m = 0; m < 7; ++m)
    for (int64_t n = 0; n < 18; ++n)
      EXPECT_NEAR(actual[0].as<float>()[m * 18 + n], expected(m, n), 1e-5);
  double flops = 0;
  for (const cost::LayerWork &layer : cost::layersOf(*module))
    flops += layer.perRow.flops;
  EXPECT_EQ(flops, map.flops(1));
}

/// A low-rank pair and its product: whichever form the compiled code takes, each form's
/// definition gives its values.
TEST_F(ExpandLayers, Alternatives) {
  const char *source = R"(
    func.func @f(%x: tensor<?x24xf32>, %u: tensor<24x3xf32>, %v: tensor<3x40xf32>) -> tensor<?x40xf32> {
      %y = layer.alternatives of %x : tensor<?x24xf32> by [#layer.case<[0] below 5 -> 0>] else 1
          -> tensor<?x40xf32> {
        %a = layer.linear %x, %u : tensor<?x24xf32>, tensor<24x3xf32> -> tensor<?x3xf32>
        %b = layer.linear %a, %v : tensor<?x3xf32>, tensor<3x40xf32> -> tensor<?x40xf32>
        layer.yield %b : tensor<?x40xf32>
      }, {
        %w = onnx.MatMul(%u, %v) : (tensor<24x3xf32>, tensor<3x40xf32>) -> tensor<24x40xf32>
        %c = layer.linear %x, %w : tensor<?x24xf32>, tensor<24x40xf32> -> tensor<?x40xf32>
        layer.yield %c : tensor<?x40xf32>
      }
      return %y : tensor<?x40xf32>
    })";
  for (int64_t rows : {4, 5, 0})
    for (int64_t form : {0, 1}) {
      std::vector<Array> inputs;
      inputs.push_back(random({rows, 24}));
      inputs.push_back(random({24, 3}));
      inputs.push_back(random({3, 40}));
      compare(source, inputs, form);
    }
}

TEST_F(ExpandLayers, CostOfRows) {
  OwningOpRef<ModuleOp> module = parse(R"(
    func.func @f(%x: tensor<?x?x768xf32>, %w: tensor<768x3072xf32>, %b: tensor<3072xf32>, %d: tensor<3072x?xf32>) {
      %y = layer.linear %x, %w bias %b : tensor<?x?x768xf32>, tensor<768x3072xf32>, tensor<3072xf32> -> tensor<?x?x3072xf32>
      %z = layer.linear %y, %d : tensor<?x?x3072xf32>, tensor<3072x?xf32> -> tensor<?x?x?xf32>
      return
    })");
  std::vector<cost::LayerWork> layers = cost::layersOf(*module);
  ASSERT_EQ(layers.size(), 1u); // nothing is known of the second
  EXPECT_EQ(layers[0].op.getMapShape(), std::pair(int64_t(768), int64_t(3072)));
  EXPECT_EQ(layers[0].perRow.flops, 2.0 * 768 * 3072 + 3072);
  EXPECT_EQ(layers[0].perRow.bytes, 4.0 * (768 + 3072));
  EXPECT_EQ(layers[0].atNoRow.flops, 0);
  EXPECT_EQ(layers[0].atNoRow.bytes, 4.0 * (768 * 3072 + 3072));
}

} // namespace
