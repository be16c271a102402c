//===- RecognizeMaps.cpp - Linear maps in any spelling --------------------===//
#include "strut/Recognize/Maps.h"
#include "strut/Recognize/Passes.h"

namespace strut::recognize {
#define GEN_PASS_DEF_RECOGNIZEMAPS
#include "strut/Recognize/Passes.h.inc"
} // namespace strut::recognize

using namespace mlir;

namespace strut::recognize {
namespace {

using onnx_ir::Op;

/// The most products that one feature passes, one after the other.
unsigned depthOf(const Chain &chain) {
  unsigned depth = 0;
  for (const auto &step : chain) {
    depth += step->as<Product>() != nullptr;
    unsigned deepest = 0;
    if (auto *terms = step->as<Terms>())
      for (const Chain &term : terms->chains)
        deepest = std::max(deepest, depthOf(term));
    depth += deepest;
  }
  return depth;
}

/// Whether the region is one layer in operators that say it as well: a convolution, a part of
/// the features, a normalisation behind it.
bool isSingleLayer(const MapRegion &region) {
  auto has = [&](auto test) { return llvm::any_of(region.ops, test); };
  return depthOf(region.chain) < 2 && !has(llvm::IsaPred<Op<"Concat">>) &&
         (region.tokensBehind > 0 || has(llvm::IsaPred<Op<"Split">, Op<"BatchNormalization">>));
}

struct RecognizeMaps : impl::RecognizeMapsBase<RecognizeMaps> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      for (MapRegion &region : regionsOf(block))
        rebuild(region);
  }

  void rebuild(MapRegion &region) {
    numRegions += 1;
    if (isSingleLayer(region))
      return;
    if (!region.isCanonical())
      numRebuilt += succeeded(replace(region, "recognize-maps"));
    else if (StringRef form = formOf(region.chain, region.inputs()); form != "dense")
      // It stands there as it would be written.
      region.exit().getDefiningOp()->setAttr(kFormAttr, StringAttr::get(&getContext(), form));
  }
};

} // namespace
} // namespace strut::recognize
