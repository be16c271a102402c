//===- Attention.cpp - kernel.attention with an online softmax ------------===//
//
// Keys are packed once as panels of their transpose. A task is some query rows of
// one batch; a tile of rows walks the keys in blocks of a fixed size: scores by
// the micro-kernel into the stack, the online softmax over them, then their
// product with the values onto a rescaled sum. One block holds most sequences, so
// the rescaling is rare; the block's size does not depend on the shape, so neither
// do the bits.
//
//===----------------------------------------------------------------------===//
#include "AttentionPlan.h"
#include "MicroKernel.h"
#include "PackKeys.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;

namespace strut::cpu {
namespace {

constexpr int64_t keyBlock = 256; ///< keys between two rescalings
constexpr int64_t rowsPerTask = 48;

//===----------------------------------------------------------------------===//
// Scores, softmax, sums
//===----------------------------------------------------------------------===//

/// Emits one task: query rows of one batch.
class TaskEmitter : TaskCode {
public:
  TaskEmitter(const AttentionPlan &decided, const OpBuilder &builder, ValueRange arguments)
      : TaskCode(builder, decided.op->getLoc()), plan(decided), query(arguments[0]),
        keys(arguments[1]), values(arguments[2]) {
    size_t extraCount = plan.op.getExtras().size();
    llvm::append_range(extras, arguments.slice(3, extraCount));
    init = arguments[3 + extraCount];
    packed = arguments[4 + extraCount];
    ValueRange rest = arguments.drop_front(5 + extraCount);
    SmallVector<Value> outside = capturesOf(plan.op);
    captured.map(ValueRange(outside), rest.take_front(outside.size()));
    llvm::append_range(extents, rest.drop_front(outside.size()));
    f32 = b.getF32Type();
    vectorType = VectorType::get(plan.lanes, f32);
  }

  void emit(Value task);

private:
  Value number(float value) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); }
  Value vectorOf(float value) {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vectorType, value));
  }
  Value negativeInfinity() { return number(-std::numeric_limits<float>::infinity()); }
  Value loadVector(Value array, Value at) {
    return vector::LoadOp::create(b, loc, vectorType, array, at);
  }
  int64_t valueStride() const { return plan.valueVectors() * plan.lanes; }

  void allocateScratch();
  void emitTile(int64_t rows, Value firstRow);
  void emitScores(int64_t rows, Value panelInBlock, Value firstKey);
  void emitSoftmax(Value row, Value panels);
  void emitSums(int64_t rows, Value firstKey, Value keysInBlock);
  void emitResult(Value row, Value number);
  Value rowIndex(Value firstRow, int64_t r);

  AttentionPlan plan;
  Value query, keys, values, init, packed;
  SmallVector<Value> extras, extents;
  IRMapping captured; ///< what the score reads from outside
  Type f32;
  VectorType vectorType;

  SmallVector<Value> fixed;                     ///< iterators: batches set, the rest zero
  SmallVector<Value> rowNumbers;                ///< of the tile's rows, clamped to the last
  Value batchOfKeys;                            ///< first panel of the batch's packed keys
  Value scores, sums, maxima, weights, factors; ///< stack arrays
};

void TaskEmitter::allocateScratch() {
  scores = stackArray(b, loc, plan.rows * keyBlock, f32);
  sums = stackArray(b, loc, plan.rows * valueStride(), f32);
  maxima = stackArray(b, loc, plan.rows, f32);
  weights = stackArray(b, loc, plan.rows, f32);
  factors = stackArray(b, loc, plan.rows, f32);
}

