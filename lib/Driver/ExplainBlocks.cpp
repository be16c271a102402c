//===- ExplainBlocks.cpp - what was recognised in a module -----------------===//

#include "Explain.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Cost/Layers.h"
#include "strut/Recognize/Maps.h"
#include "strut/Recognize/Passes.h"
#include "strut/Recognize/TokenMixing.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace llvm;
using namespace strut;
using namespace strut::driver;
using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

std::vector<std::string> strut::driver::nodesOf(mlir::Location loc) {
  SetVector<StringRef> names;
  loc->walk([&](mlir::Location inner) {
    if (auto named = mlir::dyn_cast<mlir::NameLoc>(inner); named && !named.getName().empty())
      names.insert(named.getName());
    return mlir::WalkResult::advance();
  });
  std::vector<std::string> texts;
  for (StringRef name : names)
    texts.push_back(json::fixUTF8(name));
  return texts;
}

/// The rewrites whose names are in a location, with the place of each.
static SmallVector<std::pair<StringRef, mlir::FusedLoc>> rewritesIn(mlir::Location loc) {
  SmallVector<std::pair<StringRef, mlir::FusedLoc>> rewrites;
  loc->walk([&](mlir::Location inner) {
    if (auto fused = mlir::dyn_cast<mlir::FusedLoc>(inner))
      if (auto name = mlir::dyn_cast_or_null<mlir::StringAttr>(fused.getMetadata()))
        rewrites.emplace_back(name.getValue(), fused);
    return mlir::WalkResult::advance();
  });
  return rewrites;
}

