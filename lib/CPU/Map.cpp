//===- Map.cpp - kernel.map as vector loops -------------------------------===//
//
// Lanes run along the dimension that most operands hold contiguously. All other
// dimensions number rows; a task is a block of a long row or several short ones.
//
//===----------------------------------------------------------------------===//
#include "Nest.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::cpu {
namespace {

class MapEmitter {
public:
  MapEmitter(Nest nest, int64_t lanes)
      : nest(std::move(nest)), lanes(this->nest.dims ? lanes : 1), laneDim(chooseLaneDim()) {}

  Emitter::Launch emit(Emitter &emitter, OpBuilder &host);

private:
  /// How the index space is cut: computed alike in the host and in the task.
  struct Cut {
    SmallVector<Value> outer; ///< extents of all dimensions but the lanes'
    Value rows, length;       ///< product of these; extent of the lanes' dimension
    Value blocks;             ///< a row's
    Value rowsPerTask;
  };

  unsigned chooseLaneDim() const;
  Cut cut(OpBuilder &b, ValueRange operands) const;
  void emitTask(OpBuilder &b, ValueRange parameters, Value task);
  void emitRow(OpBuilder &b, ValueRange parameters, SmallVector<Value> iterators, Value begin,
               Value end);
  void emitPoint(OpBuilder &b, ValueRange parameters, const IRMapping &row,
                 ArrayRef<Value> iterators, Value count);
  /// Loads what is the same (or, if `varying`, what is not) for all lanes of a row.
  void load(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators, Value count,
            bool varying, IRMapping &values);

  Nest nest;
  int64_t lanes;
  unsigned laneDim;
  Location loc{nest.op->getLoc()};
};

unsigned MapEmitter::chooseLaneDim() const {
  unsigned best = nest.dims ? nest.dims - 1 : 0;
  int bestScore = -1;
  for (unsigned d = nest.dims; d-- > 0;) {
    int score = 0;
    if (nest.staticExtent(d) == 1)
      continue;
    for (auto [n, map] : llvm::enumerate(nest.maps)) {
      if (nest.isFetched(n))
        continue;
      bool init = n >= nest.inputs;
      switch (classify(nest.typeOf(n), map, d, lanes)) {
      case Access::contiguous:
        score += init ? 3 : 2;
        break;
      case Access::uniform:
        score += 1;
        break;
      case Access::scattered:
        break;
      }
    }
    if (score > bestScore) {
      best = d;
      bestScore = score;
    }
  }
  return best;
}

MapEmitter::Cut MapEmitter::cut(OpBuilder &b, ValueRange operands) const {
  Cut cut;
  Value one = indexConstant(b, loc, 1), task = indexConstant(b, loc, elementsPerTask);
  cut.length = one;
  for (auto [d, extent] : llvm::enumerate(nest.extents(b, loc, operands))) {
    if (d == laneDim)
      cut.length = extent;
    else
      cut.outer.push_back(extent);
  }
  cut.rows = product(b, loc, cut.outer);
  cut.blocks = ceilDiv(b, loc, cut.length, task);
  Value length = arith::MaxUIOp::create(b, loc, cut.length, one);
  cut.rowsPerTask =
      arith::MaxUIOp::create(b, loc, arith::DivUIOp::create(b, loc, task, length), one);
  return cut;
}

Emitter::Launch MapEmitter::emit(Emitter &emitter, OpBuilder &host) {
  Cut whole = cut(host, nest.operands);
  Value tasks = arith::MulIOp::create(host, loc, ceilDiv(host, loc, whole.rows, whole.rowsPerTask),
                                      whole.blocks);
  std::string key = nest.key() + std::to_string(laneDim);
  return emitter.launch(
      host, loc, "map", key, nest.arguments(), tasks,
      [&](OpBuilder &b, ValueRange parameters, Value task) { emitTask(b, parameters, task); });
}

void MapEmitter::emitTask(OpBuilder &b, ValueRange parameters, Value task) {
  if (nest.dims == 0)
    return emitRow(b, parameters, {}, nullptr, nullptr);
  Cut whole = cut(b, parameters);
  Value one = indexConstant(b, loc, 1), blockSize = indexConstant(b, loc, elementsPerTask);
  Value block = arith::RemUIOp::create(b, loc, task, whole.blocks);
  Value group = arith::DivUIOp::create(b, loc, task, whole.blocks);
  Value firstRow = arith::MulIOp::create(b, loc, group, whole.rowsPerTask);
  Value endRow = arith::MinUIOp::create(
      b, loc, arith::AddIOp::create(b, loc, firstRow, whole.rowsPerTask), whole.rows);
  Value begin = arith::MulIOp::create(b, loc, block, blockSize);
  Value end =
      arith::MinUIOp::create(b, loc, arith::AddIOp::create(b, loc, begin, blockSize), whole.length);
  scf::ForOp::create(b, loc, firstRow, endRow, one, {},
                     [&](OpBuilder &b, Location, Value row, ValueRange) {
                       SmallVector<Value> iterators = delinearize(b, loc, row, whole.outer);
                       iterators.insert(iterators.begin() + laneDim, begin);
                       emitRow(b, parameters, iterators, begin, end);
                       scf::YieldOp::create(b, loc);
                     });
}

void MapEmitter::emitRow(OpBuilder &b, ValueRange parameters, SmallVector<Value> iterators,
                         Value begin, Value end) {
  IRMapping row = nest.captured(parameters);
  load(b, parameters, iterators, nullptr, false, row);
  if (nest.dims == 0)
    return emitPoint(b, parameters, row, iterators, nullptr);

  Value step = indexConstant(b, loc, lanes);
  Value length = arith::SubIOp::create(b, loc, end, begin);
  Value rest = arith::RemUIOp::create(b, loc, length, step);
  Value full = arith::SubIOp::create(b, loc, end, rest);
  scf::ForOp::create(b, loc, begin, full, step, {},
                     [&](OpBuilder &b, Location, Value at, ValueRange) {
                       iterators[laneDim] = at;
                       emitPoint(b, parameters, row, iterators, nullptr);
                       scf::YieldOp::create(b, loc);
                     });
  Value tail =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, indexConstant(b, loc, 0));
  scf::IfOp::create(b, loc, tail, [&](OpBuilder &b, Location) {
    iterators[laneDim] = full;
    emitPoint(b, parameters, row, iterators, rest);
    scf::YieldOp::create(b, loc);
  });
}

