//===- Layers.cpp - What the layers of a model cost -----------------------===//
#include "strut/Cost/Layers.h"
#include "dialects/Onnx/Onnx.h"

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

double weightBytesOf(ModuleOp module) {
  double bytes = 0;
  module.walk([&](onnx_ir::Op<"Constant"> op) {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (type && type.hasStaticShape() && type.getElementType().isIntOrFloat())
      bytes += double(type.getNumElements()) * type.getElementTypeBitWidth() / 8;
  });
  return bytes;
}

std::vector<Phase> phasesOf(layer::ExpertsOp op, ExpertForm form, double rows) {
  llvm::ArrayRef<int64_t> in = op.getIn().getType().getShape();
  Experts what{double(in[0]), double(op.getNumChosen()),
               rows,          double(in[1]),
               double(in[2]), double(op.getOut().getType().getDimSize(2))};
  llvm::StringRef type = op.getInput().getType().getElementType().isF64() ? "f64" : "f32";
  bool isRouted = form == ExpertForm::Routed;
  std::vector<Phase> phases = isRouted ? routed(what, type) : stacked(what, type);
  // A gate is one more inner product.
  if (op.getGate())
    phases.push_back(phases[isRouted ? 1 : 0]);
  return phases;
}

} // namespace strut::cost
