//===- Attention.cpp - Scaled dot-product attention -----------------------===//
#include "Lowering.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using onnx_ir::Op;

/// Iteration dimensions of kernel.attention.
enum : unsigned { B, H, M, S, D, E, NumDims };

/// One of Q, K and V by its axes, be it [B, H, L, D] or [B, L, H·D].
struct Heads {
  Value tensor;
  Dim batch, heads, length, size;
  bool headsInside = false;

  AffineMap map(AffineExpr b, AffineExpr h, AffineExpr l, AffineExpr d) const {
    SmallVector<AffineExpr> results =
        headsInside ? SmallVector<AffineExpr>{b, l, h, d} : SmallVector<AffineExpr>{b, h, l, d};
    return AffineMap::get(NumDims, 0, results, b.getContext());
  }
};

/// Keys or values whose heads are repeated for groups of queries' heads, as exporters
/// write it: [B, H, L, D] as [B, H, 1, L, D], expanded to [B, H, g, L, D], as [B, H·g, L, D].
/// Gives what is repeated; none if nothing is.
std::optional<Heads> unrepeatedHeads(Context &context, Value value) {
  auto join = value.getDefiningOp<Op<"Reshape">>();
  Operation *repeat = join ? join.in("data").getDefiningOp() : nullptr;
  if (!isa_and_present<Op<"Expand">, Op<"Tile">>(repeat))
    return std::nullopt;
  Value source = repeat->getOperand(0);
  ArrayRef<Dim> from = context[source].dims, to = context[join.in("data")].dims,
                joined = context[value].dims;
  if (from.size() != 5 || to.size() != 5 || joined.size() != 4 || !from[2].is(1))
    return std::nullopt;
  for (unsigned axis : {0, 1, 3, 4})
    if (from[axis] != to[axis])
      return std::nullopt;
  if (joined != ArrayRef<Dim>{to[0], to[1] * to[2], to[3], to[4]})
    return std::nullopt;
  Heads heads;
  heads.batch = from[0];
  heads.heads = from[1];
  heads.length = from[3];
  heads.size = from[4];
  SmallVector<Dim> whole(from), shape = {from[0], from[1], from[3], from[4]};
  heads.tensor = context.reshape(value.getLoc(), context.tensor(source), whole, shape);
  return heads;
}

std::optional<Heads> headsOf(Context &context, AnyOp op, Value value, StringRef countName) {
  SmallVector<Dim> dims = context[value].dims;
  Heads heads;
  heads.tensor = context.tensor(value);
  heads.batch = dims[0];
  if (dims.size() == 4) {
    heads.heads = dims[1];
    heads.length = dims[2];
    heads.size = dims[3];
    return heads;
  }
  int64_t count = intAttr(op, countName);
  std::optional<Dim> size = count > 0 && dims.size() == 3 ? dims[2].dividedBy(count) : std::nullopt;
  if (!size)
    return std::nullopt;
  heads.headsInside = true;
  heads.heads = count;
  heads.length = dims[1];
  heads.size = *size;
  heads.tensor =
      context.reshape(op->getLoc(), heads.tensor, dims, {dims[0], dims[1], Dim(count), *size});
  return heads;
}

Reason supportsAttention(Operation *operation) {
  AnyOp op(operation);
  for (StringRef name : {"Q", "K", "V"}) {
    auto type = dyn_cast<RankedTensorType>(op.in(name).getType());
    if (!type || !isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType()))
      return "it is supported for f32, f16 and bf16 only";
    if (type.getElementType() != getElementTypeOrSelf(op.in("Q")))
      return "its operands Q, K and V are of different types";
    if (type.getRank() != 3 && type.getRank() != 4)
      return ("its operand " + name + " has neither three nor four axes").str();
  }
  for (StringRef name : {"past_key", "past_value", "nonpad_kv_seqlen"})
    if (op.in(name))
      return ("its operand " + name + " is not supported yet").str();
  for (StringRef name : {"present_key", "present_value", "qk_matmul_output"})
    if (Value value = op.out(name); value && !value.use_empty())
      return ("its result " + name + " is not supported yet").str();
  // -1 is no window.
  for (StringRef name : {"left_window_size", "right_window_size"})
    if (intAttr(op, name, -1) != -1)
      return ("its attribute " + name + " is not supported yet").str();
  return std::nullopt;
}

