//===- MachineTest.cpp - Descriptions of machines -------------------------===//
#include "strut/Cost/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace strut::cost;
using llvm::StringRef;

namespace {

std::string textOf(const Machine &machine) {
  return llvm::formatv("{0:2}", machine.toJSON()).str();
}

TEST(Machine, NamedOnesAreRead) {
  ASSERT_FALSE(namedMachines().empty());
  for (const Machine &machine : namedMachines()) {
    EXPECT_EQ(namedMachine(machine.name), &machine) << "two have the name " << machine.name;
    for (const std::string &target : machine.targets)
      EXPECT_EQ(namedMachine(target), &machine) << "two stand for " << target;
    auto again = Machine::fromJSON(textOf(machine), "again");
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(textOf(*again), textOf(machine));
  }
}

TEST(Machine, EachCpuHasOne) {
  EXPECT_EQ(machineForCpu("emeraldrapids", 64).name, "sapphirerapids");
  EXPECT_EQ(machineForCpu("znver4", 64).name, "znver4");
  EXPECT_EQ(machineForCpu("somelake", 64).name, "x86-64-v4");
  EXPECT_EQ(machineForCpu("somelake", 32).name, "x86-64-v3");
  EXPECT_EQ(machineForCpu("cortex-a72", 16).name, "generic");
}

TEST(Machine, EfficiencyRisesWithRows) {
  const Machine &machine = *namedMachine("znver4");
  double last = 0;
  for (double rows = 0.5; rows < 1000; rows *= 1.3) {
    double part = machine.efficiencyAt(rows);
    EXPECT_GE(part, last);
    EXPECT_LE(part, 1);
    last = part;
  }
}

/// The message for a description in which one text is replaced by another.
std::string refusal(StringRef from, StringRef to) {
  std::string text = textOf(*namedMachine("generic"));
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from.str();
  text.replace(at, from.size(), to);
  auto machine = Machine::fromJSON(text, "'m.json'");
  EXPECT_FALSE(bool(machine)) << "with " << to.str();
  return machine ? "" : llvm::toString(machine.takeError());
}

TEST(Machine, RefusesWhatCannotBe) {
  EXPECT_NE(refusal("\"format\"", "format").find("'m.json' is not JSON"), std::string::npos);
  EXPECT_NE(refusal("strut.machine", "other").find("format"), std::string::npos);
  EXPECT_NE(refusal("\"version\": 1", "\"version\": 2").find("version 1"), std::string::npos);
  EXPECT_NE(refusal("\"f32\"", "\"f31\"").find("peaks"), std::string::npos);
  EXPECT_NE(refusal("\"launch\"", "\"lunch\"").find("launch"), std::string::npos);
  EXPECT_NE(refusal("\"threads\": 4", "\"threads\": 0").find("thread"), std::string::npos);
  EXPECT_NE(refusal("\"threads\"", "\"multiprocessors\": -1, \"threads\"").find("multiprocessors"),
            std::string::npos);
  EXPECT_NE(refusal("\"bytes\"", "\"octets\"").find("bytes"), std::string::npos);
  EXPECT_NE(refusal("\"bandwidth\": ", "\"bandwidth\": -").find("bandwidth"), std::string::npos);
  EXPECT_NE(refusal("\"efficiency\": [", "\"efficiency\": [[1, 3], ").find("efficiency"),
            std::string::npos);
}

TEST(Machine, SaysWhichNamesThereAre) {
  auto machine = readMachine("no-such-machine");
  ASSERT_FALSE(bool(machine));
  std::string message = llvm::toString(machine.takeError());
  EXPECT_NE(message.find("znver4"), std::string::npos) << message;
  EXPECT_NE(message.find("strut calibrate"), std::string::npos) << message;
}

} // namespace
