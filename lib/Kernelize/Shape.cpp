//===- Shape.cpp - Ops that move data or ask for shapes -------------------===//
#include "Counts.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

LogicalResult lowerShape(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> shape = context[op.in("data")].dims;
  int64_t rank = shape.size();
  int64_t start = std::clamp<int64_t>(normalizeAxis(intAttr(op, "start"), rank), 0, rank);
  int64_t end = std::clamp<int64_t>(normalizeAxis(intAttr(op, "end", rank), rank), start, rank);
  ArrayRef<Dim> part = ArrayRef(shape).slice(start, end - start);
  context.defineContents(op->getResult(0), Dim(part.size()), part);
  return success();
}

LogicalResult lowerSize(Operation *op, Context &context) {
  context.defineContents(op->getResult(0), {}, product(context[op->getOperand(0)].dims));
  return success();
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// The same elements in another shape. A constant stays one.
LogicalResult defineView(Operation *op, Context &context, Value input, ArrayRef<Dim> shape) {
  const Tracked &tracked = context[input];
  if (!context.unify(product(tracked.dims), product(shape)))
    return context.refuse(op, "it cannot be told that input and result have as many elements");
  if (llvm::any_of(shape, [](const Dim &dim) { return dim.isConstant() && dim.constant() < 0; }))
    return context.refuse(op, "its result would have a negative extent");
  if (ElementsAttr constant = context.constantAs(input, shape)) {
    context.defineConstant(op->getResult(0), constant);
    return success();
  }
  SmallVector<Dim> from = tracked.dims;
  Value source = context.tensor(input);
  context.define(op->getResult(0), context.reshape(op->getLoc(), source, from, shape), shape);
  return success();
}

LogicalResult lowerReshape(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data");
  const SmallVector<Dim> from = context[data].dims;
  auto wanted = context.shapeOperand(op.in("shape"), op->getResult(0));
  if (!wanted)
    return context.refuse(op, "its shape is computed from data and not from shapes");
  bool allowZero = intAttr(op, "allowzero");
  SmallVector<Dim> to;
  int inferred = -1;
  for (auto [i, dim] : llvm::enumerate(*wanted)) {
    to.push_back(dim);
    if (dim.is(0) && !allowZero) {
      if (i >= from.size())
        return context.refuse(op, "its shape copies an axis that the input does not have");
      to.back() = from[i];
    } else if (dim.is(-1)) {
      inferred = i;
      to.back() = 1;
    }
  }
  Dim total = product(from), known = product(to);
  if (inferred >= 0) {
    std::optional<Dim> rest = known.is(0) ? Dim(0) : total.dividedBy(known);
    // Whether it leaves nothing is seen when the result is defined.
    to[inferred] = rest ? *rest : context.dims.floorDiv(total, context.dims.max(known, Dim(1)));
  }
  // An element that a run tells may be 0 or -1, which mean something else.
  bool isTold =
      llvm::any_of(*wanted, [&](const Dim &dim) { return context.dependsOnElement(dim); });
  if (isTold && product(to) != total)
    return context.refuse(op,
                          "its shape is given to the run, and the model does not declare that of "
                          "its result");
  return defineView(op, context, data, to);
}

LogicalResult lowerFlatten(Operation *operation, Context &context) {
  AnyOp op(operation);
  ArrayRef<Dim> from = context[op.in("input")].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis", 1), from.size());
  if (axis < 0 || axis > int64_t(from.size()))
    return context.refuse(op, "its axis does not exist");
  SmallVector<Dim> to = {product(from.take_front(axis)), product(from.drop_front(axis))};
  return defineView(op, context, op.in("input"), to);
}

LogicalResult lowerUnsqueeze(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> shape = context[op.in("data")].dims;
  auto axes = context.integers(op.in("axes"));
  if (auto declared = axes ? std::nullopt : context.declaredShape(op->getResult(0))) {
    if (failed(requireAxes(context, op, op.in("axes"), *declared, shape)))
      return failure();
    return defineView(op, context, op.in("data"), *declared);
  }
  if (!axes)
    return context.refuse(op, "its axes are no constants");
  for (int64_t &axis : *axes)
    axis = normalizeAxis(axis, shape.size() + axes->size());
  llvm::sort(*axes);
  for (int64_t axis : *axes) {
    if (axis < 0 || axis > int64_t(shape.size()))
      return context.refuse(op, "axis " + Twine(axis) + " does not exist");
    shape.insert(shape.begin() + axis, Dim(1));
  }
  return defineView(op, context, op.in("data"), shape);
}

LogicalResult lowerSqueeze(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> from = context[op.in("data")].dims, to;
  SmallVector<int64_t> axes;
  if (Value operand = op.in("axes")) {
    auto constants = context.integers(operand);
    if (auto declared = constants ? std::nullopt : context.declaredShape(op->getResult(0))) {
      if (failed(requireAxes(context, op, operand, from, *declared)))
        return failure();
      return defineView(op, context, op.in("data"), *declared);
    }
    if (!constants)
      return context.refuse(op, "its axes are no constants");
    for (int64_t axis : *constants)
      axes.push_back(normalizeAxis(axis, from.size()));
  } else {
    for (auto [i, dim] : llvm::enumerate(from))
      if (dim.is(1))
        axes.push_back(i);
  }
  for (auto [i, dim] : llvm::enumerate(from)) {
    if (!llvm::is_contained(axes, int64_t(i)))
      to.push_back(dim);
    else if (!context.unify(dim, Dim(1)))
      return context.refuse(op, "it cannot be told that axis " + Twine(i) + " has extent 1");
  }
  return defineView(op, context, op.in("data"), to);
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

LogicalResult lowerTranspose(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data");
  SmallVector<Dim> from = context[data].dims, to;
  SmallVector<int64_t> permutation;
  if (auto given = op.attr<DenseI64ArrayAttr>("perm"))
    permutation = llvm::to_vector(given.asArrayRef());
  else
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, from.size())));
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  if (sorted != llvm::to_vector(llvm::seq<int64_t>(0, from.size())))
    return context.refuse(op, "its perm is no permutation of the axes");
  SmallVector<AffineExpr> read(from.size());
  for (auto [i, axis] : llvm::enumerate(permutation)) {
    to.push_back(from[axis]);
    read[axis] = context.b.getAffineDimExpr(i);
  }
  Value result = context.move(op->getLoc(), context.tensor(data),
                              AffineMap::get(from.size(), 0, read, op->getContext()), to);
  context.define(op->getResult(0), result, to);
  return success();
}

