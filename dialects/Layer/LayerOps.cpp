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
// layer.linear
//===----------------------------------------------------------------------===//

/// Whether two extents may be the same.
static bool mayAgree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                                         ValueRange operands, DictionaryAttr, OpaqueProperties,
                                         RegionRange, SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(operands[0].getType());
  auto weight = cast<RankedTensorType>(operands[1].getType());
  if (input.getRank() < 1 || weight.getRank() != 2)
    return emitOptionalError(location,
                             "'layer.linear' op needs an input of at least one axis and "
                             "a weight of two, got ",
                             input, " and ", weight);
  SmallVector<int64_t> shape(input.getShape());
  shape.back() = weight.getDimSize(1);
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

bool LinearOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange given) {
  auto a = cast<RankedTensorType>(inferred[0]), b = cast<RankedTensorType>(given[0]);
  return a.getElementType() == b.getElementType() && succeeded(verifyCompatibleShape(a, b));
}

LogicalResult LinearOp::verify() {
  RankedTensorType input = getInput().getType(), weight = getWeight().getType();
  Type element = input.getElementType();
  if (!isa<FloatType>(element) || weight.getElementType() != element)
    return emitOpError("needs operands of one float type, got ") << input << " and " << weight;
  if (!mayAgree(input.getShape().back(), weight.getDimSize(0)))
    return emitOpError("contracts ") << input.getShape().back() << " values with a weight of "
                                     << weight.getDimSize(0) << " rows";
  if (!getBias())
    return success();
  auto bias = cast<RankedTensorType>(getBias().getType());
  if (bias.getRank() != 1 || bias.getElementType() != element ||
      !mayAgree(bias.getDimSize(0), weight.getDimSize(1)))
    return emitOpError("needs a bias of ")
           << weight.getDimSize(1) << " values of " << element << ", got " << bias;
  return success();
}

std::pair<int64_t, int64_t> LinearOp::getMapShape() {
  ArrayRef<int64_t> shape = getWeight().getType().getShape();
  return {shape[0], shape[1]};
}

std::optional<Cost> LinearOp::getCost(double rows) {
  if (!getWeight().getType().hasStaticShape())
    return std::nullopt;
  double k = getMapShape().first, n = getMapShape().second, bias = getBias() ? n : 0;
  double elementBytes = llvm::divideCeil(getWeight().getType().getElementTypeBitWidth(), 8);
  return Cost{rows * (2 * k * n + bias), elementBytes * (k * n + bias + rows * (k + n))};
}

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