void MapEmitter::load(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators, Value count,
                      bool varying, IRMapping &values) {
  for (unsigned n = 0; n < nest.inputs; ++n) {
    BlockArgument argument = nest.body().getArgument(n);
    if (nest.isFetched(n) || argument.use_empty() ||
        (lanes > 1 && nest.maps[n].isFunctionOfDim(laneDim)) != varying)
      continue;
    values.map(argument,
               loadLanes(b, loc, parameters[n], nest.maps[n], iterators, laneDim, lanes, count));
  }
}

void MapEmitter::emitPoint(OpBuilder &b, ValueRange parameters, const IRMapping &row,
                           ArrayRef<Value> iterators, Value count) {
  IRMapping values = row;
  load(b, parameters, iterators, count, true, values);
  auto special = [&](OpBuilder &b, Operation *op) -> Value {
    if (auto index = dyn_cast<kernel::IndexOp>(op)) {
      unsigned dim = nest.dimOf(index);
      return dim == laneDim ? laneIndices(b, loc, iterators[dim], lanes) : iterators[dim];
    }
    auto fetch = cast<kernel::FetchOp>(op);
    SmallVector<Value> indices;
    for (Value v : fetch.getIndices())
      indices.push_back(values.lookup(v));
    return fetchLanes(b, loc, parameters[fetch.getInput()], indices, lanes, count);
  };
  cloneAsVectors(b, nest.body(), values, lanes, special);
  for (auto [i, value] : llvm::enumerate(nest.body().getTerminator()->getOperands())) {
    unsigned operand = nest.inputs + i;
    storeLanes(b, loc, values.lookup(value), parameters[operand], nest.maps[operand], iterators,
               laneDim, lanes, count);
  }
}

} // namespace

FailureOr<Launches> emitMap(Emitter &emitter, OpBuilder &host, kernel::MapOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  Launches launches;
  launches.push_back(MapEmitter(*nest, emitter.getTarget().lanes()).emit(emitter, host));
  return launches;
}

} // namespace strut::cpu