/// Expand along axes of which only dimensions can tell whether they have 1 element or as many as
/// the result. For these, by axes of the input, `asked` is what the shape says.
void expandChecked(Operation *op, Context &context, Value input, ArrayRef<Dim> to,
                   ArrayRef<std::optional<Dim>> asked) {
  SmallVector<Dim> from = context[input].dims;
  SmallVector<Extent> extents;
  unsigned skipped = to.size() - from.size();
  for (auto [i, dim] : llvm::enumerate(from)) {
    Extent own = extents.emplace_back(context, dim);
    if (!asked[i])
      continue;
    Extent wanted(context, *asked[i]);
    bool mayLeave = to[skipped + i] != *asked[i];
    auto broadcasts = [&](Code &c, ValueRange) -> Value {
      Value extent = own.in(c), one = c.index(1), target = wanted.in(c);
      Value fits = c.make<arith::OrIOp>(c.equal(extent, one), c.equal(extent, target));
      return mayLeave ? c.make<arith::OrIOp>(fits, c.equal(target, one)) : fits;
    };
    std::string otherwise =
        ("axis " + Twine(i) + " of its input has neither 1 element nor as many as its shape says")
            .str();
    Code host{context.b, op->getLoc()};
    if (context.isOutermost(op))
      context.requireAtBind(op, broadcasts(host, {}), otherwise);
    else
      context.require(op, {}, broadcasts, otherwise);
  }
  Type element = context[input].element;
  Value result = context.map(
      op->getLoc(), to, element, {{context.tensor(input), {}, {}}}, [&](Code &c, ValueRange) {
        SmallVector<Value> at;
        for (unsigned i = 0; i < from.size(); ++i) {
          Value place = c.dim(skipped + i);
          if (asked[i]) { // the last element is the only one or the one at this place
            Value last = c.make<arith::SubIOp>(extents[i].in(c), c.index(1));
            place = c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), c.index(0));
          }
          at.push_back(from[i].is(1) ? c.index(0) : place);
        }
        return c.widen(c.fetch(0, element, at));
      });
  context.define(op->getResult(0), result, to);
}

