//===- Grouped.cpp - kernel.grouped: rows that choose their matrix --------===//
//
// The rows lie in `order` by group. A task is a run of places of that order times one panel of
// columns, and walks the groups that the run touches: as many tasks as a plain product of
// as many rows has, each with as many rows, however the groups divide them. An expert that takes
// all rows is shared by all threads, one without rows is passed over by a comparison.
//
// Few rows share a panel, so that reading it takes about as long as its products: tiles read the
// panel of the next group of the run into L2.
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
  /// The places of a group's rows in this run; none from the number of groups on.
  std::pair<Value, Value> placesOf(Value group);
  void emitGroup(Value group, Value next);
  void emitTile(Tile tile);

  Value begin, end;    ///< the places of the run
  Value panels, panel; ///< of each group's matrix; of this task
  Value tilePlace;     ///< of the first row of the tile
};

void GroupedTask::emit(Value task) {
  Value places = extents[GroupedOp::kRow], count = extents[GroupedOp::kGroup];
  panels = arith::CeilDivUIOp::create(b, loc, extents[plan.n], index(plan.columns()));
  Value run = arith::DivUIOp::create(b, loc, task, panels);
  panel = arith::RemUIOp::create(b, loc, task, panels);
  begin = arith::MulIOp::create(b, loc, run, rowsPerTask);
  end = arith::MinUIOp::create(b, loc, plus(begin, rowsPerTask), places);
  scratch = stackArray(b, loc, blockElements(), plan.accumulator);
  blockScratch = index(0);
  fixed.assign(extents.size(), index(0));
  fixed[GroupedOp::kColumn] = arith::MulIOp::create(b, loc, panel, index(plan.columns()));

  // A group is computed when the next one with rows is known, the last one after all groups.
  Value none = index(-1);
  auto groups =
      scf::ForOp::create(b, loc, index(0), plus(count, index(1)), index(1), ValueRange{none, none});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(groups.getBody());
  auto is = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value group = groups.getInductionVar(), ready = groups.getRegionIterArgs()[0],
        start = groups.getRegionIterArgs()[1];
  auto [first, last] = placesOf(group);
  Value hasRows = is(arith::CmpIPredicate::slt, first, last);
  Value isAfter = is(arith::CmpIPredicate::eq, group, count);
  Value isKnown = arith::OrIOp::create(b, loc, hasRows, isAfter);
  auto compute = scf::IfOp::create(
      b, loc,
      arith::AndIOp::create(b, loc, isKnown, is(arith::CmpIPredicate::sge, ready, index(0))));
  ready = arith::SelectOp::create(b, loc, hasRows, group, ready);
  Value isFirst = is(arith::CmpIPredicate::slt, start, index(0));
  Value begun = arith::SelectOp::create(b, loc, isFirst, ready, start);
  scf::YieldOp::create(b, loc, ValueRange{ready, begun});

  b.setInsertionPointToStart(compute.thenBlock());
  // After the last group comes the first one again, with the next panel.
  Value next = arith::SelectOp::create(b, loc, isAfter, start, group);
  next = arith::MulIOp::create(b, loc, next, panels);
  next = plus(next, arith::SelectOp::create(b, loc, isAfter, index(1), index(0)));
  emitGroup(groups.getRegionIterArgs()[0], plus(next, panel));
}

std::pair<Value, Value> GroupedTask::placesOf(Value group) {
  Value count = extents[GroupedOp::kGroup];
  Value following = arith::MinUIOp::create(b, loc, plus(group, index(1)), count);
  return {arith::MaxSIOp::create(b, loc, begin, entry(inputs[3], group)),
          arith::MinSIOp::create(b, loc, end, entry(inputs[3], following))};
}

/// The rows of one group, before those that need the panel `next`.
void GroupedTask::emitGroup(Value group, Value next) {
  panelNumber = plus(arith::MulIOp::create(b, loc, group, panels), panel);
  fixed[GroupedOp::kGroup] = group;
  auto [first, last] = placesOf(group);
  Value rows = arith::SubIOp::create(b, loc, last, first);
  Value tileCount = arith::CeilDivUIOp::create(b, loc, rows, index(plan.rows));
  ahead = {tileCount,
           {},
           arith::SubIOp::create(b, loc, next, panelNumber),
           fewestOfSeveral(),
           /*follows=*/false};
  auto tiles = scf::ForOp::create(b, loc, first, last, index(plan.rows));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  Value place = tiles.getInductionVar();
  ahead.number = arith::SubIOp::create(b, loc, place, first);
  ahead.number = arith::DivUIOp::create(b, loc, ahead.number, index(plan.rows));
  emitTile(tileAt(place, first, last));
}

void GroupedTask::emitTile(Tile tile) {
  tilePlace = tile.first;
  emitProducts(fixed, tile.height);
  auto rows = scf::ForOp::create(b, loc, index(0), tile.height, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rows.getBody());
  Value row = rows.getInductionVar();
  Value offset = arith::MulIOp::create(b, loc, row, index(plan.columns()));
  emitEpilogue(rowAt(plus(tilePlace, row)), offset);
}

} // namespace

FailureOr<Launches> emitGrouped(Emitter &emitter, OpBuilder &host, GroupedOp op) {
  auto kernelOp = cast<kernel::KernelOpInterface>(*op);
  FailureOr<ContractPlan> plan = ContractPlan::create(emitter, kernelOp);
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
