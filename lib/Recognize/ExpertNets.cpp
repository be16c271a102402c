//===- ExpertNets.cpp - The nets of a mixture of experts ------------------===//
#include "ExpertNets.h"
#include "strut/Recognize/Activations.h"
#include "strut/Recognize/Operands.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

//===----------------------------------------------------------------------===//
// Nets
//===----------------------------------------------------------------------===//

/// The hidden values of a net whose outer product is `out`.
static std::optional<ExpertNet> readHidden(const ExpertProduct &out, ProductReader product) {
  auto mul = out.input.getDefiningOp<Op<"Mul">>();
  if (mul) {
    for (auto [open, linear] : {std::pair(mul.in("A"), mul.in("B")), {mul.in("B"), mul.in("A")}}) {
      Activated gate = activationOf(open);
      std::optional<ExpertProduct> opened = product(gate.x), in = product(linear);
      if (opened && in &&
          // Condition 3 of recognize-experts.
          gate.kind != layer::Activation::identity &&
          // Condition 5 of recognize-experts.
          opened->input == in->input)
        return ExpertNet{in->input, *in, out, *opened, gate.kind, gate.alpha};
    }
    return std::nullopt;
  }
  Activated hidden = activationOf(out.input);
  std::optional<ExpertProduct> in = product(hidden.x);
  // Two products without a function between are one linear map, which others know.
  if (!in || hidden.kind == layer::Activation::identity)
    return std::nullopt;
  return ExpertNet{in->input, *in, out, std::nullopt, hidden.kind, hidden.alpha};
}

std::optional<ExpertNet> readNet(Value value, ProductReader product) {
  std::optional<ExpertProduct> out = product(value);
  return out ? readHidden(*out, product) : std::nullopt;
}

bool ExpertNet::isLike(const ExpertNet &other) const {
  // Condition 3 of recognize-experts.
  return activation == other.activation &&
         // Condition 3 of recognize-experts.
         alpha == other.alpha;
}

/// The weights and biases of products, each as one.
static std::optional<ExpertProduct> stackProducts(ArrayRef<ExpertProduct> products) {
  SmallVector<ConstantView> weights, biases;
  for (const ExpertProduct &product : products) {
    weights.push_back(product.weight);
    if (product.bias)
      biases.push_back(*product.bias);
  }
  std::optional<ConstantView> weight = ConstantView::stacked(weights), bias;
  if (!biases.empty())
    bias = ConstantView::stacked(biases);
  if (!weight || (!biases.empty() && !bias))
    return std::nullopt;
  return ExpertProduct{products.front().input, *weight, bias};
}

std::optional<ExpertNet> stack(ArrayRef<ExpertNet> nets) {
  ExpertNet all = nets.front();
  std::vector<ExpertProduct> in, out, gate;
  for (const ExpertNet &net : nets) {
    if (!net.isLike(all))
      return std::nullopt;
    in.push_back(net.in);
    out.push_back(net.out);
    if (net.gate)
      gate.push_back(*net.gate);
  }
  std::optional<ExpertProduct> inner = stackProducts(in), outer = stackProducts(out);
  if (!gate.empty()) {
    all.gate = stackProducts(gate);
    if (!all.gate)
      return std::nullopt;
  }
  if (!inner || !outer)
    return std::nullopt;
  all.in = *inner;
  all.out = *outer;
  return all;
}

//===----------------------------------------------------------------------===//
// Routers
//===----------------------------------------------------------------------===//

static bool isLastAxis(onnx_ir::AnyOp op, Value of) {
  int64_t rank = cast<RankedTensorType>(of.getType()).getRank();
  return axisOf(op, "axis", -1, rank) == rank - 1;
}

/// A TopK of the largest numbers along the last axis whose places are `experts`.
static Op<"TopK"> selectionOf(Value experts) {
  auto top = experts.getDefiningOp<Op<"TopK">>();
  auto largest = top ? top.attr<IntegerAttr>("largest") : IntegerAttr();
  bool fits = top && experts == top->getResult(1) && isa<RankedTensorType>(top.in("X").getType()) &&
              // Condition 1 of recognize-experts.
              isLastAxis(top, top.in("X")) &&
              // Condition 1 of recognize-experts.
              (!largest || largest.getInt() != 0);
  return fits ? top : Op<"TopK">();
}

/// What `value` is a softmax of along the last axis, else null.
static Value softmaxOf(Value value) {
  auto softmax = value.getDefiningOp<Op<"Softmax">>();
  bool fits = softmax &&
              // Condition 8 of recognize-experts.
              isLastAxis(softmax, value);
  return fits ? softmax.in("input") : Value();
}

/// Whether `value` is `of` divided by its sum along the last axis.
static bool isNormalised(Value value, Value of) {
  auto div = value.getDefiningOp<Op<"Div">>();
  auto sum =
      div && div.in("A") == of ? div.in("B").getDefiningOp<Op<"ReduceSum">>() : Op<"ReduceSum">();
  if (!sum ||
      // Condition 8 of recognize-experts.
      sum.in("data") != of)
    return false;
  auto axes = integersOf(sum.in("axes"));
  auto keep = sum.attr<IntegerAttr>("keepdims");
  int64_t rank = cast<RankedTensorType>(of.getType()).getRank();
  return axes && axes->size() == 1 &&
         // Condition 8 of recognize-experts.
         (axes->front() == -1 || axes->front() == rank - 1) &&
         // Condition 8 of recognize-experts.
         (!keep || keep.getInt() != 0);
}

