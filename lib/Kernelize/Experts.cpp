//===- Experts.cpp - Mixtures of experts ----------------------------------===//
//
// A slot is one choice of one row: slot s = row * k + j. Slots are sorted by expert once; two
// or three ragged products compute the nets slot by slot, and the slots of a row are added
// in the order of its choices, so that neither threads nor neighbours change a bit.
//
//===----------------------------------------------------------------------===//
#include "Activations.h"
#include "Loops.h"
#include "TopK.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using kernel::GroupedOp;

//===----------------------------------------------------------------------===//
// layer.route
//===----------------------------------------------------------------------===//

/// Softmax along the last axis.
Value softmax(Context &context, Location loc, Value logits, ArrayRef<Dim> shape) {
  AffineMap identity = context.b.getMultiDimIdentityMap(shape.size());
  Type element = cast<RankedTensorType>(logits.getType()).getElementType();
  return context.rows(loc, 1, {{logits, identity, {}}}, {llvm::to_vector(shape), element, identity},
                      [](Code &c, ValueRange x) { return softmax(c, x[0]); });
}

LogicalResult lowerRoute(Operation *operation, Context &context) {
  auto op = cast<layer::RouteOp>(operation);
  SmallVector<Dim> shape = context[op.getLogits()].dims, chosen = shape;
  Dim k = int64_t(op.getK());
  if (!context.dims.isNonNegative(shape.back() - k))
    return context.refuse(op, "it cannot be told that there are as many experts as it chooses");
  chosen.back() = k;
  Value logits = context.tensor(op.getLogits());
  bool overAll = op.getGate() == layer::Gate::all;
  if (overAll)
    logits = softmax(context, op.getLoc(), logits, shape);
  SmallVector<Value> best =
      selectBest(context, op.getLoc(), logits, shape.size() - 1, chosen, /*largest=*/true);
  Value weights = overAll ? best[0] : softmax(context, op.getLoc(), best[0], chosen);
  context.define(op.getWeights(), weights, chosen);
  context.define(op.getExperts(), best[1], chosen);
  return success();
}

//===----------------------------------------------------------------------===//
// layer.experts
//===----------------------------------------------------------------------===//

/// Slots by expert: their numbers in `order`, where those of expert e begin in `offsets[e]`.
struct Groups {
  Value order, offsets;
};

