//===- TensorAttentionTest.cpp - Attention on tensor cores ----------------===//
//
// Heads of several sizes, two query heads for a head of keys, a mask, scores that are all -inf,
// tails in all dimensions. Then mistakes, each of which must be found.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace llvm;
using namespace strut;
using namespace strut::test;

namespace {

/// y[h, m, e] = softmax(q[h, m, d] · k[h / 2, s, d]ᵀ / 4 + b[m, s]) · v[h / 2, s, e].
struct Attention {
  int64_t m, s, d, e;
  Element element = Element::F16;
  gpu::Precision precision = gpu::Precision::F32;
  bool keysByColumns = false; ///< k[h / 2, d, s]
  bool isCausal = false;      ///< query i sees keys up to i + s - m; none if that is negative
  bool hasMask = true;        ///< else b is 0, and no operand
  static constexpr int64_t heads = 2;
  std::vector<float> qs = random(heads * m * d, 2), ks = random(s * d, 2), vs = random(s * e, 1),
                     bs = mask();

  static std::vector<float> random(int64_t count, float bound) {
    static std::mt19937 engine(3);
    std::uniform_real_distribution<float> distribution(-bound, bound);
    std::vector<float> values(count);
    for (float &value : values)
      value = distribution(engine);
    return values;
  }
  std::vector<float> mask() const {
    std::vector<float> values = random(m * s, hasMask ? 1 : 0);
    for (int64_t i = 0; i < m * s; ++i)
      if (isCausal && i % s > i / s + s - m)
        values[i] = -std::numeric_limits<float>::infinity();
    return values;
  }

  std::string source() const {
    const char *type = element == Element::F16 ? "f16" : element == Element::BF16 ? "bf16" : "f32";
    std::string q = formatv("tensor<{0}x{1}x{2}x{3}>", heads, m, d, type),
                k = formatv("tensor<1x{0}x{1}x{2}>", keysByColumns ? d : s, keysByColumns ? s : d,
                            type),
                v = formatv("tensor<1x{0}x{1}x{2}>", s, e, type),
                b = formatv("tensor<{0}x{1}xf32>", m, s),
                y = formatv("tensor<{0}x{1}x{2}xf32>", heads, m, e);
    auto argument = [](const char *name, StringRef of, const char *dims) -> std::string {
      return formatv("%{0}: {1} {{strut.name = \"{0}\", strut.dims = [{2}]}", name, of, dims);
    };
    const char *three = "\"\", \"\", \"\"";
    std::string arguments =
        argument("q", q, three) + ", " + argument("k", k, three) + ", " + argument("v", v, three);
    if (hasMask)
      arguments += ", " + argument("b", b, "\"\", \"\"");
    return formatv(
        "func.func @main({0}) -> ({1} {{strut.name = \"y\"}) attributes {{strut.symbols = []} {{\n"
        "%o = tensor.empty() : {1}\n"
        "%y = kernel.attention ins(%q, %k, %v{7} : {2}, {3}, {4}{5}) outs(%o : {1}) "
        "attributes {{indexing_maps = [affine_map<(h, m, s, d, e) -> (h, m, d)>, "
        "affine_map<(h, m, s, d, e) -> (h floordiv 2, {6})>, "
        "affine_map<(h, m, s, d, e) -> (h floordiv 2, s, e)>, {8}"
        "affine_map<(h, m, s, d, e) -> (h, m, e)>]} {{\n"
        "^bb0(%a: f32{9}):\n%f = arith.constant 0.25 : f32\n"
        "%t = arith.mulf %a, %f : f32\n{10}\n"
        "} -> {1}\nreturn %y : {1}\n}",
        arguments, y, q, k, v, hasMask ? ", " + b : "", keysByColumns ? "d, s" : "s, d",
        hasMask ? ", %b" : "", hasMask ? "affine_map<(h, m, s, d, e) -> (m, s)>, " : "",
        hasMask ? ", %c: f32" : "",
        hasMask ? "%r = arith.addf %t, %c : f32\nkernel.yield %r : f32" : "kernel.yield %t : f32");
  }

  Kernels compile(const Kernels::Change &change = nullptr, const char *arch = "sm_80") const {
    return Kernels(source(), change, arch, precision);
  }