LogicalResult lowerExpand(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input");
  SmallVector<Dim> from = context[input].dims;
  auto wanted = context.shapeOperand(op.in("shape"), op->getResult(0));
  if (!wanted)
    return context.refuse(op, "its shape is computed from data and not from shapes");
  SmallVector<Dim> to(*wanted);
  if (from.size() > to.size())
    to.insert(to.begin(), from.size() - to.size(), Dim(1));
  SmallVector<AffineExpr> read;
  SmallVector<std::optional<Dim>> asked(from.size());
  unsigned skipped = to.size() - from.size();
  for (auto [i, dim] : llvm::enumerate(from)) {
    Dim &target = to[skipped + i];
    auto isAtMostOne = [&](const Dim &d) {
      return d.isConstant() ? d.is(1) : context.dims.isNonNegative(Dim(1) - d);
    };
    bool repeats = dim.is(1) && !target.is(1);
    read.push_back(repeats ? context.b.getAffineConstantExpr(0)
                           : context.b.getAffineDimExpr(skipped + i));
    if (repeats)
      continue;
    std::optional<Dim> same = isAtMostOne(target) ? dim : context.match(dim, target);
    if (same)
      target = *same;
    else if (dim.isConstant() && target.isConstant())
      return context.refuse(op, "axis " + Twine(i) + " does not broadcast");
    if (!same) {
      asked[i] = target;
      // What a caller says may be 1, which leaves the axis alone; other tensors' extents count.
      if (context.dependsOnElement(target))
        target = context.dims.expanded(dim, target);
    }
  }
  if (llvm::any_of(asked, [](const std::optional<Dim> &dim) { return dim.has_value(); })) {
    expandChecked(op, context, input, to, asked);
    return success();
  }
  Value result = context.move(op->getLoc(), context.tensor(input),
                              AffineMap::get(to.size(), 0, read, op->getContext()), to);
  context.define(op->getResult(0), result, to);
  return success();
}

LogicalResult lowerIdentity(Operation *op, Context &context) {
  context.define(op->getResult(0), Tracked(context[op->getOperand(0)]));
  return success();
}

LogicalResult lowerConstantOfShape(Operation *operation, Context &context) {
  AnyOp op(operation);
  auto shape = context.shapeOperand(op.in("input"), op->getResult(0));
  if (!shape)
    return context.refuse(op, "its shape is computed from data and not from shapes");
  auto value = op.attr<ElementsAttr>("value");
  auto values = value ? value.tryGetValues<Attribute>() : std::nullopt;
  TypedAttr scalar =
      values ? dyn_cast<TypedAttr>(*values->begin()) : TypedAttr(context.b.getF32FloatAttr(0));
  SmallVector<Dim> dims(*shape);
  Value result = context.map(op->getLoc(), dims, scalar.getType(), {{{}, {}, scalar}},
                             [](Code &, ValueRange x) { return x[0]; });
  context.define(op->getResult(0), result, dims);
  return success();
}

} // namespace

void addShape(LoweringTable &table) {
  table["onnx.Shape"] = {nullptr, lowerShape};
  table["onnx.Size"] = {nullptr, lowerSize};
  table["onnx.Reshape"] = {nullptr, lowerReshape};
  table["onnx.Flatten"] = {nullptr, lowerFlatten};
  table["onnx.Unsqueeze"] = {nullptr, lowerUnsqueeze};
  table["onnx.Squeeze"] = {nullptr, lowerSqueeze};
  table["onnx.Transpose"] = {nullptr, lowerTranspose};
  table["onnx.Expand"] = {nullptr, lowerExpand};
  table["onnx.Identity"] = {nullptr, lowerIdentity};
  table["onnx.ConstantOfShape"] = {nullptr, lowerConstantOfShape};
}

} // namespace strut::kernelize
