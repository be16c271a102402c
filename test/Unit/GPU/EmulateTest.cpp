//===- EmulateTest.cpp - Generated kernels, and what spoils them ----------===//
//
// Right kernels give right values under every schedule. Each kind of mistake that a
// generator could make is planted into what it generates, and must be found.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using namespace strut::test;

namespace {

const char *const schedules[] = {"forward",  "backward", "greedy:1",
                                 "greedy:2", "random:1", "random:2"};

std::vector<float> randomValues(int64_t count) {
  static std::mt19937 engine(7);
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

std::string moduleOf(const std::string &arguments, const std::string &result,
                     const std::string &kernel) {
  return "func.func @main(" + arguments + ") -> (" + result +
         " {strut.name = \"y\"}) attributes {strut.symbols = []} {\n%o = tensor.empty() : " +
         result + "\n" + kernel + "\nreturn %y : " + result + "\n}";
}

/// y[70, 66] = x[70, 37] · w[37, 66]: two blocks each way, tails everywhere.
struct Contraction {
  static constexpr const char *arch = "sm_75"; // no cp.async
  static constexpr int64_t m = 70, n = 66, k = 37;
  std::vector<float> xs = randomValues(m * k), ws = randomValues(k * n);

  static std::string source() {
    return moduleOf("%x: tensor<70x37xf32> {strut.name = \"x\", strut.dims = [\"\", \"\"]}, "
                    "%w: tensor<37x66xf32> {strut.name = \"w\", strut.dims = [\"\", \"\"]}",
                    "tensor<70x66xf32>",
                    "%y = kernel.contract ins(%x, %w : tensor<70x37xf32>, tensor<37x66xf32>) "
                    "outs(%o : tensor<70x66xf32>) attributes {indexing_maps = "
                    "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, "
                    "affine_map<(m, n, k) -> (m, n)>]} { ^bb0(%a: f32): kernel.yield %a : f32 } "
                    "-> tensor<70x66xf32>");
  }
  /// What is wrong with a run; empty if nothing is.
  std::string defect(const Kernels &kernels, const std::string &schedule) const {
    DeviceArray x(driver(), {m, k}, xs), w(driver(), {k, n}, ws), y(driver(), {m, n});
    std::string said = kernels.run(driver(), "contract_0", schedule, {&x, &w, &y}, 4, 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    for (int64_t i = 0; i < m * n; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j)
        sum += double(xs[i / n * k + j]) * ws[j * n + i % n];
      if (!(std::abs(sum - got[i]) < 1e-4))
        return "wrong value";
    }
    return "";
  }
};

/// y[r] = sum of x[r, 0 .. 300): a block of 256 threads each.
struct Sums {
  static constexpr const char *arch = "sm_80";
  static constexpr int64_t rows = 3, length = 300;
  std::vector<float> xs = randomValues(rows * length);

  static std::string source() {
    return moduleOf("%x: tensor<3x300xf32> {strut.name = \"x\", strut.dims = [\"\", \"\"]}",
                    "tensor<3xf32>",
                    "%y = kernel.rows ins(%x : tensor<3x300xf32>) outs(%o : tensor<3xf32>) "
                    "attributes {axes = 1 : i64, indexing_maps = "
                    "[affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r)>]} { ^bb0(%e: f32): "
                    "%t = kernel.combine add %e : f32 kernel.yield %t : f32 } -> tensor<3xf32>");
  }
  std::string defect(const Kernels &kernels, const std::string &schedule) const {
    DeviceArray x(driver(), {rows, length}, xs), y(driver(), {rows});
    std::string said = kernels.run(driver(), "rows_0", schedule, {&x, &y}, rows, 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (int64_t i = 0; i < length; ++i)
        sum += xs[r * length + i];
      if (!(std::abs(sum - got[r]) < 1e-4))
        return "wrong value";
    }
    return "";
  }
};

/// y[i] = -x[i] for 300 of the 512 threads.
struct Negation {
  static constexpr const char *arch = "sm_80";
  static constexpr int64_t count = 300;
  std::vector<float> xs = randomValues(count);

  static std::string source() {
    return moduleOf("%x: tensor<300xf32> {strut.name = \"x\", strut.dims = [\"\"]}",
                    "tensor<300xf32>",
                    "%y = kernel.map ins(%x : tensor<300xf32>) outs(%o : tensor<300xf32>) "
                    "attributes {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>]} "
                    "{ ^bb0(%e: f32): %n = arith.negf %e : f32 kernel.yield %n : f32 } "
                    "-> tensor<300xf32>");
  }
  std::string defect(const Kernels &kernels, const std::string &schedule) const {
    DeviceArray x(driver(), {count}, xs), y(driver(), {count});
    std::string said = kernels.run(driver(), "map_0", schedule, {&x, &y}, 2, 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    for (int64_t i = 0; i < count; ++i)
      if (got[i] != -xs[i])
        return "wrong value";
    return "";
  }
};

/// y[s, 66] = x[s, 37] · w[g, 37, 66] + b[g, 66] for row s of group g, groups of 0, 3, 80 and 17.
struct Grouped {
  static constexpr const char *arch = "sm_75"; // no tensor cores that would take it
  static constexpr int64_t groups = 4, rows = 100, n = 66, k = 37;
  static constexpr int32_t offsets[groups + 1] = {0, 0, 3, 83, 100};
  std::vector<float> xs = randomValues(rows * k), ws = randomValues(groups * k * n),
                     bs = randomValues(groups * n);

  static std::string source() {
    return moduleOf(
        "%x: tensor<100x37xf32> {strut.name = \"x\", strut.dims = [\"\", \"\"]}, "
        "%w: tensor<4x37x66xf32> {strut.name = \"w\", strut.dims = [\"\", \"\", \"\"]}, "
        "%order: tensor<100xi32> {strut.name = \"r\", strut.dims = [\"\"]}, "
        "%offsets: tensor<5xi32> {strut.name = \"f\", strut.dims = [\"\"]}, "
        "%b: tensor<4x66xf32> {strut.name = \"b\", strut.dims = [\"\", \"\"]}",
        "tensor<100x66xf32>",
        "%y = kernel.grouped ins(%x, %w, %order, %offsets, %b : tensor<100x37xf32>, "
        "tensor<4x37x66xf32>, tensor<100xi32>, tensor<5xi32>, tensor<4x66xf32>) "
        "outs(%o : tensor<100x66xf32>) attributes {indexing_maps = ["
        "affine_map<(g, s, n, k) -> (s, k)>, affine_map<(g, s, n, k) -> (g, k, n)>, "
        "affine_map<(g, s, n, k) -> ()>, affine_map<(g, s, n, k) -> ()>, "
        "affine_map<(g, s, n, k) -> (g, n)>, affine_map<(g, s, n, k) -> (s, n)>]} "
        "{ ^bb0(%a: f32, %c: f32): %t = arith.addf %a, %c : f32 kernel.yield %t : f32 } "
        "-> tensor<100x66xf32>");
  }
  /// The row that stands at a place of the order.
  static int64_t rowAt(int64_t place) { return place * 37 % rows; }
  double exact(int64_t group, int64_t row, int64_t column) const {
    double sum = bs[group * n + column];
    for (int64_t j = 0; j < k; ++j)
      sum += double(xs[row * k + j]) * ws[(group * k + j) * n + column];
    return sum;
  }
  std::string defect(const Kernels &kernels, const std::string &schedule) const {
    std::vector<int32_t> order;
    for (int64_t place = 0; place < rows; ++place)
      order.push_back(rowAt(place));
    DeviceArray x(driver(), {rows, k}, xs), w(driver(), {groups, k, n}, ws),
        b(driver(), {groups, n}, bs), y(driver(), {rows, n});
    DeviceArray list = DeviceArray::list(driver(), order);
    DeviceArray begins =
        DeviceArray::list(driver(), std::vector<int32_t>(std::begin(offsets), std::end(offsets)));
    constexpr unsigned tiles = 2 + groups, panels = 2;
    std::string said = kernels.run(driver(), "grouped_0", schedule,
                                   {&x, &w, &list, &begins, &b, &y}, tiles * panels, 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t place = offsets[group]; place < offsets[group + 1]; ++place)
        for (int64_t column = 0; column < n; ++column)
          if (!(std::abs(exact(group, rowAt(place), column) - got[rowAt(place) * n + column]) <
                1e-4))
            return "wrong value";
    return "";
  }
};

/// y[70, 30] = softmax(q[70, 20] · k[90, 20]ᵀ / 4) · v[90, 30]: two blocks, two tiles of keys.
struct Attention {
  static constexpr const char *arch = "sm_75";
  static constexpr int64_t m = 70, s = 90, d = 20, e = 30;
  std::vector<float> qs = randomValues(m * d), ks = randomValues(s * d), vs = randomValues(s * e);

  static std::string source() {
    return moduleOf("%q: tensor<70x20xf32> {strut.name = \"q\", strut.dims = [\"\", \"\"]}, "
                    "%k: tensor<90x20xf32> {strut.name = \"k\", strut.dims = [\"\", \"\"]}, "
                    "%v: tensor<90x30xf32> {strut.name = \"v\", strut.dims = [\"\", \"\"]}",
                    "tensor<70x30xf32>",
                    "%y = kernel.attention ins(%q, %k, %v : tensor<70x20xf32>, tensor<90x20xf32>, "
                    "tensor<90x30xf32>) outs(%o : tensor<70x30xf32>) attributes {indexing_maps = "
                    "[affine_map<(m, s, d, e) -> (m, d)>, affine_map<(m, s, d, e) -> (s, d)>, "
                    "affine_map<(m, s, d, e) -> (s, e)>, affine_map<(m, s, d, e) -> (m, e)>]} "
                    "{ ^bb0(%a: f32): %c = arith.constant 0.25 : f32 "
                    "%t = arith.mulf %a, %c : f32 kernel.yield %t : f32 } -> tensor<70x30xf32>");
  }
  /// Row `i` of the result, in double precision.
  std::vector<double> row(int64_t i) const {
    std::vector<double> sums(e);
    double total = 0;
    for (int64_t j = 0; j < s; ++j) {
      double score = 0;
      for (int64_t l = 0; l < d; ++l)
        score += double(qs[i * d + l]) * ks[j * d + l];
      double weight = std::exp(score / 4);
      total += weight;
      for (int64_t l = 0; l < e; ++l)
        sums[l] += weight * vs[j * e + l];
    }
    for (double &sum : sums)
      sum /= total;
    return sums;
  }
  std::string defect(const Kernels &kernels, const std::string &schedule) const {
    DeviceArray q(driver(), {m, d}, qs), k(driver(), {s, d}, ks), v(driver(), {s, e}, vs),
        y(driver(), {m, e});
    std::string said = kernels.run(driver(), "attention_0", schedule, {&q, &k, &v, &y}, 2, 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    for (int64_t i = 0; i < m; ++i)
      for (auto [l, expected] : enumerate(row(i)))
        if (!(std::abs(expected - got[i * e + l]) < 1e-4))
          return "wrong value";
    return "";
  }
};

/// The calls of an intrinsic, in the order of the code.
std::vector<IntrinsicInst *> callsOf(Module &module, StringRef name) {
  std::vector<IntrinsicInst *> calls;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<IntrinsicInst>(&instruction))
        if (call->getCalledFunction()->getName().starts_with(name))
          calls.push_back(call);
  return calls;
}

auto dropBarrier(unsigned number) {
  return [=](Module &module) {
    auto barriers = callsOf(module, "llvm.nvvm.barrier");
    ASSERT_LT(number, barriers.size());
    barriers[number]->eraseFromParent();
  };
}

/// Makes the first comparison of an index with a bound that is not a constant come out true.
void dropBound(Module &module) {
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *compare = dyn_cast<ICmpInst>(&instruction);
          compare && compare->isUnsigned() && !isa<Constant>(compare->getOperand(1)) &&
          !isa<Constant>(compare->getOperand(0))) {
        bool holds = compare->getPredicate() == ICmpInst::ICMP_ULT ||
                     compare->getPredicate() == ICmpInst::ICMP_ULE;
        compare->replaceAllUsesWith(ConstantInt::get(compare->getType(), holds));
        return;
      }
  FAIL() << "no bound to drop";
}

template <typename Case> class RightKernels : public testing::Test {};
using Cases = testing::Types<Contraction, Grouped, Sums, Negation, Attention>;
TYPED_TEST_SUITE(RightKernels, Cases);

TYPED_TEST(RightKernels, AreRightUnderEverySchedule) {
  TypeParam which;
  Kernels kernels(which.source(), nullptr, which.arch);
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : schedules)
    EXPECT_EQ(which.defect(kernels, schedule), "") << schedule;
}

/// The change must be found under every one of the schedules, and be called so.
template <typename Case>
void expectFound(const Kernels::Change &change, const char *text,
                 ArrayRef<const char *> under = schedules) {
  Case which;
  Kernels kernels(which.source(), change, which.arch);
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : under)
    EXPECT_NE(which.defect(kernels, schedule).find(text), std::string::npos)
        << schedule << ": " << which.defect(kernels, schedule);
}

