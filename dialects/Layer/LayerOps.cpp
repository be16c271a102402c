//===- LayerOps.cpp - Verifiers and rewrites of the layer ops -------------===//
#include "dialects/Layer/Layer.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

#define GET_OP_CLASSES
#include "dialects/Layer/LayerOps.cpp.inc"

using namespace mlir;

namespace strut::layer {

//===----------------------------------------------------------------------===//
// layer.linear and layer.block_linear
//===----------------------------------------------------------------------===//

/// The product of two extents, if both are known.
static int64_t product(int64_t a, int64_t b) {
  bool known = !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b);
  return known ? a * b : ShapedType::kDynamic;
}

/// Values in a row before and after a weight [K, N], or [B, K, N] of B blocks.
static int64_t inputsOf(RankedTensorType weight) {
  return weight.getRank() == 2 ? weight.getDimSize(0)
                               : product(weight.getDimSize(0), weight.getDimSize(1));
}
static int64_t outputsOf(RankedTensorType weight) {
  return weight.getRank() == 2 ? weight.getDimSize(1)
                               : product(weight.getDimSize(0), weight.getDimSize(2));
}

/// Whether two extents may be the same.
static bool mayAgree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

static bool hasRanks(RankedTensorType input, RankedTensorType weight, int64_t weightAxes) {
  return input.getRank() >= 1 && weight.getRank() == weightAxes;
}

/// The type of a map's result; verifyMap says why there is none.
static LogicalResult inferMap(ValueRange operands, int64_t weightAxes,
                              SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(operands[0].getType());
  auto weight = cast<RankedTensorType>(operands[1].getType());
  if (!hasRanks(input, weight, weightAxes))
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  shape.back() = outputsOf(weight);
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

static bool isRefinement(TypeRange inferred, TypeRange given) {
  auto a = cast<RankedTensorType>(inferred[0]), b = cast<RankedTensorType>(given[0]);
  return a.getElementType() == b.getElementType() && succeeded(verifyCompatibleShape(a, b));
}

/// What layer.linear and layer.block_linear ask of their operands.
template <typename OpT> static LogicalResult verifyMap(OpT op, int64_t weightAxes) {
  RankedTensorType input = op.getInput().getType(), weight = op.getWeight().getType();
  if (!hasRanks(input, weight, weightAxes))
    return op.emitOpError("needs an input of at least one axis and a weight of ")
           << (weightAxes == 2 ? "two" : "three") << ", got " << input << " and " << weight;
  Type element = input.getElementType();
  if (!isa<FloatType>(element) || weight.getElementType() != element)
    return op.emitOpError("needs operands of one float type, got ") << input << " and " << weight;
  if (!mayAgree(input.getShape().back(), inputsOf(weight)))
    return op.emitOpError("contracts ")
           << input.getShape().back() << " values with a weight of " << inputsOf(weight) << " rows";
  if (!op.getBias())
    return success();
  auto bias = cast<RankedTensorType>(op.getBias().getType());
  if (bias.getRank() != 1 || bias.getElementType() != element ||
      !mayAgree(bias.getDimSize(0), outputsOf(weight)))
    return op.emitOpError("needs a bias of ")
           << outputsOf(weight) << " values of " << element << ", got " << bias;
  return success();
}

template <typename OpT> static std::optional<Cost> costOfMap(OpT op, double rows) {
  RankedTensorType weight = op.getWeight().getType();
  if (!weight.hasStaticShape())
    return std::nullopt;
  double parameters = weight.getNumElements(), n = outputsOf(weight), bias = op.getBias() ? n : 0;
  double elementBytes = llvm::divideCeil(weight.getElementTypeBitWidth(), 8);
  return Cost{rows * (2 * parameters + bias),
              elementBytes * (parameters + bias + rows * (inputsOf(weight) + n))};
}

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         ValueRange operands, DictionaryAttr, OpaqueProperties,
                                         RegionRange, SmallVectorImpl<Type> &types) {
  return inferMap(operands, 2, types);
}

bool LinearOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange given) {
  return isRefinement(inferred, given);
}

