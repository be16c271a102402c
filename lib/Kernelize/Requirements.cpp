//===- Requirements.cpp - What has to hold of dimensions and data ---------===//
//
// What dimensions alone tell is asserted in the host function, and known when they are bound,
// before anything is read. What data tell is a number that the run notes.
//
//===----------------------------------------------------------------------===//
#include "Requirements.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;

namespace strut::kernelize {

static std::string messageOf(Operation *op, const Twine &otherwise) {
  StringRef name = onnx_ir::nodeNameOf(op->getLoc());
  return ("node '" + (name.empty() ? "unnamed" : name) + "': " + otherwise).str();
}

void Context::requireZero(Operation *op, Value trouble, const Twine &otherwise) {
  requirements.push_back({trouble, messageOf(op, otherwise)});
}

bool Context::isOutermost(Operation *op) const {
  while (taken.contains(op->getBlock()))
    op = op->getParentOp();
  return isa<func::FuncOp>(op->getParentOp());
}

void Context::requireAtBind(Operation *op, Value holds, const Twine &otherwise) {
  assert(isOutermost(op) && "what may not run requires nothing of dimensions");
  cf::AssertOp::create(b, op->getLoc(), holds, messageOf(op, otherwise));
}

LogicalResult Context::requireOfDim(Operation *op, const Dim &dim, arith::CmpIPredicate predicate,
                                    const Twine &otherwise) {
  if (dim.isConstant() || !isOutermost(op))
    return refuse(op, otherwise);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  Value zero = arith::ConstantIndexOp::create(b, op->getLoc(), 0), value = dims.value(dim);
  requireAtBind(op, arith::CmpIOp::create(b, op->getLoc(), predicate, value, zero), otherwise);
  return success();
}

LogicalResult Context::requireNonNegative(Operation *op, const Dim &dim, const Twine &otherwise) {
  return dims.isNonNegative(dim) ? success()
                                 : requireOfDim(op, dim, arith::CmpIPredicate::sge, otherwise);
}

LogicalResult Context::requireNoDifference(Operation *op, const Dim &dim, const Twine &otherwise) {
  return dims.areEqual(dim, Dim(0)) ? success()
                                    : requireOfDim(op, dim, arith::CmpIPredicate::eq, otherwise);
}

//===----------------------------------------------------------------------===//
// Out of branches and loops
//===----------------------------------------------------------------------===//

Value noTrouble(Context &context, Location loc) {
  Type number = context.b.getI64Type();
  return context.map(loc, {}, number, {},
                     [&](Code &c, ValueRange) { return c.constant(0, number); });
}

Value eitherTrouble(Context &context, Location loc, Value a, Value b) {
  AffineMap none = context.b.getMultiDimIdentityMap(0);
  return context.map(loc, {}, context.b.getI64Type(), {{a, none, {}}, {b, none, {}}},
                     [](Code &c, ValueRange x) { return c.make<arith::OrIOp>(x[0], x[1]); });
}

SmallVector<Type> BranchRequirements::types() const {
  return SmallVector<Type>(ends.back() - ends.front(),
                           RankedTensorType::get({}, context.b.getI64Type()));
}

SmallVector<Value> BranchRequirements::of(unsigned number, Location loc) const {
  SmallVector<Value> troubles;
  for (size_t i = ends.front(); i < ends.back(); ++i) {
    bool isOwn = ends[number] <= i && i < ends[number + 1];
    troubles.push_back(isOwn ? context.requirements[i].trouble : noTrouble(context, loc));
  }
  return troubles;
}

void BranchRequirements::bringOut(ValueRange results) {
  for (auto [i, result] : llvm::enumerate(results))
    context.requirements[ends.front() + i].trouble = result;
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

namespace {

/// A number that is known from constants or shapes, and the extent of the axis that it indexes.
struct KnownIndex {
  Dim number, extent;
  CountFrom from;

  /// Whether it is a place of the axis in any case.
  bool isPlace(const DimEnv &dims) const {
    if (dims.isNonNegative(number) && dims.isNonNegative(extent - Dim(1) - number))
      return true;
    return from == CountFrom::BothEnds && dims.isNonNegative(Dim(-1) - number) &&
           dims.isNonNegative(extent + number);
  }
  /// Whether it is one, as an i1 of the host.
  Value isPlace(Context &context, Location loc) const {
    auto compare = [&](arith::CmpIPredicate predicate, const Dim &bound) -> Value {
      return arith::CmpIOp::create(context.b, loc, predicate, context.dims.value(number),
                                   context.dims.value(bound));
    };
    return arith::AndIOp::create(
        context.b, loc, compare(arith::CmpIPredicate::slt, extent),
        compare(arith::CmpIPredicate::sge, from == CountFrom::BothEnds ? Dim(0) - extent : Dim(0)));
  }
};

/// Of the operand's numbers, which index the axes of these extents in turn, all that matter: of
/// constants the least and the largest. None where only the run tells them.
std::optional<SmallVector<KnownIndex>> knownIndices(const Tracked &operand, ArrayRef<Dim> extents,
                                                    CountFrom from) {
  SmallVector<KnownIndex> known;
  if (operand.contents) {
    for (auto [i, number] : llvm::enumerate(*operand.contents))
      known.push_back({number, extents[i % extents.size()], from});
    return known;
  }
  auto numbers = operand.constant ? operand.constant.tryGetValues<APInt>() : std::nullopt;
  if (!numbers)
    return std::nullopt;
  SmallVector<std::pair<int64_t, int64_t>> ranges(extents.size(), {INT64_MAX, INT64_MIN});
  for (auto [i, number] : llvm::enumerate(*numbers)) {
    auto &[least, most] = ranges[i % extents.size()];
    least = std::min(least, number.getSExtValue());
    most = std::max(most, number.getSExtValue());
  }
  for (auto [range, extent] : llvm::zip(ranges, extents))
    if (range.first <= range.second)
      known.append({{Dim(range.first), extent, from}, {Dim(range.second), extent, from}});
  return known;
}

/// How many of the numbers are no places, an i64 without axes. Those beyond a count are any.
Value countStrays(Context &context, AnyOp op, Value operand, ArrayRef<Dim> extents,
                  CountFrom from) {
  SmallVector<Dim> dims = context[operand].dims;
  unsigned rank = dims.size();
  SmallVector<Extent> bounds;
  for (const Dim &extent : extents)
    bounds.emplace_back(context, extent);
  AffineMap none = AffineMap::get(rank, 0, op->getContext());
  SmallVector<Input> inputs = {
      {context.tensor(operand), context.b.getMultiDimIdentityMap(rank), {}}};
  SmallVector<unsigned> counted;
  for (auto [axis, dim] : llvm::enumerate(dims))
    if (Value count = context.countOf(dim)) {
      inputs.push_back({count, none, {}});
      counted.push_back(axis);
    }
  Type number = context.b.getI64Type();
  auto isStray = [&](Code &c, ValueRange x) -> Value {
    Value place = c.make<arith::IndexCastOp>(c.b.getIndexType(), x[0]), extent = bounds[0].in(c);
    for (unsigned i = 1; i < bounds.size(); ++i)
      extent = c.select(c.equal(c.dim(rank - 1), c.index(i)), bounds[i].in(c), extent);
    if (from == CountFrom::BothEnds) {
      place = c.make<arith::AddIOp>(place, extent);
      extent = c.make<arith::AddIOp>(extent, extent);
    }
    // One unsigned comparison says that it is neither below nor beyond.
    extent = c.make<arith::MaxSIOp>(extent, c.index(0));
    Value stray = c.make<arith::CmpIOp>(arith::CmpIPredicate::uge, place, extent);
    for (auto [axis, count] : llvm::zip(counted, x.drop_front())) {
      Value end = c.make<arith::IndexCastOp>(c.b.getIndexType(), count);
      Value isWithin = c.make<arith::CmpIOp>(arith::CmpIPredicate::slt, c.dim(axis), end);
      stray = c.make<arith::AndIOp>(stray, isWithin);
    }
    return c.select(stray, c.constant(1, number), c.constant(0, number));
  };
  if (rank == 0)
    return context.map(op->getLoc(), {}, number, inputs, isStray);
  return context.rows(op->getLoc(), rank, inputs, {{}, number, none}, [&](Code &c, ValueRange x) {
    return c.asSigned().combine(kernel::CombineKind::Add, isStray(c, x));
  });
}

} // namespace

Value withoutRepeats(Context &context, Value indices) {
  while (auto expand = indices.getDefiningOp<onnx_ir::Op<"Expand">>()) {
    Value source = expand.in("input");
    ArrayRef<Dim> from = context[source].dims, to = context[indices].dims;
    if (from.size() > to.size() ||
        !llvm::all_of_zip(from, to.take_back(from.size()),
                          [](const Dim &a, const Dim &b) { return a.is(1) || a == b; }))
      break;
    indices = source;
  }
  return indices;
}

LogicalResult requireIndices(Context &context, AnyOp op, StringRef operand, Value indices,
                             ArrayRef<Dim> extents, const Twine &where, CountFrom from) {
  if (extents.empty())
    return success();
  if (extents.size() == 1)
    indices = withoutRepeats(context, indices);
  std::string otherwise = ("a number in '" + operand + "' lies outside of " + where).str();
  std::optional<SmallVector<KnownIndex>> known = knownIndices(context[indices], extents, from);
  bool isOutermost = context.isOutermost(op), isDecided = known.has_value();
  for (const KnownIndex &index : known.value_or(SmallVector<KnownIndex>())) {
    if (index.isPlace(context.dims))
      continue;
    isDecided &= isOutermost;
    if (!isOutermost)
      continue;
    if (index.number.isConstant() && index.extent.isConstant())
      return context.refuse(op, otherwise);
    context.requireAtBind(op, index.isPlace(context, op->getLoc()), otherwise);
  }
  if (isDecided)
    return success();
  // What has been found out need not be once more, such as by each layer of a decoder.
  auto &checked = context.checkedIndices[indices];
  auto same = std::pair(SmallVector<Dim>(extents), from == CountFrom::BothEnds);
  if (llvm::is_contained(checked, same))
    return success();
  if (isOutermost)
    checked.push_back(same);
  context.requireZero(op, countStrays(context, op, indices, extents, from), otherwise);
  return success();
}

} // namespace strut::kernelize
