//===- ExpertSums.cpp - Experts as sums of one net each -------------------===//
#include "ExpertSpellings.h"
#include "strut/Recognize/Operands.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

/// layer.linear with constant operands.
static std::optional<ExpertProduct> linearProduct(Value value) {
  auto linear = value.getDefiningOp<layer::LinearOp>();
  std::optional<ConstantView> weight = linear ? ConstantView::of(linear.getWeight()) : std::nullopt;
  if (!weight)
    return std::nullopt;
  std::optional<ConstantView> bias;
  if (Value given = linear.getBias(); given && !(bias = ConstantView::of(given)))
    return std::nullopt;
  return ExpertProduct{linear.getInput(), *weight, bias};
}

namespace {
/// The weight of one expert for every row, [..., 1]: that of the choice that is `expert`.
struct Gate {
  Routing routing;
  int64_t expert;
};
/// A net of one expert, weighted.
struct Term {
  ExpertNet net;
  Gate gate;
  Type type;
};
} // namespace

/// experts == constant
static std::optional<std::pair<Value, int64_t>> comparisonOf(Value value) {
  auto equal = value.getDefiningOp<Op<"Equal">>();
  if (!equal)
    return std::nullopt;
  for (auto [experts, number] :
       {std::pair(equal.in("A"), equal.in("B")), {equal.in("B"), equal.in("A")}}) {
    auto expert = integersOf(number);
    if (expert && expert->size() == 1)
      return std::pair(experts, expert->front());
  }
  return std::nullopt;
}

/// weights where experts == constant, else 0, in the places of [..., k]
static std::optional<Gate> maskedWeights(Value value) {
  auto product = value.getDefiningOp<Op<"Mul">>();
  if (!product)
    return std::nullopt;
  for (auto [weights, mask] :
       {std::pair(product.in("A"), product.in("B")), {product.in("B"), product.in("A")}}) {
    auto cast = mask.getDefiningOp<Op<"Cast">>();
    auto compared = cast ? comparisonOf(cast.in("input")) : std::nullopt;
    if (compared)
      return Gate{{weights, compared->first}, compared->second};
  }
  return std::nullopt;
}

/// The sum of these over the choices.
static std::optional<Gate> gateOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto sum = value.getDefiningOp<Op<"ReduceSum">>();
  if (!type || type.getRank() < 1 || !sum)
    return std::nullopt;
  auto axes = integersOf(sum.in("axes"));
  auto keep = sum.attr<IntegerAttr>("keepdims");
  bool overChoices = axes && axes->size() == 1 && (!keep || keep.getInt() != 0) &&
                     (axes->front() == -1 || axes->front() == type.getRank() - 1);
  return overChoices ? maskedWeights(sum.in("data")) : std::nullopt;
}

static std::optional<Term> termOf(Value value) {
  auto product = value.getDefiningOp<Op<"Mul">>();
  if (!product)
    return std::nullopt;
  for (auto [net, weight] :
       {std::pair(product.in("A"), product.in("B")), {product.in("B"), product.in("A")}}) {
    std::optional<Gate> gate = gateOf(weight);
    std::optional<ExpertNet> read = gate ? readNet(net, linearProduct) : std::nullopt;
    if (read &&
        // Condition 9 of recognize-experts.
        succeeded(verifyCompatibleShape(net.getType(), value.getType())))
      return Term{*read, *gate, value.getType()};
  }
  return std::nullopt;
}

/// Whether nets read the same rows, and are chosen and weighted by the same numbers.
static bool areAlike(const Term &a, const Term &b) {
  // Condition 5 of recognize-experts.
  return a.net.input == b.net.input &&
         // Condition 5 of recognize-experts.
         a.gate.routing.experts == b.gate.routing.experts &&
         // Condition 5 of recognize-experts.
         a.gate.routing.weights == b.gate.routing.weights;
}

/// The terms of a sum that was written as additions of two.
static void flatten(Value value, SmallVectorImpl<Value> &terms, bool isRoot = true) {
  auto add = value.getDefiningOp<Op<"Add">>();
  if (!add || (!isRoot && !value.hasOneUse())) {
    terms.push_back(value);
    return;
  }
  flatten(add.in("A"), terms, false);
  flatten(add.in("B"), terms, false);
}

std::optional<Experts> readMasked(Op<"Add"> last, Doubt &doubt) {
  SmallVector<Value> values, others;
  flatten(last->getResult(0), values);
  std::map<int64_t, Term> terms;
  for (Value value : values) {
    std::optional<Term> term = termOf(value);
    const Term *first = terms.empty() ? nullptr : &terms.begin()->second;
    bool fits = term && (!first || areAlike(*first, *term));
    if (!fits || !terms.try_emplace(term->gate.expert, *term).second)
      others.push_back(value);
  }
  if (terms.size() < 2)
    return std::nullopt;
  const Term &first = terms.begin()->second;
  // What the router may give is what there is a net for, and no number is given twice.
  std::optional<int64_t> width = routerWidth(first.gate.routing.experts);
  bool isComplete = width &&
                    // Condition 2 of recognize-experts.
                    (terms.begin()->first == 0 && terms.rbegin()->first == *width - 1) &&
                    // Condition 2 of recognize-experts.
                    int64_t(terms.size()) == *width;
  if (!isComplete) {
    if (width && int64_t(terms.size()) < *width)
      doubt = llvm::formatv("the router chooses from {0} experts, but {1} are left in the file: "
                            "was it traced with rows that never reached the others?",
                            *width, terms.size());
    return std::nullopt;
  }
  std::vector<ExpertNet> nets;
  for (const auto &[number, term] : terms)
    nets.push_back(term.net);
  std::optional<ExpertNet> net = stack(nets);
  if (!net)
    return std::nullopt;
  return Experts{*net, first.net.input, first.gate.routing, first.type, others};
}

} // namespace strut::recognize
