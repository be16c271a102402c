//===- FunctionBody.cpp - operators defined by other operators -------------===//

#include "strut/Import/FunctionBody.h"
#include "Convert.h"
#include "GraphBuilder.h"
#include "RegionGraph.h"
#include "dialects/Onnx/SchemaContext.h"
#include "dialects/Onnx/Schemas.h"
#include "onnx/common/constants.h"
#include "onnx/shape_inference/attribute_binder.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace strut::onnx_ir;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::OpSchema;

namespace strut {

namespace {
/// An operation as a node with all its attributes, and the body of its operator.
struct Body {
  explicit Body(AnyOp op) : context(op, inference, /*withResults=*/true) {
    // The library binds what the node says; defaults are the schema's to know.
    for (const auto &[name, attribute] : op.schema().attributes())
      if (attribute.default_value.type() != AttributeProto::UNDEFINED &&
          !context.getAttribute(name))
        *context.node.add_attribute() = attribute.default_value;
    // Of bodies the node has the signatures only, of which a function is not made.
    if (!op.schema().HasContextDependentFunction())
      return;
    for (auto [name, region] : llvm::zip(regionNames(op.schema()), op->getRegions()))
      for (AttributeProto &attribute : *context.node.mutable_attribute())
        if (attribute.name() == name && !region.empty())
          *attribute.mutable_g() = regions.graph(region);
  }

  /// False if the operator has no body, or none for this operation.
  bool find();
  /// The body with attributes bound, as a graph whose inputs are the operands.
  ModelProto model();

  ShapeInference inference;
  SchemaContext context;
  RegionGraphs regions;
  FunctionProto function;
};

bool Body::find() {
  const OpSchema &schema = context.op.schema();
  try {
    if (const FunctionProto *body = schema.HasFunction() ? schema.GetFunction() : nullptr) {
      function = *body;
    } else if (schema.HasContextDependentFunction()) {
      onnx::FunctionBodyBuildContextImpl types(context.node, context.inputs);
      if (!schema.BuildContextDependentFunction(types, function))
        return false;
    }
  } catch (const std::exception &) {
    return false;
  }
  return function.node_size() && context.node.input_size() <= function.input_size() &&
         context.node.output_size() <= function.output_size();
}

ModelProto Body::model() {
  ModelProto model;
  model.set_ir_version(onnx::Version::IR_VERSION);
  *model.mutable_opset_import() = function.opset_import();
  // A body in another domain may leave out the version of the operators that it is made of.
  auto isDefault = [](const auto &import) { return canonicalDomain(import.domain()).empty(); };
  if (llvm::none_of(function.opset_import(), isDefault))
    model.add_opset_import()->set_version(newestOpset());
  onnx::internal::AttributeBinder::BindAttributes(context.node, function);
  GraphProto &graph = *model.mutable_graph();
  graph.set_name(function.name());
  llvm::StringSet<> absent;
  for (auto [i, name] : llvm::enumerate(function.input())) {
    if (!context.hasInput(i)) {
      absent.insert(name);
      continue;
    }
    auto *input = graph.add_input();
    input->set_name(name);
    *input->mutable_type() = context.inputs[i];
  }
  for (auto [i, name] : llvm::enumerate(function.output()))
    if (context.hasOutput(i)) {
      auto *output = graph.add_output();
      output->set_name(name);
      *output->mutable_type() = context.outputs[i];
    }
  *graph.mutable_node() = function.node();
  for (NodeProto &node : *graph.mutable_node())
    for (std::string &name : *node.mutable_input())
      if (absent.contains(name))
        name.clear();
  return model;
}
} // namespace

bool hasFunctionBody(AnyOp op) { return Body(op).find(); }

FailureOr<SmallVector<Value>> buildFunctionBody(OpBuilder &builder, AnyOp op) {
  Body body(op);
  if (!body.find())
    return op.emitOpError() << "has no function body for these types and attributes";
  ModelProto model;
  if (failed(guarded(op, [&] { model = body.model(); })))
    return failure();
  (void)convertToOpset(model, newestOpset()); // for which lowerings are written

  // Into a block of its own first, so that nothing is left behind by an error.
  Region region;
  Block &block = region.emplaceBlock();
  OpBuilder inner(builder.getContext());
  inner.setInsertionPointToEnd(&block);
  GraphBuilder::Scope scope;
  for (auto [i, name] : llvm::enumerate(body.function.input()))
    if (body.context.hasInput(i))
      scope.values[name] = op->getOperand(i);
  for (const auto &[value, name] : body.regions.outside()) {
    Operation *constant = value.getDefiningOp<onnx_ir::Op<"Constant">>();
    scope.values[name] = constant ? inner.clone(*constant)->getResult(0) : value;
  }
  OpsetMap opsets = opsetsOf(model);
  auto locate = [&](StringRef name) -> Location {
    Location part = NameLoc::get(builder.getStringAttr(name));
    return FusedLoc::get(builder.getContext(), {op.getLoc(), part});
  };
  FailureOr<SmallVector<Value>> outputs = failure();
  if (failed(guarded(
          op,
          [&] { outputs = GraphBuilder(inner, opsets, locate).build(model.graph(), scope); })) ||
      failed(outputs))
    return failure();

  SmallVector<Value> replacements(op->getNumResults());
  auto output = outputs->begin();
  for (auto [i, replacement] : llvm::enumerate(replacements))
    if (body.context.hasOutput(i))
      replacement = *output++;
  op->getBlock()->getOperations().splice(op->getIterator(), block.getOperations());
  return replacements;
}

} // namespace strut
