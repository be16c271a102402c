//===- CodeGenTest.cpp - Optimisation and assembly --------------*- C++ -*-===//
#include "TinyModel.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Target/TargetMachine.h"

using namespace strut::package;
using namespace strut::package::test;
using namespace llvm;

namespace {

std::unique_ptr<Module> parse(LLVMContext &context, StringRef code) {
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseAssemblyString(code, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  return module;
}

std::string assembly(StringRef code, const TargetSpec &spec) {
  LLVMContext context;
  std::unique_ptr<Module> module = parse(context, code);
  applyTarget(*module, spec);
  std::unique_ptr<TargetMachine> machine = createTargetMachine(spec);
  optimize(*module, *machine, {});
  SmallString<0> text;
  raw_svector_ostream stream(text);
  EXPECT_EQ(toString(emitAssembly(*module, *machine, stream)), "");
  return text.str().str();
}

const char *const kFma = R"(
define <16 x float> @fma(<16 x float> %a, <16 x float> %b, <16 x float> %c) {
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %c)
  ret <16 x float> %r
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
)";

TEST(CodeGen, UsesTheVectorsOfTheTarget) {
  EXPECT_NE(assembly(kFma, target("x86_64-linux-gnu", "znver4")).find("%zmm0"), std::string::npos);
  // Its scheduling model alone would make LLVM prefer half-width vectors.
  EXPECT_NE(assembly(kFma, target("x86_64-linux-gnu", "skylake-avx512")).find("%zmm0"),
            std::string::npos);
  std::string haswell = assembly(kFma, target("x86_64-linux-gnu", "haswell"));
  EXPECT_NE(haswell.find("%ymm0"), std::string::npos);
  EXPECT_EQ(haswell.find("%zmm"), std::string::npos);
  EXPECT_NE(assembly(kFma, target("aarch64-linux-gnu", "generic")).find("fmla"), std::string::npos);
}

TEST(CodeGen, OptimizationInventsNoForbiddenCall) {
  // strlen, for one, which an artefact may not call.
  std::string text = assembly(R"(
define i64 @length(ptr %s) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr i8, ptr %s, i64 %i
  %c = load i8, ptr %p
  %next = add i64 %i, 1
  %end = icmp eq i8 %c, 0
  br i1 %end, label %done, label %loop
done:
  ret i64 %i
}
)",
                              target());
  EXPECT_EQ(text.find("strlen"), std::string::npos);
}

TEST(CodeGen, KeepsTheCpuThatAFunctionNames) {
  LLVMContext context;
  std::unique_ptr<Module> module =
      parse(context, "define void @f() \"target-cpu\"=\"x86-64\" { ret void }\n"
                     "define void @g() { ret void }");
  applyTarget(*module, target("x86_64-linux-gnu", "znver4"));
  auto cpu = [&](StringRef name) {
    return module->getFunction(name)->getFnAttribute("target-cpu").getValueAsString();
  };
  EXPECT_EQ(cpu("f"), "x86-64");
  EXPECT_EQ(cpu("g"), "znver4");
  EXPECT_EQ(module->getFunction("g")->getFnAttribute("prefer-vector-width").getValueAsString(),
            "512");
}

TEST(CodeGen, EveryLevelMakesAnObject) {
  for (OptLevel level : {OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3}) {
    LLVMContext context;
    std::unique_ptr<Module> module = parse(context, kTinyCode);
    applyTarget(*module, target());
    std::unique_ptr<TargetMachine> machine = createTargetMachine(target());
    optimize(*module, *machine, {level});
    ObjectCode code = cantFail(emitObject(*module, *machine));
    EXPECT_TRUE(bool(object::ObjectFile::createObjectFile(
        MemoryBufferRef(StringRef(code.data(), code.size()), "object"))));
  }
}

TEST(CodeGen, RefusesInvalidIR) {
  LLVMContext context;
  std::unique_ptr<Module> module = parse(context, kTinyCode);
  module->getFunction("tiny_bind")->getEntryBlock().getTerminator()->eraseFromParent();
  Expected<std::vector<ObjectCode>> code = compileInParts(*module, StringRef(), target(), {});
  ASSERT_FALSE(bool(code));
  EXPECT_NE(toString(code.takeError()).find("not valid LLVM IR"), std::string::npos);
}

} // namespace
