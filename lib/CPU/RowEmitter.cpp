//===- RowEmitter.cpp - The passes over one row of kernel.rows ------------===//
//
// Lanes run along an axis of the row, with several vectors of running combinations
// that are folded at its end, or across rows, one row a lane. The order in which
// the elements of a row are combined depends on its length alone.
//
//===----------------------------------------------------------------------===//
#include "RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Emit/Reduction.h"

using namespace mlir;

namespace strut::cpu {

void RowEmitter::emit(OpBuilder &b, ArrayRef<Value> row) {
  Iterators iterators(row);
  iterators.resize(nest.dims, indexConstant(b, loc, 0));
  emitUniform(b, iterators, 0);
  for (unsigned phase = 0; phase < plan.phases.size(); ++phase) {
    emitCombines(b, iterators, phase);
    emitUniform(b, iterators, phase + 1);
  }
  if (!plan.goals(plan.phases.size()).empty())
    emitResults(b, iterators);
  storeUniform(b, iterators);
}

RowEmitter::Iterators RowEmitter::atGroup(OpBuilder &b, Iterators iterators, unsigned group) {
  if (plan.along || group == 0)
    return iterators;
  unsigned dim = plan.blockDim.value_or(plan.laneDim);
  Value ahead = indexConstant(b, loc, plan.blockDim ? group : group * lanes);
  iterators[dim] = arith::AddIOp::create(b, loc, iterators[dim], ahead);
  return iterators;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value RowEmitter::special(OpBuilder &b, Operation *op, IRMapping &values,
                          const Iterators &iterators, Value limit) {
  if (auto index = dyn_cast<kernel::IndexOp>(op)) {
    unsigned dim = nest.dimOf(index);
    return dim == plan.laneDim ? laneIndices(b, loc, iterators[dim], lanes) : iterators[dim];
  }
  auto fetch = cast<kernel::FetchOp>(op);
  SmallVector<Value> indices;
  for (Value v : fetch.getIndices())
    indices.push_back(values.lookup(v));
  return fetchLanes(b, loc, parameters[fetch.getInput()], indices, lanes, limit,
                    nest.mayBeEmpty(fetch.getInput()));
}

/// A value of the body at an element; uniform ones are known.
Value RowEmitter::evaluate(OpBuilder &b, Value v, unsigned phase, IRMapping &values,
                           const Iterators &iterators, Value limit) {
  if (Value known = values.lookupOrNull(v))
    return known;
  auto load = [&](unsigned operand) {
    Value loaded = loadLanes(b, loc, parameters[operand], nest.maps[operand], iterators,
                             plan.laneDim, lanes, limit);
    values.map(v, loaded);
    return loaded;
  };
  if (plan.kept && v == plan.kept->value && phase > plan.kept->phase)
    return load(plan.kept->init);
  if (auto argument = dyn_cast<BlockArgument>(v))
    return load(argument.getArgNumber());
  Operation *op = v.getDefiningOp();
  if (op->getBlock() != &nest.body()) // a constant that was hoisted
    values.map(v, b.clone(*op)->getResult(0));
  else {
    for (Value operand : op->getOperands())
      evaluate(b, operand, phase, values, iterators, limit);
    cloneAsVector(b, op, values, lanes, [&](OpBuilder &b, Operation *op) {
      return special(b, op, values, iterators, limit);
    });
  }
  return values.lookup(v);
}

void RowEmitter::emitUniform(OpBuilder &b, const Iterators &iterators, unsigned level) {
  for (auto [g, values] : llvm::enumerate(groups)) {
    Iterators at = atGroup(b, iterators, g);
    for (unsigned n = 0; level == 0 && n < nest.inputs; ++n) {
      BlockArgument argument = nest.body().getArgument(n);
      if (!nest.isFetched(n) && !argument.use_empty() && !plan.isVarying(argument))
        values.map(argument,
                   loadLanes(b, loc, parameters[n], nest.maps[n], at, plan.laneDim, lanes, count));
    }
    for (Operation &op : nest.body().without_terminator())
      if (plan.level.lookup(&op) == level && !isa<kernel::CombineOp>(op) &&
          !plan.isVarying(op.getResult(0)))
        cloneAsVector(b, &op, values, lanes, [&, &values = values](OpBuilder &b, Operation *op) {
          return special(b, op, values, at, count);
        });
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

RowEmitter::Carried RowEmitter::loopOverAxes(OpBuilder &b, Iterators iterators, unsigned next,
                                             Carried carried, Inner inner) {
  if (next == plan.laneDim)
    ++next;
  if (next >= nest.dims)
    return inner(b, iterators, carried);
  if (next >= plan.firstUnrolled) {
    for (int64_t at = 0; at < nest.staticExtent(next); ++at) {
      iterators[next] = indexConstant(b, loc, at);
      carried = loopOverAxes(b, iterators, next + 1, carried, inner);
    }
    return carried;
  }
  auto loop = scf::ForOp::create(
      b, loc, indexConstant(b, loc, 0), extents[next], indexConstant(b, loc, 1), carried,
      [&](OpBuilder &b, Location, Value at, ValueRange values) {
        iterators[next] = at;
        scf::YieldOp::create(b, loc, loopOverAxes(b, iterators, next + 1, Carried(values), inner));
      });
  return Carried(loop.getResults());
}

RowEmitter::Carried RowEmitter::loopOverLanes(OpBuilder &b, Iterators iterators, unsigned copies,
                                              Carried carried, Step step) {
  unsigned width = carried.size() / copies;
  Value length = extents[plan.laneDim], zero = indexConstant(b, loc, 0);
  auto loop = [&](unsigned vectors, Value begin, Value end, Carried start) {
    auto op = scf::ForOp::create(
        b, loc, begin, end, indexConstant(b, loc, vectors * lanes), start,
        [&](OpBuilder &b, Location, Value at, ValueRange values) {
          Carried next;
          for (unsigned v = 0; v < vectors; ++v) {
            iterators[plan.laneDim] =
                v == 0 ? at : arith::AddIOp::create(b, loc, at, indexConstant(b, loc, v * lanes));
            llvm::append_range(next,
                               step(b, iterators, nullptr, v, values.slice(v * width, width)));
          }
          scf::YieldOp::create(b, loc, next);
        });
    return Carried(op.getResults());
  };
  Value rest = arith::RemUIOp::create(b, loc, length, indexConstant(b, loc, lanes));
  Value full = arith::SubIOp::create(b, loc, length, rest), begin = zero;
  if (copies > 1) {
    Value odd = arith::RemUIOp::create(b, loc, length, indexConstant(b, loc, copies * lanes));
    Value end = arith::SubIOp::create(b, loc, length, odd);
    carried = loop(copies, zero, end, carried);
    begin = end;
  }
  Carried first = loop(1, begin, full, Carried(carried.begin(), carried.begin() + width));
  Value masked = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, zero);
  iterators[plan.laneDim] = full;
  auto tail = scf::IfOp::create(
      b, loc, masked,
      [&](OpBuilder &b, Location) {
        scf::YieldOp::create(b, loc, step(b, iterators, rest, 0, first));
      },
      [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, first); });
  llvm::copy(tail.getResults(), carried.begin());
  return carried;
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

static SmallVector<Reduction> reductionsOf(ArrayRef<kernel::CombineOp> combines) {
  SmallVector<Reduction> reductions;
  for (kernel::CombineOp combine : combines)
    reductions.emplace_back(combine.getKind(), combine.getType());
  return reductions;
}

/// Takes one vector of elements into the combinations of a phase.
RowEmitter::Carried RowEmitter::accumulate(OpBuilder &b, unsigned phase, unsigned group,
                                           const Iterators &iterators, Value limit,
                                           ValueRange carried) {
  IRMapping values = groups[group];
  Value mask = plan.along && limit ? laneMask(b, loc, lanes, limit) : Value();
  Carried result;
  SmallVector<kernel::CombineOp> combines(plan.phases[phase]);
  for (auto [combine, reduction] : llvm::zip(combines, reductionsOf(combines))) {
    auto valueOf = [&](Value v) {
      return asVector(b, loc, evaluate(b, v, phase, values, iterators, limit), lanes);
    };
    ValueRange share = carried.take_front(reduction.width());
    auto product = combine.getValue().getDefiningOp<arith::MulFOp>();
    if (product && reduction.isFloatSum() && product->getBlock() == &nest.body()) {
      Value x = valueOf(product.getLhs()), y = valueOf(product.getRhs());
      llvm::append_range(result, reduction.addProduct(b, loc, share, x, y, mask));
    } else {
      llvm::append_range(result, reduction.add(b, loc, share, valueOf(combine.getValue()), mask));
    }
    carried = carried.drop_front(reduction.width());
  }
  if (plan.kept && plan.kept->phase == phase)
    storeLanes(b, loc, values.lookup(plan.kept->value), parameters[plan.kept->init],
               nest.maps[plan.kept->init], iterators, plan.laneDim, lanes, limit);
  return result;
}

void RowEmitter::emitCombines(OpBuilder &b, const Iterators &iterators, unsigned phase) {
  SmallVector<kernel::CombineOp> combines(plan.phases[phase]);
  SmallVector<Reduction> reductions = reductionsOf(combines);
  unsigned firstAxis = nest.dims - nest.axes;
  // Independent sums hide the latency of an addition; an exponential hides it itself.
  unsigned copies = !plan.along ? groups.size() : plan.isExpensive(phase) ? 2 : 4;
  Carried start;
  for (unsigned copy = 0; copy < copies; ++copy)
    for (const Reduction &reduction : reductions)
      llvm::append_range(start, reduction.start(b, loc, lanes));
  unsigned width = start.size() / copies;

  auto inner = [&](OpBuilder &b, const Iterators &at, Carried carried) -> Carried {
    if (plan.along)
      return loopOverLanes(
          b, at, copies, carried,
          [&](OpBuilder &b, const Iterators &at, Value limit, unsigned, ValueRange share) {
            return accumulate(b, phase, 0, at, limit, share);
          });
    Carried next;
    for (unsigned g = 0; g < groups.size(); ++g)
      llvm::append_range(next, accumulate(b, phase, g, atGroup(b, at, g), count,
                                          ValueRange(carried).slice(g * width, width)));
    return next;
  };
  Carried done = loopOverAxes(b, iterators, firstAxis, start, inner);

  unsigned offset = 0;
  for (auto [combine, reduction] : llvm::zip(combines, reductions)) {
    auto share = [&](unsigned copy) {
      return ValueRange(done).slice(copy * width + offset, reduction.width());
    };
    for (unsigned g = 0; g < groups.size(); ++g) {
      Carried total(share(g));
      for (unsigned copy = 1; plan.along && copy < copies; ++copy)
        total = reduction.merge(b, loc, total, share(copy));
      if (plan.along)
        total = reduction.fold(b, loc, total, lanes);
      groups[g].map(combine.getResult(), reduction.finish(b, loc, total));
    }
    offset += reduction.width();
  }
}

void RowEmitter::emitResults(OpBuilder &b, const Iterators &iterators) {
  unsigned last = plan.phases.size();
  auto store = [&](OpBuilder &b, unsigned group, const Iterators &at, Value limit) {
    IRMapping values = groups[group];
    SmallVector<std::pair<unsigned, Value>> results;
    for (auto [i, v] : llvm::enumerate(nest.body().getTerminator()->getOperands()))
      if (nest.usesAxis(nest.maps[operandOf(i)]))
        results.emplace_back(operandOf(i), evaluate(b, v, last, values, at, limit));
    for (auto [operand, value] : results)
      storeLanes(b, loc, value, parameters[operand], nest.maps[operand], at, plan.laneDim, lanes,
                 limit);
  };
  auto inner = [&](OpBuilder &b, const Iterators &at, Carried) -> Carried {
    if (plan.along)
      return loopOverLanes(
          b, at, 1, {},
          [&](OpBuilder &b, const Iterators &at, Value limit, unsigned, ValueRange) -> Carried {
            store(b, 0, at, limit);
            return {};
          });
    for (unsigned g = 0; g < groups.size(); ++g)
      store(b, g, atGroup(b, at, g), count);
    return {};
  };
  loopOverAxes(b, iterators, nest.dims - nest.axes, {}, inner);
}

void RowEmitter::storeUniform(OpBuilder &b, const Iterators &iterators) {
  for (auto [i, v] : llvm::enumerate(nest.body().getTerminator()->getOperands())) {
    unsigned operand = operandOf(i);
    if (nest.usesAxis(nest.maps[operand]))
      continue;
    for (auto [g, values] : llvm::enumerate(groups)) {
      Iterators at = atGroup(b, iterators, g);
      Value value = evaluate(b, v, plan.phases.size(), values, at, count);
      storeLanes(b, loc, value, parameters[operand], nest.maps[operand], at, plan.laneDim, lanes,
                 count);
    }
  }
}

} // namespace strut::cpu
