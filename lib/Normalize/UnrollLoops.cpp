//===- UnrollLoops.cpp - the steps of Loop and Scan, written out -----------===//
//
// A loop whose steps are few is cheaper without one: what a step computes from its number
// becomes a constant, kernels of neighbouring steps fuse, and states need not be copied.
// That saves some tenths of a microsecond a step (a product, a sum and tanh of 4 × 16
// numbers ran 1.3 to 2 times as fast written out, of 4 × 128 numbers 1.1 times). Code and
// the time to compile it grow with the steps, so long loops stay loops of the host. A state that
// changes its shape leaves no choice, for a loop carries memory that is planned once: such a loop
// is written out as long as anyone would wait for it.
//
// A Loop that stays gets its states' types from what they start with, where the body keeps
// them: the standard's inference gives no shape there.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "strut/Normalize/Passes.h"
#include "llvm/Support/Threading.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_UNROLLLOOPS
#include "strut/Normalize/Passes.h.inc"

namespace {

/// The only element of a constant, if it is an integer or a truth.
std::optional<int64_t> constantNumber(Value value) {
  ElementsAttr constant = constantOf(value);
  if (!constant || constant.getNumElements() != 1 || !isa<IntegerType>(constant.getElementType()))
    return std::nullopt;
  auto numbers = constant.tryGetValues<APInt>();
  if (!numbers)
    return std::nullopt;
  APInt number = *numbers->begin();
  return number.getBitWidth() == 1 ? int64_t(number.getZExtValue()) : number.getSExtValue();
}

/// One loop: states and scanned tensors in, states and collected tensors out.
class Unrolling {
public:
  Unrolling(OpBuilder &builder, AnyOp loop)
      : b(builder), loop(loop), body(loop.region("body")->front()),
        isScan(isa<onnx_ir::Op<"Scan">>(loop.getOperation())),
        numScanned(isScan ? loop.attr<IntegerAttr>("num_scan_inputs").getInt() : 0),
        firstState(isScan ? 0 : 2), numStates(loop->getNumOperands() - firstState - numScanned) {}

  /// The number of steps, if it is constant.
  std::optional<int64_t> steps() { return isScan ? scanSteps() : loopSteps(); }
  int64_t numOps() { return std::distance(body.begin(), body.end()); }
  /// Gives the states of a body the types that they start with. False, and nothing has
  /// changed, where a step gives them other ones.
  bool keepShapes();
  SmallVector<Value> unroll(int64_t steps);
  bool collects() { return loop->getNumResults() > numStates; }

private:
  std::optional<int64_t> loopSteps();
  std::optional<int64_t> scanSteps();
  OperandRange states() { return loop->getOperands().slice(firstState, numStates); }
  int64_t number(StringRef list, unsigned i) {
    auto attr = isScan ? loop.attr<DenseI64ArrayAttr>(list) : DenseI64ArrayAttr();
    return attr && i < attr.size() ? attr[i] : 0;
  }
  Value constant(DenseElementsAttr value) {
    return onnx_ir::Op<"Constant">::create(b, loop.getLoc(), {}, b.getNamedAttr("value", value))
        ->getResult(0);
  }
  Value scalar(Type type, int64_t value) {
    auto element = cast<IntegerType>(type);
    APInt bits(element.getWidth(), value, /*isSigned=*/true);
    return constant(DenseElementsAttr::get(RankedTensorType::get({}, type), bits));
  }
  NamedAttribute axis(int64_t value) { return b.getNamedAttr("axis", b.getI64IntegerAttr(value)); }
  Value element(unsigned scanned, int64_t step, int64_t steps);
  SmallVector<Value> writeStep(ValueRange states, int64_t step, int64_t steps);
  Value collect(SmallVector<Value> parts, unsigned i);

