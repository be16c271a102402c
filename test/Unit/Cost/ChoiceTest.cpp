//===- ChoiceTest.cpp - Which form of a chain of maps ---------------------===//
#include "strut/Cost/Choice.h"
#include <gtest/gtest.h>

using namespace strut::cost;
using strut::algebra::Run;

namespace {

/// One thread of 100 GFLOP/s and 30 GB/s.
Machine plainCpu(double launch) {
  Machine machine;
  machine.peak = {{"f32", 100e9}};
  machine.efficiency = {{1, 0.7}};
  machine.memory = {{"memory", 0, 30e9, 0, false}};
  machine.launch = {{1, launch}};
  return machine;
}

ChainCost lowRankChain(int64_t inputs, int64_t rank, int64_t outputs) {
  double down = double(inputs) * double(rank), up = double(rank) * double(outputs);
  return {{{2 * down, down, {inputs, rank}}, {2 * up, up, {rank, outputs}}}, "f32"};
}

const Form factored{{{0, 1, false}, {1, 2, false}}}, merged{{{0, 2, true}}};

TEST(Choice, NamesForms) {
  EXPECT_EQ(factored.name(), "factored");
  EXPECT_EQ(merged.name(), "merged");
  EXPECT_EQ((Form{{{0, 2, true}, {2, 3, false}}}).name(), "1-2, 3");
}

// Few rows: the launch of a second kernel costs more than the bytes of the product.
// Many: FLOPs decide.
TEST(Choice, BoundIsExact) {
  Machine machine = plainCpu(5e-6);
  Setting setting(machine);
  ChainCost chain = lowRankChain(128, 16, 128);
  Choice choice = fastestForms(chain, {1, 1 << 20}, setting);
  ASSERT_EQ(choice.forms.size(), 2u);
  ASSERT_EQ(choice.lines.size(), 1u);
  int64_t bound = choice.lines[0].bound;
  EXPECT_EQ(choice.forms[choice.formFor(bound - 1)], merged);
  EXPECT_EQ(choice.forms[choice.formFor(bound)], factored);
  auto time = [&](const Form &form, int64_t rows) {
    return timeOf(phasesOf(chain, form, double(rows)), setting);
  };
  EXPECT_LE(time(merged, bound - 1), time(factored, bound - 1));
  EXPECT_GT(time(merged, bound), time(factored, bound));
  EXPECT_EQ(weightBytes(chain, merged), 4.0 * 128 * 128);
  EXPECT_EQ(weightBytes(chain, factored), 4.0 * 16 * 256);
  EXPECT_GT(regretOf(chain, merged, choice, {1, 1 << 20}, setting), 2);
  EXPECT_GT(regretOf(chain, factored, choice, {1, 1 << 20}, setting), 1.4);
  EXPECT_EQ(regretOf(chain, merged, choice, {1, 1}, setting), 1);
}

TEST(Choice, OneFormWhereOneIsBest) {
  Machine machine = plainCpu(1e-7);
  Setting setting(machine);
  for (auto [rank, best] : {std::pair<int64_t, Form>{1000, merged}, {64, factored}}) {
    Choice choice = fastestForms(lowRankChain(1024, rank, 1024), {1, 1 << 20}, setting);
    ASSERT_EQ(choice.forms.size(), 1u) << "rank " << rank;
    EXPECT_EQ(choice.forms.front(), best);
    EXPECT_TRUE(choice.lines.empty());
    EXPECT_EQ(choice.formFor(7), 0u);
  }
}

TEST(Choice, SmallFactorsOfALongChainMerge) {
  Machine machine = plainCpu(1e-7);
  Setting setting(machine);
  auto square = [](int64_t inputs, int64_t outputs) {
    double elements = double(inputs) * double(outputs);
    return strut::algebra::FactorCost{2 * elements, elements, {inputs, outputs}};
  };
  ChainCost chain{{square(1024, 64), square(64, 64), square(64, 1024)}, "f32"};
  Choice choice = fastestForms(chain, {1024, 1024}, setting);
  ASSERT_EQ(choice.forms.size(), 1u);
  EXPECT_EQ(choice.forms[0].runs.size(), 2u) << choice.forms[0].name();
}

} // namespace
