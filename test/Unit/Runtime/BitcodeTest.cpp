//===- BitcodeTest.cpp - The embedded runtime ------------------------------===//
#include "strut/Runtime/Bitcode.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Triple.h"
#include <gtest/gtest.h>

using namespace llvm;

namespace {

std::unique_ptr<Module> load(LLVMContext &context, StringRef triple) {
  StringRef bitcode = strut::runtime::bitcodeFor(Triple(triple));
  EXPECT_FALSE(bitcode.empty());
  Expected<std::unique_ptr<Module>> module =
      parseBitcodeFile(MemoryBufferRef(bitcode, triple), context);
  if (!module) {
    ADD_FAILURE() << toString(module.takeError());
    return nullptr;
  }
  return std::move(*module);
}

StringSet<> allowedSymbols() {
  auto file = MemoryBuffer::getFile(STRUT_ALLOWED_SYMBOLS);
  EXPECT_TRUE(file);
  StringSet<> names;
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n', -1, false);
  for (StringRef line : lines)
    if (!line.starts_with("#"))
      names.insert(line);
  return names;
}

class Bitcode : public testing::TestWithParam<const char *> {};

} // namespace

TEST_P(Bitcode, IsSound) {
  LLVMContext context;
  std::unique_ptr<Module> module = load(context, GetParam());
  ASSERT_TRUE(module);
  EXPECT_FALSE(verifyModule(*module, &errs()));
  EXPECT_EQ(module->getTargetTriple().getArch(), Triple(GetParam()).getArch());
  EXPECT_TRUE(StringRef(module->getModuleInlineAsm()).contains("gnu_unique_object"));
}

TEST_P(Bitcode, NeedsOnlyAllowedSymbols) {
  LLVMContext context;
  std::unique_ptr<Module> module = load(context, GetParam());
  ASSERT_TRUE(module);
  StringSet<> allowed = allowedSymbols();
  ASSERT_GT(allowed.size(), 10u);
  for (const GlobalValue &value : module->global_values())
    if (value.isDeclaration() && !value.getName().starts_with("llvm."))
      EXPECT_TRUE(allowed.contains(value.getName()) || value.getName() == "strut_process_v1")
          << value.getName().str();
}

TEST_P(Bitcode, PinsNoCpu) {
  LLVMContext context;
  std::unique_ptr<Module> module = load(context, GetParam());
  ASSERT_TRUE(module);
  for (const Function &function : *module)
    for (const char *name : {"target-cpu", "target-features", "tune-cpu"})
      EXPECT_FALSE(function.hasFnAttribute(name)) << function.getName().str() << " has " << name;
}

// Optimised once more with the model, loops must not become calls of strlen.
TEST_P(Bitcode, GainsNoLibraryCalls) {
  LLVMContext context;
  std::unique_ptr<Module> module = load(context, GetParam());
  ASSERT_TRUE(module);
  for (const Function &function : *module)
    if (!function.isDeclaration())
      EXPECT_TRUE(function.hasFnAttribute("no-builtins")) << function.getName().str();
}

TEST_P(Bitcode, HidesAllButTheProcess) {
  LLVMContext context;
  std::unique_ptr<Module> module = load(context, GetParam());
  ASSERT_TRUE(module);
  for (const GlobalValue &value : module->global_values())
    if (!value.isDeclaration() && !value.hasLocalLinkage() && !value.getName().starts_with("llvm."))
      EXPECT_TRUE(value.hasHiddenVisibility()) << value.getName().str();
}

INSTANTIATE_TEST_SUITE_P(Targets, Bitcode,
                         testing::Values("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"));

TEST(BitcodeFor, IsEmptyForOtherTargets) {
  for (const char *triple : {"x86_64-pc-windows-msvc", "arm64-apple-macosx", "i686-linux-gnu",
                             "x86_64-linux-gnux32", "riscv64-linux-gnu", "aarch64_be-linux-gnu"})
    EXPECT_TRUE(strut::runtime::bitcodeFor(Triple(triple)).empty()) << triple;
  EXPECT_FALSE(strut::runtime::bitcodeFor(Triple("x86_64-pc-linux-gnu")).empty());
}
