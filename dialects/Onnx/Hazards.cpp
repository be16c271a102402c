//===- Hazards.cpp - what the library's inference does not survive ---------===//
//
// The inference functions of the schemas object to most nonsense. At these
// attribute values (found by mutating models) they hang, write out of bounds or
// take all memory, so the values are refused before. Each has a case in the tests.
//
//===----------------------------------------------------------------------===//

#include "dialects/Onnx/SchemaContext.h"
#include "llvm/Support/Regex.h"

using namespace mlir;

namespace strut::onnx_ir {

/// An equation is terms of letters with at most one ellipsis each. Other
/// characters make the library loop for ever.
static std::optional<std::string> einsum(AnyOp op) {
  auto equation = op->getAttrOfType<StringAttr>("equation");
  if (!equation)
    return std::nullopt;
  std::string text;
  llvm::copy_if(equation.getValue(), std::back_inserter(text), [](char c) { return c != ' '; });
  static const llvm::Regex legal("^[a-zA-Z]*(\\.\\.\\.)?[a-zA-Z]*"
                                 "(,[a-zA-Z]*(\\.\\.\\.)?[a-zA-Z]*)*"
                                 "(->[a-zA-Z]*(\\.\\.\\.)?[a-zA-Z]*)?$");
  if (legal.match(text))
    return std::nullopt;
  return ("'" + equation.getValue() + "' is not an equation").str();
}

/// The library narrows the axis to 32 bits and uses it as an index.
static std::optional<std::string> normalizationAxis(AnyOp op) {
  auto axis = op->getAttrOfType<IntegerAttr>("axis");
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  if (!axis || !type || (axis.getInt() >= -type.getRank() && axis.getInt() < type.getRank()))
    return std::nullopt;
  return ("axis " + Twine(axis.getInt()) + " is not one of the " + Twine(type.getRank()) +
          " of the input")
      .str();
}

/// The library makes a list of that many parts, whatever the number.
static std::optional<std::string> splitParts(AnyOp op) {
  auto parts = op->getAttrOfType<IntegerAttr>("num_outputs");
  if (!parts || parts.getInt() == int64_t(op->getNumResults()))
    return std::nullopt;
  return ("has " + Twine(op->getNumResults()) + " results, but num_outputs is " +
          Twine(parts.getInt()))
      .str();
}

std::optional<std::string> hazardOf(AnyOp op) {
  if (!op.domain().empty() || op->getNumOperands() == 0)
    return std::nullopt;
  if (op.opType() == "Einsum")
    return einsum(op);
  if (op.opType() == "LayerNormalization" || op.opType() == "RMSNormalization")
    return normalizationAxis(op);
  if (op.opType() == "Split")
    return splitParts(op);
  return std::nullopt;
}

} // namespace strut::onnx_ir
