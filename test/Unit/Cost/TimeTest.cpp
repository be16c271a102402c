//===- TimeTest.cpp - Decisions by times, against fixed machines ----------===//
#include "strut/Cost/Time.h"
#include "strut/Algebra/Forms.h"
#include <gtest/gtest.h>

using namespace strut::cost;
namespace algebra = strut::algebra;

namespace {

/// A machine of four numbers, without caches.
Machine plain(const char *type, double peak, double bandwidth, double efficiency, double launch) {
  Machine machine;
  machine.peak = {{"f32", peak}, {type, peak}};
  machine.efficiency = {{1, efficiency}};
  machine.memory = {{"memory", 0, bandwidth, 0, false}};
  machine.launch = {{1, launch}};
  return machine;
}

const Machine gpu = plain("bf16", 800e12, 3.3e12, 0.7, 3e-6);
const Machine cpu = plain("f32", 100e9, 30e9, 0.7, 5e-6);

struct Times {
  double merged, two, fused; ///< microseconds
};

Times timesOf(const Machine &machine, const char *type, double rows, double inputs, double rank,
              double outputs) {
  Setting setting(machine);
  return {1e6 * timeOf(dense(rows, inputs, outputs, type), setting),
          1e6 * timeOf(lowRank(rows, inputs, rank, outputs, false, type), setting),
          1e6 * timeOf(lowRank(rows, inputs, rank, outputs, true, type), setting)};
}

struct Row {
  double inputs, outputs, rank, rows;
  Times wanted; ///< on the GPU, in microseconds
};

class LowRank : public ::testing::TestWithParam<Row> {};

TEST_P(LowRank, GpuTimes) {
  Row row = GetParam();
  Times times = timesOf(gpu, "bf16", row.rows, row.inputs, row.rank, row.outputs);
  EXPECT_NEAR(times.merged, row.wanted.merged, 0.005 * row.wanted.merged);
  EXPECT_NEAR(times.two, row.wanted.two, 0.005 * row.wanted.two);
  EXPECT_NEAR(times.fused, row.wanted.fused, 0.005 * row.wanted.fused);
}

// Below the rank K N / (K + N) factors win on a CPU, as one kernel or two.
TEST_P(LowRank, CpuPicks) {
  Row row = GetParam();
  Times times = timesOf(cpu, "f32", row.rows, row.inputs, row.rank, row.outputs);
  bool isBelow = row.rank < row.inputs * row.outputs / (row.inputs + row.outputs);
  EXPECT_EQ(times.two < times.merged, isBelow);
  EXPECT_EQ(times.fused < times.merged, isBelow);
}

INSTANTIATE_TEST_SUITE_P(Worked, LowRank,
                         ::testing::Values(Row{768, 3072, 192, 1, {4.43, 6.45, 3.45}},
                                           Row{2048, 8192, 512, 1, {13.17, 9.18, 6.18}},
                                           Row{2048, 8192, 1024, 1, {13.17, 12.36, 9.36}},
                                           Row{2048, 8192, 512, 4096, {248.43, 82.70, 79.70}},
                                           Row{384, 8192, 1102, 256, {6.24, 14.74, 11.64}}));

TEST(Time, FirstRowInMicrosecondsOnTheCpu) {
  Times times = timesOf(cpu, "f32", 1, 768, 192, 3072);
  EXPECT_NEAR(times.merged, 320.08, 0.01);
  EXPECT_NEAR(times.two, 108.87, 0.01);
  EXPECT_NEAR(times.fused, 103.82, 0.01);
}

/// d -> d beside d -> a -> d, the linear part of an FFN d -> h -> d having been merged.
bool collapses(double d, double h, double a, const Machine &machine, double rows) {
  Setting setting(machine);
  std::vector<Phase> collapsed = lowRank(rows, d, a, d, false, "f32");
  collapsed.push_back(dense(rows, d, d, "f32"));
  collapsed.back().launches = false;
  return timeOf(collapsed, setting) < timeOf(lowRank(rows, d, h, d, false, "f32"), setting);
}

TEST(Time, LinearBranchCollapsesBelowHMinusHalfD) {
  for (double rows : {4096.0, 16384.0}) {
    EXPECT_TRUE(collapses(1024, 4096, 1024, cpu, rows));
    EXPECT_TRUE(collapses(1024, 4096, 3500, cpu, rows));
    EXPECT_FALSE(collapses(1024, 4096, 3800, cpu, rows));
  }
}

TEST(Time, LoraIsStackedForFewExpertsAndSparseForMany) {
  Setting setting(gpu);
  Experts few{8, 2, 256, 4096, 16, 4096}, many{64, 2, 4096, 4096, 64, 4096};
  EXPECT_LT(timeOf(stacked(few, "bf16"), setting), timeOf(routed(few, "bf16"), setting));
  EXPECT_GT(timeOf(stacked(many, "bf16"), setting), timeOf(routed(many, "bf16"), setting));
  EXPECT_EQ(dispatchOf(few, setting, "bf16"), Dispatch::All);
  EXPECT_EQ(dispatchOf(many, setting, "bf16"), Dispatch::Grouped);
}

TEST(Time, DistinctExperts) {
  const double rows[] = {1, 2, 4, 8, 32, 128, 1792}, hit[] = {2, 3.94, 7.63, 14.4, 40.8, 62.9, 64};
  for (auto [m, wanted] : llvm::zip(rows, hit))
    EXPECT_NEAR(expertsHit(64, 2, m), wanted, 0.05);
  // Routing saves bytes while M k is below 2 E, and FLOPs always.
  const double shares[] = {0.25, 0.68, 0.99, 1.0};
  for (auto [m, wanted] : llvm::zip(std::initializer_list<double>{1, 4, 16, 64}, shares))
    EXPECT_NEAR(expertsHit(8, 2, m) / 8, wanted, 0.005);
  Experts what{64, 2, 32, 1024, 4096, 1024};
  EXPECT_NEAR(routed(what, "bf16")[1].flops, 2.0 * 32 * 2 * 1024 * 4096, 1);
}

TEST(Time, DispatchFollowsTheRowsOfAnExpert) {
  Setting setting(cpu);
  auto dispatch = [&](double rows) {
    return dispatchOf({64, 2, rows, 1024, 4096, 1024}, setting, "f32");
  };
  EXPECT_EQ(dispatch(1), Dispatch::Gather);
  EXPECT_EQ(dispatch(32), Dispatch::Buckets);
  EXPECT_EQ(dispatch(1792), Dispatch::Grouped);
  EXPECT_EQ(dispatchOf({4, 4, 64, 64, 64, 64}, setting, "f32"), Dispatch::All);
}

// A chain of two factors, each way of cutting it at the rank where ways are equal.
TEST(Time, DecidesAssociations) {
  auto factorsOf = [](int64_t rank, double rows) {
    algebra::Map map = algebra::lowRank(algebra::Matrix(64, rank), algebra::Matrix(rank, 64));
    Setting setting(cpu);
    algebra::Map best = associate(map, rows, [&](double flops, double parameters, auto shape) {
      return timeOf(phaseOf(flops, parameters, shape, rows, "f32"), setting);
    });
    auto *chain = best.as<algebra::Chain>();
    return chain ? chain->factors.size() : 1;
  };
  EXPECT_EQ(factorsOf(4, 1), 1u) << "one kernel less, and few bytes more";
  EXPECT_EQ(factorsOf(4, 1e5), 2u) << "FLOPs decide";
  EXPECT_EQ(factorsOf(40, 1e5), 1u) << "above K N / (K + N)";
}

TEST(Time, WeightsComeFromTheCacheThatHoldsThem) {
  Machine machine = plain("f32", 100e9, 10e9, 0.7, 0);
  machine.memory = {{"L1", 32e3, 200e9, 0, false},
                    {"L3", 16e6, 40e9, 60e9, true},
                    {"memory", 0, 10e9, 15e9, false}};
  EXPECT_DOUBLE_EQ(machine.bandwidthAt(30e3, 1), 200e9);
  EXPECT_DOUBLE_EQ(machine.bandwidthAt(1e6, 1), 40e9);
  EXPECT_DOUBLE_EQ(machine.bandwidthAt(1e9, 1), 10e9);
  // Each thread has a cache of its own, all of them the memory.
  EXPECT_DOUBLE_EQ(machine.bandwidthAt(100e3, 4), 800e9);
  EXPECT_DOUBLE_EQ(machine.bandwidthAt(1e9, 4), 15e9);
  double last = machine.bandwidthAt(1, 1);
  for (double bytes = 1e3; bytes < 1e9; bytes *= 1.1) {
    EXPECT_LE(machine.bandwidthAt(bytes, 1), last) << "at " << bytes;
    last = machine.bandwidthAt(bytes, 1);
  }
  Phase product = dense(1, 256, 256, "f32");
  EXPECT_GT(timeOf(product, Setting(machine, 1e9)), 3 * timeOf(product, Setting(machine)))
      << "in a large model a weight is gone from the cache when it is used again";
}

TEST(Time, WorkIsSharedWhereThatIsFaster) {
  Machine machine = plain("f32", 100e9, 10e9, 0.7, 1e-7);
  machine.launch = {{1, 1e-7}, {2, 5e-6}};
  machine.threads = 4;
  Setting setting(machine);
  EXPECT_DOUBLE_EQ(timeOf(Phase{70e9, 0, 0, 64}, setting), 5e-6 + 0.25);
  EXPECT_DOUBLE_EQ(timeOf(Phase{0, 0, 0, 64}, setting), 1e-7);
}

} // namespace
