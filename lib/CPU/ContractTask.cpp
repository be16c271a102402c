//===- ContractTask.cpp - Code inside a task of a contraction -------------===//
#include "ContractTask.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace strut::cpu {

ContractTask::ContractTask(const ContractPlan &decided, const OpBuilder &builder,
                           ValueRange arguments)
    : plan(decided), b(builder), loc(plan.op->getLoc()) {
  size_t count = plan.op.getKernelInputs().size();
  llvm::append_range(inputs, arguments.take_front(count));
  init = arguments[count];
  ValueRange rest = arguments.drop_front(count + 1).drop_back();
  SmallVector<Value> outside = capturesOf(plan.op);
  captured.map(ValueRange(outside), rest.take_front(outside.size()));
  llvm::append_range(extents, rest.drop_front(outside.size()));
  rowsPerTask = arguments.back();
}

Value ContractTask::index(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

SmallVector<Value> ContractTask::extentsOf(ArrayRef<unsigned> dims) {
  return llvm::map_to_vector(dims, [&](unsigned d) { return extents[d]; });
}

Value ContractTask::product(ValueRange values) {
  Value result = index(1);
  for (Value v : values)
    result = b.createOrFold<arith::MulIOp>(loc, result, v);
  return result;
}

Value ContractTask::columnsLeft(int64_t v, int64_t lanes) {
  if (!plan.masked)
    return {};
  Value first = arith::AddIOp::create(b, loc, fixed[plan.n], index(v * plan.lanes));
  return lanesLeft(b, loc, extents[plan.n], first, lanes);
}

ContractTask::Tile ContractTask::tileAt(Value place, Value begin, Value end) {
  auto add = [&](Value x, Value y) -> Value { return arith::AddIOp::create(b, loc, x, y); };
  auto sub = [&](Value x, Value y) -> Value { return arith::SubIOp::create(b, loc, x, y); };
  auto isBelow = [&](Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
  };
  // What a tile of `left` rows takes from the one before it.
  auto taken = [&](Value left) -> Value {
    Value few = arith::AndIOp::create(b, loc, isBelow(index(0), left),
                                      isBelow(left, index(plan.rows / 2 + 1)));
    Value half = arith::ShRSIOp::create(b, loc, sub(index(plan.rows), left), index(1));
    return arith::SelectOp::create(b, loc, few, half, index(0));
  };
  Value left = sub(end, place);
  Value given = taken(sub(left, index(plan.rows)));
  Value got = arith::SelectOp::create(b, loc, isBelow(begin, place), taken(left), index(0));
  Value height = arith::MinSIOp::create(b, loc, left, index(plan.rows));
  return {sub(place, got), add(sub(height, given), got)};
}

/// Chooses the K loops of the tile's height.
void ContractTask::emitProducts(const SmallVector<Value> &first, Value height) {
  SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(1, plan.rows));
  bool mayShare = ahead.tiles && llvm::any_of(plan.loops, [](const Loop &loop) {
                    return loop.panels && !loop.storedRows;
                  });
  if (ahead.tiles)
    chooseFetches();
  auto choice = scf::IndexSwitchOp::create(b, loc, TypeRange(), height, cases, cases.size());
  for (auto [i, region] : llvm::enumerate(choice.getRegions())) {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(region);
    // Region 0 is the default: the full tile.
    int64_t rows = i == 0 ? plan.rows : cases[i - 1];
    if (mayShare && rows >= ahead.fewestRows)
      emitSharingLoops(first, rows);
    else
      emitLoops(first, rows, Fetches::Own);
    scf::YieldOp::create(b, loc);
  }
}

