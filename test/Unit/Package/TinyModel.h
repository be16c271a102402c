//===- TinyModel.h - Hand-written generated code ----------------*- C++ -*-===//
//
// y[batch, 4] = x[batch, 4] * w[4], as the code generator would hand it over.
//===----------------------------------------------------------------------===//
#ifndef STRUT_TEST_UNIT_PACKAGE_TINYMODEL_H
#define STRUT_TEST_UNIT_PACKAGE_TINYMODEL_H

#include "strut/Package/Artifact.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <gtest/gtest.h>

namespace strut::package::test {

inline const char *const kTinyCode = R"(
define i32 @tiny_bind(ptr %dims, ptr %bytes, ptr %shapes) {
  %batch = load i64, ptr %dims
  %negative = icmp slt i64 %batch, 0
  br i1 %negative, label %bad, label %good
bad:
  ret i32 1
good:
  %size = mul i64 %batch, 16
  store i64 %size, ptr %bytes
  store i64 %batch, ptr %shapes
  %columns = getelementptr i64, ptr %shapes, i64 1
  store i64 4, ptr %columns
  ret i32 0
}

define internal void @scale_row(ptr %y, ptr %x, ptr %w) noinline {
  %vx = load <4 x float>, ptr %x, align 4
  %vw = load <4 x float>, ptr %w, align 4
  %vy = fmul <4 x float> %vx, %vw
  store <4 x float> %vy, ptr %y, align 4
  ret void
}

; The fields of StrutFrame: inputs, outputs, arena, offsets, weights, dims.
define void @tiny_run(ptr %frame) {
entry:
  %inputs = load ptr, ptr %frame
  %x = load ptr, ptr %inputs
  %outputs.at = getelementptr ptr, ptr %frame, i64 1
  %outputs = load ptr, ptr %outputs.at
  %y = load ptr, ptr %outputs
  %weights.at = getelementptr ptr, ptr %frame, i64 4
  %w = load ptr, ptr %weights.at
  %dims.at = getelementptr ptr, ptr %frame, i64 5
  %dims = load ptr, ptr %dims.at
  %batch = load i64, ptr %dims
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %batch
  br i1 %more, label %body, label %exit
body:
  %at = mul i64 %i, 4
  %yi = getelementptr float, ptr %y, i64 %at
  %xi = getelementptr float, ptr %x, i64 %at
  call void @scale_row(ptr %yi, ptr %xi, ptr %w)
  %next = add i64 %i, 1
  br label %head
exit:
  ret void
}
)";

/// A folder for one test, removed at its end.
class TemporaryFolder {
public:
  TemporaryFolder() { llvm::sys::fs::createUniqueDirectory("strut-test", path); }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }
  std::string file(llvm::StringRef name) const {
    llvm::SmallString<128> result(path);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(path, code), end; it != end; it.increment(code))
      names.push_back(llvm::sys::path::filename(it->path()).str());
    llvm::sort(names);
    return names;
  }

private:
  llvm::SmallString<128> path;
};

inline TargetSpec target(llvm::StringRef triple = "", llvm::StringRef cpu = "") {
  return llvm::cantFail(resolveTarget(triple, cpu));
}

inline ModelInfo tinyInfo() {
  ModelInfo model;
  model.graph = "tiny graph";
  model.dims = {"batch"};
  DLDataType f32 = {kDLFloat, 32, 1};
  model.inputs = {{"x", f32, {{-1, 0}, {4, -1}}, -1}};
  model.outputs = {{"y", f32, {{-1, 0}, {4, -1}}, -1}};
  return model;
}

/// Weights w = factor * {1, 2, 3, 4}, then `padding` bytes of no use.
inline WeightPlan tinyWeights(float factor, uint64_t padding = 0) {
  WeightPlan plan;
  plan.add("w", 16, [=](llvm::MutableArrayRef<uint8_t> out) {
    float w[] = {factor, 2 * factor, 3 * factor, 4 * factor};
    memcpy(out.data(), w, sizeof(w));
    return llvm::Error::success();
  });
  if (padding)
    plan.add("padding", padding, [](llvm::MutableArrayRef<uint8_t> out) {
      llvm::fill(out, 0x5a);
      return llvm::Error::success();
    });
  return plan;
}

inline ArtifactRequest tinyRequest(llvm::LLVMContext &context, const std::string &output,
                                   float factor = 1) {
  ArtifactRequest request;
  llvm::SMDiagnostic diagnostic;
  request.module = llvm::parseAssemblyString(kTinyCode, diagnostic, context);
  EXPECT_TRUE(request.module) << diagnostic.getMessage().str();
  ProgramInfo &program = request.programs.emplace_back();
  program.bind = "tiny_bind";
  program.run = "tiny_run";
  program.lifetimes = {{0, 0}};
  request.model = tinyInfo();
  request.weights = tinyWeights(factor);
  request.target = target();
  request.kind = llvm::cantFail(artifactKind(output));
  request.output = output;
  return request;
}

/// Expects success and returns the result.
inline ArtifactResult writeOrFail(ArtifactRequest request) {
  llvm::Expected<ArtifactResult> result = writeArtifact(std::move(request));
  if (result)
    return std::move(*result);
  ADD_FAILURE() << llvm::toString(result.takeError());
  return {};
}

} // namespace strut::package::test

#endif // STRUT_TEST_UNIT_PACKAGE_TINYMODEL_H
