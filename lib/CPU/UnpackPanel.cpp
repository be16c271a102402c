//===- UnpackPanel.cpp - A weight of one panel as a memref ----------------===//
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"

using namespace mlir;

namespace strut::cpu {

/// A weight all of whose elements lie in one panel: a transposition.
static bool isOnePanel(kernel::PackedType type) {
  auto panels = dyn_cast<PanelsAttr>(type.getLayout());
  RankedTensorType logical = type.getLogical();
  return panels && panels.getCols().size() == 1 &&
         logical.getRank() == int64_t(panels.getRows().size()) + 1 &&
         logical.getDimSize(panels.getCols()[0]) <= panels.getN();
}

LogicalResult unpackPanel(OpBuilder &host, Value &operand, AffineMap &map) {
  auto type = cast<kernel::PackedType>(operand.getType());
  if (!isOnePanel(type))
    return failure();
  auto panels = cast<PanelsAttr>(type.getLayout());
  RankedTensorType logical = type.getLogical();
  SmallVector<int64_t> dims(panels.getRows());
  llvm::append_range(dims, panels.getCols());
  SmallVector<int64_t> sizes, strides(dims.size(), 1);
  SmallVector<AffineExpr> results;
  for (int64_t d : dims) {
    sizes.push_back(logical.getDimSize(d));
    results.push_back(map.getResult(d));
  }
  int64_t stride = panels.getN();
  for (size_t i = dims.size() - 1; i-- > 0; stride *= sizes[i])
    strides[i] = stride;
  Value memory = operand.getDefiningOp<UnrealizedConversionCastOp>().getOperand(0);
  auto layout = StridedLayoutAttr::get(host.getContext(), 0, strides);
  operand = memref::ReinterpretCastOp::create(
      host, operand.getLoc(), MemRefType::get(sizes, logical.getElementType(), layout), memory,
      /*offset=*/0, sizes, strides);
  map = AffineMap::get(map.getNumDims(), 0, results, host.getContext());
  return success();
}

} // namespace strut::cpu
