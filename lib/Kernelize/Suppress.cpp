//===- Suppress.cpp - NonMaxSuppression -----------------------------------===//
//
// Each class of each image is a task: the boxes whose scores are above the threshold, which most
// are not, in the order of the standard's reference, by score and then by place; of these each
// that overlaps none of those selected before it too much. The lists are joined at the end.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "Sort.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// The code of one class of one image.
struct Suppression {
  Value boxes, scores;            ///< image × box × 4, image × class × box
  Value overlapLimit, scoreLimit; ///< scalars; no score limit: null
  bool isCentered = false;        ///< x, y, width, height instead of two corners
  Value image, category, numBoxes;

  struct Box {
    Value top, left, bottom, right, area;
  };
  Box box(Code &c, Value number) const;
  Value overlaps(Code &c, const Box &a, const Box &b) const;
  /// A list of numbers of boxes, and how many it has.
  using List = std::pair<Value, Value>;
  List candidates(Code &c, Value list) const;
  List selected(Code &c, List candidates, Value most) const;

  Value score(Code &c, Value number) const { return read(c, scores, {image, category, number}); }
};

Suppression::Box Suppression::box(Code &c, Value number) const {
  SmallVector<Value> x;
  for (int64_t i = 0; i < 4; ++i)
    x.push_back(read(c, boxes, {image, number, c.index(i)}));
  Box box;
  if (isCentered) {
    Value half = c.constant(0.5, x[0]);
    Value width = c.mul(x[2], half), height = c.mul(x[3], half);
    box = {c.sub(x[1], height), c.sub(x[0], width), c.add(x[1], height), c.add(x[0], width), {}};
  } else {
    box = {c.min(x[0], x[2]), c.min(x[1], x[3]), c.max(x[0], x[2]), c.max(x[1], x[3]), {}};
  }
  box.area = c.mul(c.sub(box.bottom, box.top), c.sub(box.right, box.left));
  return box;
}

/// Whether what two boxes have in common is more than the limit of what they cover.
Value Suppression::overlaps(Code &c, const Box &a, const Box &b) const {
  Value zero = c.constant(0, a.area);
  Value height = c.sub(c.min(a.bottom, b.bottom), c.max(a.top, b.top)),
        width = c.sub(c.min(a.right, b.right), c.max(a.left, b.left));
  Value common = c.mul(c.max(height, zero), c.max(width, zero));
  Value all = c.sub(c.add(a.area, b.area), common);
  Value limit = c.mul(c.cast(overlapLimit, all.getType()), all);
  // A box without an area overlaps nothing.
  return c.make<arith::AndIOp>(c.less(zero, common), c.less(limit, common));
}

/// The boxes with a score above the limit, the best first.
Suppression::List Suppression::candidates(Code &c, Value list) const {
  SmallVector<Value> found =
      loops(c, numBoxes, {list, c.index(0)},
            [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
              Value fits = c.make<arith::ConstantIntOp>(1, 1);
              if (scoreLimit) {
                Value own = score(c, i[0]);
                fits = c.less(c.cast(scoreLimit, own.getType()), own);
              }
              // The place is overwritten if the box is not to stay.
              return {c.make<tensor::InsertOp>(asNumber(c, i[0]), carried[0], carried[1]),
                      advanced(c, carried[1], fits)};
            });
  auto isBetter = [&](Code &c, Value a, Value b) -> Value {
    Value left = score(c, a), right = score(c, b);
    Value first = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
    Value tie = c.make<arith::AndIOp>(isSame(c, left, right), first);
    return c.make<arith::OrIOp>(isGreater(c, left, right), tie);
  };
  return {sorted(c, found[0], found[1], isBetter), found[1]};
}

/// At most so many of them, none of which overlaps one before it. They take its place in the list.
Suppression::List Suppression::selected(Code &c, List candidates, Value most) const {
  SmallVector<Value> done = loops(
      c, candidates.second, {candidates.first, c.index(0)},
      [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
        Value number = numberAt(c, carried[0], i[0]);
        Box own = box(c, number);
        Value isWanted = c.make<arith::CmpIOp>(arith::CmpIPredicate::ult, carried[1], most);
        Value others = c.select(isWanted, carried[1], c.index(0));
        Value isFree = loops(c, others, isWanted,
                             [&](Code &c, ValueRange j, ValueRange free) -> SmallVector<Value> {
                               Box other = box(c, numberAt(c, carried[0], j[0]));
                               Value yes = c.make<arith::ConstantIntOp>(1, 1);
                               Value apart = c.make<arith::XOrIOp>(overlaps(c, other, own), yes);
                               return {c.make<arith::AndIOp>(free[0], apart)};
                             })[0];
        Value place = c.make<arith::MinUIOp>(carried[1], i[0]);
        Value old = numberAt(c, carried[0], place);
        Value kept = asNumber(c, c.select(isFree, number, old));
        return {c.make<tensor::InsertOp>(kept, carried[0], place), advanced(c, carried[1], isFree)};
      });
  return {done[0], done[1]};
}

