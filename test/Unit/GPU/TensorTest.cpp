//===- TensorTest.cpp - Products on tensor cores, and what spoils them ----===//
//
// Each tile that a contraction may run in, with tails in all dimensions, under every schedule.
// Then each kind of mistake that the generator could make, planted into what it generates.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using namespace strut;
using namespace strut::test;

namespace {

const char *const schedules[] = {"forward", "backward", "greedy:1", "random:1"};

/// y[m, n] = x[m, k] · w[k, n] + b[n], each operand row by row or column by column.
struct Product {
  int64_t m, n, k;
  Element element = Element::F32;
  gpu::Precision precision = gpu::Precision::F32;
  bool leftByColumns = false, rightByColumns = false;
  std::vector<float> xs = random(m * k), ws = random(k * n), bs = random(n);

  static std::vector<float> random(int64_t count) {
    static std::mt19937 engine(11);
    std::uniform_real_distribution<float> distribution(-1, 1);
    std::vector<float> values(count);
    for (float &value : values)
      value = distribution(engine);
    return values;
  }

  std::string source() const {
    const char *type = element == Element::F16 ? "f16" : element == Element::BF16 ? "bf16" : "f32";
    auto tensor = [&](int64_t rows, int64_t columns, bool byColumns,
                      const char *of) -> std::string {
      return formatv("tensor<{0}x{1}x{2}>", byColumns ? columns : rows, byColumns ? rows : columns,
                     of);
    };
    std::string x = tensor(m, k, leftByColumns, type), w = tensor(k, n, rightByColumns, type),
                b = formatv("tensor<{0}xf32>", n), y = tensor(m, n, false, "f32");
    return formatv(
        "func.func @main(%x: {0} {{strut.name = \"x\", strut.dims = [\"\", \"\"]}, %w: {1} "
        "{{strut.name = \"w\", strut.dims = [\"\", \"\"]}, %b: {2} {{strut.name = \"b\", "
        "strut.dims = [\"\"]}) -> ({3} {{strut.name = \"y\"}) attributes {{strut.symbols = []} {{\n"
        "%o = tensor.empty() : {3}\n"
        "%y = kernel.contract ins(%x, %w, %b : {0}, {1}, {2}) outs(%o : {3}) attributes "
        "{{indexing_maps = [affine_map<(m, n, k) -> ({4})>, affine_map<(m, n, k) -> ({5})>, "
        "affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {{\n"
        "^bb0(%a: f32, %c: f32):\n%s = arith.addf %a, %c : f32\nkernel.yield %s : f32\n} -> {3}\n"
        "return %y : {3}\n}",
        x, w, b, y, leftByColumns ? "k, m" : "m, k", rightByColumns ? "n, k" : "k, n");
  }

  /// The largest share of the sum of magnitudes that an element may be wrong by.
  double tolerance() const {
    if (element == Element::F32)
      return precision == gpu::Precision::TF32 ? 1e-3 : 2e-6;
    return 1e-6; // products are exact
  }

  Kernels compile(const Kernels::Change &change = nullptr) const {
    return Kernels(source(), change, "sm_80", precision);
  }

  /// What is wrong with a run of the kernel whose name has `tile`; empty if nothing is.
  std::string defect(const Kernels &kernels, StringRef tile, const std::string &schedule,
                     std::vector<float> *results = nullptr) const {
    auto found =
        find_if(kernels.names, [&](StringRef name) { return name.contains("_" + tile.str()); });
    if (found == kernels.names.end())
      return "no such kernel";
    std::pair<StringRef, StringRef> sides = tile.split('x');
    int64_t rows = 0, columns = 0;
    sides.first.consumeInteger(10, rows);
    sides.second.consumeInteger(10, columns);
    auto shape = [](int64_t r, int64_t c, bool byColumns) {
      return byColumns ? std::vector<int64_t>{c, r} : std::vector<int64_t>{r, c};
    };
    DeviceArray x(driver(), shape(m, k, leftByColumns), ordered(xs, m, k, leftByColumns), element);
    DeviceArray w(driver(), shape(k, n, rightByColumns), ordered(ws, k, n, rightByColumns),
                  element);
    DeviceArray b(driver(), {n}, bs), y(driver(), {m, n});
    unsigned blocks = divideCeil(m, rows) * divideCeil(n, columns);
    unsigned threads = tile == "128x64" ? 256 : 128;
    std::string said = kernels.run(driver(), *found, schedule, {&x, &w, &b, &y}, blocks, threads);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    if (results)
      *results = got;
    for (int64_t i = 0; i < m * n; ++i) {
      double sum = bs[i % n], magnitude = std::abs(sum);
      for (int64_t j = 0; j < k; ++j) {
        double term =
            double(rounded(xs[i / n * k + j], element)) * rounded(ws[j * n + i % n], element);
        sum += term;
        magnitude += std::abs(term);
      }
      if (!(std::abs(sum - got[i]) <= tolerance() * magnitude))
        return formatv("wrong value {0} for {1} at {2}, {3}", got[i], sum, i / n, i % n);
    }
    return "";
  }

private:
  static std::vector<float> ordered(const std::vector<float> &values, int64_t rows, int64_t columns,
                                    bool byColumns) {
    if (!byColumns)
      return values;
    std::vector<float> turned;
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t r = 0; r < rows; ++r)
        turned.push_back(values[r * columns + c]);
    return turned;
  }
};

