//===- WarpgroupContractTest.cpp - Contractions by warpgroups -------------===//
//
// Each tile that a contraction of sm_90a may run in, with tails in all dimensions, by two blocks,
// under every schedule. Then mistakes planted into what is generated.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using namespace strut;
using namespace strut::test;

namespace {

const char *const schedules[] = {"forward", "backward", "greedy:1", "random:1"};
const char *const tiles[] = {"64x64", "128x128", "128x256"};

/// y[m, n] = x[m, k] · w[k, n] + b[n], each operand row by row or column by column.
struct Product {
  int64_t m, n, k;
  Element element = Element::BF16, result = Element::BF16;
  bool leftByColumns = false, rightByColumns = false;
  std::vector<float> xs = random(m * k), ws = random(k * n), bs = random(n);

  static std::vector<float> random(int64_t count) {
    static std::mt19937 engine(13);
    std::uniform_real_distribution<float> distribution(-1, 1);
    std::vector<float> values(count);
    for (float &value : values)
      value = distribution(engine);
    return values;
  }
  static const char *nameOf(Element element) {
    return element == Element::F16 ? "f16" : element == Element::BF16 ? "bf16" : "f32";
  }

  std::string source() const {
    auto tensor = [&](int64_t rows, int64_t columns, bool byColumns, Element of) -> std::string {
      return formatv("tensor<{0}x{1}x{2}>", byColumns ? columns : rows, byColumns ? rows : columns,
                     nameOf(of));
    };
    std::string x = tensor(m, k, leftByColumns, element), w = tensor(k, n, rightByColumns, element),
                b = formatv("tensor<{0}xf32>", n), y = tensor(m, n, false, result);
    std::string yielded = "%s";
    std::string rounding;
    if (result != Element::F32) {
      rounding = formatv("%r = arith.truncf %s : f32 to {0}\n", nameOf(result));
      yielded = "%r";
    }
    return formatv(
        "func.func @main(%x: {0} {{strut.name = \"x\", strut.dims = [\"\", \"\"]}, %w: {1} "
        "{{strut.name = \"w\", strut.dims = [\"\", \"\"]}, %b: {2} {{strut.name = \"b\", "
        "strut.dims = [\"\"]}) -> ({3} {{strut.name = \"y\"}) attributes {{strut.symbols = []} {{\n"
        "%o = tensor.empty() : {3}\n"
        "%y = kernel.contract ins(%x, %w, %b : {0}, {1}, {2}) outs(%o : {3}) attributes "
        "{{indexing_maps = [affine_map<(m, n, k) -> ({4})>, affine_map<(m, n, k) -> ({5})>, "
        "affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {{\n"
        "^bb0(%a: f32, %c: f32):\n%s = arith.addf %a, %c : f32\n{6}kernel.yield {7} : {8}\n} -> "
        "{3}\nreturn %y : {3}\n}",
        x, w, b, y, leftByColumns ? "k, m" : "m, k", rightByColumns ? "n, k" : "k, n", rounding,
        yielded, nameOf(result));
  }

  Kernels compile(const Kernels::Change &change = nullptr) const {
    return Kernels(source(), change, "sm_90a");
  }

