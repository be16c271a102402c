//===- Reduce.cpp - Reductions --------------------------------------------===//
#include "RowSpace.h"

using namespace mlir;

namespace strut::kernelize {

using kernel::CombineKind;

RowSpace::RowSpace(unsigned rank, ArrayRef<int64_t> axes) : rank(rank), iteratorOf(rank) {
  for (unsigned axis = 0; axis < rank; ++axis)
    (llvm::is_contained(axes, int64_t(axis)) ? reducedAxes : rowAxes).push_back(axis);
  numRows = rowAxes.size();
  for (auto [i, axis] : llvm::enumerate(rowAxes))
    iteratorOf[axis] = i;
  for (auto [i, axis] : llvm::enumerate(reducedAxes))
    iteratorOf[axis] = numRows + i;
}

AffineMap RowSpace::whole(MLIRContext *context) const {
  SmallVector<AffineExpr> results;
  for (unsigned iterator : iteratorOf)
    results.push_back(getAffineDimExpr(iterator, context));
  return AffineMap::get(rank, 0, results, context);
}

AffineMap RowSpace::perRow(MLIRContext *context) const {
  if (numRows == 0)
    return AffineMap::get(rank, 0, context);
  return AffineMap::getMultiDimIdentityMap(rank, context).getMajorSubMap(numRows);
}

Value mean(Code &c, Value x, const Dim &count) {
  Value sum = c.combine(CombineKind::Add, x);
  if (count.isConstant())
    return c.div(sum, c.constant(count.constant(), x));
  return c.div(sum, c.combine(CombineKind::Add, c.constant(1, x)));
}

Value inverseDeviation(Code &c, Value centred, const Dim &count, double epsilon) {
  Value variance = mean(c, c.mul(centred, centred), count);
  Value deviation = c.make<math::SqrtOp>(c.add(variance, c.constant(epsilon, centred)));
  return c.div(c.constant(1, centred), deviation);
}

Dim countOf(ArrayRef<Dim> dims, ArrayRef<unsigned> axes) {
  Dim count(1);
  for (unsigned axis : axes)
    count = count * dims[axis];
  return count;
}

namespace {

using Reduction = Value (*)(Code &c, Value x, const Dim &count);

Value sum(Code &c, Value x, const Dim &) { return c.combine(CombineKind::Add, x); }
Value logSumExp(Code &c, Value x, const Dim &) {
  Value top = c.combine(CombineKind::Max, x);
  Value total = c.combine(CombineKind::Add, c.make<math::ExpOp>(c.sub(x, top)));
  return c.add(c.make<math::LogOp>(total), top);
}
Value magnitude(Code &c, Value x) {
  if (c.isUnsigned)
    return x;
  return Code::isFloat(x) ? c.make<math::AbsFOp>(x) : c.make<math::AbsIOp>(x);
}

enum Types { Floats = 1, Integers = 2, Truths = 4 };

struct ReductionRow {
  const char *name;
  int types;
  Reduction function;
};

const ReductionRow reductions[] = {
    {"ReduceSum", Floats | Integers, sum},
    {"ReduceMean", Floats | Integers, mean},
    {"ReduceMax", Floats | Integers | Truths,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Max, x); }},
    {"ReduceMin", Floats | Integers | Truths,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Min, x); }},
    {"ReduceProd", Floats | Integers,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Mul, x); }},
    {"ReduceSumSquare", Floats | Integers,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Add, c.mul(x, x)); }},
    {"ReduceL1", Floats | Integers,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Add, magnitude(c, x)); }},
    {"ReduceL2", Floats,
     [](Code &c, Value x, const Dim &) {
       return c.make<math::SqrtOp>(c.combine(CombineKind::Add, c.mul(x, x)));
     }},
    {"ReduceLogSum", Floats,
     [](Code &c, Value x, const Dim &) {
       return c.make<math::LogOp>(c.combine(CombineKind::Add, x));
     }},
    {"ReduceLogSumExp", Floats, logSumExp},
};

Reason supports(const ReductionRow &row, Operation *op) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  int kind = 0;
  if (isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element))
    kind = Floats;
  else if (auto integer = dyn_cast<IntegerType>(element))
    kind = integer.getWidth() == 1 ? Truths : integer.getWidth() >= 8 ? Integers : 0;
  if (kind & row.types)
    return std::nullopt;
  return "it is not supported for elements of its type";
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

