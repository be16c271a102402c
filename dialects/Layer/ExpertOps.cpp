//===- ExpertOps.cpp - Verifiers and costs of mixtures of experts ---------===//
#include "dialects/Layer/Layer.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;

namespace strut::layer {

/// Whether extents may be the same.
static bool mayAgree(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return succeeded(verifyCompatibleShape(a, b));
}

static bool isRefinement(TypeRange inferred, TypeRange given) {
  return llvm::all_of(llvm::zip_equal(inferred, given), [](auto pair) {
    auto [a, b] = pair;
    return getElementTypeOrSelf(a) == getElementTypeOrSelf(b) &&
           succeeded(verifyCompatibleShape(a, b));
  });
}

//===----------------------------------------------------------------------===//
// layer.route
//===----------------------------------------------------------------------===//

LogicalResult RouteOp::inferReturnTypes(MLIRContext *context, std::optional<Location>,
                                        ValueRange operands, DictionaryAttr attributes,
                                        OpaqueProperties properties, RegionRange regions,
                                        SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  auto logits = cast<RankedTensorType>(operands[0].getType());
  if (logits.getRank() == 0)
    return failure();
  SmallVector<int64_t> shape(logits.getShape());
  shape.back() = adaptor.getK();
  types.push_back(RankedTensorType::get(shape, logits.getElementType()));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}

bool RouteOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange given) {
  return isRefinement(inferred, given);
}

LogicalResult RouteOp::verify() {
  RankedTensorType logits = getLogits().getType();
  if (logits.getRank() == 0 || !isa<FloatType>(logits.getElementType()))
    return emitOpError("needs logits of floats along at least one axis, got ") << logits;
  int64_t experts = logits.getShape().back();
  if (!ShapedType::isDynamic(experts) && int64_t(getK()) > experts)
    return emitOpError("chooses ") << getK() << " of " << experts << " experts";
  return success();
}

//===----------------------------------------------------------------------===//
// layer.experts
//===----------------------------------------------------------------------===//

LogicalResult ExpertsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                          ValueRange operands, DictionaryAttr attributes,
                                          OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = cast<RankedTensorType>(adaptor.getInput().getType()),
       out = cast<RankedTensorType>(adaptor.getOut().getType());
  if (input.getRank() == 0 || out.getRank() != 3)
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  shape.back() = out.getDimSize(2);
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

bool ExpertsOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange given) {
  return isRefinement(inferred, given);
}

LogicalResult ExpertsOp::verify() {
  RankedTensorType input = getInput().getType(), weights = getWeights().getType(),
                   experts = getExperts().getType();
  if (input.getRank() == 0 || weights.getRank() != input.getRank() ||
      !mayAgree(weights.getShape(), experts.getShape()) ||
      !mayAgree(input.getShape().drop_back(), experts.getShape().drop_back()))
    return emitOpError("needs weights and experts for every row of ")
           << input << ", got " << weights << " and " << experts;
  if (ShapedType::isDynamic(getNumChosen()))
    return emitOpError("needs a known number of experts per row, got ") << experts;
  Type element = input.getElementType();
  if (!isa<FloatType>(element) || weights.getElementType() != element ||
      !isa<IntegerType>(experts.getElementType()))
    return emitOpError("needs rows and weights of one float type and numbers of experts, got ")
           << input << ", " << weights << " and " << experts;
  if (getGateBias() && !getGate())
    return emitOpError("has the bias of a gate, and no gate");
  if (getIn().getType().getRank() != 3 || getOut().getType().getRank() != 3)
    return emitOpError("needs matrices [E, D, H] and [E, H, N], got ")
           << getIn().getType() << " and " << getOut().getType();
  int64_t count = getNumExperts(), hidden = getIn().getType().getDimSize(2),
          outputs = getOut().getType().getDimSize(2), inputs = input.getShape().back();
  auto check = [&](Value value, StringRef what, ArrayRef<int64_t> shape) -> LogicalResult {
    if (!value)
      return success();
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getElementType() == element && mayAgree(type.getShape(), shape))
      return success();
    return emitOpError("needs ") << what << " of type " << RankedTensorType::get(shape, element)
                                 << ", got " << type;
  };
  if (failed(check(getIn(), "inner matrices", {count, inputs, hidden})) ||
      failed(check(getGate(), "gates", {count, inputs, hidden})) ||
      failed(check(getOut(), "outer matrices", {count, hidden, outputs})) ||
      failed(check(getInBias(), "an inner bias", {count, hidden})) ||
      failed(check(getGateBias(), "a gate's bias", {count, hidden})) ||
      failed(check(getOutBias(), "an outer bias", {count, outputs})))
    return failure();
  return success();
}

std::pair<int64_t, int64_t> ExpertsOp::getMapShape() {
  return {getIn().getType().getDimSize(1), getOut().getType().getDimSize(2)};
}

std::optional<Cost> ExpertsOp::getCost(double rows) {
  double products = 0, biases = 0, bytes = 0;
  for (Value value : {getIn(), getInBias(), getGate(), getGateBias(), getOut(), getOutBias()}) {
    auto type = value ? cast<RankedTensorType>(value.getType()) : RankedTensorType();
    if (!type)
      continue;
    if (!type.hasStaticShape())
      return std::nullopt;
    (type.getRank() == 3 ? products : biases) += type.getNumElements();
    bytes += double(type.getNumElements()) * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  }
  double count = getNumExperts(), chosen = getNumChosen();
  auto [inputs, outputs] = getMapShape();
  double width = llvm::divideCeil(getInput().getType().getElementTypeBitWidth(), 8);
  double touched = 1 - std::pow(1 - std::min(1.0, chosen / count), rows);
  return Cost{rows * chosen * (2 * products + biases) / count,
              touched * bytes + width * rows * double(inputs + outputs)};
}

} // namespace strut::layer
