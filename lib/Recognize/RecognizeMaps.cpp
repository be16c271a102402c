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

struct RecognizeMaps : impl::RecognizeMapsBase<RecognizeMaps> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      for (MapRegion &region : regionsOf(block))
        rebuild(region);
  }

  void rebuild(MapRegion &region) {
    numRegions += 1;
    if (!region.isCanonical())
      numRebuilt += succeeded(replace(region, "recognize-maps"));
    else if (StringRef form = formOf(region.chain, region.inputs()); form != "dense")
      // It stands there as it would be written.
      region.exit().getDefiningOp()->setAttr(kFormAttr, StringAttr::get(&getContext(), form));
  }
};

} // namespace
} // namespace strut::recognize
