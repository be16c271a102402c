//===- Gather.cpp - Elements by number ------------------------------------===//
#include "Requirements.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// A constant position along an axis is a move.
LogicalResult gatherOne(AnyOp op, Context &context, int64_t axis, int64_t position) {
  Value data = op.in("data");
  SmallVector<Dim> from = context[data].dims, to;
  const Dim &extent = from[axis];
  if (extent.isConstant())
    position = normalizeAxis(position, extent.constant());
  if (position < 0 ||
      failed(context.requireNonNegative(op, extent - Dim(position + 1),
                                        "it reads element " + Twine(position) + " of axis " +
                                            Twine(axis) + " of its data, which has fewer")))
    return failure();
  SmallVector<AffineExpr> read;
  SmallVector<Dim> indices = context[op.in("indices")].dims;
  for (auto [i, dim] : llvm::enumerate(from)) {
    if (int64_t(i) == axis) {
      read.push_back(context.b.getAffineConstantExpr(position));
      llvm::append_range(to, indices);
      continue;
    }
    read.push_back(context.b.getAffineDimExpr(to.size()));
    to.push_back(dim);
  }
  Value result = context.move(op->getLoc(), context.tensor(data),
                              AffineMap::get(to.size(), 0, read, op->getContext()), to);
  context.define(op->getResult(0), result, to);
  return success();
}

/// A loop of an index: `extent` steps of `stride`.
struct Digit {
  int64_t extent, stride;
};

/// Writes a constant index as the value of nested loops, outermost first:
/// from[(i0 * e1 + i1) * e2 + ...] = i0 * s0 + i1 * s1 + ... None if it is not of this form.
std::optional<SmallVector<Digit>> digitsOf(ArrayRef<int64_t> from) {
  SmallVector<Digit> digits;
  int64_t step = 1, count = from.size();
  while (step < count) {
    Digit digit{1, from[step] - from[0]};
    while (digit.extent * step < count &&
           from[digit.extent * step] - from[0] == digit.extent * digit.stride)
      ++digit.extent;
    digits.insert(digits.begin(), digit);
    step *= digit.extent;
    if (count % step != 0)
      return std::nullopt;
  }
  for (auto [i, value] : llvm::enumerate(from)) {
    int64_t left = i, expected = from[0];
    for (const Digit &digit : llvm::reverse(digits)) {
      expected += left % digit.extent * digit.stride;
      left /= digit.extent;
    }
    if (value != expected)
      return std::nullopt;
  }
  return digits;
}

/// The shuffle of an axis: reshape, transpose, reshape. Fails, without a message, where the
/// constant indices are none.
LogicalResult gatherShuffled(AnyOp op, Context &context, int64_t axis) {
  Value data = op.in("data");
  const Tracked &indices = context[op.in("indices")];
  SmallVector<Dim> from = context[data].dims;
  if (!indices.constant || indices.rank() != 1 || !from[axis].isConstant() ||
      indices.constant.getNumElements() != from[axis].constant())
    return failure();
  auto values = indices.constant.tryGetValues<APInt>();
  if (!values || from[axis].constant() < 2)
    return failure();
  std::optional<SmallVector<Digit>> digits = digitsOf(
      llvm::map_to_vector(*values, [](const APInt &value) { return value.getSExtValue(); }));
  if (!digits || (*values->begin()).getSExtValue() != 0)
    return failure();
  // Read in the order of their strides, the digits number every place once.
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, digits->size()));
  llvm::sort(order,
             [&](unsigned a, unsigned b) { return (*digits)[a].stride > (*digits)[b].stride; });
  int64_t place = 1;
  for (unsigned d : llvm::reverse(order)) {
    if ((*digits)[d].stride != place)
      return failure();
    place *= (*digits)[d].extent;
  }
  SmallVector<Dim> split(ArrayRef(from).take_front(axis)), turned = split;
  SmallVector<AffineExpr> read;
  auto axisOf = [&](unsigned i) { read.push_back(context.b.getAffineDimExpr(i)); };
  for (int64_t i = 0; i < axis; ++i)
    axisOf(i);
  for (auto [d, digit] : llvm::zip(order, *digits)) {
    split.push_back((*digits)[d].extent);
    turned.push_back(digit.extent);
    axisOf(axis + d);
  }
  for (auto [i, dim] : llvm::enumerate(ArrayRef(from).drop_front(axis + 1))) {
    split.push_back(dim);
    turned.push_back(dim);
    axisOf(axis + digits->size() + i);
  }
  Location loc = op->getLoc();
  Value pieces = context.reshape(loc, context.tensor(data), from, split);
  Value moved =
      context.move(loc, pieces, AffineMap::get(read.size(), 0, read, op->getContext()), turned);
  context.define(op->getResult(0), context.reshape(loc, moved, turned, from), from);
  return success();
}