  /// What is wrong with a run of the kernel whose name has `tile`; empty if nothing is.
  std::string defect(const Kernels &kernels, StringRef tile, const std::string &schedule,
                     std::vector<float> *results = nullptr, unsigned blocks = 2) const;

private:
  static std::vector<float> ordered(const std::vector<float> &values, int64_t rows, int64_t columns,
                                    bool byColumns) {
    std::vector<float> stored;
    for (int64_t i = 0; i < rows * columns; ++i)
      stored.push_back(byColumns ? values[i % rows * columns + i / rows] : values[i]);
    return stored;
  }
  static std::vector<int64_t> shape(int64_t rows, int64_t columns, bool byColumns) {
    return byColumns ? std::vector<int64_t>{columns, rows} : std::vector<int64_t>{rows, columns};
  }
};

std::string Product::defect(const Kernels &kernels, StringRef tile, const std::string &schedule,
                            std::vector<float> *results, unsigned blocks) const {
  auto found =
      find_if(kernels.names, [&](StringRef name) { return name.contains("_" + tile.str() + "_"); });
  if (found == kernels.names.end())
    return "no such kernel";
  auto [first, second] = tile.split('x');
  uint32_t rows = 0, columns = 0;
  first.consumeInteger(10, rows);
  second.consumeInteger(10, columns);
  DeviceArray x(driver(), shape(m, k, leftByColumns), ordered(xs, m, k, leftByColumns), element);
  DeviceArray w(driver(), shape(k, n, rightByColumns), ordered(ws, k, n, rightByColumns), element);
  DeviceArray b(driver(), {n}, bs), y(driver(), {m, n}, {}, result);
  std::vector<int64_t> fields;
  x.map(fields, {leftByColumns ? 64 : rows, 64});
  w.map(fields, {rightByColumns ? columns : 64, 64});
  if (result != Element::F32 && n % 8 == 0) // else it is not copied in bulk
    y.map(fields, {64, 64});
  for (const DeviceArray *array : {&x, &w, &b, &y})
    array->describe(fields);
  std::string said =
      kernels.launch(driver(), *found, schedule, fields, blocks, (rows / 64 + 1) * 128);
  if (!said.empty())
    return said;
  std::vector<float> got = y.values();
  if (results)
    *results = got;
  double rounding = result == Element::F32 ? 0 : result == Element::F16 ? 0x1p-11 : 0x1p-8;
  for (int64_t i = 0; i < m * n; ++i) {
    double sum = bs[i % n], magnitude = std::abs(sum);
    for (int64_t j = 0; j < k; ++j) {
      double term =
          double(rounded(xs[i / n * k + j], element)) * rounded(ws[j * n + i % n], element);
      sum += term;
      magnitude += std::abs(term);
    }
    if (!(std::abs(sum - got[i]) <= 1e-6 * magnitude + rounding * std::abs(sum)))
      return formatv("wrong value {0} for {1} at {2}, {3}", got[i], sum, i / n, i % n);
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Right kernels
//===----------------------------------------------------------------------===//

/// Under these schedules, in each of the tiles.
void expectRight(const Product &product, const char *operands,
                 ArrayRef<const char *> under = schedules) {
  Kernels kernels = product.compile();
  ASSERT_EQ(kernels.refusal, "");
  ASSERT_EQ(kernels.names.size(), 3u);
  for (const std::string &name : kernels.names)
    EXPECT_TRUE(StringRef(name).starts_with(std::string("warpgroup_contract_") + operands)) << name;
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

TEST(WarpgroupContractions, BF16) { expectRight({137, 264, 88}, "kw"); }
TEST(WarpgroupContractions, F16) {
  expectRight({137, 264, 88, Element::F16, Element::F16}, "kw", {"random:2"});
}
TEST(WarpgroupContractions, SumsThatStayF32) {
  expectRight({137, 264, 88, Element::BF16, Element::F32}, "kw", {"greedy:2", "random:3"});
}
TEST(WarpgroupContractions, RoundsOfTheRing) {
  expectRight({65, 136, 648}, "kw", {"greedy:1", "random:4"});
}
TEST(WarpgroupContractions, RowsAndColumnsSideBySide) {
  expectRight({136, 264, 88, Element::BF16, Element::BF16, true, false}, "ww", {"random:5"});
  expectRight({137, 264, 88, Element::F16, Element::F32, false, true}, "kk", {"random:6"});
  expectRight({136, 264, 88, Element::F16, Element::F16, true, true}, "wk", {"random:7"});
}
TEST(WarpgroupContractions, OneRow) {
  expectRight({1, 16, 16}, "kw", {"backward"});
  // The rows of the result are no multiple of 16 bytes.
  expectRight({17, 18, 16, Element::F16, Element::F16, false, true}, "kk", {"forward"});
}

TEST(WarpgroupContractions, OneBlockOrMoreThanTiles) {
  Product product{137, 264, 88};
  Kernels kernels = product.compile();
  for (unsigned blocks : {1, 3, 20})
    EXPECT_EQ(product.defect(kernels, "128x128", "random:8", nullptr, blocks), "") << blocks;
}

TEST(WarpgroupContractions, ShapesThatGoAnotherWay) {
  auto name = [](const Product &product, const char *arch = "sm_90a") {
    return Kernels(product.source(), nullptr, arch).names.front();
  };
  auto isTensor = [&](const std::string &name) {
    return StringRef(name).starts_with("tensor_contract");
  };
  EXPECT_TRUE(isTensor(name({64, 64, 64}, "sm_90")));
  EXPECT_TRUE(isTensor(name({64, 64, 68}))); // rows of x are no multiple of 16 bytes
  EXPECT_TRUE(isTensor(name({64, 68, 64})));
  EXPECT_TRUE(isTensor(name({64, 64, 64, Element::F32, Element::F32})));
  EXPECT_EQ(name({64, 8, 64}), "contract_0"); // few columns
  EXPECT_EQ(name({64, 64, 64}), "warpgroup_contract_kw_64x64_0");
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Calls in the code of a function whose callee, or assembly, begins so.
std::vector<CallBase *> callsOf(Function &function, StringRef name) {
  std::vector<CallBase *> calls;
  for (Instruction &instruction : instructions(function)) {
    auto *call = dyn_cast<CallBase>(&instruction);
    if (!call)
      continue;
    StringRef callee = call->isInlineAsm()
                           ? StringRef(cast<InlineAsm>(call->getCalledOperand())->getAsmString())
                           : call->getCalledFunction()->getName();
    if (callee.starts_with(name))
      calls.push_back(call);
  }
  return calls;
}

/// Replaces a part of the text of an assembly.
void replaceAssembly(CallBase *call, const std::string &what, const std::string &by) {
  auto *code = cast<InlineAsm>(call->getCalledOperand());
  std::string text(code->getAsmString());
  ASSERT_NE(text.find(what), std::string::npos);
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  call->setCalledOperand(InlineAsm::get(code->getFunctionType(), text, code->getConstraintString(),
                                        code->hasSideEffects()));
}

/// Spoils the kernel of the middle tile, which must be found under each schedule and be called so.
void expectFound(const std::function<void(Function &)> &spoil, const char *text,
                 ArrayRef<const char *> under = {"greedy:1", "random:1"}) {
  Product product{137, 136, 456};
  Kernels kernels = product.compile(onlyOf("_128x128", spoil));
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : under) {
    std::string said = product.defect(kernels, "128x128", schedule);
    EXPECT_NE(said.find(text), std::string::npos) << schedule << ": " << said;
  }
}

TEST(PlantedInWarpgroupContractions, ReleasesAStageThatIsRead) {
  expectFound(
      [](Function &f) {
        CallBase *wait = callsOf(f, "wgmma.wait_group.sync.aligned 1").front();
        replaceAssembly(wait, "aligned 1", "aligned 2");
      },
      "shared memory that a product or a copy still reads");
}

TEST(PlantedInWarpgroupContractions, UsesSumsBeforeTheyAreThere) {
  expectFound(
      [](Function &f) {
        CallBase *wait = callsOf(f, "wgmma.wait_group.sync.aligned 0").front();
        replaceAssembly(wait, "aligned 0", "aligned 1");
      },
      "product");
}

TEST(PlantedInWarpgroupContractions, MultipliesWithNoFence) {
  expectFound(
      [](Function &f) {
        replaceAssembly(callsOf(f, "wgmma.fence").front(), "wgmma.fence.sync.aligned; ", "");
      },
      "with no wgmma.fence");
}

TEST(PlantedInWarpgroupContractions, NeverReleasesTheLastStage) {
  expectFound(
      [](Function &f) { callsOf(f, "llvm.nvvm.mbarrier.arrive.scope").back()->eraseFromParent(); },
      "deadlock");
}

TEST(PlantedInWarpgroupContractions, ExpectsOneOperandAlone) {
  auto spoil = [](Function &f) {
    CallBase *expect = callsOf(f, "llvm.nvvm.mbarrier.arrive.expect").front();
    expect->setArgOperand(1, ConstantInt::get(expect->getArgOperand(1)->getType(), 128 * 128));
  };
  expectFound(spoil, "a copy", {"forward"});
  expectFound(spoil, "-16384 bytes", {"greedy:1"}); // the right side came first
}

TEST(PlantedInWarpgroupContractions, MistakesAStep) {
  constexpr unsigned sums = 64;
  for (unsigned operand : {sums + 2, sums + 3}) // descriptors of the second wgmma
    expectFound(
        [&](Function &f) {
          CallBase *products = callsOf(f, "wgmma.fence").front();
          products->setArgOperand(operand, products->getArgOperand(operand - 2));
        },
        "wrong value", {"random:1"});
}

TEST(PlantedInWarpgroupContractions, SendsWithNoFence) {
  expectFound(
      [](Function &f) { callsOf(f, "llvm.nvvm.fence.proxy.async").front()->eraseFromParent(); },
      "with no fence.proxy.async after that");
}

TEST(PlantedInWarpgroupContractions, NoBarrierAroundAPanel) {
  for (unsigned number = 0; number < 2; ++number)
    expectFound(
        [&](Function &f) {
          callsOf(f, "llvm.nvvm.barrier.cta.sync.aligned.count")[number]->eraseFromParent();
        },
        "shared memory that", {"greedy:1"});
}

TEST(PlantedInWarpgroupContractions, RefillsAPanelThatIsRead) {
  expectFound(
      [](Function &f) {
        for (CallBase *wait : callsOf(f, "llvm.nvvm.cp.async.bulk.wait.group.read"))
          wait->eraseFromParent();
      },
      "shared memory that a product or a copy still reads");
}

TEST(PlantedInWarpgroupContractions, SwapsPairsOfAResult) {
  expectFound(
      [](Function &f) {
        CallBase *store = callsOf(f, "llvm.nvvm.stmatrix").front();
        Value *other = store->getArgOperand(1);
        store->setArgOperand(1, store->getArgOperand(2));
        store->setArgOperand(2, other);
      },
      "wrong value", {"random:1"});
}

} // namespace