  /// Weights are rounded as the elements are, to 2^-12 or 2^-9 of each.
  double tolerance() const {
    if (element == Element::F32)
      return precision == gpu::Precision::TF32 ? 4e-3 : 1e-5;
    return element == Element::F16 ? 1e-3 : 8e-3;
  }

  /// What is wrong with a run; empty if nothing is. `isTall`: of the kernel for 128 rows a block.
  std::string defect(const Kernels &kernels, const std::string &schedule,
                     std::vector<float> *results = nullptr, bool isTall = false) const {
    std::vector<float> keys(ks);
    if (keysByColumns)
      for (int64_t i = 0; i < s * d; ++i)
        keys[i % d * s + i / d] = ks[i];
    int64_t rows = isTall ? 128 : 64, columns = e <= 32 ? 32 : e <= 64 ? 64 : 128;
    DeviceArray q(driver(), {heads, m, d}, qs, element),
        k(driver(), {1, keysByColumns ? d : s, keysByColumns ? s : d}, keys, element),
        v(driver(), {1, s, e}, vs, element), b(driver(), {m, s}, bs), y(driver(), {heads, m, e});
    std::vector<const DeviceArray *> arguments = {&q, &k, &v, &b, &y};
    if (!hasMask)
      arguments.erase(arguments.begin() + 3);
    std::string said = kernels.run(driver(), kernels.names[isTall], schedule, arguments,
                                   heads * divideCeil(m, rows) * divideCeil(e, columns), 128);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    if (results)
      *results = got;
    for (int64_t i = 0; i < heads * m; ++i) {
      auto [sums, magnitudes] = row(i);
      for (int64_t l = 0; l < e; ++l)
        if (!(std::abs(sums[l] - got[i * e + l]) <= tolerance() * magnitudes[l]))
          return formatv("wrong value {0} for {1} at {2}, {3}", got[i * e + l], sums[l], i, l);
    }
    return "";
  }

private:
  /// Row `i` of the result in double precision, and the same of the magnitudes of the values.
  std::pair<std::vector<double>, std::vector<double>> row(int64_t i) const {
    std::vector<double> sums(e), magnitudes(e, 1e-30), scores;
    double highest = -std::numeric_limits<double>::infinity(), total = 0;
    for (int64_t j = 0; j < s; ++j) {
      double score = 0;
      for (int64_t l = 0; l < d; ++l)
        score += double(rounded(qs[i * d + l], element)) * rounded(ks[j * d + l], element);
      scores.push_back(score / 4 + bs[i % m * s + j]);
      highest = std::max(highest, scores.back());
    }
    if (std::isinf(highest))
      return {sums, magnitudes};
    for (int64_t j = 0; j < s; ++j) {
      double weight = std::exp(scores[j] - highest);
      total += weight;
      for (int64_t l = 0; l < e; ++l) {
        double term = weight * rounded(vs[j * e + l], element);
        sums[l] += term;
        magnitudes[l] += std::abs(term);
      }
    }
    for (int64_t l = 0; l < e; ++l) {
      sums[l] /= total;
      magnitudes[l] /= total;
    }
    return {sums, magnitudes};
  }
};

void expectRight(const Attention &attention, const char *name, ArrayRef<const char *> schedules) {
  Kernels kernels = attention.compile();
  ASSERT_EQ(kernels.refusal, "");
  ASSERT_EQ(kernels.names, std::vector<std::string>{name});
  std::vector<float> first;
  for (const char *schedule : schedules) {
    std::vector<float> got;
    EXPECT_EQ(attention.defect(kernels, schedule, &got), "") << schedule;
    if (first.empty())
      first = got;
    EXPECT_EQ(first, got) << schedule;
  }
}

TEST(TensorAttention, F16) {
  expectRight({70, 130, 64, 64}, "tensor_attention_k16_k16_w16_64x64_0",
              {"forward", "backward", "greedy:1", "random:1"});
}
Attention withoutMask(int64_t m, int64_t s, int64_t d, int64_t e, Element element = Element::F16) {
  return {m, s, d, e, element, gpu::Precision::F32, false, false, /*hasMask=*/false};
}
TEST(TensorAttention, TallTiles) {
  for (Element element : {Element::F16, Element::BF16})
    for (auto [d, e] : {std::pair(64, 64), {20, 32}}) {
      Attention attention = withoutMask(140, 72, d, e, element);
      Kernels kernels = attention.compile();
      ASSERT_EQ(kernels.names.size(), 2u);
      std::vector<float> low, tall;
      EXPECT_EQ(attention.defect(kernels, "random:9", &low), "");
      EXPECT_EQ(attention.defect(kernels, "greedy:3", &tall, /*isTall=*/true), "");
      EXPECT_EQ(low, tall) << "bits depend on the tile";
    }
}
TEST(TensorAttention, TallTilesAreForManyRowsOfSmallHeadsInHalves) {
  EXPECT_EQ(withoutMask(70, 20, 64, 64).compile().names.size(), 2u);
  EXPECT_EQ(withoutMask(64, 20, 64, 64).compile().names.size(), 1u);
  EXPECT_EQ(withoutMask(70, 20, 128, 64).compile().names.size(), 1u);
  EXPECT_EQ(withoutMask(70, 20, 64, 64, Element::F32).compile().names.size(), 1u);
  EXPECT_EQ((Attention{70, 20, 64, 64}).compile().names.size(), 1u);
}
TEST(TensorAttention, BF16LargeHeads) {
  expectRight({17, 70, 128, 128, Element::BF16}, "tensor_attention_k16_k16_w16_128x128_0",
              {"random:2"});
}
TEST(TensorAttention, SplitF32) {
  expectRight({70, 72, 64, 64, Element::F32}, "tensor_attention_k16_k16_w16_64x64_0", {"greedy:2"});
}
TEST(TensorAttention, TF32) {
  expectRight({40, 72, 24, 20, Element::F32, gpu::Precision::TF32},
              "tensor_attention_k16_k16_w16_32x32_0", {"random:4"});
}
TEST(TensorAttention, LargeHeadsOfF32) {
  expectRight({70, 72, 128, 128, Element::F32}, "tensor_attention_k16_k16_w16_128x128_0",
              {"greedy:2", "random:1"});
  expectRight({17, 33, 128, 128, Element::F32, gpu::Precision::TF32},
              "tensor_attention_k16_k16_w16_128x128_0", {"random:4"});
  expectRight({20, 40, 80, 64, Element::F32}, "tensor_attention_k16_k16_w16_80x64_0", {"random:3"});
  expectRight({20, 32, 32, 100, Element::F32, gpu::Precision::F32, true},
              "tensor_attention_k16_w16_w16_32x128_0", {"random:3"});
  expectRight({20, 20, 64, 127, Element::F32}, "tensor_attention_k16_k16_w4_64x128_0",
              {"random:3"});
}
TEST(TensorAttention, OneQueryOneKey) {
  expectRight({1, 1, 64, 64}, "tensor_attention_k16_k16_w16_64x64_0", {"backward"});
  expectRight({1, 129, 64, 64}, "tensor_attention_k16_k16_w16_64x64_0", {"random:5"});
}
TEST(TensorAttention, NoKeys) {
  expectRight({5, 0, 64, 64}, "tensor_attention_k16_k16_w16_64x64_0", {"forward"});
}
TEST(TensorAttention, KeysByColumns) {
  expectRight({20, 72, 40, 40, Element::F32, gpu::Precision::F32, true},
              "tensor_attention_k16_w16_w16_48x64_0", {"random:6"});
  expectRight({20, 72, 40, 136, Element::F16, gpu::Precision::F32, true},
              "tensor_attention_k16_w16_w16_64x128_0", {"random:6"});
}
TEST(TensorAttention, RowsThatSeeNoKeys) {
  expectRight({80, 70, 64, 64, Element::F16, gpu::Precision::F32, false, true},
              "tensor_attention_k16_k16_w16_64x64_0", {"random:7"});
}

TEST(TensorAttention, ARowHasTheSameBitsWhateverTheNumberOfRows) {
  Attention many{130, 70, 64, 64}, one{1, 70, 64, 64};
  one.qs = many.qs;
  one.qs.resize(64);
  one.qs.insert(one.qs.end(), many.qs.begin() + 130 * 64, many.qs.begin() + 131 * 64);
  one.ks = many.ks;
  one.vs = many.vs;
  one.bs = {many.bs.begin(), many.bs.begin() + 70};
  std::vector<float> all, single;
  EXPECT_EQ(many.defect(many.compile(), "random:8", &all), "");
  EXPECT_EQ(one.defect(one.compile(), "random:8", &single), "");
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_EQ(all[i], single[i]);
    EXPECT_EQ(all[130 * 64 + i], single[64 + i]);
  }
}