/// The loops of a tile that may share the next panel with others. Of many, each reads little of it,
/// so that memory is not what they wait for, and asks L1 for what L2 has. One of few asks for
/// as much as it reads, in loops of their own.
void ContractTask::emitSharingLoops(const SmallVector<Value> &first, int64_t height) {
  constexpr int64_t manyTiles = 8;
  auto is = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value begin = arith::MulIOp::create(b, loc, ahead.number, share());
  Value isLeft = is(arith::CmpIPredicate::ult, begin, index(plan.columns()));
  shares = arith::AndIOp::create(b, loc, isShared, isLeft);
  if (!plan.fetchesIntoL1)
    return emitLoops(first, height, Fetches::Few);
  Value isOfMany = is(arith::CmpIPredicate::uge, ahead.tiles, index(manyTiles));
  isOfMany = arith::AndIOp::create(b, loc, shares, isOfMany);
  auto fetch = scf::IfOp::create(b, loc, isOfMany, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(fetch.thenBlock());
  emitLoops(first, height, Fetches::Many);
  b.setInsertionPointToStart(fetch.elseBlock());
  emitLoops(first, height, Fetches::Few);
}

void ContractTask::emitLoops(const SmallVector<Value> &first, int64_t height, Fetches fetches) {
  for (const Loop &loop : plan.loops)
    emitLoop(first, height, loop, loop.storedRows ? Fetches::Own : fetches);
}

void ContractTask::emitLoop(const SmallVector<Value> &first, int64_t height, const Loop &loop,
                            Fetches fetches) {
  unsigned product = loop.products.front();
  FlatView a(b, loc, inputs[2 * product]);
  AffineMap map = plan.maps[2 * product];
  TileProduct tile;
  tile.a = a.flat;
  tile.vectors = plan.vectors;
  tile.lanes = plan.lanes;
  tile.registers = plan.registers;
  tile.accumulator = plan.accumulator;
  for (const SmallVector<Value> &row : rowsFrom(first, height))
    tile.rowOffsets.push_back(a.offsetOf(b, loc, map, row));
  tile.extents = extentsOf(loop.k);
  for (unsigned k : loop.k)
    tile.aStrides.push_back(a.strideOf(b, loc, map, k));
  for (unsigned p : loop.products) {
    FlatView columns(b, loc, inputs[2 * p + 1]);
    tile.b.push_back({columns.flat, startOf(p, loop, first, tile)});
  }
  bool mayAsk = plan.asksAhead && height > 1; // one row keeps up with memory by itself
  if (loop.panels && (mayAsk || fetches != Fetches::Own))
    fetchPanels(tile, fetches);
  emitBlocks(tile, loop);
}

/// How far each loop moves where a step has this many elements.
SmallVector<Value> ContractTask::stridesOf(const TileProduct &tile, Value stride) {
  SmallVector<Value> strides;
  for (Value extent : llvm::reverse(tile.extents)) {
    strides.insert(strides.begin(), stride);
    stride = b.createOrFold<arith::MulIOp>(loc, stride, extent);
  }
  return strides;
}

/// The columns of a later step, or of the same one of the next panel if that lies elsewhere and L2
/// holds it beside this one. Memory is interleaved by some 256 bytes: two cache lines more, and the
/// four that a step asks for lie in two of its channels, not in one.
ContractTask::Fetched ContractTask::ownPanel(const TileProduct &tile) {
  constexpr int64_t distance = 16 << 10, smallPanel = 256 << 10, split = 128; // bytes
  int64_t bytes = tile.bytesOfColumn();
  Fetched fetched{index(distance / bytes), index(plan.columns())};
  if (ahead.tiles && !ahead.follows) {
    Value size = b.createOrFold<arith::MulIOp>(loc, product(tile.extents), index(plan.columns()));
    Value small =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, size, index(smallPanel / bytes));
    Value next = arith::MulIOp::create(b, loc, size, ahead.panels);
    fetched.distance = arith::SelectOp::create(b, loc, small, next, fetched.distance);
  }
  fetched.distance = b.createOrFold<arith::AddIOp>(loc, fetched.distance, index(split / bytes));
  return fetched;
}

/// Some columns of the next panel.
ContractTask::Fetched ContractTask::nextPanel(const TileProduct &tile) {
  auto mul = [&](Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc, x, y); };
  Value columns = share(), steps = product(tile.extents);
  Value begin = mul(mul(steps, index(plan.columns())), ahead.panels);
  Value part = mul(steps, mul(ahead.number, columns));
  return {b.createOrFold<arith::AddIOp>(loc, begin, part), columns};
}

void ContractTask::fetchPanels(TileProduct &tile, Fetches fetches) {
  constexpr int64_t nearBytes = 1024;
  // A tile that is not to ask does so for what it has read, which costs little.
  auto choose = [&](Value condition, Fetched yes, Fetched no) -> Fetched {
    return {arith::SelectOp::create(b, loc, condition, yes.distance, no.distance),
            arith::SelectOp::create(b, loc, condition, yes.columns, no.columns)};
  };
  auto moved = [&](Value at, Value distance) {
    return b.createOrFold<arith::AddIOp>(loc, at, distance);
  };
  Fetched nothing{index(0), index(0)}, fetched = nothing;
  tile.aheadWhole = fetches != Fetches::Many && plan.asksAhead;
  if (tile.aheadWhole)
    fetched = ahead.tiles ? choose(asks, ownPanel(tile), nothing) : ownPanel(tile);
  if (fetches != Fetches::Own)
    fetched = choose(shares, nextPanel(tile), fetched);
  for (TileProduct::Columns &side : tile.b)
    side.ahead = moved(side.offset, fetched.distance);
  tile.aheadStrides = stridesOf(tile, fetched.columns);
  if (fetches != Fetches::Many)
    return;
  for (TileProduct::Columns &side : tile.b)
    side.near = moved(side.offset, index(nearBytes / tile.bytesOfColumn()));
  tile.nearStrides = tile.bStrides;
}