/// The class of docs/rewrites.md that what stands here belongs to: the last one of its rewrites'.
static StringRef exactnessOf(mlir::Location loc) {
  constexpr StringLiteral classes[] = {"bit-exact", "over the reals", "under a condition",
                                       "approximate"};
  unsigned worst = 0;
  for (const auto &[name, place] : rewritesIn(loc))
    worst = std::max(
        worst, StringSwitch<unsigned>(name)
                   .Cases({"concatenate-maps", "hoist-broadcasts", "split-gates", "split-maps"}, 0)
                   .Cases({"factor-transforms", "narrow-prefixes", "remove-dead-channels"}, 2)
                   .Case("compress-linear", 3)
                   .Default(1));
  return classes[worst];
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

/// The convolution that branches became.
static bool isMergedConvolution(mlir::Operation *op) {
  return mlir::isa<Op<"Conv">>(op) && any_of(rewritesIn(op->getLoc()), [](const auto &rewrite) {
           return rewrite.first == "merge-convolutions";
         });
}

/// The order in which the blocks that `op` gives are put together, if it is a part of their map.
static mlir::Operation *orderAfter(mlir::Operation *op) {
  if (op->getNumResults() != 1 || !op->hasOneUse())
    return nullptr;
  mlir::Operation *user = *op->user_begin();
  auto form = user->getAttrOfType<mlir::StringAttr>(recognize::kFormAttr);
  bool isPart = rewrite::isSelection(user) && user->getOperand(0) == op->getResult(0) && form &&
                form.getValue() == "blockshuffle";
  return isPart ? user : nullptr;
}

StringRef strut::driver::kindOf(mlir::Operation *op) {
  if (auto kind = op->getAttrOfType<mlir::StringAttr>(layer::kKindAttr))
    return kind.getValue();
  if (isMergedConvolution(op))
    return "conv_branches";
  if (orderAfter(op))
    return "blockshuffle";
  if (rewrite::isSelection(op))
    return "permutation";
  if (recognize::mixesPlaces(op))
    return "spatial_mlp";
  StringRef name = op->getName().getStringRef();
  return StringSwitch<StringRef>(name)
      .Case("layer.linear", "dense")
      .Case("layer.block_linear", "blockdense")
      .Case("layer.alternatives", "dense")
      .Cases({"onnx.Attention", "onnx.com.microsoft.MultiHeadAttention",
              "onnx.com.microsoft.Attention", "onnx.com.microsoft.GroupQueryAttention"},
             "attention")
      .Case("layer.experts", "moe")
      .Case("layer.route", "") // a part of it
      .Cases({"onnx.DFT", "onnx.STFT"}, "spectral")
      .Default(name.starts_with("layer.") && name != "layer.yield" ? name.drop_front(6) : "");
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

namespace {

/// Ops that are part of the block that a later op stands for: the other factors of a
/// chain that keeps them.
using Covered = DenseMap<mlir::Operation *, mlir::Operation *>;

} // namespace

static bool isFactor(mlir::Operation *op) {
  return op && (mlir::isa<layer::LinearOp, layer::BlockLinearOp>(op) || rewrite::isSelection(op));
}

/// Marks the factors before `last` as its own, `maps` with their orders of features.
static void cover(mlir::Operation *last, size_t maps, Covered &covered) {
  mlir::Operation *op = last;
  while (maps > 0) {
    op = op->getOperand(0).getDefiningOp();
    if (mlir::isa_and_present<onnx_ir::Op<"Reshape">, onnx_ir::Op<"Transpose">>(op))
      continue;
    if (!isFactor(op))
      return;
    covered[op] = last;
    maps -= !rewrite::isSelection(op);
  }
}

static Covered coveredOps(mlir::ModuleOp module) {
  Covered covered;
  module->walk([&](mlir::Operation *last) {
    mlir::Operation *order = orderAfter(last);
    if (order)
      covered[order] = last;
    auto chosen = last->getAttrOfType<mlir::StringAttr>(layer::kChosenAttr);
    auto forms = last->getAttrOfType<mlir::ArrayAttr>(layer::kConsideredAttr);
    if (!chosen || !forms) {
      if (mlir::isa<layer::BlockLinearOp>(last) && order)
        cover(last, 1, covered);
      return;
    }
    for (auto form : forms.getAsRange<layer::FormAttr>())
      if (form.getName() == chosen.getValue() && !form.getKernels().empty())
        cover(last, form.getKernels().size() - 1, covered);
  });
  return covered;
}

static std::string typeOf(mlir::Operation *op) {
  mlir::Type type = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return type.isF64() ? "f64" : type.isF16() ? "f16" : type.isBF16() ? "bf16" : "f32";
}

/// A form with its times; `kernels` per row, weights once.
static json::Object formOf(StringRef name, ArrayRef<cost::Phase> kernels,
                           const cost::Setting &setting, ArrayRef<int64_t> rows) {
  double flops = 0, weights = 0, values = 0;
  for (const cost::Phase &kernel : kernels) {
    flops += kernel.flops;
    weights += kernel.weightBytes;
    values += kernel.valueBytes;
  }
  json::Object times;
  for (int64_t m : rows) {
    std::vector<cost::Phase> phases(kernels);
    for (cost::Phase &phase : phases) {
      phase.flops *= static_cast<double>(m);
      phase.valueBytes *= static_cast<double>(m);
      phase.rows = static_cast<double>(std::max<int64_t>(m, 1));
    }
    times[std::to_string(m)] = 1e6 * cost::timeOf(phases, setting);
  }
  return json::Object{{"name", json::fixUTF8(name)}, // the answer outlives the module
                      {"flops", flops},
                      {"bytes", weights},
                      {"bytes_per_row", values},
                      {"predicted_us", std::move(times)}};
}

/// The mixture of experts that a block stands for, if it is one.
static layer::ExpertsOp expertsOf(mlir::Operation *op) {
  auto experts = mlir::dyn_cast<layer::ExpertsOp>(op);
  if (auto forms = mlir::dyn_cast<layer::AlternativesOp>(op))
    forms.walk([&](layer::ExpertsOp inner) { experts = inner; });
  return experts;
}

/// Forms whose weights are read as far as rows choose them: times, and work, are no linear
/// function of the number of rows.
static json::Array formsOf(layer::ExpertsOp op, const cost::Setting &setting,
                           ArrayRef<int64_t> rows) {
  json::Array forms;
  for (auto [form, name] :
       {std::pair(cost::ExpertForm::Routed, "routed"), std::pair(cost::ExpertForm::All, "all")}) {
    constexpr double many = 1 << 20; // that choose every expert
    double flops = 0, weights = 0, values = 0;
    for (const cost::Phase &phase : cost::phasesOf(op, form, many)) {
      flops += phase.flops / many;
      weights += phase.weightBytes;
      values += phase.valueBytes / many;
    }
    json::Object times;
    for (int64_t m : rows)
      times[std::to_string(m)] =
          1e6 * cost::timeOf(cost::phasesOf(op, form, static_cast<double>(m)), setting);
    forms.push_back(json::Object{{"name", name},
                                 {"flops", flops},
                                 {"bytes", weights},
                                 {"bytes_per_row", values},
                                 {"predicted_us", std::move(times)}});
  }
  return forms;
}

static json::Array formsOf(mlir::Operation *op, const cost::Setting &setting,
                           ArrayRef<int64_t> rows) {
  auto experts = expertsOf(op);
  if (experts && experts.getIn().getType().hasStaticShape() &&
      experts.getOut().getType().hasStaticShape())
    return formsOf(experts, setting, rows);
  json::Array forms;
  std::string type = typeOf(op);
  if (auto considered = op->getAttrOfType<mlir::ArrayAttr>(layer::kConsideredAttr)) {
    for (auto form : considered.getAsRange<layer::FormAttr>()) {
      std::vector<cost::Phase> kernels;
      for (mlir::DenseF64ArrayAttr kernel : form.getKernels())
        kernels.push_back({kernel[0], kernel[1], kernel[2], 1, type});
      forms.push_back(formOf(form.getName(), kernels, setting, rows));
    }
  } else if (auto layer = mlir::dyn_cast<layer::RowwiseOpInterface>(op)) {
    std::optional<layer::Cost> none = layer.getCost(0), one = layer.getCost(1);
    if (none && one)
      forms.push_back(formOf(
          kindOf(op),
          {cost::Phase{one->flops - none->flops, none->bytes, one->bytes - none->bytes, 1, type}},
          setting, rows));
  }
  return forms;
}

/// Ranges of M and the form that each takes.
static json::Object rangesOf(mlir::Operation *op) {
  json::Object chosen;
  if (auto name = op->getAttrOfType<mlir::StringAttr>(layer::kChosenAttr))
    chosen["all M"] = json::fixUTF8(name.getValue());
  auto forms = mlir::dyn_cast<layer::AlternativesOp>(op);
  if (forms && forms.getNames()) {
    auto nameOf = [&](int64_t form) {
      return json::fixUTF8(mlir::cast<mlir::StringAttr>((*forms.getNames())[form]).getValue());
    };
    int64_t from = 0;
    for (auto line : forms.getCases().getAsRange<layer::CaseAttr>()) {
      std::string range = from ? formatv("{0} <= M < {1}", from, line.getBound()).str()
                               : formatv("M < {0}", line.getBound()).str();
      chosen[range] = nameOf(line.getForm());
      from = line.getBound();
    }
    chosen[formatv("M >= {0}", from)] = nameOf(static_cast<int64_t>(forms.getOtherwise()));
  }
  return chosen;
}

/// The form that is taken at each number of rows.
static json::Object takenOf(mlir::Operation *op, ArrayRef<int64_t> rows) {
  json::Object taken;
  auto forms = mlir::dyn_cast<layer::AlternativesOp>(op);
  auto name = op->getAttrOfType<mlir::StringAttr>(layer::kChosenAttr);
  for (int64_t m : rows) {
    mlir::Attribute form = name;
    if (forms && forms.getNames()) {
      auto number = static_cast<int64_t>(forms.getOtherwise());
      for (auto line : reverse(forms.getCases().getAsRange<layer::CaseAttr>()))
        if (m < line.getBound())
          number = line.getForm();
      form = (*forms.getNames())[number];
    }
    if (form)
      taken[std::to_string(m)] = json::fixUTF8(mlir::cast<mlir::StringAttr>(form).getValue());
  }
  return taken;
}

/// The ops of each net, by its attribute.
using Nets = MapVector<mlir::Attribute, SmallVector<mlir::Operation *>>;

static Nets netsOf(mlir::ModuleOp module) {
  Nets nets;
  module->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    if (mlir::Attribute net = op->getAttr(recognize::kNetAttr))
      nets[net].push_back(op);
  });
  return nets;
}

