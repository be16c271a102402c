//===- ClusterTest.cpp - Blocks that read each other's shared memory ------===//
//
// What the emulator makes of a cluster of 4 blocks, each of which takes what the next one has
// written; and of what may go wrong there.
//
//===----------------------------------------------------------------------===//
#include "Emulator.h"
#include <gtest/gtest.h>

using namespace strut::test;

namespace {

constexpr const char *meet = "  call void @llvm.nvvm.barrier.cluster.arrive.aligned()\n"
                             "  call void @llvm.nvvm.barrier.cluster.wait.aligned()\n";
constexpr unsigned threads = 64, size = 4;

/// A kernel that stores what thread `tid` of the next block has put in its shared memory, with code
/// before that is read, after it is, and at the end.
std::string exchange(const std::string &before, const std::string &after, const std::string &end) {
  return R"(
@memory = internal addrspace(3) global [64 x float] undef, align 16
define ptx_kernel void @exchange(ptr byval({ptr, ptr, i64, i64, i64}) %arguments) "nvvm.maxntid"="64,1,1" "nvvm.cluster_dim"="4,1,1" {
  %out = load ptr, ptr %arguments
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %first = mul i32 %block, 64
  %number = add i32 %first, %tid
  %mine = getelementptr float, ptr addrspace(3) @memory, i32 %tid
  %value = uitofp i32 %number to float
  store float %value, ptr addrspace(3) %mine
)" + before +
         R"(
  %following = add i32 %block, 1
  %rank = and i32 %following, 3
  %there = call ptr addrspace(7) @llvm.nvvm.mapa.shared.cluster(ptr addrspace(3) %mine, i32 %rank)
  %other = load float, ptr addrspace(7) %there
)" + after +
         R"(
  %place = getelementptr float, ptr %out, i32 %number
  store float %other, ptr %place
)" + end +
         R"(
  ret void
}
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare ptr addrspace(7) @llvm.nvvm.mapa.shared.cluster(ptr addrspace(3), i32)
declare void @llvm.nvvm.barrier.cluster.arrive.aligned()
declare void @llvm.nvvm.barrier.cluster.wait.aligned()
)";
}

/// What is wrong with two clusters under a schedule; empty if nothing is.
std::string defect(const std::string &code, const char *schedule, unsigned blocks = 2 * size) {
  Kernels kernels = Kernels::ofCode(code);
  EXPECT_EQ(kernels.refusal, "");
  DeviceArray out(driver(), {blocks * threads});
  std::string said = kernels.run(driver(), "exchange", schedule, {&out}, blocks, threads);
  if (!said.empty())
    return said;
  std::vector<float> got = out.values();
  for (unsigned i = 0; i < got.size(); ++i) {
    unsigned block = i / threads, next = block / size * size + (block + 1) % size;
    if (got[i] != float(next * threads + i % threads))
      return "wrong value at " + std::to_string(i);
  }
  return "";
}

void expectFound(const std::string &code, const std::string &text, unsigned blocks = 2 * size) {
  for (const char *schedule : {"forward", "backward", "greedy:1", "random:1"}) {
    std::string said = defect(code, schedule, blocks);
    EXPECT_NE(said.find(text), std::string::npos) << schedule << ": " << said;
  }
}

TEST(Clusters, BlocksReadOfEachOther) {
  for (const char *schedule : {"forward", "backward", "greedy:1", "random:1", "random:2"})
    EXPECT_EQ(defect(exchange(meet, "", meet), schedule), "") << schedule;
}

TEST(Clusters, ReadsBeforeTheOthersHaveWritten) {
  expectFound(exchange("", "", meet), "of another block");
}

TEST(Clusters, WritesWhatOthersStillRead) {
  std::string again = "  store float 0.0, ptr addrspace(3) %mine\n";
  EXPECT_EQ(defect(exchange(meet, meet + again, ""), "random:3"), "");
  std::string said;
  for (const char *schedule : {"forward", "backward", "greedy:1", "random:1"})
    said += defect(exchange(meet, again, meet), schedule);
  // A block that reads after the other's write finds what is newer than the meeting.
  EXPECT_NE(said.find("with no barrier of the cluster in between"), std::string::npos) << said;
}

TEST(Clusters, EndsWhileOthersRead) {
  std::string said = defect(exchange(meet, "", ""), "forward");
  EXPECT_NE(said.find("reads shared memory of a block that has ended"), std::string::npos) << said;
}

TEST(Clusters, WaitsWithoutHavingArrived) {
  expectFound(exchange("  call void @llvm.nvvm.barrier.cluster.wait.aligned()\n", "", meet),
              "waits at the barrier of the cluster before it has arrived there");
}

TEST(Clusters, SomeDoNotCome) {
  std::string some = std::string("  %isOne = icmp eq i32 %block, 1\n"
                                 "  br i1 %isOne, label %go, label %come\ncome:\n") +
                     meet + "  br label %go\ngo:\n";
  expectFound(exchange(meet, meet + some, ""), "threads at the barrier of the cluster");
}

TEST(Clusters, GridsAreOfWholeOnes) {
  expectFound(exchange(meet, "", meet), "launched with 6 blocks, which are no clusters of 4", 6);
}

} // namespace
