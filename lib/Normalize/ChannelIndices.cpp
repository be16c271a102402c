//===- ChannelIndices.cpp - Which channels a scatter writes ---------------===//
#include "ChannelIndices.h"
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {

using onnx_ir::Op;
using Indices = std::optional<SmallVector<int64_t>>;

/// More channels than any layer has.
constexpr int64_t kMost = 1 << 20;

static RankedTensorType typeOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static std::optional<int64_t> integerOf(Value value) {
  Indices numbers = value ? indicesOf(value) : std::nullopt;
  return numbers && numbers->size() == 1 ? std::optional(numbers->front()) : std::nullopt;
}

static Indices indicesOfRange(Op<"Range"> op) {
  auto from = integerOf(op.in("start")), to = integerOf(op.in("limit")),
       step = integerOf(op.in("delta"));
  if (!from || !to || step != 1 || *to - *from > kMost)
    return std::nullopt;
  return llvm::to_vector(llvm::seq<int64_t>(*from, std::max(*from, *to)));
}

static Indices indicesOfSlice(Op<"Slice"> op) {
  Indices all = typeOf(op.in("data")) && typeOf(op.in("data")).getRank() == 1
                    ? indicesOf(op.in("data"))
                    : std::nullopt;
  auto from = integerOf(op.in("starts")), to = integerOf(op.in("ends"));
  auto step = op.in("steps") ? integerOf(op.in("steps")) : 1;
  if (!all || !from || !to || step != 1)
    return std::nullopt;
  int64_t size = all->size();
  auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? std::max(at, -size) + size : at, 0, size);
  };
  int64_t first = place(*from), last = std::max(first, place(*to));
  return SmallVector<int64_t>(ArrayRef(*all).slice(first, last - first));
}

Indices indicesOf(Value value) {
  RankedTensorType type = typeOf(value);
  if (!type || !type.getElementType().isInteger(64))
    return std::nullopt;
  if (ElementsAttr constant = onnx_ir::constantOf(value)) {
    if (constant.getNumElements() > kMost)
      return std::nullopt;
    auto numbers = constant.tryGetValues<int64_t>();
    return numbers ? Indices(SmallVector<int64_t>(*numbers)) : std::nullopt;
  }
  if (auto range = value.getDefiningOp<Op<"Range">>())
    return indicesOfRange(range);
  if (auto slice = value.getDefiningOp<Op<"Slice">>())
    return indicesOfSlice(slice);
  Operation *op = value.getDefiningOp();
  if (isa_and_present<Op<"Unsqueeze">, Op<"Squeeze">, Op<"Reshape">, Op<"Identity">>(op))
    return indicesOf(op->getOperand(0));
  return std::nullopt;
}

bool coversShape(Op<"Shape"> op) {
  auto start = op.attr<IntegerAttr>("start");
  return (!start || start.getInt() == 0) && !op.attr<IntegerAttr>("end");
}

//===----------------------------------------------------------------------===//
// Index grids
//===----------------------------------------------------------------------===//

namespace {

/// A coordinate of an index grid: it is `of` at the place along `axis` of the grid.
struct Coordinate {
  int64_t axis;
  Value of; ///< one axis
};

/// Coordinates of the column for `axis` of a grid of `rank` axes, which may be repeated to
/// the grid's extents.
std::optional<Coordinate> coordinateOf(Value column, int64_t axis, int64_t rank) {
  // [grid..., 1]: columns are put side by side along the axis that is new.
  auto unsqueeze = column.getDefiningOp<Op<"Unsqueeze">>();
  auto added = unsqueeze ? integerOf(unsqueeze.in("axes")) : std::nullopt;
  if (!added || (*added != -1 && *added != rank))
    return std::nullopt;
  Value grid = unsqueeze.in("data");
  if (auto expand = grid.getDefiningOp<Op<"Expand">>())
    grid = expand.in("input");
  RankedTensorType type = typeOf(grid);
  if (!type || type.getRank() == 0 || type.getRank() > rank)
    return std::nullopt;
  SmallVector<int64_t> found;
  for (auto [at, extent] : llvm::enumerate(type.getShape()))
    if (extent != 1)
      found.push_back(rank - type.getRank() + at);
  if (found.size() > 1)
    return std::nullopt;
  while (typeOf(grid).getRank() > 1 &&
         isa_and_present<Op<"Reshape">, Op<"Unsqueeze">>(grid.getDefiningOp()))
    grid = grid.getDefiningOp()->getOperand(0);
  // One number is one along any axis.
  return Coordinate{found.empty() ? axis : found.front(), grid};
}

/// Whether the vector is 0, 1, ... along all of an axis of the data.
bool runsOver(Value vector, Value data, int64_t axis) {
  int64_t extent = typeOf(data).getDimSize(axis);
  if (!ShapedType::isDynamic(extent)) {
    Indices numbers = indicesOf(vector);
    return numbers &&
           ArrayRef(*numbers) == ArrayRef(llvm::to_vector(llvm::seq<int64_t>(0, extent)));
  }
  auto range = vector.getDefiningOp<Op<"Range">>();
  auto limit = range ? shapeTerms(range.in("limit")) : std::nullopt;
  return limit && limit->size() == 1 && limit->front() == extentOf(data, axis) &&
         integerOf(range.in("start")) == 0 && integerOf(range.in("delta")) == 1;
}

std::optional<Places> placesOfGrid(Op<"Concat"> columns, Value data) {
  int64_t rank = typeOf(data).getRank();
  if (int64_t(columns->getNumOperands()) != rank)
    return std::nullopt;
  Indices places;
  for (auto [axis, column] : llvm::enumerate(columns->getOperands())) {
    auto coordinate = coordinateOf(column, axis, rank);
    if (!coordinate || coordinate->axis != int64_t(axis))
      return std::nullopt;
    if (int64_t(axis) == rank - 1)
      places = indicesOf(coordinate->of);
    else if (!runsOver(coordinate->of, data, axis))
      return std::nullopt;
  }
  return places ? std::optional(Places{rank - 1, std::move(*places)}) : std::nullopt;
}

} // namespace

std::optional<Places> scatteredChannels(Op<"ScatterND"> op) {
  RankedTensorType data = typeOf(op.in("data")), indices = typeOf(op.in("indices"));
  auto reduction = op.attr<StringAttr>("reduction");
  if (!data || !indices || (reduction && reduction.getValue() != "none") || indices.getRank() < 2)
    return std::nullopt;
  std::optional<Places> found;
  auto columns = op.in("indices").getDefiningOp<Op<"Concat">>();
  if (indices.getRank() == 2 && indices.getDimSize(1) == 1) {
    if (Indices places = indicesOf(op.in("indices")))
      found = Places{0, std::move(*places)};
  } else if (columns && indices.getRank() == data.getRank() + 1) {
    auto axis = columns.attr<IntegerAttr>("axis");
    if (axis && (axis.getInt() == -1 || axis.getInt() == data.getRank()))
      found = placesOfGrid(columns, op.in("data"));
  }
  if (!found || data.isDynamicDim(found->axis))
    return std::nullopt;
  int64_t extent = data.getDimSize(found->axis);
  for (int64_t &place : found->places) {
    if (place < -extent || place >= extent)
      return std::nullopt;
    place += place < 0 ? extent : 0;
  }
  return found;
}

} // namespace strut::normalize
