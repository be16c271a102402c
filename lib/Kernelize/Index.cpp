//===- Index.cpp - Ops whose elements depend on where they stand ----------===//
#include "Counts.h"
#include "Requirements.h"
#include "Sort.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using arith::CmpIPredicate;

Type elementOf(Value value) { return cast<ShapedType>(value.getType()).getElementType(); }

Value compare(Code &c, CmpIPredicate predicate, Value x, Value y) {
  return c.make<arith::CmpIOp>(predicate, x, y);
}

//===----------------------------------------------------------------------===//
// Trilu, EyeLike, Range, OneHot
//===----------------------------------------------------------------------===//

/// Keeps what is on or above (below) the k-th diagonal of the last two axes.
LogicalResult lowerTrilu(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input"), diagonal = op.in("k");
  SmallVector<Dim> dims = context[input].dims;
  if (dims.size() < 2)
    return context.refuse(op, "its input is no matrix");
  bool upper = intAttr(op, "upper", 1);
  unsigned row = dims.size() - 2;
  SmallVector<Input> inputs = {context.broadcast(input, dims)};
  if (diagonal)
    inputs.push_back(context.broadcast(diagonal, {}, {}, dims.size()));
  Value result =
      context.map(op->getLoc(), dims, context[input].element, inputs, [&](Code &c, ValueRange x) {
        Value border = c.dim(row);
        if (diagonal)
          border =
              c.make<arith::AddIOp>(border, c.make<arith::IndexCastOp>(c.b.getIndexType(), x[1]));
        Value keep =
            compare(c, upper ? CmpIPredicate::sge : CmpIPredicate::sle, c.dim(row + 1), border);
        return c.select(keep, x[0], c.constant(0, x[0]));
      });
  context.define(op->getResult(0), result, dims);
  return success();
}

LogicalResult lowerEyeLike(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> dims = context[op->getOperand(0)].dims;
  if (dims.size() != 2)
    return context.refuse(op, "its input is no matrix");
  int64_t k = intAttr(op, "k");
  Type element = elementOf(op->getResult(0));
  Value result = context.map(op->getLoc(), dims, element, {}, [&](Code &c, ValueRange) {
    Value border = c.make<arith::AddIOp>(c.dim(0), c.index(k));
    Value one = compare(c, CmpIPredicate::eq, c.dim(1), border);
    return c.select(one, c.constant(1, element), c.constant(0, element));
  });
  context.define(op->getResult(0), result, dims);
  return success();
}

/// The number of elements of a range between constants.
std::optional<Dim> constantLength(AnyOp op, Context &context) {
  SmallVector<double> bounds;
  for (StringRef name : {"start", "limit", "delta"}) {
    TypedAttr number = context.scalar(op.in(name));
    if (auto real = dyn_cast_or_null<FloatAttr>(number))
      bounds.push_back(real.getValueAsDouble());
    else if (auto integer = dyn_cast_or_null<IntegerAttr>(number))
      bounds.push_back(integer.getValue().getSExtValue());
    else
      return std::nullopt;
  }
  double length = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  constexpr double most = 1e15;
  if (!(std::abs(length) < most))
    return std::nullopt;
  return Dim(std::max<int64_t>(0, int64_t(length)));
}

/// The extent that the model declares for the vector itself, or for what is computed from
/// its elements alone.
std::optional<Dim> declaredLength(Value vector, Context &context) {
  if (auto declared = context.declaredShape(vector))
    return declared->front();
  for (Operation *user : vector.getUsers()) {
    bool isPointwise =
        isa<onnx_ir::Op<"Add">, onnx_ir::Op<"Sub">, onnx_ir::Op<"Mul">, onnx_ir::Op<"Div">,
            onnx_ir::Op<"Cos">, onnx_ir::Op<"Sin">, onnx_ir::Op<"Cast">>(user);
    // What broadcasts with the vector to something longer would say too much.
    bool isAlone = isPointwise && llvm::all_of(user->getOperands(), [&](Value operand) {
                     auto type = dyn_cast<RankedTensorType>(operand.getType());
                     return operand == vector || (type && type.getRank() == 0);
                   });
    if (isAlone)
      if (auto length = declaredLength(user->getResult(0), context))
        return length;
  }
  return std::nullopt;
}

