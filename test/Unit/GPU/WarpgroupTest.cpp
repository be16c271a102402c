//===- WarpgroupTest.cpp - What is asynchronous on Hopper, emulated -------===//
//
// A product by one warpgroup, whose operands a fifth warp loads through a ring of two stages, and
// whose result goes to global memory by a bulk copy. It is written out as LLVM IR, independently of
// the compiler's templates. Then each kind of mistake that such a kernel could have.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using namespace strut::test;

namespace {

const char *const schedules[] = {"forward",  "backward", "greedy:1",
                                 "greedy:2", "random:1", "random:2"};

constexpr int64_t m = 64, n = 64, slice = 64, slices = 5;
constexpr int64_t k = slice * slices - 8; // the last slice has a tail
constexpr int64_t sums = 32;              // of a thread

/// A list with `#` replaced by each number.
std::string list(StringRef item, int64_t count, StringRef separator = ", ") {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    text += i ? separator.str() : "";
    for (char c : item)
      text += c == '#' ? std::to_string(i) : std::string(1, c);
  }
  return text;
}

/// The wgmma of a slice. A transposed operand's steps do not lie side by side.
std::string products(const char *type, bool isLeftTransposed, bool isRightTransposed) {
  std::string text = "wgmma.fence.sync.aligned; ";
  for (int64_t step = 0; step < slice / 16; ++step)
    text += formatv("wgmma.mma_async.sync.aligned.m64n64k16.f32.{0}.{0} {{{1}}, ${2}, ${3}, 1, 1, "
                    "1, {4}, {5}; ",
                    type, list("$#", sums), 2 * sums + 2 * step, 2 * sums + 2 * step + 1,
                    int(isLeftTransposed), int(isRightTransposed));
  return text + "wgmma.commit_group.sync.aligned;";
}

struct Product {
  Element element = Element::BF16;
  bool isLeftTransposed = false, isRightTransposed = false;
  std::vector<float> xs = random(m * k), ws = random(k * n);

  /// Small integers: all sums are exact, in 16 bits too.
  static std::vector<float> random(int64_t count) {
    static std::mt19937 engine(5);
    std::uniform_int_distribution<int> distribution(-1, 1);
    std::vector<float> values(count);
    for (float &value : values)
      value = float(distribution(engine));
    return values;
  }

  std::string source() const;
  std::string defect(const Kernels &kernels, const std::string &schedule, bool isSwizzled = true);
};

/// Lines of the code that wait at the mbarrier %name for %parity, under labels that begin so.
std::string waitFor(const char *label, const char *mbarrier, const char *parity) {
  return formatv("br label %{0}wait\n{0}wait:\n"
                 "%{0}over = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta("
                 "ptr addrspace(3) {1}, i32 {2})\n"
                 "br i1 %{0}over, label %{0}go, label %{0}wait\n{0}go:\n",
                 label, mbarrier, parity);
}

std::string Product::source() const {
  const char *type = element == Element::F16 ? "f16" : "bf16";
  std::string floats = list("float", sums), out = "{ " + floats + " }";
  std::string text = R"(
@memory = internal addrspace(3) global [41000 x i8] undef, align 1024
define ptx_kernel void @product(ptr byval({[16 x i64], [16 x i64], [16 x i64]}) align 64 %maps) "nvvm.maxntid"="160,1,1" {
entry:
  %right = getelementptr i8, ptr %maps, i64 128
  %result = getelementptr i8, ptr %maps, i64 256
  %staging = getelementptr i8, ptr addrspace(3) @memory, i32 32768
  %full = getelementptr i8, ptr addrspace(3) @memory, i32 40960
  %empty = getelementptr i8, ptr addrspace(3) @memory, i32 40976
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %isFirst = icmp eq i32 %tid, 0
  br i1 %isFirst, label %init, label %ready
init:
  %full1 = getelementptr i8, ptr addrspace(3) %full, i32 8
  %empty1 = getelementptr i8, ptr addrspace(3) %empty, i32 8
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %full, i32 1)
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %full1, i32 1)
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %empty, i32 1)
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %empty1, i32 1)
  call void @llvm.nvvm.fence.mbarrier_init.release.cluster()
  br label %ready