Routing canonical(OpBuilder &b, Location loc, const Routing &routing) {
  auto top = selectionOf(routing.experts);
  auto k = top ? integersOf(top.in("K")) : std::nullopt;
  if (!top || !k || k->size() != 1 || k->front() < 1)
    return routing;
  Value values = top->getResult(0), logits;
  layer::Gate gate = layer::Gate::selected;
  if (softmaxOf(routing.weights) == values) {
    logits = top.in("X");
  } else if (Value all = softmaxOf(top.in("X"))) {
    if (routing.weights == values)
      gate = layer::Gate::all;
    // Condition 8 of recognize-experts.
    else if (!isNormalised(routing.weights, values))
      return routing;
    logits = all;
  } else {
    return routing;
  }
  auto route = layer::RouteOp::create(b, top.getLoc(),
                                      {routing.weights.getType(), routing.experts.getType()},
                                      logits, k->front(), gate);
  return {route.getWeights(), route.getExperts()};
}

std::optional<int64_t> routerWidth(Value experts) {
  Value scores;
  if (auto top = selectionOf(experts))
    scores = top.in("X");
  else if (auto route = experts.getDefiningOp<layer::RouteOp>())
    scores = route.getLogits();
  else if (auto best = experts.getDefiningOp<Op<"ArgMax">>();
           best && isa<RankedTensorType>(best.in("data").getType()) &&
           // Condition 1 of recognize-experts.
           axisOf(best, "axis", 0, cast<RankedTensorType>(best.in("data").getType()).getRank()) ==
               cast<RankedTensorType>(best.in("data").getType()).getRank() - 1)
    scores = best.in("data");
  if (!scores)
    return std::nullopt;
  int64_t width = cast<RankedTensorType>(scores.getType()).getShape().back();
  return ShapedType::isDynamic(width) ? std::nullopt : std::optional(width);
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Whether a product has these extents, and its bias one number for each net and result.
static bool hasShape(const ExpertProduct &product, ArrayRef<int64_t> extents, Type element) {
  auto is = [&](const ConstantView &view, ArrayRef<int64_t> shape) {
    return view.element() == element && view.rank() == shape.size() &&
           llvm::all_of(llvm::enumerate(shape),
                        [&](auto extent) { return view.extent(extent.index()) == extent.value(); });
  };
  return is(product.weight, extents) &&
         (!product.bias || is(*product.bias, {extents.front(), extents.back()}));
}

bool agree(const ExpertNet &net, Value input, const Routing &routing, Type result) {
  auto rows = dyn_cast<RankedTensorType>(input.getType()),
       weights = dyn_cast<RankedTensorType>(routing.weights.getType()),
       experts = dyn_cast<RankedTensorType>(routing.experts.getType());
  if (!rows || !weights || !experts || rows.getRank() < 1 || net.in.weight.rank() != 3 ||
      net.out.weight.rank() != 3)
    return false;
  Type element = rows.getElementType();
  int64_t count = net.in.weight.extent(0), inputs = net.in.weight.extent(1),
          hidden = net.in.weight.extent(2), outputs = net.out.weight.extent(2);
  ArrayRef<int64_t> places = rows.getShape().drop_back();
  SmallVector<int64_t> shape(places);
  shape.push_back(outputs);
  return isa<FloatType>(element) && weights.getElementType() == element &&
         !experts.isDynamicDim(experts.getRank() - 1) &&
         // Condition 9 of recognize-experts.
         succeeded(verifyCompatibleShape(weights, experts)) &&
         // Condition 9 of recognize-experts.
         succeeded(verifyCompatibleShape(places, experts.getShape().drop_back())) &&
         // Condition 9 of recognize-experts.
         succeeded(verifyCompatibleShape(shape, cast<ShapedType>(result).getShape())) &&
         // Condition 10 of recognize-experts.
         hasShape(net.in, {count, inputs, hidden}, element) &&
         // Condition 10 of recognize-experts.
         hasShape(net.out, {count, hidden, outputs}, element) &&
         // Condition 10 of recognize-experts.
         (!net.gate || hasShape(*net.gate, {count, inputs, hidden}, element));
}

Value build(OpBuilder &b, Location loc, const ExpertNet &net, Value input, const Routing &given,
            Type result) {
  bool fine = true;
  auto written = [&](const ConstantView &view) {
    Value value = view.build(b, loc);
    fine &= bool(value);
    return value;
  };
  auto bias = [&](const ExpertProduct &product) {
    return product.bias ? written(*product.bias) : Value();
  };
  Value in = written(net.in.weight), inBias = bias(net.in), gate, gateBias,
        out = written(net.out.weight), outBias = bias(net.out);
  if (net.gate) {
    gate = written(net.gate->weight);
    gateBias = bias(*net.gate);
  }
  if (!fine)
    return {};
  Routing routing = canonical(b, loc, given);
  return layer::ExpertsOp::create(b, loc, result, input, routing.weights, routing.experts, in,
                                  inBias, gate, gateBias, out, outBias, net.activation,
                                  APFloat(net.alpha));
}

} // namespace strut::recognize