LogicalResult LinearOp::verify() { return verifyMap(*this, 2); }

std::pair<int64_t, int64_t> LinearOp::getMapShape() {
  return {inputsOf(getWeight().getType()), outputsOf(getWeight().getType())};
}

std::optional<Cost> LinearOp::getCost(double rows) { return costOfMap(*this, rows); }

namespace {
/// x·W + 0 = x·W
struct DropZeroBias : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearOp op, PatternRewriter &rewriter) const override {
    DenseElementsAttr bias;
    if (!op.getBias() || !matchPattern(op.getBias(), m_Constant(&bias)) || !bias ||
        !bias.isSplat() || !bias.getSplatValue<APFloat>().isZero())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
    return success();
  }
};
} // namespace

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropZeroBias>(context);
}

LogicalResult BlockLinearOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                              ValueRange operands, DictionaryAttr, OpaqueProperties,
                                              RegionRange, SmallVectorImpl<Type> &types) {
  return inferMap(operands, 3, types);
}

bool BlockLinearOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange given) {
  return isRefinement(inferred, given);
}

LogicalResult BlockLinearOp::verify() { return verifyMap(*this, 3); }

std::pair<int64_t, int64_t> BlockLinearOp::getMapShape() {
  return {inputsOf(getWeight().getType()), outputsOf(getWeight().getType())};
}

std::optional<Cost> BlockLinearOp::getCost(double rows) { return costOfMap(*this, rows); }

//===----------------------------------------------------------------------===//
// layer.pool_mixer
//===----------------------------------------------------------------------===//

LogicalResult PoolMixerOp::verify() {
  RankedTensorType input = getInput().getType();
  int64_t spatial = input.getRank() - 2;
  if (spatial < 1 || !isa<FloatType>(input.getElementType()))
    return emitOpError("needs an image of floats, [N, C, spatial...], got ") << input;
  if (int64_t(getWindow().size()) != spatial || int64_t(getBefore().size()) != spatial)
    return emitOpError("needs a window and the places before its centre on ") << spatial << " axes";
  for (auto [extent, before] : llvm::zip(getWindow(), getBefore()))
    if (before < 0 || before >= extent)
      return emitOpError("has a window of ")
             << extent << " places with " << before << " before the centre";
  if (getScale()) {
    auto scale = cast<RankedTensorType>(getScale().getType());
    if (scale.getRank() != 1 || scale.getElementType() != input.getElementType() ||
        !mayAgree(scale.getDimSize(0), input.getDimSize(1)))
      return emitOpError("needs a scale of ")
             << input.getDimSize(1) << " values of " << input.getElementType() << ", got " << scale;
  }
  if (getEpsilon() && getEpsilon()->isNegative())
    return emitOpError("adds a negative epsilon to the variance");
  return success();
}

//===----------------------------------------------------------------------===//
// layer.alternatives
//===----------------------------------------------------------------------===//

LogicalResult AlternativesOp::verify() {
  int64_t forms = getForms().size();
  if (forms < 2)
    return emitOpError("needs at least two forms, has ") << forms;
  if (getOtherwise() >= uint64_t(forms))
    return emitOpError("has no form ") << getOtherwise();
  for (CaseAttr line : getCases().getAsRange<CaseAttr>()) {
    if (line.getForm() < 0 || line.getForm() >= forms)
      return emitOpError("has no form ") << line.getForm();
    for (int64_t axis : line.getDims())
      if (axis < 0 || axis >= getOf().getType().getRank())
        return emitOpError("decides by axis ") << axis << " of " << getOf().getType();
  }
  if (getNames() && int64_t(getNames()->size()) != forms)
    return emitOpError("names ") << getNames()->size() << " of " << forms << " forms";
  for (Region &form : getForms()) {
    if (form.getNumArguments() != 0)
      return emitOpError("has a form with arguments");
    TypeRange yielded = form.front().getTerminator()->getOperandTypes();
    if (yielded != getResultTypes())
      return emitOpError("has a form that yields other types than the results");
  }
  return success();
}

} // namespace strut::layer
