//===- UnrollLoops.cpp - the steps of Scan, written out --------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "strut/Normalize/Passes.h"

using namespace mlir;
using namespace strut::onnx_ir;

namespace strut::normalize {

#define GEN_PASS_DEF_UNROLLLOOPS
#include "strut/Normalize/Passes.h.inc"

namespace {

/// One Scan: states and scanned tensors in, states and collected tensors out.
class Unrolling {
public:
  Unrolling(OpBuilder &builder, AnyOp scan)
      : b(builder), scan(scan), body(scan.region("body")->front()),
        numScanned(scan.attr<IntegerAttr>("num_scan_inputs").getInt()),
        numStates(scan->getNumOperands() - numScanned) {}

  /// The number of steps, if it is constant and not 0.
  std::optional<int64_t> steps();
  int64_t numOps() { return std::distance(body.begin(), body.end()); }
  SmallVector<Value> unroll(int64_t steps);

private:
  int64_t number(StringRef list, unsigned i) {
    auto attr = scan.attr<DenseI64ArrayAttr>(list);
    return attr && i < attr.size() ? attr[i] : 0;
  }
  Value constant(DenseElementsAttr value) {
    return onnx_ir::Op<"Constant">::create(b, scan.getLoc(), {}, b.getNamedAttr("value", value))
        ->getResult(0);
  }
  NamedAttribute axis(int64_t value) { return b.getNamedAttr("axis", b.getI64IntegerAttr(value)); }
  Value element(unsigned scanned, int64_t step, int64_t steps);

  OpBuilder &b;
  AnyOp scan;
  Block &body;
  unsigned numScanned, numStates;
};

std::optional<int64_t> Unrolling::steps() {
  auto type = numScanned ? dyn_cast<RankedTensorType>(scan->getOperand(numStates).getType())
                         : RankedTensorType();
  if (!type)
    return std::nullopt;
  int64_t axis = number("scan_input_axes", 0);
  axis = axis < 0 ? axis + type.getRank() : axis;
  if (axis < 0 || axis >= type.getRank() || type.isDynamicDim(axis) || type.getDimSize(axis) == 0)
    return std::nullopt;
  return type.getDimSize(axis);
}

/// What a step sees of a scanned tensor.
Value Unrolling::element(unsigned scanned, int64_t step, int64_t steps) {
  bool backwards = number("scan_input_directions", scanned) == 1;
  auto type = RankedTensorType::get({}, b.getI64Type());
  Value place = constant(DenseElementsAttr::get(type, backwards ? steps - 1 - step : step));
  return onnx_ir::Op<"Gather">::create(b, scan.getLoc(),
                                       {scan->getOperand(numStates + scanned), place},
                                       axis(number("scan_input_axes", scanned)))
      ->getResult(0);
}

SmallVector<Value> Unrolling::unroll(int64_t steps) {
  SmallVector<Value> states(scan->getOperands().take_front(numStates));
  unsigned numCollected = scan->getNumResults() - numStates;
  SmallVector<SmallVector<Value>> collected(numCollected);
  for (int64_t step = 0; step < steps; ++step) {
    IRMapping mapping;
    for (auto [argument, state] : llvm::zip(body.getArguments(), states))
      mapping.map(argument, state);
    for (unsigned i = 0; i < numScanned; ++i)
      mapping.map(body.getArgument(numStates + i), element(i, step, steps));
    for (Operation &op : body.without_terminator())
      b.clone(op, mapping);
    auto yielded = llvm::map_to_vector(body.getTerminator()->getOperands(),
                                       [&](Value value) { return mapping.lookupOrDefault(value); });
    states.assign(yielded.begin(), yielded.begin() + numStates);
    for (unsigned i = 0; i < numCollected; ++i) {
      int64_t at = number("scan_output_axes", i);
      Value axes = constant(
          DenseElementsAttr::get(RankedTensorType::get({1}, b.getI64Type()), ArrayRef(at)));
      collected[i].push_back(
          onnx_ir::Op<"Unsqueeze">::create(b, scan.getLoc(), {yielded[numStates + i], axes})
              ->getResult(0));
    }
  }
  SmallVector<Value> results(states);
  for (auto [i, parts] : llvm::enumerate(collected)) {
    if (number("scan_output_directions", i) == 1)
      std::reverse(parts.begin(), parts.end());
    results.push_back(
        onnx_ir::Op<"Concat">::create(b, scan.getLoc(), parts, axis(number("scan_output_axes", i)))
            ->getResult(0));
  }
  return results;
}

struct UnrollLoops : impl::UnrollLoopsBase<UnrollLoops> {
  using UnrollLoopsBase::UnrollLoopsBase;

  void runOnOperation() override {
    SmallVector<AnyOp> scans;
    getOperation()->walk<WalkOrder::PostOrder>(
        [&](onnx_ir::Op<"Scan"> op) { scans.push_back(op); });
    for (AnyOp scan : scans) {
      IRRewriter rewriter(scan);
      Unrolling unrolling(rewriter, scan);
      std::optional<int64_t> steps = unrolling.steps();
      if (!steps || *steps > maxSteps || *steps * unrolling.numOps() > maxOps)
        continue;
      rewriter.replaceOp(scan, unrolling.unroll(*steps));
      ++numUnrolled;
    }
    updateFunctionTypes(getOperation());
  }
};

} // namespace
} // namespace strut::normalize
