//===- RowPhases.cpp - The passes of a kernel.rows ------------------------===//
#include "strut/Emit/RowPhases.h"

using namespace mlir;

namespace strut::emit {

FailureOr<RowPhases> RowPhases::create(Nest nest) {
  RowPhases rows;
  rows.nest = std::move(nest);
  rows.analyze();
  for (auto [i, v] : llvm::enumerate(rows.nest.body().getTerminator()->getOperands()))
    if (rows.isVarying(v) && !rows.nest.usesAxis(rows.nest.maps[rows.nest.inputs + i]))
      return rows.nest.op->emitOpError("yields a value that differs along its row for init ")
             << i << ", which holds one value per row";
  return rows;
}

void RowPhases::analyze() {
  Block &body = nest.body();
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (!nest.isFetched(n) && nest.usesAxis(nest.maps[n]))
      varying.insert(body.getArgument(n));
  auto levelOf = [&](Value v) {
    Operation *definition = v.getDefiningOp();
    return definition ? level.lookup(definition) : 0;
  };
  for (Operation &op : body.without_terminator()) {
    unsigned highest = 0;
    for (Value v : op.getOperands())
      highest = std::max(highest, levelOf(v));
    if (auto combine = dyn_cast<kernel::CombineOp>(op)) {
      level[&op] = highest + 1;
      phases.resize(std::max<size_t>(phases.size(), highest + 1));
      phases[highest].push_back(combine);
      continue;
    }
    level[&op] = highest;
    auto index = dyn_cast<kernel::IndexOp>(op);
    if (llvm::any_of(op.getOperands(), [&](Value v) { return isVarying(v); }) ||
        (index && nest.dimOf(index) >= nest.dims - nest.axes))
      varying.insert(op.result_begin(), op.result_end());
  }
}

SmallVector<Value> RowPhases::goals(unsigned phase) const {
  SmallVector<Value> goals;
  if (!isLast(phase)) {
    for (kernel::CombineOp combine : phases[phase])
      goals.push_back(combine.getValue());
    return goals;
  }
  for (auto [i, v] : llvm::enumerate(nest.body().getTerminator()->getOperands()))
    if (nest.usesAxis(nest.maps[nest.inputs + i]))
      goals.push_back(v);
  return goals;
}

SetVector<Value> RowPhases::slice(unsigned phase, function_ref<bool(Value)> isKnown) const {
  SetVector<Value> slice;
  SmallVector<Value> worklist = goals(phase);
  while (!worklist.empty()) {
    Value v = worklist.pop_back_val();
    if (!isVarying(v) || (isKnown && isKnown(v)) || !slice.insert(v))
      continue;
    if (Operation *definition = v.getDefiningOp())
      llvm::append_range(worklist, definition->getOperands());
  }
  return slice;
}

} // namespace strut::emit
