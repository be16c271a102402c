//===- Grouped.cpp - kernel.grouped: rows that choose their matrix --------===//
//
// The rows lie in `order` by group. A task is a run of places of that order times one panel of
// columns, and walks the groups that the run touches: as many tasks as a plain product of
// as many rows has, each with as many rows, however the groups divide them. An expert that takes
// all rows is shared by all threads, one without rows costs a comparison.
//
//===----------------------------------------------------------------------===//
#include "ContractTask.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/CPU/CPU.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace strut::cpu {
namespace {

using kernel::GroupedOp;

/// Code inside the kernel function, for one task.
class GroupedTask : ContractTask {
public:
  GroupedTask(const ContractPlan &decided, const OpBuilder &builder, ValueRange arguments)
      : ContractTask(decided, builder, arguments) {}

  void emit(Value task);

private:
  Value entry(Value list, Value at) {
    Value number = memref::LoadOp::create(b, loc, list, at);
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  }
  Value plus(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  /// The same columns of the row at a place of the order.
  SmallVector<Value> rowAt(Value place) {
    SmallVector<Value> iterators(fixed);
    iterators[GroupedOp::kRow] = entry(inputs[2], place);
    return iterators;
  }
  Rows rowsFrom(SmallVector<Value>, int64_t count) override {
    Rows rows;
    for (int64_t r = 0; r < count; ++r)
      rows.push_back(rowAt(plus(tilePlace, index(r))));
    return rows;
  }
  void emitTile(Value end);

  Value tilePlace; ///< of the first row of the tile
};

void GroupedTask::emit(Value task) {
  Value places = extents[GroupedOp::kRow];
  Value panels = arith::CeilDivUIOp::create(b, loc, extents[plan.n], index(plan.columns()));
  Value run = arith::DivUIOp::create(b, loc, task, panels);
  Value panel = arith::RemUIOp::create(b, loc, task, panels);
  Value begin = arith::MulIOp::create(b, loc, run, rowsPerTask);
  Value end = arith::MinUIOp::create(b, loc, plus(begin, rowsPerTask), places);
  scratch = stackArray(b, loc, blockElements(), plan.accumulator);
  blockScratch = index(0);

  auto groups = scf::ForOp::create(b, loc, index(0), extents[GroupedOp::kGroup], index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(groups.getBody());
  Value group = groups.getInductionVar();
  Value first = arith::MaxSIOp::create(b, loc, begin, entry(inputs[3], group));
  Value last = arith::MinSIOp::create(b, loc, end, entry(inputs[3], plus(group, index(1))));
  panelNumber = plus(arith::MulIOp::create(b, loc, group, panels), panel);
  fixed.assign(extents.size(), index(0));
  fixed[GroupedOp::kGroup] = group;
  fixed[GroupedOp::kColumn] = arith::MulIOp::create(b, loc, panel, index(plan.columns()));

  auto tiles = scf::ForOp::create(b, loc, first, last, index(plan.rows));
  b.setInsertionPointToStart(tiles.getBody());
  tilePlace = tiles.getInductionVar();
  emitTile(last);
}

void GroupedTask::emitTile(Value end) {
  Value height = arith::SubIOp::create(b, loc, end, tilePlace);
  height = arith::MinSIOp::create(b, loc, height, index(plan.rows));
  emitProducts(fixed, height);
  auto rows = scf::ForOp::create(b, loc, index(0), height, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Value row = rows.getInductionVar();
  Value offset = arith::MulIOp::create(b, loc, row, index(plan.columns()));
  emitEpilogue(rowAt(plus(tilePlace, row)), offset);
}

} // namespace

FailureOr<Launches> emitGrouped(Emitter &emitter, OpBuilder &host, GroupedOp op) {
  auto kernelOp = cast<kernel::KernelOpInterface>(*op);
  FailureOr<ContractPlan> plan = ContractPlan::create(emitter.getTarget(), kernelOp);
  FailureOr<SmallVector<Value>> extents = extentsOf(host, kernelOp);
  if (failed(plan) || failed(extents))
    return failure();
  Location loc = op.getLoc();
  bool isPacked = plan->loops.front().panels;
  if (!isPacked && plan->maps[1].getResults().back() != host.getAffineDimExpr(plan->n))
    return op.emitOpError(
        "needs a right-hand side that is a weight, or contiguous along its columns");
  Value columns = arith::ConstantIndexOp::create(host, loc, plan->columns());
  Value rows = (*extents)[GroupedOp::kRow];
  Value panels = host.createOrFold<arith::CeilDivUIOp>(loc, (*extents)[plan->n], columns);
  Value rowsPerTask = chooseRowsPerTask(host, loc, rows, panels, plan->rows);
  Value runs = host.createOrFold<arith::CeilDivUIOp>(loc, rows, rowsPerTask);
  Value tasks = host.createOrFold<arith::MulIOp>(loc, panels, runs);

  SmallVector<Value> arguments(op.getInputs());
  arguments.push_back(op.getInit());
  llvm::append_range(arguments, capturesOf(op));
  llvm::append_range(arguments, *extents);
  arguments.push_back(rowsPerTask);
  std::string key = llvm::formatv("{0}/{1}x{2}/{3}/{4}", keyOf(op), plan->vectors, plan->lanes,
                                  plan->masked, isPacked);
  return Launches{emitter.launch(host, loc, "grouped", key, arguments, tasks,
                                 [&](OpBuilder &b, ValueRange parameters, Value task) {
                                   GroupedTask(*plan, b, parameters).emit(task);
                                 })};
}

} // namespace strut::cpu
