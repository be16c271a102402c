//===- Rows.cpp - kernel.rows, a thread or a block for each row -----------===//
//
// Short rows, windows among them, and rows whose elements are far apart have a thread
// each: neighbouring threads then read neighbouring rows. Other rows have a block each,
// which reads them side by side and combines by shuffles, then through shared memory. Which
// of the two, and how many threads, depends on the row alone, so the order of a sum does too.
//
//===----------------------------------------------------------------------===//
#include "Simt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Emit/Reduction.h"
#include "strut/Emit/RowPhases.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t serialThreads = 128; ///< of a block, where a row has one
constexpr int64_t rowThreads = 256;    ///< of a row, at most
constexpr int64_t shortRow = 32;

/// The code of the threads of one row.
class RowCode {
public:
  RowCode(Simt &simt, const RowPhases &rows, bool shared, ValueRange parameters,
          ArrayRef<Value> extents)
      : simt(simt), rows(rows), nest(rows.nest), isShared(shared), parameters(parameters),
        extents(extents), loc(nest.op->getLoc()), values(nest.captured(parameters)) {}

  void emit(OpBuilder &b, ArrayRef<Value> row);

private:
  using Step = function_ref<SmallVector<Value>(OpBuilder &, ValueRange point, ValueRange carried)>;
  /// Runs `step` for the elements of the row that are this thread's.
  SmallVector<Value> forElements(OpBuilder &b, ArrayRef<Value> row, ArrayRef<Value> start,
                                 Step step);
  SmallVector<Value> nestedLoops(OpBuilder &b, SmallVector<Value> &point, ArrayRef<Value> carried,
                                 Step step);
  void evaluateUniform(OpBuilder &b, unsigned phase, ArrayRef<Value> row);
  /// Values of the element at `point`, those of the row known.
  IRMapping evaluateElement(OpBuilder &b, unsigned phase, ValueRange point);
  /// Brings in a value that is a constant outside of the kernel.
  void know(OpBuilder &b, Value v);
  void combine(OpBuilder &b, unsigned phase, ArrayRef<Value> row);
  SmallVector<Value> mergeThreads(OpBuilder &b, const Reduction &reduction,
                                  SmallVector<Value> carried);
  SmallVector<Value> mergeWarps(OpBuilder &b, const Reduction &reduction, ValueRange carried);
  SmallVector<Value> mergeLanes(OpBuilder &b, const Reduction &reduction,
                                SmallVector<Value> carried);
  void store(OpBuilder &b, ArrayRef<Value> row);
  void storeUniform(OpBuilder &b, ArrayRef<Value> row);
  unsigned firstAxis() const { return nest.dims - nest.axes; }
  /// What a map sees of a row, at its first element.
  SmallVector<Value> firstPoint(OpBuilder &b, ArrayRef<Value> row);

  Simt &simt;
  const RowPhases &rows;
  const Nest &nest;
  bool isShared; ///< several threads work on the row
  ValueRange parameters;
  ArrayRef<Value> extents;
  Location loc;
  IRMapping values; ///< of the whole row
};

SmallVector<Value> RowCode::firstPoint(OpBuilder &b, ArrayRef<Value> row) {
  SmallVector<Value> point(row);
  point.resize(nest.dims, indexConstant(b, loc, 0));
  return point;
}

void RowCode::emit(OpBuilder &b, ArrayRef<Value> row) {
  SmallVector<Value> first = firstPoint(b, row);
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (!nest.isFetched(n) && !nest.usesAxis(nest.maps[n]))
      values.map(nest.body().getArgument(n),
                 loadElement(b, loc, parameters[n], applyMap(b, loc, nest.maps[n], first)));
  for (unsigned phase = 0; phase <= rows.phases.size(); ++phase) {
    evaluateUniform(b, phase, row);
    if (!rows.isLast(phase))
      combine(b, phase, row);
  }
  store(b, row);
  storeUniform(b, row);
}

