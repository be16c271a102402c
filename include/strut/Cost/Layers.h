//===- Layers.h - What the layers of a model cost --------------*- C++ -*-===//
#ifndef STRUT_COST_LAYERS_H
#define STRUT_COST_LAYERS_H

#include "dialects/Layer/Layer.h"
#include "mlir/IR/BuiltinOps.h"
#include "strut/Cost/Time.h"
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

/// How a mixture of experts is computed.
enum class ExpertForm {
  Routed, ///< the nets that each row chose
  All     ///< all nets, those that a row did not choose times 0
};

/// The kernels of layer.experts on so many rows; its weights must have a static shape.
std::vector<Phase> phasesOf(layer::ExpertsOp op, ExpertForm form, double rows);

/// Bytes of all constants of a module.
double weightBytesOf(mlir::ModuleOp module);

} // namespace strut::cost

#endif // STRUT_COST_LAYERS_H