ready:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %isProducer = icmp uge i32 %tid, 128
  br i1 %isProducer, label %produce, label %consume
produce:
  %elected = call { i32, i1 } @llvm.nvvm.elect.sync(i32 -1)
  %isElected = extractvalue { i32, i1 } %elected, 1
  br i1 %isElected, label %fill, label %done
fill:
  %p = phi i32 [ 0, %produce ], [ %pnext, %pgo ]
  %pstage = and i32 %p, 1
  %pround = lshr i32 %p, 1
  %pphase = and i32 %pround, 1
  %pparity = xor i32 %pphase, 1
  %pbar = shl i32 %pstage, 3
  %pfull = getelementptr i8, ptr addrspace(3) %full, i32 %pbar
  %pempty = getelementptr i8, ptr addrspace(3) %empty, i32 %pbar
  WAITFOREMPTY
  call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3) %pfull, i32 16384)
  %pplace = shl i32 %pstage, 14
  %px = getelementptr i8, ptr addrspace(3) @memory, i32 %pplace
  %pw = getelementptr i8, ptr addrspace(3) %px, i32 8192
  %pxc = addrspacecast ptr addrspace(3) %px to ptr addrspace(7)
  %pwc = addrspacecast ptr addrspace(3) %pw to ptr addrspace(7)
  %step = shl i32 %p, 6
  call void @llvm.nvvm.cp.async.bulk.tensor.g2s.tile.2d(ptr addrspace(7) %pxc, ptr addrspace(3) %pfull, ptr %maps, LEFTCORNER, i16 0, i64 0, i1 0, i1 0, i32 0)
  call void @llvm.nvvm.cp.async.bulk.tensor.g2s.tile.2d(ptr addrspace(7) %pwc, ptr addrspace(3) %pfull, ptr %right, RIGHTCORNER, i16 0, i64 0, i1 0, i1 0, i32 0)
  %pnext = add i32 %p, 1
  %pmore = icmp ult i32 %pnext, SLICES
  br i1 %pmore, label %fill, label %done
consume:
  %base = ptrtoint ptr addrspace(3) @memory to i32
  br label %slice
slice:
  %c = phi i32 [ 0, %consume ], [ %cnext, %released ]
  SUMS
  %cstage = and i32 %c, 1
  %cround = lshr i32 %c, 1
  %cphase = and i32 %cround, 1
  %cbar = shl i32 %cstage, 3
  %cfull = getelementptr i8, ptr addrspace(3) %full, i32 %cbar
  %cempty = getelementptr i8, ptr addrspace(3) %empty, i32 %cbar
  WAITFORFULL
  %cplace = shl i32 %cstage, 14
  %cx = add i32 %base, %cplace
  %cw = add i32 %cx, 8192
  %xlow = and i32 %cx, 262143
  %xaddress = lshr i32 %xlow, 4
  %xwide = zext i32 %xaddress to i64
  %x0 = or i64 %xwide, DESCRIPTOR
  %wlow = and i32 %cw, 262143
  %waddress = lshr i32 %wlow, 4
  %wwide = zext i32 %waddress to i64
  %w0 = or i64 %wwide, DESCRIPTOR
  STEPS
  %made = call OUT asm sideeffect "PRODUCTS", "CONSTRAINTS,l,l,l,l,l,l,l,l"(ARGUMENTS, i64 %x0, i64 %w0, i64 %x1, i64 %w1, i64 %x2, i64 %w2, i64 %x3, i64 %w3)
  MADE
  %awaited = call OUT asm sideeffect "wgmma.wait_group.sync.aligned 0;", "CONSTRAINTS"(MADEARGUMENTS)
  AWAITED
  br i1 %isFirst, label %release, label %released
release:
  call i64 @llvm.nvvm.mbarrier.arrive.scope.cta.space.cta(ptr addrspace(3) %cempty, i32 1)
  br label %released