void RowCode::evaluateUniform(OpBuilder &b, unsigned phase, ArrayRef<Value> row) {
  SmallVector<Value> first = firstPoint(b, row);
  for (Operation &op : nest.body().without_terminator())
    if (!isa<kernel::CombineOp>(op) && rows.level.lookup(&op) == phase &&
        !rows.isVarying(op.getResult(0)))
      cloneAsVector(b, &op, values, 1, [&](OpBuilder &b, Operation *op) {
        return evaluateAt(b, nest, op, values, parameters, first);
      });
}

IRMapping RowCode::evaluateElement(OpBuilder &b, unsigned phase, ValueRange point) {
  IRMapping element = values;
  SetVector<Value> needed = rows.slice(phase);
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (Value argument = nest.body().getArgument(n); needed.contains(argument))
      element.map(argument,
                  loadElement(b, loc, parameters[n], applyMap(b, loc, nest.maps[n], point)));
  for (Operation &op : nest.body().without_terminator())
    if (op.getNumResults() == 1 && needed.contains(op.getResult(0)))
      cloneAsVector(b, &op, element, 1, [&](OpBuilder &b, Operation *op) {
        return evaluateAt(b, nest, op, element, parameters, point);
      });
  return element;
}

void RowCode::know(OpBuilder &b, Value v) {
  if (!values.contains(v) && !rows.isVarying(v))
    values.map(v, b.clone(*v.getDefiningOp())->getResult(0));
}

SmallVector<Value> RowCode::nestedLoops(OpBuilder &b, SmallVector<Value> &point,
                                        ArrayRef<Value> carried, Step step) {
  if (point.size() == nest.dims)
    return step(b, point, carried);
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  auto loop = scf::ForOp::create(
      b, loc, zero, extents[point.size()], one, carried,
      [&](OpBuilder &b, Location, Value at, ValueRange carried) {
        point.push_back(at);
        scf::YieldOp::create(b, loc, nestedLoops(b, point, SmallVector<Value>(carried), step));
        point.pop_back();
      });
  return loop.getResults();
}

SmallVector<Value> RowCode::forElements(OpBuilder &b, ArrayRef<Value> row, ArrayRef<Value> start,
                                        Step step) {
  SmallVector<Value> point(row);
  if (!isShared)
    return nestedLoops(b, point, start, step);
  ArrayRef<Value> axes = extents.drop_front(firstAxis());
  auto loop =
      scf::ForOp::create(b, loc, threadIndex(b, loc), product(b, loc, axes), blockThreads(b, loc),
                         start, [&](OpBuilder &b, Location, Value at, ValueRange carried) {
                           llvm::append_range(point, delinearize(b, loc, at, axes));
                           scf::YieldOp::create(b, loc, step(b, point, carried));
                         });
  return loop.getResults();
}

void RowCode::combine(OpBuilder &b, unsigned phase, ArrayRef<Value> row) {
  SmallVector<kernel::CombineOp> combines = rows.phases[phase];
  SmallVector<Reduction> reductions;
  SmallVector<Value> start;
  for (kernel::CombineOp combine : combines) {
    know(b, combine.getValue());
    reductions.emplace_back(combine.getKind(), combine.getType());
    llvm::append_range(start, reductions.back().start(b, loc, 1));
  }
  SmallVector<Value> sums =
      forElements(b, row, start, [&](OpBuilder &b, ValueRange point, ValueRange carried) {
        IRMapping element = evaluateElement(b, phase, point);
        SmallVector<Value> next;
        for (auto [combine, reduction] : llvm::zip(combines, reductions)) {
          llvm::append_range(next, reduction.add(b, loc, carried.take_front(reduction.width()),
                                                 element.lookup(combine.getValue()), nullptr));
          carried = carried.drop_front(reduction.width());
        }
        return next;
      });
  ArrayRef<Value> rest = sums;
  for (auto [combine, reduction] : llvm::zip(combines, reductions)) {
    SmallVector<Value> carried(rest.take_front(reduction.width()));
    rest = rest.drop_front(reduction.width());
    if (isShared)
      carried = mergeThreads(b, reduction, carried);
    values.map(combine.getResult(), reduction.finish(b, loc, carried));
  }
}

