//===- TensorGroupedTest.cpp - Ragged products on tensor cores ------------===//
//
// Rows that choose their matrix: groups with no row, one, and more than several tiles have. Then
// mistakes in finding a block's tile, each of which must be found.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace llvm;
using namespace strut;
using namespace strut::test;

namespace {

/// y[s, n] = x[s / 2, k] · w[g, k, n] + b[g, n] for the rows s of each group g.
struct Ragged {
  std::vector<int32_t> counts; ///< rows of the groups
  int64_t n, k;
  Element element = Element::F16;
  gpu::Precision precision = gpu::Precision::F32;
  bool rightByColumns = false; ///< w[g, n, k]
  int64_t groups = counts.size(), s = std::accumulate(counts.begin(), counts.end(), 0),
          tokens = (s + 1) / 2;
  std::vector<float> xs = random(tokens * k), ws = random(groups * k * n), bs = random(groups * n);
  std::vector<int32_t> order = shuffled(), offsets = starts();

  static std::mt19937 &engine() {
    static std::mt19937 instance(5);
    return instance;
  }
  static std::vector<float> random(int64_t count) {
    std::uniform_real_distribution<float> distribution(-1, 1);
    std::vector<float> values(count);
    for (float &value : values)
      value = distribution(engine());
    return values;
  }
  std::vector<int32_t> shuffled() const {
    std::vector<int32_t> numbers(s);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), engine());
    return numbers;
  }
  std::vector<int32_t> starts() const {
    std::vector<int32_t> list{0};
    for (int32_t count : counts)
      list.push_back(list.back() + count);
    return list;
  }

  std::string source() const {
    const char *type = element == Element::F16 ? "f16" : element == Element::BF16 ? "bf16" : "f32";
    std::string x = formatv("tensor<{0}x{1}x{2}>", tokens, k, type),
                w = formatv("tensor<{0}x{1}x{2}x{3}>", groups, rightByColumns ? n : k,
                            rightByColumns ? k : n, type),
                order = formatv("tensor<{0}xi32>", s),
                offsets = formatv("tensor<{0}xi32>", groups + 1),
                b = formatv("tensor<{0}x{1}xf32>", groups, n),
                y = formatv("tensor<{0}x{1}xf32>", s, n);
    std::string arguments;
    for (auto [name, of, dims] : {std::tuple{"x", x, 2},
                                  {"w", w, 3},
                                  {"order", order, 1},
                                  {"offsets", offsets, 1},
                                  {"b", b, 2}}) {
      std::string names = "\"\"";
      for (int i = 1; i < dims; ++i)
        names += ", \"\"";
      arguments += formatv("{0}%{1}: {2} {{strut.name = \"{1}\", strut.dims = [{3}]}",
                           arguments.empty() ? "" : ", ", name, of, names);
    }
    return formatv(
        "func.func @main({0}) -> ({1} {{strut.name = \"y\"}) attributes {{strut.symbols = []} {{\n"
        "%o = tensor.empty() : {1}\n"
        "%y = kernel.grouped ins(%x, %w, %order, %offsets, %b : {2}, {3}, {4}, {5}, {6}) "
        "outs(%o : {1}) attributes {{indexing_maps = ["
        "affine_map<(g, s, n, k) -> (s floordiv 2, k)>, affine_map<(g, s, n, k) -> (g, {7})>, "
        "affine_map<(g, s, n, k) -> ()>, affine_map<(g, s, n, k) -> ()>, "
        "affine_map<(g, s, n, k) -> (g, n)>, affine_map<(g, s, n, k) -> (s, n)>]} {{\n"
        "^bb0(%a: f32, %c: f32):\n%r = arith.addf %a, %c : f32\nkernel.yield %r : f32\n} -> {1}\n"
        "return %y : {1}\n}",
        arguments, y, x, w, order, offsets, b, rightByColumns ? "n, k" : "k, n");
  }

  Kernels compile(const Kernels::Change &change = nullptr, const char *arch = "sm_80") const {
    return Kernels(source(), change, arch, precision);
  }

  /// What is wrong with a run of the kernel of this name and tile; empty if nothing is.
  std::string defect(const Kernels &kernels, const std::string &name, int64_t rows, int64_t columns,
                     unsigned threads, const std::string &schedule,
                     std::vector<float> *results = nullptr) const {
    DeviceArray x(driver(), {tokens, k}, xs, element);
    DeviceArray w(driver(), {groups, rightByColumns ? n : k, rightByColumns ? k : n}, turned(),
                  element);
    DeviceArray o = DeviceArray::list(driver(), order), f = DeviceArray::list(driver(), offsets);
    DeviceArray b(driver(), {groups, n}, bs), y(driver(), {s, n});
    unsigned tiles = std::min<int64_t>(divideCeil(s, rows) + groups, s);
    std::string said = kernels.run(driver(), name, schedule, {&x, &w, &o, &f, &b, &y},
                                   tiles * divideCeil(n, columns), threads);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    if (results)
      *results = got;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t place = offsets[g]; place < offsets[g + 1]; ++place)
        for (int64_t column = 0; column < n; ++column) {
          int64_t row = order[place];
          double sum = bs[g * n + column], magnitude = std::abs(sum);
          for (int64_t j = 0; j < k; ++j) {
            double term = double(rounded(xs[row / 2 * k + j], element)) *
                          rounded(ws[(g * k + j) * n + column], element);
            sum += term;
            magnitude += std::abs(term);
          }
          if (!(std::abs(sum - got[row * n + column]) <= 2e-6 * magnitude))
            return formatv("wrong value {0} for {1} at {2}, {3} of group {4}",
                           got[row * n + column], sum, row, column, g);
        }
    return "";
  }

