//===- TargetTest.cpp - Names and properties of targets ---------*- C++ -*-===//
#include "TinyModel.h"
#include "llvm/TargetParser/Host.h"

using namespace strut::package;
using namespace strut::package::test;
using namespace llvm;

namespace {

std::string failure(StringRef triple, StringRef cpu) {
  Expected<TargetSpec> spec = resolveTarget(triple, cpu);
  EXPECT_FALSE(bool(spec));
  return spec ? "" : toString(spec.takeError());
}

/// Position of a feature in CpuFeatures.def.
uint64_t x86Bit(StringRef wanted) {
  uint64_t bit = 1, result = 0;
#define STRUT_X86_FEATURE(name, leaf, subleaf, reg, index, xcr0)                                   \
  result |= wanted == name ? bit : 0;                                                              \
  bit <<= 1;
#include "strut/Runtime/CpuFeatures.def"
  return result;
}

TEST(Target, HostIsTheDefault) {
  TargetSpec spec = target();
  EXPECT_TRUE(spec.isHostArchitecture());
  EXPECT_NE(spec.cpu, "native");
  EXPECT_FALSE(spec.cpu.empty());
  EXPECT_FALSE(spec.features.empty());
}

TEST(Target, ForeignArchitectureDefaultsToItsBaseline) {
  TargetSpec host = target();
  StringRef foreign =
      host.triple.getArch() == Triple::x86_64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  TargetSpec spec = target(foreign);
  EXPECT_EQ(requiredCpuFeatures(spec), 0u);
  EXPECT_EQ(vectorUnit(spec).bytes, 16);
}

TEST(Target, VectorUnits) {
  auto unit = [](StringRef triple, StringRef cpu) { return vectorUnit(target(triple, cpu)); };
  EXPECT_EQ(unit("x86_64-linux-gnu", "znver4").bytes, 64);
  EXPECT_EQ(unit("x86_64-linux-gnu", "znver4").registers, 32);
  EXPECT_EQ(unit("x86_64-linux-gnu", "haswell").bytes, 32);
  EXPECT_EQ(unit("x86_64-linux-gnu", "haswell").registers, 16);
  EXPECT_TRUE(unit("x86_64-linux-gnu", "haswell").fma);
  EXPECT_EQ(unit("x86_64-linux-gnu", "x86-64-v2").bytes, 16);
  EXPECT_FALSE(unit("x86_64-linux-gnu", "x86-64-v2").fma);
  EXPECT_EQ(unit("aarch64-linux-gnu", "neoverse-n1").bytes, 16);
  EXPECT_EQ(unit("aarch64-linux-gnu", "neoverse-n1").registers, 32);
}

TEST(Target, RequiredFeatures) {
  uint64_t v3 = requiredCpuFeatures(target("x86_64-linux-gnu", "x86-64-v3"));
  EXPECT_TRUE(v3 & x86Bit("avx2"));
  EXPECT_TRUE(v3 & x86Bit("fma"));
  EXPECT_FALSE(v3 & x86Bit("avx512f"));
  EXPECT_EQ(requiredCpuFeatures(target("x86_64-linux-gnu", "x86-64")), 0u);
  EXPECT_TRUE(requiredCpuFeatures(target("x86_64-linux-gnu", "znver4")) & x86Bit("avx512bf16"));
}

TEST(Target, UnknownNames) {
  EXPECT_NE(failure("x86_64-linux-gnu", "znver44").find("znver4"), std::string::npos);
  EXPECT_NE(failure("x86_64-linux-gnu", "skylake-avx").find("skylake-avx512"), std::string::npos);
  EXPECT_NE(failure("riscv64-linux-gnu", "").find("x86_64-linux-gnu"), std::string::npos);
  EXPECT_NE(failure("x86_64-windows-msvc", "").find("cannot generate code"), std::string::npos);
  EXPECT_NE(failure("\xff\xfe", "").find("cannot generate code"), std::string::npos);
  EXPECT_NE(failure("aarch64-linux-gnu", "znver4").find("unknown CPU"), std::string::npos);
  // LLVM itself would end the process here.
  EXPECT_NE(failure("x86_64-linux-gnu", "i386").find("unknown CPU"), std::string::npos);
  StringRef foreign = Triple(sys::getDefaultTargetTriple()).getArch() == Triple::x86_64
                          ? "aarch64-linux-gnu"
                          : "x86_64-linux-gnu";
  EXPECT_NE(failure(foreign, "native").find("'native' is this machine's"), std::string::npos);
}

} // namespace