/// A composition of blocks, which has no forms of its own.
static json::Object blockOfNet(mlir::Attribute net, ArrayRef<mlir::Operation *> ops) {
  SmallVector<mlir::Location> places;
  for (mlir::Operation *op : ops)
    places.push_back(op->getLoc());
  mlir::Location place = mlir::FusedLoc::get(net.getContext(), places);
  auto kind = mlir::cast<mlir::DictionaryAttr>(net).getAs<mlir::StringAttr>("kind");
  return json::Object{{"kind", kind.str()},
                      {"op", ops.back()->getName().getStringRef()},
                      {"nodes", json::Array(nodesOf(place))},
                      {"exactness", exactnessOf(place)},
                      {"forms", json::Array()},
                      {"chosen", json::Object()},
                      {"taken", json::Object()}};
}

json::Array strut::driver::blocksOf(mlir::ModuleOp module, const cost::Setting &setting,
                                    ArrayRef<int64_t> rows) {
  Covered covered = coveredOps(module);
  Nets nets = netsOf(module);
  json::Array blocks;
  module->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    StringRef kind = kindOf(op);
    // After the maps that it is made of.
    auto net = nets.find(op->getAttr(recognize::kNetAttr));
    scope_exit added([&] {
      if (net != nets.end() && net->second.back() == op)
        blocks.push_back(blockOfNet(net->first, net->second));
    });
    if (kind.empty() || covered.contains(op))
      return mlir::WalkResult::advance();
    SmallVector<mlir::Location> places{op->getLoc()};
    for (auto [part, whole] : covered)
      if (whole == op)
        places.insert(places.begin(), part->getLoc());
    mlir::Location place = mlir::FusedLoc::get(module->getContext(), places);
    blocks.push_back(json::Object{{"kind", kind.str()},
                                  {"op", op->getName().getStringRef().str()},
                                  {"nodes", json::Array(nodesOf(place))},
                                  {"exactness", exactnessOf(place)},
                                  {"forms", formsOf(op, setting, rows)},
                                  {"chosen", rangesOf(op)},
                                  {"taken", takenOf(op, rows)}});
    // What a block holds is not a block of its own.
    return mlir::WalkResult::skip();
  });
  return blocks;
}

