//===- Map.cpp - kernel.map as vector loops -------------------------------===//
//
// Lanes run along the dimension that most operands hold contiguously. All other
// dimensions number rows; a task is a block of a long row or several short ones.
//
// Where inputs are contiguous along another dimension than the results, both are cut into
// tiles of as many elements as there are lanes: such an input is read along its own
// dimension and turned in registers, and the body runs on the rows of the turned tile.
//
//===----------------------------------------------------------------------===//
#include "MicroKernel.h"
#include "Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "strut/CPU/Emit.h"
#include "strut/Emit/Nest.h"

using namespace mlir;

namespace strut::cpu {
namespace {

class MapEmitter {
public:
  MapEmitter(Nest nest, int64_t lanes) : nest(std::move(nest)), lanes(this->nest.dims ? lanes : 1) {
    if (chooseTile())
      chooseStrips();
    else
      rowDim = laneDim = chooseLaneDim();
  }

  Emitter::Launch emit(Emitter &emitter, OpBuilder &host);

private:
  /// How the index space is cut: computed alike in the host and in the task. A row runs along
  /// rowDim; where there are tiles it is as many places of stripDim wide as there are lanes.
  struct Cut {
    SmallVector<Value> extents;
    SmallVector<Value> outer; ///< of all dimensions but rowDim; of stripDim the strips
    Value rows, length;       ///< product of these; extent of rowDim
    Value blocks;             ///< a row's
    Value rowsPerTask;
  };
  /// The vectors (along turnDim) and lanes of a tile that count, null for all.
  struct Tile {
    Value rows, count;
  };

  bool chooseTile();
  void chooseStrips();
  unsigned chooseLaneDim() const;
  int64_t blockSize() const { return elementsPerTask / (turnDim ? lanes : 1); }
  int64_t stepsOf(unsigned dim) const;
  Cut cut(OpBuilder &b, ValueRange operands) const;
  std::string key() const;
  void emitTask(OpBuilder &b, ValueRange parameters, Value task);
  void emitRow(OpBuilder &b, ValueRange parameters, SmallVector<Value> iterators, Value begin,
               Value end);
  void emitStrip(OpBuilder &b, ValueRange parameters, SmallVector<Value> iterators,
                 const Cut &whole, Value begin, Value end);
  void emitTile(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators, Value lastLane,
                const Tile &tile);
  SmallVector<Value> turn(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators,
                          unsigned input, Value lastLane, Value rows);
  void emitPoint(OpBuilder &b, ValueRange parameters, IRMapping values, ArrayRef<Value> iterators,
                 Value count);
  /// Loads what is the same (or, if `varying`, what is not) for all lanes of a row and not
  /// among `values` yet.
  void load(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators, Value count,
            bool varying, IRMapping &values);