//===----------------------------------------------------------------------===//
// Right kernels
//===----------------------------------------------------------------------===//

/// Under every schedule, in each of the tiles.
void expectRight(const Product &product, const char *copies, ArrayRef<const char *> tiles,
                 ArrayRef<const char *> under = schedules) {
  Kernels kernels = product.compile();
  ASSERT_EQ(kernels.refusal, "");
  ASSERT_EQ(kernels.names.size(), 3u);
  for (const std::string &name : kernels.names)
    EXPECT_TRUE(StringRef(name).starts_with(std::string("tensor_contract_") + copies)) << name;
  std::vector<float> first;
  for (const char *tile : tiles)
    for (const char *schedule : under) {
      std::vector<float> got;
      EXPECT_EQ(product.defect(kernels, tile, schedule, &got), "") << tile << " " << schedule;
      // Neither the order of threads nor the tile changes a bit.
      if (first.empty())
        first = got;
      EXPECT_EQ(first, got) << tile << " " << schedule;
    }
}

const char *const split[] = {"32x64", "64x64", "128x64"};
const char *const whole[] = {"32x64", "64x64", "128x128"};

TEST(TensorProducts, SplitF32) { expectRight({137, 72, 84}, "k16_w16", split); }
TEST(TensorProducts, SplitF32OverSeveralSegments) {
  expectRight({17, 68, 1028}, "k16_w16", split, {"random:2"});
}
TEST(TensorProducts, TF32) {
  expectRight({137, 132, 84, Element::F32, gpu::Precision::TF32}, "k16_w16", whole, {"random:7"});
}
TEST(TensorProducts, F16) { expectRight({137, 136, 88, Element::F16}, "k16_w16", whole); }
TEST(TensorProducts, BF16) {
  expectRight({137, 136, 88, Element::BF16}, "k16_w16", whole, {"greedy:3"});
}
TEST(TensorProducts, OneRow) {
  expectRight({1, 16, 16, Element::F16}, "k16_w16", whole, {"backward"});
}
TEST(TensorProducts, ColumnsOfBothSides) {
  expectRight({136, 72, 40, Element::F32, gpu::Precision::F32, true, true}, "w16_k16", split,
              {"greedy:2"});
  expectRight({136, 72, 40, Element::BF16, gpu::Precision::F32, true, true}, "w16_k16", whole,
              {"random:3"});
}
TEST(TensorProducts, CopiesOfFewerBytes) {
  expectRight({33, 18, 37}, "k4_w8", split, {"random:4"});
  expectRight({33, 17, 38, Element::F32, gpu::Precision::TF32}, "k8_w4", whole, {"random:5"});
  expectRight({33, 18, 34, Element::F16}, "k4_w4", whole, {"random:6"});
}

TEST(TensorProducts, ShapesThatTensorCoresDoNotTake) {
  auto name = [](const Product &product, const char *arch = "sm_80") {
    return Kernels(product.source(), nullptr, arch).names.front();
  };
  EXPECT_EQ(name({20, 20, 20}, "sm_75"), "contract_0");
  EXPECT_EQ(name({20, 15, 64}), "contract_0");               // columns
  EXPECT_EQ(name({20, 64, 15}), "contract_0");               // steps
  EXPECT_EQ(name({20, 64, 33, Element::F16}), "contract_0"); // runs of 2 bytes
  EXPECT_EQ(name({20, 16, 16}), "tensor_contract_k16_w16_32x64_0");
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Spoils the kernel of the middle tile, which must be found under each schedule and be called so.
void expectFound(const std::function<void(Function &)> &spoil, const char *text,
                 ArrayRef<const char *> under = {"greedy:1", "random:1"},
                 Element element = Element::F16) {
  Product product{70, 136, 264, element};
  Kernels kernels = product.compile(onlyOf("_64x64", spoil));
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : under) {
    std::string said = product.defect(kernels, "64x64", schedule);
    EXPECT_NE(said.find(text), std::string::npos) << schedule << ": " << said;
  }
}

