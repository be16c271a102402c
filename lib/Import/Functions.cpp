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
static constexpr uint64_t kMaxBytes = uint64_t(256) << 20;

/// The inliner infers the whole model, and builds a converter, for each call of a
/// function of another version.
static constexpr size_t kMaxConvertedCalls = 100;

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
/// What a graph takes with all functions inlined.
struct Extent {
  uint64_t nodes = 0; ///< calls included
  uint64_t bytes = 0; ///< of the nodes as protobuf has them

  Extent &operator+=(Extent other) {
    nodes = llvm::SaturatingAdd(nodes, other.nodes);
    bytes = llvm::SaturatingAdd(bytes, other.bytes);
    return *this;
  }
};

/// Measures without inlining, each function once.
class Measure {
public:
  explicit Measure(const FunctionTable &table) : table(table) {}

  template <typename Nodes> Extent of(const Nodes &nodes) {
    Extent extent;
    for (const NodeProto &node : nodes)
      extent += of(node);
    return extent;
  }

private:
  Extent of(const NodeProto &node) {
    Extent extent{1, node.ByteSizeLong()};
    if (const FunctionProto *function = table.lookup(node)) {
      auto it = extents.find(function);
      if (it == extents.end())
        it = extents.insert({function, of(function->node())}).first;
      extent += it->second;
    }
    for (const AttributeProto &attribute : node.attribute())
      if (attribute.has_g())
        extent += of(attribute.g().node());
    return extent;
  }

  const FunctionTable &table;
  llvm::DenseMap<const FunctionProto *, Extent> extents;
};
} // namespace

llvm::Error FunctionTable::check() const {
  try {
    onnx::checker::check_function_call_cycles(model); // identifiers, too
  } catch (const std::exception &e) {
    return refuse("model-local functions: " + onnx_ir::tidyMessage(e.what()));
  }
  Extent extent = Measure(*this).of(model.graph().node());
  if (extent.nodes > kMaxNodes || extent.bytes > kMaxBytes)
    return refuse("the model has more than " + llvm::Twine(kMaxNodes) +
                  " nodes, or nodes of more "
                  "than " +
                  llvm::Twine(kMaxBytes >> 20) + " MiB, counting what its functions stand for");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Inlining
//===----------------------------------------------------------------------===//

namespace {
/// Marks the end of a name inside a function. The inliner appends "__" and the
/// number of the call to it.
constexpr char kMark = '\x1f';

/// Of a path of calls; they may be many and deep.
constexpr size_t kMaxName = 1000;

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
        paths.push_back((paths[caller] + name + "/").str().substr(0, kMaxName));
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
      if (opsets.insert({onnx_ir::canonicalDomain(import.domain()), int(import.version())}).second)
        *model.add_opset_import() = import;

  for (FunctionProto &function : *model.mutable_functions())
    forEachNode(*function.mutable_node(),
                [](NodeProto &node) { node.set_name(node.name() + kMark); });
  CallNumbers calls(model);
  bool needsConversion = llvm::any_of(model.functions(), [&](const FunctionProto &function) {
    OpsetMap own = opsetsOf(function);
    auto version = own.find("");
    return version != own.end() && version->second != opsets.lookup("");
  });
  if (needsConversion && calls.size() > kMaxConvertedCalls)
    return refuse("functions of other versions than the model's are called more than " +
                  llvm::Twine(kMaxConvertedCalls) + " times");
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