/// What of the mask's shape agrees with the scores', aligned at the right.
LogicalResult checkMask(Context &context, AnyOp op, Value mask, ArrayRef<Dim> scores) {
  ArrayRef<Dim> dims = context[mask].dims;
  if (dims.size() > scores.size())
    return context.refuse(op, "its mask has more than four axes");
  for (auto [dim, score] : llvm::zip(dims, scores.take_back(dims.size())))
    if (!dim.is(1) && !context.unify(dim, score))
      return context.refuse(op, "it cannot be told that its mask broadcasts to the scores");
  return success();
}

LogicalResult lowerAttention(Operation *operation, Context &context) {
  AnyOp op(operation);
  auto q = headsOf(context, op, op.in("Q"), "q_num_heads");
  auto k = headsOf(context, op, op.in("K"), "kv_num_heads");
  auto v = headsOf(context, op, op.in("V"), "kv_num_heads");
  if (!q || !k || !v)
    return context.refuse(op, "its heads cannot be told from the shapes of Q, K and V");
  // One key head then serves a group of query heads, and is not repeated in memory.
  auto onceK = unrepeatedHeads(context, op.in("K")), onceV = unrepeatedHeads(context, op.in("V"));
  if (onceK && onceV && onceK->heads == onceV->heads) {
    k = onceK;
    v = onceV;
  }
  std::optional<Dim> group = q->heads.dividedBy(k->heads);
  if (!group || !group->isConstant() || k->heads != v->heads)
    return context.refuse(op, "the heads of Q are no multiple of those of K and V");
  if (!context.unify(k->length, v->length) || !context.unify(q->size, k->size) ||
      !context.unify(q->batch, k->batch) || !context.unify(q->batch, v->batch))
    return context.refuse(op, "it cannot be told that the shapes of Q, K and V agree");

  auto d = [&](unsigned i) { return context.b.getAffineDimExpr(i); };
  AffineExpr keyHead = group->is(1) ? d(H) : d(H).floorDiv(group->constant());
  SmallVector<Input> inputs = {{q->tensor, q->map(d(B), d(H), d(M), d(D)), {}},
                               {k->tensor, k->map(d(B), keyHead, d(S), d(D)), {}},
                               {v->tensor, v->map(d(B), keyHead, d(S), d(E)), {}}};
  if (Value mask = op.in("attn_mask")) {
    SmallVector<Dim> scores = {q->batch, q->heads, q->length, k->length};
    if (failed(checkMask(context, op, mask, scores)))
      return failure();
    inputs.push_back(context.broadcast(mask, scores, {B, H, M, S}, NumDims));
  }

  // A query of 3 axes gives a result of 3 axes.
  SmallVector<Dim> shape = {q->batch, q->heads, q->length, v->size};
  if (q->headsInside)
    std::swap(shape[1], shape[2]);
  Type element = getElementTypeOrSelf(op.in("Q"));
  Context::Init init{shape, element, q->map(d(B), d(H), d(M), d(E))};
  auto scaleAttr = op.attr<FloatAttr>("scale");
  if (!scaleAttr && !q->size.isConstant())
    return context.refuse(op, "it has no scale, and the size of its heads is not constant");
  double scale = scaleAttr ? scaleAttr.getValueAsDouble() : 1 / std::sqrt(q->size.constant());
  double softcap = floatAttr(op, "softcap");
  bool causal = intAttr(op, "is_causal");
  Value result = context.attention(op->getLoc(), inputs, init, [&](Code &c, ValueRange x) {
    Value score = scale == 1 ? x[0] : c.mul(x[0], c.constant(scale, x[0]));
    Value never = c.constant(-std::numeric_limits<double>::infinity(), score);
    if (softcap != 0) {
      Value cap = c.constant(softcap, score);
      score = c.mul(cap, c.make<math::TanhOp>(c.div(score, cap)));
    }
    if (x.size() > 1)
      score = x[1].getType().isInteger(1) ? c.select(x[1], score, never)
                                          : c.add(score, c.cast(x[1], score.getType()));
    if (causal) {
      Value past = c.make<arith::CmpIOp>(arith::CmpIPredicate::sle, c.dim(S), c.dim(M));
      score = c.select(past, score, never);
    }
    return score;
  });
  if (q->headsInside) {
    SmallVector<Dim> flat = {q->batch, q->length, q->heads * v->size};
    result = context.reshape(op->getLoc(), result, shape, flat);
    shape = flat;
  }
  context.define(op->getResult(0), result, shape);
  return success();
}

} // namespace

void addAttention(LoweringTable &table) {
  table["onnx.Attention"] = {supportsAttention, lowerAttention};
}

} // namespace strut::kernelize