TEST(TensorAttention, ShapesThatTensorCoresDoNotTake) {
  auto name = [](const Attention &attention, const char *arch = "sm_80") {
    return attention.compile(nullptr, arch).names.front();
  };
  EXPECT_EQ(name({20, 20, 64, 64}, "sm_75"), "attention_0");
  EXPECT_EQ(name({20, 20, 136, 64}), "attention_0"); // features
  EXPECT_EQ(name({20, 20, 33, 64}), "attention_0");  // runs of 2 bytes
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

void expectFound(const std::function<void(Function &)> &spoil, const char *text,
                 const char *schedule = "random:1", Element element = Element::F16,
                 int64_t size = 64) {
  Attention attention{40, 136, size, size, element};
  Kernels kernels = attention.compile([&](Module &module) {
    for (Function &function : module)
      if (!function.isDeclaration())
        spoil(function);
  });
  ASSERT_EQ(kernels.refusal, "");
  std::string said = attention.defect(kernels, schedule);
  EXPECT_NE(said.find(text), std::string::npos) << said;
}

TEST(PlantedInTensorAttention, NoBarrier) {
  // Before keys are read, before they are replaced, before values are read, before these are.
  for (unsigned number = 0; number < 4; ++number)
    expectFound([&](Function &f) { callsOf(f, "llvm.nvvm.barrier")[number]->eraseFromParent(); },
                "shared memory that", "greedy:1");
}

TEST(PlantedInTensorAttention, WaitsForOneGroupTooFewOfLargeHeads) {
  expectFound(
      [&](Function &f) { setArgument(callsOf(f, "llvm.nvvm.cp.async.wait.group").front(), 0, 2); },
      "a copy is still on its way to", "random:1", Element::F32, 128);
}

TEST(PlantedInTensorAttention, WaitsForOneGroupTooFew) {
  for (unsigned number = 0; number < 2; ++number)
    expectFound(
        [&](Function &f) {
          setArgument(callsOf(f, "llvm.nvvm.cp.async.wait.group")[number], 0, 2);
        },
        "a copy is still on its way to");
}

TEST(PlantedInTensorAttention, CommitsTooFew) {
  expectFound(
      [](Function &f) { callsOf(f, "llvm.nvvm.cp.async.commit").back()->eraseFromParent(); },
      "a copy is still on its way to");
}

TEST(PlantedInTensorAttention, MaximumOfSomeLanes) {
  // Of one row the lanes then shrink by different factors.
  expectFound([](Function &f) { setArgument(callsOf(f, "llvm.nvvm.shfl").front(), 2, 0); },
              "wrong value");
}

TEST(PlantedInTensorAttention, SumOfSomeLanes) {
  expectFound([](Function &f) { setArgument(callsOf(f, "llvm.nvvm.shfl").back(), 2, 0); },
              "wrong value");
}

TEST(PlantedInTensorAttention, PacksWeightsInTheWrongOrder) {
  expectFound(
      [](Function &f) {
        IntrinsicInst *pack = callsOf(f, "llvm.nvvm.ff2f16x2").front();
        Value *high = pack->getArgOperand(0);
        pack->setArgOperand(0, pack->getArgOperand(1));
        pack->setArgOperand(1, high);
      },
      "wrong value");
}

TEST(PlantedInTensorAttention, SwapsRegistersOfTheWeights) {
  for (Element element : {Element::F16, Element::F32})
    expectFound(
        [](Function &f) {
          IntrinsicInst *product = callsOf(f, "llvm.nvvm.mma").back();
          Value *other = product->getArgOperand(1);
          product->setArgOperand(1, product->getArgOperand(2));
          product->setArgOperand(2, other);
        },
        "wrong value", "random:1", element);
}

TEST(PlantedInTensorAttention, ForgetsTheOlderSums) {
  // The sums of the values begin anew with each tile.
  expectFound(
      [](Function &f) {
        for (BasicBlock &block : f)
          for (PHINode &phi : block.phis())
            for (Value *value : phi.incoming_values())
              if (auto *number = dyn_cast<ConstantFP>(value); number && number->isZero()) {
                phi.replaceAllUsesWith(number);
                return;
              }
      },
      "wrong value");
}

} // namespace