  Nest nest;
  int64_t lanes;
  unsigned laneDim;
  /// Lanes of the loads of `turnedInputs`; unset if there are none.
  std::optional<unsigned> turnDim;
  SmallVector<unsigned> turnedInputs;
  unsigned rowDim;
  std::optional<unsigned> stripDim; ///< the other of laneDim and turnDim
  SmallVector<Value> arrays; ///< on the stack: vectors of turned inputs that a loop picks from
  Location loc{nest.op->getLoc()};
};

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

/// Takes the dimension along which the results are contiguous for lanes and that along
/// which most of the other inputs are for loads; false if there are no two such.
bool MapEmitter::chooseTile() {
  if (!canTranspose(lanes))
    return false;
  auto access = [&](unsigned operand, unsigned dim) {
    return classify(nest.typeOf(operand), nest.maps[operand], dim, lanes);
  };
  for (unsigned lane = nest.dims; lane-- > 0;) {
    auto inits = llvm::seq<unsigned>(nest.inputs, nest.operands.size());
    if (nest.staticExtent(lane) == 1 ||
        llvm::any_of(inits, [&](unsigned n) { return access(n, lane) != Access::contiguous; }))
      continue;
    for (unsigned dim = nest.dims; dim-- > 0;) {
      SmallVector<unsigned> turned;
      for (unsigned n = 0; n < nest.inputs; ++n)
        if (!nest.isFetched(n) && access(n, lane) == Access::scattered &&
            access(n, dim) == Access::contiguous)
          turned.push_back(n);
      if (nest.staticExtent(dim) == 1 || turned.size() <= turnedInputs.size())
        continue;
      laneDim = lane;
      turnDim = dim;
      turnedInputs = turned;
    }
    return turnDim.has_value();
  }
  return false;
}

/// Rows run along the dimension in which the operands are closer together: one side is a few
/// streams in order, and the other stays in few pages.
void MapEmitter::chooseStrips() {
  auto farthest = [&](unsigned dim) {
    int64_t farthest = 0;
    for (auto [n, map] : llvm::enumerate(nest.maps)) {
      SmallVector<int64_t> strides;
      int64_t offset;
      auto result = map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
      if (!result || failed(nest.typeOf(n).getStridesAndOffset(strides, offset)))
        continue;
      int64_t stride = strides[*result];
      farthest = std::max(farthest, ShapedType::isDynamic(stride) ? INT64_MAX : stride);
    }
    return farthest;
  };
  bool along = farthest(laneDim) <= farthest(*turnDim);
  rowDim = along ? laneDim : *turnDim;
  stripDim = along ? *turnDim : laneDim;
}

/// By what its operands and what it fetches hold contiguously, or the same for all lanes.
unsigned MapEmitter::chooseLaneDim() const {
  SmallVector<int> fetched(nest.dims, 0);
  for (auto fetch : nest.body().getOps<kernel::FetchOp>())
    if (!fetch.getIndices().empty())
      if (auto index = fetch.getIndices().back().getDefiningOp<kernel::IndexOp>())
        fetched[nest.dimOf(index)] += 2;
  unsigned best = nest.dims ? nest.dims - 1 : 0;
  int bestScore = -1;
  for (unsigned d = nest.dims; d-- > 0;) {
    int score = fetched[d];
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

/// Steps of a tile along `dim`: fewer than there are lanes if its extent is known to be.
int64_t MapEmitter::stepsOf(unsigned dim) const {
  int64_t extent = nest.staticExtent(dim);
  return ShapedType::isDynamic(extent) ? lanes : std::clamp<int64_t>(extent, 1, lanes);
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

MapEmitter::Cut MapEmitter::cut(OpBuilder &b, ValueRange operands) const {
  Cut cut;
  Value one = indexConstant(b, loc, 1), block = indexConstant(b, loc, blockSize());
  cut.length = one;
  cut.extents = nest.extents(b, loc, operands);
  for (auto [d, extent] : llvm::enumerate(cut.extents)) {
    if (d == rowDim)
      cut.length = extent;
    else if (d == stripDim)
      cut.outer.push_back(ceilDiv(b, loc, extent, indexConstant(b, loc, lanes)));
    else
      cut.outer.push_back(extent);
  }
  cut.rows = product(b, loc, cut.outer);
  cut.blocks = ceilDiv(b, loc, cut.length, block);
  Value length = arith::MaxUIOp::create(b, loc, cut.length, one);
  cut.rowsPerTask =
      arith::MaxUIOp::create(b, loc, arith::DivUIOp::create(b, loc, block, length), one);
  return cut;
}

std::string MapEmitter::key() const {
  std::string key = nest.key();
  llvm::raw_string_ostream os(key);
  os << laneDim;
  if (turnDim)
    os << '/' << *turnDim << '/' << rowDim << '/' << stepsOf(laneDim) << '/' << stepsOf(*turnDim);
  return key;
}

Emitter::Launch MapEmitter::emit(Emitter &emitter, OpBuilder &host) {
  Cut whole = cut(host, nest.operands);
  Value tasks = arith::MulIOp::create(host, loc, ceilDiv(host, loc, whole.rows, whole.rowsPerTask),
                                      whole.blocks);
  return emitter.launch(
      host, loc, "map", key(), nest.arguments(), tasks,
      [&](OpBuilder &b, ValueRange parameters, Value task) { emitTask(b, parameters, task); });
}

void MapEmitter::emitTask(OpBuilder &b, ValueRange parameters, Value task) {
  if (nest.dims == 0)
    return emitRow(b, parameters, {}, nullptr, nullptr);
  for (unsigned n : turnedInputs)
    arrays.push_back(stackArray(b, loc, lanes * lanes, storageOf(nest.typeOf(n).getElementType())));
  Cut whole = cut(b, parameters);
  Value one = indexConstant(b, loc, 1), size = indexConstant(b, loc, blockSize());
  Value block = arith::RemUIOp::create(b, loc, task, whole.blocks);
  Value group = arith::DivUIOp::create(b, loc, task, whole.blocks);
  Value firstRow = arith::MulIOp::create(b, loc, group, whole.rowsPerTask);
  Value endRow = arith::MinUIOp::create(
      b, loc, arith::AddIOp::create(b, loc, firstRow, whole.rowsPerTask), whole.rows);
  Value begin = arith::MulIOp::create(b, loc, block, size);
  Value end =
      arith::MinUIOp::create(b, loc, arith::AddIOp::create(b, loc, begin, size), whole.length);
  scf::ForOp::create(b, loc, firstRow, endRow, one, {},
                     [&](OpBuilder &b, Location, Value row, ValueRange) {
                       SmallVector<Value> iterators = delinearize(b, loc, row, whole.outer);
                       iterators.insert(iterators.begin() + rowDim, begin);
                       if (turnDim)
                         emitStrip(b, parameters, iterators, whole, begin, end);
                       else
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

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Up to `lanes` places of stripDim times those from `begin` to `end` of rowDim.
void MapEmitter::emitStrip(OpBuilder &b, ValueRange parameters, SmallVector<Value> iterators,
                           const Cut &whole, Value begin, Value end) {
  Value step = indexConstant(b, loc, lanes), one = indexConstant(b, loc, 1);
  Value lastLane = arith::SubIOp::create(b, loc, whole.extents[laneDim], one);
  auto countUpTo = [&](OpBuilder &b, Value end, Value at) {
    return arith::MinUIOp::create(b, loc, step, arith::SubIOp::create(b, loc, end, at));
  };
  auto isAtLeast = [&](OpBuilder &b, Value count, unsigned dim) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, count,
                                 indexConstant(b, loc, stepsOf(dim)));
  };
  auto countOf = [&](unsigned dim) {
    return stepsOf(dim) < lanes ? indexConstant(b, loc, stepsOf(dim)) : Value();
  };
  Tile wholeTile{countOf(*turnDim), countOf(laneDim)};
  iterators[*stripDim] = arith::MulIOp::create(b, loc, iterators[*stripDim], step);
  Value width = countUpTo(b, whole.extents[*stripDim], iterators[*stripDim]);
  Value isWide = isAtLeast(b, width, *stripDim);
  scf::ForOp::create(
      b, loc, begin, end, step, {}, [&](OpBuilder &b, Location, Value at, ValueRange) {
        iterators[rowDim] = at;
        Value length = countUpTo(b, end, at);
        scf::IfOp::create(
            b, loc, arith::AndIOp::create(b, loc, isWide, isAtLeast(b, length, rowDim)),
            [&](OpBuilder &b, Location) {
              emitTile(b, parameters, iterators, lastLane, wholeTile);
              scf::YieldOp::create(b, loc);
            },
            [&](OpBuilder &b, Location) {
              bool alongLanes = rowDim == laneDim;
              Tile part{alongLanes ? width : length, alongLanes ? length : width};
              emitTile(b, parameters, iterators, lastLane, part);
              scf::YieldOp::create(b, loc);
            });
        scf::YieldOp::create(b, loc);
      });
}

/// The vectors along the lanes' dimension of an input that lies along turnDim.
SmallVector<Value> MapEmitter::turn(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators,
                                    unsigned input, Value lastLane, Value rows) {
  SmallVector<Value> at(iterators), loaded;
  for (int64_t l = 0; l < stepsOf(laneDim); ++l) {
    // Beyond the end the last vector is read again, which nobody stores.
    Value place = arith::AddIOp::create(b, loc, iterators[laneDim], indexConstant(b, loc, l));
    at[laneDim] = arith::MinUIOp::create(b, loc, place, lastLane);
    loaded.push_back(
        loadStored(b, loc, parameters[input], nest.maps[input], at, *turnDim, lanes, rows));
  }
  loaded.resize(lanes, loaded.front());
  SmallVector<Value> result = transpose(b, loc, loaded);
  result.truncate(stepsOf(*turnDim));
  return result;
}

void MapEmitter::emitTile(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators,
                          Value lastLane, const Tile &tile) {
  SmallVector<SmallVector<Value>> turned;
  for (unsigned n : turnedInputs)
    turned.push_back(turn(b, parameters, iterators, n, lastLane, tile.rows));
  IRMapping captured = nest.captured(parameters);
  auto emitVector = [&](OpBuilder &b, Value t, ArrayRef<Value> vectors) {
    SmallVector<Value> at(iterators);
    at[*turnDim] = arith::AddIOp::create(b, loc, at[*turnDim], t);
    IRMapping values = captured;
    for (auto [n, vector] : llvm::zip(turnedInputs, vectors))
      values.map(nest.body().getArgument(n),
                 fromStorage(b, loc, vector, nest.typeOf(n).getElementType()));
    load(b, parameters, at, nullptr, false, values);
    emitPoint(b, parameters, values, at, tile.count);
  };
  bool isWhole = !tile.rows || matchPattern(tile.rows, m_Constant());
  constexpr unsigned fewOps = 8;
  if (isWhole && nest.body().getOperations().size() <= fewOps) {
    for (int64_t t = 0; t < stepsOf(*turnDim); ++t) {
      SmallVector<Value> vectors;
      for (const SmallVector<Value> &rows : turned)
        vectors.push_back(rows[t]);
      emitVector(b, indexConstant(b, loc, t), vectors);
    }
    return;
  }
  for (auto [array, rows] : llvm::zip(arrays, turned))
    for (auto [t, row] : llvm::enumerate(rows))
      vector::StoreOp::create(b, loc, row, array, indexConstant(b, loc, t * lanes));
  Value count = isWhole ? indexConstant(b, loc, stepsOf(*turnDim)) : tile.rows;
  scf::ForOp::create(b, loc, indexConstant(b, loc, 0), count, indexConstant(b, loc, 1), {},
                     [&](OpBuilder &b, Location, Value t, ValueRange) {
                       Value place = arith::MulIOp::create(b, loc, t, indexConstant(b, loc, lanes));
                       SmallVector<Value> vectors;
                       for (auto [array, rows] : llvm::zip(arrays, turned))
                         vectors.push_back(vector::LoadOp::create(
                             b, loc, cast<VectorType>(rows[0].getType()), array, place));
                       emitVector(b, t, vectors);
                       scf::YieldOp::create(b, loc);
                     });
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

void MapEmitter::load(OpBuilder &b, ValueRange parameters, ArrayRef<Value> iterators, Value count,
                      bool varying, IRMapping &values) {
  for (unsigned n = 0; n < nest.inputs; ++n) {
    BlockArgument argument = nest.body().getArgument(n);
    if (nest.isFetched(n) || argument.use_empty() || values.contains(argument) ||
        (lanes > 1 && nest.maps[n].isFunctionOfDim(laneDim)) != varying)
      continue;
    values.map(argument,
               loadLanes(b, loc, parameters[n], nest.maps[n], iterators, laneDim, lanes, count));
  }
}

void MapEmitter::emitPoint(OpBuilder &b, ValueRange parameters, IRMapping values,
                           ArrayRef<Value> iterators, Value count) {
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
    return fetchLanes(b, loc, parameters[fetch.getInput()], indices, lanes, count,
                      nest.mayBeEmpty(fetch.getInput()));
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
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt, unpackPanel);
  if (failed(nest))
    return failure();
  Launches launches;
  launches.push_back(MapEmitter(*nest, emitter.getTarget().lanes()).emit(emitter, host));
  return launches;
}

} // namespace strut::cpu