void TaskEmitter::emit(Value task) {
  allocateScratch();
  Value rowCount = extents[plan.m];
  Value chunks = arith::CeilDivUIOp::create(b, loc, rowCount, index(rowsPerTask));
  Value chunk = arith::RemUIOp::create(b, loc, task, chunks);
  Value batch = arith::DivUIOp::create(b, loc, task, chunks);
  fixed = delinearize(b, loc, batch, ArrayRef(extents).take_front(plan.m));
  fixed.resize(plan.maps[0].getNumDims(), index(0));

  // The packed keys lie in the order of the keys' own batch axes.
  Value number = index(0);
  auto keyIndices = applyMap(b, loc, plan.maps[1], fixed);
  for (auto [axis, keyIndex] : llvm::enumerate(keyIndices)) {
    if (axis == plan.keyAxis || axis == plan.featureAxis)
      continue;
    number = add(mul(number, memref::DimOp::create(b, loc, keys, axis)), keyIndex);
  }
  Value panels = arith::CeilDivUIOp::create(b, loc, extents[plan.s], index(plan.panel()));
  batchOfKeys = mul(number, panels);

  Value begin = mul(chunk, index(rowsPerTask));
  Value end = arith::MinUIOp::create(b, loc, add(begin, index(rowsPerTask)), rowCount);
  auto tiles = scf::ForOp::create(b, loc, begin, end, index(plan.rows));
  b.setInsertionPointToStart(tiles.getBody());
  Value firstRow = tiles.getInductionVar();
  Value height = arith::SubIOp::create(b, loc, end, firstRow);
  height = arith::MinUIOp::create(b, loc, height, index(plan.rows));
  // A lone row, as in decoding, has its own code; other tiles repeat their last row.
  Value lone = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, height, index(1));
  auto branch = scf::IfOp::create(b, loc, lone, /*withElse=*/true);
  for (auto [block, rows] :
       {std::pair{branch.thenBlock(), int64_t(1)}, std::pair{branch.elseBlock(), plan.rows}}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(block);
    emitTile(rows, firstRow);
  }
  auto results = scf::ForOp::create(b, loc, index(0), height, index(1));
  b.setInsertionPointToStart(results.getBody());
  emitResult(add(firstRow, results.getInductionVar()), results.getInductionVar());
}

Value TaskEmitter::rowIndex(Value firstRow, int64_t r) {
  Value last = arith::SubIOp::create(b, loc, extents[plan.m], index(1));
  return arith::MinUIOp::create(b, loc, add(firstRow, index(r)), last);
}

void TaskEmitter::emitTile(int64_t rows, Value firstRow) {
  rowNumbers.clear();
  Value zero = vectorOf(0), lowest = negativeInfinity(), nothing = number(0);
  for (int64_t r = 0; r < rows; ++r) {
    rowNumbers.push_back(rowIndex(firstRow, r));
    memref::StoreOp::create(b, loc, lowest, maxima, index(r));
    memref::StoreOp::create(b, loc, nothing, weights, index(r));
    for (int64_t v = 0; v < plan.valueVectors(); ++v)
      vector::StoreOp::create(b, loc, zero, sums, index(r * valueStride() + v * plan.lanes));
  }
  auto blocks = scf::ForOp::create(b, loc, index(0), extents[plan.s], index(keyBlock));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(blocks.getBody());
  Value firstKey = blocks.getInductionVar();
  Value left = arith::SubIOp::create(b, loc, extents[plan.s], firstKey);
  Value count = arith::MinUIOp::create(b, loc, left, index(keyBlock));
  Value panels = arith::CeilDivUIOp::create(b, loc, count, index(plan.panel()));

  auto panelLoop = scf::ForOp::create(b, loc, index(0), panels, index(1));
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(panelLoop.getBody());
    emitScores(rows, panelLoop.getInductionVar(), firstKey);
  }
  auto rowLoop = scf::ForOp::create(b, loc, index(0), index(rows), index(1));
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(rowLoop.getBody());
    emitSoftmax(rowLoop.getInductionVar(), panels);
  }
  emitSums(rows, firstKey, count);
}

