//===- toy-opt.cpp - A structured op, from its recogniser to its definition -===//
//
// The example of docs/adding-a-layer.md, which shows its pieces. In the tree the op would
// stand in dialects/Layer, the recogniser in lib/Recognize, the definition in lib/Reference.
//
//===----------------------------------------------------------------------===//
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "strut/Driver/Register.h"

#include "ToyDialect.h.inc"
#define GET_OP_CLASSES
#include "ToyOps.h.inc"

#include "ToyDialect.cpp.inc"
#define GET_OP_CLASSES
#include "ToyOps.cpp.inc"

using namespace mlir;
using namespace strut;

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

void toy::ToyDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "ToyOps.cpp.inc"
      >();
}

LogicalResult toy::ReflectOp::verify() {
  RankedTensorType rows = getInput().getType();
  if (rows.getRank() < 1 || !isa<FloatType>(rows.getElementType()))
    return emitOpError("needs rows of floats, got ") << rows;
  auto vector = RankedTensorType::get({rows.getShape().back()}, rows.getElementType());
  for (Value operand : {getAxis(), getScaled()})
    if (operand.getType() != vector)
      return emitOpError("needs vectors of the type ") << vector << ", got " << operand.getType();
  return success();
}

std::pair<int64_t, int64_t> toy::ReflectOp::getMapShape() {
  int64_t features = getInput().getType().getShape().back();
  return {features, features};
}

std::optional<layer::Cost> toy::ReflectOp::getCost(double rows) {
  RankedTensorType type = getAxis().getType();
  if (!type.hasStaticShape())
    return std::nullopt;
  double features = type.getNumElements(), size = type.getElementTypeBitWidth() / 8.0;
  return layer::Cost{rows * (4 * features + 1), size * (2 * features + rows * 2 * features)};
}

namespace strut {
namespace {

using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// From what files hold
//===----------------------------------------------------------------------===//

/// The elements of a constant matrix of one row or column, as a vector.
Value asVector(OpBuilder &b, Location loc, Value matrix) {
  auto type = cast<RankedTensorType>(matrix.getType());
  auto shape = DenseElementsAttr::get(RankedTensorType::get({1}, b.getI64Type()),
                                      ArrayRef<int64_t>{type.getNumElements()});
  Value size = Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", shape))->getResult(0);
  return Op<"Reshape">::create(b, loc, {matrix, size})->getResult(0);
}

/// x - (x axis) scaled^T, where
///
/// 1. both products have constant weights and no bias,
/// 2. one number a row is between them, and nothing else reads it,
/// 3. the first product reads what the second one is taken from.
struct RecognizeReflection : OpRewritePattern<Op<"Sub">> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(Op<"Sub"> op, PatternRewriter &rewriter) const override {
    auto up = op.in("B").getDefiningOp<layer::LinearOp>();
    auto down = up ? up.getInput().getDefiningOp<layer::LinearOp>() : layer::LinearOp();
    if (!down || op->getResult(0).getType() != op.in("A").getType())
      return failure();
    for (layer::LinearOp map : {down, up})
      if (map.getBias() || !onnx_ir::constantOf(map.getWeight()))
        return failure();
    if (down.getMapShape().second != 1 || !down->hasOneUse() || !up->hasOneUse())
      return failure();
    if (down.getInput() != op.in("A"))
      return failure();
    Location loc = rewriter.getFusedLoc({down.getLoc(), up.getLoc(), op.getLoc()});
    Value axis = asVector(rewriter, loc, down.getWeight());
    Value scaled = asVector(rewriter, loc, up.getWeight());
    rewriter.replaceOpWithNewOp<toy::ReflectOp>(op, op.in("A").getType(), op.in("A"), axis, scaled)
        ->setLoc(loc);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// To what runs
//===----------------------------------------------------------------------===//

/// The op's definition in plain operators, which is also how it runs until a kernel knows it.
struct DefineReflection : OpRewritePattern<toy::ReflectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(toy::ReflectOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = op.getInput();
    auto last = DenseElementsAttr::get(RankedTensorType::get({1}, rewriter.getI64Type()),
                                       ArrayRef<int64_t>{-1});
    Value axes = Op<"Constant">::create(rewriter, loc, {}, rewriter.getNamedAttr("value", last))
                     ->getResult(0);
    Value products = Op<"Mul">::create(rewriter, loc, {x, op.getAxis()})->getResult(0);
    Value along = Op<"ReduceSum">::create(rewriter, loc, {products, axes})->getResult(0);
    Value part = Op<"Mul">::create(rewriter, loc, {along, op.getScaled()})->getResult(0);
    rewriter.replaceOp(op, Op<"Sub">::create(rewriter, loc, {x, part}));
    return success();
  }
};

/// A pass of one pattern.
template <typename Pattern, const char *name>
struct PatternPass : PassWrapper<PatternPass<Pattern, name>, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PatternPass)
  StringRef getArgument() const override { return name; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<toy::ToyDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&this->getContext());
    patterns.add<Pattern>(&this->getContext());
    if (failed(applyPatternsGreedily(this->getOperation(), std::move(patterns))))
      this->signalPassFailure();
  }
};

constexpr char kRecognize[] = "toy-recognize-reflections", kDefine[] = "toy-define-reflections";

} // namespace
} // namespace strut

int main(int argc, char **argv) {
  DialectRegistry registry;
  registerDialects(registry);
  registry.insert<toy::ToyDialect>();
  registerPasses();
  registerCanonicalizerPass();
  PassRegistration<PatternPass<RecognizeReflection, kRecognize>>();
  PassRegistration<PatternPass<DefineReflection, kDefine>>();
  return asMainReturnCode(MlirOptMain(argc, argv, "Strut with a layer of one's own\n", registry));
}
