//===- BoxPlan.cpp - Operands as tensors that bulk copies take boxes of ---===//
#include "BoxPlan.h"
#include "Addresses.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "strut/Runtime/tensor.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t lineUnit = 16; ///< bytes that strides are multiples of

std::optional<BoxPlan> planBoxes(MemRefType type, AffineMap map, ArrayRef<unsigned> along,
                                 ArrayRef<unsigned> steps, ArrayRef<unsigned> batch) {
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  if (!type.getLayout().isIdentity() || type.getRank() == 0 || bytes != 2 ||
      type.isDynamicDim(type.getRank() - 1) || type.getShape().back() * bytes % lineUnit)
    return std::nullopt;
  SmallVector<unsigned> order; // of the iteration space's dimensions, in memory
  for (AffineExpr e : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(e);
    if (!dim || llvm::is_contained(order, dim.getPosition()))
      return std::nullopt;
    order.push_back(dim.getPosition());
  }
  BoxPlan plan;
  auto takeGroup = [&](size_t at, ArrayRef<unsigned> group, BoxPlan::Role role) -> size_t {
    // All of a group lie together, in their order.
    if (group.empty() || ArrayRef(order).drop_front(at).take_front(group.size()) != group)
      return 0;
    BoxPlan::Dim dim{role, {}};
    for (size_t i = 0; i < group.size(); ++i)
      dim.results.push_back(at + i);
    plan.dims.insert(plan.dims.begin(), dim);
    return group.size();
  };
  unsigned groups = 0;
  for (size_t at = 0, taken; at < order.size(); at += taken) {
    taken = takeGroup(at, along, BoxPlan::Along);
    if (!taken)
      taken = takeGroup(at, steps, BoxPlan::Steps);
    groups += taken ? 1 : 0;
    if (taken)
      continue;
    if (!llvm::is_contained(batch, order[at]))
      return std::nullopt;
    taken = takeGroup(at, order[at], BoxPlan::Batch);
    plan.dims.front().batchDim = order[at];
  }
  if (groups != 2 || plan.dims.size() > BoxPlan::mostDims ||
      plan.dims.front().role == BoxPlan::Batch)
    return std::nullopt;
  return plan;
}

SmallVector<int64_t> BoxPlan::box(int64_t rows) const {
  SmallVector<int64_t> sides;
  for (const Dim &dim : dims)
    sides.push_back(dim.role == Batch                      ? 1
                    : dim.role == Along && !isTransposed() ? rows
                                                           : lineElements);
  return sides;
}

SmallVector<Value> BoxPlan::corner(OpBuilder &b, Location loc, Value row, Value step,
                                   ValueRange origin) const {
  I32 i{b, loc};
  SmallVector<Value> coordinates;
  for (const Dim &dim : dims)
    coordinates.push_back(i.from(dim.role == Along   ? row
                                 : dim.role == Steps ? step
                                                     : origin[dim.batchDim]));
  return coordinates;
}

SmallVector<Value> describeTensor(OpBuilder &host, Location loc, const BoxPlan &plan, Value operand,
                                  int64_t rows) {
  static_assert(sizeof(StrutTensorDescription) == tensorFields * sizeof(int64_t));
  auto constant = [&](int64_t value) { return indexConstant(host, loc, value); };
  auto type = cast<MemRefType>(operand.getType());
  int64_t bytes = type.getElementTypeBitWidth() / 8, boxes = 0;
  for (auto [d, side] : llvm::enumerate(plan.box(rows)))
    boxes |= side << (STRUT_BOX_BITS * d);
  SmallVector<Value> sizes, strides;
  Value stride = constant(bytes);
  for (const BoxPlan::Dim &dim : plan.dims) {
    SmallVector<Value> extents;
    for (unsigned result : dim.results)
      extents.push_back(memref::DimOp::create(host, loc, operand, result));
    sizes.push_back(product(host, loc, extents));
    stride = host.createOrFold<arith::MulIOp>(loc, stride, sizes.back());
    strides.push_back(stride);
  }
  SmallVector<Value> fields = {memref::ExtractAlignedPointerAsIndexOp::create(host, loc, operand),
                               constant(plan.dims.size()), constant(type.getElementType().isBF16()),
                               constant(boxes)};
  for (size_t d = 0; d < BoxPlan::mostDims; ++d)
    fields.push_back(d < sizes.size() ? sizes[d] : constant(0));
  for (size_t d = 0; d + 1 < BoxPlan::mostDims; ++d)
    fields.push_back(d + 1 < sizes.size() ? strides[d] : constant(0));
  fields.resize(tensorFields, constant(0));
  return fields;
}

} // namespace strut::gpu