Value ContractTask::share() {
  // LLVM moves a division out of a loop only if it sees that it does not divide by 0.
  Value tiles = arith::MaxUIOp::create(b, loc, ahead.tiles, index(1));
  // More tiles than columns: the first ones fetch a column each.
  Value share = arith::DivUIOp::create(b, loc, index(plan.columns()), tiles);
  return arith::MaxUIOp::create(b, loc, share, index(1));
}

/// Several tiles read the next panel in even shares: its first tile would otherwise wait for memory
/// with its products idle, and the others leave memory idle, so that the two times would add. That
/// does not pay for a few tiles of large panels, nor for any of panels so large that L2 does not
/// hold two: they would push out what they still need. Otherwise the first tile asks for its own
/// panel, and every one for a panel that does not stay in L2.
void ContractTask::chooseFetches() {
  constexpr int64_t largePanel = 640 << 10, largestPanel = 1 << 20, manyTiles = 8;
  Value all = index(0); // bytes of the panels of all products
  for (const Loop &loop : plan.loops) {
    Type element = getElementTypeOrSelf(inputs[2 * loop.products.front() + 1].getType());
    int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
    Value size = b.createOrFold<arith::MulIOp>(
        loc, product(extentsOf(loop.k)),
        index(plan.columns() * loop.products.size() * plan.blocks * bytes));
    all = b.createOrFold<arith::AddIOp>(loc, all, size);
  }
  auto is = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value isLarge = is(arith::CmpIPredicate::ugt, all, index(largePanel));
  Value needed = arith::SelectOp::create(b, loc, isLarge, index(manyTiles), index(2));
  Value stays = is(arith::CmpIPredicate::ule, all, index(largestPanel));
  isShared =
      arith::AndIOp::create(b, loc, stays, is(arith::CmpIPredicate::uge, ahead.tiles, needed));
  Value isFirst = is(arith::CmpIPredicate::eq, ahead.number, index(0));
  Value others = arith::SelectOp::create(b, loc, isShared,
                                         arith::ConstantIntOp::create(b, loc, 0, 1), isFirst);
  asks = arith::SelectOp::create(b, loc, stays, others, arith::ConstantIntOp::create(b, loc, 1, 1));
}

Value ContractTask::startOf(unsigned product, const Loop &loop, ArrayRef<Value> first,
                            TileProduct &tile) {
  tile.bStrides.clear();
  if (loop.panels) {
    tile.bStrides = stridesOf(tile, index(plan.columns()));
    Value rows = loop.storedRows ? index(*loop.storedRows) : this->product(tile.extents);
    Value size = b.createOrFold<arith::MulIOp>(loc, rows, index(plan.columns()));
    return arith::MulIOp::create(b, loc, panelNumber, size);
  }
  FlatView columns(b, loc, inputs[2 * product + 1]);
  AffineMap map = plan.maps[2 * product + 1];
  for (unsigned k : loop.k)
    tile.bStrides.push_back(columns.strideOf(b, loc, map, k));
  auto maskType = VectorType::get(plan.lanes, b.getI1Type());
  for (int64_t v = 0; plan.masked && v < plan.vectors; ++v)
    tile.masks.push_back(
        vector::CreateMaskOp::create(b, loc, maskType, columnsLeft(v, plan.lanes)));
  return columns.offsetOf(b, loc, map, first);
}

/// Sums over blocks of k into the scratch tile. A block bounds how many terms one
/// accumulator takes, hence the rounding error: a sum of K terms in f32 loses some
/// sqrt(K) units, blocks of 512 keep it near that of 512 terms. A block is all of some
/// inner dimensions of k that have no more terms, or a part of the innermost one.
void ContractTask::emitBlocks(TileProduct &tile, const Loop &loop) {
  OpBuilder::InsertionGuard guard(b);
  bool isPart = loop.inRegisters == 1;
  size_t outer = tile.extents.size() - loop.inRegisters;
  if (!isPart && outer == 0)
    return emitBlock(tile, loop, {});
  // At least one block, so that a sum over nothing is stored as 0.
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, product(tile.extents), index(0));
  Value &k = tile.extents.back();
  k = arith::SelectOp::create(b, loc, some, k, index(0));
  SmallVector<Value> steps;
  for (size_t d = 0; d < outer + isPart; ++d) {
    Value end = arith::MaxUIOp::create(b, loc, tile.extents[d], index(1));
    auto nest = scf::ForOp::create(b, loc, index(0), end, index(d == outer ? blockSize : 1));
    b.setInsertionPointToStart(nest.getBody());
    steps.push_back(nest.getInductionVar());
    Value aMove = arith::MulIOp::create(b, loc, steps.back(), tile.aStrides[d]);
    for (Value &row : tile.rowOffsets)
      row = arith::AddIOp::create(b, loc, row, aMove);
    auto moved = [&](Value at, ArrayRef<Value> strides) -> Value {
      if (!at)
        return at;
      Value move = arith::MulIOp::create(b, loc, steps.back(), strides[d]);
      return arith::AddIOp::create(b, loc, at, move);
    };
    for (TileProduct::Columns &side : tile.b) {
      side.offset = moved(side.offset, tile.bStrides);
      side.ahead = moved(side.ahead, tile.aheadStrides);
      side.near = moved(side.near, tile.nearStrides);
    }
  }
  for (SmallVector<Value> *each :
       {&tile.extents, &tile.aStrides, &tile.bStrides, &tile.aheadStrides, &tile.nearStrides})
    if (!each->empty())
      each->erase(each->begin(), each->begin() + outer);
  if (isPart) {
    Value left = arith::SubIOp::create(b, loc, tile.extents.back(), steps.back());
    tile.extents.back() = arith::MinUIOp::create(b, loc, left, index(blockSize));
  }
  emitBlock(tile, loop, steps);
}

