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
#include "ContractPlan.h"
#include "MicroKernel.h"
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
class TaskEmitter {
public:
  TaskEmitter(const ContractPlan &decided, OpBuilder builder, ValueRange arguments)
      : plan(decided), b(builder), loc(plan.op.getLoc()) {
    size_t extraCount = plan.op.getExtras().size();
    lhs = arguments[0];
    rhs = arguments[1];
    llvm::append_range(extras, arguments.slice(2, extraCount));
    init = arguments[2 + extraCount];
    ValueRange rest = arguments.drop_front(3 + extraCount).drop_back();
    SmallVector<Value> outside = capturesOf(plan.op);
    captured.map(ValueRange(outside), rest.take_front(outside.size()));
    llvm::append_range(extents, rest.drop_front(outside.size()));
    rowsPerTask = arguments.back();
  }

  void emit(Value task);

private:
  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  SmallVector<Value> extentsOf(ArrayRef<unsigned> dims) {
    return llvm::map_to_vector(dims, [&](unsigned d) { return extents[d]; });
  }
  Value product(ValueRange values) {
    Value result = index(1);
    for (Value v : values)
      result = b.createOrFold<arith::MulIOp>(loc, result, v);
    return result;
  }
  /// Iteration indices of a row: batch and n are fixed for the task.
  SmallVector<Value> iteratorsAt(Value row) {
    SmallVector<Value> iterators(fixed);
    auto split = delinearize(b, loc, row, extentsOf(plan.roles.m));
    for (auto [d, value] : llvm::zip(plan.roles.m, split))
      iterators[d] = value;
    return iterators;
  }
  /// Lanes of vector `v` that hold columns; null if all do.
  Value columnsLeft(int64_t v);
  /// From the indices of a row to those of the next one, without a division.
  void advance(SmallVector<Value> &iterators);
  void emitProducts(const SmallVector<Value> &first, Value height);
  void emitProduct(SmallVector<Value> row, int64_t height);
  void fetchNextPanel(TileProduct &tile, Value panelSize);
  void emitBlocks(TileProduct &tile);
  void emitBlock(const TileProduct &tile, ArrayRef<Value> steps);
  void emitEpilogue(SmallVector<Value> iterators, Value scratchOffset);
  void emitInterleaved(SmallVector<Value> iterators, Value scratchOffset);
  Value epilogueOf(Value sum, ValueRange extraLanes, ValueRange iterators);
  /// Elements of the scratch array for one block.
  int64_t blockElements() { return plan.rows * plan.columns(); }

  ContractPlan plan;
  OpBuilder b;
  Location loc;
  Value lhs, rhs, init, rowsPerTask, scratch, panelNumber;
  Value blockScratch; ///< where the block's tile begins in `scratch`
  Value tileNumber;   ///< in its task
  Value fullTiles;    ///< how many whole tiles the task has
  SmallVector<Value> extras, extents, fixed;
  IRMapping captured; ///< what the epilogue reads from outside
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
  scratch = stackArray(b, loc, plan.blocks * blockElements(), plan.accumulator);
  blockScratch = index(0);

  fullTiles = arith::SubIOp::create(b, loc, end, begin);
  fullTiles = arith::DivUIOp::create(b, loc, fullTiles, index(plan.rows));
  auto tiles = scf::ForOp::create(b, loc, begin, end, index(plan.rows));
  b.setInsertionPointToStart(tiles.getBody());
  Value row = tiles.getInductionVar();
  tileNumber = arith::SubIOp::create(b, loc, row, begin);
  tileNumber = arith::DivUIOp::create(b, loc, tileNumber, index(plan.rows));
  Value height = arith::SubIOp::create(b, loc, end, row);
  height = arith::MinUIOp::create(b, loc, height, index(plan.rows));
  SmallVector<Value> first = iteratorsAt(row), start;
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

Value TaskEmitter::columnsLeft(int64_t v) {
  if (!plan.masked)
    return {};
  Value first = arith::AddIOp::create(b, loc, fixed[plan.n], index(v * plan.lanes));
  return lanesLeft(b, loc, extents[plan.n], first, plan.lanes);
}

/// Chooses the K loop of the tile's height.
void TaskEmitter::emitProducts(const SmallVector<Value> &first, Value height) {
  SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(1, plan.rows));
  auto choice = scf::IndexSwitchOp::create(b, loc, TypeRange(), height, cases, cases.size());
  for (auto [i, region] : llvm::enumerate(choice.getRegions())) {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(region);
    // Region 0 is the default: the full tile.
    emitProduct(first, i == 0 ? plan.rows : cases[i - 1]);
    scf::YieldOp::create(b, loc);
  }
}