//===----------------------------------------------------------------------===//
// Rewrites and the rest
//===----------------------------------------------------------------------===//

json::Array strut::driver::rewritesOf(mlir::ModuleOp module) {
  // By name; the same place is found in the constants that a rewrite made, too.
  std::map<std::string, SetVector<mlir::Attribute>> found;
  module->walk([&](mlir::Operation *op) {
    for (const auto &[name, place] : rewritesIn(op->getLoc()))
      found[name.str()].insert(place);
  });
  json::Array rewrites;
  for (const auto &[name, places] : found) {
    std::vector<std::string> nodes;
    for (mlir::Attribute place : places)
      for (const std::string &node : nodesOf(mlir::cast<mlir::LocationAttr>(place)))
        if (!is_contained(nodes, node))
          nodes.push_back(node);
    rewrites.push_back(json::Object{{"name", name},
                                    {"fired", static_cast<int64_t>(places.size())},
                                    {"nodes", json::Array(nodes)}});
  }
  return rewrites;
}

json::Array strut::driver::unrecognisedOf(mlir::ModuleOp module) {
  std::map<std::string, std::vector<std::string>> found;
  module->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    // The forms of a block.
    if (mlir::isa<layer::AlternativesOp>(op))
      return mlir::WalkResult::skip();
    if (mlir::isa<Op<"MatMul">, Op<"Gemm">, Op<"Einsum">, Op<"Loop">, Op<"Scan">, Op<"If">>(op) &&
        kindOf(op).empty()) {
      std::string name = json::fixUTF8(onnx_ir::nodeNameOf(op->getLoc()));
      found[op->getName().stripDialect().str()].push_back(name);
    }
    return mlir::WalkResult::advance();
  });
  json::Array rest;
  for (auto &[name, nodes] : found)
    rest.push_back(json::Object{{"op", name}, {"nodes", json::Array(nodes)}});
  return rest;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

