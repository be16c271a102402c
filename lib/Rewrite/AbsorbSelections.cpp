//===- AbsorbSelections.cpp - index maps into neighbouring weights ---------===//
//
// x[from] W = x W' with W'[from[k], :] = W[k, :], and (x W)[from] = x W[:, from]:
// docs/algebra.md, laws 8 and 9.
//
//===----------------------------------------------------------------------===//
#include "MapValues.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/STLExtras.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_ABSORBSELECTIONS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Selection;
using recognize::Chain;
using recognize::Product;
using recognize::Step;

/// Where each input is read, if every one is read once.
std::optional<std::vector<int64_t>> inverse(const Selection &selection) {
  std::vector<int64_t> places(selection.inputs, -1);
  for (auto [n, from] : llvm::enumerate(selection.from)) {
    // Condition 2 of absorb-selections.
    if (from < 0 || places[from] >= 0)
      return std::nullopt;
    places[from] = n;
  }
  // Condition 2 of absorb-selections.
  if (int64_t(selection.from.size()) != selection.inputs)
    return std::nullopt;
  return places;
}

std::optional<Step> withWeight(const Step &product, const Step &selection, unsigned axis,
                               ArrayRef<int64_t> from) {
  auto weight = product.as<Product>()->weight.selected(axis, from);
  if (!weight)
    return std::nullopt;
  Step step{Product{*weight}, product.locations};
  step.locations.append(selection.locations);
  return step;
}

/// Takes each index map into a dense weight beside it; how many there were.
unsigned absorb(Chain &chain) {
  unsigned count = 0;
  for (size_t i = 0; i < chain.size(); ++i) {
    auto *selection = chain[i]->as<Selection>();
    if (!selection)
      continue;
    auto isDense = [&](size_t at) {
      auto *product = at < chain.size() ? chain[at]->as<Product>() : nullptr;
      return product &&
             // Condition 4 of absorb-selections.
             product->blocks() == 1;
    };
    // Before it: a weight, and perhaps its addend; beyond the last step where there is none.
    bool hasShift = i > 0 && chain[i - 1]->as<recognize::Shift>();
    size_t before = i - 1 - hasShift;
    bool isRead = llvm::all_of(selection->from, [](int64_t from) { return from >= 0; });
    if (isDense(before) && isRead &&
        // Condition 1 of absorb-selections.
        int64_t(selection->from.size()) <= chain[before]->as<Product>()->outputs()) {
      if (auto step = withWeight(*chain[before], *chain[i], 2, selection->from)) {
        chain[before] = std::make_shared<const Step>(std::move(*step));
        if (hasShift) {
          recognize::Shift shift;
          for (int64_t from : selection->from)
            shift.values.push_back(chain[i - 1]->as<recognize::Shift>()->values[from]);
          chain[i - 1] = std::make_shared<const Step>(Step{shift, chain[i - 1]->locations});
        }
        chain.erase(chain.begin() + i--);
        ++count;
        continue;
      }
    }
    auto places = inverse(*selection);
    if (places && isDense(i + 1))
      if (auto step = withWeight(*chain[i + 1], *chain[i], 1, *places)) {
        chain[i + 1] = std::make_shared<const Step>(std::move(*step));
        chain.erase(chain.begin() + i--);
        ++count;
      }
  }
  return count;
}

/// What choose-forms says of the layer that a region ends with.
SmallVector<NamedAttribute> choiceOf(const recognize::MapRegion &region) {
  SmallVector<NamedAttribute> attributes;
  for (Operation *op : region.ops)
    for (StringRef name : {layer::kKindAttr, layer::kConsideredAttr, layer::kChosenAttr})
      if (Attribute value = op->getAttr(name))
        attributes.emplace_back(StringAttr::get(op->getContext(), name), value);
  return attributes;
}

struct AbsorbSelections : impl::AbsorbSelectionsBase<AbsorbSelections> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      for (recognize::MapRegion &region : recognize::regionsOf(block)) {
        if (region.tokensBehind > 0)
          continue;
        // Condition 3 of absorb-selections.
        if (!ownsWeights(region))
          continue;
        SmallVector<NamedAttribute> choice = choiceOf(region);
        unsigned count = absorb(region.chain);
        if (count == 0 || failed(recognize::replace(region, "absorb-selections")))
          continue;
        numAbsorbed += count;
        if (auto layer = dyn_cast<layer::LinearOp>(region.ops.back()))
          for (NamedAttribute attribute : choice)
            layer->setAttr(attribute.getName(), attribute.getValue());
      }
  }
};

} // namespace
} // namespace strut::rewrite
