//===- Layers.h - What the layers of a model cost --------------*- C++ -*-===//
#ifndef STRUT_COST_LAYERS_H
#define STRUT_COST_LAYERS_H

#include "dialects/Layer/Layer.h"
#include "mlir/IR/BuiltinOps.h"
#include <vector>

namespace strut::cost {

/// A layer whose cost is affine in its number of rows.
struct LayerWork {
  layer::RowwiseOpInterface op;
  layer::Cost perRow;  ///< what one more row adds
  layer::Cost atNoRow; ///< what is there without any: the weights' bytes
};

/// The rowwise layers of a module at the layer stage, in order; those whose weights
/// have no static shape are left out.
std::vector<LayerWork> layersOf(mlir::ModuleOp module);

/// Bytes of all constants of a module.
double weightBytesOf(mlir::ModuleOp module);

} // namespace strut::cost

#endif // STRUT_COST_LAYERS_H