/// A scalar that is an integer known from shapes, though its type may be a float's, as in
/// the windows of the standard.
std::optional<Dim> integral(Value value, Context &context) {
  const Tracked &tracked = context[value];
  if (tracked.contents)
    return tracked.contents->size() == 1 ? std::optional(tracked.contents->front()) : std::nullopt;
  constexpr double most = 1 << 24; // beyond, floats are not all integers
  if (auto real = dyn_cast_or_null<FloatAttr>(context.scalar(value))) {
    double number = real.getValueAsDouble();
    return std::abs(number) < most && std::trunc(number) == number
               ? std::optional(Dim(int64_t(number)))
               : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (!isa_and_present<onnx_ir::Op<"Cast">, onnx_ir::Op<"Add">, onnx_ir::Op<"Sub">>(op))
    return std::nullopt;
  std::optional<Dim> first = integral(op->getOperand(0), context);
  if (!first || isa<onnx_ir::Op<"Cast">>(op))
    return first;
  std::optional<Dim> second = integral(op->getOperand(1), context);
  if (!second)
    return std::nullopt;
  return isa<onnx_ir::Op<"Add">>(op) ? *first + *second : *first - *second;
}

/// Makes the run check that a range between data has as many elements as declared.
LogicalResult requireLength(AnyOp op, Context &context, int64_t declared) {
  SmallVector<Value> bounds = {op.in("start"), op.in("limit"), op.in("delta")}, tensors;
  for (Value bound : bounds)
    tensors.push_back(context.tensor(bound));
  auto fits = [&](Code &c, ValueRange) {
    SmallVector<Value> x;
    for (unsigned i = 0; i < 3; ++i)
      x.push_back(c.widen(c.fetch(i, context[bounds[i]].element, c.index(0))));
    Type wide = c.b.getF64Type();
    Value span = c.cast(c.sub(x[1], x[0]), wide);
    Value length = c.make<math::CeilOp>(c.make<arith::DivFOp>(span, c.cast(x[2], wide)));
    return c.equal(c.max(length, c.constant(0, wide)), c.constant(declared, wide));
  };
  context.require(op, tensors, fits,
                  "its length is not the one that the model declares, " + Twine(declared));
  return success();
}

/// The number of elements: from integers known from shapes, from constants, or as
/// the model declares it.
std::optional<Dim> rangeLength(AnyOp op, Context &context) {
  SmallVector<Dim> bounds;
  for (StringRef name : {"start", "limit", "delta"})
    if (std::optional<Dim> bound = integral(op.in(name), context))
      bounds.push_back(*bound);
  if (bounds.size() == 3 && bounds[2].isConstant() && bounds[2].constant() != 0) {
    int64_t delta = bounds[2].constant();
    Dim length = delta > 0 ? bounds[1] - bounds[0] : bounds[0] - bounds[1];
    if (!context.dims.isNonNegative(length))
      length = context.dims.max(length, Dim(0));
    return context.dims.ceilDiv(length, Dim(std::abs(delta)));
  }
  if (auto length = constantLength(op, context))
    return length;
  auto declared = declaredLength(op->getResult(0), context);
  if (!declared || failed(requireLength(op, context, declared->constant())))
    return std::nullopt;
  return declared;
}

/// start, start + delta, ...
LogicalResult lowerRange(Operation *operation, Context &context) {
  AnyOp op(operation);
  std::optional<Dim> size = rangeLength(op, context);
  if (!size)
    return context.refuse(op, "its length is computed from data and not from shapes");
  SmallVector<Input> inputs = {context.broadcast(op.in("start"), {}, {}, 1),
                               context.broadcast(op.in("delta"), {}, {}, 1)};
  Value result = context.map(
      op->getLoc(), *size, elementOf(op->getResult(0)), inputs, [&](Code &c, ValueRange x) {
        Value place = c.make<arith::IndexCastOp>(c.b.getI64Type(), c.dim(0));
        return c.add(x[0], c.mul(c.asSigned().cast(place, x[0].getType()), x[1]));
      });
  context.define(op->getResult(0), result, *size);
  return success();
}

LogicalResult lowerOneHot(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value indices = op.in("indices");
  SmallVector<Dim> dims = context[indices].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis", -1), dims.size() + 1);
  if (axis < 0 || axis > int64_t(dims.size()))
    return context.refuse(op, "its axis does not exist");
  auto depth = context.integers(op.in("depth"));
  if (auto declared = depth ? std::nullopt : context.declaredShape(op->getResult(0))) {
    depth = SmallVector<int64_t>{(*declared)[axis].constant()};
    if (failed(requireNumbers(context, op, op.in("depth"), {depth->front()}, "its depth")))
      return failure();
  }
  if (!depth || depth->size() != 1 || depth->front() < 0)
    return context.refuse(op, "its depth is no constant");
  if (failed(context.requireNoDifference(op, product(context[op.in("values")].dims) - Dim(2),
                                         "its values are not two, off and on")))
    return failure();
  SmallVector<AffineExpr> read;
  for (unsigned i = 0; i < dims.size(); ++i)
    read.push_back(context.b.getAffineDimExpr(int64_t(i) < axis ? i : i + 1));
  dims.insert(dims.begin() + axis, Dim(depth->front()));
  AffineMap map = AffineMap::get(dims.size(), 0, read, op->getContext());
  Input off{context.tensor(op.in("values")), {}, {}};
  Value result = context.map(op->getLoc(), dims, elementOf(op->getResult(0)),
                             {{context.tensor(indices), map, {}}, off}, [&](Code &c, ValueRange x) {
                               Value i = c.cast(x[0], c.b.getI64Type());
                               Value extent = c.constant(depth->front(), i);
                               i = c.select(c.less(i, c.constant(0, i)), c.add(i, extent), i);
                               Value here = c.make<arith::IndexCastOp>(i.getType(), c.dim(axis));
                               Type element = elementOf(op.in("values"));
                               Value low = c.widen(c.fetch(1, element, c.index(0)));
                               Value high = c.widen(c.fetch(1, element, c.index(1)));
                               return c.select(c.equal(i, here), high, low);
                             });
  context.define(op->getResult(0), result, dims);
  return success();
}

//===----------------------------------------------------------------------===//
// Tile and GatherElements
//===----------------------------------------------------------------------===//

/// Where a place of a repeated tensor is in the tensor, if index maps can say it: the extents of
/// repeated axes are known. Not along the last axis, where elements would follow each other no
/// longer.
AffineMap placesOfTile(Context &context, ArrayRef<Dim> from, ArrayRef<Dim> to) {
  SmallVector<AffineExpr> read;
  for (auto [axis, extents] : llvm::enumerate(llvm::zip(from, to))) {
    auto [extent, repeated] = extents;
    AffineExpr place = context.b.getAffineDimExpr(axis);
    if (extent != repeated) {
      if (!extent.isConstant() || extent.constant() < 1 ||
          (axis + 1 == from.size() && !extent.is(1)))
        return {};
      place = place % extent.constant();
    }
    read.push_back(place);
  }
  return AffineMap::get(to.size(), 0, read, context.getContext());
}

LogicalResult lowerTile(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input");
  SmallVector<Dim> from = context[input].dims, to;
  const auto &repeats = context[op.in("repeats")].contents;
  if (repeats && repeats->size() == from.size()) {
    for (auto [dim, repeat] : llvm::zip(from, *repeats))
      to.push_back(dim * repeat);
  } else if (auto declared = context.declaredShape(op->getResult(0))) {
    to = *declared;
    SmallVector<std::optional<int64_t>> wanted;
    for (auto [dim, target] : llvm::zip(from, to))
      wanted.push_back(dim.isConstant() && dim.constant() > 0
                           ? std::optional(target.constant() / dim.constant())
                           : std::nullopt);
    if (failed(requireNumbers(context, op, op.in("repeats"), wanted, "its repeats")))
      return failure();
  }
  if ((repeats && repeats->size() != from.size()) || to.size() != from.size())
    return context.refuse(op, "its repeats are computed from data and not from shapes");
  if (AffineMap places = placesOfTile(context, from, to)) {
    context.define(op->getResult(0), context.move(op->getLoc(), context.tensor(input), places, to),
                   to);
    return success();
  }
  SmallVector<Extent> extents;
  for (const Dim &dim : from)
    extents.emplace_back(context, dim);
  Type element = context[input].element;
  Value result = context.map(op->getLoc(), to, element, {{context.tensor(input), {}, {}}},
                             [&](Code &c, ValueRange) {
                               SmallVector<Value> at;
                               for (auto [i, extent] : llvm::enumerate(extents)) {
                                 Value place = c.dim(i);
                                 if (to[i] != from[i])
                                   place = c.make<arith::RemUIOp>(place, extent.in(c));
                                 at.push_back(place);
                               }
                               return c.fetch(0, element, at);
                             });
  context.define(op->getResult(0), result, to);
  return success();
}

/// result[i...] = data[i..., indices[i...], ...]
LogicalResult lowerGatherElements(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data"), indices = op.in("indices");
  SmallVector<Dim> from = context[data].dims, to = context[indices].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis"), from.size());
  if (axis < 0 || axis >= int64_t(from.size()) || to.size() != from.size())
    return context.refuse(op, "its axis does not exist");
  SmallVector<Extent> extents;
  for (const Dim &dim : from)
    extents.emplace_back(context, dim);
  // The indices may cover less than the data, never more.
  for (unsigned i = 0; i < from.size(); ++i)
    if (int64_t(i) != axis && !context.match(from[i], to[i]) &&
        failed(context.requireNonNegative(
            op, from[i] - to[i], "its indices cover more than its data along axis " + Twine(i))))
      return failure();
  if (failed(requireIndices(context, op, "indices", op.in("indices"), from[axis],
                            "axis " + Twine(axis) + " of its data")))
    return failure();
  Type element = context[data].element;
  AffineMap identity = context.b.getMultiDimIdentityMap(to.size());
  Value result =
      context.map(op->getLoc(), to, element,
                  {{context.tensor(indices), identity, {}}, {context.tensor(data), {}, {}}},
                  [&](Code &c, ValueRange x) {
                    SmallVector<Value> at;
                    for (unsigned i = 0; i < from.size(); ++i) {
                      Value place =
                          int64_t(i) == axis ? c.boundedIndex(x[0], extents[i].in(c)) : c.dim(i);
                      at.push_back(place);
                    }
                    return c.fetch(1, element, at);
                  });
  context.define(op->getResult(0), result, to);
  return success();
}

//===----------------------------------------------------------------------===//
// ArgMax, ArgMin, Hardmax
//===----------------------------------------------------------------------===//

/// Iterates with `axis` last.
AffineMap axisLast(unsigned rank, unsigned axis, MLIRContext *context) {
  SmallVector<AffineExpr> results;
  for (unsigned i = 0; i < rank; ++i)
    results.push_back(getAffineDimExpr(i == axis ? rank - 1 : i < axis ? i : i - 1, context));
  return AffineMap::get(rank, 0, results, context);
}

LogicalResult lowerArg(AnyOp op, Context &context, bool isMax) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims, rows(dims);
  int64_t rank = dims.size(), axis = normalizeAxis(intAttr(op, "axis"), rank);
  if (axis < 0 || axis >= rank)
    return context.refuse(op, "its axis does not exist");
  rows.erase(rows.begin() + axis);
  MLIRContext *mlir = op->getContext();
  AffineMap perRow =
      AffineMap::get(rank, 0, axisLast(rank, axis, mlir).dropResult(axis).getResults(), mlir);
  bool last = intAttr(op, "select_last_index");
  Value result =
      context.rows(op->getLoc(), 1, {{context.tensor(input), axisLast(rank, axis, mlir), {}}},
                   {rows, context.b.getI64Type(), perRow}, [&](Code &c, ValueRange x) {
                     return bestPlace(c, x[0], rank - 1, isMax, last);
                   });
  if (intAttr(op, "keepdims", 1)) {
    dims[axis] = Dim(1);
    result = context.reshape(op->getLoc(), result, rows, dims);
    rows = dims;
  }
  context.define(op->getResult(0), result, rows);
  return success();
}