/// Counting sort: slots of one expert stay in their order.
Groups sortByExpert(Context &context, Location loc, Value experts, const Dim &slots,
                    int64_t count) {
  Type i32 = context.b.getI32Type();
  SmallVector<Value> sorted = context.region(
      loc, {experts}, {{{slots}, i32, {}}, {{Dim(count + 1)}, i32, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value slots = extentsOf(c, x[0])[0], zero = c.constant(0, i32), one = c.constant(1, i32);
        auto next = [](Code &c, Value i) -> Value { return c.make<arith::AddIOp>(i, c.index(1)); };
        auto expertOf = [&](Code &c, Value slot) {
          return c.boundedIndex(read(c, x[0], slot), c.index(count));
        };
        Value number = c.index(count), order = x[1], offsets = x[2];
        offsets = loops(c, {next(c, number)}, offsets, [&](Code &c, ValueRange e, ValueRange t) {
          return SmallVector<Value>{written(c, zero, t[0], e)};
        })[0];
        offsets = loops(c, {slots}, offsets, [&](Code &c, ValueRange s, ValueRange t) {
          Value e = next(c, expertOf(c, s[0]));
          return SmallVector<Value>{written(c, c.add(read(c, t[0], e), one), t[0], e)};
        })[0];
        // What was counted at e + 1 becomes where e + 1 begins, and then, while slots are
        // listed, where it has come to; what e has come to is where e + 1 begins.
        offsets = loops(c, {number}, offsets, [&](Code &c, ValueRange e, ValueRange t) {
          Value sum = c.add(read(c, t[0], e), read(c, t[0], next(c, e[0])));
          return SmallVector<Value>{written(c, sum, t[0], next(c, e[0]))};
        })[0];
        SmallVector<Value> listed =
            loops(c, {slots}, {order, offsets}, [&](Code &c, ValueRange s, ValueRange t) {
              Value e = expertOf(c, s[0]), place = read(c, t[1], e);
              Value at = c.make<arith::IndexCastOp>(c.b.getIndexType(), place);
              Value slot = c.make<arith::IndexCastOp>(i32, s[0]);
              return SmallVector<Value>{written(c, slot, t[0], at),
                                        written(c, c.add(place, one), t[1], e)};
            });
        Value last = c.make<arith::SubIOp>(number, c.index(1));
        offsets = loops(c, {number}, listed[1], [&](Code &c, ValueRange i, ValueRange t) {
          Value e = c.make<arith::SubIOp>(last, i[0]);
          return SmallVector<Value>{written(c, read(c, t[0], e), t[0], next(c, e))};
        })[0];
        offsets = written(c, zero, offsets, c.index(0));
        return {listed[0], offsets};
      });
  return {sorted[0], sorted[1]};
}

Value activate(Code &c, Value x, layer::Activation kind, double alpha) {
  switch (kind) {
  case layer::Activation::identity:
    return x;
  case layer::Activation::relu:
    return c.max(x, c.constant(0, x));
  case layer::Activation::gelu:
  case layer::Activation::gelu_tanh:
    return gelu(c, x, kind == layer::Activation::gelu_tanh);
  case layer::Activation::swish:
    return c.mul(x, sigmoid(c, c.mul(c.constant(alpha, x), x)));
  case layer::Activation::sigmoid:
    return sigmoid(c, x);
  case layer::Activation::tanh:
    return c.make<math::TanhOp>(x);
  case layer::Activation::leaky_relu:
    return leakyRelu(c, x, alpha);
  }
  llvm_unreachable("a kind of activation");
}

/// Lowers one op: the products of its nets over the slots.
class Slots {
public:
  Slots(layer::ExpertsOp op, Context &context)
      : op(op), context(context), loc(op.getLoc()), mlir(op.getContext()) {}

  LogicalResult lower();

private:
  AffineMap over(ArrayRef<AffineExpr> results) {
    return AffineMap::get(GroupedOp::kNumDims, 0, results, mlir);
  }
  AffineExpr dim(unsigned d) { return getAffineDimExpr(d, mlir); }
  /// An operand of one number per expert and column.
  void addBias(SmallVectorImpl<Input> &inputs, Value bias) {
    if (bias)
      inputs.push_back(
          {context.tensor(bias), over({dim(GroupedOp::kGroup), dim(GroupedOp::kColumn)}), {}});
  }
  /// Rows through the matrix of their slot's expert.
  Value product(Input rows, Value matrices, ArrayRef<Input> extras, BodyBuilder body);
  Value hiddenOf(Value rows);
  Value combine(Value slots, const Dim &outputs);

  layer::ExpertsOp op;
  Context &context;
  Location loc;
  MLIRContext *mlir;
  Dim rows, k, slots;
  Groups groups;
};

Value Slots::product(Input rows, Value matrices, ArrayRef<Input> extras, BodyBuilder body) {
  AffineExpr g = dim(GroupedOp::kGroup), n = dim(GroupedOp::kColumn), t = dim(GroupedOp::kTerm);
  SmallVector<Input> inputs = {rows,
                               {context.tensor(matrices), over({g, t, n}), {}},
                               {groups.order, {}, {}},
                               {groups.offsets, {}, {}}};
  llvm::append_range(inputs, extras);
  Context::Init init{{slots, context[matrices].dims[2]},
                     op.getType().getElementType(),
                     over({dim(GroupedOp::kRow), n})};
  return context.grouped(loc, inputs, init, body);
}

Value Slots::hiddenOf(Value tokens) {
  AffineExpr slot = dim(GroupedOp::kRow), term = dim(GroupedOp::kTerm);
  Input token{tokens, over({slot.floorDiv(k.constant()), term}), {}};
  layer::Activation kind = op.getActivation();
  double alpha = op.getAlpha().convertToDouble();
  bool gated = bool(op.getGate()), biased = bool(op.getInBias());
  SmallVector<Input> extras;
  addBias(extras, op.getInBias());
  Value linear = product(token, op.getIn(), extras, [&](Code &c, ValueRange x) {
    Value sum = biased ? c.add(x[0], x[1]) : x[0];
    return gated ? sum : activate(c, sum, kind, alpha);
  });
  if (!gated)
    return linear;
  extras = {{linear, over({slot, dim(GroupedOp::kColumn)}), {}}};
  addBias(extras, op.getGateBias());
  return product(token, op.getGate(), extras, [&](Code &c, ValueRange x) {
    Value sum = x.size() > 2 ? c.add(x[0], x[2]) : x[0];
    return c.mul(activate(c, sum, kind, alpha), x[1]);
  });
}

/// Adds the slots of each row.
Value Slots::combine(Value values, const Dim &outputs) {
  values = context.reshape(loc, values, {slots, outputs}, {rows, k, outputs});
  AffineExpr row, column;
  bindDims(mlir, row, column);
  SmallVector<Input> inputs;
  for (int64_t j = 0; j < k.constant(); ++j)
    inputs.push_back(
        {values, AffineMap::get(2, 0, {row, getAffineConstantExpr(j, mlir), column}, mlir), {}});
  return context.map(loc, {rows, outputs}, op.getType().getElementType(), inputs,
                     [](Code &c, ValueRange x) {
                       Value sum = x.front();
                       for (Value next : x.drop_front())
                         sum = c.add(sum, next);
                       return sum;
                     });
}

LogicalResult Slots::lower() {
  SmallVector<Dim> shape = context[op.getInput()].dims, result = shape,
                   chosen = context[op.getExperts()].dims;
  const SmallVector<Dim> in = context[op.getIn()].dims, out = context[op.getOut()].dims;
  if (!in[0].isConstant() || in[0].constant() < 1)
    return context.refuse(op, "its number of experts is not known");
  for (auto [a, b] : llvm::zip(ArrayRef(shape).drop_back(), ArrayRef(chosen).drop_back()))
    if (!context.unify(a, b))
      return context.refuse(op, "it cannot be told that every row has its experts");
  if (!context.unify(shape.back(), in[1]) || !context.unify(in[2], out[1]))
    return context.refuse(op, "it cannot be told that the contracted extents are equal");
  rows = kernelize::product(ArrayRef(shape).drop_back());
  k = op.getNumChosen();
  slots = rows * k;
  Value experts = context.reshape(loc, context.tensor(op.getExperts()), chosen, {slots});
  groups = sortByExpert(context, loc, experts, slots, in[0].constant());
  Value hidden =
      hiddenOf(context.reshape(loc, context.tensor(op.getInput()), shape, {rows, shape.back()}));
  Value weights = context.reshape(loc, context.tensor(op.getWeights()), chosen, {slots});
  AffineExpr slot = dim(GroupedOp::kRow);
  SmallVector<Input> extras = {{weights, over(slot), {}}};
  addBias(extras, op.getOutBias());
  Input net{hidden, over({slot, dim(GroupedOp::kTerm)}), {}};
  Value values = product(net, op.getOut(), extras, [&](Code &c, ValueRange x) {
    return c.mul(x.size() > 2 ? c.add(x[0], x[2]) : x[0], x[1]);
  });
  result.back() = out[2];
  if (!k.is(1))
    values = combine(values, out[2]);
  values = context.reshape(loc, values, {rows, out[2]}, result);
  context.define(op.getResult(), values, result);
  return success();
}

LogicalResult lowerExperts(Operation *op, Context &context) {
  return Slots(cast<layer::ExpertsOp>(op), context).lower();
}

} // namespace

void addExperts(LoweringTable &table) {
  table["layer.route"] = {nullptr, lowerRoute};
  table["layer.experts"] = {nullptr, lowerExperts};
}

} // namespace strut::kernelize
