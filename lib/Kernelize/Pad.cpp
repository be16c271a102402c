//===- Pad.cpp - Tensors with a border ------------------------------------===//
//
// With a constant around it, a tensor is a slice of the result; all else reads
// elements of the tensor at computed places.
//
//===----------------------------------------------------------------------===//
#include "Slices.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

StringRef modeOf(AnyOp op) {
  auto mode = op.attr<StringAttr>("mode");
  return mode ? mode.getValue() : "constant";
}

Reason supportsPad(Operation *operation) {
  StringRef mode = modeOf(AnyOp(operation));
  if (!llvm::is_contained({"constant", "edge", "reflect", "wrap"}, mode))
    return ("its mode '" + mode + "' is not supported").str();
  return std::nullopt;
}

/// The border of each axis, before and after, where constants or shapes tell; else only
/// the shape of the result, as the model declares it.
struct Border {
  SmallVector<Dim> low, high;
  SmallVector<Dim> shape;
  bool isKnown = true;
};

/// None, with a message, if nothing tells the shape.
std::optional<Border> borderOf(AnyOp op, Context &context, ArrayRef<Dim> from) {
  Border border;
  int64_t rank = from.size();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto pads = context[op.in("pads")].contents;
  border.low.assign(rank, Dim(0));
  border.high.assign(rank, Dim(0));
  border.shape.assign(from.begin(), from.end());
  if (Value given = op.in("axes")) {
    auto constants = context.integers(given);
    if (!constants)
      pads = std::nullopt;
    else
      axes = *constants;
    if (context[op.in("pads")].dims[0] != product(context[given].dims) * Dim(2)) {
      (void)context.refuse(op, "its pads are not known to be two for each of its axes");
      return std::nullopt;
    }
  }
  if (!pads) {
    auto declared = context.declaredShape(op->getResult(0));
    bool isStatic =
        llvm::all_of(from, [](const Dim &dim) { return dim.isConstant() && dim.constant() > 0; });
    if (!declared || declared->size() != from.size() || !isStatic ||
        !context[op.in("pads")].dims[0].isConstant()) {
      (void)context.refuse(op, "its pads are computed from data and not from shapes");
      return std::nullopt;
    }
    border.shape = *declared;
    border.isKnown = false;
    return border;
  }
  for (auto [i, given] : llvm::enumerate(axes)) {
    int64_t axis = normalizeAxis(given, rank);
    if (axis < 0 || axis >= rank || pads->size() != 2 * axes.size()) {
      (void)context.refuse(op, "its axes do not exist, or do not fit its pads");
      return std::nullopt;
    }
    border.low[axis] = (*pads)[i];
    border.high[axis] = (*pads)[axes.size() + i];
    border.shape[axis] = from[axis] + border.low[axis] + border.high[axis];
    if (!border.shape[axis].isConstant() && !context.dims.isNonNegative(border.shape[axis])) {
      (void)context.refuse(op, "it cannot be told that axis " + Twine(axis) +
                                   " of its result has an extent that is not negative");
      return std::nullopt;
    }
  }
  return border;
}

/// x modulo y in [0, y).
Value floorMod(Code &c, Value x, Value y) {
  Value rest = c.make<arith::RemSIOp>(x, y);
  Value negative = c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, rest, c.index(0));
  return c.select(negative, c.make<arith::AddIOp>(rest, y), rest);
}

/// The place in an axis that stands for `place`, which may lie outside.
Value foldedPlace(Code &c, StringRef mode, Value place, Value last) {
  Value zero = c.index(0), one = c.index(1);
  if (mode == "wrap")
    place = floorMod(c, place, c.make<arith::MaxSIOp>(c.make<arith::AddIOp>(last, one), one));
  if (mode == "reflect") {
    Value period = c.make<arith::MulIOp>(last, c.index(2));
    place = floorMod(c, place, c.make<arith::MaxSIOp>(period, one));
    place = c.make<arith::MinSIOp>(place, c.make<arith::SubIOp>(period, place));
  }
  return c.make<arith::MaxSIOp>(c.make<arith::MinSIOp>(place, last), zero);
}

