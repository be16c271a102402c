//===- HostLoop.cpp - Loop and Scan ---------------------------------------===//
//
// The body is lowered once, where it stands, on stand-ins for what a step is given: its
// number and the states. Then the loop of the host is made around it. An scf.for runs as
// many steps as are known before the first one, from dimensions or read from a tensor; an
// scf.while also asks a condition that a step computes.
//
// States are tensors that the loop carries. What a step gives for them is copied there at
// the end of the step, when nothing reads the old ones any more, so memory is planned for
// one of each, whatever the number of steps. What a step adds to a collected result is
// written to its place in that. A state keeps its shape and a collected result has a length
// known from dimensions, for memory is planned before the loop runs.
//
//===----------------------------------------------------------------------===//
#include "ControlFlow.h"
#include "Requirements.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// What Loop and Scan have in common.
class HostLoop {
public:
  HostLoop(AnyOp op, Context &context)
      : op(op), context(context), loc(op->getLoc()), body(op.region("body")->front()),
        yield(body.getTerminator()) {}

protected:
  /// One result that is made of a part from each step.
  struct Collected {
    unsigned axis = 0;
    bool isBackward = false;
  };

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(context.b, loc, value); }
  Value standIn(Type type) { return body.addArgument(type, loc); }
  LogicalResult lowerBody();
  /// The place of a step counted from the last one.
  Value fromTheEnd(Value place);
  void beginStates(unsigned firstArgument, ValueRange initial);
  LogicalResult endStates(unsigned firstYielded);
  LogicalResult collect(unsigned firstYielded, ArrayRef<Collected> results);
  LogicalResult takeDeclaredSteps(ArrayRef<Collected> results);
  void writeStates(unsigned count);
  void carryRequirements();
  SmallVector<Value> moveBody(Block *target, Value number, ValueRange given);
  void runFor();
  void runWhile(Value goesOnFirst, Value goesOn);
  void defineResults(ValueRange results);

  AnyOp op;
  Context &context;
  Location loc;
  Block &body;
  Operation *yield;

  /// How many steps, if dimensions tell, and as a value of the host; null for no end.
  std::optional<Dim> steps;
  Value end;
  /// Whether nothing but their number ends the steps.
  bool isCounted = true;
  /// The number of a step, and what the loop carries: states, then collected results.
  Value place;
  SmallVector<Value> carried;
  /// Of each of these: what it starts with, what it is after a step, its dimensions.
  SmallVector<Value> starts, next;
  SmallVector<SmallVector<Dim>> shapes;
  /// Where in what the context notes that is which the body requires. It is carried last.
  size_t firstRequired = 0, endRequired = 0;
};

LogicalResult HostLoop::lowerBody() {
  firstRequired = context.requirements.size();
  LogicalResult result = context.lowerBlock(body);
  endRequired = context.requirements.size();
  return result;
}

Value HostLoop::fromTheEnd(Value place) {
  Value last = arith::SubIOp::create(context.b, loc, end, constant(1));
  return arith::SubIOp::create(context.b, loc, last, place);
}

/// Gives the arguments of the body from number `firstArgument` on the shapes of the states.
void HostLoop::beginStates(unsigned firstArgument, ValueRange initial) {
  for (auto [i, value] : llvm::enumerate(initial)) {
    Value start = context.tensor(value);
    starts.push_back(start);
    shapes.push_back(context[value].dims);
    carried.push_back(standIn(start.getType()));
    context.define(body.getArgument(firstArgument + i), carried.back(), shapes.back());
  }
}