/// Scores of a panel of keys; keys beyond the last score -inf.
void TaskEmitter::emitScores(int64_t rows, Value panelInBlock, Value firstKey) {
  FlatView a(b, loc, query);
  TileProduct tile;
  tile.a = a.flat;
  tile.vectors = plan.vectors;
  tile.lanes = plan.lanes;
  tile.registers = plan.registers;
  tile.accumulator = f32;
  tile.extents = {extents[plan.d]};
  tile.aStrides = {a.strideOf(b, loc, plan.maps[0], plan.d)};
  tile.bStrides = {index(plan.panel())};
  Value firstPanel = arith::DivUIOp::create(b, loc, firstKey, index(plan.panel()));
  Value panel = add(batchOfKeys, add(firstPanel, panelInBlock));
  tile.b.push_back({packed, mul(mul(panel, extents[plan.d]), index(plan.panel()))});
  SmallVector<Value> iterators(fixed);
  for (int64_t r = 0; r < rows; ++r) {
    iterators[plan.m] = rowNumbers[r];
    tile.rowOffsets.push_back(a.offsetOf(b, loc, plan.maps[0], iterators));
  }
  SmallVector<Value> raw = tile.emit(b, loc, SmallVector<Value>(rows * plan.vectors, vectorOf(0)));

  Block &body = plan.op.getBody().front();
  auto maskType = VectorType::get(plan.lanes, b.getI1Type());
  Value inBlock = mul(panelInBlock, index(plan.panel()));
  for (int64_t v = 0; v < plan.vectors; ++v) {
    Value key = add(add(firstKey, inBlock), index(v * plan.lanes));
    Value left = lanesLeft(b, loc, extents[plan.s], key, plan.lanes);
    Value valid = vector::CreateMaskOp::create(b, loc, maskType, left);
    iterators[plan.s] = key;
    for (int64_t r = 0; r < rows; ++r) {
      iterators[plan.m] = rowNumbers[r];
      IRMapping scalars(captured);
      scalars.map(body.getArgument(0), raw[r * plan.vectors + v]);
      for (auto [i, extra] : llvm::enumerate(extras))
        scalars.map(body.getArgument(1 + i), loadLanes(b, loc, extra, plan.maps[3 + i], iterators,
                                                       plan.s, plan.lanes, left));
      cloneAsVectors(b, body, scalars, plan.lanes, [&](OpBuilder &nested, Operation *op) -> Value {
        unsigned dim = cast<kernel::IndexOp>(op).getDim();
        if (dim != plan.s)
          return iterators[dim];
        auto type = VectorType::get(plan.lanes, nested.getIndexType());
        Value step = vector::StepOp::create(nested, loc, type);
        return arith::AddIOp::create(nested, loc, step, asVector(nested, loc, key, plan.lanes));
      });
      Value score = scalars.lookupOrDefault(body.getTerminator()->getOperand(0));
      score = arith::SelectOp::create(b, loc, valid, asVector(b, loc, score, plan.lanes),
                                      asVector(b, loc, negativeInfinity(), plan.lanes));
      vector::StoreOp::create(b, loc, score, scores,
                              add(inBlock, index(r * keyBlock + v * plan.lanes)));
    }
  }
}

