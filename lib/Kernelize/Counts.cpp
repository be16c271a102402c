//===- Counts.cpp - Extents that data tell --------------------------------===//
//
// How many elements an operator finds is known when it has run, and memory is planned
// before. So such a dimension is as long as it can be, and its count is a value. Kernels
// compute all of it; who gets the result is told the count. An operator that would mix what
// is beyond the count with what is not is refused.
//
//===----------------------------------------------------------------------===//
#include "Counts.h"
#include "Loops.h"

using namespace mlir;

namespace strut::kernelize {

LogicalResult Context::refuseInside(Operation *op) {
  if (isOutermost(op))
    return success();
  return refuse(op, "what it computes from data decides a shape, which is not supported inside of "
                    "a branch or a loop");
}

FailureOr<Dim> Context::counted(Operation *op, const Dim &bound, Value count) {
  if (failed(refuseInside(op)))
    return failure();
  // A value of its own, so that no two are taken for the same dimension.
  OpBuilder::InsertionGuard guard(b);
  Value most = dims.value(bound);
  if (Operation *last = most.getDefiningOp())
    b.setInsertionPointAfter(last);
  else
    b.setInsertionPointToStart(cast<BlockArgument>(most).getOwner());
  Value zero = arith::ConstantIndexOp::create(b, op->getLoc(), 0);
  Dim dim = dims.of(arith::MaxSIOp::create(b, op->getLoc(), most, zero).getResult());
  counts.push_back({dim, count});
  return dim;
}

Value Context::countOf(const Dim &dim) const {
  for (const auto &[known, count] : counts)
    if (known == dim)
      return count;
  return {};
}

bool Context::dependsOnCount(const Dim &dim) const {
  return llvm::any_of(counts, [&](const auto &entry) { return dims.dependsOn(dim, entry.first); });
}

bool Context::dependsOnElement(const Dim &dim) const {
  return llvm::any_of(elements, [&](const Dim &element) { return dims.dependsOn(dim, element); });
}

void Context::require(Operation *op, ArrayRef<Value> tensors, BodyBuilder holds,
                      const Twine &otherwise) {
  SmallVector<Input> inputs;
  for (Value tensor : tensors) {
    if (cast<RankedTensorType>(tensor.getType()).getRank() == 0) // to have a place to fetch from
      tensor = reshape(op->getLoc(), tensor, {}, Dim(1));
    inputs.push_back({tensor, {}, {}});
  }
  Value trouble = map(op->getLoc(), {}, b.getI64Type(), inputs, [&](Code &c, ValueRange x) {
    Value fine = holds(c, x);
    return c.select(fine, c.constant(0, c.b.getI64Type()), c.constant(1, c.b.getI64Type()));
  });
  requireZero(op, trouble, otherwise);
}

/// Operators that compute each element from those at its own place.
static bool isPointwise(StringRef name) {
  static const LoweringTable table = [] {
    LoweringTable table;
    addElementwise(table);
    return table;
  }();
  return table.contains(name);
}

static SmallVector<Dim> withoutOnes(ArrayRef<Dim> dims) {
  SmallVector<Dim> rest(dims);
  llvm::erase_if(rest, [](const Dim &dim) { return dim.is(1); });
  return rest;
}

/// Whether nothing beyond a count is mixed with what is within, supposing that the dimensions
/// of the results turn out to be counted or no function of a count.
static bool keepsCounts(Operation *op, Context &context) {
  using onnx_ir::Op;
  if (isPointwise(op->getName().getStringRef()))
    return true;
  if (isa<Op<"Identity">, Op<"Transpose">, Op<"Concat">, Op<"Slice">, Op<"Split">>(op))
    return true;
  if (isa<Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Flatten">>(op))
    return withoutOnes(context[op->getOperand(0)].dims) ==
           withoutOnes(context[op->getResult(0)].dims);
  if (auto gather = dyn_cast<Op<"Gather">>(op)) {
    ArrayRef<Dim> data = context[gather.in("data")].dims;
    int64_t axis = normalizeAxis(intAttr(gather, "axis"), data.size());
    return !context.dependsOnCount(data[axis]);
  }
  return false;
}

LogicalResult checkCounts(Operation *op, Context &context) {
  auto depends = [&](Value value) {
    auto known = context.values.find(value);
    return known != context.values.end() && llvm::any_of(known->second.dims, [&](const Dim &dim) {
             return context.dependsOnCount(dim);
           });
  };
  if (llvm::any_of(op->getOperands(), depends) && !keepsCounts(op, context))
    return context.refuse(op, "an operand has an extent that is computed from data, which only "
                              "results of the model and what is computed element by element can "
                              "have");
  for (Value result : op->getResults())
    if (depends(result))
      for (const Dim &dim : context[result].dims)
        if (context.dependsOnCount(dim) && !context.countOf(dim))
          return context.refuse(op, "an extent of its result is computed from one that is computed "
                                    "from data");
  return success();
}

Value compacted(Context &context, Location loc, Value tensor, ArrayRef<Dim> dims) {
  SmallVector<Value> inputs = {tensor};
  SmallVector<int> countOf; // number of the input, or -1
  bool isPrefix = true, isFirst = true;
  for (const Dim &dim : dims) {
    Value count = context.countOf(dim);
    countOf.push_back(count ? int(inputs.size()) : -1);
    if (count)
      inputs.push_back(count);
    isPrefix &= !count || isFirst;
    isFirst &= dim.is(1);
  }
  if (isPrefix)
    return tensor;
  Type element = getElementTypeOrSelf(tensor.getType());
  Dim total = product(dims);
  Value flat = context.region(
      loc, inputs, {{{total}, element, {}}}, [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> extents = extentsOf(c, x[0]);
        for (auto [axis, count] : llvm::enumerate(countOf))
          if (count >= 0)
            extents[axis] = c.make<arith::IndexCastOp>(
                c.b.getIndexType(), c.make<tensor::ExtractOp>(x[count], ValueRange()));
        return loops(c, extents, {x.back()}, [&](Code &c, ValueRange at, ValueRange carried) {
          Value place = c.index(0);
          for (auto [i, extent] : llvm::zip(at, extents))
            place = c.make<arith::AddIOp>(c.make<arith::MulIOp>(place, extent), i);
          Value value = c.make<tensor::ExtractOp>(x[0], at);
          return SmallVector<Value>{c.make<tensor::InsertOp>(value, carried[0], place)};
        });
      })[0];
  return context.reshape(loc, flat, {total}, dims);
}

//===----------------------------------------------------------------------===//
// What a model declares
//===----------------------------------------------------------------------===//

/// Element `i` of the operand number `operand`, a vector or a single number, as an i64.
static Value numberAt(Code &c, unsigned operand, Type element, int64_t i) {
  return c.cast(c.fetch(operand, element, c.index(i)), c.b.getI64Type());
}
static Value number(Code &c, int64_t value) { return c.make<arith::ConstantIntOp>(value, 64); }
static Value truth(Code &c, bool value) { return c.make<arith::ConstantIntOp>(value, 1); }

LogicalResult requireShape(Context &context, Operation *operation, Value operand,
                           ArrayRef<Dim> declared) {
  using onnx_ir::Op;
  AnyOp op(operation);
  SmallVector<Dim> length = context[operand].dims, from;
  if (length.size() != 1 || !length[0].isConstant())
    return context.refuse(op, "the length of its shape is not known");
  bool isReshape = isa<Op<"Reshape">>(operation), isExpand = isa<Op<"Expand">>(operation);
  int64_t count = length[0].constant(), rank = declared.size();
  if (isExpand ? count > rank : count != rank)
    return context.refuse(op, "its shape has not as many extents as the model declares");
  if (isReshape || isExpand)
    from = context[op->getOperand(0)].dims;
  bool copiesZero = isReshape && !intAttr(op, "allowzero");
  Type element = context[operand].element;
  auto fits = [&](Code &c, ValueRange) {
    Value all = truth(c, true);
    for (int64_t i = 0; i < count; ++i) {
      // Expand aligns at the right, and its 1 leaves an axis alone.
      int64_t axis = i + rank - count, own = isExpand ? axis - rank + int64_t(from.size()) : i;
      bool isOwn = own >= 0 && own < int64_t(from.size()) && from[own] == declared[axis];
      Value given = numberAt(c, 0, element, i);
      Value fine = c.equal(given, number(c, declared[axis].constant()));
      if (isReshape)
        fine = c.make<arith::OrIOp>(fine, c.equal(given, number(c, -1)));
      if (isOwn && (isExpand || copiesZero))
        fine = c.make<arith::OrIOp>(fine, c.equal(given, number(c, isExpand)));
      all = c.make<arith::AndIOp>(all, fine);
    }
    return all;
  };
  context.require(op, context.tensor(operand), fits,
                  "its shape is not the one that the model declares, " + spell(declared));
  return success();
}

LogicalResult requireNumbers(Context &context, Operation *op, Value operand,
                             ArrayRef<std::optional<int64_t>> numbers, StringRef what) {
  Dim length = product(context[operand].dims);
  if (!length.is(numbers.size()))
    return context.refuse(op, what + " is not known to be as many numbers as it takes");
  Type element = context[operand].element;
  auto fits = [&](Code &c, ValueRange) {
    Value all = truth(c, true);
    for (auto [i, wanted] : llvm::enumerate(numbers))
      if (wanted)
        all = c.make<arith::AndIOp>(all, c.equal(numberAt(c, 0, element, i), number(c, *wanted)));
    return all;
  };
  context.require(op, context.tensor(operand), fits,
                  what + " does not give the shape that the model declares");
  return success();
}

LogicalResult requireAxes(Context &context, Operation *op, Value axes, ArrayRef<Dim> whole,
                          ArrayRef<Dim> squeezed) {
  SmallVector<Dim> length = context[axes].dims;
  int64_t rank = whole.size(), count = rank - int64_t(squeezed.size());
  auto areConstant = [](ArrayRef<Dim> dims) {
    return llvm::all_of(dims, [](const Dim &dim) { return dim.isConstant(); });
  };
  if (length.size() != 1 || !length[0].is(count) || !areConstant(whole) || !areConstant(squeezed))
    return context.refuse(op, "its axes do not fit the shape that the model declares");
  Type element = context[axes].element;
  auto fits = [&](Code &c, ValueRange) {
    Value all = truth(c, true), before = c.index(0);
    for (int64_t place = 0; place < rank; ++place) {
      Value isAxis = truth(c, false);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t spelled : {place, place - rank})
          isAxis =
              c.make<arith::OrIOp>(isAxis, c.equal(numberAt(c, 0, element, i), number(c, spelled)));
      // The extent that the place has if it is no axis: by how many of these come before.
      Value extent = number(c, 1);
      for (int64_t j = 0; j < int64_t(squeezed.size()); ++j) {
        Value here = c.equal(before, c.index(place - j));
        Value fine = c.make<arith::AndIOp>(here, c.make<arith::XOrIOp>(isAxis, truth(c, true)));
        extent = c.select(fine, number(c, squeezed[j].constant()), extent);
      }
      all = c.make<arith::AndIOp>(all, c.equal(extent, number(c, whole[place].constant())));
      before = c.select(isAxis, c.make<arith::AddIOp>(before, c.index(1)), before);
    }
    return c.make<arith::AndIOp>(all, c.equal(before, c.index(count)));
  };
  context.require(op, context.tensor(axes), fits,
                  "its axes do not give the shape that the model declares");
  return success();
}

} // namespace strut::kernelize
