//===- Linear.cpp - Matrix products ---------------------------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// Contractions compute on floats, and on f32 accumulators but for f64.
Reason refuseFloats(Operation *op) {
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<ShapedType>(operand.getType());
    if (!type)
      continue;
    Type element = type.getElementType();
    if (!element.isF32() && !element.isF64() && !element.isF16() && !element.isBF16()) {
      std::string text;
      llvm::raw_string_ostream(text)
          << "a product of elements of type " << element << " is not supported";
      return text;
    }
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// MatMul
//===----------------------------------------------------------------------===//

/// One operand of a batched product, without the batch axes that repeat.
struct Factor {
  Value tensor;
  SmallVector<AffineExpr> batch;
};

/// Reads `value` along the batch dimensions of `shape`. An axis of extent 1 that
/// is repeated is dropped by a view, for a contraction's maps name no constant.
Factor factorOf(Context &context, Location loc, Value value, ArrayRef<Dim> shape,
                unsigned matrixAxes) {
  const Tracked &tracked = context[value];
  Factor factor{context.tensor(value), {}};
  ArrayRef<Dim> own = ArrayRef(tracked.dims).drop_back(matrixAxes);
  SmallVector<Dim> kept;
  for (auto [i, dim] : llvm::enumerate(own)) {
    unsigned axis = shape.size() - own.size() + i;
    if (dim.is(1) && !shape[axis].is(1))
      continue;
    kept.push_back(dim);
    factor.batch.push_back(context.b.getAffineDimExpr(axis));
  }
  llvm::append_range(kept, ArrayRef(tracked.dims).take_back(matrixAxes));
  factor.tensor = context.reshape(loc, factor.tensor, tracked.dims, kept);
  return factor;
}

/// [..., m, k] x [..., k, n]; a vector on the left has no m, on the right an n of
/// extent 1 that the result drops, for a contraction has columns.
LogicalResult lowerMatMul(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value a = op.in("A"), b = op.in("B");
  SmallVector<Dim> left = context[a].dims, right = context[b].dims;
  if (left.empty() || right.empty())
    return context.refuse(op, "an operand is a scalar");
  unsigned leftAxes = std::min<size_t>(left.size(), 2),
           rightAxes = std::min<size_t>(right.size(), 2);
  std::optional<Dim> k = context.unify(left.back(), right[right.size() - rightAxes]);
  if (!k)
    return context.refuse(op, "it cannot be told that the contracted extents are equal");
  SmallVector<Dim> batch(ArrayRef(left).drop_back(leftAxes));
  ArrayRef<Dim> other = ArrayRef(right).drop_back(rightAxes);
  if (other.size() > batch.size())
    batch.insert(batch.begin(), other.size() - batch.size(), Dim(1));
  for (auto [have, add] : llvm::zip(MutableArrayRef(batch).take_back(other.size()), other)) {
    std::optional<Dim> same = have.is(1) ? add : add.is(1) ? have : context.unify(have, add);
    if (!same)
      return context.refuse(op, "it cannot be told that the batch axes broadcast");
    have = *same;
  }

  Factor lhs = factorOf(context, op->getLoc(), a, batch, leftAxes);
  Factor rhs = factorOf(context, op->getLoc(), b, batch, rightAxes);
  unsigned numBatch = batch.size(), next = numBatch;
  MLIRContext *mlir = op->getContext();
  Context::Init init;
  init.shape = batch;
  init.element = cast<ShapedType>(lhs.tensor.getType()).getElementType();
  SmallVector<AffineExpr> out;
  for (unsigned i = 0; i < numBatch; ++i)
    out.push_back(getAffineDimExpr(i, mlir));
  if (leftAxes == 2) {
    out.push_back(getAffineDimExpr(next++, mlir));
    lhs.batch.push_back(out.back());
    init.shape.push_back(left[left.size() - 2]);
  }
  AffineExpr n = getAffineDimExpr(next++, mlir);
  out.push_back(n);
  init.shape.push_back(rightAxes == 2 ? right.back() : Dim(1));
  if (rightAxes == 1)
    rhs.tensor = context.reshape(op->getLoc(), rhs.tensor, right, {right[0], Dim(1)});
  AffineExpr contracted = getAffineDimExpr(next++, mlir);
  lhs.batch.push_back(contracted);
  rhs.batch.push_back(contracted);
  rhs.batch.push_back(n);
  init.map = AffineMap::get(next, 0, out, mlir);
  Value result = context.contract(op->getLoc(),
                                  {{lhs.tensor, AffineMap::get(next, 0, lhs.batch, mlir), {}},
                                   {rhs.tensor, AffineMap::get(next, 0, rhs.batch, mlir), {}}},
                                  init);
  SmallVector<Dim> shape = init.shape;
  if (rightAxes == 1) {
    shape.pop_back();
    result = context.reshape(op->getLoc(), result, init.shape, shape);
  }
  context.define(op->getResult(0), result, shape);
  return success();
}

//===----------------------------------------------------------------------===//
// Gemm and layer.linear
//===----------------------------------------------------------------------===//

/// alpha * A' * B' + beta * C, where ' transposes on request.
LogicalResult lowerGemm(Operation *operation, Context &context) {
  AnyOp op(operation);
  Value a = op.in("A"), b = op.in("B"), bias = op.in("C");
  bool transA = intAttr(op, "transA"), transB = intAttr(op, "transB");
  double alpha = floatAttr(op, "alpha", 1), beta = floatAttr(op, "beta", 1);
  SmallVector<Dim> left = context[a].dims, right = context[b].dims;
  if (left.size() != 2 || right.size() != 2)
    return context.refuse(op, "its operands are no matrices");
  if (!context.unify(left[transA ? 0 : 1], right[transB ? 1 : 0]))
    return context.refuse(op, "it cannot be told that the contracted extents are equal");
  AffineExpr m, n, k;
  bindDims(op->getContext(), m, n, k);
  auto mapOf = [&](bool swap, AffineExpr x, AffineExpr y) {
    return AffineMap::get(3, 0, swap ? ArrayRef({y, x}) : ArrayRef({x, y}), op->getContext());
  };
  Context::Init init{{left[transA ? 1 : 0], right[transB ? 0 : 1]},
                     cast<ShapedType>(op->getResult(0).getType()).getElementType(),
                     mapOf(false, m, n)};
  SmallVector<Input> inputs = {{context.tensor(a), mapOf(transA, m, k), {}},
                               {context.tensor(b), mapOf(transB, k, n), {}}};
  if (bias) {
    if (context[bias].rank() > 2)
      return context.refuse(op, "C has more than two axes");
    inputs.push_back(context.broadcast(bias, init.shape, {0, 1}, 3));
  }
  Value result = context.contract(op->getLoc(), inputs, init, [&](Code &c, ValueRange x) {
    Value sum = alpha == 1 ? x[0] : c.mul(x[0], c.constant(alpha, x[0]));
    if (!bias)
      return sum;
    Value addend = c.cast(x[1], sum.getType());
    return c.add(sum, beta == 1 ? addend : c.mul(addend, c.constant(beta, addend)));
  });
  context.define(op->getResult(0), result, init.shape);
  return success();
}

LogicalResult lowerLinear(Operation *operation, Context &context) {
  auto op = cast<layer::LinearOp>(operation);
  SmallVector<Dim> shape = context[op.getInput()].dims;
  const Tracked &weight = context[op.getWeight()];
  if (!context.unify(shape.back(), weight.dims[0]))
    return context.refuse(op, "it cannot be told that the contracted extents are equal");
  unsigned rows = shape.size() - 1;
  MLIRContext *mlir = op.getContext();
  AffineExpr n = getAffineDimExpr(rows, mlir), k = getAffineDimExpr(rows + 1, mlir);
  SmallVector<AffineExpr> left, out;
  for (unsigned i = 0; i < rows; ++i)
    left.push_back(getAffineDimExpr(i, mlir));
  out = left;
  left.push_back(k);
  out.push_back(n);
  shape.back() = weight.dims[1];
  Context::Init init{shape, op.getType().getElementType(), AffineMap::get(rows + 2, 0, out, mlir)};
  SmallVector<Input> inputs = {
      {context.tensor(op.getInput()), AffineMap::get(rows + 2, 0, left, mlir), {}},
      {context.tensor(op.getWeight()), AffineMap::get(rows + 2, 0, {k, n}, mlir), {}}};
  if (Value bias = op.getBias())
    inputs.push_back({context.tensor(bias), AffineMap::get(rows + 2, 0, n), {}});
  Value result = context.contract(op.getLoc(), inputs, init, [&](Code &c, ValueRange x) {
    return x.size() == 1 ? x[0] : c.add(x[0], c.cast(x[1], x[0].getType()));
  });
  context.define(op.getResult(), result, shape);
  return success();
}

/// A batched product: rows x blocks, each piece of a row with its own matrix.
LogicalResult lowerBlockLinear(Operation *operation, Context &context) {
  auto op = cast<layer::BlockLinearOp>(operation);
  SmallVector<Dim> given = context[op.getInput()].dims, weight = context[op.getWeight()].dims;
  Dim inputs = weight[0] * weight[1];
  if (!context.unify(given.back(), inputs))
    return context.refuse(op, "it cannot be told that the contracted extents are equal");
  SmallVector<Dim> pieces(ArrayRef(given).drop_back()), shape = pieces, result = pieces;
  pieces.append({weight[0], weight[1]});
  shape.append({weight[0], weight[2]});
  result.push_back(weight[0] * weight[2]);
  unsigned rows = given.size() - 1, count = rows + 3;
  MLIRContext *mlir = op.getContext();
  auto mapOf = [&](bool hasRows, ArrayRef<unsigned> more) {
    SmallVector<AffineExpr> exprs;
    for (unsigned i = 0; hasRows && i < rows; ++i)
      exprs.push_back(getAffineDimExpr(i, mlir));
    for (unsigned i : more)
      exprs.push_back(getAffineDimExpr(rows + i, mlir));
    return AffineMap::get(count, 0, exprs, mlir);
  };
  enum : unsigned { block, n, k };
  Location loc = op.getLoc();
  Context::Init init{shape, op.getType().getElementType(), mapOf(true, {block, n})};
  Value x = context.reshape(loc, context.tensor(op.getInput()), given, pieces);
  SmallVector<Input> reads = {{x, mapOf(true, {block, k}), {}},
                              {context.tensor(op.getWeight()), mapOf(false, {block, k, n}), {}}};
  if (Value bias = op.getBias()) {
    Value columns =
        context.reshape(loc, context.tensor(bias), {result.back()}, {weight[0], weight[2]});
    reads.push_back({columns, mapOf(false, {block, n}), {}});
  }
  Value y = context.contract(loc, reads, init, [&](Code &c, ValueRange v) {
    return v.size() == 1 ? v[0] : c.add(v[0], c.cast(v[1], v[0].getType()));
  });
  context.define(op.getResult(), context.reshape(loc, y, shape, result), result);
  return success();
}

} // namespace

void addLinear(LoweringTable &table) {
  table["onnx.MatMul"] = {refuseFloats, lowerMatMul};
  table["onnx.Gemm"] = {refuseFloats, lowerGemm};
  table["layer.linear"] = {refuseFloats, lowerLinear};
  table["layer.block_linear"] = {refuseFloats, lowerBlockLinear};
}

} // namespace strut::kernelize
