//===- RegionGraph.cpp - the body of an operation as a graph ---------------===//

#include "RegionGraph.h"
#include "dialects/Onnx/Bridge.h"
#include "dialects/Onnx/Schemas.h"

using namespace mlir;
using namespace strut::onnx_ir;
using onnx::GraphProto;
using onnx::NodeProto;

namespace strut {

std::string RegionGraphs::define(Value value) {
  return inner[value] = ("inner" + Twine(inner.size())).str();
}

std::string RegionGraphs::use(Value value) {
  if (isa<NoneType>(value.getType()))
    return {};
  auto known = inner.find(value);
  if (known != inner.end())
    return known->second;
  std::string &name = outer[value];
  if (name.empty())
    name = ("outer" + Twine(outer.size())).str();
  return name;
}

NodeProto RegionGraphs::node(AnyOp op) {
  NodeProto node = toONNX(op);
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    node.set_input(i, use(operand));
  for (auto [i, result] : llvm::enumerate(op->getResults()))
    if (!isa<NoneType>(result.getType()))
      node.set_output(i, define(result));
  for (auto [name, region] : llvm::zip(regionNames(op.schema()), op->getRegions()))
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.name() == name && !region.empty())
        *attribute.mutable_g() = graph(region);
  return node;
}

GraphProto RegionGraphs::graph(Region &region) {
  GraphProto graph;
  graph.set_name("body");
  auto add = [](onnx::ValueInfoProto &info, const std::string &name, Type type) {
    info.set_name(name);
    *info.mutable_type() = toONNX(type);
  };
  for (BlockArgument argument : region.getArguments())
    add(*graph.add_input(), define(argument), argument.getType());
  // A constant may be larger than a proto should be.
  for (AnyOp op : region.getOps<AnyOp>())
    if (!isa<onnx_ir::Op<"Constant">>(*op))
      *graph.add_node() = node(op);
  for (Value value : region.front().getTerminator()->getOperands())
    add(*graph.add_output(), use(value), value.getType());
  return graph;
}

} // namespace strut