/// The tensor that a value is a view of.
static Value behindViews(Value value) {
  while (isa_and_present<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
      value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// Takes what the body yields from number `firstYielded` on as the states after a step.
LogicalResult HostLoop::endStates(unsigned firstYielded) {
  OpBuilder &b = context.b;
  b.setInsertionPoint(yield);
  for (auto [i, shape] : llvm::enumerate(shapes)) {
    Value value = yield->getOperand(firstYielded + i);
    SmallVector<Dim> given = context[value].dims;
    if (!sameShape(context, shape, given))
      return context.refuse(op, "state " + Twine(i) + " has the shape " + spell(shape) +
                                    " before a step and " + spell(given) +
                                    " after it, and memory is planned before the loop runs; carry "
                                    "a tensor of fixed shape and write parts of it");
    Value tensor = context.tensor(value);
    // The old state of another would be overwritten before it is read.
    if (tensor != carried[i] && llvm::is_contained(carried, behindViews(tensor)))
      tensor = context.move(loc, tensor, b.getMultiDimIdentityMap(given.size()), given);
    next.push_back(tensor);
  }
  return success();
}

/// Adds the parts that the body yields from number `firstYielded` on to what is carried.
LogicalResult HostLoop::collect(unsigned firstYielded, ArrayRef<Collected> results) {
  OpBuilder &b = context.b;
  if (!results.empty() && !steps && failed(takeDeclaredSteps(results)))
    return context.refuse(
        op, "it collects what its steps yield, and how many steps there are is computed from data; "
            "give it a number of steps that shapes or constants tell and a condition that stays "
            "true, or carry the result as a state of fixed shape");
  for (auto [i, result] : llvm::enumerate(results)) {
    Value value = yield->getOperand(firstYielded + i);
    SmallVector<Dim> part = context[value].dims, whole(part), one(part);
    whole.insert(whole.begin() + result.axis, *steps);
    one.insert(one.begin() + result.axis, Dim(1));
    Type element = context[value].element;
    b.setInsertionPoint(op);
    Value start = context.empty(loc, whole, element), target = standIn(start.getType());
    b.setInsertionPoint(yield);
    SmallVector<OpFoldResult> at(whole.size(), b.getIndexAttr(0)),
        ones(whole.size(), b.getIndexAttr(1)), sizes = context.dims.operands(one);
    at[result.axis] = result.isBackward ? fromTheEnd(place) : place;
    Value slot = tensor::ExtractSliceOp::create(b, loc, DimEnv::type(part, element), target, at,
                                                sizes, ones);
    Value written = copyInto(context, loc, context.tensor(value), slot);
    starts.push_back(start);
    carried.push_back(target);
    shapes.push_back(whole);
    next.push_back(tensor::InsertSliceOp::create(b, loc, written, target, at, sizes, ones));
  }
  return success();
}

/// Takes what the model declares for the first collected result as the number of steps,
/// which the run checks. Fails if it does not say, or if a condition may end the loop.
LogicalResult HostLoop::takeDeclaredSteps(ArrayRef<Collected> results) {
  unsigned first = op->getNumResults() - results.size();
  auto declared = context.declaredShape(op->getResult(first));
  if (!isCounted || !declared || results.front().axis >= declared->size())
    return failure();
  steps = (*declared)[results.front().axis];
  context.b.setInsertionPoint(op);
  Value given = end;
  auto fits = [&](Code &c, ValueRange) { return c.equal(given, c.index(steps->constant())); };
  context.require(op, {}, fits,
                  "it has not as many steps as the model declares, which is " +
                      Twine(steps->constant()));
  end = constant(steps->constant()); // whatever it is, nothing is written beyond
  return success();
}

/// Writes the first `count` states for the next step: last of all, for whatever a step
/// gives may be computed from the old ones.
void HostLoop::writeStates(unsigned count) {
  context.b.setInsertionPoint(yield);
  for (unsigned i = 0; i < count; ++i)
    if (next[i] != carried[i])
      next[i] = copyInto(context, loc, next[i], carried[i]);
}

/// Carries what the body requires: whether there has been trouble in a step so far.
void HostLoop::carryRequirements() {
  for (size_t i = firstRequired; i < endRequired; ++i) {
    context.b.setInsertionPoint(op);
    Value start = noTrouble(context, loc), sofar = standIn(start.getType());
    context.b.setInsertionPoint(yield);
    Value trouble = eitherTrouble(context, loc, sofar, context.requirements[i].trouble);
    starts.push_back(start);
    carried.push_back(sofar);
    shapes.emplace_back();
    next.push_back(copyInto(context, loc, trouble, sofar));
  }
}

/// Moves the lowered body to the end of `target`, where `number` and `given` stand for the
/// place of a step and what is carried. Returns what a step gives to the next one.
SmallVector<Value> HostLoop::moveBody(Block *target, Value number, ValueRange given) {
  target->getOperations().splice(target->end(), body.getOperations(), body.begin(),
                                 yield->getIterator());
  place.replaceAllUsesWith(number);
  IRMapping now;
  now.map(ValueRange(carried), given);
  for (auto [state, value] : llvm::zip(carried, given))
    state.replaceAllUsesWith(value);
  // Ops of the old level, which read them still, are erased after the body is.
  for (BlockArgument argument : body.getArguments())
    argument.dropAllUses();
  context.b.setInsertionPointToEnd(target);
  return llvm::map_to_vector(next, [&](Value value) { return now.lookupOrDefault(value); });
}

void HostLoop::defineResults(ValueRange results) {
  context.b.setInsertionPoint(op);
  for (auto [old, result, shape] : llvm::zip(op->getResults(), results, shapes))
    if (!isa<NoneType>(old.getType()))
      context.define(old, result, shape);
  for (auto [i, trouble] : llvm::enumerate(results.take_back(endRequired - firstRequired)))
    context.requirements[firstRequired + i].trouble = trouble;
}

/// As many steps as `end` says.
void HostLoop::runFor() {
  OpBuilder &b = context.b;
  b.setInsertionPoint(op);
  auto loop = scf::ForOp::create(b, loc, constant(0), end, constant(1), starts);
  SmallVector<Value> after =
      moveBody(loop.getBody(), loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, after);
  defineResults(loop.getResults());
}

/// Steps as long as `goesOnFirst`, then each one's `goesOn`, is true, and no more than `end`.
void HostLoop::runWhile(Value goesOnFirst, Value goesOn) {
  OpBuilder &b = context.b;
  b.setInsertionPoint(op);
  SmallVector<Value> inits = {constant(0), goesOnFirst};
  llvm::append_range(inits, starts);
  SmallVector<Type> types = llvm::to_vector(ValueRange(inits).getTypes());
  SmallVector<Location> locs(inits.size(), loc);
  auto loop = scf::WhileOp::create(b, loc, types, inits);
  Block *test = b.createBlock(&loop.getBefore(), {}, types, locs);
  Value more = test->getArgument(1);
  if (end) {
    Value less =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, test->getArgument(0), end);
    more = arith::AndIOp::create(b, loc, less, more);
  }
  scf::ConditionOp::create(b, loc, more, test->getArguments());
  Block *step = b.createBlock(&loop.getAfter(), {}, types, locs);
  Value number = step->getArgument(0);
  SmallVector<Value> after = moveBody(step, number, ValueRange(step->getArguments()).drop_front(2));
  after.insert(after.begin(), {Value(arith::AddIOp::create(b, loc, number, constant(1))), goesOn});
  scf::YieldOp::create(b, loc, after);
  defineResults(loop.getResults().drop_front(2));
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

class LoopLowering : public HostLoop {
public:
  using HostLoop::HostLoop;
  LogicalResult lower();

private:
  enum { FirstState = 2 };
  /// Whether an operand or what a step yields is known to be true, or false.
  std::optional<bool> truth(Value value) {
    if (!value)
      return true;
    const auto &contents = context[value].contents;
    if (!contents || contents->size() != 1 || !contents->front().isConstant())
      return std::nullopt;
    return !contents->front().is(0);
  }
  void beginStep();
  LogicalResult readSteps(std::optional<bool> first);
};

/// The body's number of the step, and its condition, which is true wherever a step runs.
void LoopLowering::beginStep() {
  place = standIn(context.b.getIndexType());
  auto shapeOf = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return SmallVector<Dim>(type && type.getRank() == 1 ? 1 : 0, Dim(1));
  };
  BlockArgument number = body.getArgument(0), condition = body.getArgument(1);
  context.b.setInsertionPointToStart(&body);
  if (!number.use_empty()) {
    SmallVector<Dim> shape = shapeOf(number);
    Value tensor = context.map(loc, shape, context.b.getI64Type(), {}, [&](Code &c, ValueRange) {
      return c.make<arith::IndexCastOp>(c.b.getI64Type(), place);
    });
    context.define(number, tensor, shape);
  }
  context.defineContents(condition, shapeOf(condition), Dim(1));
}

/// The number of steps at most.
LogicalResult LoopLowering::readSteps(std::optional<bool> first) {
  context.b.setInsertionPoint(op);
  Value most = op.in("M");
  if (first == false) {
    steps = Dim(0);
  } else if (!most) {
    return success();
  } else if (const auto &contents = context[most].contents; contents && contents->size() == 1) {
    steps = contents->front();
    if (!context.dims.isNonNegative(*steps))
      steps = context.dims.max(*steps, Dim(0));
  }
  FailureOr<Value> count =
      steps ? context.dims.value(*steps) : hostIndex(op, context, most, "number of steps");
  if (failed(count))
    return failure();
  end = *count;
  return success();
}

LogicalResult LoopLowering::lower() {
  unsigned numStates = op->getNumOperands() - FirstState;
  beginStep();
  context.b.setInsertionPoint(op);
  beginStates(FirstState, op->getOperands().drop_front(FirstState));
  if (failed(lowerBody()))
    return failure();
  Value condition = op.in("cond");
  std::optional<bool> first = truth(condition), stays = truth(yield->getOperand(0));
  if (failed(readSteps(first)))
    return failure();
  isCounted = first == false || stays == true;
  if (isCounted && !end)
    return context.refuse(op, "it has no number of steps, and its condition stays true");
  if (isCounted && !first) { // none or all of them
    FailureOr<Value> starts = hostElement(op, context, condition, "condition");
    if (failed(starts))
      return failure();
    end = arith::SelectOp::create(context.b, loc, *starts, end, constant(0));
    steps.reset();
  }
  Value goesOnFirst, goesOn;
  if (!isCounted) {
    steps.reset();
    FailureOr<Value> before =
        first ? FailureOr<Value>(arith::ConstantIntOp::create(context.b, loc, *first, 1))
              : hostElement(op, context, condition, "condition");
    context.b.setInsertionPoint(yield);
    FailureOr<Value> after = hostElement(op, context, yield->getOperand(0), "next condition");
    if (failed(before) || failed(after))
      return failure();
    goesOnFirst = *before;
    goesOn = *after;
  }
  unsigned numYielded = std::min(op->getNumResults(), yield->getNumOperands() - 1);
  SmallVector<Collected> collected(numYielded - std::min(numYielded, numStates));
  if (failed(endStates(1)) || failed(collect(1 + numStates, collected)))
    return failure();
  writeStates(numStates);
  carryRequirements();
  if (isCounted)
    runFor();
  else
    runWhile(goesOnFirst, goesOn);
  return success();
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

class ScanLowering : public HostLoop {
public:
  using HostLoop::HostLoop;
  LogicalResult lower();

private:
  unsigned numScanned() { return op.attr<IntegerAttr>("num_scan_inputs").getInt(); }
  int64_t number(StringRef list, unsigned i) {
    auto attr = op.attr<DenseI64ArrayAttr>(list);
    return attr && i < attr.size() ? attr[i] : 0;
  }
  LogicalResult beginElement(unsigned i, Value scanned);
};

/// Gives the step its part of a scanned tensor.
LogicalResult ScanLowering::beginElement(unsigned i, Value scanned) {
  SmallVector<Dim> whole = context[scanned].dims;
  int64_t axis = normalizeAxis(number("scan_input_axes", i), whole.size());
  if (axis < 0 || axis >= int64_t(whole.size()))
    return context.refuse(op, "scanned tensor " + Twine(i) + " has no such axis");
  std::optional<Dim> same = steps ? context.unify(*steps, whole[axis]) : whole[axis];
  if (!same)
    return context.refuse(op, "it cannot be told that the tensors it scans are as long as the "
                              "first");
  OpBuilder &b = context.b;
  if (!steps) {
    steps = *same;
    end = context.dims.value(*steps);
  }
  b.setInsertionPoint(op);
  Value tensor = context.tensor(scanned);
  b.setInsertionPointToStart(&body);
  SmallVector<OpFoldResult> at(whole.size(), b.getIndexAttr(0)),
      ones(whole.size(), b.getIndexAttr(1));
  at[axis] = number("scan_input_directions", i) == 1 ? fromTheEnd(place) : place;
  SmallVector<Dim> part(whole), one(whole);
  part.erase(part.begin() + axis);
  one[axis] = Dim(1);
  Value element =
      tensor::ExtractSliceOp::create(b, loc, DimEnv::type(part, context[scanned].element), tensor,
                                     at, context.dims.operands(one), ones);
  context.define(body.getArgument(op->getNumOperands() - numScanned() + i), element, part);
  return success();
}

LogicalResult ScanLowering::lower() {
  unsigned numStates = op->getNumOperands() - numScanned();
  place = standIn(context.b.getIndexType());
  for (auto [i, scanned] : llvm::enumerate(op->getOperands().drop_front(numStates)))
    if (failed(beginElement(i, scanned)))
      return failure();
  context.b.setInsertionPoint(op);
  beginStates(0, op->getOperands().take_front(numStates));
  if (failed(lowerBody()))
    return failure();
  SmallVector<Collected> collected;
  for (unsigned i = numStates; i < op->getNumResults(); ++i) {
    int64_t rank = context[yield->getOperand(i)].dims.size() + 1,
            axis = normalizeAxis(number("scan_output_axes", i - numStates), rank);
    if (axis < 0 || axis >= rank)
      return context.refuse(op, "collected result " + Twine(i - numStates) + " has no such axis");
    collected.push_back({unsigned(axis), number("scan_output_directions", i - numStates) == 1});
  }
  if (failed(endStates(0)) || failed(collect(numStates, collected)))
    return failure();
  writeStates(numStates);
  carryRequirements();
  runFor();
  return success();
}

template <typename LoweringT> LogicalResult lowerBy(Operation *op, Context &context) {
  return LoweringT(AnyOp(op), context).lower();
}

} // namespace

void addHostLoop(LoweringTable &table) {
  table["onnx.Loop"] = {nullptr, lowerBy<LoopLowering>};
  table["onnx.Scan"] = {nullptr, lowerBy<ScanLowering>};
}

} // namespace strut::kernelize
