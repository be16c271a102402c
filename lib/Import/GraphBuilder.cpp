//===- GraphBuilder.cpp - a graph as operations ----------------------------===//

#include "GraphBuilder.h"
#include "ExternalData.h"
#include "dialects/Onnx/Bridge.h"
#include "dialects/Onnx/Schemas.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace strut::onnx_ir;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::NodeProto;
using onnx::OpSchema;
using onnx::OpSchemaRegistry;
using onnx::TensorProto;

namespace strut {

static LogicalResult refuse(Location loc, const NodeProto &node, const Twine &why) {
  return emitError(loc) << "node '" << node.name() << "' (" << node.op_type() << "): " << why;
}

/// The form of the operator that the model means. Constant never changed its
/// meaning, so its newest form serves every version.
static const OpSchema *findSchema(const NodeProto &node, const OpsetMap &opsets) {
  StringRef domain = canonicalDomain(node.domain());
  if (domain.empty() && node.op_type() == "Constant")
    return OpSchemaRegistry::Schema(node.op_type());
  return OpSchemaRegistry::Schema(node.op_type(), opsets.lookup(domain), domain.str());
}

FailureOr<SmallVector<Value>> GraphBuilder::build(const GraphProto &graph, Scope &scope) {
  FailureOr<SmallVector<Value>> outputs = contents(graph, scope);
  if (failed(outputs))
    return failure();
  for (auto [output, value] : llvm::zip(graph.output(), *outputs)) {
    Type declared = toMLIR(output.type(), builder.getContext());
    if (!meet(value.getType(), declared))
      return emitError(value.getLoc()) << "output '" << output.name() << "' is declared as "
                                       << declared << ", but has type " << value.getType();
  }
  return outputs;
}

FailureOr<SmallVector<Value>> GraphBuilder::contents(const GraphProto &graph, Scope &scope) {
  llvm::StringMap<Type> declared;
  for (const auto *infos : {&graph.value_info(), &graph.output()})
    for (const auto &info : *infos)
      declared[info.name()] = toMLIR(info.type(), builder.getContext());

  for (const TensorProto &tensor : graph.initializer())
    if (failed(initializer(tensor, scope)))
      return failure();
  for (auto [i, proto] : llvm::enumerate(graph.node())) {
    // Nodes that the converter adds have no name.
    std::string name = proto.name();
    if (name.empty())
      name = proto.op_type() + "_" + std::to_string(i);
    if (failed(node(proto, name, declared, scope)))
      return failure();
  }

  SmallVector<Value> outputs;
  for (const auto &output : graph.output()) {
    outputs.push_back(scope.lookup(output.name()));
    if (!outputs.back())
      return emitError(locate(output.name()))
             << "output '" << output.name() << "' is not defined by the graph";
  }
  return outputs;
}

LogicalResult GraphBuilder::initializer(const TensorProto &tensor, Scope &scope) {
  Location loc = locate(tensor.name());
  llvm::Expected<ElementsAttr> value = tensorAttr(tensor, builder.getContext());
  if (!value)
    return emitError(loc) << "initializer '" << tensor.name()
                          << "': " << llvm::toString(value.takeError());
  OperationState state(loc, onnx_ir::Op<"Constant">::getOperationName());
  state.addTypes(value->getShapedType());
  state.addAttribute("value", *value);
  Value result = builder.create(state)->getResult(0);
  // An input that has an initializer keeps the value it is given.
  scope.values.insert({tensor.name(), result});
  return success();
}

LogicalResult GraphBuilder::operands(const NodeProto &node, const Scope &scope,
                                     OperationState &state) {
  Value absent;
  for (const std::string &name : node.input()) {
    Value operand;
    if (!name.empty())
      operand = scope.lookup(name);
    else if (operand = absent; !operand)
      operand = absent = Absent::create(builder, state.location, builder.getNoneType());
    if (!operand)
      return refuse(state.location, node, "uses '" + name + "', which nothing defines");
    state.operands.push_back(operand);
  }
  return success();
}

LogicalResult GraphBuilder::attributes(const NodeProto &node, OperationState &state) {
  MLIRContext *context = builder.getContext();
  auto tensor = [&](const TensorProto &proto) { return tensorAttr(proto, context); };
  for (const AttributeProto &attribute : node.attribute()) {
    if (attribute.type() == AttributeProto::GRAPH)
      continue;
    llvm::Expected<Attribute> value = toMLIR(attribute, context, tensor);
    if (!value)
      return refuse(state.location, node,
                    "attribute '" + attribute.name() + "': " + llvm::toString(value.takeError()));
    state.addAttribute(attribute.name(), *value);
  }
  return success();
}

LogicalResult GraphBuilder::node(const NodeProto &node, StringRef name,
                                 const llvm::StringMap<Type> &declared, Scope &scope) {
  Location loc = locate(name);
  const OpSchema *schema = findSchema(node, opsets);
  if (!schema)
    return refuse(loc, node, "the operator is not known");
  OperationState state(loc, nameOf(*schema));
  if (failed(operands(node, scope, state)) || failed(attributes(node, state)))
    return failure();
  for (const std::string &output : node.output()) {
    Type type = declared.lookup(output);
    if (output.empty())
      type = builder.getNoneType();
    state.types.push_back(type ? type : UnknownType::get(builder.getContext()));
  }
  for (size_t i = 0, n = regionNames(*schema).size(); i < n; ++i)
    state.addRegion();
  Operation *op = builder.create(state);
  if (failed(bodies(node, op, scope)))
    return failure();
  if (depth == 0 && failed(inference.refine(cast<AnyOp>(op))))
    return failure();
  for (auto [output, result] : llvm::zip(node.output(), op->getResults()))
    if (!output.empty())
      scope.values[output] = result;
  return success();
}

LogicalResult GraphBuilder::bodies(const NodeProto &node, Operation *op, const Scope &scope) {
  for (const AttributeProto &attribute : node.attribute()) {
    if (attribute.type() != AttributeProto::GRAPH)
      continue;
    SmallVector<StringRef> names = regionNames(cast<AnyOp>(op).schema());
    auto it = llvm::find(names, StringRef(attribute.name()));
    if (it == names.end())
      return refuse(op->getLoc(), node, "attribute '" + attribute.name() + "' is not known");
    if (failed(body(attribute.g(), op->getRegion(it - names.begin()), scope)))
      return failure();
  }
  return success();
}

LogicalResult GraphBuilder::body(const GraphProto &graph, Region &region, const Scope &scope) {
  OpBuilder::InsertionGuard guard(builder);
  llvm::SaveAndRestore deeper(depth, depth + 1);
  Location loc = region.getLoc();
  Block *block = builder.createBlock(&region);
  Scope inner{&scope, llvm::StringMap<Value>()};
  for (const auto &input : graph.input())
    inner.values[input.name()] =
        block->addArgument(toMLIR(input.type(), builder.getContext()), locate(input.name()));
  FailureOr<SmallVector<Value>> yielded = contents(graph, inner);
  if (failed(yielded))
    return failure();
  Yield::create(builder, loc, *yielded);
  return success();
}

} // namespace strut