/// The elements before an axis that the run brings: pads and, if given, axes are
/// inputs 1 and 2 of the kernel.
struct RunTimePads {
  Type padsType, axesType;
  int64_t count, rank;

  Value before(Code &c, unsigned axis) const { return sum(c, axis, 0); }
  Value after(Code &c, unsigned axis) const { return sum(c, axis, count); }
  /// Of the pads from number `first` on, those of the axis.
  Value sum(Code &c, unsigned axis, int64_t first) const {
    if (!axesType)
      return index(c, c.fetch(1, padsType, c.index(first + axis)));
    Value sum = c.index(0);
    for (int64_t i = 0; i < count; ++i) {
      Value here = c.boundedIndex(c.fetch(2, axesType, c.index(i)), c.index(rank));
      Value same = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, here, c.index(axis));
      Value pad = index(c, c.fetch(1, padsType, c.index(first + i)));
      sum = c.make<arith::AddIOp>(sum, c.select(same, pad, c.index(0)));
    }
    return sum;
  }
  static Value index(Code &c, Value number) {
    return c.make<arith::IndexCastOp>(c.b.getIndexType(), number);
  }
};

/// Makes the run check that pads which are data give the declared shape.
LogicalResult requirePads(AnyOp op, Context &context, const Border &border) {
  Value data = op.in("data"), pads = op.in("pads"), axes = op.in("axes");
  SmallVector<Dim> from = context[data].dims;
  RunTimePads runTime{context[pads].element, axes ? context[axes].element : Type(),
                      context[pads].dims[0].constant() / 2, int64_t(from.size())};
  SmallVector<Value> tensors = {context.tensor(data), context.tensor(pads)};
  if (axes)
    tensors.push_back(context.tensor(axes));
  auto fits = [&](Code &c, ValueRange) {
    Value all = c.make<arith::ConstantIntOp>(1, 1);
    for (auto [axis, dim] : llvm::enumerate(from)) {
      Value added = c.make<arith::AddIOp>(runTime.before(c, axis), runTime.after(c, axis));
      Value wanted = c.index(border.shape[axis].constant() - dim.constant());
      all = c.make<arith::AndIOp>(all, c.equal(added, wanted));
    }
    return all;
  };
  context.require(op, tensors, fits,
                  "its pads do not give the shape that the model declares, " + spell(border.shape));
  return success();
}

/// All elements by reading: those of the tensor, or the fill where there are none.
Value padByReading(AnyOp op, Context &context, const Border &border, Input fill) {
  Value data = op.in("data"), pads = op.in("pads"), axes = op.in("axes");
  SmallVector<Dim> from = context[data].dims;
  Type element = context[data].element;
  StringRef mode = modeOf(op);
  SmallVector<Value> lasts;
  for (const Dim &dim : from)
    lasts.push_back(dim.isConstant() ? Value() : context.dims.value(dim - Dim(1)));
  SmallVector<Input> inputs = {{context.tensor(data), {}, {}}};
  RunTimePads runTime{context[pads].element, axes ? context[axes].element : Type(), 0,
                      int64_t(from.size())};
  if (!border.isKnown) {
    runTime.count = context[pads].dims[0].constant() / 2;
    inputs.push_back({context.tensor(pads), {}, {}});
    if (axes)
      inputs.push_back({context.tensor(axes), {}, {}});
  }
  inputs.push_back(fill);
  SmallVector<Extent> low;
  for (const Dim &dim : border.low)
    low.emplace_back(context, dim);
  return context.map(op->getLoc(), border.shape, element, inputs, [&](Code &c, ValueRange x) {
    SmallVector<Value> at;
    Value inside = c.make<arith::ConstantIntOp>(1, 1);
    for (unsigned i = 0; i < from.size(); ++i) {
      Value place = c.dim(i), last = lasts[i] ? lasts[i] : c.index(from[i].constant() - 1);
      if (!border.isKnown)
        place = c.make<arith::SubIOp>(place, runTime.before(c, i));
      else if (!border.low[i].is(0))
        place = c.make<arith::SubIOp>(place, low[i].in(c));
      if (!border.isKnown || border.shape[i] != from[i]) {
        // One unsigned comparison says that it is neither below nor beyond.
        Value here = c.make<arith::CmpIOp>(arith::CmpIPredicate::ule, place, last);
        inside = c.make<arith::AndIOp>(inside, here);
        place = foldedPlace(c, mode, place, last);
      }
      at.push_back(place);
    }
    Value value = c.widen(c.fetch(0, element, at));
    return mode == "constant" ? c.select(inside, value, x.back()) : value;
  });
}