//===----------------------------------------------------------------------===//
// Threads of a row
//===----------------------------------------------------------------------===//

/// A butterfly: afterwards every lane of the warp has the combination of all.
SmallVector<Value> RowCode::mergeLanes(OpBuilder &b, const Reduction &reduction,
                                       SmallVector<Value> carried) {
  for (int64_t distance = warpSize / 2; distance > 0; distance /= 2) {
    SmallVector<Value> other;
    for (Value v : carried)
      other.push_back(shuffleXor(b, loc, v, distance));
    carried = reduction.merge(b, loc, carried, other);
  }
  return carried;
}

SmallVector<Value> RowCode::mergeThreads(OpBuilder &b, const Reduction &reduction,
                                         SmallVector<Value> carried) {
  carried = mergeLanes(b, reduction, carried);
  Value several = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, blockThreads(b, loc),
                                        indexConstant(b, loc, warpSize));
  auto merged = scf::IfOp::create(
      b, loc, several,
      [&](OpBuilder &b, Location) {
        scf::YieldOp::create(b, loc, mergeWarps(b, reduction, carried));
      },
      [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, carried); });
  return merged.getResults();
}

/// Every warp leaves its part in shared memory and then merges all of them. Each
/// combination has a place of its own, so nothing is written that may yet be read.
SmallVector<Value> RowCode::mergeWarps(OpBuilder &b, const Reduction &reduction,
                                       ValueRange carried) {
  constexpr int64_t mostWarps = rowThreads / warpSize;
  Value size = indexConstant(b, loc, warpSize), thread = threadIndex(b, loc);
  Value lane = arith::RemUIOp::create(b, loc, thread, size);
  Value warp = arith::DivUIOp::create(b, loc, thread, size);
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane, indexConstant(b, loc, 0));
  auto identity = AffineMap::getMultiDimIdentityMap(1, b.getContext());
  SmallVector<Value> parts;
  for (Value v : carried)
    parts.push_back(simt.shared(b, loc, {mostWarps}, v.getType()));
  scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &b, Location) {
    for (auto [part, v] : llvm::zip(parts, carried))
      storeLanes(b, loc, v, part, identity, warp, 0, 1, nullptr);
    scf::YieldOp::create(b, loc);
  });
  barrier(b, loc);
  Value warps = arith::DivUIOp::create(b, loc, blockThreads(b, loc), size);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, lane, warps);
  Value from = arith::SelectOp::create(b, loc, exists, lane, indexConstant(b, loc, 0));
  SmallVector<Value> merged;
  for (auto [part, v, neutral] : llvm::zip(parts, carried, reduction.start(b, loc, 1))) {
    Value stored = memref::LoadOp::create(b, loc, part, from);
    Value value = fromStorage(b, loc, stored, v.getType());
    merged.push_back(arith::SelectOp::create(b, loc, exists, value, neutral));
  }
  return mergeLanes(b, reduction, merged);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void RowCode::store(OpBuilder &b, ArrayRef<Value> row) {
  unsigned last = rows.phases.size();
  auto yielded = nest.body().getTerminator()->getOperands();
  auto stores = [&](unsigned i) { return nest.usesAxis(nest.maps[nest.inputs + i]); };
  if (llvm::none_of(llvm::seq<unsigned>(0, yielded.size()), stores))
    return;
  for (Value v : yielded)
    know(b, v);
  forElements(b, row, {}, [&](OpBuilder &b, ValueRange point, ValueRange) {
    IRMapping element = evaluateElement(b, last, point);
    for (auto [i, v] : llvm::enumerate(yielded))
      if (stores(i))
        storeLanes(b, loc, element.lookup(v), parameters[nest.inputs + i],
                   nest.maps[nest.inputs + i], point, 0, 1, nullptr);
    return SmallVector<Value>();
  });
}

