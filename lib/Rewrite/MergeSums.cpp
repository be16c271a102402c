//===- MergeSums.cpp - merge sums of maps of one input ---------------------===//
//
// x W1 + x W2 = x (W1 + W2), and the maps of zero go: docs/algebra.md, laws 1 to 3.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "MapValues.h"
#include "Sums.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <map>

namespace strut::rewrite {
#define GEN_PASS_DEF_MERGESUMS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Affine;
using recognize::Chain;
using recognize::Product;
using recognize::Terms;

/// FLOPs of products of weights above which they are not computed.
constexpr double kMostWork = 1e12;

SmallVector<Location> locationsOf(const Chain &chain) {
  SmallVector<Location> all;
  for (const auto &step : chain) {
    llvm::append_range(all, step->locations);
    if (auto *terms = step->as<Terms>())
      for (const Chain &term : terms->chains)
        llvm::append_range(all, locationsOf(term));
  }
  return all;
}

/// Whether every step is one whose numbers are finite.
bool isFinite(const Chain &chain) {
  auto areFinite = [](const std::vector<double> &values) {
    return llvm::all_of(values, [](double value) { return std::isfinite(value); });
  };
  return llvm::all_of(chain, [&](const auto &step) {
    if (auto *product = step->template as<Product>()) {
      std::optional<std::vector<double>> values = product->weight.numbers();
      return values && areFinite(*values);
    }
    if (auto *terms = step->template as<Terms>())
      return llvm::all_of(terms->chains, isFinite);
    if (auto *shift = step->template as<recognize::Shift>())
      return areFinite(shift->values);
    return true;
  });
}

/// A map that gives the same for every input, as that; none for another.
std::optional<std::vector<double>> asConstant(const Chain &chain, int64_t inputs) {
  auto zero = llvm::find_if(chain, [](const auto &step) {
    auto *diagonal = step->template as<algebra::Diagonal>();
    return diagonal && llvm::all_of(diagonal->scale, [](double s) { return s == 0; });
  });
  if (zero == chain.end())
    return std::nullopt;
  // Condition 2 of merge-sums.
  if (!isFinite(chain))
    return std::nullopt;
  int64_t features = (*zero)->as<algebra::Diagonal>()->scale.size();
  std::optional<Affine> rest = affineOf(Chain(zero + 1, chain.end()), features);
  if (!rest)
    return std::nullopt;
  algebra::Matrix made = rest->apply(algebra::Matrix(1, features));
  std::vector<double> values(made.cols());
  for (int64_t i = 0; i < made.cols(); ++i)
    values[i] = made(0, i);
  return values;
}

/// One matrix, factors and addends.
bool isDense(const Chain &chain) {
  unsigned products = 0;
  for (const auto &step : chain) {
    auto *product = step->as<Product>();
    if ((product && product->blocks() > 1) || step->as<Terms>())
      return false;
    products += product != nullptr;
  }
  return products == 1;
}

//===----------------------------------------------------------------------===//
// Low-rank terms beside each other
//===----------------------------------------------------------------------===//

/// Where the second matrix of a low-rank term begins; none for other terms.
std::optional<size_t> secondOf(const Chain &chain) {
  SmallVector<size_t> products;
  for (auto [i, step] : llvm::enumerate(chain)) {
    auto *product = step->as<Product>();
    bool isMatrix = product && product->blocks() == 1;
    if (!isMatrix && !step->as<algebra::Diagonal>() && !step->as<recognize::Shift>())
      return std::nullopt;
    if (isMatrix)
      products.push_back(i);
  }
  return products.size() == 2 ? std::optional(products[1]) : std::nullopt;
}

/// x A1 B1 + x A2 B2 + ... = x [A1 A2 ...] [B1; B2; ...] in two steps; null where a number
/// cannot be read or is not finite in its type.
std::optional<Chain> stackOf(ArrayRef<Chain> terms, Type element, int64_t inputs) {
  std::vector<Affine> downs, ups;
  SmallVector<Location> nodes;
  int64_t rank = 0;
  for (const Chain &term : terms) {
    auto second = term.begin() + int64_t(*secondOf(term));
    std::optional<Affine> down = affineOf(Chain(term.begin(), second), inputs);
    int64_t between = down ? down->map.shape().outputs : 0;
    std::optional<Affine> up = down ? affineOf(Chain(second, term.end()), between) : std::nullopt;
    if (!up)
      return std::nullopt;
    rank += between;
    downs.push_back(std::move(*down));
    ups.push_back(std::move(*up));
    llvm::append_range(nodes, locationsOf(term));
  }
  int64_t outputs = ups.front().map.shape().outputs, at = 0;
  algebra::Matrix wide(inputs, rank), tall(rank, outputs);
  std::vector<double> between, addend(outputs);
  for (auto [down, up] : llvm::zip(downs, ups)) {
    algebra::Matrix a = down.map.materialise(), b = up.map.materialise();
    down.bias.resize(a.cols());
    up.bias.resize(outputs);
    llvm::append_range(between, down.bias);
    for (int64_t n = 0; n < outputs; ++n)
      addend[n] += up.bias[n];
    for (int64_t r = 0; r < a.cols(); ++r, ++at) {
      for (int64_t k = 0; k < inputs; ++k)
        wide(k, at) = a(k, r);
      for (int64_t n = 0; n < outputs; ++n)
        tall(at, n) = b(r, n);
    }
  }
  Chain stack;
  bool fits = appendDense(stack, {algebra::Map::dense(std::move(wide)), between}, element, nodes) &&
              appendDense(stack, {algebra::Map::dense(std::move(tall)), addend}, element, nodes);
  return fits ? std::optional(std::move(stack)) : std::nullopt;
}

/// Merges sums. What is to be formed, and whether it is worth it, is known before any number is
/// multiplied: a plan has weights of the right shape without numbers.
class SumMerger {
public:
  enum Mode { Plan, Form };
  SumMerger(Type element, Mode mode) : element(element), mode(mode) {}

