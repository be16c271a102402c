//===- SplitParts.cpp - Complex values as two real ones -------------------===//
//
// Around Fourier transforms a last axis of 2 holds real and imaginary parts. What reads one
// part of what is computed part by part is computed from one part:
//
//   f(x, y)[..., i] = f(x[..., i], y[..., i])
//
// so values between transforms are never interleaved. A factor of a transform, which is
// linear, becomes one of its matrix, and a signal whose imaginary part is 0 is real.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "dialects/Onnx/Onnx.h"
#include "dialects/Onnx/Parts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_SPLITPARTS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using namespace onnx_ir;

Value integers(OpBuilder &b, Location loc, ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get({int64_t(numbers.size())}, b.getI64Type());
  return Op<"Constant">::create(b, loc, {},
                                b.getNamedAttr("value", DenseElementsAttr::get(type, numbers)))
      ->getResult(0);
}

RankedTensorType onePart(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape.back() = 1;
  return RankedTensorType::get(shape, tensor.getElementType());
}

/// Part `part` of a value, with its axis.
Value partOf(OpBuilder &b, Location loc, Value value, unsigned part) {
  if (auto parts = partsOfConcat(value))
    return part == 0 ? parts->first : parts->second;
  Value slice =
      onnx_ir::create(
          b, loc, "onnx.Slice",
          {value, integers(b, loc, part), integers(b, loc, part + 1), integers(b, loc, -1)}, {})
          ->getResult(0);
  slice.setType(onePart(value.getType()));
  return slice;
}

/// Whether all that reads an op's result reads one part of it.
bool isReadInParts(Operation *op) {
  // Other operands of what reads a part are constants.
  return !op->use_empty() &&
         // Condition 1 of split-parts.
         llvm::all_of(op->getUsers(), asPartRead);
}

/// Puts the parts in the place of what reads them of `op`, which goes.
void replaceParts(PatternRewriter &rewriter, Operation *op,
                  llvm::function_ref<Value(unsigned part)> make) {
  Value parts[2];
  for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
    PartRead read = *asPartRead(user);
    if (!parts[read.part]) {
      rewriter.setInsertionPoint(op);
      parts[read.part] = make(read.part);
    }
    Value value = parts[read.part];
    rewriter.setInsertionPoint(user);
    if (read.dropsAxis) {
      Type type = user->getResult(0).getType();
      value = onnx_ir::create(rewriter, user->getLoc(), "onnx.Squeeze",
                              {value, integers(rewriter, user->getLoc(), -1)}, {})
                  ->getResult(0);
      value.setType(type);
    }
    rewriter.replaceOp(user, value);
  }
  rewriter.eraseOp(op);
}

/// The same with clones of `op`, in each of which `map` maps the operands that have parts.
void cloneParts(PatternRewriter &rewriter, Operation *op,
                llvm::function_ref<void(IRMapping &mapping, unsigned part)> map) {
  replaceParts(rewriter, op, [&](unsigned part) {
    IRMapping mapping;
    map(mapping, part);
    Operation *made = rewriter.clone(*op, mapping);
    made->getResult(0).setType(onePart(op->getResult(0).getType()));
    return made->getResult(0);
  });
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// part(f(x, y)) = f(part(x), part(y))
struct SplitPointwise : RewritePattern {
  SplitPointwise(MLIRContext *context, unsigned &count)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context), count(count) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<Op<"Add">, Op<"Sub">, Op<"Mul">, Op<"Div">, Op<"Abs">, Op<"Sign">, Op<"Neg">,
             Op<"Greater">, Op<"Less">, Op<"GreaterOrEqual">, Op<"LessOrEqual">, Op<"Where">,
             Op<"Relu">, Op<"LeakyRelu">, Op<"Gelu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Swish">,
             Op<"Max">, Op<"Min">, Op<"Clip">, Op<"Identity">>(op) ||
        !isReadInParts(op))
      return failure();
    for (Value operand : op->getOperands()) {
      if (isa<NoneType>(operand.getType()))
        continue;
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (!type)
        return failure();
      // Condition 2 of split-parts.
      if (!(type.getRank() == 0 || type.getShape().back() == 1 || hasParts(type)))
        return failure();
    }
    cloneParts(rewriter, op, [&](IRMapping &mapping, unsigned part) {
      for (Value operand : op->getOperands())
        if (hasParts(operand.getType()))
          mapping.map(operand, partOf(rewriter, op->getLoc(), operand, part));
    });
    ++count;
    return success();
  }

  unsigned &count;
};

/// part(reshape(x)) = reshape(part(x)), the last axis being the same.
struct SplitReshape : OpRewritePattern<Op<"Reshape">> {
  SplitReshape(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"Reshape"> op, PatternRewriter &rewriter) const override {
    if (!isReadInParts(op))
      return failure();
    auto shape = integersOf(op.in("shape"));
    // Condition 3 of split-parts.
    if (!shape)
      return failure();
    // Condition 3 of split-parts.
    if (shape->back() != 2 || !hasParts(op.in("data").getType()))
      return failure();
    // A 0 copies the extent that this axis of the operand has.
    int64_t last = cast<RankedTensorType>(op.in("data").getType()).getRank() - 1;
    // Condition 3 of split-parts.
    if (last < int64_t(shape->size()) && (*shape)[last] == 0)
      return failure();
    shape->back() = 1;
    cloneParts(rewriter, op, [&](IRMapping &mapping, unsigned part) {
      mapping.map(op.in("data"), partOf(rewriter, op.getLoc(), op.in("data"), part));
      mapping.map(op.in("shape"), integers(rewriter, op.getLoc(), *shape));
    });
    ++count;
    return success();
  }

