//===- Check.cpp - is this proto a model at all ----------------------------===//
//
// The official checker reads weights, stops at what exporters get away with, and
// speaks of nodes by dumping them. So structure is checked here, and the
// library's own checks serve for single nodes, attributes and tensors.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "Functions.h"
#include "dialects/Onnx/SchemaContext.h"
#include "dialects/Onnx/Schemas.h"
#include "onnx/checker.h"
#include "onnx/common/constants.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FormatVariadic.h"

using llvm::StringRef;
using llvm::Twine;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::OpSchema;
using onnx::OpSchemaRegistry;
using onnx::TensorProto;

namespace strut {

static llvm::Error refuse(const Twine &why) { return llvm::createStringError(why); }

static llvm::Error refuse(const NodeProto &node, const Twine &why) {
  return refuse("node '" + node.name() + "' (" + node.op_type() + "): " + why);
}

template <typename Proto> OpsetMap opsetsOf(const Proto &proto) {
  OpsetMap opsets;
  for (const auto &import : proto.opset_import())
    opsets[onnx_ir::canonicalDomain(import.domain())] =
        static_cast<int>(std::clamp<int64_t>(import.version(), 0, std::numeric_limits<int>::max()));
  if (opsets.empty())
    opsets[""] = 1;
  return opsets;
}
template OpsetMap opsetsOf(const ModelProto &);
template OpsetMap opsetsOf(const FunctionProto &);

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

template <typename Nodes> static void nameNodesIn(Nodes &nodes, const std::string &prefix) {
  for (auto [i, node] : llvm::enumerate(nodes)) {
    if (node.name().empty())
      node.set_name(prefix + node.op_type() + "_" + std::to_string(i));
    for (AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        nameNodesIn(*attribute.mutable_g()->mutable_node(), node.name() + "/");
  }
}

void nameNodes(ModelProto &model) {
  nameNodesIn(*model.mutable_graph()->mutable_node(), "");
  for (FunctionProto &function : *model.mutable_functions())
    nameNodesIn(*function.mutable_node(), "");
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

namespace {
/// Names that a graph defines, and those around it.
struct Scope {
  const Scope *parent;
  llvm::StringSet<> names;

  bool has(StringRef name) const { return names.contains(name) || (parent && parent->has(name)); }
};

class Checker {
public:
  Checker(const ModelProto &model) : model(model), functions(model) {}

  llvm::Error run();

private:
  llvm::Error versions();
  llvm::Error function(const FunctionProto &function);
  llvm::Error graph(const GraphProto &graph, const Scope *parent, const OpsetMap &opsets);
  llvm::Error initializers(const GraphProto &graph, Scope &scope);
  template <typename Nodes>
  llvm::Error nodes(const Nodes &nodes, Scope &scope, const OpsetMap &opsets);
  llvm::Error attributes(const NodeProto &node, const Scope &scope, const OpsetMap &opsets);
  llvm::Error schema(const NodeProto &node, const OpsetMap &opsets);
  llvm::Error unknownOperators() const;

  const ModelProto &model;
  FunctionTable functions;
  bool inFunction = false;
  /// Operators without a schema, in order of appearance.
  struct Unknown {
    std::string op, firstNode;
    unsigned count = 0;
  };
  std::vector<Unknown> unknown;
  llvm::StringMap<size_t> unknownIndex;
};

/// The message for a name that is not defined where it is used.
template <typename Nodes>
llvm::Error undefined(const NodeProto &user, StringRef name, const Nodes &nodes) {
  for (const NodeProto &node : nodes)
    if (llvm::is_contained(node.output(), name.str()))
      return refuse(user, "uses '" + name + "' before node '" + node.name() +
                              "' computes it; nodes must be sorted and must not form a cycle");
  return refuse(user, "uses '" + name + "', which nothing defines");
}

template <typename Nodes>
llvm::Error Checker::nodes(const Nodes &nodes, Scope &scope, const OpsetMap &opsets) {
  for (const NodeProto &node : nodes) {
    for (const std::string &input : node.input())
      if (!input.empty() && !scope.has(input))
        return undefined(node, input, nodes);
    if (llvm::Error error = attributes(node, scope, opsets))
      return error;
    if (llvm::Error error = schema(node, opsets))
      return error;
    for (const std::string &output : node.output()) {
      if (!output.empty() && scope.has(output))
        return refuse(node, "defines '" + output + "', which is defined already");
      scope.names.insert(output);
    }
  }
  return llvm::Error::success();
}

llvm::Error Checker::attributes(const NodeProto &node, const Scope &scope, const OpsetMap &opsets) {
  onnx::checker::CheckerContext context;
  context.set_ir_version(static_cast<int>(model.ir_version()));
  llvm::StringSet<> names;
  for (const AttributeProto &attribute : node.attribute()) {
    if (!names.insert(attribute.name()).second)
      return refuse(node, "has attribute '" + attribute.name() + "' twice");
    if (attribute.has_g()) {
      if (llvm::Error error = graph(attribute.g(), &scope, opsets))
        return error;
      continue; // the library would check the body, too
    }
    if (attribute.has_t() && attribute.t().data_location() == TensorProto::EXTERNAL)
      continue; // resolved and checked
    if (!inFunction && !attribute.ref_attr_name().empty())
      return refuse(node, "attribute '" + attribute.name() +
                              "' refers to an attribute of a function, but is in none");
    try {
      onnx::checker::check_attribute(attribute, context, onnx::checker::LexicalScopeContext());
    } catch (const std::exception &e) {
      return refuse(node, onnx_ir::tidyMessage(e.what()));
    }
  }
  return llvm::Error::success();
}

llvm::Error Checker::schema(const NodeProto &node, const OpsetMap &opsets) {
  if (const FunctionProto *function = functions.lookup(node)) {
    if (node.input_size() > function->input_size() || node.output_size() > function->output_size())
      return refuse(node, "has more inputs or outputs than function '" + function->name() + "'");
    return llvm::Error::success();
  }
  StringRef domain = onnx_ir::canonicalDomain(node.domain());
  auto opset = opsets.find(domain);
  if (opset == opsets.end())
    return refuse(node, "is of domain '" + domain + "', of which the model imports no version");
  const OpSchema *schema = OpSchemaRegistry::Schema(node.op_type(), opset->second, domain.str());
  if (!schema) {
    std::string op = llvm::formatv("{0}{1}{2} (version {3})", domain, domain.empty() ? "" : ".",
                                   node.op_type(), opset->second);
    auto [it, isNew] = unknownIndex.insert({op, unknown.size()});
    if (isNew)
      unknown.push_back({op, node.name()});
    ++unknown[it->second].count;
    return llvm::Error::success();
  }
  if (schema->Deprecated())
    return refuse(node, "is deprecated since version " + Twine(schema->SinceVersion()));
  try {
    schema->Verify(node);
  } catch (const std::exception &e) {
    return refuse(node, onnx_ir::tidyMessage(e.what()));
  }
  return llvm::Error::success();
}

llvm::Error Checker::initializers(const GraphProto &graph, Scope &scope) {
  if (graph.sparse_initializer_size())
    return refuse("sparse initializers, such as '" + graph.sparse_initializer(0).values().name() +
                  "', are not supported");
  llvm::StringSet<> names;
  for (const TensorProto &tensor : graph.initializer()) {
    if (tensor.name().empty())
      return refuse("an initializer has no name");
    if (!names.insert(tensor.name()).second)
      return refuse("initializer '" + tensor.name() + "' is defined twice");
    if (tensor.data_location() != TensorProto::EXTERNAL)
      onnx::checker::check_tensor(tensor, onnx::checker::CheckerContext());
    scope.names.insert(tensor.name()); // an input may have an initializer
  }
  return llvm::Error::success();
}

llvm::Error Checker::graph(const GraphProto &graph, const Scope *parent, const OpsetMap &opsets) {
  Scope scope{parent, llvm::StringSet<>()};
  for (const auto &input : graph.input()) {
    if (input.name().empty())
      return refuse("an input of graph '" + graph.name() + "' has no name");
    if (!scope.names.insert(input.name()).second)
      return refuse("input '" + input.name() + "' is defined twice");
  }
  if (llvm::Error error = initializers(graph, scope))
    return error;
  if (llvm::Error error = nodes(graph.node(), scope, opsets))
    return error;
  llvm::StringSet<> outputs;
  for (const auto &output : graph.output()) {
    if (!scope.has(output.name()))
      return refuse("graph '" + graph.name() + "' has output '" + output.name() +
                    "', which nothing defines");
    if (!parent && !outputs.insert(output.name()).second)
      return refuse("graph '" + graph.name() + "' has output '" + output.name() + "' twice");
  }
  return llvm::Error::success();
}

llvm::Error Checker::function(const FunctionProto &function) {
  Scope scope{nullptr, llvm::StringSet<>()};
  for (const std::string &input : function.input())
    if (!scope.names.insert(input).second)
      return refuse("function '" + function.name() + "' has input '" + input + "' twice");
  if (llvm::Error error = nodes(function.node(), scope, opsetsOf(function)))
    return error;
  for (const std::string &output : function.output())
    if (!scope.has(output))
      return refuse("function '" + function.name() + "' has output '" + output +
                    "', which nothing defines");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

llvm::Error Checker::versions() {
  if (model.ir_version() > onnx::Version::IR_VERSION)
    return refuse("the model has IR version " + Twine(model.ir_version()) + ", newer than " +
                  Twine(int(onnx::Version::IR_VERSION)) + ", the newest that is known");
  const auto &known = OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  llvm::StringMap<int64_t> seen;
  for (const auto &import : model.opset_import()) {
    StringRef domain = onnx_ir::canonicalDomain(import.domain());
    if (auto [it, isNew] = seen.insert({domain, import.version()});
        !isNew && it->second != import.version())
      return refuse("the model imports domain '" + domain + "' in two versions");
    auto range = known.find(domain.str());
    if (range == known.end())
      continue;
    if (import.version() < 1 || import.version() > range->second.second)
      return refuse("the model imports version " + Twine(import.version()) + " of domain '" +
                    domain + "'; known are 1 to " + Twine(range->second.second));
  }
  return llvm::Error::success();
}

llvm::Error Checker::unknownOperators() const {
  if (unknown.empty())
    return llvm::Error::success();
  std::string message = "the model uses operators that are not known: ";
  constexpr size_t limit = 20;
  for (auto [i, entry] : llvm::enumerate(unknown)) {
    if (i == limit) {
      message += llvm::formatv(", and {0} more", unknown.size() - limit);
      break;
    }
    message += llvm::formatv("{0}{1} in {2} node{3}, first '{4}'", i ? ", " : "", entry.op,
                             entry.count, entry.count == 1 ? "" : "s", entry.firstNode);
  }
  return refuse(message);
}

llvm::Error Checker::run() {
  if (llvm::Error error = versions())
    return error;
  if (llvm::Error error = functions.check())
    return error;
  inFunction = true;
  for (const FunctionProto &local : model.functions())
    if (llvm::Error error = function(local))
      return error;
  inFunction = false;
  if (llvm::Error error = graph(model.graph(), nullptr, opsetsOf(model)))
    return error;
  return unknownOperators();
}
} // namespace

llvm::Error checkModel(const ModelProto &model) { return Checker(model).run(); }

} // namespace strut
