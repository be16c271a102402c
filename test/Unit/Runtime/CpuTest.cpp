//===- CpuTest.cpp - What the machine and the process have -----------------===//
#include "cpu.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <sstream>

namespace fs = std::filesystem;

namespace {

// A machine's cgroup files, made up.
class Quota : public testing::Test {
protected:
  void SetUp() override {
    root = fs::path(testing::TempDir()) / ("strut-cgroup-" + std::to_string(getpid()));
    fs::create_directories(root);
  }
  void TearDown() override { fs::remove_all(root); }

  void write(const std::string &name, const std::string &text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  }
  int32_t quota(const std::string &membership) {
    write("membership", membership);
    return strut_cpu_quota((root / "membership").c_str(), root.c_str());
  }
  fs::path root;
};

} // namespace

TEST_F(Quota, IsAbsentWhereNoneIsSet) {
  EXPECT_EQ(quota(""), INT32_MAX);
  EXPECT_EQ(quota("0::/"), INT32_MAX);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(quota("0::/\n"), INT32_MAX);
  EXPECT_EQ(strut_cpu_quota("/nowhere", "/nowhere"), INT32_MAX);
  EXPECT_EQ(quota("garbage\n::\n:\n0:"), INT32_MAX);
}

TEST_F(Quota, IsRoundedUp) {
  write("cpu.max", "150000 100000\n");
  EXPECT_EQ(quota("0::/\n"), 2);
  write("cpu.max", "1000 100000\n");
  EXPECT_EQ(quota("0::/\n"), 1);
  write("cpu.max", "400000 100000\n");
  EXPECT_EQ(quota("0::/\n"), 4);
}

TEST_F(Quota, IsTheSmallestOfTheGroupAndItsParents) {
  write("a/b/cpu.max", "800000 100000\n");
  write("a/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota("0::/a/b\n"), 3);
  EXPECT_EQ(quota("0::/a\n"), 3);
  write("a/b/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota("0::/a/b\n"), 2);
  // In a container the group may carry the host's name, which is not mounted.
  write("cpu.max", "500000 100000\n");
  EXPECT_EQ(quota("0::/docker/0123456789\n"), 5);
  EXPECT_EQ(quota("0::/../..\n"), 5);
}

TEST_F(Quota, IsReadFromVersionOneToo) {
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota("5:cpuset:/job\n4:cpu,cpuacct:/job\n0::/\n"), 3);
  write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota("4:cpu,cpuacct:/job\n"), INT32_MAX);
}

TEST(Cpu, WidthFollowsTheAffinityMask) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_LE(strut_cpu_width(), CPU_COUNT(&before));
  EXPECT_GE(strut_cpu_width(), 1);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(strut_cpu_width(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

// The kernel's own list is the oracle.
TEST(Cpu, FeaturesAreTheKernels) {
  std::ifstream file("/proc/cpuinfo");
  std::string line, flags;
  while (std::getline(file, line))
    if (line.rfind("flags", 0) == 0 || line.rfind("Features", 0) == 0) {
      flags = " " + line.substr(line.find(':') + 1) + " ";
      break;
    }
  if (flags.empty())
    GTEST_SKIP() << "/proc/cpuinfo names no flags";
  // LLVM's name, the kernel's.
  const std::pair<const char *, const char *> names[] = {{"ssse3", "ssse3"},
                                                         {"sse4.2", "sse4_2"},
                                                         {"popcnt", "popcnt"},
                                                         {"avx", "avx"},
                                                         {"avx2", "avx2"},
                                                         {"fma", "fma"},
                                                         {"f16c", "f16c"},
                                                         {"bmi2", "bmi2"},
                                                         {"lzcnt", "abm"},
                                                         {"sahf", "lahf_lm"},
                                                         {"cx16", "cx16"},
                                                         {"avx512f", "avx512f"},
                                                         {"avx512bw", "avx512bw"},
                                                         {"avx512vl", "avx512vl"},
                                                         {"avx512vnni", "avx512_vnni"},
                                                         {"avx512bf16", "avx512_bf16"},
                                                         {"avx512fp16", "avx512_fp16"},
                                                         {"amx-tile", "amx_tile"},
                                                         {"avxvnni", "avx_vnni"},
                                                         {"gfni", "gfni"},
                                                         {"neon", "asimd"},
                                                         {"dotprod", "asimddp"},
                                                         {"bf16", "bf16"},
                                                         {"i8mm", "i8mm"},
                                                         {"sve", "sve"},
                                                         {"lse", "atomics"}};
  uint64_t features = strut_cpu_features();
  int known = 0;
  for (int32_t bit = 0; const char *name = strut_cpu_feature_name(bit); ++bit)
    for (auto [llvm, kernel] : names)
      if (llvm == std::string(name)) {
        bool expected = flags.find(std::string(" ") + kernel + " ") != std::string::npos;
        EXPECT_EQ(bool(features >> bit & 1), expected) << name;
        ++known;
      }
  EXPECT_GE(known, 6);
}
