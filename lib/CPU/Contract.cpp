//===- Contract.cpp - kernel.contract as a register-tiled micro-kernel ----===//
//
// A task is some rows times one panel of columns. It walks its rows in tiles of
// up to tileRows rows; one K loop per tile height (the code for fewer rows is
// the same but shorter, so a row gets the same bits in any tile), accumulators in
// registers, then one epilogue for all heights, row by row out of the stack.
// Nothing is blocked for the cache: the panel stays in L2, the rows are read in
// place. Sizes and strides are run-time values, so all layers share this code.
//
//===----------------------------------------------------------------------===//
#include "ContractTask.h"
#include "Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/CPU/CPU.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace strut::cpu {
namespace {

/// Code inside the kernel function, for one task.
class TaskEmitter : ContractTask {
public:
  TaskEmitter(const ContractPlan &decided, const OpBuilder &builder, ValueRange arguments)
      : ContractTask(decided, builder, arguments) {}

  void emit(Value task);

private:
  /// Iteration indices of a row: batch and n are fixed for the task.
  SmallVector<Value> iteratorsAt(Value row) {
    SmallVector<Value> iterators(fixed);
    auto split = delinearize(b, loc, row, extentsOf(plan.roles.m));
    for (auto [d, value] : llvm::zip(plan.roles.m, split))
      iterators[d] = value;
    return iterators;
  }
  /// From the indices of a row to those of the next one, without a division.
  void advance(SmallVector<Value> &iterators);
  Rows rowsFrom(SmallVector<Value> first, int64_t count) override;
  void fetchAhead(Value place, Value begin, Value end);
  void emitInterleaved(SmallVector<Value> iterators, Value scratchOffset);
};

void TaskEmitter::emit(Value task) {
  Value rowCount = product(extentsOf(plan.roles.m));
  Value chunks = arith::CeilDivUIOp::create(b, loc, rowCount, rowsPerTask);
  Value panels = arith::CeilDivUIOp::create(b, loc, extents[plan.n], index(plan.columns()));
  Value chunk = arith::RemUIOp::create(b, loc, task, chunks);
  panelNumber = arith::DivUIOp::create(b, loc, task, chunks); // batches follow each other
  Value panel = arith::RemUIOp::create(b, loc, panelNumber, panels);
  Value batch = arith::DivUIOp::create(b, loc, panelNumber, panels);

  fixed.assign(extents.size(), Value());
  auto batchIndices = delinearize(b, loc, batch, extentsOf(plan.batch()));
  for (auto [d, value] : llvm::zip(plan.batch(), batchIndices))
    fixed[d] = value;
  if (plan.blocks > 1)
    fixed[plan.block()] = index(0);
  fixed[plan.n] = arith::MulIOp::create(b, loc, panel, index(plan.columns()));
  for (unsigned k : plan.roles.k)
    fixed[k] = index(0);

  Value begin = arith::MulIOp::create(b, loc, chunk, rowsPerTask);
  Value end = arith::AddIOp::create(b, loc, begin, rowsPerTask);
  end = arith::MinUIOp::create(b, loc, end, rowCount);
  scratch = stackArray(b, loc, plan.blocks * plan.sums * blockElements(), plan.accumulator);
  blockScratch = index(0);

  auto tiles = scf::ForOp::create(b, loc, begin, end, index(plan.rows));
  b.setInsertionPointToStart(tiles.getBody());
  Value place = tiles.getInductionVar();
  auto [row, height] = tileAt(place, begin, end);
  SmallVector<Value> first = iteratorsAt(row), start;
  fetchAhead(place, begin, end);
  if (plan.blocks == 1) {
    emitProducts(first, height);
  } else {
    Value firstBlock = arith::MulIOp::create(b, loc, batch, index(plan.blocks));
    auto blocks = scf::ForOp::create(b, loc, index(0), index(plan.blocks), index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    SmallVector<Value> here(first);
    here[plan.block()] = blocks.getInductionVar();
    Value block = arith::AddIOp::create(b, loc, firstBlock, blocks.getInductionVar());
    panelNumber =
        arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, block, panels), panel);
    blockScratch = arith::MulIOp::create(b, loc, blocks.getInductionVar(), index(blockElements()));
    emitProducts(here, height);
  }

  for (unsigned d : plan.roles.m)
    start.push_back(first[d]);
  auto rows = scf::ForOp::create(b, loc, index(0), height, index(1), start);
  b.setInsertionPointToStart(rows.getBody());
  Value offset = arith::MulIOp::create(b, loc, rows.getInductionVar(), index(plan.columns()));
  SmallVector<Value> iterators(fixed), next;
  for (auto [d, value] : llvm::zip(plan.roles.m, rows.getRegionIterArgs()))
    iterators[d] = value;
  if (plan.blocks == 1)
    emitEpilogue(iterators, offset);
  else
    emitInterleaved(iterators, offset);
  advance(iterators);
  for (unsigned d : plan.roles.m)
    next.push_back(iterators[d]);
  if (!next.empty())
    scf::YieldOp::create(b, loc, next);
}

