//===- Rows.cpp - kernel.rows as tasks of rows ----------------------------===//
//
// A task is some rows or, across rows, some blocks of lanes and of rows.
//
//===----------------------------------------------------------------------===//
#include "RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::cpu {
namespace {

class RowsEmitter {
public:
  RowsEmitter(RowsPlan plan, int64_t lanes) : plan(std::move(plan)), lanes(lanes) {
    if (this->plan.blockDim) {
      groups = this->plan.blockSize;
    } else if (!this->plan.along) {
      groups = 4;
      for (unsigned p = 0; p <= this->plan.phases.size(); ++p)
        if (this->plan.isExpensive(p))
          groups = 2;
    }
  }

  Emitter::Launch emit(Emitter &emitter, OpBuilder &host);

private:
  /// How the rows are cut: computed alike in the host and in the task.
  struct Cut {
    SmallVector<Value> extents;
    /// What numbers a unit: row dimensions, then blocks of rows, then blocks of lanes.
    SmallVector<Value> counts;
    Value units, unitsPerTask;
  };
  Cut cut(OpBuilder &b, ValueRange operands) const;
  void emitTask(OpBuilder &b, ValueRange parameters, Value task);
  void emitUnit(OpBuilder &b, ValueRange parameters, const Cut &whole, Value unit);
  void emitBlock(OpBuilder &b, ValueRange parameters, const Cut &whole, SmallVector<Value> row);
  unsigned firstAxis() const { return plan.nest.dims - plan.nest.axes; }

  RowsPlan plan;
  int64_t lanes;
  unsigned groups = 1;
  Location loc{plan.nest.op->getLoc()};
};

RowsEmitter::Cut RowsEmitter::cut(OpBuilder &b, ValueRange operands) const {
  Cut cut;
  cut.extents = plan.nest.extents(b, loc, operands);
  for (unsigned d = 0; d < firstAxis(); ++d)
    if (d != plan.laneDim && d != plan.blockDim)
      cut.counts.push_back(cut.extents[d]);
  Value elements = product(b, loc, ArrayRef(cut.extents).drop_front(firstAxis()));
  if (plan.blockDim)
    cut.counts.push_back(
        ceilDiv(b, loc, cut.extents[*plan.blockDim], indexConstant(b, loc, groups)));
  if (!plan.along) {
    Value width = indexConstant(b, loc, plan.blockDim ? lanes : groups * lanes);
    cut.counts.push_back(ceilDiv(b, loc, cut.extents[plan.laneDim], width));
    elements = arith::MulIOp::create(b, loc, elements, indexConstant(b, loc, groups * lanes));
  }
  Value one = indexConstant(b, loc, 1);
  elements = arith::MaxUIOp::create(b, loc, elements, one);
  cut.units = product(b, loc, cut.counts);
  cut.unitsPerTask = arith::MaxUIOp::create(
      b, loc, arith::DivUIOp::create(b, loc, indexConstant(b, loc, elementsPerTask), elements),
      one);
  return cut;
}

Emitter::Launch RowsEmitter::emit(Emitter &emitter, OpBuilder &host) {
  Cut whole = cut(host, plan.nest.operands);
  Value tasks = ceilDiv(host, loc, whole.units, whole.unitsPerTask);
  std::string key = plan.nest.key();
  llvm::raw_string_ostream os(key);
  os << plan.laneDim << '/' << groups;
  for (unsigned axis = plan.firstUnrolled; axis < plan.nest.dims; ++axis)
    os << '/' << plan.nest.staticExtent(axis);
  return emitter.launch(
      host, loc, "rows", key, plan.nest.arguments(), tasks,
      [&](OpBuilder &b, ValueRange parameters, Value task) { emitTask(b, parameters, task); });
}

void RowsEmitter::emitTask(OpBuilder &b, ValueRange parameters, Value task) {
  Cut whole = cut(b, parameters);
  Value begin = arith::MulIOp::create(b, loc, task, whole.unitsPerTask);
  Value end = arith::MinUIOp::create(
      b, loc, arith::AddIOp::create(b, loc, begin, whole.unitsPerTask), whole.units);
  scf::ForOp::create(b, loc, begin, end, indexConstant(b, loc, 1), {},
                     [&](OpBuilder &b, Location, Value unit, ValueRange) {
                       emitUnit(b, parameters, whole, unit);
                       scf::YieldOp::create(b, loc);
                     });
}

void RowsEmitter::emitUnit(OpBuilder &b, ValueRange parameters, const Cut &whole, Value unit) {
  SmallVector<Value> row = delinearize(b, loc, unit, whole.counts);
  if (plan.along) {
    RowEmitter(plan, lanes, parameters, whole.extents, 1, nullptr).emit(b, row);
    return;
  }
  if (plan.blockDim)
    return emitBlock(b, parameters, whole, row);
  Value block = row.pop_back_val(), step = indexConstant(b, loc, lanes);
  Value size = indexConstant(b, loc, groups * lanes), length = whole.extents[plan.laneDim];
  Value begin = arith::MulIOp::create(b, loc, block, size);
  Value end = arith::AddIOp::create(b, loc, begin, size);
  row.insert(row.begin() + plan.laneDim, begin);
  Value full = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, end, length);
  scf::IfOp::create(
      b, loc, full,
      [&](OpBuilder &b, Location) {
        RowEmitter(plan, lanes, parameters, whole.extents, groups, nullptr).emit(b, row);
        scf::YieldOp::create(b, loc);
      },
      [&](OpBuilder &b, Location) {
        scf::ForOp::create(
            b, loc, begin, length, step, {}, [&](OpBuilder &b, Location, Value at, ValueRange) {
              row[plan.laneDim] = at;
              Value count = arith::SubIOp::create(b, loc, length, at);
              RowEmitter(plan, lanes, parameters, whole.extents, 1, count).emit(b, row);
              scf::YieldOp::create(b, loc);
            });
        scf::YieldOp::create(b, loc);
      });
}

