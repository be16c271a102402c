//===- OnnxDialectTest.cpp - the dialect as C++ code uses it ---------------===//

#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace strut;
using onnx_ir::AnyOp;

namespace {
class OnnxDialectTest : public ::testing::Test {
protected:
  OnnxDialectTest() { context.loadDialect<onnx_ir::OnnxDialect, func::FuncDialect>(); }

  /// The first operation of the type in a function of `body`.
  template <typename OpT> OpT find(StringRef body) {
    module = parseSourceString<ModuleOp>(
        ("func.func @f(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) {" + body + "\nreturn\n}").str(),
        &context);
    OpT found;
    if (module)
      module->walk([&](OpT op) { found = found ? found : op; });
    return found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(OnnxDialectTest, NamesAreTypes) {
  auto op = find<onnx_ir::Op<"MatMul">>(
      "%y = onnx.MatMul(%x, %w) : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>");
  ASSERT_TRUE(op);
  EXPECT_TRUE(isa<AnyOp>(op.getOperation()));
  EXPECT_FALSE(isa<onnx_ir::Op<"Gemm">>(op.getOperation()));
  EXPECT_EQ(op.in("A"), op->getOperand(0));
  EXPECT_EQ(op.out("Y"), op->getResult(0));
  EXPECT_EQ(op.opType(), "MatMul");
  EXPECT_EQ(op.domain(), "");
}

TEST_F(OnnxDialectTest, OptionalOperandsAreNull) {
  auto op = find<onnx_ir::Op<"Clip">>(
      "%n = onnx.Absent\n"
      "%y = onnx.Clip(%x, %n) : (tensor<2x3xf32>, none) -> tensor<2x3xf32>");
  ASSERT_TRUE(op);
  EXPECT_FALSE(op.in("min"));
  EXPECT_FALSE(op.in("max"));
}

TEST_F(OnnxDialectTest, AttributesHaveTheirDefaults) {
  auto op = find<onnx_ir::Op<"Gemm">>("%y = onnx.Gemm(%x, %w) {alpha = 2.0 : f32, my.note} : "
                                      "(tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>");
  ASSERT_TRUE(op);
  EXPECT_EQ(op.attr<FloatAttr>("alpha").getValueAsDouble(), 2.0);
  EXPECT_EQ(op.attr<FloatAttr>("beta").getValueAsDouble(), 1.0);
  EXPECT_EQ(op.attr<IntegerAttr>("transA").getInt(), 0);
  EXPECT_FALSE(op.attr<IntegerAttr>("alpha"));
  EXPECT_EQ(op.onnxAttrs().size(), 1u);
}

TEST_F(OnnxDialectTest, CreateInfersTypes) {
  auto op = find<onnx_ir::Op<"Relu">>("%y = onnx.Relu(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>");
  ASSERT_TRUE(op);
  OpBuilder builder(op);
  auto product = onnx_ir::Op<"MatMul">::create(builder, op.getLoc(),
                                               op->getParentOfType<func::FuncOp>().getArguments());
  EXPECT_EQ(product->getResult(0).getType(), RankedTensorType::get({2, 4}, builder.getF32Type()));
  EXPECT_EQ(product->getNextNode(), op.getOperation());
}

TEST_F(OnnxDialectTest, ConstantsAreSeenThrough) {
  auto op = find<onnx_ir::Op<"Add">>(
      "%c = onnx.Constant() {value_float = 3.0 : f32} : () -> tensor<f32>\n"
      "%y = onnx.Add(%x, %c) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>");
  ASSERT_TRUE(op);
  EXPECT_FALSE(onnx_ir::constantOf(op.in("A")));
  ElementsAttr value = onnx_ir::constantOf(op.in("B"));
  ASSERT_TRUE(value);
  EXPECT_EQ(*value.getValues<float>().begin(), 3.0f);
}

TEST_F(OnnxDialectTest, RegionsAreFoundByName) {
  auto op = find<onnx_ir::Op<"If">>(
      "%c = onnx.Constant() {value = dense<true> : tensor<i1>} : () -> tensor<i1>\n"
      "%y = onnx.If(%c) else_branch { onnx.Yield %x : tensor<2x3xf32> }"
      " then_branch { onnx.Yield %x : tensor<2x3xf32> } : (tensor<i1>) -> tensor<2x3xf32>");
  ASSERT_TRUE(op);
  EXPECT_EQ(op.region("then_branch"), &op->getRegion(1));
}

TEST_F(OnnxDialectTest, MeetKeepsWhatIsKnown) {
  Builder b(&context);
  auto tensor = [&](ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, b.getF32Type());
  };
  constexpr int64_t any = ShapedType::kDynamic;
  Type unranked = UnrankedTensorType::get(b.getF32Type());
  Type unknown = onnx_ir::UnknownType::get(&context);
  EXPECT_EQ(onnx_ir::meet(tensor({2, any}), tensor({any, 3})), tensor({2, 3}));
  EXPECT_EQ(onnx_ir::meet(unranked, tensor({any, 3})), tensor({any, 3}));
  EXPECT_EQ(onnx_ir::meet(unknown, unranked), unranked);
  EXPECT_FALSE(onnx_ir::meet(tensor({2}), tensor({3})));
  EXPECT_FALSE(onnx_ir::meet(tensor({2}), tensor({2, 1})));
  EXPECT_FALSE(onnx_ir::meet(tensor({2}), RankedTensorType::get({2}, b.getF64Type())));
  auto seq = [&](Type element) { return onnx_ir::SeqType::get(&context, element); };
  EXPECT_EQ(onnx_ir::meet(seq(unranked), seq(tensor({2}))), seq(tensor({2})));
  EXPECT_FALSE(onnx_ir::meet(seq(unranked), tensor({2})));
}

TEST_F(OnnxDialectTest, NodeNamesAreFoundInLocations) {
  auto name = [&](StringRef text) { return NameLoc::get(StringAttr::get(&context, text)); };
  Location unknown = UnknownLoc::get(&context);
  EXPECT_EQ(onnx_ir::nodeNameOf(name("a")), "a");
  EXPECT_EQ(onnx_ir::nodeNameOf(FusedLoc::get(&context, {unknown, name("a"), name("b")})), "a");
  EXPECT_EQ(onnx_ir::nodeNameOf(CallSiteLoc::get(name("a"), name("b"))), "a");
  EXPECT_EQ(onnx_ir::nodeNameOf(unknown), "");
}

TEST_F(OnnxDialectTest, AMistypedNameIsFatal) {
  EXPECT_DEATH(
      {
        onnx_ir::detail::usedNames().push_back("Frobnicate");
        MLIRContext other;
        other.loadDialect<onnx_ir::OnnxDialect>();
      },
      "no ONNX operator named Frobnicate");
}
} // namespace