/// Whole tiles read the panel that follows: a task has few others.
void TaskEmitter::fetchAhead(Value place, Value begin, Value end) {
  auto tilesUntil = [&](Value row) -> Value {
    Value rows = arith::SubIOp::create(b, loc, row, begin);
    return arith::DivUIOp::create(b, loc, rows, index(plan.rows));
  };
  ahead = {tilesUntil(end), tilesUntil(place), index(1), plan.rows, /*follows=*/true};
}

void TaskEmitter::advance(SmallVector<Value> &iterators) {
  Value step = index(1);
  for (unsigned d : llvm::reverse(plan.roles.m)) {
    Value next = arith::AddIOp::create(b, loc, iterators[d], step);
    iterators[d] = next;
    if (d == plan.roles.m.front())
      return;
    Value ends = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, next, extents[d]);
    iterators[d] = arith::SelectOp::create(b, loc, ends, index(0), next);
    step = arith::SelectOp::create(b, loc, ends, index(1), index(0));
  }
}

ContractTask::Rows TaskEmitter::rowsFrom(SmallVector<Value> first, int64_t count) {
  Rows rows;
  for (int64_t r = 0; r < count; ++r) {
    rows.push_back(first);
    advance(first);
  }
  return rows;
}

/// The epilogue where the columns of the blocks lie side by side: what each block has summed for
/// some columns is interleaved in registers and goes on as one run of memory.
void TaskEmitter::emitInterleaved(SmallVector<Value> iterators, Value scratchOffset) {
  Value firstColumn = iterators[plan.n];
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  AffineMap run = b.getMultiDimIdentityMap(1);
  // Where the run begins in an operand that has one; others are the same for all lanes.
  auto startIn = [&](Value operand, AffineMap map) -> std::pair<Value, Value> {
    FlatView view(b, loc, operand);
    return {view.flat, view.offsetOf(b, loc, map, iterators)};
  };
  auto plus = [&](Value x, int64_t y) -> Value {
    return arith::AddIOp::create(b, loc, x, index(y));
  };
  for (int64_t v = 0; v < plan.vectors; ++v) {
    iterators[plan.n] = plus(firstColumn, v * plan.lanes);
    SmallVector<Value> sums;
    for (int64_t block = 0; block < plan.blocks; ++block)
      sums.push_back(
          vector::LoadOp::create(b, loc, vectorType, scratch,
                                 plus(scratchOffset, block * blockElements() + v * plan.lanes)));
    auto [target, first] = startIn(init, plan.maps.back());
    Value left;
    if (plan.masked) {
      left = arith::SubIOp::create(b, loc, extents[plan.n], iterators[plan.n]);
      left = arith::MulIOp::create(b, loc, left, index(plan.blocks));
    }
    for (auto [i, sum] : llvm::enumerate(interleaved(b, loc, sums))) {
      int64_t step = i * plan.lanes;
      Value count = plan.masked ? lanesLeft(b, loc, left, index(step), plan.lanes) : Value();
      SmallVector<Value> lanes;
      for (auto [number, extra] : llvm::enumerate(ArrayRef(inputs).drop_front(plan.firstExtra))) {
        AffineMap map = plan.maps[plan.firstExtra + number];
        if (!map.isFunctionOfDim(plan.n)) {
          lanes.push_back(loadLanes(b, loc, extra, map, iterators, plan.n, plan.lanes, count));
          continue;
        }
        auto [source, begin] = startIn(extra, map);
        lanes.push_back(loadLanes(b, loc, source, run, plus(begin, step), 0, plan.lanes, count));
      }
      storeLanes(b, loc, epilogueOf(sum, lanes, iterators), target, run, plus(first, step), 0,
                 plan.lanes, count);
    }
  }
}