void TaskEmitter::emitProduct(SmallVector<Value> row, int64_t height) {
  FlatView a(b, loc, lhs), columns(b, loc, rhs);
  TileProduct tile;
  tile.a = a.flat;
  tile.b = columns.flat;
  tile.vectors = plan.vectors;
  tile.lanes = plan.lanes;
  tile.accumulator = plan.accumulator;
  SmallVector<Value> first = row;
  for (int64_t r = 0; r < height; ++r) {
    tile.rowOffsets.push_back(a.offsetOf(b, loc, plan.maps[0], row));
    advance(row);
  }
  tile.extents = extentsOf(plan.roles.k);
  for (unsigned k : plan.roles.k)
    tile.aStrides.push_back(a.strideOf(b, loc, plan.maps[0], k));
  if (plan.panels) {
    Value k = product(tile.extents);
    Value panelSize = arith::MulIOp::create(b, loc, k, index(plan.columns()));
    tile.bOffset = arith::MulIOp::create(b, loc, panelNumber, panelSize);
    Value stride = index(plan.columns());
    for (Value extent : llvm::reverse(tile.extents)) {
      tile.bStrides.insert(tile.bStrides.begin(), stride);
      stride = b.createOrFold<arith::MulIOp>(loc, stride, extent);
    }
    if (height == plan.rows && plan.blocks == 1)
      fetchNextPanel(tile, panelSize);
  } else {
    tile.bOffset = columns.offsetOf(b, loc, plan.maps[1], first);
    for (unsigned k : plan.roles.k)
      tile.bStrides.push_back(columns.strideOf(b, loc, plan.maps[1], k));
    auto maskType = VectorType::get(plan.lanes, b.getI1Type());
    for (int64_t v = 0; plan.masked && v < plan.vectors; ++v)
      tile.masks.push_back(vector::CreateMaskOp::create(b, loc, maskType, columnsLeft(v)));
  }

  emitBlocks(tile);
}

/// Reads the next panel into L2 while this one is worked on. The first tile of a panel would
/// otherwise wait for memory with its products idle, and the others leave memory idle: the two
/// times would add. Each whole tile fetches an even share, some columns of the panel a step.
/// Where that gains nothing, a tile asks for what it has: a single tile already reads as fast as
/// memory allows, and a few tiles of a panel so large that L2 does not hold two would push out
/// what they still need.
void TaskEmitter::fetchNextPanel(TileProduct &tile, Value panelSize) {
  constexpr int64_t largePanel = 640 << 10, manyTiles = 8;
  auto mul = [&](Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc, x, y); };
  auto add = [&](Value x, Value y) { return b.createOrFold<arith::AddIOp>(loc, x, y); };
  int64_t elementBytes = cast<MemRefType>(tile.b.getType()).getElementTypeBitWidth() / 8;
  Value large = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, panelSize,
                                      index(largePanel / elementBytes));
  Value needed = arith::SelectOp::create(b, loc, large, index(manyTiles), index(2));
  Value pays = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, fullTiles, needed);
  Value share = arith::DivUIOp::create(b, loc, index(plan.columns()), fullTiles);
  share = arith::SelectOp::create(b, loc, pays, share, index(0));
  Value next = arith::SelectOp::create(b, loc, pays, panelSize, index(0));
  Value before = mul(tileNumber, mul(product(tile.extents), share));
  tile.ahead = add(add(tile.bOffset, next), before);
  for (Value extent : llvm::reverse(tile.extents)) {
    tile.aheadStrides.insert(tile.aheadStrides.begin(), share);
    share = mul(share, extent);
  }
}

