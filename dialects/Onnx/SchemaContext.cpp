//===- SchemaContext.cpp - an operation as a schema sees it ----------------===//

#include "dialects/Onnx/SchemaContext.h"
#include "dialects/Onnx/Schemas.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using onnx::AttributeProto;
using onnx::TensorProto;
using onnx::TensorShapeProto;
using onnx::TypeProto;

namespace strut::onnx_ir {

/// Longer constants are data, not shapes.
static constexpr int64_t kShapeLike = 1024;
/// Longer lists are not followed from operation to operation.
static constexpr int64_t kFollowed = 64;

static std::string text(Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

/// Whether both may hold one element: conditions of shape [1] are common where
/// the standard has a scalar.
static bool areScalars(Type a, Type b) {
  auto left = dyn_cast<RankedTensorType>(a), right = dyn_cast<RankedTensorType>(b);
  auto isOne = [](RankedTensorType type) {
    return type && llvm::all_of(type.getShape(), [](int64_t size) {
             return size == 1 || ShapedType::isDynamic(size);
           });
  };
  return isOne(left) && isOne(right) && left.getElementType() == right.getElementType();
}

/// Infers a graph attribute through its region.
struct SchemaContext::Body final : onnx::GraphInferencer {
  Body(SchemaContext &parent, Region &region) : parent(parent), region(region) {}

  std::vector<const TypeProto *> doInferencing(const std::vector<const TypeProto *> &types,
                                               const std::vector<const TensorProto *> &) override {
    if (region.empty() || !region.front().mightHaveTerminator())
      fail_shape_inference("a graph attribute has no body");
    if (types.size() != region.getNumArguments())
      fail_shape_inference("a body takes ", region.getNumArguments(), " inputs, but gets ",
                           types.size());
    for (auto [argument, type] : llvm::zip(region.getArguments(), types)) {
      if (!type)
        continue;
      Type given = toMLIR(*type, argument.getContext());
      Type refined = meet(argument.getType(), given);
      if (!refined && areScalars(argument.getType(), given))
        continue;
      if (!refined)
        fail_shape_inference("input ", argument.getArgNumber(), " of a body is declared as ",
                             text(argument.getType()), ", but gets ", text(given));
      argument.setType(refined);
    }
    if (failed(parent.inference.refine(region)))
      fail_shape_inference("types of a body cannot be inferred");
    std::vector<const TypeProto *> result;
    for (Value value : region.front().getTerminator()->getOperands()) {
      yielded.push_back(std::make_unique<TypeProto>(toONNX(value.getType())));
      result.push_back(yielded.back().get());
    }
    return result;
  }

  SchemaContext &parent;
  Region &region;
  std::vector<std::unique_ptr<TypeProto>> yielded;
};

SchemaContext::SchemaContext(AnyOp op, ShapeInference &inference, bool withResults)
    : op(op), inference(inference), node(toONNX(op)) {
  for (Value value : op->getOperands())
    inputs.push_back(toONNX(value.getType()));
  for (Value value : op->getResults())
    outputs.push_back(withResults ? toONNX(value.getType()) : TypeProto());
  data.resize(inputs.size());
  // Inference of STFT takes 0 for an attribute that is 1 where it is left out.
  if (isa<Op<"STFT">>(*op) && !getAttribute("onesided")) {
    AttributeProto &oneSided = *node.add_attribute();
    oneSided.set_name("onesided");
    oneSided.set_type(AttributeProto::INT);
    oneSided.set_i(1);
  }
}

SchemaContext::~SchemaContext() = default;

const AttributeProto *SchemaContext::getAttribute(const std::string &name) const {
  auto it = llvm::find_if(node.attribute(), [&](auto &a) { return a.name() == name; });
  return it == node.attribute().end() ? nullptr : &*it;
}

const TensorProto *SchemaContext::getInputData(size_t i) const {
  ElementsAttr elements = i < inputs.size() ? constantOf(op->getOperand(i)) : ElementsAttr();
  if (!elements || elements.getNumElements() > kShapeLike)
    return nullptr;
  if (!data[i])
    data[i] = std::make_unique<TensorProto>(toONNX(elements));
  return data[i].get();
}

const TensorShapeProto *SchemaContext::getSymbolicInput(size_t i) const {
  if (i >= inputs.size())
    return nullptr;
  auto it = inference.values->find(op->getOperand(i));
  return it == inference.values->end() ? nullptr : it->second.get();
}

onnx::GraphInferencer *SchemaContext::getGraphAttributeInferencer(const std::string &name) {
  Region *region = op.region(name);
  if (!region)
    fail_shape_inference("graph attribute '", name, "' is missing");
  inferred.insert(region);
  return bodies.emplace_back(std::make_unique<Body>(*this, *region)).get();
}

std::string SchemaContext::getDisplayName() const { return node.name(); }

/// The elements of an integer constant; nothing for other tensors.
static std::optional<TensorShapeProto> shapeOf(ElementsAttr elements) {
  auto type = cast<ShapedType>(elements.getShapedType());
  if (type.getRank() > 1 || type.getNumElements() > kShapeLike ||
      !isa<IntegerType>(type.getElementType()))
    return std::nullopt;
  auto integers = elements.tryGetValues<APInt>();
  if (!integers)
    return std::nullopt;
  TensorShapeProto shape;
  for (const APInt &value : *integers)
    shape.add_dim()->set_dim_value(value.getSExtValue());
  return shape;
}

const TensorShapeProto *SchemaContext::getInputData(size_t i) {
  if (i >= inputs.size())
    return nullptr;
  if (const TensorShapeProto *known = getSymbolicInput(i))
    return known;
  auto keep = [&](TensorShapeProto shape) {
    return shapes.emplace_back(std::make_unique<TensorShapeProto>(std::move(shape))).get();
  };
  Value operand = op->getOperand(i);
  if (ElementsAttr elements = constantOf(operand)) {
    std::optional<TensorShapeProto> shape = shapeOf(elements);
    return shape ? keep(std::move(*shape)) : nullptr;
  }
  // A list of known length and unknown elements.
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || type.getRank() != 1 || type.isDynamicDim(0) || type.getDimSize(0) > kFollowed)
    return nullptr;
  TensorShapeProto unknown;
  for (int64_t j = 0; j < type.getDimSize(0); ++j)
    unknown.add_dim();
  return keep(std::move(unknown));
}

void SchemaContext::addOutputData(size_t i, TensorShapeProto &&value) {
  if (i < op->getNumResults() && value.dim_size() <= kFollowed)
    (*inference.values)[op->getResult(i)] = std::make_unique<TensorShapeProto>(std::move(value));
}

std::string tidyMessage(StringRef message) {
  SmallVector<StringRef> words;
  llvm::SplitString(message, words, " \n\t\r");
  std::string line = llvm::join(words, " ");
  constexpr size_t limit = 1000;
  if (line.size() > limit)
    line.replace(limit, std::string::npos, " ...");
  return line;
}

LogicalResult guarded(AnyOp op, llvm::function_ref<void()> fn) {
  try {
    fn();
  } catch (const std::exception &e) {
    return op.emitOpError() << tidyMessage(e.what());
  }
  return success();
}

LogicalResult AnyOp::verify() {
  size_t regions = regionNames(schema()).size();
  if ((*this)->getNumRegions() != regions)
    return emitOpError() << "takes " << regions << " regions";
  for (Region &region : (*this)->getRegions())
    if (!region.empty() &&
        (!region.hasOneBlock() || region.front().empty() || !isa<Yield>(region.front().back())))
      return emitOpError() << "needs bodies of one block that ends in onnx.Yield";
  return guarded(*this, [&] {
    schema().Verify(toONNX(*this));
    ShapeInference none;
    SchemaContext context(*this, none, /*withResults=*/true);
    schema().CheckInputOutputType(context);
  });
}

} // namespace strut::onnx_ir
