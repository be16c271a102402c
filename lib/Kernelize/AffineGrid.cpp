//===- AffineGrid.cpp - Grids that GridSample reads -----------------------===//
#include "Counts.h"
#include "Real.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The extents [image, places...] of the grid, or none, with a message.
std::optional<SmallVector<Dim>> gridOf(AnyOp op, Context &context) {
  Value size = op.in("size");
  SmallVector<Dim> length = context[size].dims, matrices = context[op.in("theta")].dims;
  unsigned axes = length.size() == 1 && length[0].is(5) ? 3 : 2;
  if (length.size() != 1 || !length[0].is(2 + axes) || matrices.size() != 3 ||
      !matrices[1].is(axes) || !matrices[2].is(axes + 1)) {
    (void)context.refuse(op, "its size is not known to be 4 numbers beside matrices [?, 2, 3], or "
                             "5 beside [?, 3, 4]");
    return std::nullopt;
  }
  SmallVector<Dim> grid;
  if (const auto &contents = context[size].contents) {
    grid = *contents;
    grid.erase(grid.begin() + 1); // of the channels
  } else if (auto declared = context.declaredShape(op->getResult(0))) {
    grid.assign(declared->begin(), declared->end() - 1);
    SmallVector<std::optional<int64_t>> numbers(2 + axes);
    for (auto [i, extent] : llvm::enumerate(grid))
      numbers[i ? i + 1 : 0] = extent.constant();
    if (failed(requireNumbers(context, op, size, numbers, "its size")))
      return std::nullopt;
  } else {
    (void)context.refuse(op, "its size is computed from data and not from shapes, and the model "
                             "does not declare the shape of its result");
    return std::nullopt;
  }
  std::optional<Dim> images = context.unify(matrices[0], grid[0]);
  if (!images) {
    images = matrices[0];
    if (failed(context.requireNoDifference(op, grid[0] - matrices[0],
                                           "its size asks for another number of grids than it "
                                           "has matrices")))
      return std::nullopt;
  }
  grid[0] = *images;
  return grid;
}

/// The middle of element `i` of an axis whose ends, or whose outermost middles if `aligns`, are
/// -1 and 1. A single element that is to be aligned lies at -1.
Value coordinate(Code &c, Value i, Value extent, bool aligns, Type type) {
  Real place = asReal(c, i, type), size = asReal(c, extent, type);
  Real result =
      aligns ? select(Real(1) < size, place * 2 / (size - 1), 0) - 1 : (place * 2 + 1) / size - 1;
  return result.in(c, type);
}

/// grid[n, places..., j] = sum_k theta[n, j, k] * coordinate_k + theta[n, j, axes], the
/// coordinate of the last place first
LogicalResult lowerAffineGrid(Operation *operation, Context &context) {
  AnyOp op(operation);
  std::optional<SmallVector<Dim>> shape = gridOf(op, context);
  if (!shape)
    return failure();
  unsigned axes = shape->size() - 1;
  SmallVector<Extent> extents;
  for (const Dim &extent : ArrayRef(*shape).drop_front())
    extents.emplace_back(context, extent);
  shape->push_back(Dim(axes));
  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  SmallVector<Input> inputs;
  for (unsigned k = 0; k <= axes; ++k)
    inputs.push_back(
        {context.tensor(op.in("theta")),
         AffineMap::get(shape->size(), 0, {d(0), d(axes + 1), context.b.getAffineConstantExpr(k)},
                        op->getContext()),
         {}});
  bool aligns = intAttr(op, "align_corners");
  Type element = context[op.in("theta")].element;
  Value result =
      context.map(op->getLoc(), *shape, element, inputs, [&](Code &c, ValueRange columns) {
        Value sum = columns.back();
        for (unsigned k = 0; k < axes; ++k) {
          unsigned axis = axes - k;
          Value x = coordinate(c, c.dim(axis), extents[axis - 1].in(c), aligns, sum.getType());
          sum = c.add(sum, c.mul(columns[k], x));
        }
        return sum;
      });
  context.define(op->getResult(0), result, *shape);
  return success();
}

} // namespace

void addAffineGrid(LoweringTable &table) { table["onnx.AffineGrid"] = {nullptr, lowerAffineGrid}; }

} // namespace strut::kernelize
