//===- LiftRotary.cpp - RotaryEmbedding from its formulas -----------------===//
//
// A pair (x₁, x₂) of places of a head becomes (x₁ cos - x₂ sin, x₂ cos + x₁ sin). The pairs
// are the halves of a head, or neighbours. Exporters write that down for each part, with a
// table of an element for each pair, or for all of x as x·cos + rotated(x)·sin, with tables
// that have each element twice.
//
//===----------------------------------------------------------------------===//
#include "LiftIdioms.h"
#include "RotaryTables.h"
#include "strut/Normalize/ShapeTerms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

/// One place of each pair.
struct Part {
  Value whole;
  bool isInterleaved = false, isSecond = false;
};

std::optional<Part> partOfSplit(Op<"Split"> split, Value value) {
  auto type = dyn_cast<RankedTensorType>(split.in("input").getType());
  auto own = dyn_cast<RankedTensorType>(value.getType());
  auto axis = split.attr<IntegerAttr>("axis");
  if (!type || !own || !axis || split->getNumResults() != 2 ||
      (axis.getInt() != -1 && axis.getInt() != type.getRank() - 1) ||
      own.getShape().back() * 2 != type.getShape().back())
    return std::nullopt;
  return Part{split.in("input"), false, value == split->getResult(1)};
}

/// A half, or every second place, of the last axis, whose extent is known and even.
std::optional<Part> partOf(Value value) {
  if (auto split = value.getDefiningOp<Op<"Split">>())
    return partOfSplit(split, value);
  auto slice = value.getDefiningOp<Op<"Slice">>();
  std::optional<LastSlice> range = slice ? sliceOfLast(slice) : std::nullopt;
  if (!range || range->extent % 2 != 0)
    return std::nullopt;
  Part part{slice.in("data")};
  if (range->step == 1 && range->size * 2 == range->extent) {
    part.isSecond = range->start != 0;
    return range->start == 0 || range->start == range->size ? std::optional(part) : std::nullopt;
  }
  part.isInterleaved = true;
  part.isSecond = range->start == 1;
  return range->step == 2 && range->start <= 1 && range->size * 2 == range->extent
             ? std::optional(part)
             : std::nullopt;
}

/// The first and second of a pair.
struct Pair {
  Value whole;
  bool isInterleaved;
};

std::optional<Pair> pairOf(Value first, Value second) {
  std::optional<Part> a = partOf(first), b = partOf(second);
  if (!a || !b || a->whole != b->whole || a->isInterleaved != b->isInterleaved || a->isSecond ||
      !b->isSecond)
    return std::nullopt;
  return Pair{a->whole, a->isInterleaved};
}

/// The two operands of a Concat along the last axis.
std::optional<std::pair<Value, Value>> joined(Value value) {
  auto concat = value.getDefiningOp<Op<"Concat">>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto axis = concat ? concat.attr<IntegerAttr>("axis") : IntegerAttr();
  if (!axis || !type || concat->getNumOperands() != 2 ||
      (axis.getInt() != -1 && axis.getInt() != type.getRank() - 1))
    return std::nullopt;
  return std::pair(concat->getOperand(0), concat->getOperand(1));
}

/// What a value is with an axis of extent 1 at its end; null if it is not that.
Value withoutLastOne(Value value) {
  auto unsqueeze = value.getDefiningOp<Op<"Unsqueeze">>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto axes = unsqueeze ? shapeTerms(unsqueeze.in("axes")) : std::nullopt;
  if (!axes || axes->size() != 1 || axes->front().of || !type)
    return {};
  int64_t axis = axes->front().constant;
  return axis == -1 || axis == type.getRank() - 1 ? unsqueeze.in("data") : Value();
}

/// Whether a Reshape of [..., n, 2], made of places of `x`, gives [..., 2n], the other axes
/// being those of `x`.
bool mergesPairs(Op<"Reshape"> reshape, Value x) {
  auto type = dyn_cast<RankedTensorType>(reshape->getResult(0).getType());
  auto wanted = dyn_cast<RankedTensorType>(x.getType());
  if (!type || !wanted || type.getRank() != wanted.getRank() ||
      type.getShape().back() != wanted.getShape().back())
    return false;
  auto terms = shapeTerms(reshape.in("shape"));
  bool areTold = terms && int64_t(terms->size()) == type.getRank();
  auto allowZero = reshape.attr<IntegerAttr>("allowzero");
  bool isZeroSame = !allowZero || allowZero.getInt() == 0;
  auto isKept = [&](int64_t axis) {
    ShapeTerm extent = extentOf(x, axis);
    if (!extent.of)
      return type.getDimSize(axis) == extent.constant;
    ShapeTerm term = areTold ? (*terms)[axis] : ShapeTerm{-1, {}, 0};
    return originOf(term) == originOf(extent) || term == extentOf(reshape.in("data"), axis) ||
           (isZeroSame && term == ShapeTerm{0, {}, 0});
  };
  // One axis that nothing is told of follows from the number of elements.
  return llvm::count_if(llvm::seq<int64_t>(0, type.getRank() - 1),
                        [&](int64_t axis) { return !isKept(axis); }) <= 1;
}