using Axes = SmallVector<int64_t>;

/// The extents of the result, and those with the reduced axes kept as 1.
struct Shapes {
  SmallVector<Dim> rows, kept;
  Shapes(ArrayRef<Dim> dims, ArrayRef<int64_t> axes) {
    for (auto [axis, dim] : llvm::enumerate(dims)) {
      bool reduced = llvm::is_contained(axes, int64_t(axis));
      if (!reduced)
        rows.push_back(dim);
      kept.push_back(reduced ? Dim(1) : dim);
    }
  }
};

/// The sets of axes between which the shape that the model declares leaves a
/// choice to the run. An axis of extent 1 is never in them: it makes no difference.
SmallVector<Axes> possibleAxes(AnyOp op, Context &context, ArrayRef<Dim> dims) {
  SmallVector<Axes> found;
  auto declared = context.declaredShape(op->getResult(0));
  constexpr size_t largestRank = 8;
  if (!declared || dims.size() > largestRank)
    return found;
  bool keep = intAttr(op, "keepdims", 1);
  for (unsigned set = 0; set < 1u << dims.size(); ++set) {
    Axes axes;
    for (unsigned axis = 0; axis < dims.size(); ++axis)
      if (set >> axis & 1)
        axes.push_back(axis);
    Shapes shapes(dims, axes);
    bool redundant = keep && llvm::any_of(axes, [&](int64_t axis) { return dims[axis].is(1); });
    if (!redundant && (keep ? shapes.kept : shapes.rows) == *declared)
      found.push_back(axes);
  }
  return found;
}

/// The axes, or the sets of them that are possible.
struct ReducedAxes {
  SmallVector<Axes> possible;
  bool isKnown = true;
};

/// None, with a message, if nothing tells the axes.
std::optional<ReducedAxes> axesOf(AnyOp op, Context &context, ArrayRef<Dim> dims) {
  int64_t rank = dims.size();
  Axes axes;
  if (op->getNumOperands() > 1 && !isa<NoneType>(op->getOperand(1).getType())) {
    ArrayRef<Dim> count = context[op->getOperand(1)].dims;
    auto constants = context.integers(op->getOperand(1));
    if (!constants && !(count.size() == 1 && count[0].is(0))) {
      SmallVector<Axes> possible = possibleAxes(op, context, dims);
      constexpr size_t most = 8;
      if (!possible.empty() && possible.size() <= most && count.size() == 1 &&
          count[0].isConstant())
        return ReducedAxes{possible, /*isKnown=*/false};
      (void)context.refuse(op, "its axes are known at run time only, and the model does not "
                               "declare a shape of the result that tells them");
      return std::nullopt;
    }
    for (int64_t axis : constants.value_or(Axes()))
      axes.push_back(normalizeAxis(axis, rank));
  }
  if (axes.empty() && !intAttr(op, "noop_with_empty_axes"))
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (llvm::any_of(axes, [&](int64_t axis) { return axis < 0 || axis >= rank; })) {
    (void)context.refuse(op, "one of its axes does not exist");
    return std::nullopt;
  }
  return ReducedAxes{{axes}};
}

Value reduce(AnyOp op, Context &context, ArrayRef<int64_t> given, Reduction function) {
  Value input = op->getOperand(0);
  SmallVector<Dim> own = context[input].dims, dims(own);
  Axes axes(given);
  Location loc = op->getLoc();
  if (axes.empty()) {
    // Nothing to reduce over: the element is its own row.
    dims.push_back(1);
    axes.push_back(dims.size() - 1);
  }
  RowSpace space(dims.size(), axes);
  Value source = context.reshape(loc, context.tensor(input), own, dims);
  Dim count = countOf(dims, space.reducedAxes);
  Shapes shapes(own, given);
  Value result =
      context.rows(loc, space.reducedAxes.size(), {{source, space.whole(op->getContext()), {}}},
                   {shapes.rows, context[input].element, space.perRow(op->getContext())},
                   [&](Code &c, ValueRange x) { return function(c, x[0], count); });
  if (intAttr(op, "keepdims", 1))
    result = context.reshape(loc, result, shapes.rows, shapes.kept);
  return result;
}

/// Axes that the run brings, out of sets of them that are possible.
class RunTimeAxes {
public:
  RunTimeAxes(AnyOp op, Context &context, ArrayRef<Axes> possible)
      : op(op), context(context), possible(possible), axes(op->getOperand(1)),
        type(context[axes].element), dims(context[op->getOperand(0)].dims) {}