/// Sums over blocks of k into the scratch tile. A block bounds how many terms one
/// accumulator takes, hence the rounding error: a sum of K terms in f32 loses some
/// sqrt(K) units, blocks of 512 keep it near that of 512 terms. A block is a part of
/// the innermost dimension of k.
void TaskEmitter::emitBlocks(TileProduct &tile) {
  OpBuilder::InsertionGuard guard(b);
  if (plan.oneBlock)
    return emitBlock(tile, {});
  // At least one block, so that a sum over nothing is stored as 0.
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, product(tile.extents), index(0));
  Value &k = tile.extents.back();
  k = arith::SelectOp::create(b, loc, some, k, index(0));
  SmallVector<Value> steps;
  for (auto [d, extent] : llvm::enumerate(tile.extents)) {
    bool innermost = d + 1 == tile.extents.size();
    Value end = arith::MaxUIOp::create(b, loc, extent, index(1));
    auto loop = scf::ForOp::create(b, loc, index(0), end, index(innermost ? blockSize : 1));
    b.setInsertionPointToStart(loop.getBody());
    steps.push_back(loop.getInductionVar());
    Value aMove = arith::MulIOp::create(b, loc, steps.back(), tile.aStrides[d]);
    for (Value &row : tile.rowOffsets)
      row = arith::AddIOp::create(b, loc, row, aMove);
    if (tile.ahead)
      tile.ahead = arith::AddIOp::create(
          b, loc, tile.ahead, arith::MulIOp::create(b, loc, steps.back(), tile.aheadStrides[d]));
    Value bMove = arith::MulIOp::create(b, loc, steps.back(), tile.bStrides[d]);
    tile.bOffset = arith::AddIOp::create(b, loc, tile.bOffset, bMove);
  }
  Value left = arith::SubIOp::create(b, loc, tile.extents.back(), steps.back());
  tile.extents = {arith::MinUIOp::create(b, loc, left, index(blockSize))};
  tile.aStrides = {tile.aStrides.back()};
  tile.bStrides = {tile.bStrides.back()};
  if (tile.ahead)
    tile.aheadStrides = {tile.aheadStrides.back()};
  emitBlock(tile, steps);
}

