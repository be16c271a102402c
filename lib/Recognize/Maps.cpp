//===- Maps.cpp - Steps of a map ------------------------------------------===//
#include "strut/Recognize/Maps.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;

namespace strut::recognize {

using algebra::Diagonal;
using algebra::Selection;

static bool isPermutation(const Selection &selection) {
  std::vector<bool> seen(selection.inputs);
  for (int64_t from : selection.from) {
    if (from < 0 || seen[from])
      return false;
    seen[from] = true;
  }
  return int64_t(selection.from.size()) == selection.inputs;
}

static bool isIdentity(const Selection &selection) {
  return selection.inputs == int64_t(selection.from.size()) &&
         llvm::all_of(llvm::enumerate(selection.from),
                      [](auto pair) { return int64_t(pair.index()) == pair.value(); });
}

/// values[n] becomes that of the feature that a permutation reads for n.
static std::vector<double> before(const Selection &selection, const std::vector<double> &values) {
  std::vector<double> result(values.size());
  for (auto [from, value] : llvm::zip_equal(selection.from, values))
    result[from] = value;
  return result;
}

/// Two steps as one, if they can be.
static std::optional<Step> join(const Step &a, const Step &b) {
  Step joined = b;
  if (auto *first = a.as<Selection>(), *second = b.as<Selection>(); first && second) {
    Selection both{first->inputs, {}};
    for (int64_t from : second->from)
      both.from.push_back(from < 0 ? -1 : first->from[from]);
    joined.what = std::move(both);
  } else if (auto *first = a.as<Diagonal>(), *second = b.as<Diagonal>(); first && second) {
    Diagonal both = *first;
    for (auto [value, other] : llvm::zip_equal(both.scale, second->scale))
      value *= other;
    joined.what = std::move(both);
  } else if (auto *first = a.as<Shift>(), *second = b.as<Shift>(); first && second) {
    Shift both = *first;
    for (auto [value, other] : llvm::zip_equal(both.values, second->values))
      value += other;
    joined.what = std::move(both);
  } else {
    return std::nullopt;
  }
  joined.locations = a.locations;
  joined.locations.append(b.locations);
  return joined;
}

/// Takes zeros that a matrix would meet out of both: rows that meet them add nothing, those that
/// meet constants an addend. With selection, factors t and addends s at the end of the chain,
///     (x[from] t + s) W = (x[from'] t' + s') W' + s'' W'',
/// W' being the rows whose place in `from` reads a feature, W'' the others. False, with nothing
/// changed, where there are none.
static bool appendWithoutZeros(Chain &chain, const Step &step) {
  const Product &product = *step.as<Product>();
  size_t at = chain.size();
  const Shift *shift = at > 0 ? chain[at - 1]->as<Shift>() : nullptr;
  at -= shift != nullptr;
  const Diagonal *diagonal = at > 0 ? chain[at - 1]->as<Diagonal>() : nullptr;
  at -= diagonal != nullptr;
  const Selection *selection = at > 0 ? chain[at - 1]->as<Selection>() : nullptr;
  if (!selection || product.blocks() != 1)
    return false;
  SmallVector<int64_t> kept, zeros;
  for (auto [n, from] : llvm::enumerate(selection->from))
    (from < 0 ? zeros : kept).push_back(n);
  if (zeros.empty() || kept.empty())
    return false;
  auto rest = product.weight.selected(1, kept), gone = product.weight.selected(1, zeros);
  auto rows = rest && gone ? gone->numbers() : std::nullopt;
  // Condition 9 of recognize-maps.
  if (!rows || !llvm::all_of(*rows, [](double number) { return std::isfinite(number); }))
    return false;
  Step read = *chain[at - 1];
  read.what = Selection{selection->inputs, {}};
  Diagonal factors;
  Shift addends, made{std::vector<double>(product.outputs())};
  for (int64_t n : kept) {
    std::get<Selection>(read.what).from.push_back(selection->from[n]);
    factors.scale.push_back(diagonal ? diagonal->scale[n] : 1);
    addends.values.push_back(shift ? shift->values[n] : 0);
  }
  for (auto [row, n] : llvm::enumerate(zeros))
    for (int64_t out = 0; shift && out < product.outputs(); ++out)
      made.values[out] += shift->values[n] * (*rows)[row * product.outputs() + out];
  auto isZero = [](double number) { return number == 0; };
  chain.resize(at - 1);
  append(chain, read);
  append(chain, {std::move(factors), read.locations});
  if (!llvm::all_of(addends.values, isZero))
    append(chain, {std::move(addends), read.locations});
  append(chain, {Product{*rest}, step.locations});
  if (!llvm::all_of(made.values, isZero))
    append(chain, {std::move(made), step.locations});
  return true;
}

void append(Chain &chain, Step step) {
  if (step.as<Product>() && appendWithoutZeros(chain, step))
    return;
  if (auto *selection = step.as<Selection>(); selection && isIdentity(*selection))
    return;
  auto isOne = [](double factor) { return factor == 1; };
  if (auto *diagonal = step.as<Diagonal>(); diagonal && llvm::all_of(diagonal->scale, isOne))
    return;
  if (!chain.empty()) {
    if (std::optional<Step> joined = join(*chain.back(), step)) {
      chain.pop_back();
      return append(chain, std::move(*joined));
    }
    auto *selection = chain.back()->as<Selection>();
    if (selection && isPermutation(*selection) && (step.as<Diagonal>() || step.as<Shift>())) {
      if (auto *diagonal = step.as<Diagonal>())
        step.what = Diagonal{before(*selection, diagonal->scale)};
      else
        step.what = Shift{before(*selection, step.as<Shift>()->values)};
      std::shared_ptr<const Step> permutation = chain.back();
      chain.pop_back();
      append(chain, std::move(step));
      chain.push_back(std::move(permutation));
      return;
    }
  }
  chain.push_back(std::make_shared<const Step>(std::move(step)));
}

int64_t outputsOf(const Chain &chain, int64_t inputs) {
  for (const auto &step : llvm::reverse(chain)) {
    if (auto *product = step->as<Product>())
      return product->blocks() * product->outputs();
    if (auto *selection = step->as<Selection>())
      return selection->from.size();
    if (auto *diagonal = step->as<Diagonal>())
      return diagonal->scale.size();
    if (auto *shift = step->as<Shift>())
      return shift->values.size();
    for (const Chain &term : step->as<Terms>()->chains)
      if (!term.empty())
        return outputsOf(term, inputs);
  }
  return inputs;
}

unsigned countProducts(const Chain &chain) {
  unsigned count = 0;
  for (const auto &step : chain) {
    count += step->as<Product>() != nullptr;
    if (auto *terms = step->as<Terms>())
      for (const Chain &term : terms->chains)
        count += countProducts(term);
  }
  return count;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// The form of a sum: one matrix and low-rank updates of it are LoRA.
static StringRef formOf(const Terms &terms, int64_t inputs) {
  unsigned dense = 0, lowRank = 0, other = 0;
  for (const Chain &term : terms.chains) {
    StringRef form = formOf(term, inputs);
    dense += form == "dense";
    lowRank += form == "lowrank";
    other += form != "dense" && form != "lowrank";
  }
  return dense == 1 && lowRank > 0 && other == 0 ? "lora" : "sum";
}

StringRef formOf(const Chain &chain, int64_t inputs) {
  SmallVector<const Product *> products;
  bool isMixed = false; // features change places between the first weight and the last
  bool moved = false;
  const Terms *sum = nullptr;
  unsigned sums = 0;
  for (const auto &step : chain) {
    if (auto *product = step->as<Product>()) {
      isMixed |= moved && !products.empty();
      moved = false;
      products.push_back(product);
    } else if (auto *terms = step->as<Terms>()) {
      sum = terms;
      sums += countProducts(chain) > 0;
    } else {
      moved |= step->as<Selection>() != nullptr;
    }
  }
  if (products.empty() && sums == 0)
    return "";
  if (sums > 0)
    return products.empty() && sums == 1 ? formOf(*sum, inputs) : "chain";
  auto isBlocks = [](const Product *product) { return product->blocks() > 1; };
  if (products.size() == 1)
    return isBlocks(products[0]) ? "blockdiagonal" : "dense";
  if (products.size() > 2)
    return "chain";
  const Product *first = products[0], *second = products[1];
  if (isBlocks(first) && isBlocks(second))
    return isMixed ? "blockshuffle" : "chain";
  if (isBlocks(first) || isBlocks(second))
    return "blockdense";
  return first->outputs() < std::min(first->inputs(), second->outputs()) ? "lowrank" : "chain";
}

} // namespace strut::recognize
