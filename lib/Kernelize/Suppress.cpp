//===- Suppress.cpp - NonMaxSuppression -----------------------------------===//
//
// Of each class of each image, box by box: the best of those that are left is selected, and
// what overlaps it too much is out. The order of the standard's reference: by score, then by
// place. A box is as much work as there are boxes, and nothing is sorted, for scores below the
// threshold, which most are, are out from the start.
//
//===----------------------------------------------------------------------===//
#include "Loops.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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
  Value begin(Code &c, Value isLeft) const;
  std::pair<Value, Value> best(Code &c, Value isLeft) const;
  Value suppress(Code &c, Value isLeft, Value chosen) const;

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

/// Which boxes have a score above the limit.
Value Suppression::begin(Code &c, Value isLeft) const {
  return loops(c, {numBoxes}, {isLeft}, [&](Code &c, ValueRange i, ValueRange carried) {
    Value fits = c.make<arith::ConstantIntOp>(1, 1);
    if (scoreLimit) {
      Value own = score(c, i[0]);
      fits = c.less(c.cast(scoreLimit, own.getType()), own);
    }
    return SmallVector<Value>{c.make<tensor::InsertOp>(fits, carried[0], i)};
  })[0];
}

/// Number and presence of the box with the highest score of those that are left.
std::pair<Value, Value> Suppression::best(Code &c, Value isLeft) const {
  Value none = c.index(-1), nothing = score(c, c.index(0));
  SmallVector<Value> found =
      loops(c, {numBoxes}, {nothing, none},
            [&](Code &c, ValueRange i, ValueRange carried) -> SmallVector<Value> {
              Value own = score(c, i[0]), left = c.make<tensor::ExtractOp>(isLeft, i);
              Value first =
                  c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, carried[1], c.index(0));
              Value better = c.make<arith::OrIOp>(first, c.less(carried[0], own));
              Value wins = c.make<arith::AndIOp>(left, better);
              return {c.select(wins, own, carried[0]), c.select(wins, i[0], carried[1])};
            });
  Value isThere = c.make<arith::CmpIOp>(arith::CmpIPredicate::sge, found[1], c.index(0));
  return {found[1], isThere};
}

/// Takes out the chosen box and what overlaps it.
Value Suppression::suppress(Code &c, Value isLeft, Value chosen) const {
  Box own = box(c, chosen);
  return loops(c, {numBoxes}, {isLeft}, [&](Code &c, ValueRange i, ValueRange carried) {
    Value left = c.make<tensor::ExtractOp>(carried[0], i);
    Value same = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, i[0], chosen);
    Value out = c.make<arith::OrIOp>(same, overlaps(c, own, box(c, i[0])));
    Value no = c.make<arith::ConstantIntOp>(0, 1);
    return SmallVector<Value>{c.make<tensor::InsertOp>(c.select(out, no, left), carried[0], i)};
  })[0];
}

/// What a step carries: the list of selected boxes, how many there are, and what is left.
using Carried = SmallVector<Value>;

/// Selects the best box, if there is one.
Carried selectOne(Code &c, const Suppression &work, ValueRange carried) {
  auto [chosen, isThere] = work.best(c, carried[2]);
  auto branch = scf::IfOp::create(
      c.b, c.loc, isThere,
      [&, chosen = chosen](OpBuilder &b, Location loc) {
        Code inner{b, loc, c.isUnsigned};
        Value list = carried[0];
        for (auto [i, value] :
             llvm::enumerate(SmallVector<Value>{work.image, work.category, chosen})) {
          Value number = inner.make<arith::IndexCastOp>(inner.b.getI64Type(), value);
          list = inner.make<tensor::InsertOp>(number, list,
                                              ValueRange{carried[1], inner.index(int64_t(i))});
        }
        Value count = inner.make<arith::AddIOp>(carried[1], inner.index(1));
        scf::YieldOp::create(b, loc,
                             ValueRange{list, count, work.suppress(inner, carried[2], chosen)});
      },
      [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, carried); });
  return branch.getResults();
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
  SmallVector<Value> made = context.region(
      loc, inputs,
      {{{bound, Dim(3)}, number, {}}, {{}, number, {}}, {{boxes[1]}, context.b.getI1Type(), {}}},
      [&](Code &c, ValueRange x) -> SmallVector<Value> {
        auto scalar = [&](int i) { return c.make<tensor::ExtractOp>(x[i], ValueRange()); };
        ValueRange targets = x.drop_front(inputs.size());
        SmallVector<Value> extents = extentsOf(c, x[1]);
        Suppression work;
        work.boxes = x[0];
        work.scores = x[1];
        work.overlapLimit = overlap >= 0 ? scalar(overlap) : c.constant(0, c.b.getF32Type());
        work.scoreLimit = least >= 0 ? scalar(least) : Value();
        work.isCentered = isCentered;
        work.numBoxes = extents[2];
        Value rounds = c.index(0);
        if (most >= 0) {
          Value given = c.make<arith::IndexCastOp>(c.b.getIndexType(), scalar(most));
          rounds = c.make<arith::MinSIOp>(given, extents[2]);
        }
        Value none = c.constant(0, number);
        Value list = loops(c, extentsOf(c, targets[0]), {targets[0]},
                           [&](Code &c, ValueRange at, ValueRange carried) {
                             return Carried{c.make<tensor::InsertOp>(none, carried[0], at)};
                           })[0];
        Carried done =
            loops(c, {extents[0], extents[1]}, {list, c.index(0), targets[2]},
                  [&](Code &c, ValueRange at, ValueRange carried) -> Carried {
                    Suppression own = work;
                    own.image = at[0];
                    own.category = at[1];
                    Carried start(carried);
                    start[2] = own.begin(c, carried[2]);
                    return loops(c, {rounds}, start, [&](Code &c, ValueRange, ValueRange carried) {
                      return selectOne(c, own, carried);
                    });
                  });
        Value count = c.make<arith::IndexCastOp>(number, done[1]);
        return {done[0], c.make<tensor::InsertOp>(count, targets[1], ValueRange()), done[2]};
      });
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