/// Adds a block to the scratch tile; the first one, at `steps` that are all 0, is stored.
void TaskEmitter::emitBlock(const TileProduct &tile, ArrayRef<Value> steps) {
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorType));
  SmallVector<Value> zeros(tile.rowOffsets.size() * plan.vectors, zero);
  SmallVector<Value> sums = tile.emit(b, loc, zeros);
  auto at = [&](size_t i) {
    return b.createOrFold<arith::AddIOp>(loc, blockScratch, index(i * plan.lanes));
  };
  auto store = [&] {
    for (auto [i, sum] : llvm::enumerate(sums))
      vector::StoreOp::create(b, loc, sum, scratch, at(i));
  };
  if (steps.empty())
    return store();
  Value place = steps.front();
  for (Value step : steps.drop_front())
    place = arith::OrIOp::create(b, loc, place, step);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, place, index(0));
  auto branch = scf::IfOp::create(b, loc, isFirst, /*withElse=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  store();
  b.setInsertionPointToStart(branch.elseBlock());
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value older = vector::LoadOp::create(b, loc, vectorType, scratch, at(i));
    sum = isa<FloatType>(plan.accumulator) ? Value(arith::AddFOp::create(b, loc, older, sum))
                                           : Value(arith::AddIOp::create(b, loc, older, sum));
  }
  store();
}

/// The epilogue on one vector of sums.
Value TaskEmitter::epilogueOf(Value sum, ValueRange extraLanes, ValueRange iterators) {
  Block &body = plan.op.getBody().front();
  IRMapping values(captured);
  values.map(body.getArguments().front(), sum);
  values.map(body.getArguments().drop_front(), extraLanes);
  cloneAsVectors(b, body, values, plan.lanes, [&](OpBuilder &nested, Operation *op) -> Value {
    unsigned dim = cast<kernel::IndexOp>(op).getDim();
    return dim == plan.n ? laneIndices(nested, loc, iterators[dim], plan.lanes) : iterators[dim];
  });
  Value result = values.lookupOrDefault(body.getTerminator()->getOperand(0));
  return asVector(b, loc, result, plan.lanes);
}

void TaskEmitter::emitEpilogue(SmallVector<Value> iterators, Value scratchOffset) {
  Value firstColumn = iterators[plan.n];
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  for (int64_t v = 0; v < plan.vectors; ++v) {
    iterators[plan.n] = arith::AddIOp::create(b, loc, firstColumn, index(v * plan.lanes));
    Value count = columnsLeft(v);
    Value at = arith::AddIOp::create(b, loc, scratchOffset, index(v * plan.lanes));
    Value sum = vector::LoadOp::create(b, loc, vectorType, scratch, at);
    SmallVector<Value> lanes;
    for (auto [i, extra] : llvm::enumerate(extras))
      lanes.push_back(
          loadLanes(b, loc, extra, plan.maps[2 + i], iterators, plan.n, plan.lanes, count));
    storeLanes(b, loc, epilogueOf(sum, lanes, iterators), init, plan.maps.back(), iterators, plan.n,
               plan.lanes, count);
  }
}

/// The same where the columns of the blocks lie side by side: what each block has summed for
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
      for (auto [number, extra] : llvm::enumerate(extras)) {
        AffineMap map = plan.maps[2 + number];
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
  kernel::ContractOp op = plan.op;
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

/// Rows of a task: few enough that all threads find work, at most 32 tiles so that
/// the rows of a task stay in L2 beside the panel.
Value chooseRowsPerTask(OpBuilder &b, Location loc, Value rows, Value panels, int64_t tileRows) {
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  Value tiles = b.createOrFold<arith::CeilDivUIOp>(loc, rows, index(tileRows));
  Value most = b.createOrFold<arith::CeilDivUIOp>(
      loc, b.createOrFold<arith::MulIOp>(loc, tiles, panels), index(32));
  Value perTask = b.createOrFold<arith::MaxUIOp>(loc, most, index(2));
  perTask = b.createOrFold<arith::MinUIOp>(loc, perTask, index(32));
  return b.createOrFold<arith::MulIOp>(loc, perTask, index(tileRows));
}

} // namespace

FailureOr<Launches> emitContract(Emitter &emitter, OpBuilder &host, kernel::ContractOp op) {
  FailureOr<ContractPlan> plan = ContractPlan::create(emitter.getTarget(), op);
  if (failed(plan))
    return failure();
  Location loc = op.getLoc();
  FailureOr<SmallVector<Value>> known = extentsOf(host, cast<kernel::KernelOpInterface>(*op));
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
  Value rhs = op.getRhs();
  if (op.getWorkspace()) {
    launches.push_back(packPanels(emitter, host, *plan, extents, panels));
    rhs = op.getWorkspace();
  }
  if (isa<kernel::PackedType>(rhs.getType()))
    joinSteps(host, loc, *plan, extents);
  SmallVector<Value> arguments{op.getLhs(), rhs};
  llvm::append_range(arguments, op.getExtras());
  arguments.push_back(op.getInit());
  llvm::append_range(arguments, capturesOf(op));
  llvm::append_range(arguments, extents);
  arguments.push_back(rowsPerTask);
  std::string key =
      llvm::formatv("{0}/{1}x{2}/{3}/{4}/{5}/{6}", keyOf(op), plan->vectors, plan->lanes,
                    plan->masked, plan->panels, plan->oneBlock, plan->blocks);
  launches.push_back(emitter.launch(host, loc, "contract", key, arguments, tasks,
                                    [&](OpBuilder &b, ValueRange parameters, Value task) {
                                      TaskEmitter(*plan, b, parameters).emit(task);
                                    }));
  return launches;
}

} // namespace strut::cpu