/// The lists [image, class, place] of `counts` [image, class] boxes as rows (image, class, box)
/// of one list, and their number, without axes.
SmallVector<Value> joined(Context &context, Location loc, Value lists, Value counts,
                          const Dim &bound) {
  Type number = context.b.getI64Type();
  return context.region(
      loc, {lists, counts}, {{{bound, Dim(3)}, number, {}}, {{}, number, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        Value none = c.constant(0, number);
        Value rows = linalg::FillOp::create(c.b, c.loc, none, x[2]).getResult(0);
        SmallVector<Value> done = loops(
            c, extentsOf(c, x[1]), {rows, c.index(0)},
            [&](Code &c, ValueRange at, ValueRange carried) -> SmallVector<Value> {
              Value count = c.make<arith::IndexCastOp>(c.b.getIndexType(),
                                                       c.make<tensor::ExtractOp>(x[1], at));
              Value rows = loops(c, count, carried[0], [&](Code &c, ValueRange i, ValueRange list) {
                Value row = c.make<arith::AddIOp>(carried[1], i[0]), result = list[0];
                Value box = c.make<tensor::ExtractOp>(x[0], ValueRange{at[0], at[1], i[0]});
                for (auto [column, value] : llvm::enumerate(
                         SmallVector<Value>{asNumber(c, at[0]), asNumber(c, at[1]), box}))
                  result = c.make<tensor::InsertOp>(value, result,
                                                    ValueRange{row, c.index(int64_t(column))});
                return SmallVector<Value>{result};
              })[0];
              return {rows, c.make<arith::AddIOp>(carried[1], count)};
            });
        return {done[0], c.make<tensor::InsertOp>(asNumber(c, done[1]), x[3], ValueRange())};
      });
}

LogicalResult lowerNonMaxSuppression(Operation *operation, Context &context) {
  AnyOp op(operation);
  SmallVector<Dim> boxes = context[op.in("boxes")].dims, scores = context[op.in("scores")].dims;
  if (boxes.size() != 3 || scores.size() != 3 || !boxes[2].is(4) ||
      !context.unify(boxes[0], scores[0]) || !context.unify(boxes[1], scores[2]))
    return context.refuse(op, "its boxes and scores have shapes " + spell(boxes) + " and " +
                                  spell(scores) + ", which do not fit each other");
  // As many as there are boxes, or fewer where that is known.
  Dim perClass = boxes[1];
  if (Value most = op.in("max_output_boxes_per_class")) {
    auto known = context.integers(most);
    if (known && known->size() == 1)
      perClass = context.dims.min(perClass, Dim(std::max<int64_t>(known->front(), 0)));
  } else {
    perClass = Dim(0);
  }
  Dim bound = scores[0] * scores[1] * perClass;
  Location loc = op->getLoc();
  SmallVector<Value> inputs = {context.tensor(op.in("boxes")), context.tensor(op.in("scores"))};
  auto optional = [&](StringRef name) {
    Value value = op.in(name);
    if (value)
      inputs.push_back(context.reshape(loc, context.tensor(value), context[value].dims, {}));
    return value ? int(inputs.size()) - 1 : -1;
  };
  for (StringRef name : {"max_output_boxes_per_class", "iou_threshold", "score_threshold"})
    if (Value value = op.in(name); value && !product(context[value].dims).is(1))
      return context.refuse(op, "its " + name + " has more than one element");
  int most = optional("max_output_boxes_per_class"), overlap = optional("iou_threshold"),
      least = optional("score_threshold");
  Type number = context.b.getI64Type();
  bool isCentered = intAttr(op, "center_point_box") == 1;
  SmallVector<Dim> classes = {scores[0], scores[1]}, lists = {scores[0], scores[1], boxes[1]};
  SmallVector<Value> chosen = context.region(
      loc, inputs, {{lists, number, {}}, {classes, number, {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        SmallVector<Value> extents = extentsOf(c, x[1]);
        auto pieceOf = [](Code &c, ValueRange places, Value all) {
          return Piece(c, all).at(0, places[0]).at(1, places[1]);
        };
        auto body = [&](Code &c, ValueRange at, ValueRange pieces) -> SmallVector<Value> {
          auto scalar = [&](int i) { return c.make<tensor::ExtractOp>(x[i], ValueRange()); };
          Suppression work;
          work.boxes = x[0];
          work.scores = x[1];
          work.overlapLimit = overlap >= 0 ? scalar(overlap) : c.constant(0, c.b.getF32Type());
          work.scoreLimit = least >= 0 ? scalar(least) : Value();
          work.isCentered = isCentered;
          work.numBoxes = extents[2];
          work.image = at[0];
          work.category = at[1];
          Value rounds = c.index(0);
          if (most >= 0) {
            Value given = c.make<arith::IndexCastOp>(c.b.getIndexType(), scalar(most));
            rounds = c.make<arith::MaxSIOp>(given, rounds);
          }
          auto [list, count] = work.selected(c, work.candidates(c, pieces[0]), rounds);
          return {list, c.make<tensor::InsertOp>(asNumber(c, count), pieces[1], ValueRange())};
        };
        return tasks(c, {extents[0], extents[1]}, {x[inputs.size()], x[inputs.size() + 1]}, pieceOf,
                     body);
      });
  SmallVector<Value> made = joined(context, loc, chosen[0], chosen[1], bound);
  FailureOr<Dim> count = context.counted(op, bound, made[1]);
  if (failed(count))
    return failure();
  SmallVector<Dim> shape = {*count, Dim(3)};
  Value result = context.move(loc, made[0], context.b.getMultiDimIdentityMap(2), shape);
  context.define(op->getResult(0), result, shape);
  return success();
}

} // namespace

void addSuppress(LoweringTable &table) {
  table["onnx.NonMaxSuppression"] = {nullptr, lowerNonMaxSuppression};
}

} // namespace strut::kernelize
