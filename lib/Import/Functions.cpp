//===- Functions.cpp - model-local functions -------------------------------===//
//
// Functions are generic in attributes and types, so the official inliner works
// on the proto. What it does not keep is where a node came from.
//
//===----------------------------------------------------------------------===//

#include "Functions.h"
#include "Check.h"
#include "dialects/Onnx/SchemaContext.h"
#include "dialects/Onnx/Schemas.h"
#include "onnx/checker.h"
#include "onnx/inliner/inliner.h"
#include "llvm/Support/MathExtras.h"

using llvm::StringRef;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;

namespace strut {

/// No model comes near; a chain of functions that double soon does.
static constexpr uint64_t kMaxNodes = 250'000;

static llvm::Error refuse(const llvm::Twine &why) { return llvm::createStringError(why); }

static std::string identifier(StringRef domain, StringRef name, StringRef overload) {
  return (onnx_ir::canonicalDomain(domain) + llvm::Twine('\0') + name + llvm::Twine('\0') +
          overload)
      .str();
}

FunctionTable::FunctionTable(const ModelProto &model) : model(model) {
  for (const FunctionProto &function : model.functions())
    functions.insert(
        {identifier(function.domain(), function.name(), function.overload()), &function});
}

const FunctionProto *FunctionTable::lookup(const NodeProto &node) const {
  return functions.empty()
             ? nullptr
             : functions.lookup(identifier(node.domain(), node.op_type(), node.overload()));
}

namespace {
/// Counts the nodes that inlining would make, each function once.
class InlinedSize {
public:
  explicit InlinedSize(const FunctionTable &table) : table(table) {}

  template <typename Nodes> uint64_t of(const Nodes &nodes) {
    uint64_t size = 0;
    for (const NodeProto &node : nodes)
      size = llvm::SaturatingAdd(size, of(node));
    return size;
  }

  uint64_t of(const NodeProto &node) {
    if (const FunctionProto *function = table.lookup(node)) {
      if (auto it = sizes.find(function); it != sizes.end())
        return it->second;
      uint64_t size = of(function->node());
      return sizes[function] = size;
    }
    uint64_t size = 1;
    for (const AttributeProto &attribute : node.attribute())
      if (attribute.has_g())
        size = llvm::SaturatingAdd(size, of(attribute.g().node()));
    return size;
  }

private:
  const FunctionTable &table;
  llvm::DenseMap<const FunctionProto *, uint64_t> sizes;
};
} // namespace

llvm::Error FunctionTable::check() const {
  try {
    onnx::checker::check_function_call_cycles(model); // identifiers, too
  } catch (const std::exception &e) {
    return refuse("model-local functions: " + onnx_ir::tidyMessage(e.what()));
  }
  uint64_t size = InlinedSize(*this).of(model.graph().node());
  if (size > kMaxNodes)
    return refuse("the model has more than " + llvm::Twine(kMaxNodes) +
                  " nodes, counting what its functions stand for");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Inlining
//===----------------------------------------------------------------------===//

namespace {
/// Marks the end of a name inside a function. The inliner appends "__" and the
/// number of the call to it.
constexpr char kMark = '\x1f';

/// The calls in the order in which the inliner meets, and numbers, them.
class CallNumbers {
public:
  explicit CallNumbers(const ModelProto &model) : table(model) {
    visit(model.graph().node(), /*caller=*/0);
  }
  /// "" for call 0, else the names of the calls, each followed by a slash.
  const std::string &path(size_t call) const { return paths[call]; }
  size_t size() const { return paths.size(); }

private:
  template <typename Nodes> void visit(const Nodes &nodes, size_t caller) {
    for (const NodeProto &node : nodes) {
      if (const FunctionProto *function = table.lookup(node)) {
        StringRef name = StringRef(node.name()).split(kMark).first;
        paths.push_back((paths[caller] + name + "/").str());
        visit(function->node(), paths.size() - 1);
        continue;
      }
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          visit(attribute.g().node(), caller);
    }
  }

  FunctionTable table;
  std::vector<std::string> paths{""};
};

template <typename Nodes, typename Fn> void forEachNode(Nodes &nodes, Fn fn) {
  for (NodeProto &node : nodes) {
    fn(node);
    for (AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        forEachNode(*attribute.mutable_g()->mutable_node(), fn);
  }
}
} // namespace

/// `<node><mark>__<call>...` becomes `<path of the call><node>`.
static void restoreName(NodeProto &node, const CallNumbers &calls) {
  auto [name, suffix] = StringRef(node.name()).split(kMark);
  if (name.size() == node.name().size())
    return;
  size_t call = 0;
  if (!suffix.consume_front("__") || suffix.consumeInteger(10, call) || call >= calls.size())
    call = 0;
  node.set_name(calls.path(call) + name.str());
}

llvm::Error inlineFunctions(ModelProto &model) {
  if (model.functions_size() == 0)
    return llvm::Error::success();
  // What a function imports and the model does not, its nodes will still need.
  OpsetMap opsets = opsetsOf(model);
  for (const FunctionProto &function : model.functions())
    for (const auto &import : function.opset_import())
      if (opsets.insert({onnx_ir::canonicalDomain(import.domain()), 0}).second)
        *model.add_opset_import() = import;

  for (FunctionProto &function : *model.mutable_functions())
    forEachNode(*function.mutable_node(),
                [](NodeProto &node) { node.set_name(node.name() + kMark); });
  CallNumbers calls(model);
  try {
    onnx::inliner::InlineLocalFunctions(model, /*convert_version=*/true);
  } catch (const std::exception &e) {
    return refuse("model-local functions cannot be inlined: " + onnx_ir::tidyMessage(e.what()));
  }
  if (model.functions_size())
    return refuse("function '" + model.functions(0).name() +
                  "' cannot be inlined: it imports other versions of a domain than the model");
  forEachNode(*model.mutable_graph()->mutable_node(),
              [&](NodeProto &node) { restoreName(node, calls); });
  return llvm::Error::success();
}

} // namespace strut