TEST(PlantedMistakes, NoBarrierBeforeASliceIsRead) {
  expectFound<Contraction>(dropBarrier(0), "shared memory that");
}

TEST(PlantedMistakes, NoBarrierBeforeASliceIsOverwritten) {
  expectFound<Contraction>(dropBarrier(1), "with no barrier in between");
}

TEST(PlantedMistakes, NoBarrierBetweenTheSlicesOfAGroup) {
  expectFound<Grouped>(dropBarrier(0), "shared memory that");
  expectFound<Grouped>(dropBarrier(1), "with no barrier in between");
}

TEST(PlantedMistakes, NoBarrierBetweenTheWarpsOfARow) {
  expectFound<Sums>(dropBarrier(0), "shared memory that");
}

TEST(PlantedMistakes, NoBarrierBetweenThePartsOfAnAttention) {
  // Slices loaded, multiplied; products, weights stored; values loaded, added; totals stored.
  for (unsigned barrier = 0; barrier < 7; ++barrier)
    expectFound<Attention>(dropBarrier(barrier), "shared memory", {schedules[barrier % 6]});
}

TEST(PlantedMistakes, ARowWhoseThreadsDisagreeOnTheMaximum) {
  expectFound<Attention>(
      [](Module &module) {
        IntrinsicInst *shuffle = callsOf(module, "llvm.nvvm.shfl").front();
        shuffle->setArgOperand(2, ConstantInt::get(shuffle->getArgOperand(2)->getType(), 1));
      },
      "wrong value");
}