/// The two parts of pairs that are put together again, and whether they are neighbours.
struct Joined {
  Value first, second;
  bool isInterleaved;
};

/// `value` is as large as `like`, if that is given.
std::optional<Joined> joinedPairs(Value value, Value like) {
  if (auto halves = joined(value))
    if (!withoutLastOne(halves->first))
      return Joined{halves->first, halves->second, false};
  auto reshape = value.getDefiningOp<Op<"Reshape">>();
  auto pair = reshape ? joined(reshape.in("data")) : std::nullopt;
  if (!pair || !reshape.in("data").hasOneUse())
    return std::nullopt;
  Value first = withoutLastOne(pair->first), second = withoutLastOne(pair->second);
  if (!first || !second || (like && !mergesPairs(reshape, like)))
    return std::nullopt;
  return Joined{first, second, true};
}

/// The operands of a product that has one reader.
template <typename Visit> bool visitProduct(Value value, Visit visit) {
  auto mul = value.getDefiningOp<Op<"Mul">>();
  return mul && mul->hasOneUse() &&
         (visit(mul.in("A"), mul.in("B")) || visit(mul.in("B"), mul.in("A")));
}

/// The formula found: x of the pairs, and tables that broadcast to them.
struct Rotation {
  Pair pair;
  Value cosine, sine;
  bool hasTwice = false; ///< the tables have each element twice
};

/// x·cos + rotated(x)·sin, rotated(x) being (-x₂, x₁)
std::optional<Rotation> matchWhole(Op<"Add"> add) {
  std::optional<Rotation> found;
  auto matchTurned = [&](Value kept, Value turned) {
    return visitProduct(turned, [&](Value rotated, Value sine) {
      if (!rotated.hasOneUse())
        return false;
      auto parts = joinedPairs(rotated, {});
      auto neg = parts ? parts->first.getDefiningOp<Op<"Neg">>() : Op<"Neg">();
      auto pair = neg && neg->hasOneUse() ? pairOf(parts->second, neg.in("X")) : std::nullopt;
      if (!pair || pair->isInterleaved != parts->isInterleaved ||
          !joinedPairs(rotated, pair->whole))
        return false;
      return visitProduct(kept, [&](Value x, Value cosine) {
        if (x == pair->whole)
          found = Rotation{*pair, cosine, sine, true};
        return x == pair->whole;
      });
    });
  };
  if (!matchTurned(add.in("A"), add.in("B")))
    matchTurned(add.in("B"), add.in("A"));
  return found;
}

/// (x₁ cos - x₂ sin, x₂ cos + x₁ sin), put together
std::optional<Rotation> matchParts(Value value) {
  auto parts = joinedPairs(value, {});
  auto sub = parts ? parts->first.getDefiningOp<Op<"Sub">>() : Op<"Sub">();
  auto add = parts ? parts->second.getDefiningOp<Op<"Add">>() : Op<"Add">();
  if (!sub || !add || !sub->hasOneUse() || !add->hasOneUse())
    return std::nullopt;
  std::optional<Rotation> found;
  visitProduct(sub.in("A"), [&](Value first, Value cosine) {
    return visitProduct(sub.in("B"), [&](Value second, Value sine) {
      auto pair = pairOf(first, second);
      if (!pair || pair->isInterleaved != parts->isInterleaved || !joinedPairs(value, pair->whole))
        return false;
      auto isProduct = [](Value product, Value a, Value b) {
        return visitProduct(product, [&](Value x, Value y) { return x == a && y == b; });
      };
      for (auto [kept, turned] : {std::pair(add.in("A"), add.in("B")), {add.in("B"), add.in("A")}})
        if (isProduct(kept, second, cosine) && isProduct(turned, first, sine))
          found = Rotation{*pair, cosine, sine, false};
      return found.has_value();
    });
  });
  return found;
}

