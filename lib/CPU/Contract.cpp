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
#include "MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/CPU/CPU.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace strut::cpu {
namespace {

/// What is decided per op before any code is written.
struct Plan {
  kernel::ContractOp op;
  kernel::ContractOp::Roles roles;
  SmallVector<AffineMap> maps;
  unsigned n; ///< the column dimension
  int64_t vectors, lanes, rows;
  bool masked; ///< the last panel may be partly filled
  bool panels; ///< rhs is stored as panels (packed weight or workspace)
  Type accumulator;

  int64_t columns() const { return vectors * lanes; }
};

/// Code inside the kernel function, for one task.
class TaskEmitter {
public:
  TaskEmitter(const Plan &decided, OpBuilder builder, ValueRange arguments)
      : plan(decided), b(builder), loc(plan.op.getLoc()) {
    size_t extraCount = plan.op.getExtras().size();
    lhs = arguments[0];
    rhs = arguments[1];
    llvm::append_range(extras, arguments.slice(2, extraCount));
    init = arguments[2 + extraCount];
    llvm::append_range(extents, arguments.drop_front(3 + extraCount).drop_back());
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
  void emitProducts(Value firstRow, Value height);
  void emitProduct(Value firstRow, int64_t height);
  void emitBlocks(TileProduct &tile);
  void emitEpilogue(Value row, Value scratchOffset);

  Plan plan;
  OpBuilder b;
  Location loc;
  Value lhs, rhs, init, rowsPerTask, scratch, panelNumber;
  SmallVector<Value> extras, extents, fixed;
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
  auto batchIndices = delinearize(b, loc, batch, extentsOf(plan.roles.batch));
  for (auto [d, value] : llvm::zip(plan.roles.batch, batchIndices))
    fixed[d] = value;
  fixed[plan.n] = arith::MulIOp::create(b, loc, panel, index(plan.columns()));
  for (unsigned k : plan.roles.k)
    fixed[k] = index(0);

  Value begin = arith::MulIOp::create(b, loc, chunk, rowsPerTask);
  Value end = arith::AddIOp::create(b, loc, begin, rowsPerTask);
  end = arith::MinUIOp::create(b, loc, end, rowCount);
  scratch = stackArray(b, loc, plan.rows * plan.columns(), plan.accumulator);

  auto tiles = scf::ForOp::create(b, loc, begin, end, index(plan.rows));
  b.setInsertionPointToStart(tiles.getBody());
  Value row = tiles.getInductionVar();
  Value height = arith::SubIOp::create(b, loc, end, row);
  height = arith::MinUIOp::create(b, loc, height, index(plan.rows));
  emitProducts(row, height);

  auto rows = scf::ForOp::create(b, loc, index(0), height, index(1));
  b.setInsertionPointToStart(rows.getBody());
  Value offset = arith::MulIOp::create(b, loc, rows.getInductionVar(), index(plan.columns()));
  emitEpilogue(arith::AddIOp::create(b, loc, row, rows.getInductionVar()), offset);
}

Value TaskEmitter::columnsLeft(int64_t v) {
  if (!plan.masked)
    return {};
  Value first = arith::AddIOp::create(b, loc, fixed[plan.n], index(v * plan.lanes));
  return lanesLeft(b, loc, extents[plan.n], first, plan.lanes);
}

/// Chooses the K loop of the tile's height.
void TaskEmitter::emitProducts(Value firstRow, Value height) {
  SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(1, plan.rows));
  auto choice = scf::IndexSwitchOp::create(b, loc, TypeRange(), height, cases, cases.size());
  for (auto [i, region] : llvm::enumerate(choice.getRegions())) {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(region);
    // Region 0 is the default: the full tile.
    emitProduct(firstRow, i == 0 ? plan.rows : cases[i - 1]);
    scf::YieldOp::create(b, loc);
  }
}

void TaskEmitter::emitProduct(Value firstRow, int64_t height) {
  FlatView a(b, loc, lhs), columns(b, loc, rhs);
  TileProduct tile;
  tile.a = a.flat;
  tile.b = columns.flat;
  tile.vectors = plan.vectors;
  tile.lanes = plan.lanes;
  tile.accumulator = plan.accumulator;
  for (int64_t r = 0; r < height; ++r) {
    Value row = arith::AddIOp::create(b, loc, firstRow, index(r));
    tile.rowOffsets.push_back(a.offsetOf(b, loc, plan.maps[0], iteratorsAt(row)));
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
  } else {
    tile.bOffset = columns.offsetOf(b, loc, plan.maps[1], iteratorsAt(firstRow));
    for (unsigned k : plan.roles.k)
      tile.bStrides.push_back(columns.strideOf(b, loc, plan.maps[1], k));
    auto maskType = VectorType::get(plan.lanes, b.getI1Type());
    for (int64_t v = 0; plan.masked && v < plan.vectors; ++v)
      tile.masks.push_back(vector::CreateMaskOp::create(b, loc, maskType, columnsLeft(v)));
  }

  emitBlocks(tile);
}

/// Sums over blocks of k into the scratch tile. A block bounds how many terms one
/// accumulator takes, hence the rounding error: a sum of K terms in f32 loses some
/// sqrt(K) units, blocks of 512 keep it near that of 512 terms.
/// Several k dimensions (windows) are one block.
void TaskEmitter::emitBlocks(TileProduct &tile) {
  constexpr int64_t block = 512;
  OpBuilder::InsertionGuard guard(b);
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorType));
  SmallVector<Value> zeros(tile.rowOffsets.size() * plan.vectors, zero);
  auto at = [&](size_t i) { return index(i * plan.lanes); };
  if (tile.extents.size() != 1) {
    for (auto [i, sum] : llvm::enumerate(tile.emit(b, loc, zeros)))
      vector::StoreOp::create(b, loc, sum, scratch, at(i));
    return;
  }
  // At least one block, so that a sum over nothing is stored as 0.
  Value k = tile.extents[0];
  Value end = arith::MaxUIOp::create(b, loc, k, index(1));
  auto blocks = scf::ForOp::create(b, loc, index(0), end, index(block));
  b.setInsertionPointToStart(blocks.getBody());
  Value first = blocks.getInductionVar();
  tile.extents[0] =
      arith::MinUIOp::create(b, loc, arith::SubIOp::create(b, loc, k, first), index(block));
  Value aMove = arith::MulIOp::create(b, loc, first, tile.aStrides[0]);
  for (Value &row : tile.rowOffsets)
    row = arith::AddIOp::create(b, loc, row, aMove);
  tile.bOffset = arith::AddIOp::create(b, loc, tile.bOffset,
                                       arith::MulIOp::create(b, loc, first, tile.bStrides[0]));
  SmallVector<Value> sums = tile.emit(b, loc, zeros);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, first, index(0));
  auto branch = scf::IfOp::create(b, loc, isFirst, /*withElse=*/true);
  for (Block *target : {branch.thenBlock(), branch.elseBlock()}) {
    b.setInsertionPointToStart(target);
    for (auto [i, sum] : llvm::enumerate(sums)) {
      Value total = sum;
      if (target == branch.elseBlock()) {
        Value older = vector::LoadOp::create(b, loc, vectorType, scratch, at(i));
        total = isa<FloatType>(plan.accumulator) ? Value(arith::AddFOp::create(b, loc, older, sum))
                                                 : Value(arith::AddIOp::create(b, loc, older, sum));
      }
      vector::StoreOp::create(b, loc, total, scratch, at(i));
    }
  }
}