TEST(PlantedMistakes, AButterflyThatLeavesLanesOut) {
  expectFound<Sums>(
      [](Module &module) {
        IntrinsicInst *shuffle = callsOf(module, "llvm.nvvm.shfl").front();
        shuffle->setArgOperand(2, ConstantInt::get(shuffle->getArgOperand(2)->getType(), 8));
      },
      "wrong value");
}

TEST(PlantedMistakes, AShuffleOfHalfAWarp) {
  expectFound<Sums>(
      [](Module &module) {
        IntrinsicInst *shuffle = callsOf(module, "llvm.nvvm.shfl").front();
        shuffle->setArgOperand(0, ConstantInt::get(shuffle->getArgOperand(0)->getType(), 0xffff));
      },
      "takes part in a shuffle that does not name it");
}

TEST(PlantedMistakes, AThreadBeyondTheEndStores) {
  expectFound<Negation>(dropBound, "outside of any allocation");
}

TEST(PlantedMistakes, ABarrierThatSomeThreadsMiss) {
  expectFound<Sums>(
      [](Module &module) {
        // Only the threads of the first warp come to it: the others return before.
        IntrinsicInst *barrier = callsOf(module, "llvm.nvvm.barrier").front();
        IRBuilder<> b(barrier);
        Value *thread = b.CreateIntrinsic(b.getInt32Ty(), Intrinsic::nvvm_read_ptx_sreg_tid_x, {});
        BasicBlock *before = barrier->getParent(), *rest = before->splitBasicBlock(barrier);
        BasicBlock *leave = BasicBlock::Create(module.getContext(), "leave", before->getParent());
        ReturnInst::Create(module.getContext(), leave);
        before->getTerminator()->eraseFromParent();
        IRBuilder<> branch(before);
        branch.CreateCondBr(branch.CreateICmpULT(thread, branch.getInt32(32)), rest, leave);
      },
      "deadlock: 32 threads at barrier 0; 224 threads at the end");
}