released:
  %cnext = add i32 %c, 1
  %cmore = icmp ult i32 %cnext, SLICES
  br i1 %cmore, label %slice, label %store
store:
  %lane = and i32 %tid, 31
  %warp = lshr i32 %tid, 5
  %warprow = shl i32 %warp, 4
  %lanerow = and i32 %lane, 15
  %row = add i32 %warprow, %lanerow
  %side = lshr i32 %lane, 4
  %line = shl i32 %row, 7
  %permutation = and i32 %row, 7
  STORES
  call void @llvm.nvvm.fence.proxy.async.shared_cta()
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 128)
  br i1 %isFirst, label %send, label %done
send:
  call void @llvm.nvvm.cp.async.bulk.tensor.s2g.tile.2d(ptr addrspace(3) %staging, ptr %result, i32 0, i32 0, i64 0, i1 0)
  call void @llvm.nvvm.cp.async.bulk.commit.group()
  call void @llvm.nvvm.cp.async.bulk.wait.group.read(i32 0)
  br label %done
done:
  ret void
}
)";
  auto put = [&](StringRef name, const std::string &with) {
    for (size_t at; (at = text.find(name.str())) != std::string::npos;)
      text.replace(at, name.size(), with);
  };
  // The steps of a slice: side by side in a line of 128 bytes, or lines of 64 rows or columns.
  std::string steps, stores;
  for (int64_t s = 1; s < slice / 16; ++s)
    steps += formatv("%x{0} = add i64 %x0, {1}\n%w{0} = add i64 %w0, {2}\n", s,
                     s * (isLeftTransposed ? 128 : 2), s * (isRightTransposed ? 128 : 2));
  for (int64_t j = 0; j < n / 8; j += 2) {
    stores += formatv("%chunk{0} = add i32 %side, {0}\n%permuted{0} = xor i32 %chunk{0}, "
                      "%permutation\n%byte{0} = shl i32 %permuted{0}, 4\n%offset{0} = add i32 "
                      "%line, %byte{0}\n%to{0} = getelementptr i8, ptr addrspace(3) %staging, i32 "
                      "%offset{0}\n",
                      j);
    std::string matrices;
    for (int64_t i = 0; i < 4; ++i) { // sums are integers: their upper halves are bf16
      int64_t first = 4 * j + 2 * i;
      stores += formatv("%l{0} = bitcast float %a{0} to i32\n%h{0} = bitcast float %a{1} to i32\n"
                        "%ls{0} = lshr i32 %l{0}, 16\n%hs{0} = and i32 %h{0}, -65536\n"
                        "%pair{0} = or i32 %ls{0}, %hs{0}\n",
                        first, first + 1);
      matrices += formatv(", i32 %pair{0}", first);
    }
    stores += formatv("call void @llvm.nvvm.stmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3) "
                      "%to{0}{1})\n",
                      j, matrices);
  }
  put("WAITFOREMPTY", waitFor("p", "%pempty", "%pparity"));
  put("WAITFORFULL", waitFor("c", "%cfull", "%cphase"));
  put("LEFTCORNER", isLeftTransposed ? "i32 0, i32 %step" : "i32 %step, i32 0");
  put("RIGHTCORNER", isRightTransposed ? "i32 0, i32 %step" : "i32 %step, i32 0");
  put("SLICES", std::to_string(slices));
  put("SUMS", list("%s# = phi float [ 0.0, %consume ], [ %a#, %released ]", sums, "\n"));
  // Swizzled by 128 bytes; 1024 bytes from eight lines to the next.
  put("DESCRIPTOR", std::to_string(int64_t(1) << 62 | int64_t(64) << 32 | 1 << 16));
  put("STEPS", steps);
  put("PRODUCTS", products(type, isLeftTransposed, isRightTransposed));
  put("CONSTRAINTS", list("=f", sums, ",") + "," + list("#", sums, ","));
  put("MADEARGUMENTS", list("float %m#", sums));
  put("ARGUMENTS", list("float %s#", sums));
  put("MADE", list("%m# = extractvalue OUT %made, #", sums, "\n"));
  put("AWAITED", list("%a# = extractvalue OUT %awaited, #", sums, "\n"));
  put("STORES", stores);
  put("OUT", out);
  return text;
}

