//===- Norm.cpp - Softmax, normalisations, reductions ---------------------===//
//
// All are kernel.rows: the iteration dimensions are first the axes that number
// the rows, then those of a row, whatever their order in the tensor.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using kernel::CombineKind;

/// The axes of a tensor, split into those that number the rows and a row's own.
struct RowSpace {
  unsigned rank = 0, numRows = 0;
  /// The iteration dimension of each axis of the tensor.
  SmallVector<unsigned> iteratorOf;
  SmallVector<unsigned> rowAxes, reducedAxes;

  RowSpace(unsigned rank, ArrayRef<int64_t> axes) : rank(rank), iteratorOf(rank) {
    for (unsigned axis = 0; axis < rank; ++axis)
      (llvm::is_contained(axes, int64_t(axis)) ? reducedAxes : rowAxes).push_back(axis);
    numRows = rowAxes.size();
    for (auto [i, axis] : llvm::enumerate(rowAxes))
      iteratorOf[axis] = i;
    for (auto [i, axis] : llvm::enumerate(reducedAxes))
      iteratorOf[axis] = numRows + i;
  }

  AffineMap whole(MLIRContext *context) const {
    SmallVector<AffineExpr> results;
    for (unsigned iterator : iteratorOf)
      results.push_back(getAffineDimExpr(iterator, context));
    return AffineMap::get(rank, 0, results, context);
  }
  /// One element per row.
  AffineMap perRow(MLIRContext *context) const {
    if (numRows == 0)
      return AffineMap::get(rank, 0, context);
    return AffineMap::getMultiDimIdentityMap(rank, context).getMajorSubMap(numRows);
  }
};

Reason supportsFloat(Operation *op) {
  auto type = dyn_cast<ShapedType>(op->getOperand(0).getType());
  if (type && isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(type.getElementType()))
    return std::nullopt;
  return "it is supported for floats only";
}

/// The sum of `x` over a row divided by the number of its elements.
Value mean(Code &c, Value x, const Dim &count) {
  Value sum = c.combine(CombineKind::Add, x);
  if (count.isConstant())
    return c.div(sum, c.constant(count.constant(), x));
  return c.div(sum, c.combine(CombineKind::Add, c.constant(1, x)));
}

Dim countOf(ArrayRef<Dim> dims, ArrayRef<unsigned> axes) {
  Dim count(1);
  for (unsigned axis : axes)
    count = count * dims[axis];
  return count;
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

Value softmax(Code &c, Value x) {
  Value shifted = c.sub(x, c.combine(CombineKind::Max, x));
  Value e = c.make<math::ExpOp>(shifted);
  Value sum = c.combine(CombineKind::Add, e);
  return c.mul(e, c.div(c.constant(1, sum), sum));
}

Value logSoftmax(Code &c, Value x) {
  Value shifted = c.sub(x, c.combine(CombineKind::Max, x));
  Value sum = c.combine(CombineKind::Add, c.make<math::ExpOp>(shifted));
  return c.sub(shifted, c.make<math::LogOp>(sum));
}

LogicalResult lowerSoftmax(AnyOp op, Context &context, Value (*function)(Code &, Value)) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis", -1), dims.size());
  if (axis < 0 || axis >= int64_t(dims.size()))
    return context.refuse(op, "its axis does not exist");
  RowSpace space(dims.size(), axis);
  AffineMap map = space.whole(op->getContext());
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result =
      context.rows(op->getLoc(), 1, {{context.tensor(input), map, {}}}, {dims, element, map},
                   [&](Code &c, ValueRange x) { return function(c, x[0]); });
  context.define(op->getResult(0), result, dims);
  return success();
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

/// LayerNormalization, and RMSNormalization when `centered` is false, over the
/// axes from `axis` on.
LogicalResult lowerLayerNormalization(AnyOp op, Context &context, bool centered) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  int64_t rank = dims.size(), axis = normalizeAxis(intAttr(op, "axis", -1), rank);
  if (axis < 0 || axis >= rank)
    return context.refuse(op, "its axis does not exist");
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(axis, rank));
  RowSpace space(rank, axes);
  AffineMap map = space.whole(op->getContext());
  SmallVector<Input> inputs = {{context.tensor(input), map, {}}};
  for (Value parameter : op->getOperands().drop_front())
    if (!isa<NoneType>(parameter.getType()))
      inputs.push_back(context.broadcast(parameter, dims, space.iteratorOf, rank));
  double epsilon = floatAttr(op, "epsilon", 1e-5);
  Dim count = countOf(dims, space.reducedAxes);
  auto inverseDeviation = [&](Code &c, Value d) {
    Value variance = mean(c, c.mul(d, d), count);
    Value deviation = c.make<math::SqrtOp>(c.add(variance, c.constant(epsilon, d)));
    return c.div(c.constant(1, d), deviation);
  };
  // The statistics are results too; whoever reads them has them computed apart.
  for (OpResult statistic : op->getResults().drop_front()) {
    if (isa<NoneType>(statistic.getType()) || statistic.use_empty())
      continue;
    SmallVector<Dim> rows(ArrayRef(dims).take_front(axis)), kept(rows);
    kept.append(rank - axis, Dim(1));
    Type type = cast<ShapedType>(statistic.getType()).getElementType();
    Value value =
        context.rows(op->getLoc(), axes.size(), inputs[0],
                     {rows, type, space.perRow(op->getContext())}, [&](Code &c, ValueRange x) {
                       Value average = mean(c, x[0], count);
                       return statistic.getResultNumber() == 1
                                  ? average
                                  : inverseDeviation(c, c.sub(x[0], average));
                     });
    context.define(statistic, context.reshape(op->getLoc(), value, rows, kept), kept);
  }
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.rows(op->getLoc(), axes.size(), inputs, {dims, element, map},
                              [&](Code &c, ValueRange x) {
                                Value d = centered ? c.sub(x[0], mean(c, x[0], count)) : x[0];
                                Value y = c.mul(d, inverseDeviation(c, d));
                                y = c.mul(y, c.cast(x[1], y.getType()));
                                return x.size() > 2 ? c.add(y, c.cast(x[2], y.getType())) : y;
                              });
  context.define(op->getResult(0), result, dims);
  return success();
}

