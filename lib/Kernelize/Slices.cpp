//===- Slices.cpp - Slice, Split, Concat ----------------------------------===//
//
// A slice is a view; one that runs backwards a move, which costs nothing once it
// is folded. Several tensors into one are moves into slices of the result.
//
//===----------------------------------------------------------------------===//
#include "Slices.h"
#include "Counts.h"

using namespace mlir;

namespace strut::kernelize {

static bool isEmpty(ArrayRef<Dim> shape) {
  return llvm::any_of(shape, [](const Dim &dim) { return dim.is(0); });
}

/// Whether the tensor has no elements, so that even its start is beyond it.
static bool hasNothing(Value tensor) {
  return llvm::is_contained(cast<RankedTensorType>(tensor.getType()).getShape(), 0);
}

Value slice(Context &context, Location loc, Value tensor, ArrayRef<AxisSlice> slices) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  SmallVector<Dim> shape;
  bool isView = true;
  for (const AxisSlice &axis : slices) {
    shape.push_back(axis.size);
    isView &= axis.step > 0;
  }
  OpBuilder &b = context.b;
  // Nothing may start at the end, where a view may not.
  if (isEmpty(shape) || hasNothing(tensor))
    return context.empty(loc, shape, element);
  if (!isView) {
    SmallVector<AffineExpr> read;
    for (auto [i, axis] : llvm::enumerate(slices))
      read.push_back(b.getAffineDimExpr(i) * axis.step + axis.start.constant());
    return context.move(loc, tensor, AffineMap::get(slices.size(), 0, read, b.getContext()), shape);
  }
  SmallVector<OpFoldResult> starts, steps;
  for (const AxisSlice &axis : slices) {
    starts.push_back(context.dims.operand(axis.start));
    steps.push_back(b.getIndexAttr(axis.step));
  }
  return tensor::ExtractSliceOp::create(b, loc, DimEnv::type(shape, element), tensor, starts,
                                        context.dims.operands(shape), steps);
}

Value insert(Context &context, Location loc, const Input &source, Value target,
             ArrayRef<Dim> starts, ArrayRef<Dim> shape) {
  if (isEmpty(shape) || hasNothing(target))
    return target;
  OpBuilder &b = context.b;
  Type element = cast<RankedTensorType>(target.getType()).getElementType();
  RankedTensorType type = DimEnv::type(shape, element);
  SmallVector<OpFoldResult> at = context.dims.operands(starts),
                            sizes = context.dims.operands(shape);
  SmallVector<OpFoldResult> steps(shape.size(), b.getIndexAttr(1));
  Value part = tensor::ExtractSliceOp::create(b, loc, type, target, at, sizes, steps);
  AffineMap identity = b.getMultiDimIdentityMap(shape.size());
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  if (source.tensor) {
    inputs.push_back(source.tensor);
    maps.push_back(source.map ? source.map : identity);
  }
  maps.push_back(identity);
  auto write =
      kernel::MapOp::create(b, loc, type, inputs, part, Value(), b.getAffineMapArrayAttr(maps));
  Block *block = b.createBlock(&write.getBody());
  Value value = source.tensor ? Value(block->addArgument(element, loc))
                              : Value(arith::ConstantOp::create(b, loc, source.scalar));
  kernel::YieldOp::create(b, loc, ValueRange(value));
  b.setInsertionPointAfter(write);
  ++context.numKernels;
  return tensor::InsertSliceOp::create(b, loc, write->getResult(0), target, at, sizes, steps);
}