  OpBuilder &b;
  AnyOp loop;
  Block &body;
  bool isScan;
  unsigned numScanned, firstState, numStates;
};

std::optional<int64_t> Unrolling::scanSteps() {
  auto type = numScanned ? dyn_cast<RankedTensorType>(loop->getOperand(numStates).getType())
                         : RankedTensorType();
  if (!type)
    return std::nullopt;
  int64_t axis = number("scan_input_axes", 0);
  axis = axis < 0 ? axis + type.getRank() : axis;
  if (axis < 0 || axis >= type.getRank() || type.isDynamicDim(axis))
    return std::nullopt;
  return type.getDimSize(axis);
}

std::optional<int64_t> Unrolling::loopSteps() {
  Value most = loop.in("M"), condition = loop.in("cond");
  if (condition && constantNumber(condition) == 0)
    return 0;
  Value next = body.getTerminator()->getOperand(0);
  bool staysTrue = next == body.getArgument(1) || constantNumber(next).value_or(0) != 0;
  if (!most || !staysTrue || (condition && !constantNumber(condition)))
    return std::nullopt;
  std::optional<int64_t> number = constantNumber(most);
  return number ? std::optional(std::max<int64_t>(*number, 0)) : std::nullopt;
}

bool Unrolling::keepShapes() {
  if (isScan) // the standard's inference passes the types on
    return true;
  Region &region = *body.getParent();
  SmallVector<std::pair<Value, Type>> before;
  for (BlockArgument argument : body.getArguments())
    before.push_back({argument, argument.getType()});
  region.walk([&](Operation *op) {
    for (Value result : op->getResults())
      before.push_back({result, result.getType()});
    for (Region &inner : op->getRegions())
      for (BlockArgument argument : inner.getArguments())
        before.push_back({argument, argument.getType()});
  });
  auto yields = body.getTerminator()->getOperands().slice(1, numStates);
  auto refine = [&] {
    for (auto [argument, state] :
         llvm::zip(body.getArguments().slice(firstState, numStates), states())) {
      Type both = meet(argument.getType(), state.getType());
      if (!both)
        return false;
      argument.setType(both);
    }
    ScopedDiagnosticHandler quiet(loop.getContext(), [self = llvm::get_threadid()](Diagnostic &) {
      return success(llvm::get_threadid() == self);
    });
    return succeeded(ShapeInference().refine(region)) &&
           llvm::all_of_zip(states(), yields, [](Value state, Value after) {
             return meet(state.getType(), after.getType()) == state.getType();
           });
  };
  if (refine())
    return true;
  for (auto [value, type] : before)
    value.setType(type);
  return false;
}

/// What a step sees of a scanned tensor.
Value Unrolling::element(unsigned scanned, int64_t step, int64_t steps) {
  bool backwards = number("scan_input_directions", scanned) == 1;
  Value place = scalar(b.getI64Type(), backwards ? steps - 1 - step : step);
  return onnx_ir::Op<"Gather">::create(b, loop.getLoc(),
                                       {loop->getOperand(numStates + scanned), place},
                                       axis(number("scan_input_axes", scanned)))
      ->getResult(0);
}

/// The body once; what it yields behind the condition of a Loop.
SmallVector<Value> Unrolling::writeStep(ValueRange states, int64_t step, int64_t steps) {
  IRMapping mapping;
  if (!isScan) {
    mapping.map(body.getArgument(0), scalar(b.getI64Type(), step));
    mapping.map(body.getArgument(1), scalar(b.getI1Type(), -1));
  }
  for (auto [argument, state] : llvm::zip(body.getArguments().drop_front(firstState), states))
    mapping.map(argument, state);
  for (unsigned i = 0; i < numScanned; ++i)
    mapping.map(body.getArgument(numStates + i), element(i, step, steps));
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  return llvm::map_to_vector(body.getTerminator()->getOperands().drop_front(isScan ? 0 : 1),
                             [&](Value value) { return mapping.lookupOrDefault(value); });
}

/// The parts of all steps as one tensor.
Value Unrolling::collect(SmallVector<Value> parts, unsigned i) {
  Value axes = constant(DenseElementsAttr::get(RankedTensorType::get({1}, b.getI64Type()),
                                               number("scan_output_axes", i)));
  for (Value &part : parts)
    part = onnx_ir::Op<"Unsqueeze">::create(b, loop.getLoc(), {part, axes})->getResult(0);
  if (number("scan_output_directions", i) == 1)
    std::reverse(parts.begin(), parts.end());
  return onnx_ir::Op<"Concat">::create(b, loop.getLoc(), parts, axis(number("scan_output_axes", i)))
      ->getResult(0);
}

SmallVector<Value> Unrolling::unroll(int64_t steps) {
  SmallVector<Value> results(states());
  SmallVector<SmallVector<Value>> collected(loop->getNumResults() -
                                            std::min(loop->getNumResults(), numStates));
  for (int64_t step = 0; step < steps; ++step) {
    SmallVector<Value> yielded = writeStep(results, step, steps);
    results.assign(yielded.begin(), yielded.begin() + numStates);
    for (auto [i, parts] : llvm::enumerate(collected))
      parts.push_back(yielded[numStates + i]);
  }
  for (auto [i, parts] : llvm::enumerate(collected))
    results.push_back(collect(parts, i));
  results.truncate(loop->getNumResults());
  return results;
}

struct UnrollLoops : impl::UnrollLoopsBase<UnrollLoops> {
  using UnrollLoopsBase::UnrollLoopsBase;

  void runOnOperation() override {
    SmallVector<AnyOp> loops;
    getOperation()->walk<WalkOrder::PostOrder>([&](AnyOp op) {
      if (isa<onnx_ir::Op<"Loop">, onnx_ir::Op<"Scan">>(op.getOperation()))
        loops.push_back(op);
    });
    for (AnyOp loop : loops) {
      IRRewriter rewriter(loop);
      Unrolling unrolling(rewriter, loop);
      std::optional<int64_t> steps = unrolling.steps();
      bool canStay = unrolling.keepShapes();
      if (!steps || (*steps == 0 && unrolling.collects()) || *steps > maxSteps)
        continue;
      if (*steps * unrolling.numOps() > (canStay ? maxOps : maxOpsOfGrowing))
        continue;
      rewriter.replaceOp(loop, unrolling.unroll(*steps));
      ++numUnrolled;
    }
    updateFunctionTypes(getOperation());
  }
};

} // namespace
} // namespace strut::normalize
