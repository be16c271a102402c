//===- Layers.cpp - What the layers of a model cost -----------------------===//
#include "strut/Cost/Layers.h"

using namespace mlir;

namespace strut::cost {

std::vector<LayerWork> layersOf(ModuleOp module) {
  std::vector<LayerWork> layers;
  module.walk([&](layer::RowwiseOpInterface op) {
    std::optional<layer::Cost> none = op.getCost(0), one = op.getCost(1);
    if (none && one)
      layers.push_back({op, {one->flops - none->flops, one->bytes - none->bytes}, *none});
  });
  return layers;
}

} // namespace strut::cost