  /// Makes the run fail where its axes are no possible ones.
  LogicalResult check() const;
  /// The result for the axes, of `results` for all possible ones.
  Value choose(ArrayRef<Value> results, ArrayRef<Dim> shape) const;

private:
  Value isGiven(Code &c, Value given, ArrayRef<int64_t> set) const;
  Value given(Code &c) const;

  AnyOp op;
  Context &context;
  ArrayRef<Axes> possible;
  Value axes;
  Type type;
  SmallVector<Dim> dims;
};

/// The set of axes as bits, of the operand that the body fetches from first. An axis that does
/// not exist has a bit of its own, one whose extent of 1 stays none.
Value RunTimeAxes::given(Code &c) const {
  int64_t rank = dims.size(), mask = (int64_t(2) << rank) - 1;
  for (auto [axis, dim] : llvm::enumerate(dims))
    if (dim.is(1) && intAttr(op, "keepdims", 1))
      mask &= ~(int64_t(1) << axis);
  Value set = c.constant(0, type), one = c.constant(1, type), last = c.constant(rank, type);
  for (int64_t i = 0, count = context[axes].dims[0].constant(); i < count; ++i) {
    Value axis = c.fetch(0, type, c.index(i));
    Value negative = c.asSigned().less(axis, c.constant(0, type));
    axis = c.select(negative, c.add(axis, last), axis);
    axis = c.make<arith::MinUIOp>(axis, last);
    set = c.make<arith::OrIOp>(set, c.make<arith::ShLIOp>(one, axis));
  }
  return c.make<arith::AndIOp>(set, c.constant(mask, type));
}

Value RunTimeAxes::isGiven(Code &c, Value given, ArrayRef<int64_t> set) const {
  int64_t bits = 0;
  for (int64_t axis : set)
    bits |= int64_t(1) << axis;
  return c.equal(given, c.constant(bits, type));
}

LogicalResult RunTimeAxes::check() const {
  auto holds = [&](Code &c, ValueRange) {
    Value set = given(c), any = c.make<arith::ConstantIntOp>(0, 1);
    for (const Axes &candidate : possible)
      any = c.make<arith::OrIOp>(any, isGiven(c, set, candidate));
    return any;
  };
  context.require(op, context.tensor(axes), holds,
                  "its axes do not give the shape that the model declares");
  return success();
}

Value RunTimeAxes::choose(ArrayRef<Value> results, ArrayRef<Dim> shape) const {
  AffineMap identity = context.b.getMultiDimIdentityMap(shape.size());
  SmallVector<Input> inputs = {{context.tensor(axes), {}, {}}};
  for (Value result : results)
    inputs.push_back({result, identity, {}});
  return context.map(op->getLoc(), shape, context[op->getOperand(0)].element, inputs,
                     [&](Code &c, ValueRange x) {
                       Value set = given(c), result = x[1];
                       for (auto [i, candidate] : llvm::enumerate(possible.drop_front()))
                         result = c.select(isGiven(c, set, candidate), x[2 + i], result);
                       return result;
                     });
}

LogicalResult lowerReduction(AnyOp op, Context &context, Reduction function) {
  SmallVector<Dim> dims = context[op->getOperand(0)].dims;
  auto axes = axesOf(op, context, dims);
  if (!axes)
    return failure();
  SmallVector<Value> results = llvm::map_to_vector(
      axes->possible, [&](const Axes &set) { return reduce(op, context, set, function); });
  Shapes shapes(dims, axes->possible.front());
  ArrayRef<Dim> shape = intAttr(op, "keepdims", 1) ? shapes.kept : shapes.rows;
  Value result = results.front();
  if (!axes->isKnown) {
    RunTimeAxes given(op, context, axes->possible);
    if (failed(given.check()))
      return failure();
    result = given.choose(results, shape);
  }
  context.define(op->getResult(0), result, shape);
  return success();
}

} // namespace

void addReduce(LoweringTable &table) {
  for (const ReductionRow &row : reductions)
    table["onnx." + std::string(row.name)] = {[row](Operation *op) { return supports(row, op); },
                                              [row](Operation *op, Context &context) {
                                                return lowerReduction(AnyOp(op), context,
                                                                      row.function);
                                              }};
}

} // namespace strut::kernelize