/// Adds a block to the scratch tile. The first one of a sum, at `steps` that are all 0, is stored.
void ContractTask::emitBlock(const TileProduct &tile, const Loop &loop, ArrayRef<Value> steps) {
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorType));
  size_t perRow = loop.products.size() * plan.vectors;
  SmallVector<Value> zeros(tile.rowOffsets.size() * perRow, zero);
  SmallVector<Value> sums = tile.emit(b, loc, zeros);
  auto at = [&](size_t i) {
    int64_t sum = plan.sumOf[loop.products[i % perRow / plan.vectors]];
    int64_t place = i / perRow * plan.vectors + i % plan.vectors;
    return b.createOrFold<arith::AddIOp>(loc, blockScratch,
                                         index(sum * blockElements() + place * plan.lanes));
  };
  auto store = [&] {
    for (auto [i, sum] : llvm::enumerate(sums))
      vector::StoreOp::create(b, loc, sum, scratch, at(i));
  };
  auto add = [&] {
    for (auto [i, sum] : llvm::enumerate(sums)) {
      Value older = vector::LoadOp::create(b, loc, vectorType, scratch, at(i));
      sum = isa<FloatType>(plan.accumulator) ? Value(arith::AddFOp::create(b, loc, older, sum))
                                             : Value(arith::AddIOp::create(b, loc, older, sum));
    }
    store();
  };
  if (!loop.begins)
    return add();
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
  add();
}

/// The epilogue on one vector of each sum.
Value ContractTask::epilogueOf(ValueRange sums, ValueRange extraLanes, ValueRange iterators) {
  int64_t lanes = cast<VectorType>(sums.front().getType()).getDimSize(0);
  Block &body = plan.body();
  IRMapping values(captured);
  values.map(body.getArguments().take_front(sums.size()), sums);
  values.map(body.getArguments().drop_front(sums.size()), extraLanes);
  cloneAsVectors(b, body, values, lanes, [&](OpBuilder &nested, Operation *op) -> Value {
    unsigned dim = cast<kernel::IndexOp>(op).getDim();
    return dim == plan.n ? laneIndices(nested, loc, iterators[dim], lanes) : iterators[dim];
  });
  Value result = values.lookupOrDefault(body.getTerminator()->getOperand(0));
  return asVector(b, loc, result, lanes);
}

void ContractTask::emitEpilogue(SmallVector<Value> iterators, Value scratchOffset) {
  // As one wide vector, the vectors of a row take turns instruction by instruction: the chain of
  // a polynomial leaves most of the units idle, and its constants are loaded once for all.
  int64_t together = plan.vectors % 2 == 0 ? 2 : 1, width = together * plan.lanes;
  Value firstColumn = iterators[plan.n];
  auto vectorType = VectorType::get(width, plan.accumulator);
  for (int64_t v = 0; v < plan.vectors; v += together) {
    iterators[plan.n] = arith::AddIOp::create(b, loc, firstColumn, index(v * plan.lanes));
    Value count = columnsLeft(v, width);
    SmallVector<Value> sums, lanes;
    for (int64_t s = 0; s < plan.sums; ++s) {
      Value at =
          arith::AddIOp::create(b, loc, scratchOffset, index(s * blockElements() + v * plan.lanes));
      sums.push_back(vector::LoadOp::create(b, loc, vectorType, scratch, at));
    }
    for (auto [i, extra] : llvm::enumerate(ArrayRef(inputs).drop_front(plan.firstExtra)))
      lanes.push_back(loadLanes(b, loc, extra, plan.maps[plan.firstExtra + i], iterators, plan.n,
                                width, count));
    storeLanes(b, loc, epilogueOf(sums, lanes, iterators), init, plan.maps.back(), iterators,
               plan.n, width, count);
  }
}

} // namespace strut::cpu