/// A constant vector in double precision.
std::optional<SmallVector<double>> numbersOf(ElementsAttr constant) {
  auto elements = constant ? constant.tryGetValues<APFloat>() : std::nullopt;
  if (!elements)
    return std::nullopt;
  SmallVector<double> numbers;
  for (APFloat number : *elements) {
    bool lost;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    numbers.push_back(number.convertToDouble());
  }
  return numbers;
}

/// With constant parameters, x * a + b for two vectors that are computed here.
std::optional<std::pair<Value, Value>> foldBatchNormalization(AnyOp op, Context &context) {
  SmallVector<SmallVector<double>> parameters;
  for (StringRef name : {"scale", "B", "input_mean", "input_var"}) {
    auto numbers = numbersOf(context[op.in(name)].constant);
    if (!numbers || (!parameters.empty() && numbers->size() != parameters[0].size()))
      return std::nullopt;
    parameters.push_back(*numbers);
  }
  double epsilon = floatAttr(op, "epsilon", 1e-5);
  auto type = cast<RankedTensorType>(op.in("scale").getType());
  SmallVector<Attribute> factors, addends;
  for (unsigned i = 0; i < parameters[0].size(); ++i) {
    double factor = parameters[0][i] / std::sqrt(parameters[3][i] + epsilon);
    factors.push_back(context.b.getFloatAttr(type.getElementType(), factor));
    addends.push_back(context.b.getFloatAttr(type.getElementType(),
                                             parameters[1][i] - parameters[2][i] * factor));
  }
  return std::pair(context.weight(op->getLoc(), DenseElementsAttr::get(type, factors)),
                   context.weight(op->getLoc(), DenseElementsAttr::get(type, addends)));
}

/// (x - mean) / sqrt(var + epsilon) * scale + bias per channel, at inference.
LogicalResult lowerBatchNormalization(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X");
  SmallVector<Dim> dims = context[input].dims;
  if (dims.size() < 2)
    return context.refuse(op, "its input has no channels");
  if (auto folded = foldBatchNormalization(op, context)) {
    AffineMap channel = AffineMap::get(dims.size(), 0, context.b.getAffineDimExpr(1));
    Value result =
        context.map(op->getLoc(), dims, context[input].element,
                    {context.broadcast(input, dims),
                     {folded->first, channel, {}},
                     {folded->second, channel, {}}},
                    [](Code &c, ValueRange x) { return c.add(c.mul(x[0], x[1]), x[2]); });
    context.define(op->getResult(0), result, dims);
    return success();
  }
  SmallVector<Input> inputs = {context.broadcast(input, dims)};
  AffineMap channel = AffineMap::get(dims.size(), 0, context.b.getAffineDimExpr(1));
  for (StringRef name : {"scale", "B", "input_mean", "input_var"})
    inputs.push_back({context.tensor(op.in(name)), channel, {}});
  double epsilon = floatAttr(op, "epsilon", 1e-5);
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.map(op->getLoc(), dims, element, inputs, [&](Code &c, ValueRange x) {
    Value deviation = c.make<math::SqrtOp>(c.add(x[4], c.constant(epsilon, x[4])));
    Value scale = c.div(x[1], deviation);
    return c.add(c.mul(c.sub(x[0], x[3]), scale), x[2]);
  });
  context.define(op->getResult(0), result, dims);
  return success();
}