/// What is wrong with a run; empty if nothing is.
std::string Product::defect(const Kernels &kernels, const std::string &schedule, bool isSwizzled) {
  auto ordered = [](const std::vector<float> &values, int64_t rows, int64_t columns, bool turned) {
    std::vector<float> stored;
    for (int64_t i = 0; i < rows * columns; ++i)
      stored.push_back(turned ? values[i % rows * columns + i / rows] : values[i]);
    return stored;
  };
  auto shape = [](int64_t rows, int64_t columns, bool turned) {
    return turned ? std::vector<int64_t>{columns, rows} : std::vector<int64_t>{rows, columns};
  };
  DeviceArray x(driver(), shape(m, k, isLeftTransposed), ordered(xs, m, k, isLeftTransposed),
                element);
  DeviceArray w(driver(), shape(k, n, !isRightTransposed), ordered(ws, k, n, !isRightTransposed),
                element);
  DeviceArray y(driver(), {m, n}, {}, Element::BF16);
  std::vector<int64_t> fields;
  x.map(fields, {64, 64}, isSwizzled);
  w.map(fields, {64, 64}, isSwizzled);
  y.map(fields, {64, 64});
  std::string said = kernels.launch(driver(), "product", schedule, fields, 1, 160);
  if (!said.empty())
    return said;
  std::vector<float> got = y.values();
  for (int64_t i = 0; i < m * n; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < k; ++j)
      sum += xs[i / n * k + j] * ws[j * n + i % n];
    if (got[i] != sum)
      return "wrong value";
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Right products
//===----------------------------------------------------------------------===//

void expectRight(Product product) {
  Kernels kernels = Kernels::ofCode(product.source());
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : schedules)
    EXPECT_EQ(product.defect(kernels, schedule), "") << schedule;
}

TEST(Warpgroups, MultiplyBF16) { expectRight({Element::BF16}); }
TEST(Warpgroups, MultiplyF16) { expectRight({Element::F16, false, true}); }
TEST(Warpgroups, MultiplyTransposedOperands) { expectRight({Element::F16, true, true}); }

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Replaces what stands in the code, which must be found under each schedule and be called so.
void expectFound(const std::string &what, const std::string &by, const char *text,
                 ArrayRef<const char *> under = schedules) {
  Product product;
  std::string code = product.source();
  ASSERT_NE(code.find(what), std::string::npos) << what;
  for (size_t at = 0; (at = code.find(what, at)) != std::string::npos; at += by.size())
    code.replace(at, what.size(), by);
  Kernels kernels = Kernels::ofCode(code);
  ASSERT_EQ(kernels.refusal, "");
  for (const char *schedule : under) {
    std::string said = product.defect(kernels, schedule);
    EXPECT_NE(said.find(text), std::string::npos) << schedule << ": " << said;
  }
}

const char *const fullOnce = "16384)"; // bytes that are expected
const char *const late[] = {"forward", "backward", "greedy:1"};

TEST(PlantedInWarpgroups, WaitsForTheWrongPhase) {
  expectFound("(ptr addrspace(3) %cfull, i32 %cphase)", "(ptr addrspace(3) %cfull, i32 1)",
              "reads shared memory that", late);
  expectFound("(ptr addrspace(3) %pempty, i32 %pparity)", "(ptr addrspace(3) %pempty, i32 %pphase)",
              "deadlock");
}

TEST(PlantedInWarpgroups, ExpectsTooFewBytes) { expectFound(fullOnce, "8192)", "a copy", late); }

TEST(PlantedInWarpgroups, ExpectsTooManyBytes) {
  expectFound(fullOnce, "16400)", "(it lacks 0 arrivals and 16 bytes)");
}

TEST(PlantedInWarpgroups, ArrivesTooOften) {
  expectFound("%cempty, i32 1)", "%cempty, i32 2)", "more often than it was initialised for");
  expectFound("br i1 %isFirst, label %release, label %released", "br label %release",
              "arrives at an mbarrier more often", late);
}

