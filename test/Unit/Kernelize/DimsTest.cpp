//===- DimsTest.cpp - Symbolic dimensions ---------------------------------===//
#include "lib/Kernelize/Dims.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "strut/Kernelize/Passes.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace strut::kernelize;

namespace {

/// A function with two index arguments, and an environment that emits into it.
class DimsTest : public ::testing::Test {
protected:
  DimsTest() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect, tensor::TensorDialect>();
    OpBuilder builder(&context);
    Location loc = builder.getUnknownLoc();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    Type index = builder.getIndexType();
    function = func::FuncOp::create(builder, loc, "f", builder.getFunctionType({index, index}, {}));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToEnd(entry);
    b.emplace(builder);
    env.emplace(builder);
    batch = env->of(entry->getArgument(0));
    seq = env->of(entry->getArgument(1));
  }

  size_t numOps() { return llvm::range_size(function.getBody().front()); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  std::optional<OpBuilder> b;
  std::optional<DimEnv> env;
  Dim batch, seq;
};

TEST_F(DimsTest, EqualInNormalForm) {
  EXPECT_EQ(batch * seq, seq * batch);
  EXPECT_EQ((batch + 1) * seq, batch * seq + seq);
  EXPECT_EQ(batch - batch, Dim(0));
  EXPECT_FALSE(batch == seq);
  EXPECT_FALSE(batch * batch == batch);
  EXPECT_TRUE((batch * 0).is(0));
}

TEST_F(DimsTest, Divides) {
  EXPECT_EQ((batch * seq * 384).dividedBy(seq * 12), batch * 32);
  EXPECT_EQ((batch * 6 + seq * 4).dividedBy(2), batch * 3 + seq * 2);
  EXPECT_EQ((batch + seq).dividedBy(batch + seq), Dim(1));
  EXPECT_EQ((batch * (batch + seq) * 256).dividedBy((seq + batch) * 32), batch * 8);
  EXPECT_EQ((batch * batch - seq * seq).dividedBy(batch + seq), batch - seq);
  EXPECT_FALSE((batch * batch + seq * seq).dividedBy(batch + seq));
  EXPECT_FALSE((batch + 1).dividedBy(batch));
  EXPECT_FALSE((batch * 6).dividedBy(4));
  EXPECT_FALSE(batch.dividedBy(seq));
  EXPECT_FALSE(batch.dividedBy(0));
  EXPECT_EQ(Dim(0).dividedBy(seq), Dim(0));
}

TEST_F(DimsTest, KnowsSigns) {
  EXPECT_TRUE((batch + 3).isNonNegative());
  EXPECT_FALSE((batch - 3).isNonNegative());
}

TEST_F(DimsTest, FoldsWhatIsKnown) {
  EXPECT_EQ(env->floorDiv(7, 2), Dim(3));
  EXPECT_EQ(env->ceilDiv(7, 2), Dim(4));
  EXPECT_EQ(env->floorDiv(batch * 4, 2), batch * 2);
  EXPECT_EQ(env->min(batch, batch + 1), batch);
  EXPECT_EQ(env->max(batch, batch + 1), batch + 1);
  EXPECT_EQ(numOps(), 0u);
}

TEST_F(DimsTest, WhatIsUnknownIsOneValue) {
  Dim half = env->floorDiv(seq, 2);
  EXPECT_EQ(half, env->floorDiv(seq, 2));
  EXPECT_FALSE(half == env->ceilDiv(seq, 2));
  auto bound = env->asBounded(env->min(512, seq));
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->first, seq);
  EXPECT_EQ(bound->second, 512);
  EXPECT_FALSE(env->asBounded(seq));
}

TEST_F(DimsTest, EmitsOnce) {
  Value product = env->value(batch * seq * 3 + 1);
  size_t ops = numOps();
  EXPECT_EQ(env->value(seq * 3 * batch + 1), product);
  EXPECT_EQ(numOps(), ops);
  // Another environment reads the arithmetic back.
  DimEnv other(*b);
  EXPECT_EQ(other.of(product),
            other.of(function.getArgument(0)) * other.of(function.getArgument(1)) * 3 + 1);
}

TEST_F(DimsTest, FollowsViews) {
  Location loc = b->getUnknownLoc();
  Type f32 = b->getF32Type();
  SmallVector<Dim> dims = {batch, seq, 4};
  Value whole = tensor::EmptyOp::create(*b, loc, env->operands(dims), f32);
  EXPECT_EQ(*env->ofTensor(whole), dims);
  SmallVector<ReassociationIndices> groups = {{0, 1}, {2}};
  Value rows =
      tensor::CollapseShapeOp::create(*b, loc, DimEnv::type({batch * seq, 4}, f32), whole, groups);
  EXPECT_EQ((*env->ofTensor(rows))[0], batch * seq);
  Value back = tensor::ExpandShapeOp::create(*b, loc, DimEnv::type(dims, f32), rows, groups,
                                             env->operands(dims));
  EXPECT_EQ(*env->ofTensor(back), dims);
}

TEST_F(DimsTest, TypesHaveConstants) {
  EXPECT_EQ(DimEnv::type({batch, 4}, b->getF32Type()),
            RankedTensorType::get({ShapedType::kDynamic, 4}, b->getF32Type()));
}

TEST_F(DimsTest, ProvesByCases) {
  // Two halves of [one | seq] shifted by one are equally long, even where seq is 0.
  Dim one = env->min(seq, 1), joined = one + seq;
  Dim first = env->min(seq, joined);
  Dim second = env->min(seq + 1, joined) - env->min(Dim(1), joined);
  EXPECT_TRUE(env->areEqual(first, seq));
  EXPECT_TRUE(env->areEqual(second, seq));
  EXPECT_FALSE(env->areEqual(joined, seq));
  EXPECT_FALSE(env->areEqual(one, Dim(1)));
  EXPECT_TRUE(env->isNonNegative(Dim(1) - one));
  EXPECT_FALSE(env->isNonNegative(one - Dim(1)));
}

TEST_F(DimsTest, ProvesOfQuotients) {
  Dim half = env->floorDiv(seq, 2), up = env->ceilDiv(seq, 2);
  EXPECT_TRUE(env->isNonNegative(seq - half * 2));
  EXPECT_TRUE(env->isNonNegative(half * 2 - seq + 1));
  EXPECT_FALSE(env->isNonNegative(half * 2 - seq));
  EXPECT_TRUE(env->isNonNegative(up - half));
  EXPECT_FALSE(env->areEqual(up, half));
  EXPECT_TRUE(env->areEqual(env->max(up, half), up));
  // What a window of 7 lacks is less than 7.
  Dim lack = env->ceilDiv(seq, 7) * 7 - seq;
  EXPECT_TRUE(env->isNonNegative(Dim(6) - lack));
  EXPECT_FALSE(env->isNonNegative(Dim(5) - lack));
  EXPECT_EQ(env->min(lack, 9), lack);
}

} // namespace