namespace {

//===----------------------------------------------------------------------===//
// Slice and Split
//===----------------------------------------------------------------------===//

/// A bound of a slice: counted from the end if negative, then clamped.
std::optional<Dim> clampBound(Context &context, Dim bound, const Dim &extent, int64_t low,
                              int64_t belowEnd) {
  if (bound.isConstant() && bound.constant() < 0) {
    // Symbolic extents can take any bound but an absurd one.
    if (!extent.isConstant() && bound.constant() < -(int64_t(1) << 31))
      return Dim(low);
    bound = context.dims.max(bound + extent, Dim(low));
  } else if (!context.dims.isNonNegative(bound)) {
    return std::nullopt;
  }
  if (bound.isConstant() && bound.constant() > (int64_t(1) << 31) && !extent.isConstant())
    return extent + Dim(belowEnd);
  return context.dims.min(bound, extent + Dim(belowEnd));
}

std::optional<AxisSlice> sliceOf(Context &context, const Dim &extent, const Dim &start,
                                 const Dim &end, int64_t step) {
  bool forward = step > 0;
  auto from = clampBound(context, start, extent, 0, forward ? 0 : -1);
  auto to = clampBound(context, end, extent, forward ? 0 : -1, forward ? 0 : -1);
  if (!from || !to)
    return std::nullopt;
  Dim length = forward ? *to - *from : *from - *to;
  if (!context.dims.isNonNegative(length))
    length = context.dims.max(length, Dim(0));
  return AxisSlice{*from, context.dims.ceilDiv(length, Dim(std::abs(step))), step};
}

LogicalResult lowerSlice(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data");
  SmallVector<Dim> from = context[data].dims;
  auto contents = [&](StringRef name) -> std::optional<SmallVector<Dim>> {
    Value value = op.in(name);
    return value ? context[value].contents : std::nullopt;
  };
  auto starts = contents("starts"), ends = contents("ends");
  auto isConstant = [&](StringRef name) {
    Value value = op.in(name);
    return !value || context.integers(value);
  };
  if (!starts || !ends || !isConstant("axes") || !isConstant("steps"))
    return sliceByData(op, context);
  if (starts->size() != ends->size())
    return context.refuse(op, "it has not as many starts as ends");
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  SmallVector<int64_t> steps(starts->size(), 1);
  for (auto [name, into] : {std::pair(StringRef("axes"), &axes), {"steps", &steps}})
    if (Value value = op.in(name)) {
      auto constants = context.integers(value);
      if (constants->size() != starts->size())
        return context.refuse(op, "it has not as many " + name + " as starts");
      *into = *constants;
    }
  SmallVector<AxisSlice> slices;
  for (const Dim &dim : from)
    slices.push_back({Dim(0), dim, 1});
  for (auto [i, given] : llvm::enumerate(axes)) {
    int64_t axis = normalizeAxis(given, from.size()), step = steps[i];
    if (axis < 0 || axis >= int64_t(from.size()) || step == 0)
      return context.refuse(op, "axis " + Twine(given) + " or its step is not valid");
    auto part = sliceOf(context, from[axis], (*starts)[i], (*ends)[i], step);
    if (!part)
      return context.refuse(op, "the bounds of axis " + Twine(axis) +
                                    " cannot be told from the shapes");
    slices[axis] = *part;
  }
  SmallVector<Dim> to;
  bool backwards = llvm::any_of(steps, [](int64_t step) { return step < 0; });
  for (const AxisSlice &axis : slices) {
    to.push_back(axis.size);
    if (backwards && !axis.start.isConstant())
      return context.refuse(op, "a negative step from a place that is not constant is not "
                                "supported yet");
  }
  Value result = context.tensor(data);
  if (to != from || llvm::any_of(steps, [](int64_t step) { return step != 1; }))
    result = slice(context, op->getLoc(), result, slices);
  context.define(op->getResult(0), result, to);
  return success();
}

LogicalResult lowerSplit(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("input");
  SmallVector<Dim> from = context[data].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis"), from.size());
  if (axis < 0 || axis >= int64_t(from.size()))
    return context.refuse(op, "its axis does not exist");
  unsigned count = op->getNumResults();
  SmallVector<Dim> sizes;
  if (Value split = op.in("split")) {
    const auto &contents = context[split].contents;
    if (contents && contents->size() == count)
      sizes = *contents;
    for (Value result : op->getResults())
      if (auto declared = contents ? std::nullopt : context.declaredShape(result))
        sizes.push_back((*declared)[axis]);
    if (sizes.size() != count)
      return context.refuse(op, "its sizes are computed from data and not from shapes");
    SmallVector<std::optional<int64_t>> declared;
    for (const Dim &size : sizes)
      declared.push_back(size.isConstant() ? std::optional(size.constant()) : std::nullopt);
    if (!contents && failed(requireNumbers(context, op, split, declared, "its split")))
      return failure();
    Dim rest = from[axis];
    for (const Dim &size : sizes) {
      rest = rest - size;
      if (failed(context.requireNonNegative(op, size, "one of its parts is of a negative size")))
        return failure();
    }
    if (failed(context.requireNoDifference(op, rest,
                                           "its parts are not as long together as "
                                           "its axis")))
      return failure();
  } else {
    Dim part = context.dims.ceilDiv(from[axis], Dim(count));
    sizes.assign(count, part);
    sizes.back() = from[axis] - part * Dim(int64_t(count) - 1);
    if (failed(context.requireNonNegative(op, sizes.back(),
                                          "its axis is too short for " + Twine(count) + " parts")))
      return failure();
  }
  Dim start(0);
  Value source = context.tensor(data);
  for (auto [result, size] : llvm::zip(op->getResults(), sizes)) {
    SmallVector<AxisSlice> slices;
    SmallVector<Dim> to(from);
    to[axis] = size;
    for (const Dim &dim : to)
      slices.push_back({Dim(0), dim, 1});
    slices[axis].start = start;
    if (!isa<NoneType>(result.getType()))
      context.define(result, slice(context, op->getLoc(), source, slices), to);
    start = start + size;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Concat
//===----------------------------------------------------------------------===//

LogicalResult lowerConcat(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> shape = context[op->getOperand(0)].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis"), shape.size());
  if (axis < 0 || axis >= int64_t(shape.size()))
    return context.refuse(op, "its axis does not exist");
  shape[axis] = Dim(0);
  for (Value operand : op->getOperands()) {
    ArrayRef<Dim> dims = context[operand].dims;
    if (dims.size() != shape.size())
      return context.refuse(op, "its operands have different ranks");
    for (auto [i, dim] : llvm::enumerate(dims)) {
      if (int64_t(i) == axis)
        shape[i] = shape[i] + dim;
      else if (!context.unify(shape[i], dim))
        return context.refuse(op, "it cannot be told that axis " + Twine(i) +
                                      " of its operands agrees");
    }
  }
  Location loc = op->getLoc();
  Value result = context.empty(loc, shape, context[op->getOperand(0)].element);
  SmallVector<Dim> at(shape.size(), Dim(0));
  for (Value operand : op->getOperands()) {
    SmallVector<Dim> dims = context[operand].dims;
    result = insert(context, loc, {context.tensor(operand), {}, {}}, result, at, dims);
    at[axis] = at[axis] + dims[axis];
  }
  context.define(op->getResult(0), result, shape);
  return success();
}

} // namespace

void addSlices(LoweringTable &table) {
  table["onnx.Slice"] = {nullptr, lowerSlice};
  table["onnx.Split"] = {nullptr, lowerSplit};
  table["onnx.Concat"] = {nullptr, lowerConcat};
}

} // namespace strut::kernelize
