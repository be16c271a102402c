//===- AttentionMasks.cpp - What is added to the scores -------------------===//
#include "AttentionMasks.h"

using namespace mlir;

namespace strut::normalize {

using onnx_ir::Op;

RankedTensorType floatsOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool isFloat = type && isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType());
  return isFloat ? type : RankedTensorType();
}

bool isSplitIntoWindows(Value whole, Value split) {
  RankedTensorType from = floatsOf(whole), to = floatsOf(split);
  return from && to && from.getRank() == 4 && to.getRank() == 5 &&
         from.getShape().drop_front() == to.getShape().drop_front(2) &&
         llvm::all_of(to.getShape().drop_front(), [](int64_t extent) { return extent > 0; });
}

bool AttentionMasks::isMask(Value value) {
  RankedTensorType type = floatsOf(value);
  return type && type.getRank() >= 2 && type.getRank() <= 4;
}

bool AttentionMasks::isWindowMask(Value mask, Value scores) {
  RankedTensorType type = floatsOf(mask), seen = floatsOf(scores);
  if (!type || !seen || seen.getRank() != 5 || !type.hasStaticShape())
    return false;
  ArrayRef<int64_t> shape = type.getShape(), windows = seen.getShape().drop_front();
  if (shape.size() == 5 && shape.front() == 1)
    shape = shape.drop_front();
  return shape.size() == 4 && shape.front() == windows.front() &&
         llvm::all_of(llvm::zip(shape, windows), [](auto pair) {
           return std::get<0>(pair) == 1 || std::get<0>(pair) == std::get<1>(pair);
         });
}

static Value sumOf(Location loc, ArrayRef<Value> values, OpBuilder &b) {
  Value sum = values.front();
  for (Value value : values.drop_front())
    sum = Op<"Add">::create(b, loc, {sum, value})->getResult(0);
  return sum;
}

static Value integers(Location loc, ArrayRef<int64_t> numbers, OpBuilder &b) {
  auto type = RankedTensorType::get({int64_t(numbers.size())}, b.getI64Type());
  auto value = b.getNamedAttr("value", DenseElementsAttr::get(type, numbers));
  return Op<"Constant">::create(b, loc, {}, value)->getResult(0);
}

/// A mask of windows without the axis of the batch: [W, 1 or H, M, S].
static Value ofOneBatch(Location loc, Value mask, OpBuilder &b) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(mask.getType()).getShape();
  if (shape.size() == 4)
    return mask;
  return Op<"Reshape">::create(b, loc, {mask, integers(loc, shape.drop_front(), b)})->getResult(0);
}

/// A mask repeated along its first axis, once per place of the first axis of `scores`.
static Value repeated(Location loc, Value mask, Value scores, OpBuilder &b) {
  NamedAttribute first[] = {b.getNamedAttr("start", b.getI64IntegerAttr(0)),
                            b.getNamedAttr("end", b.getI64IntegerAttr(1))};
  Value times = Op<"Shape">::create(b, loc, scores, first)->getResult(0);
  auto axis = b.getNamedAttr("axis", b.getI64IntegerAttr(0));
  Value all =
      Op<"Concat">::create(b, loc, {times, integers(loc, {1, 1, 1}, b)}, axis)->getResult(0);
  return Op<"Tile">::create(b, loc, {mask, all})->getResult(0);
}

namespace {
/// The terms of a sum of masks. Takes the sum apart only where a term is one of windows.
struct Terms {
  SmallVector<Value> plain, ofWindows;
  Value windows; ///< tells how often those of windows are repeated

  /// Whether all masks of windows so far have W windows, too.
  bool haveWindows(Value scores) const {
    return !windows || cast<RankedTensorType>(windows.getType()).getDimSize(1) ==
                           cast<RankedTensorType>(scores.getType()).getDimSize(1);
  }
  void add(Value mask);
};
} // namespace

void Terms::add(Value mask) {
  auto join = mask.getDefiningOp<Op<"Reshape">>();
  auto expand = join ? join.in("data").getDefiningOp<Op<"Expand">>() : Op<"Expand">();
  if (expand && isSplitIntoWindows(mask, join.in("data")) && haveWindows(join.in("data")) &&
      AttentionMasks::isWindowMask(expand.in("input"), join.in("data"))) {
    windows = join.in("data");
    ofWindows.push_back(expand.in("input"));
    return;
  }
  auto sum = mask.getDefiningOp<Op<"Add">>();
  if (sum && AttentionMasks::isMask(sum.in("A")) && AttentionMasks::isMask(sum.in("B"))) {
    Terms inside{{}, {}, windows};
    inside.add(sum.in("A"));
    inside.add(sum.in("B"));
    if (!inside.ofWindows.empty()) {
      windows = inside.windows;
      llvm::append_range(plain, inside.plain);
      llvm::append_range(ofWindows, inside.ofWindows);
      return;
    }
  }
  plain.push_back(mask);
}

Value AttentionMasks::sum(Location loc, PatternRewriter &rewriter) const {
  Terms terms;
  for (auto [mask, scores] : windows) {
    if (!terms.windows)
      terms.windows = scores;
    terms.ofWindows.push_back(mask);
  }
  for (Value mask : plain)
    terms.add(mask);
  if (terms.ofWindows.empty())
    return terms.plain.empty() ? Value() : sumOf(loc, terms.plain, rewriter);
  SmallVector<Value> once, others;
  for (Value mask : terms.ofWindows)
    once.push_back(ofOneBatch(loc, mask, rewriter));
  for (Value mask : terms.plain) {
    auto type = cast<RankedTensorType>(mask.getType());
    bool isSame = type.getRank() < 4 || type.getDimSize(0) == 1;
    (isSame ? once : others).push_back(mask);
  }
  others.push_back(repeated(loc, sumOf(loc, once, rewriter), terms.windows, rewriter));
  return sumOf(loc, others, rewriter);
}

} // namespace strut::normalize
