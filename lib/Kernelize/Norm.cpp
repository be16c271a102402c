//===- Norm.cpp - Softmax, normalisations, reductions ---------------------===//
//
// All are kernel.rows: the iteration dimensions are first the axes that number
// the rows, then those of a row, whatever their order in the tensor.
//
//===----------------------------------------------------------------------===//
#include "Activations.h"
#include "RowSpace.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using kernel::CombineKind;

Reason supportsFloat(Operation *op) {
  auto type = dyn_cast<ShapedType>(op->getOperand(0).getType());
  if (type && isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(type.getElementType()))
    return std::nullopt;
  return "it is supported for floats only";
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

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
                                  : inverseDeviation(c, c.sub(x[0], average), count, epsilon);
                     });
    context.define(statistic, context.reshape(op->getLoc(), value, rows, kept), kept);
  }
  Type element = cast<ShapedType>(op->getResult(0).getType()).getElementType();
  Value result = context.rows(op->getLoc(), axes.size(), inputs, {dims, element, map},
                              [&](Code &c, ValueRange x) {
                                Value d = centered ? c.sub(x[0], mean(c, x[0], count)) : x[0];
                                Value y = c.mul(d, inverseDeviation(c, d, count, epsilon));
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

/// The channels of each image normalised together, in groups of neighbours.
LogicalResult lowerGroupNormalization(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value input = op.in("X");
  SmallVector<Dim> dims = context[input].dims;
  unsigned rank = dims.size();
  int64_t groups = intAttr(op, "num_groups");
  if (rank < 3 || !dims[1].isConstant() || groups < 1 || dims[1].constant() % groups != 0)
    return context.refuse(op, "its channels are not a known multiple of its groups");
  // [N, groups, channels of a group, spatial...]
  Location loc = op->getLoc();
  SmallVector<Dim> grouped = {dims[0], Dim(groups), Dim(dims[1].constant() / groups)};
  grouped.append(dims.begin() + 2, dims.end());
  MLIRContext *mlir = op->getContext();
  AffineMap whole = AffineMap::getMultiDimIdentityMap(rank + 1, mlir);
  AffineMap channel =
      AffineMap::get(rank + 1, 0, {getAffineDimExpr(1, mlir), getAffineDimExpr(2, mlir)}, mlir);
  SmallVector<Input> inputs = {
      {context.reshape(loc, context.tensor(input), dims, grouped), whole, {}}};
  for (StringRef name : {"scale", "bias"})
    inputs.push_back(
        {context.reshape(loc, context.tensor(op.in(name)), {dims[1]}, {grouped[1], grouped[2]}),
         channel,
         {}});
  double epsilon = floatAttr(op, "epsilon", 1e-5);
  Dim count = product(ArrayRef(grouped).drop_front(2));
  Value result = context.rows(
      loc, rank - 1, inputs, {grouped, context[input].element, whole}, [&](Code &c, ValueRange x) {
        Value d = c.sub(x[0], mean(c, x[0], count));
        Value y = c.mul(d, inverseDeviation(c, d, count, epsilon));
        return c.add(c.mul(y, c.cast(x[1], y.getType())), c.cast(x[2], y.getType()));
      });
  context.define(op->getResult(0), context.reshape(loc, result, grouped, dims), dims);
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
  table["onnx.GroupNormalization"] = {supportsFloat, lowerGroupNormalization};
  table["onnx.LpNormalization"] = {supportsFloat, lowerLpNormalization};
}

} // namespace strut::kernelize
