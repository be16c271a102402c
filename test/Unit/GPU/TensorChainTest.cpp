//===- TensorChainTest.cpp - Chained products on tensor cores -------------===//
//
// Each tile that a chain may run in, with tails in all dimensions and columns shared by blocks in
// several ways. Then mistakes, each of which must be found.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using namespace strut;
using namespace strut::test;

namespace {

std::vector<float> randomValues(int64_t count) {
  static std::mt19937 engine(17);
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

/// y[m, n] = max(x[m, k] · a[k, r] + d[r], 0) · b[r, n] + c[m, n].
struct Chain {
  int64_t m, n, r, k;
  Element element = Element::F16;
  gpu::Precision precision = gpu::Precision::F32;
  bool byColumns = false; ///< a[r, k], b[n, r]
  int64_t cluster = 1;    ///< blocks that share the steps of x · a
  std::vector<float> xs = randomValues(m * k), as = randomValues(k * r), ds = randomValues(r),
                     bs = randomValues(r * n), cs = randomValues(m * n);

  std::string source() const {
    const char *type = element == Element::F16 ? "f16" : element == Element::BF16 ? "bf16" : "f32";
    auto tensor = [](int64_t rows, int64_t columns, const char *of) -> std::string {
      return formatv("tensor<{0}x{1}x{2}>", rows, columns, of);
    };
    std::string x = tensor(m, k, type), y = tensor(m, n, "f32"),
                a = byColumns ? tensor(r, k, type) : tensor(k, r, type),
                b = byColumns ? tensor(n, r, type) : tensor(r, n, type),
                d = formatv("tensor<{0}xf32>", r);
    std::string arguments;
    for (auto [name, of] : {std::pair("x", x), {"a", a}, {"b", b}, {"c", y}})
      arguments +=
          formatv("%{0}: {1} {{strut.name = \"{0}\", strut.dims = [\"\", \"\"]}, ", name, of);
    std::string maps;
    for (const char *read :
         {"m, k", byColumns ? "r, k" : "k, r", byColumns ? "n, r" : "r, n", "r", "m, n", "m, n"})
      maps += formatv("{0}affine_map<(m, n, r, k) -> ({1})>", maps.empty() ? "" : ", ", read);
    std::string rounded = "kernel.yield %p : f32";
    if (element != Element::F32)
      rounded = formatv("%h = arith.truncf %p : f32 to {0}\nkernel.yield %h : {0}", type);
    return formatv(
        "func.func @main({0}%d: {1} {{strut.name = \"d\", strut.dims = [\"\"]}) -> ({2} "
        "{{strut.name = \"y\"}) attributes {{strut.symbols = []} {{\n"
        "%o = tensor.empty() : {2}\n"
        "%y = kernel.chain ins(%x, %a, %b, %d, %c : {3}, {4}, {5}, {1}, {2}) outs(%o : {2}) "
        "attributes {{middle_extras = 1 : i64, indexing_maps = [{6}]{8}} middle {{\n"
        "^bb0(%s: f32, %e: f32):\n%z = arith.constant 0.0 : f32\n%t = arith.addf %s, %e : f32\n"
        "%p = arith.maximumf %t, %z : f32\n{7}\n} then {{\n"
        "^bb0(%s: f32, %e: f32):\n%t = arith.addf %s, %e : f32\nkernel.yield %t : f32\n"
        "} -> {2}\nreturn %y : {2}\n}",
        arguments, d, y, x, a, b, maps, rounded,
        cluster > 1 ? formatv(", cuda.cluster = {0} : i64", cluster).str() : "");
  }

  Kernels compile(const Kernels::Change &change = nullptr) const {
    return Kernels(source(), change, cluster > 1 ? "sm_90a" : "sm_80", precision);
  }

  /// What is wrong with a run of the kernel for so many rows a block, each of which has so many
  /// tiles of columns; empty if nothing is.
  std::string defect(const Kernels &kernels, int64_t rows, int64_t perGroup,
                     const std::string &schedule, std::vector<float> *results = nullptr) const {
    std::string tile = formatv("_{0}x", rows);
    auto found = find_if(kernels.names, [&](StringRef name) { return name.contains(tile); });
    if (found == kernels.names.end())
      return "no such kernel";
    auto shape = [](int64_t r, int64_t c, bool byColumns) {
      return byColumns ? std::vector<int64_t>{c, r} : std::vector<int64_t>{r, c};
    };
    DeviceArray x(driver(), {m, k}, xs, element),
        a(driver(), shape(k, r, byColumns), ordered(as, k, r), element),
        b(driver(), shape(r, n, byColumns), ordered(bs, r, n), element), d(driver(), {r}, ds),
        c(driver(), {m, n}, cs), y(driver(), {m, n});
    std::vector<int64_t> fields;
    for (const DeviceArray *array : {&x, &a, &b, &d, &c, &y})
      array->describe(fields);
    fields.push_back(perGroup);
    unsigned blocks =
        divideCeil(m, rows) * divideCeil(divideCeil(n, 64), perGroup * cluster) * cluster;
    std::string said =
        kernels.launch(driver(), *found, schedule, fields, blocks, rows == 32 ? 128 : 256);
    if (!said.empty())
      return said;
    std::vector<float> got = y.values();
    if (results)
      *results = got;
    for (int64_t i = 0; i < m; ++i)
      if (std::string wrong = wrongInRow(i, got); !wrong.empty())
        return wrong;
    return "";
  }

private:
  std::vector<float> ordered(const std::vector<float> &values, int64_t rows,
                             int64_t columns) const {
    if (!byColumns)
      return values;
    std::vector<float> turned;
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t row = 0; row < rows; ++row)
        turned.push_back(values[row * columns + c]);
    return turned;
  }
  /// The largest share of the sum of magnitudes that an element may be wrong by: what lies between
  /// two numbers of the middle, and of f32 how sums are rounded.
  double tolerance() const {
    if (element == Element::F32)
      return precision == gpu::Precision::TF32 ? 2e-3 : 2e-6;
    return element == Element::F16 ? 1e-3 : 8e-3;
  }
  std::string wrongInRow(int64_t i, const std::vector<float> &got) const {
    std::vector<double> middle, size;
    for (int64_t column = 0; column < r; ++column) {
      double sum = ds[column], magnitude = std::abs(sum);
      for (int64_t j = 0; j < k; ++j) {
        double term =
            double(rounded(xs[i * k + j], element)) * rounded(as[j * r + column], element);
        sum += term;
        magnitude += std::abs(term);
      }
      middle.push_back(rounded(float(std::max(sum, 0.0)), element));
      size.push_back(magnitude);
    }
    for (int64_t column = 0; column < n; ++column) {
      double sum = cs[i * n + column], magnitude = std::abs(sum);
      for (int64_t j = 0; j < r; ++j) {
        double factor = rounded(bs[j * n + column], element);
        sum += middle[j] * factor;
        magnitude += size[j] * std::abs(factor);
      }
      float value = got[i * n + column];
      if (!(std::abs(sum - value) <= tolerance() * magnitude))
        return formatv("wrong value {0} for {1} at {2}, {3}", value, sum, i, column);
    }
    return "";
  }
};

//===----------------------------------------------------------------------===//
// Right kernels
//===----------------------------------------------------------------------===//

/// In each tile; neither it, nor how blocks share columns, nor the order of threads changes a bit.
void expectRight(const Chain &chain, const char *name, ArrayRef<int64_t> tiles,
                 ArrayRef<const char *> schedules) {
  Kernels kernels = chain.compile();
  ASSERT_EQ(kernels.refusal, "");
  EXPECT_EQ(kernels.names.front(), name);
  std::vector<float> first;
  for (int64_t rows : tiles)
    for (int64_t perGroup : {1, 2})
      for (const char *schedule : schedules) {
        std::vector<float> got;
        EXPECT_EQ(chain.defect(kernels, rows, perGroup, schedule, &got), "")
            << rows << " " << perGroup << " " << schedule;
        if (first.empty())
          first = got;
        EXPECT_EQ(first, got) << rows << " " << perGroup << " " << schedule;
      }
}

TEST(TensorChains, F16) {
  expectRight({70, 136, 40, 72}, "tensor_chain_k16_w16_w16_32x64_0", {32, 64, 128},
              {"forward", "backward", "greedy:1", "random:1"});
}
TEST(TensorChains, BF16OfAWideMiddle) {
  expectRight({40, 72, 250, 40, Element::BF16}, "tensor_chain_k16_w4_w16_32x256_0", {32, 64},
              {"random:2"});
}
TEST(TensorChains, SplitF32) {
  expectRight({70, 72, 96, 300, Element::F32}, "tensor_chain_k16_w16_w16_32x128_0", {32, 64},
              {"greedy:2"});
  expectRight({130, 68, 33, 20, Element::F32}, "tensor_chain_k16_w4_w16_32x64_0", {32, 64, 128},
              {"random:3"});
}
TEST(TensorChains, TF32) {
  expectRight({33, 40, 20, 36, Element::F32, gpu::Precision::TF32},
              "tensor_chain_k16_w16_w16_32x64_0", {32, 64}, {"random:4"});
}
TEST(TensorChains, RightSidesByColumns) {
  expectRight({20, 72, 24, 40, Element::F16, gpu::Precision::F32, true},
              "tensor_chain_k16_k16_k16_32x64_0", {32, 64}, {"random:5"});
  expectRight({20, 72, 24, 40, Element::F32, gpu::Precision::F32, true},
              "tensor_chain_k16_k16_k16_32x64_0", {32, 64}, {"random:5"});
}
TEST(TensorChains, OneOfEach) {
  expectRight({1, 2, 2, 1}, "tensor_chain_k2_w4_w4_32x64_0", {32, 64}, {"backward"});
}
TEST(TensorChains, RowsOfAnOddNumberOfHalves) {
  expectRight({40, 70, 18, 37}, "tensor_chain_k2_w4_w4_32x64_0", {32, 64}, {"random:6"});
}
TEST(TensorChains, NoSteps) {
  expectRight({5, 72, 16, 0}, "tensor_chain_k16_w16_w16_32x64_0", {32}, {"greedy:3"});
}

Chain inClusters(int64_t m, int64_t n, int64_t r, int64_t k, Element element = Element::F16,
                 gpu::Precision precision = gpu::Precision::F32) {
  return {m, n, r, k, element, precision, /*byColumns=*/false, /*cluster=*/8};
}

TEST(TensorChainsInClusters, F16) {
  expectRight(inClusters(70, 136, 40, 72), "tensor_chain_k16_w16_w16_32x64_of8_0", {32, 64, 128},
              {"forward", "backward", "greedy:1", "random:1"});
}
TEST(TensorChainsInClusters, MoreColumnsThanBlocks) {
  expectRight(inClusters(20, 1100, 24, 520), "tensor_chain_k16_w16_w8_32x64_of8_0", {32, 64},
              {"random:2"});
}
TEST(TensorChainsInClusters, BF16OfAWideMiddle) {
  expectRight(inClusters(40, 72, 250, 40, Element::BF16), "tensor_chain_k16_w4_w16_32x256_of8_0",
              {32, 64}, {"random:3"});
}
TEST(TensorChainsInClusters, SplitF32) {
  expectRight(inClusters(40, 72, 96, 300, Element::F32), "tensor_chain_k16_w16_w16_32x128_of8_0",
              {32, 64}, {"greedy:2"});
}
TEST(TensorChainsInClusters, TF32) {
  expectRight(inClusters(33, 40, 20, 36, Element::F32, gpu::Precision::TF32),
              "tensor_chain_k16_w16_w16_32x64_of8_0", {32, 64}, {"random:4"});
}
TEST(TensorChainsInClusters, OneOfEach) {
  expectRight(inClusters(1, 2, 2, 1), "tensor_chain_k2_w4_w4_32x64_of8_0", {32}, {"backward"});
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Spoils the kernel of the first tile, which must be found and be called so.
void expectFound(const std::function<void(Function &)> &spoil, const char *text,
                 const Chain &chain = {40, 136, 40, 264}) {
  Kernels kernels = chain.compile(onlyOf("_32x64", spoil));
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : {"greedy:1", "random:1"}) {
    std::string said = chain.defect(kernels, 32, 2, schedule);
    EXPECT_NE(said.find(text), std::string::npos) << schedule << ": " << said;
  }
}

TEST(PlantedInTensorChains, WaitsForOneGroupTooFew) {
  for (bool isLast : {false, true}) // of the slices of the first product; of those of the second
    expectFound(
        [&](Function &f) {
          auto waits = callsOf(f, "llvm.nvvm.cp.async.wait.group");
          IntrinsicInst *wait = isLast ? waits.back() : waits.front();
          setArgument(wait, 0, cast<ConstantInt>(wait->getArgOperand(0))->getSExtValue() + 1);
        },
        "a copy is still on its way to");
}

TEST(PlantedInTensorChains, NoBarrier) {
  // In the loop of the first product; before its sums are exchanged; between writing and reading
  // them, twice; before the middle is read, where there are two; for the second slice; between
  // writing and reading results.
  for (std::vector<unsigned> numbers : {std::vector{0u}, {1}, {2}, {3}, {4}, {5, 6}, {7}, {8}, {9}})
    expectFound(
        [&](Function &f) {
          auto barriers = callsOf(f, "llvm.nvvm.barrier");
          for (unsigned number : numbers)
            barriers[number]->eraseFromParent();
        },
        "shared memory that");
}

TEST(PlantedInTensorChains, WritesTheMiddleWithoutTheSwizzle) {
  expectFound(
      [](Function &f) {
        for (Instruction &instruction : instructions(f)) {
          auto *store = dyn_cast<StoreInst>(&instruction);
          if (!store || !store->getValueOperand()->getType()->isIntegerTy(16) ||
              store->getPointerAddressSpace() != 3)
            continue;
          IRBuilder<> b(store);
          Value *address = b.CreatePtrToInt(store->getPointerOperand(), b.getInt64Ty());
          address = b.CreateXor(address, b.getInt64(16));
          store->setOperand(1, b.CreateIntToPtr(address, store->getPointerOperandType()));
          return;
        }
        FAIL() << "nothing is stored";
      },
      "wrong value");
}

TEST(PlantedInTensorChains, BlocksOfAClusterDoNotMeet) {
  // Before parts are added; before rows are read; before the first block ends.
  const char *const said[] = {"of another block", "of another block", "of a block that has ended"};
  for (auto [number, text] : enumerate(said))
    expectFound(
        [number = number](Function &f) {
          callsOf(f, "llvm.nvvm.barrier.cluster.arrive")[number]->eraseFromParent();
          callsOf(f, "llvm.nvvm.barrier.cluster.wait")[number]->eraseFromParent();
        },
        text, inClusters(20, 136, 40, 264));
}

TEST(PlantedInTensorChains, ReadsTheRowsOfTheNextBlock) {
  expectFound(
      [](Function &f) {
        IntrinsicInst *last = callsOf(f, "llvm.nvvm.mapa").back();
        IRBuilder<> b(last);
        Value *next = b.CreateAnd(b.CreateAdd(last->getArgOperand(1), b.getInt32(1)), 7);
        last->setArgOperand(1, next);
      },
      "of another block", inClusters(20, 136, 40, 264));
}

TEST(PlantedInTensorChains, CopiesStepsThatAreNotThere) {
  expectFound(
      [](Function &f) {
        for (IntrinsicInst *copy : callsOf(f, "llvm.nvvm.cp.async.cg"))
          setArgument(copy, 2, 16);
      },
      "wrong value");
}

} // namespace