/// Makes bind fail where a border repeats elements of an axis that has none.
void requireElements(AnyOp op, Context &context, const Border &border) {
  if (!context.isOutermost(op))
    return;
  Code c{context.b, op->getLoc()};
  for (auto [axis, from] : llvm::enumerate(context[op.in("data")].dims)) {
    const Dim &to = border.shape[axis];
    if (to == from || context.dims.isNonNegative(from - Dim(1)))
      continue;
    auto isAbove = [&](const Dim &dim, int64_t bound) {
      Value extent = Extent(context, dim).in(c);
      return c.make<arith::CmpIOp>(arith::CmpIPredicate::sgt, extent, c.index(bound));
    };
    Value grows = isAbove(to, 0),
          isEmpty = c.make<arith::XOrIOp>(isAbove(from, 0), c.make<arith::ConstantIntOp>(1, 1));
    Value fails = c.make<arith::AndIOp>(grows, isEmpty);
    context.requireAtBind(op, c.make<arith::XOrIOp>(fails, c.make<arith::ConstantIntOp>(1, 1)),
                          "axis " + Twine(axis) +
                              " of its data has no elements to fill a border with");
  }
}

LogicalResult lowerPad(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value data = op.in("data");
  SmallVector<Dim> from = context[data].dims;
  std::optional<Border> border = borderOf(op, context, from);
  if (!border || (!border->isKnown && failed(requirePads(op, context, *border))))
    return failure();
  Input fill{{}, {}, context.b.getZeroAttr(context[data].element)};
  if (Value value = op.in("constant_value"))
    fill = context.broadcast(value, {}, {}, from.size());
  if (modeOf(op) != "constant" && border->isKnown)
    requireElements(op, context, *border);
  auto isNegative = [&](const Dim &pad) { return !context.dims.isNonNegative(pad); };
  bool cuts = llvm::any_of(border->low, isNegative) || llvm::any_of(border->high, isNegative);
  bool isStatic =
      llvm::all_of(from, [](const Dim &dim) { return dim.isConstant() && dim.constant() > 0; });
  if (cuts && !isStatic)
    return context.refuse(op, "pads that may be negative are not supported where an axis is not "
                              "constant");
  if (modeOf(op) != "constant" || !border->isKnown || cuts) {
    context.define(op->getResult(0), padByReading(op, context, *border, fill), border->shape);
    return success();
  }
  auto isZero = [](const Dim &pad) { return pad.is(0); };
  if (llvm::all_of(border->low, isZero) && llvm::all_of(border->high, isZero)) {
    context.define(op->getResult(0), Tracked(context[data]));
    return success();
  }
  Location loc = op->getLoc();
  Value filled = context.map(loc, border->shape, context[data].element, {fill},
                             [](Code &, ValueRange x) { return x[0]; });
  Input source{context.tensor(data), {}, {}};
  context.define(op->getResult(0), insert(context, loc, source, filled, border->low, from),
                 border->shape);
  return success();
}

} // namespace

void addPad(LoweringTable &table) { table["onnx.Pad"] = {supportsPad, lowerPad}; }

} // namespace strut::kernelize