private:
  std::vector<float> turned() const {
    if (!rightByColumns)
      return ws;
    std::vector<float> values;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t c = 0; c < n; ++c)
        for (int64_t j = 0; j < k; ++j)
          values.push_back(ws[(g * k + j) * n + c]);
    return values;
  }
};

struct Form {
  const char *suffix;
  int64_t rows, columns;
  unsigned threads;
};
const Form halfForms[] = {
    {"32x64", 32, 64, 128}, {"64x64", 64, 64, 128}, {"128x128", 128, 128, 128}};
const Form splitForms[] = {
    {"32x64", 32, 64, 128}, {"64x64", 64, 64, 128}, {"128x64", 128, 64, 256}};

/// In each of its tiles, with the same bits.
void expectRight(const Ragged &ragged, const char *copies, ArrayRef<Form> forms,
                 ArrayRef<const char *> schedules) {
  Kernels kernels = ragged.compile();
  ASSERT_EQ(kernels.refusal, "");
  std::vector<float> first;
  for (const Form &form : forms) {
    auto name = find_if(kernels.names, [&](StringRef name) {
      return name.starts_with(std::string("tensor_grouped_") + copies + "_" + form.suffix);
    });
    ASSERT_NE(name, kernels.names.end()) << form.suffix;
    for (const char *schedule : schedules) {
      std::vector<float> got;
      EXPECT_EQ(
          ragged.defect(kernels, *name, form.rows, form.columns, form.threads, schedule, &got), "")
          << form.suffix << " " << schedule;
      if (first.empty())
        first = got;
      EXPECT_EQ(first, got) << form.suffix << " " << schedule;
    }
  }
}