  unsigned &count;
};

/// part(concat(re, im)) is one of the two.
struct PartOfConcat : OpRewritePattern<Op<"Concat">> {
  PartOfConcat(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"Concat"> op, PatternRewriter &rewriter) const override {
    auto parts = partsOfConcat(op->getResult(0));
    if (!parts || !isReadInParts(op))
      return failure();
    replaceParts(rewriter, op,
                 [&](unsigned part) { return part == 0 ? parts->first : parts->second; });
    ++count;
    return success();
  }

  unsigned &count;
};

/// The one number of a constant of floats.
std::optional<double> scalarOf(Value value) {
  auto numbers = readConstant(value);
  if (!numbers)
    return std::nullopt;
  // Condition 4 of split-parts.
  if (numbers->size() != 1)
    return std::nullopt;
  return numbers->front();
}

/// The factor that an op multiplies its operand number 0 or 1 by; which one it is.
std::optional<std::pair<Value, double>> scaledBy(Operation *op) {
  if (!isa_and_present<Op<"Mul">, Op<"Div">>(op))
    return std::nullopt;
  for (unsigned i : {0u, 1u}) {
    std::optional<double> factor = scalarOf(op->getOperand(1 - i));
    if (!factor)
      continue;
    // Condition 4 of split-parts.
    if (op->getOperand(i).getType() != op->getResult(0).getType())
      continue;
    if (isa<Op<"Mul">>(op))
      return std::pair(op->getOperand(i), *factor);
    if (i == 0)
      return std::pair(op->getOperand(i), 1 / *factor);
  }
  return std::nullopt;
}

/// Multiplies the matrix of a transform; false where the type has no such numbers.
bool scale(PatternRewriter &rewriter, Operation *transform, double factor) {
  if (auto before = transform->getAttrOfType<FloatAttr>(kernelize::kScaleAttr))
    factor *= before.getValueAsDouble();
  auto element = cast<RankedTensorType>(transform->getResult(0).getType()).getElementType();
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  double least = APFloat::getSmallestNormalized(semantics).convertToDouble();
  // Condition 4 of split-parts.
  if (!areFinite(factor, element))
    return false;
  // Condition 4 of split-parts.
  if (factor != 0 && std::abs(factor) < least)
    return false;
  rewriter.modifyOpInPlace(transform, [&] {
    transform->setAttr(kernelize::kScaleAttr, rewriter.getF64FloatAttr(factor));
  });
  return true;
}

/// DFT(s x) and s DFT(x) become a transform whose matrix has the factor.
struct AbsorbScale : OpRewritePattern<Op<"DFT">> {
  AbsorbScale(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"DFT"> op, PatternRewriter &rewriter) const override {
    // In narrower types the matrix would lose bits that f32 arithmetic keeps.
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    // Condition 5 of split-parts.
    if (!type || !(type.getElementType().isF32() || type.getElementType().isF64()))
      return failure();
    Operation *before = op.in("input").getDefiningOp();
    if (auto scaled = scaledBy(before); scaled &&
                                        // Condition 4 of split-parts.
                                        before->hasOneUse() &&
                                        scale(rewriter, op, scaled->second)) {
      rewriter.modifyOpInPlace(op, [&] { op->setOperand(0, scaled->first); });
      op->setLoc(rewritten("split-parts", {before->getLoc(), op.getLoc()}));
      ++count;
      return success();
    }
    Operation *after = op->hasOneUse() ? *op->user_begin() : nullptr;
    auto scaled = scaledBy(after);
    if (!scaled || !scale(rewriter, op, scaled->second))
      return failure();
    op->setLoc(rewritten("split-parts", {op.getLoc(), after->getLoc()}));
    rewriter.replaceOp(after, op->getResult(0));
    ++count;
    return success();
  }

  unsigned &count;
};

bool isZero(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_present<Op<"Expand">, Op<"Tile">>(op))
    return isZero(op->getOperand(0));
  auto numbers = readConstant(value);
  return numbers && llvm::all_of(*numbers, [](double x) { return x == 0; });
}

/// The transform of (x, 0) is that of x, but for one that expects half a spectrum.
struct RealSignal : OpRewritePattern<Op<"DFT">> {
  RealSignal(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"DFT"> op, PatternRewriter &rewriter) const override {
    auto parts = partsOfConcat(op.in("input"));
    auto oneSided = op.attr<IntegerAttr>("onesided");
    if (!parts)
      return failure();
    // Condition 6 of split-parts.
    if (!isZero(parts->second))
      return failure();
    // Condition 7 of split-parts.
    if (oneSided && oneSided.getInt() != 0)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op->setOperand(0, parts->first); });
    ++count;
    return success();
  }

  unsigned &count;
};

struct SplitParts : impl::SplitPartsBase<SplitParts> {
  void runOnOperation() override {
    // Networks without transforms have nothing of the kind.
    WalkResult found = getOperation().walk([](Operation *op) {
      return isa<Op<"DFT">, Op<"STFT">>(op) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (!found.wasInterrupted())
      return;
    unsigned split = 0, scales = 0, reals = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitPointwise, SplitReshape, PartOfConcat>(&getContext(), split);
    patterns.add<AbsorbScale>(&getContext(), scales);
    patterns.add<RealSignal>(&getContext(), reals);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numSplit += split;
    numScales += scales;
    numReals += reals;
  }
};

} // namespace
} // namespace strut::rewrite