TEST(PlantedInTensorProducts, WaitsForOneGroupTooFew) {
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *wait : callsOf(f, "llvm.nvvm.cp.async.wait.group"))
          setArgument(wait, 0, cast<ConstantInt>(wait->getArgOperand(0))->getSExtValue() + 1);
      },
      "a copy is still on its way to");
}

TEST(PlantedInTensorProducts, NeverCommitsACopy) {
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *commit : callsOf(f, "llvm.nvvm.cp.async.commit"))
          commit->eraseFromParent();
      },
      "a copy is still on its way to");
}

TEST(PlantedInTensorProducts, CommitsInTheLoopAlone) {
  expectFound(
      [](Function &f) { callsOf(f, "llvm.nvvm.cp.async.commit").front()->eraseFromParent(); },
      "a copy is still on its way to");
}

TEST(PlantedInTensorProducts, NoBarrier) {
  // In the loop; before the sums are exchanged; between writing and reading them.
  for (unsigned number = 0; number < 3; ++number)
    expectFound([&](Function &f) { callsOf(f, "llvm.nvvm.barrier")[number]->eraseFromParent(); },
                "shared memory that");
}

TEST(PlantedInTensorProducts, RefillsTheSliceThatIsRead) {
  constexpr int64_t stageBytes = 64 * 64; // of one side
  expectFound(
      [&](Function &f) {
        DominatorTree dominators(f);
        LoopInfo loops(dominators);
        for (IntrinsicInst *copy : callsOf(f, "llvm.nvvm.cp.async.cg")) {
          if (!loops.getLoopFor(copy->getParent()))
            continue;
          // The first one is of the left side.
          IRBuilder<> b(copy);
          copy->setArgOperand(
              0, b.CreateConstGEP1_64(b.getInt8Ty(), copy->getArgOperand(0), stageBytes));
          return;
        }
      },
      "shared memory that");
}

TEST(PlantedInTensorProducts, CopiesStepsThatAreNotThere) {
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *copy : callsOf(f, "llvm.nvvm.cp.async.cg"))
          setArgument(copy, 2, 16);
      },
      "wrong value");
}

TEST(PlantedInTensorProducts, ReadsWithoutTheSwizzle) {
  expectFound(
      [](Function &f) {
        IntrinsicInst *load = callsOf(f, "llvm.nvvm.ldmatrix").front();
        IRBuilder<> b(load);
        Value *moved = b.CreatePtrToInt(load->getArgOperand(0), b.getInt64Ty());
        moved =
            b.CreateIntToPtr(b.CreateXor(moved, b.getInt64(16)), load->getArgOperand(0)->getType());
        load->setArgOperand(0, moved);
      },
      "wrong value");
}

TEST(PlantedInTensorProducts, SwapsRegistersOfAFragment) {
  for (auto [first, second] : {std::pair{0, 1}, {1, 2}, {4, 5}, {6, 7}, {7, 8}})
    expectFound(
        [&](Function &f) {
          IntrinsicInst *product = callsOf(f, "llvm.nvvm.mma").front();
          Value *other = product->getArgOperand(first);
          product->setArgOperand(first, product->getArgOperand(second));
          product->setArgOperand(second, other);
        },
        "wrong value", {"random:1"});
}

TEST(PlantedInTensorProducts, TransposesWhatItShouldNot) {
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *load : callsOf(f, "llvm.nvvm.ldmatrix"))
          load->setCalledFunction(Intrinsic::getOrInsertDeclaration(
              f.getParent(), Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16,
              {load->getArgOperand(0)->getType()}));
      },
      "wrong value");
}

TEST(PlantedInTensorProducts, ForgetsWhatRoundingHasLost) {
  // Without one of the products of small terms an f32 product is one of tf32.
  expectFound(
      [](Function &f) {
        IntrinsicInst *product = callsOf(f, "llvm.nvvm.mma").front();
        for (unsigned number = 0; number < 4; ++number)
          setArgument(product, number, 0);
      },
      "wrong value", {"random:1"}, Element::F32);
}

TEST(PlantedInTensorProducts, SomeLanesMissAProduct) {
  expectFound(
      [](Function &f) {
        IntrinsicInst *load = callsOf(f, "llvm.nvvm.ldmatrix").front();
        IRBuilder<> b(load);
        Value *thread = b.CreateIntrinsic(b.getInt32Ty(), Intrinsic::nvvm_read_ptx_sreg_tid_x, {});
        BasicBlock *before = load->getParent(), *rest = before->splitBasicBlock(load);
        BasicBlock *leave = BasicBlock::Create(f.getContext(), "leave", &f);
        ReturnInst::Create(f.getContext(), leave);
        before->getTerminator()->eraseFromParent();
        IRBuilder<> branch(before);
        branch.CreateCondBr(branch.CreateICmpULT(thread, branch.getInt32(100)), rest, leave);
      },
      "at a load of matrices");
}

} // namespace