void TaskEmitter::emitEpilogue(Value row, Value scratchOffset) {
  SmallVector<Value> iterators = iteratorsAt(row);
  Value firstColumn = iterators[plan.n];
  Block &body = plan.op.getBody().front();
  auto vectorType = VectorType::get(plan.lanes, plan.accumulator);
  for (int64_t v = 0; v < plan.vectors; ++v) {
    iterators[plan.n] = arith::AddIOp::create(b, loc, firstColumn, index(v * plan.lanes));
    Value count = columnsLeft(v);
    Value at = arith::AddIOp::create(b, loc, scratchOffset, index(v * plan.lanes));
    IRMapping values;
    values.map(body.getArgument(0), vector::LoadOp::create(b, loc, vectorType, scratch, at));
    for (auto [i, extra] : llvm::enumerate(extras))
      values.map(body.getArgument(1 + i),
                 loadLanes(b, loc, extra, plan.maps[2 + i], iterators, plan.n, plan.lanes, count));
    cloneAsVectors(b, body, values, plan.lanes, [&](OpBuilder &, Operation *op) -> Value {
      return iterators[cast<kernel::IndexOp>(op).getDim()];
    });
    Value result = values.lookupOrDefault(body.getTerminator()->getOperand(0));
    storeLanes(b, loc, asVector(b, loc, result, plan.lanes), init, plan.maps.back(), iterators,
               plan.n, plan.lanes, count);
  }
}