/// Puts a RotaryEmbedding in the place of `op`; fails where the tables do not fit.
LogicalResult rewrite(Operation *op, const Rotation &rotation, PatternRewriter &rewriter) {
  Value x = rotation.pair.whole;
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type || type.getRank() != 4 || op->getResult(0).getType() != type)
    return failure();
  bool isInterleaved = rotation.pair.isInterleaved;
  int64_t pairs = type.getShape().back() / 2;
  TableReader reader{pairs, isInterleaved, rotation.hasTwice};
  if (!reader.reads(rotation.cosine) || !reader.reads(rotation.sine) ||
      reader.isTurned(rotation.cosine) != reader.isTurned(rotation.sine))
    return failure();
  Location loc = op->getLoc();
  bool isTurned = reader.isTurned(rotation.cosine);
  auto perm = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr({0, 2, 1, 3}));
  if (isTurned)
    x = Op<"Transpose">::create(rewriter, loc, x, perm)->getResult(0);
  Value cosine = reader.build(rewriter, loc, rotation.cosine),
        sine = reader.build(rewriter, loc, rotation.sine);
  auto interleaved =
      rewriter.getNamedAttr("interleaved", rewriter.getI64IntegerAttr(isInterleaved));
  Value result =
      Op<"RotaryEmbedding">::create(rewriter, loc, {x, cosine, sine}, interleaved)->getResult(0);
  result.setType(x.getType());
  if (isTurned)
    result = Op<"Transpose">::create(rewriter, loc, result, perm)->getResult(0);
  result.setType(type);
  rewriter.replaceOp(op, result);
  return success();
}

struct LiftRotaryWhole : OpRewritePattern<Op<"Add">> {
  LiftRotaryWhole(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern(context), counts(counts) {}
  LogicalResult matchAndRewrite(Op<"Add"> op, PatternRewriter &rewriter) const override {
    auto rotation = matchWhole(op);
    if (!rotation || failed(rewrite(op, *rotation, rewriter)))
      return failure();
    ++counts.rotary;
    return success();
  }
  IdiomCounts &counts;
};

template <typename OpT> struct LiftRotaryParts : OpRewritePattern<OpT> {
  LiftRotaryParts(MLIRContext *context, IdiomCounts &counts)
      : OpRewritePattern<OpT>(context), counts(counts) {}
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto rotation = matchParts(op->getResult(0));
    if (!rotation || failed(rewrite(op, *rotation, rewriter)))
      return failure();
    ++counts.rotary;
    return success();
  }
  IdiomCounts &counts;
};

/// Concat(RotaryEmbedding(x[..., :r]), x[..., r:]) = RotaryEmbedding(x) of r places
struct LiftPartialRotary : OpRewritePattern<Op<"Concat">> {
  explicit LiftPartialRotary(MLIRContext *context) : OpRewritePattern(context) {}

  LogicalResult matchAndRewrite(Op<"Concat"> op, PatternRewriter &rewriter) const override {
    auto parts = joined(op->getResult(0));
    auto rotary =
        parts ? parts->first.getDefiningOp<Op<"RotaryEmbedding">>() : Op<"RotaryEmbedding">();
    auto first = rotary ? rotary.in("X").getDefiningOp<Op<"Slice">>() : Op<"Slice">();
    auto second = parts ? parts->second.getDefiningOp<Op<"Slice">>() : Op<"Slice">();
    auto of = rotary ? rotary.attr<IntegerAttr>("rotary_embedding_dim") : IntegerAttr();
    if (!first || !second || !rotary->hasOneUse() || first.in("data") != second.in("data") ||
        (of && of.getInt() != 0) || rotary.in("position_ids"))
      return failure();
    auto head = sliceOfLast(first), tail = sliceOfLast(second);
    Value x = first.in("data");
    // Of three axes the last one has all heads: a part of it is no part of each.
    auto type = dyn_cast<RankedTensorType>(x.getType());
    if (!type || type.getRank() != 4 || !head || !tail || head->step != 1 || tail->step != 1 ||
        head->start != 0 || tail->start != head->size || tail->start + tail->size != tail->extent ||
        type != op->getResult(0).getType())
      return failure();
    auto interleaved = rotary.attr<IntegerAttr>("interleaved");
    NamedAttribute attrs[] = {
        rewriter.getNamedAttr("interleaved",
                              interleaved ? interleaved : rewriter.getI64IntegerAttr(0)),
        rewriter.getNamedAttr("rotary_embedding_dim", rewriter.getI64IntegerAttr(head->size))};
    Location loc = rewriter.getFusedLoc({rotary.getLoc(), op.getLoc()});
    Value result = Op<"RotaryEmbedding">::create(
                       rewriter, loc, {x, rotary.in("cos_cache"), rotary.in("sin_cache")}, attrs)
                       ->getResult(0);
    result.setType(x.getType());
    rewriter.replaceOp(op, result);
    return success();
  }
};

} // namespace

void addLiftRotary(RewritePatternSet &patterns, IdiomCounts &counts) {
  MLIRContext *context = patterns.getContext();
  patterns.add<LiftRotaryWhole, LiftRotaryParts<Op<"Concat">>, LiftRotaryParts<Op<"Reshape">>>(
      context, counts);
  patterns.add<LiftPartialRotary>(context);
}

} // namespace strut::normalize