/// A block of rows times a vector of lanes; the rows that fill no block are computed
/// one by one.
void RowsEmitter::emitBlock(OpBuilder &b, ValueRange parameters, const Cut &whole,
                            SmallVector<Value> row) {
  unsigned blockDim = *plan.blockDim;
  Value width = indexConstant(b, loc, lanes), size = indexConstant(b, loc, groups);
  Value lane = arith::MulIOp::create(b, loc, row.pop_back_val(), width);
  Value begin = arith::MulIOp::create(b, loc, row.pop_back_val(), size);
  row.insert(row.begin() + std::min(blockDim, plan.laneDim),
             blockDim < plan.laneDim ? begin : lane);
  row.insert(row.begin() + std::max(blockDim, plan.laneDim),
             blockDim < plan.laneDim ? lane : begin);
  Value count = arith::SubIOp::create(b, loc, whole.extents[plan.laneDim], lane);
  Value isWide = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, count, width);
  Value end = arith::AddIOp::create(b, loc, begin, size), length = whole.extents[blockDim];
  Value isFull = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, end, length);
  auto emit = [&](OpBuilder &b, unsigned rows, Value count) {
    RowEmitter(plan, lanes, parameters, whole.extents, rows, count).emit(b, row);
    scf::YieldOp::create(b, loc);
  };
  scf::IfOp::create(
      b, loc, isFull,
      [&](OpBuilder &b, Location) {
        scf::IfOp::create(
            b, loc, isWide, [&](OpBuilder &b, Location) { emit(b, groups, nullptr); },
            [&](OpBuilder &b, Location) { emit(b, groups, count); });
        scf::YieldOp::create(b, loc);
      },
      [&](OpBuilder &b, Location) {
        scf::ForOp::create(b, loc, begin, length, indexConstant(b, loc, 1), {},
                           [&](OpBuilder &b, Location, Value at, ValueRange) {
                             row[blockDim] = at;
                             emit(b, 1, count);
                           });
        scf::YieldOp::create(b, loc);
      });
}

} // namespace

FailureOr<Launches> emitRows(Emitter &emitter, OpBuilder &host, kernel::RowsOp op) {
  int64_t lanes = emitter.getTarget().lanes();
  FailureOr<Nest> nest = Nest::create(host, op, op.getAxes(), op.getExtents(), unpackPanel);
  if (failed(nest))
    return failure();
  FailureOr<RowsPlan> plan = RowsPlan::create(*nest, lanes);
  if (failed(plan))
    return failure();
  Launches launches;
  launches.push_back(RowsEmitter(*plan, lanes).emit(emitter, host));
  return launches;
}

} // namespace strut::cpu