TEST(PlantedInWarpgroups, NeverArrives) {
  expectFound("br i1 %isFirst, label %release, label %released", "br label %released",
              "(it lacks 1 arrivals and 0 bytes)");
}

TEST(PlantedInWarpgroups, InitialisesWithNoFence) {
  expectFound("call void @llvm.nvvm.fence.mbarrier_init.release.cluster()", "",
              "initialised with no fence");
}

TEST(PlantedInWarpgroups, InitialisesWithNoBarrier) {
  expectFound("call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)", "", "mbarrier",
              {"backward", "forward"});
}

TEST(PlantedInWarpgroups, MultipliesWithNoFence) {
  expectFound("wgmma.fence.sync.aligned; ", "", "with no wgmma.fence");
}

TEST(PlantedInWarpgroups, ReadsSumsBeforeTheyAreThere) {
  expectFound("wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;",
              "shared memory that a product or a copy still reads", {"backward", "greedy:1"});
}

TEST(PlantedInWarpgroups, NeverCommits) {
  expectFound("wgmma.commit_group.sync.aligned;", "", "product");
}

TEST(PlantedInWarpgroups, ReadsWithoutTheSwizzle) {
  Product product;
  Kernels kernels = Kernels::ofCode(product.source());
  for (const char *schedule : schedules)
    EXPECT_EQ(product.defect(kernels, schedule, /*isSwizzled=*/false), "wrong value");
}

TEST(PlantedInWarpgroups, WritesWithoutTheSwizzle) {
  expectFound("%permutation = and i32 %row, 7", "%permutation = and i32 %row, 0", "wrong value");
}

TEST(PlantedInWarpgroups, MistakesAStride) {
  constexpr int64_t right = int64_t(1) << 62 | int64_t(64) << 32 | 1 << 16;
  expectFound(std::to_string(right), std::to_string(right - (int64_t(32) << 32)), "wrong value");
}

TEST(PlantedInWarpgroups, MistakesAStep) {
  expectFound("%x1 = add i64 %x0, 2", "%x1 = add i64 %x0, 1", "wrong value");
  expectFound("%w3 = add i64 %w0, 6", "%w3 = add i64 %w0, 7", "beyond the 128 bytes of a line");
}

TEST(PlantedInWarpgroups, TransposesWhatItShouldNot) {
  expectFound("1, 1, 1, 0, 0;", "1, 1, 1, 0, 1;", "wrong value");
  expectFound("1, 1, 1, 0, 0;", "1, 1, 1, 1, 0;", "wrong value");
}

TEST(PlantedInWarpgroups, SwapsRows) {
  expectFound("%warprow = shl i32 %warp, 4", "%warprow = shl i32 %warp, 3", "shared memory");
}

TEST(PlantedInWarpgroups, SendsWithNoFence) {
  expectFound("call void @llvm.nvvm.fence.proxy.async.shared_cta()", "",
              "with no fence.proxy.async after that");
}

TEST(PlantedInWarpgroups, SendsWithNoBarrier) {
  expectFound("call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 128)", "",
              "shared memory that");
}

TEST(PlantedInWarpgroups, WaitsForTooFewThreads) {
  expectFound("count(i32 1, i32 128)", "count(i32 1, i32 96)", "reads shared memory that",
              {"forward", "greedy:1", "greedy:2"});
}

TEST(PlantedInWarpgroups, EndsBeforeWhatItSendsIsRead) {
  expectFound("call void @llvm.nvvm.cp.async.bulk.wait.group.read(i32 0)", "",
              "ends while copies from shared memory");
}

TEST(PlantedInWarpgroups, RefillsAStageThatIsRead) {
  expectFound("call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta(ptr addrspace(3) "
              "%pempty, i32 %pparity)",
              "or i1 true, false", "arrives at an mbarrier more often");
}

TEST(PlantedInWarpgroups, TriesToWaitOnce) {
  expectFound("br i1 %pover, label %pgo, label %pwait", "br label %pgo", "shared memory that",
              {"random:1"});
}

} // namespace