Reason supportsBatchNormalization(Operation *operation) {
  AnyOp op(operation);
  if (intAttr(op, "training_mode"))
    return "training_mode is 1, and only inference is supported";
  return supportsFloat(operation);
}

/// Each channel of each image normalised over its spatial axes.
LogicalResult lowerInstanceNormalization(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("input");
  SmallVector<Dim> dims = context[input].dims;
  unsigned rank = dims.size();
  if (rank < 3)
    return context.refuse(op, "its input has no spatial axes");
  MLIRContext *mlir = op->getContext();
  AffineMap whole = AffineMap::getMultiDimIdentityMap(rank, mlir);
  AffineMap channel = AffineMap::get(rank, 0, getAffineDimExpr(1, mlir));
  double epsilon = floatAttr(op, "epsilon", 1e-5);
  Dim count = product(ArrayRef(dims).drop_front(2));
  Value result = context.rows(op->getLoc(), rank - 2,
                              {{context.tensor(input), whole, {}},
                               {context.tensor(op.in("scale")), channel, {}},
                               {context.tensor(op.in("B")), channel, {}}},
                              {dims, context[input].element, whole}, [&](Code &c, ValueRange x) {
                                Value d = c.sub(x[0], mean(c, x[0], count));
                                Value variance = mean(c, c.mul(d, d), count);
                                Value deviation =
                                    c.make<math::SqrtOp>(c.add(variance, c.constant(epsilon, d)));
                                return c.add(c.mul(d, c.div(x[1], deviation)), x[2]);
                              });
  context.define(op->getResult(0), result, dims);
  return success();
}

/// x / |x|_p along an axis.
LogicalResult lowerLpNormalization(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  int64_t axis = normalizeAxis(intAttr(op, "axis", -1), dims.size());
  if (axis < 0 || axis >= int64_t(dims.size()))
    return context.refuse(op, "its axis does not exist");
  RowSpace space(dims.size(), axis);
  AffineMap map = space.whole(op->getContext());
  bool euclidean = intAttr(op, "p", 2) == 2;
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.rows(op->getLoc(), 1, {{context.tensor(input), map, {}}},
                              {dims, element, map}, [&](Code &c, ValueRange x) {
                                Value power =
                                    euclidean ? c.mul(x[0], x[0]) : c.make<math::AbsFOp>(x[0]);
                                Value norm = c.combine(CombineKind::Add, power);
                                if (euclidean)
                                  norm = c.make<math::SqrtOp>(norm);
                                // The standard defines 0 / 0 as 0 here.
                                Value isZero = c.equal(norm, c.constant(0, norm));
                                return c.select(isZero, c.constant(0, norm), c.div(x[0], norm));
                              });
  context.define(op->getResult(0), result, dims);
  return success();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

using Reduction = Value (*)(Code &c, Value x, const Dim &count);

Value sum(Code &c, Value x, const Dim &) { return c.combine(CombineKind::Add, x); }
Value logSumExp(Code &c, Value x, const Dim &) {
  Value top = c.combine(CombineKind::Max, x);
  Value total = c.combine(CombineKind::Add, c.make<math::ExpOp>(c.sub(x, top)));
  return c.add(c.make<math::LogOp>(total), top);
}

struct ReductionRow {
  const char *name;
  bool integers;
  Reduction function;
};

const ReductionRow reductions[] = {
    {"ReduceSum", true, sum},
    {"ReduceMean", false, mean},
    {"ReduceMax", true,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Max, x); }},
    {"ReduceMin", true,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Min, x); }},
    {"ReduceProd", true,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Mul, x); }},
    {"ReduceSumSquare", true,
     [](Code &c, Value x, const Dim &) { return c.combine(CombineKind::Add, c.mul(x, x)); }},
    {"ReduceL1", false,
     [](Code &c, Value x, const Dim &) {
       return c.combine(CombineKind::Add, c.make<math::AbsFOp>(x));
     }},
    {"ReduceL2", false,
     [](Code &c, Value x, const Dim &) {
       return c.make<math::SqrtOp>(c.combine(CombineKind::Add, c.mul(x, x)));
     }},
    {"ReduceLogSum", false,
     [](Code &c, Value x, const Dim &) {
       return c.make<math::LogOp>(c.combine(CombineKind::Add, x));
     }},
    {"ReduceLogSumExp", false, logSumExp},
};