LogicalResult lowerHardmax(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  int64_t rank = dims.size(), axis = normalizeAxis(intAttr(op, "axis", -1), rank);
  if (axis < 0 || axis >= rank)
    return context.refuse(op, "its axis does not exist");
  AffineMap map = axisLast(rank, axis, op->getContext());
  Value result = context.rows(
      op->getLoc(), 1, {{context.tensor(input), map, {}}}, {dims, context[input].element, map},
      [&](Code &c, ValueRange x) {
        Value place = bestPlace(c, x[0], rank - 1, true, false);
        Value here = c.make<arith::IndexCastOp>(place.getType(), c.dim(rank - 1));
        return c.select(c.equal(place, here), c.constant(1, x[0]), c.constant(0, x[0]));
      });
  context.define(op->getResult(0), result, dims);
  return success();
}

Reason supportsNumbers(Operation *op) {
  auto type = dyn_cast<ShapedType>(op->getOperand(0).getType());
  auto integer = type ? dyn_cast<IntegerType>(type.getElementType()) : IntegerType();
  if ((integer && integer.getWidth() >= 8) ||
      (type && isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(type.getElementType())))
    return std::nullopt;
  return "elements of its type are not supported";
}

Reason supportsElements(Operation *op) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  return element.isInteger(1) ? std::nullopt : supportsNumbers(op);
}

} // namespace

void addIndex(LoweringTable &table) {
  table["onnx.Trilu"] = {supportsElements, lowerTrilu};
  table["onnx.EyeLike"] = {[](Operation *op) -> Reason {
                             auto type = dyn_cast<ShapedType>(op->getResult(0).getType());
                             if (type && type.getElementType().isIntOrFloat())
                               return std::nullopt;
                             return "elements of its type are not supported";
                           },
                           lowerEyeLike};
  table["onnx.Range"] = {nullptr, lowerRange};
  table["onnx.OneHot"] = {supportsNumbers, lowerOneHot};
  table["onnx.Tile"] = {supportsElements, lowerTile};
  table["onnx.GatherElements"] = {supportsElements, lowerGatherElements};
  table["onnx.Hardmax"] = {supportsNumbers, lowerHardmax};
  for (bool isMax : {false, true})
    table[isMax ? "onnx.ArgMax" : "onnx.ArgMin"] = {
        supportsNumbers,
        [isMax](Operation *op, Context &context) { return lowerArg(AnyOp(op), context, isMax); }};
}

} // namespace strut::kernelize