  /// The map with its sums merged; numbers say how often something was.
  Chain merge(const Chain &chain, int64_t inputs);

  unsigned merged = 0, dropped = 0, stacked = 0;
  unsigned times() const { return merged + dropped + stacked; }

private:
  void merge(Chain &into, const Terms &terms, ArrayRef<Location> locations, int64_t inputs);
  void stack(std::vector<Chain> &terms, int64_t inputs);
  std::optional<Chain> denseOf(std::vector<Chain> terms, ArrayRef<Location> locations,
                               int64_t inputs);
  /// A weight without numbers.
  void appendPlanned(Chain &chain, int64_t inputs, int64_t outputs, Location loc);

  Type element;
  Mode mode;
};

void SumMerger::appendPlanned(Chain &chain, int64_t inputs, int64_t outputs, Location loc) {
  auto type = RankedTensorType::get({1, inputs, outputs}, element);
  auto zeros = DenseElementsAttr::get(type, Builder(loc.getContext()).getZeroAttr(element));
  recognize::append(chain, {Product{recognize::ConstantView::whole(zeros, loc)}, {loc}});
}

/// Makes one of the low-rank terms.
void SumMerger::stack(std::vector<Chain> &terms, int64_t inputs) {
  std::vector<Chain> lowRank, others;
  for (const Chain &term : terms)
    (secondOf(term) ? lowRank : others).push_back(term);
  if (lowRank.size() < 2)
    return;
  std::optional<Chain> stack;
  if (mode == Form) {
    stack = stackOf(lowRank, element, inputs);
  } else {
    int64_t rank = 0, outputs = recognize::outputsOf(lowRank.front(), inputs);
    for (const Chain &term : lowRank)
      rank += recognize::outputsOf(Chain(term.begin(), term.begin() + int64_t(*secondOf(term))),
                                   inputs);
    Location loc = locationsOf(lowRank.front()).front();
    stack.emplace();
    appendPlanned(*stack, inputs, rank, loc);
    appendPlanned(*stack, rank, outputs, loc);
  }
  if (stack) {
    terms = std::move(others);
    terms.push_back(std::move(*stack));
    stacked += lowRank.size() - 1;
  }
}

/// One matrix of all terms; none where a number cannot be read or is not finite in its type.
std::optional<Chain> SumMerger::denseOf(std::vector<Chain> terms, ArrayRef<Location> locations,
                                        int64_t inputs) {
  Chain dense;
  if (mode == Plan) {
    appendPlanned(dense, inputs, recognize::outputsOf(terms.front(), inputs), locations.front());
    return dense;
  }
  SmallVector<Location> all(locations);
  for (const Chain &term : terms)
    llvm::append_range(all, locationsOf(term));
  recognize::Step sum{Terms{std::move(terms)}, {locations.front()}};
  auto whole = affineOf({std::make_shared<const recognize::Step>(std::move(sum))}, inputs);
  return whole && appendDense(dense, *whole, element, all) ? std::optional(dense) : std::nullopt;
}

void SumMerger::merge(Chain &into, const Terms &terms, ArrayRef<Location> locations,
                      int64_t inputs) {
  std::vector<Chain> kept;
  std::vector<double> constant;
  SmallVector<Location, 2> nodes(locations);
  for (const Chain &original : terms.chains) {
    Chain term = merge(original, inputs);
    if (std::optional<std::vector<double>> values = asConstant(term, inputs)) {
      constant.resize(values->size());
      for (auto [total, value] : llvm::zip_equal(constant, *values))
        total += value;
      llvm::append_range(nodes, locationsOf(term));
      ++dropped;
      continue;
    }
    kept.push_back(std::move(term));
  }
  // All terms constant is no map any more.
  if (kept.empty()) {
    kept = terms.chains;
    dropped -= unsigned(kept.size());
    constant.clear();
  }
  int64_t outputs = recognize::outputsOf(kept.front(), inputs);
  double work = 2.0 * double(inputs) * double(inputs) * double(outputs) * double(kept.size());
  bool pays =
      // Condition 1 of merge-sums.
      llvm::any_of(kept, isDense);
  if (kept.size() > 1 && pays && work < kMostWork)
    if (std::optional<Chain> dense = denseOf(kept, locations, inputs)) {
      merged += kept.size() - 1;
      kept = {std::move(*dense)};
    }
  stack(kept, inputs);
  if (kept.size() == 1)
    for (const auto &step : kept.front())
      recognize::append(into, *step);
  else
    recognize::append(into, {Terms{std::move(kept)}, nodes});
  if (llvm::any_of(constant, [](double value) { return value != 0; }))
    recognize::append(into, {recognize::Shift{std::move(constant)}, nodes});
}

Chain SumMerger::merge(const Chain &chain, int64_t inputs) {
  Chain result;
  for (const auto &step : chain) {
    if (auto *terms = step->as<Terms>())
      merge(result, *terms, step->locations, inputs);
    else
      recognize::append(result, *step);
    inputs = recognize::outputsOf({step}, inputs);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The order of addends
//===----------------------------------------------------------------------===//

/// On the sum of a group, while it is not known whether it merges: the number of the whole sum.
constexpr StringLiteral kGroupAttr = "strut.group";

using onnx_ir::Op;

/// Erases a sum without readers, and its parts that lose theirs.
void eraseSum(Operation *sum) {
  SmallVector<Value> operands(sum->getOperands());
  sum->erase();
  for (Value operand : operands) {
    Operation *op = operand.getDefiningOp();
    if (isa_and_present<Op<"Add">, Op<"Sum">>(op) &&
        // Condition 6 of merge-sums.
        op->use_empty())
      eraseSum(op);
  }
}

/// Addends that are maps of one value, or one alone.
struct Group {
  SmallVector<Value> addends, roots;
  bool hasMap = false;
};

/// The addends of a sum in groups; none where that is no other order.
SmallVector<Group> groupsOf(Operation *sum, bool reducedPrecision) {
  SmallVector<Value> addends;
  RankedTensorType type = addendsOf(sum->getResult(0), reducedPrecision, addends);
  if (!type || addends.size() < 3)
    return {};
  SmallVector<Group> groups;
  for (Value addend : addends) {
    SmallVector<Value> roots = rootsOf(addend);
    bool isMap = addend.getDefiningOp<layer::LinearOp>();
    Group *group = llvm::find_if(groups, [&](const Group &other) {
      return
          // Condition 6 of merge-sums.
          other.addends.front().getType() == type &&
          // Condition 6 of merge-sums.
          (isMap || other.hasMap) &&
          llvm::any_of(roots, [&](Value r) { return llvm::is_contained(other.roots, r); });
    });
    if (group == groups.end())
      group = &groups.emplace_back();
    group->addends.push_back(addend);
    llvm::append_range(group->roots, roots);
    group->hasMap |= isMap;
  }
  return groups.size() < 2 || groups.size() == addends.size() ? SmallVector<Group>() : groups;
}

/// Adds maps of one value before anything else, so that they are next to each other:
/// x + t + x W = (x + x W) + t. Their sums are marked with a number.
void group(Operation *sum, int64_t number, bool reducedPrecision) {
  SmallVector<Group> groups = groupsOf(sum, reducedPrecision);
  if (groups.empty())
    return;
  OpBuilder b(sum);
  SmallVector<Value> parts;
  for (bool several : {true, false})
    for (const Group &group : groups)
      if ((group.addends.size() > 1) == several) {
        parts.push_back(sumOf(b, sum->getLoc(), group.addends));
        if (several)
          parts.back().getDefiningOp()->setAttr(kGroupAttr, b.getI64IntegerAttr(number));
      }
  sum->replaceAllUsesWith(sumOf(b, sum->getLoc(), parts).getDefiningOp());
  eraseSum(sum);
}

bool isPartOfSum(Operation *op) {
  Value value = op->getResult(0);
  return value.hasOneUse() && isa<Op<"Add">, Op<"Sum">>(*value.user_begin()) &&
         value.user_begin()->getResult(0).getType() == value.getType();
}

bool hasSums(const Chain &chain) {
  return llvm::any_of(chain, [](const auto &step) { return step->template as<Terms>(); });
}

/// All sums that are no part of another.
SmallVector<Operation *> wholeSums(func::FuncOp function) {
  SmallVector<Operation *> sums;
  function.walk([&](Operation *op) {
    if (isa<Op<"Add">, Op<"Sum">>(op) && !isPartOfSum(op))
      sums.push_back(op);
  });
  return sums;
}

/// How many sums of groups are marked, by the number of the whole sum.
std::map<int64_t, unsigned> marked(func::FuncOp function) {
  std::map<int64_t, unsigned> numbers;
  function.walk([&](Operation *op) {
    if (auto number = op->getAttrOfType<IntegerAttr>(kGroupAttr))
      ++numbers[number.getInt()];
  });
  return numbers;
}

struct MergeSums : impl::MergeSumsBase<MergeSums> {
  using MergeSumsBase::MergeSumsBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    SmallVector<Operation *> sums = wholeSums(function);
    for (int64_t number : numbersOfMerging(function, sums))
      group(sums[number], number, reducedPrecision);
    auto [merged, dropped, stacked] = run(function);
    numMerged += merged;
    numDropped += dropped;
    numStacked += stacked;
    function.walk([](Operation *op) { op->removeAttr(kGroupAttr); });
  }

private:
  using Counts = std::tuple<unsigned, unsigned, unsigned>;

  /// The numbers of the sums that merge when their addends are in groups, which is tried on a copy:
  /// where nothing comes of it, the order and with it the bits stay.
  SmallVector<int64_t> numbersOfMerging(func::FuncOp function, ArrayRef<Operation *> sums) {
    auto isGrouped = [&](Operation *sum) { return !groupsOf(sum, reducedPrecision).empty(); };
    if (llvm::none_of(sums, isGrouped))
      return {};
    OwningOpRef<func::FuncOp> copy(function.clone());
    for (auto [number, sum] : llvm::enumerate(wholeSums(*copy)))
      group(sum, int64_t(number), reducedPrecision);
    std::map<int64_t, unsigned> before = marked(*copy);
    run(*copy);
    std::map<int64_t, unsigned> after = marked(*copy);
    SmallVector<int64_t> merging;
    for (auto [number, groups] : before)
      // Condition 7 of merge-sums.
      if (after[number] < groups)
        merging.push_back(number);
    return merging;
  }

  Counts run(func::FuncOp function) {
    Counts counts;
    for (Block &block : function.getBody())
      for (recognize::MapRegion &region : recognize::regionsOf(block))
        run(region, counts);
    return counts;
  }

  void run(recognize::MapRegion &region, Counts &counts) {
    Type element = cast<RankedTensorType>(region.root().getType()).getElementType();
    if (!hasSums(region.chain) || region.tokensBehind > 0)
      return;
    // Condition 4 of merge-sums.
    if (!mayCombine(element, reducedPrecision))
      return;
    SumMerger plan(element, SumMerger::Plan), merger(element, SumMerger::Form);
    Chain planned = plan.merge(region.chain, region.inputs());
    // Condition 3 of merge-sums.
    if (elementsOf(planned) > ownedElements(region))
      return;
    Chain chain = merger.merge(region.chain, region.inputs());
    if (merger.times() == 0)
      return;
    bool isLora = recognize::formOf(region.chain, region.inputs()) == "lora";
    region.chain = std::move(chain);
    if (failed(recognize::replace(region, "merge-sums")))
      return;
    if (isLora && merger.merged > 0)
      region.ops.back()->setAttr(layer::kKindAttr, StringAttr::get(&getContext(), "lora"));
    auto &[merged, dropped, stacked] = counts;
    merged += merger.merged;
    dropped += merger.dropped;
    stacked += merger.stacked;
  }
};

} // namespace
} // namespace strut::rewrite