/// Turns a row of scores into weights and says by which factor older sums shrink.
void TaskEmitter::emitSoftmax(Value row, Value panels) {
  Value base = mul(row, index(keyBlock));
  auto panelLoop = [&](ValueRange init, auto step) {
    auto loop = scf::ForOp::create(b, loc, index(0), panels, index(1), init);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value first = add(base, mul(loop.getInductionVar(), index(plan.panel())));
    SmallVector<Value> carried;
    for (int64_t v = 0; v < plan.vectors; ++v)
      carried.push_back(step(add(first, index(v * plan.lanes)), loop.getRegionIterArg(v)));
    scf::YieldOp::create(b, loc, carried);
    return SmallVector<Value>(loop.getResults());
  };
  auto reduce = [&](SmallVector<Value> vectors, auto combine, vector::CombiningKind kind) -> Value {
    while (vectors.size() > 1) {
      SmallVector<Value> next;
      for (size_t i = 0; i + 1 < vectors.size(); i += 2)
        next.push_back(combine(vectors[i], vectors[i + 1]));
      if (vectors.size() % 2)
        next.push_back(vectors.back());
      vectors = std::move(next);
    }
    return vector::ReductionOp::create(b, loc, kind, vectors[0]);
  };
  auto maximum = [&](Value x, Value y) -> Value { return arith::MaximumFOp::create(b, loc, x, y); };
  auto sum = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, loc, x, y); };

  Value lowest = asVector(b, loc, negativeInfinity(), plan.lanes);
  auto highest = panelLoop(SmallVector<Value>(plan.vectors, lowest), [&](Value at, Value carried) {
    return maximum(carried, loadVector(scores, at));
  });
  Value older = memref::LoadOp::create(b, loc, maxima, row);
  Value newer = maximum(older, reduce(highest, maximum, vector::CombiningKind::MAXIMUMF));
  memref::StoreOp::create(b, loc, newer, maxima, row);
  // A row whose scores are all -inf keeps weights of 0 instead of NaN.
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, newer, negativeInfinity());
  Value shift = arith::SelectOp::create(b, loc, none, number(0), newer);
  Value factor = math::ExpOp::create(b, loc, arith::SubFOp::create(b, loc, older, shift));
  memref::StoreOp::create(b, loc, factor, factors, row);

  Value shifts = asVector(b, loc, shift, plan.lanes);
  auto totals =
      panelLoop(SmallVector<Value>(plan.vectors, vectorOf(0)), [&](Value at, Value carried) {
        Value shifted = arith::SubFOp::create(b, loc, loadVector(scores, at), shifts);
        Value weight = math::ExpOp::create(b, loc, shifted);
        vector::StoreOp::create(b, loc, weight, scores, at);
        return sum(carried, weight);
      });
  Value total = reduce(totals, sum, vector::CombiningKind::ADD);
  Value kept = arith::MulFOp::create(b, loc, memref::LoadOp::create(b, loc, weights, row), factor);
  memref::StoreOp::create(b, loc, sum(kept, total), weights, row);
}

void TaskEmitter::emitSums(int64_t rows, Value firstKey, Value keysInBlock) {
  FlatView v(b, loc, values);
  SmallVector<Value> iterators(fixed);
  iterators[plan.s] = firstKey;
  Value origin = v.offsetOf(b, loc, plan.maps[2], iterators);
  auto maskType = VectorType::get(plan.lanes, b.getI1Type());
  for (int64_t first = 0; first < plan.valueVectors(); first += plan.vectors) {
    TileProduct tile;
    tile.a = scores;
    tile.vectors = std::min(plan.vectors, plan.valueVectors() - first);
    tile.lanes = plan.lanes;
    tile.registers = plan.registers;
    tile.accumulator = f32;
    tile.extents = {keysInBlock};
    tile.aStrides = {index(1)};
    tile.bStrides = {v.strideOf(b, loc, plan.maps[2], plan.s)};
    tile.b.push_back({v.flat, add(origin, index(first * plan.lanes))});
    if (plan.headSize % plan.lanes)
      for (int64_t i = 0; i < tile.vectors; ++i) {
        int64_t left = std::min(plan.lanes, plan.headSize - (first + i) * plan.lanes);
        tile.masks.push_back(vector::CreateMaskOp::create(b, loc, maskType, index(left)));
      }
    SmallVector<Value> carried;
    auto place = [&](int64_t r, int64_t i) {
      return index(r * valueStride() + (first + i) * plan.lanes);
    };
    for (int64_t r = 0; r < rows; ++r) {
      tile.rowOffsets.push_back(index(r * keyBlock));
      Value factor = memref::LoadOp::create(b, loc, factors, index(r));
      for (int64_t i = 0; i < tile.vectors; ++i)
        carried.push_back(arith::MulFOp::create(b, loc, loadVector(sums, place(r, i)),
                                                asVector(b, loc, factor, plan.lanes)));
    }
    SmallVector<Value> result = tile.emit(b, loc, carried);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < tile.vectors; ++i)
        vector::StoreOp::create(b, loc, result[r * tile.vectors + i], sums, place(r, i));
  }
}