/// Copies a right-hand side without unit stride into panels, one panel a task.
Emitter::Launch packPanels(Emitter &emitter, OpBuilder &host, const ContractPlan &plan,
                           ArrayRef<Value> extents, Value panelCount) {
  auto op = cast<kernel::ContractOp>(*plan.op);
  Location loc = op.getLoc();
  SmallVector<Value> arguments{op.getRhs(), op.getWorkspace()};
  llvm::append_range(arguments, extents);
  return emitter.launch(
      host, loc, "pack", (keyOf(op) + Twine(plan.columns())).str(), arguments, panelCount,
      [&](OpBuilder &b, ValueRange parameters, Value task) {
        auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
        Value source = parameters[0], target = parameters[1];
        SmallVector<Value> extents(parameters.drop_front(2)), batchExtents, kExtents;
        for (unsigned d : plan.roles.batch)
          batchExtents.push_back(extents[d]);
        Value kCount = index(1);
        for (unsigned d : plan.roles.k) {
          kExtents.push_back(extents[d]);
          kCount = arith::MulIOp::create(b, loc, kCount, extents[d]);
        }
        Value panels = arith::CeilDivUIOp::create(b, loc, extents[plan.n], index(plan.columns()));
        Value panel = arith::RemUIOp::create(b, loc, task, panels);
        Value batch = arith::DivUIOp::create(b, loc, task, panels);
        SmallVector<Value> iterators(extents.size(), index(0));
        auto batchIndices = delinearize(b, loc, batch, batchExtents);
        for (auto [d, value] : llvm::zip(plan.roles.batch, batchIndices))
          iterators[d] = value;
        Value first = arith::MulIOp::create(b, loc, panel, index(plan.columns()));

        auto loop = scf::ForOp::create(b, loc, index(0), kCount, index(1));
        b.setInsertionPointToStart(loop.getBody());
        Value k = loop.getInductionVar();
        auto kIndices = delinearize(b, loc, k, kExtents);
        for (auto [d, value] : llvm::zip(plan.roles.k, kIndices))
          iterators[d] = value;
        Value row = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, task, kCount), k);
        Value out = arith::MulIOp::create(b, loc, row, index(plan.columns()));
        for (int64_t v = 0; v < plan.vectors; ++v) {
          Value column = arith::AddIOp::create(b, loc, first, index(v * plan.lanes));
          iterators[plan.n] = column;
          Value left = lanesLeft(b, loc, extents[plan.n], column, plan.lanes);
          Value lanes =
              loadLanes(b, loc, source, plan.maps[1], iterators, plan.n, plan.lanes, left);
          Value at = arith::AddIOp::create(b, loc, out, index(v * plan.lanes));
          vector::StoreOp::create(b, loc, asVector(b, loc, lanes, plan.lanes), target, at);
        }
        b.setInsertionPointAfter(loop);
      });
}

} // namespace

FailureOr<Launches> emitContract(Emitter &emitter, OpBuilder &host, kernel::ContractOp op) {
  auto kernelOp = cast<kernel::KernelOpInterface>(*op);
  FailureOr<ContractPlan> plan = ContractPlan::create(emitter, kernelOp);
  if (failed(plan))
    return failure();
  Location loc = op.getLoc();
  FailureOr<SmallVector<Value>> known = extentsOf(host, kernelOp);
  if (failed(known))
    return failure();
  SmallVector<Value> extents = *known;
  auto product = [&](ArrayRef<unsigned> dims) {
    Value result = arith::ConstantIndexOp::create(host, loc, 1);
    for (unsigned d : dims)
      result = host.createOrFold<arith::MulIOp>(loc, result, extents[d]);
    return result;
  };
  Value columns = arith::ConstantIndexOp::create(host, loc, plan->columns());
  Value rows = product(plan->roles.m);
  Value panels = host.createOrFold<arith::CeilDivUIOp>(loc, extents[plan->n], columns);
  panels = host.createOrFold<arith::MulIOp>(loc, panels, product(plan->batch()));
  Value rowsPerTask = chooseRowsPerTask(host, loc, rows, panels, plan->rows);
  Value chunks = host.createOrFold<arith::CeilDivUIOp>(loc, rows, rowsPerTask);
  Value tasks = host.createOrFold<arith::MulIOp>(loc, panels, chunks);

  Launches launches;
  SmallVector<Value> arguments(op.getInputs());
  if (op.getWorkspace()) {
    launches.push_back(packPanels(emitter, host, *plan, extents, panels));
    arguments[1] = op.getWorkspace();
  } else {
    joinSteps(host, loc, *plan, extents);
  }
  arguments.push_back(op.getInit());
  llvm::append_range(arguments, capturesOf(op));
  llvm::append_range(arguments, extents);
  arguments.push_back(rowsPerTask);
  std::string key = llvm::formatv("{0}/{1}x{2}/{3}/{4}", keyOf(op), plan->vectors, plan->lanes,
                                  plan->masked, plan->blocks);
  for (const ContractPlan::Loop &loop : plan->loops)
    key += llvm::formatv("/{0}x{1}x{2}-{3}", loop.products.size(), loop.panels, loop.inRegisters,
                         loop.storedRows.value_or(0));
  launches.push_back(emitter.launch(host, loc, "contract", key, arguments, tasks,
                                    [&](OpBuilder &b, ValueRange parameters, Value task) {
                                      TaskEmitter(*plan, b, parameters).emit(task);
                                    }));
  return launches;
}

} // namespace strut::cpu
