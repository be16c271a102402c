//===- SplitMaps.cpp - Layers of the parts in which one is read ------------===//
//
// (x W)[..., i:j] = x W[:, i:j], so that a part of a fused layer can merge with what is added to
// it.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "Sums.h"
#include "strut/Recognize/Operands.h"
#include "strut/Rewrite/Passes.h"

namespace strut::rewrite {
#define GEN_PASS_DEF_SPLITMAPS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Matrix;
using onnx_ir::Op;

/// Features `start` to `start + count` of a layer.
struct Part {
  Value value;
  int64_t start, count;
};

bool appendSplit(Op<"Split"> split, int64_t rank, SmallVectorImpl<Part> &parts) {
  if (recognize::axisOf(split, "axis", 0, rank) != rank - 1)
    return false;
  int64_t start = 0;
  for (Value part : split->getResults()) {
    auto type = dyn_cast<RankedTensorType>(part.getType());
    if (!type || type.getRank() != rank || type.isDynamicDim(rank - 1))
      return false;
    parts.push_back({part, start, type.getShape().back()});
    start += parts.back().count;
  }
  return true;
}

bool appendSlice(Op<"Slice"> slice, RankedTensorType whole, SmallVectorImpl<Part> &parts) {
  auto extent = [&](int64_t axis) {
    return whole.isDynamicDim(axis) ? -1 : whole.getDimSize(axis);
  };
  auto ranges = recognize::slicesOf(slice, whole.getRank(), extent);
  if (!ranges || ranges->size() != 1)
    return false;
  const recognize::SliceRange &range = ranges->front();
  if (range.axis != whole.getRank() - 1)
    return false;
  // Condition 1 of split-maps.
  if (range.step != 1)
    return false;
  parts.push_back({slice->getResult(0), range.start, range.count});
  return true;
}

/// The parts in which a layer is read, from the first feature on; none where something reads it
/// otherwise.
SmallVector<Part> partsOf(layer::LinearOp map) {
  RankedTensorType whole = map.getType();
  SmallVector<Part> parts;
  for (Operation *user : map->getUsers()) {
    auto split = dyn_cast<Op<"Split">>(user);
    auto slice = dyn_cast<Op<"Slice">>(user);
    // Condition 1 of split-maps.
    if (!(split && appendSplit(split, whole.getRank(), parts)) &&
        !(slice && appendSlice(slice, whole, parts)))
      return {};
  }
  llvm::sort(parts, [](const Part &a, const Part &b) { return a.start < b.start; });
  for (auto [a, b] : llvm::zip(parts, llvm::drop_begin(parts)))
    // Condition 4 of split-maps.
    if (a.start + a.count > b.start)
      return {};
  return parts;
}

/// Whether a map of what the layer reads is added to a part, and nothing else done with it.
bool isUpdated(layer::LinearOp map, const Part &part) {
  // Condition 2 of split-maps.
  if (!part.value.hasOneUse())
    return false;
  Operation *sum = *part.value.user_begin();
  if (!isa<Op<"Add">, Op<"Sum">>(sum))
    return false;
  return llvm::any_of(sum->getOperands(), [&](Value addend) {
    return addend != part.value && addend.getDefiningOp<layer::LinearOp>() &&
           // Condition 2 of split-maps.
           llvm::is_contained(rootsOf(addend), map.getInput());
  });
}

bool maySplit(layer::LinearOp map, ArrayRef<Part> parts, bool reducedPrecision) {
  auto hasType = [&](const Part &part) {
    SmallVector<int64_t> shape(map.getType().getShape());
    shape.back() = part.count;
    return part.value.getType() == map.getType().clone(shape);
  };
  return
      // Condition 3 of split-maps.
      isConstantOf(map.getWeight(), map) &&
      // Condition 3 of split-maps.
      (!map.getBias() || isConstantOf(map.getBias(), map)) &&
      // Condition 5 of split-maps.
      mayCombine(map.getType().getElementType(), reducedPrecision) &&
      llvm::all_of(parts, hasType) &&
      // Condition 2 of split-maps.
      llvm::any_of(parts, [&](const Part &part) { return isUpdated(map, part); });
}

/// The layer of one part.
Value layerOf(OpBuilder &b, layer::LinearOp map, const Part &part, const Matrix &weight,
              ArrayRef<double> bias) {
  Location loc = rewritten("split-maps", map.getLoc());
  Type element = map.getType().getElementType();
  Matrix columns(weight.rows(), part.count);
  for (int64_t k = 0; k < weight.rows(); ++k)
    for (int64_t n = 0; n < part.count; ++n)
      columns(k, n) = weight(k, part.start + n);
  Value w = writeConstant(b, loc, RankedTensorType::get({weight.rows(), part.count}, element),
                          {columns.data(), size_t(weight.rows() * part.count)});
  Value added;
  if (!bias.empty())
    added = writeConstant(b, loc, RankedTensorType::get({part.count}, element),
                          bias.slice(part.start, part.count));
  return layer::LinearOp::create(b, loc, part.value.getType(), map.getInput(), w, added);
}

struct SplitMaps : impl::SplitMapsBase<SplitMaps> {
  using SplitMapsBase::SplitMapsBase;

  void runOnOperation() override {
    SmallVector<layer::LinearOp> maps;
    getOperation().walk([&](layer::LinearOp map) { maps.push_back(map); });
    for (layer::LinearOp map : maps) {
      SmallVector<Part> parts = partsOf(map);
      if (parts.size() > 1 && maySplit(map, parts, reducedPrecision))
        split(map, parts);
    }
  }

private:
  void split(layer::LinearOp map, ArrayRef<Part> parts) {
    std::optional<Matrix> weight = readMatrix(map.getWeight());
    auto bias = map.getBias() ? readConstant(map.getBias()) : std::vector<double>();
    if (!weight || !bias)
      return;
    OpBuilder b(map);
    llvm::SmallSetVector<Operation *, 4> readers;
    for (const Part &part : parts) {
      readers.insert(part.value.getDefiningOp());
      Value(part.value).replaceAllUsesWith(layerOf(b, map, part, *weight, *bias));
    }
    for (Operation *reader : readers)
      reader->erase();
    map->erase();
    numParts += parts.size();
  }
};

} // namespace
} // namespace strut::rewrite