static std::string textOf(mlir::Type type) {
  std::string text;
  raw_string_ostream(text) << type;
  return json::fixUTF8(text);
}

json::Object strut::driver::graphOf(mlir::ModuleOp module, StringRef title) {
  json::Array nodes, edges;
  DenseMap<mlir::Value, int64_t> sources;
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  auto add = [&](StringRef op, std::string label, std::vector<std::string> names, StringRef kind,
                 std::string type) {
    auto id = static_cast<int64_t>(nodes.size());
    nodes.push_back(json::Object{{"id", id},
                                 {"op", json::fixUTF8(op)},
                                 {"label", json::fixUTF8(label)},
                                 {"nodes", json::Array(names)},
                                 {"kind", kind.str()}, // the answer outlives the module
                                 {"type", type}});
    return id;
  };
  if (!main)
    return json::Object{{"title", title}, {"nodes", json::Array()}, {"edges", json::Array()}};
  auto nameOf = [](mlir::DictionaryAttr attributes, StringRef otherwise) {
    auto name = attributes ? attributes.getAs<mlir::StringAttr>(onnx_ir::OnnxDialect::kNameAttr)
                           : mlir::StringAttr();
    return name ? name.str() : otherwise.str();
  };
  for (mlir::BlockArgument argument : main.getArguments())
    sources[argument] = add("input", nameOf(main.getArgAttrDict(argument.getArgNumber()), "input"),
                            {}, "", textOf(argument.getType()));
  for (mlir::Operation &op : main.getBody().front().without_terminator()) {
    if (mlir::isa<Op<"Constant">, onnx_ir::Absent>(op) || op.getNumResults() == 0)
      continue;
    int64_t id = add(op.getName().getStringRef(), op.getName().stripDialect().str(),
                     nodesOf(op.getLoc()), kindOf(&op), textOf(op.getResult(0).getType()));
    if (auto net = op.getAttrOfType<mlir::DictionaryAttr>(recognize::kNetAttr))
      nodes.back().getAsObject()->insert({"net", net.getAs<mlir::StringAttr>("kind").str()});
    SetVector<int64_t> reads;
    op.walk([&](mlir::Operation *inner) {
      for (mlir::Value operand : inner->getOperands())
        if (auto source = sources.find(operand); source != sources.end())
          reads.insert(source->second);
    });
    for (int64_t from : reads)
      edges.push_back(json::Array{from, id});
    for (mlir::Value result : op.getResults())
      sources[result] = id;
  }
  for (auto [i, value] : enumerate(main.getBody().front().getTerminator()->getOperands())) {
    int64_t id =
        add("output", nameOf(main.getResultAttrDict(i), "output"), {}, "", textOf(value.getType()));
    if (auto source = sources.find(value); source != sources.end())
      edges.push_back(json::Array{source->second, id});
  }
  return json::Object{{"title", title}, {"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}