/// Copies a right-hand side without unit stride into panels, one panel a task.
Emitter::Launch packPanels(Emitter &emitter, OpBuilder &host, const Plan &plan,
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

FailureOr<Plan> makePlan(Emitter &emitter, kernel::ContractOp op) {
  Plan plan;
  plan.op = op;
  plan.roles = op.getRoles();
  plan.maps = op.getMaps();
  if (plan.roles.n.size() != 1)
    return op.emitOpError("needs exactly one column dimension, has ") << plan.roles.n.size();
  plan.n = plan.roles.n.front();
  const Target &target = emitter.getTarget();
  plan.lanes = target.lanes();
  auto packed = dyn_cast<kernel::PackedType>(op.getRhs().getType());
  plan.panels = packed || op.getWorkspace();
  Type element;
  int64_t columns = ShapedType::kDynamic;
  AffineExpr n = getAffineDimExpr(plan.n, op.getContext());
  auto columnsOf = [&](ShapedType type, AffineMap map) {
    element = type.getElementType();
    return type.getDimSize(*map.getResultPosition(n));
  };
  if (packed) {
    columns = columnsOf(packed.getLogical(), plan.maps[1]);
    plan.vectors = cast<PanelsAttr>(packed.getLayout()).getN() / plan.lanes;
  } else {
    columns = columnsOf(cast<MemRefType>(op.getRhs().getType()), plan.maps[1]);
    plan.vectors = target.panelVectors(ShapedType::isDynamic(columns) ? INT32_MAX : columns);
  }
  plan.rows = target.tileRows(plan.vectors);
  plan.masked = ShapedType::isDynamic(columns) || columns % plan.columns() != 0;
  plan.accumulator = kernel::ContractOp::getAccumulatorType(element);
  return plan;
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
  FailureOr<Plan> plan = makePlan(emitter, op);
  if (failed(plan))
    return failure();
  Location loc = op.getLoc();
  FailureOr<SmallVector<Value>> known = extentsOf(host, cast<kernel::KernelOpInterface>(*op));
  if (failed(known))
    return failure();
  ArrayRef<Value> extents = *known;
  auto product = [&](ArrayRef<unsigned> dims) {
    Value result = arith::ConstantIndexOp::create(host, loc, 1);
    for (unsigned d : dims)
      result = host.createOrFold<arith::MulIOp>(loc, result, extents[d]);
    return result;
  };
  Value columns = arith::ConstantIndexOp::create(host, loc, plan->columns());
  Value rows = product(plan->roles.m);
  Value panels = host.createOrFold<arith::CeilDivUIOp>(loc, extents[plan->n], columns);
  panels = host.createOrFold<arith::MulIOp>(loc, panels, product(plan->roles.batch));
  Value rowsPerTask = chooseRowsPerTask(host, loc, rows, panels, plan->rows);
  Value chunks = host.createOrFold<arith::CeilDivUIOp>(loc, rows, rowsPerTask);
  Value tasks = host.createOrFold<arith::MulIOp>(loc, panels, chunks);

  Launches launches;
  Value rhs = op.getRhs();
  if (op.getWorkspace()) {
    launches.push_back(packPanels(emitter, host, *plan, extents, panels));
    rhs = op.getWorkspace();
  }
  SmallVector<Value> arguments{op.getLhs(), rhs};
  llvm::append_range(arguments, op.getExtras());
  arguments.push_back(op.getInit());
  llvm::append_range(arguments, extents);
  arguments.push_back(rowsPerTask);
  std::string key = llvm::formatv("{0}/{1}x{2}/{3}/{4}", keyOf(op), plan->vectors, plan->lanes,
                                  plan->masked, plan->panels);
  launches.push_back(emitter.launch(host, loc, "contract", key, arguments, tasks,
                                    [&](OpBuilder &b, ValueRange parameters, Value task) {
                                      TaskEmitter(*plan, b, parameters).emit(task);
                                    }));
  return launches;
}

} // namespace strut::cpu