/// The axes of a reduction; none, with a message, if they are not known.
std::optional<SmallVector<int64_t>> reducedAxes(AnyOp op, Context &context, int64_t rank) {
  SmallVector<int64_t> axes;
  if (op->getNumOperands() > 1 && !isa<NoneType>(op->getOperand(1).getType())) {
    auto constants = context.integers(op->getOperand(1));
    if (!constants) {
      (void)context.refuse(op, "its axes are no constants");
      return std::nullopt;
    }
    for (int64_t axis : *constants)
      axes.push_back(normalizeAxis(axis, rank));
  }
  if (axes.empty() && !intAttr(op, "noop_with_empty_axes"))
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (llvm::any_of(axes, [&](int64_t axis) { return axis < 0 || axis >= rank; })) {
    (void)context.refuse(op, "one of its axes does not exist");
    return std::nullopt;
  }
  return axes;
}

LogicalResult lowerReduction(AnyOp op, Context &context, Reduction function) {
  Value input = op->getOperand(0);
  SmallVector<Dim> dims = context[input].dims;
  auto axes = reducedAxes(op, context, dims.size());
  if (!axes)
    return failure();
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Location loc = op->getLoc();
  if (axes->empty()) {
    // Nothing to reduce over: the element is its own row.
    dims.push_back(1);
    axes->push_back(dims.size() - 1);
  }
  RowSpace space(dims.size(), *axes);
  Value source = context.tensor(input);
  source = context.reshape(loc, source, SmallVector<Dim>(context[input].dims), dims);
  SmallVector<Dim> rows, kept;
  for (auto [axis, dim] : llvm::enumerate(dims)) {
    bool reduced = llvm::is_contained(*axes, int64_t(axis));
    if (!reduced)
      rows.push_back(dim);
    if (axis < context[input].rank())
      kept.push_back(reduced ? Dim(1) : dim);
  }
  Dim count = countOf(dims, space.reducedAxes);
  Value result =
      context.rows(loc, space.reducedAxes.size(), {{source, space.whole(op->getContext()), {}}},
                   {rows, element, space.perRow(op->getContext())},
                   [&](Code &c, ValueRange x) { return function(c, x[0], count); });
  if (intAttr(op, "keepdims", 1)) {
    result = context.reshape(loc, result, rows, kept);
    rows = kept;
  }
  context.define(op->getResult(0), result, rows);
  return success();
}

} // namespace

void addNorm(LoweringTable &table) {
  table["onnx.Softmax"] = {supportsFloat, [](Operation *op, Context &context) {
                             return lowerSoftmax(AnyOp(op), context, softmax);
                           }};
  table["onnx.LogSoftmax"] = {supportsFloat, [](Operation *op, Context &context) {
                                return lowerSoftmax(AnyOp(op), context, logSoftmax);
                              }};
  table["onnx.LayerNormalization"] = {supportsFloat, [](Operation *op, Context &context) {
                                        return lowerLayerNormalization(AnyOp(op), context, true);
                                      }};
  table["onnx.RMSNormalization"] = {supportsFloat, [](Operation *op, Context &context) {
                                      return lowerLayerNormalization(AnyOp(op), context, false);
                                    }};
  table["onnx.BatchNormalization"] = {supportsBatchNormalization, lowerBatchNormalization};
  table["onnx.InstanceNormalization"] = {supportsFloat, lowerInstanceNormalization};
  table["onnx.LpNormalization"] = {supportsFloat, lowerLpNormalization};
  for (const ReductionRow &row : reductions)
    table["onnx." + std::string(row.name)] = {
        [row](Operation *op) -> Reason {
          auto type = dyn_cast<ShapedType>(op->getOperand(0).getType());
          auto integer = type ? dyn_cast<IntegerType>(type.getElementType()) : IntegerType();
          if (row.integers && integer && integer.isSignless() && integer.getWidth() >= 8)
            return std::nullopt;
          return supportsFloat(op);
        },
        [row](Operation *op, Context &context) {
          return lowerReduction(AnyOp(op), context, row.function);
        }};
}

} // namespace strut::kernelize