void RowCode::storeUniform(OpBuilder &b, ArrayRef<Value> row) {
  SmallVector<Value> first = firstPoint(b, row);
  for (Value v : nest.body().getTerminator()->getOperands())
    know(b, v);
  auto storeAll = [&](OpBuilder &b) {
    for (auto [i, v] : llvm::enumerate(nest.body().getTerminator()->getOperands())) {
      AffineMap map = nest.maps[nest.inputs + i];
      if (nest.usesAxis(map))
        continue;
      storeLanes(b, loc, values.lookup(v), parameters[nest.inputs + i], map, first, 0, 1, nullptr);
    }
  };
  if (!isShared)
    return storeAll(b);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, threadIndex(b, loc),
                                        indexConstant(b, loc, 0));
  scf::IfOp::create(b, loc, isFirst, [&](OpBuilder &b, Location) {
    storeAll(b);
    scf::YieldOp::create(b, loc);
  });
}

/// Whether a block should work on each row.
bool sharesRows(const Nest &nest) {
  int64_t elements = 1;
  for (unsigned axis = nest.dims - nest.axes; axis < nest.dims; ++axis) {
    int64_t extent = nest.staticExtent(axis);
    elements = ShapedType::isDynamic(extent) || ShapedType::isDynamic(elements)
                   ? ShapedType::kDynamic
                   : elements * extent;
  }
  if (!ShapedType::isDynamic(elements) && elements <= shortRow)
    return false;
  // Rows of an array along its outer dimensions are read across.
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (!nest.isFetched(n) && nest.usesAxis(nest.maps[n]))
      return classify(nest.typeOf(n), nest.maps[n], nest.dims - 1, warpSize) == Access::contiguous;
  return true;
}

/// As many threads as a row has elements, in whole warps.
Value threadsFor(OpBuilder &host, Location loc, Value elements) {
  Value size = indexConstant(host, loc, warpSize), most = indexConstant(host, loc, rowThreads);
  Value some = arith::MaxUIOp::create(host, loc, elements, indexConstant(host, loc, 1));
  Value whole = arith::MulIOp::create(host, loc, ceilDiv(host, loc, some, size), size);
  return arith::MinUIOp::create(host, loc, whole, most);
}

} // namespace

LogicalResult emitRows(Simt &simt, OpBuilder &host, kernel::RowsOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, op.getAxes(), op.getExtents());
  if (failed(nest))
    return failure();
  FailureOr<RowPhases> rows = RowPhases::create(std::move(*nest));
  if (failed(rows))
    return failure();
  Location loc = op.getLoc();
  unsigned firstAxis = rows->nest.dims - rows->nest.axes;
  bool shared = sharesRows(rows->nest);
  SmallVector<Value> extents = rows->nest.extents(host, loc, rows->nest.operands);
  Value count = product(host, loc, ArrayRef(extents).take_front(firstAxis));
  Value elements = product(host, loc, ArrayRef(extents).drop_front(firstAxis));
  Grid grid = shared ? Grid{count, threadsFor(host, loc, elements), rowThreads}
                     : gridFor(host, loc, count, serialThreads);
  std::string key = rows->nest.key() + (shared ? "/shared" : "/serial");
  simt.launch(host, op, "rows", key, rows->nest.arguments(), grid,
              [&](OpBuilder &b, ValueRange parameters) {
                SmallVector<Value> extents = rows->nest.extents(b, loc, parameters);
                ArrayRef<Value> numbers = ArrayRef(extents).take_front(firstAxis);
                auto emit = [&](OpBuilder &b, Value row) {
                  RowCode(simt, *rows, shared, parameters, extents)
                      .emit(b, delinearize(b, loc, row, numbers));
                };
                if (shared)
                  emit(b, blockIndex(b, loc));
                else
                  forItem(b, loc, product(b, loc, numbers), serialThreads, emit);
              });
  return success();
}

} // namespace strut::gpu