TEST(PlantedMistakes, MoreThreadsThanTheKernelWasCompiledFor) {
  Negation which;
  Kernels kernels(which.source());
  DeviceArray x(driver(), {300}, which.xs), y(driver(), {300});
  EXPECT_NE(kernels.run(driver(), "map_0", "random:0", {&x, &y}, 1, 512).find("at most 256"),
            std::string::npos);
}

TEST(Emulate, RefusesWhatItDoesNotKnow) {
  auto refusal = [](const Kernels::Change &change) {
    return Kernels(Negation::source(), change).refusal;
  };
  auto entry = [](Module &module) {
    return &*module.begin()->getEntryBlock().getFirstInsertionPt();
  };
  EXPECT_EQ(refusal([&](Module &module) {
              IRBuilder<> b(entry(module));
              b.CreateCall(
                  InlineAsm::get(FunctionType::get(b.getVoidTy(), false), "trap;", "", true));
            }),
            "the emulator does not know the inline assembly 'trap;'");
  EXPECT_EQ(refusal([&](Module &module) {
              IRBuilder<> b(entry(module));
              b.CreateIntrinsic(b.getInt32Ty(), Intrinsic::nvvm_read_ptx_sreg_clock, {});
            }),
            "the emulator does not know 'llvm.nvvm.read.ptx.sreg.clock'");
  EXPECT_EQ(refusal([&](Module &module) {
              IRBuilder<> b(entry(module));
              b.CreateFence(AtomicOrdering::SequentiallyConsistent);
            }),
            "the emulator does not know atomic operations");
}

} // namespace
