//===- Parts.cpp - Tensors that are written part by part ------------------===//
#include "Parts.h"

using namespace mlir;

namespace strut::kernelize {

std::optional<SmallVector<Part>> partsOf(tensor::InsertSliceOp last) {
  SmallVector<Part> parts;
  Value value = last.getResult();
  while (auto insert = value.getDefiningOp<tensor::InsertSliceOp>()) {
    auto writer = insert.getSource().getDefiningOp<kernel::KernelOpInterface>();
    if (!writer || writer->getNumResults() != 1 || !writer->hasOneUse() ||
        writer->getBlock() != last->getBlock() || insert.getDroppedDims().any())
      return std::nullopt;
    Part part{insert, writer, {}};
    if (!part.slice() || part.slice().getSource() != insert.getDest())
      return std::nullopt;
    // Readers of what is not whole yet are the two ops that put the next part in.
    for (Operation *user : insert.getDest().getUsers())
      if (!isa<tensor::ExtractSliceOp>(user) && user != insert &&
          !insert.getDest().getDefiningOp<tensor::EmptyOp>())
        return std::nullopt;
    auto map = dyn_cast<kernel::MapOp>(writer.getOperation());
    if (map && asPureMove(map) && map.getMaps().back().isIdentity() &&
        map.getMaps()[0].isPermutation())
      part.read = map.getMaps()[0];
    parts.push_back(part);
    value = insert.getDest();
  }
  if (parts.size() < 2 || !value.getDefiningOp<tensor::EmptyOp>())
    return std::nullopt;
  std::reverse(parts.begin(), parts.end());
  return parts;
}

} // namespace strut::kernelize
