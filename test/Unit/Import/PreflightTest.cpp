//===- PreflightTest.cpp - every unsupported node at once ------------------===//

#include "strut/Import/Preflight.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace strut;

namespace {
constexpr llvm::StringLiteral kModel = R"(
func.func @main(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %a = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("act")
  %i = onnx.If(%c) else_branch {
    %n = onnx.Neg(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("inner")
    onnx.Yield %n : tensor<4xf32>
  } then_branch {
    onnx.Yield %a : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32> loc("choose")
  %n = onnx.Neg(%i) : (tensor<4xf32>) -> tensor<4xf32> loc("outer")
  %q = onnx.com.microsoft.QuickGelu(%n) : (tensor<4xf32>) -> tensor<4xf32> loc("q\"\n")
  return %q : tensor<4xf32>
})";

class PreflightTest : public ::testing::Test {
protected:
  PreflightTest() {
    context.loadDialect<onnx_ir::OnnxDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(kModel, &context);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(PreflightTest, GroupsByOperator) {
  ASSERT_TRUE(module);
  PreflightReport report = preflight(*module, [](Operation *op) -> std::optional<std::string> {
    if (isa<onnx_ir::Op<"Relu">, onnx_ir::Op<"If">>(op))
      return std::nullopt;
    return "there is no lowering";
  });
  EXPECT_EQ(report.nodes, 5u);
  EXPECT_FALSE(report.ok());
  ASSERT_EQ(report.unsupported.size(), 2u);
  EXPECT_EQ(report.unsupported[0].op, "Neg");
  EXPECT_EQ(report.unsupported[0].count, 2u);
  EXPECT_EQ(report.unsupported[0].firstNodes, (SmallVector<std::string, 3>{"inner", "outer"}));
  EXPECT_EQ(report.unsupported[1].op, "com.microsoft.QuickGelu");
  EXPECT_EQ(report.unsupported[1].version, 1);

  std::string text;
  llvm::raw_string_ostream os(text);
  report.print(os);
  EXPECT_NE(text.find("3 of 5 nodes are not supported"), std::string::npos) << text;
  EXPECT_NE(text.find("2x Neg (version 13): there is no lowering [inner, outer]"),
            std::string::npos)
      << text;
}

TEST_F(PreflightTest, WritesJSON) {
  ASSERT_TRUE(module);
  PreflightReport report = preflight(*module, [](Operation *op) -> std::optional<std::string> {
    return isa<onnx_ir::Op<"com.microsoft.QuickGelu">>(op) ? std::optional("no") : std::nullopt;
  });
  std::string text;
  llvm::raw_string_ostream(text) << report.toJSON();
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  ASSERT_TRUE(bool(parsed));
  llvm::json::Object *object = parsed->getAsObject();
  EXPECT_EQ(object->getInteger("nodes"), 5);
  EXPECT_EQ(object->getBoolean("supported"), false);
  llvm::json::Object *group = object->getArray("unsupported")->front().getAsObject();
  EXPECT_EQ(group->getString("op"), "com.microsoft.QuickGelu");
  EXPECT_EQ(group->getInteger("count"), 1);
}

TEST_F(PreflightTest, SaysThatAllIsWell) {
  ASSERT_TRUE(module);
  PreflightReport report =
      preflight(*module, [](Operation *) { return std::optional<std::string>(); });
  EXPECT_TRUE(report.ok());
  std::string text;
  llvm::raw_string_ostream os(text);
  report.print(os);
  EXPECT_EQ(text, "all 5 nodes are supported\n");
}
} // namespace
