//===- PtxasTest.cpp - What ptxas says, and where it is found --*- C++ -*-===//
#include "strut/Package/Ptxas.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

using namespace strut::package;
using namespace llvm;

namespace {

constexpr StringLiteral report = R"(ptxas info    : 0 bytes gmem
ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to a function call in the function 'gemm'
ptxas info    : Compiling entry function 'gemm' for 'sm_90a'
ptxas info    : Function properties for gemm
    32 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers, 32 bytes cumulative stack size, 8192 bytes smem
ptxas info    : Compile time = 29.221 ms
ptxas info    : Compiling entry function 'map_0' for 'sm_90a'
ptxas info    : Function properties for map_0
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, used 0 barriers
ptxas warning : Value of threads per SM for entry map_0 is out of range
)";

TEST(Ptxas, ReportsRegistersSpillsAndLostPerformance) {
  PtxasReport said = parsePtxasReport(report);
  ASSERT_EQ(said.kernels.size(), 2u);
  EXPECT_EQ(said.kernels[0].name, "gemm");
  EXPECT_EQ(said.kernels[0].registers, 168u);
  EXPECT_EQ(said.kernels[0].spilledBytes, 40u);
  EXPECT_EQ(said.kernels[0].sharedBytes, 8192u);
  EXPECT_EQ(said.kernels[1].name, "map_0");
  EXPECT_EQ(said.kernels[1].registers, 10u);
  EXPECT_EQ(said.kernels[1].spilledBytes, 0u);
  EXPECT_EQ(said.kernels[1].sharedBytes, 0u);
  ASSERT_EQ(said.warnings.size(), 2u);
  EXPECT_TRUE(StringRef(said.warnings[0]).starts_with("(C7510) Potential Performance Loss"));
  EXPECT_EQ(said.warnings[1], "Value of threads per SM for entry map_0 is out of range");
  EXPECT_TRUE(said.errors.empty());
}

TEST(Ptxas, ReportsErrors) {
  PtxasReport said = parsePtxasReport(
      "ptxas a.ptx, line 7; error   : Unknown symbol 'x'\nptxas fatal   : aborted\n");
  EXPECT_EQ(said.errors, (std::vector<std::string>{"Unknown symbol 'x'", "aborted"}));
}

/// A folder with a program in place of ptxas, that prints `text` and ends with `code`.
class Program {
public:
  Program(StringRef text, int code) {
    EXPECT_FALSE(sys::fs::createUniqueDirectory("ptxas", folder));
    std::filesystem::create_directories((folder + "/bin").str());
    std::error_code error;
    raw_fd_ostream script(path(), error);
    script
        << "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = -o ] && printf code >\"$2\"; shift; done\n"
        << "cat <<'END' >&2\n"
        << text << "END\nexit " << code << "\n";
    script.close();
    std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
  }
  ~Program() { sys::fs::remove_directories(folder); }
  std::string root() const { return folder.str().str(); }
  std::string path() const { return root() + "/bin/ptxas"; }

private:
  SmallString<128> folder;
};

TargetSpec gpu() { return cantFail(resolveGpuArch("sm_90a")); }

TEST(Ptxas, IsFoundUnderCudaHome) {
  Program program("", 0);
  std::string path = getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  setenv("CUDA_HOME", program.root().c_str(), 1);
  EXPECT_EQ(findPtxas(), program.path());
  setenv("CUDA_HOME", "/nowhere", 1);
  unsetenv("CUDA_PATH");
  unsetenv("CUDA_ROOT");
  EXPECT_EQ(findPtxas(), "");
  unsetenv("CUDA_HOME");
  setenv("PATH", path.c_str(), 1);
}

TEST(Ptxas, MakesCode) {
  MachineCode code = cantFail(assemble(Program(report, 0).path(), "", gpu()));
  EXPECT_EQ(code.cubin, "code");
  EXPECT_EQ(code.report.kernels.size(), 2u);
}

TEST(Ptxas, MayBeTooOld) {
  for (const char *why : {"ptxas fatal   : Value 'sm_90a' is not defined for option 'gpu-name'\n",
                          "ptxas a.ptx, line 1; fatal   : Unsupported .version 9.9; current "
                          "version is '9.0'\n"}) {
    MachineCode code = cantFail(assemble(Program(why, 1).path(), "", gpu()));
    EXPECT_TRUE(code.cubin.empty());
    EXPECT_EQ(code.report.errors.size(), 1u);
  }
}

TEST(Ptxas, SaysWhatIsWrong) {
  Program program("ptxas a.ptx, line 7; error   : Unknown symbol 'x'\n", 1);
  auto code = assemble(program.path(), "", gpu());
  ASSERT_FALSE(bool(code));
  EXPECT_EQ(toString(code.takeError()),
            "ptxas (" + program.path() +
                ") does not take the kernels for sm_90a: Unknown symbol 'x'");
  auto absent = assemble("/nowhere/ptxas", "", gpu());
  ASSERT_FALSE(bool(absent));
  EXPECT_NE(toString(absent.takeError()).find("/nowhere/ptxas"), std::string::npos);
}

} // namespace