TEST(TensorGrouped, EmptyAndGiantGroups) {
  expectRight({{0, 17, 0, 137, 1, 0}, 72, 88}, "k16_w16", halfForms,
              {"forward", "backward", "greedy:1", "random:1"});
}
TEST(TensorGrouped, SplitF32) {
  expectRight({{1, 40, 0, 3}, 68, 260, Element::F32}, "k16_w16", splitForms, {"random:2"});
}
TEST(TensorGrouped, TransposedWeights) {
  expectRight({{5, 30}, 40, 64, Element::BF16, gpu::Precision::F32, true}, "k16_k16", halfForms,
              {"backward"});
}
TEST(TensorGrouped, OneRow) {
  expectRight({{0, 0, 1}, 16, 16}, "k16_w16", halfForms, {"greedy:3"});
}
TEST(TensorGrouped, MoreGroupsThanAWarpHasLanes) {
  std::vector<int32_t> counts(70, 0);
  counts[3] = 2;
  counts[31] = 33;
  counts[32] = 1;
  counts[69] = 5;
  expectRight({counts, 16, 32}, "k16_w16", halfForms, {"random:4"});
}

TEST(TensorGrouped, ShapesThatTensorCoresDoNotTake) {
  auto name = [](const Ragged &ragged, const char *arch = "sm_80") {
    return ragged.compile(nullptr, arch).names.front();
  };
  EXPECT_EQ(name({{3, 4}, 64, 64}, "sm_75"), "grouped_0");
  EXPECT_EQ(name({{3, 4}, 15, 64}), "grouped_0"); // columns
  EXPECT_EQ(name({{3, 4}, 64, 15}), "grouped_0"); // steps
  EXPECT_EQ(name({{3, 4}, 64, 33}), "grouped_0"); // runs of 2 bytes
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Spoils the kernel of the middle tile.
std::string spoiled(const std::function<void(Function &)> &spoil) {
  Ragged ragged{{0, 17, 0, 70, 1}, 72, 88};
  Kernels kernels = ragged.compile(onlyOf("_64x64", spoil));
  EXPECT_EQ(kernels.refusal, "");
  auto name = find_if(kernels.names, [](StringRef name) { return name.contains("_64x64"); });
  return ragged.defect(kernels, *name, 64, 64, 128, "random:1");
}

void expectFound(const std::function<void(Function &)> &spoil, const char *text) {
  std::string said = spoiled(spoil);
  EXPECT_NE(said.find(text), std::string::npos) << said;
}

TEST(PlantedInTensorGrouped, CountsWithTheWrongLanes) {
  for (unsigned number : {0u, 1u, 2u})
    expectFound([&](Function &f) { setArgument(callsOf(f, "llvm.nvvm.shfl")[number], 2, 8); },
                "wrong value");
}

TEST(PlantedInTensorGrouped, TakesRowsOfTheNextGroup) {
  // A tile that has all of its rows, though its group has less: beyond the last one is nothing.
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *least : callsOf(f, "llvm.umin")) {
          bool endIsFirst = isa<CastInst>(least->getArgOperand(0));
          least->replaceAllUsesWith(least->getArgOperand(endIsFirst));
        }
      },
      "outside of any allocation");
}

TEST(PlantedInTensorGrouped, NoBarrier) {
  for (unsigned number = 0; number < 3; ++number)
    expectFound([&](Function &f) { callsOf(f, "llvm.nvvm.barrier")[number]->eraseFromParent(); },
                "shared memory that");
}

TEST(PlantedInTensorGrouped, SomeThreadsLookForNoTile) {
  expectFound(
      [](Function &f) {
        IntrinsicInst *shuffle = callsOf(f, "llvm.nvvm.shfl").front();
        IRBuilder<> b(shuffle);
        Value *thread = b.CreateIntrinsic(b.getInt32Ty(), Intrinsic::nvvm_read_ptx_sreg_tid_x, {});
        BasicBlock *before = shuffle->getParent(), *rest = before->splitBasicBlock(shuffle);
        BasicBlock *leave = BasicBlock::Create(f.getContext(), "leave", &f);
        ReturnInst::Create(f.getContext(), leave);
        before->getTerminator()->eraseFromParent();
        IRBuilder<> branch(before);
        branch.CreateCondBr(branch.CreateICmpULT(thread, branch.getInt32(100)), rest, leave);
      },
      "at a shuffle");
}

} // namespace