/// result[a..., i..., b...] = data[a..., indices[i...], b...]
LogicalResult lowerGather(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), indices = op.in("indices");
  SmallVector<Dim> from = context[data].dims, numbers = context[indices].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis"), from.size());
  if (axis < 0 || axis >= int64_t(from.size()))
    return context.refuse(op, "its axis does not exist");
  auto constants = context.integers(indices);
  bool isOne = constants && constants->size() == 1;
  if (isOne && (from[axis].isConstant() || (constants->front() >= 0 && context.isOutermost(op))))
    return gatherOne(op, context, axis, constants->front());
  if (succeeded(gatherShuffled(op, context, axis)))
    return success();
  if (failed(requireIndices(context, op, "indices", op.in("indices"), from[axis],
                            "axis " + Twine(axis) + " of its data")))
    return failure();

  SmallVector<Dim> to(ArrayRef(from).take_front(axis));
  llvm::append_range(to, numbers);
  llvm::append_range(to, ArrayRef(from).drop_front(axis + 1));
  SmallVector<AffineExpr> numberRead;
  for (unsigned i = 0; i < numbers.size(); ++i)
    numberRead.push_back(context.b.getAffineDimExpr(axis + i));
  Input number{
      context.tensor(indices), AffineMap::get(to.size(), 0, numberRead, op->getContext()), {}};
  Input table{context.tensor(data), {}, {}};
  Type element = context[data].element;
  Extent extent(context, from[axis]);
  Value result =
      context.map(op->getLoc(), to, element, {number, table}, [&](Code &c, ValueRange x) {
        Value row = c.boundedIndex(x[0], extent.in(c));
        SmallVector<Value> position;
        for (unsigned i = 0; i < from.size(); ++i)
          position.push_back(int64_t(i) == axis  ? row
                             : int64_t(i) < axis ? c.dim(i)
                                                 : c.dim(i + numbers.size() - 1));
        return c.fetch(1, element, position);
      });
  context.define(op->getResult(0), result, to);
  return success();
}

/// result[b..., i..., c...] = data[b..., indices[b..., i..., :], c...], b being the
/// batch dimensions and c the axes that an index leaves out
LogicalResult lowerGatherND(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), indices = op.in("indices");
  SmallVector<Dim> from = context[data].dims, to = context[indices].dims;
  int64_t batch = intAttr(op, "batch_dims");
  if (to.empty() || !to.back().isConstant())
    return context.refuse(op, "the length of an index is not constant");
  int64_t length = to.pop_back_val().constant(), outer = to.size();
  if (batch < 0 || batch > outer || batch + length > int64_t(from.size()))
    return context.refuse(op, "an index has more components than the data has axes");
  for (int64_t i = 0; i < batch; ++i)
    if (!context.unify(from[i], to[i]))
      return context.refuse(op, "it cannot be told that its batch axes agree");
  llvm::append_range(to, ArrayRef(from).drop_front(batch + length));
  if (failed(requireIndices(context, op, "indices", op.in("indices"),
                            ArrayRef(from).slice(batch, length), "its data")))
    return failure();

  MLIRContext *ctx = op->getContext();
  SmallVector<Input> inputs;
  SmallVector<Extent> extents;
  for (int64_t component = 0; component < length; ++component) {
    SmallVector<AffineExpr> read;
    for (int64_t i = 0; i < outer; ++i)
      read.push_back(context.b.getAffineDimExpr(i));
    read.push_back(context.b.getAffineConstantExpr(component));
    inputs.push_back({context.tensor(indices), AffineMap::get(to.size(), 0, read, ctx), {}});
    extents.emplace_back(context, from[batch + component]);
  }
  inputs.push_back({context.tensor(data), {}, {}});
  Type element = context[data].element;
  Value result = context.map(op->getLoc(), to, element, inputs, [&](Code &c, ValueRange x) {
    SmallVector<Value> position;
    for (int64_t i = 0; i < batch; ++i)
      position.push_back(c.dim(i));
    for (int64_t i = 0; i < length; ++i)
      position.push_back(c.boundedIndex(x[i], extents[i].in(c)));
    for (unsigned i = outer; i < to.size(); ++i)
      position.push_back(c.dim(i));
    return c.fetch(length, element, position);
  });
  context.define(op->getResult(0), result, to);
  return success();
}

Reason supportsGather(Operation *operation) {
  auto type = dyn_cast<ShapedType>(operation->getOperand(0).getType());
  if (type && type.getElementType().isIntOrFloat())
    return std::nullopt;
  return "it gathers elements of a type that is not supported";
}

} // namespace

void addGather(LoweringTable &table) {
  table["onnx.Gather"] = {supportsGather, lowerGather};
  table["onnx.GatherND"] = {supportsGather, lowerGatherND};
}

} // namespace strut::kernelize