/// Writes row `row`, which is `inTile` in its tile.
void TaskEmitter::emitResult(Value row, Value inTile) {
  Value weight = memref::LoadOp::create(b, loc, weights, inTile);
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, weight, number(0));
  Value divisor = arith::SelectOp::create(b, loc, none, number(1), weight);
  Value scale = arith::DivFOp::create(b, loc, number(1), divisor);
  SmallVector<Value> iterators(fixed);
  iterators[plan.m] = row;
  Value base = mul(inTile, index(valueStride()));
  Type element = cast<MemRefType>(init.getType()).getElementType();
  for (int64_t v = 0; v < plan.valueVectors(); ++v) {
    iterators[plan.e] = index(v * plan.lanes);
    Value sum = loadVector(sums, add(base, index(v * plan.lanes)));
    sum = arith::MulFOp::create(b, loc, sum, asVector(b, loc, scale, plan.lanes));
    if (element != f32)
      sum = arith::TruncFOp::create(b, loc, VectorType::get(plan.lanes, element), sum);
    int64_t left = plan.headSize - v * plan.lanes;
    Value count = left < plan.lanes ? index(left) : Value();
    storeLanes(b, loc, sum, init, plan.maps.back(), iterators, plan.e, plan.lanes, count);
  }
}

FailureOr<AttentionPlan> makePlan(const Target &target, kernel::AttentionOp op) {
  AttentionPlan plan;
  plan.op = op;
  plan.maps = op.getMaps();
  plan.maps.truncate(op.getInputs().size() + 1);
  unsigned dims = plan.maps[0].getNumDims();
  plan.m = dims - 4, plan.s = dims - 3, plan.d = dims - 2, plan.e = dims - 1;
  auto axisOf = [&](AffineMap map, unsigned dim) {
    return map.getResultPosition(getAffineDimExpr(dim, op.getContext()));
  };
  auto key = axisOf(plan.maps[1], plan.s), feature = axisOf(plan.maps[1], plan.d),
       value = axisOf(plan.maps[2], plan.e);
  auto valueType = cast<MemRefType>(op.getInputs()[2].getType());
  if (!key || !feature || !value || *value + 1 != valueType.getRank())
    return op.emitOpError("needs keys with axes of their own for position and feature, and "
                          "values that are contiguous along their features");
  plan.keyAxis = *key;
  plan.featureAxis = *feature;
  plan.headSize = valueType.getDimSize(*value);
  if (ShapedType::isDynamic(plan.headSize))
    return op.emitOpError("needs a head size that is known at compile time");
  if (!op.getWorkspace())
    return op.emitOpError("has no workspace for its keys; run strut-assign-layouts first");
  plan.lanes = target.lanes();
  plan.registers = target.vectorRegisters;
  plan.vectors = target.panelVectors(INT32_MAX);
  plan.rows = target.tileRows(plan.vectors);
  return plan;
}

} // namespace

FailureOr<Launches> emitAttention(Emitter &emitter, OpBuilder &host, kernel::AttentionOp op) {
  FailureOr<AttentionPlan> plan = makePlan(emitter.getTarget(), op);
  if (failed(plan))
    return failure();
  Location loc = op.getLoc();
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(host, loc, value); };
  FailureOr<SmallVector<Value>> extents = extentsOf(host, cast<kernel::KernelOpInterface>(*op));
  if (failed(extents))
    return failure();
  Launches launches;
  std::string key =
      llvm::formatv("{0}/{1}x{2}/{3}", keyOf(op), plan->vectors, plan->lanes, plan->headSize);
  launches.push_back(packKeys(emitter, host, *plan, key, (*extents)[plan->s]));

  Value tasks = host.createOrFold<arith::CeilDivUIOp>(loc, (*extents)[plan->m], index(rowsPerTask));
  for (unsigned d = 0; d < plan->m; ++d)
    tasks = host.createOrFold<arith::MulIOp>(loc, tasks, (*extents)[d]);
  SmallVector<Value> arguments(op.getInputs());
  arguments.push_back(op.getInits()[0]);
  arguments.push_back(op.getWorkspace());
  llvm::append_range(arguments, capturesOf(op));
  llvm::append_range(arguments, *extents);
  launches.push_back(emitter.launch(host, loc, "attention", key, arguments, tasks,
                                    [&](OpBuilder &b, ValueRange parameters, Value task) {
                                      TaskEmitter(*plan, b, parameters).emit(task);
                                    }));
  return launches;
}

} // namespace strut::cpu
