//===- Contract.cpp - kernel.contract by register tiles of single FMAs ----===//
//
// A block computes a tile of the result for one batch index. It walks along k in steps: all
// threads load a slice of both operands into shared memory, converted to the accumulator's
// type, then each adds the products of a small tile of its own. Rows, columns and the
// summed dimensions are each numbered as one, so windows (a convolution) and any number of
// dimensions take the same way. The sum runs in the order of k, whatever the shape.
//
//===----------------------------------------------------------------------===//
#include "Simt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t tile = 64;     ///< rows and columns of a block
constexpr int64_t step = 16;     ///< of k
constexpr int64_t perThread = 4; ///< rows and columns of a thread
constexpr int64_t threads = (tile / perThread) * (tile / perThread);
constexpr int64_t padded = tile + 4; ///< of a row in shared memory, against bank conflicts

/// Dimensions of the iteration space that are numbered as one.
struct Group {
  SmallVector<unsigned> dims;
  SmallVector<Value> extents;
  Value size;
};

class ContractCode {
public:
  ContractCode(Simt &simt, const Nest &nest, Type accumulator)
      : simt(simt), nest(nest), roles(kernel::ContractOp::rolesOf(nest.maps)),
        accumulator(accumulator), loc(nest.op->getLoc()) {}

  /// Blocks of the grid, from the operands in the host function.
  Value blocks(OpBuilder &host);
  void emit(OpBuilder &b, ValueRange parameters);

private:
  void setGroups(OpBuilder &b, ValueRange operands);
  Group group(OpBuilder &b, ArrayRef<unsigned> dims, ArrayRef<Value> extents);
  void place(OpBuilder &b, SmallVector<Value> &point, const Group &group, Value number);
  /// Copies this thread's part of a slice of an operand to shared memory.
  void loadSlice(OpBuilder &b, unsigned operand, Value memory, const Group &along, Value first,
                 Value k);
  SmallVector<Value> addProducts(OpBuilder &b, ValueRange sums);
  void finish(OpBuilder &b, ValueRange sums);
  void finishElement(OpBuilder &b, Value row, Value column, Value sum);
  Value widened(OpBuilder &b, Value v);
  Value add(OpBuilder &b, Value i, int64_t offset) {
    return arith::AddIOp::create(b, loc, i, indexConstant(b, loc, offset));
  }
  /// `number` where it is below `count`, else 0, which is in bounds; and whether it is.
  std::pair<Value, Value> clamp(OpBuilder &b, Value number, Value count);

  Simt &simt;
  const Nest &nest;
  kernel::ContractOp::Roles roles;
  Type accumulator;
  Location loc;

  Group batch, m, n, k;
  ValueRange parameters;
  SmallVector<Value> origin; ///< the point of the batch index, other dimensions 0
  Value lhs, rhs;            ///< slices in shared memory, [k][row or column]
  Value firstRow, firstColumn, threadRow, threadColumn;
};

Group ContractCode::group(OpBuilder &b, ArrayRef<unsigned> dims, ArrayRef<Value> extents) {
  Group group;
  group.dims.assign(dims.begin(), dims.end());
  for (unsigned d : dims)
    group.extents.push_back(extents[d]);
  group.size = product(b, loc, group.extents);
  return group;
}

void ContractCode::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  batch = group(b, roles.batch, extents);
  m = group(b, roles.m, extents);
  n = group(b, roles.n, extents);
  k = group(b, roles.k, extents);
}

Value ContractCode::blocks(OpBuilder &host) {
  setGroups(host, nest.operands);
  Value size = indexConstant(host, loc, tile);
  return product(host, loc,
                 {batch.size, ceilDiv(host, loc, m.size, size), ceilDiv(host, loc, n.size, size)});
}

void ContractCode::place(OpBuilder &b, SmallVector<Value> &point, const Group &group,
                         Value number) {
  for (auto [d, index] : llvm::zip(group.dims, delinearize(b, loc, number, group.extents)))
    point[d] = index;
}

std::pair<Value, Value> ContractCode::clamp(OpBuilder &b, Value number, Value count) {
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, count);
  Value safe = arith::SelectOp::create(b, loc, inside, number, indexConstant(b, loc, 0));
  return {safe, inside};
}

Value ContractCode::widened(OpBuilder &b, Value v) {
  if (v.getType() == accumulator)
    return v;
  if (isa<FloatType>(accumulator))
    return arith::ExtFOp::create(b, loc, accumulator, v);
  return arith::ExtSIOp::create(b, loc, accumulator, v);
}

void ContractCode::loadSlice(OpBuilder &b, unsigned operand, Value memory, const Group &along,
                             Value first, Value firstK) {
  // Neighbouring threads read neighbouring elements, whichever way the operand lies.
  bool alongK = !k.dims.empty() && classify(nest.typeOf(operand), nest.maps[operand], k.dims.back(),
                                            warpSize) == Access::contiguous;
  int64_t inner = alongK ? step : tile;
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
  auto identity = AffineMap::getMultiDimIdentityMap(2, b.getContext());
  for (int64_t part = 0; part < tile * step / threads; ++part) {
    Value element = add(b, threadIndex(b, loc), part * threads);
    Value width = indexConstant(b, loc, inner);
    Value fast = arith::RemUIOp::create(b, loc, element, width);
    Value slow = arith::DivUIOp::create(b, loc, element, width);
    Value ofK = alongK ? fast : slow, ofRow = alongK ? slow : fast;
    auto [row, rowInside] = clamp(b, arith::AddIOp::create(b, loc, first, ofRow), along.size);
    auto [depth, depthInside] = clamp(b, arith::AddIOp::create(b, loc, firstK, ofK), k.size);
    SmallVector<Value> point(origin);
    place(b, point, along, row);
    place(b, point, k, depth);
    Value loaded =
        loadElement(b, loc, parameters[operand], applyMap(b, loc, nest.maps[operand], point));
    Value inside = arith::AndIOp::create(b, loc, rowInside, depthInside);
    Value value = arith::SelectOp::create(b, loc, inside, widened(b, loaded), zero);
    storeLanes(b, loc, value, memory, identity, {ofK, ofRow}, 0, 1, nullptr);
  }
}

SmallVector<Value> ContractCode::addProducts(OpBuilder &b, ValueRange sums) {
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  auto loop = scf::ForOp::create(
      b, loc, zero, indexConstant(b, loc, step), one, sums,
      [&](OpBuilder &b, Location, Value depth, ValueRange carried) {
        SmallVector<Value> rows, columns, next;
        for (int64_t i = 0; i < perThread; ++i) {
          rows.push_back(
              memref::LoadOp::create(b, loc, lhs, ValueRange{depth, add(b, threadRow, i)}));
          columns.push_back(
              memref::LoadOp::create(b, loc, rhs, ValueRange{depth, add(b, threadColumn, i)}));
        }
        for (auto [i, sum] : llvm::enumerate(carried)) {
          Value x = rows[i / perThread], y = columns[i % perThread];
          if (isa<FloatType>(accumulator))
            next.push_back(math::FmaOp::create(b, loc, x, y, sum));
          else
            next.push_back(arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, x, y), sum));
        }
        scf::YieldOp::create(b, loc, next);
      });
  return loop.getResults();
}

void ContractCode::emit(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setGroups(b, parameters);
  lhs = simt.shared(b, loc, {step, padded}, accumulator);
  rhs = simt.shared(b, loc, {step, padded}, accumulator);
  Value size = indexConstant(b, loc, tile), thread = threadIndex(b, loc);
  SmallVector<Value> block =
      delinearize(b, loc, blockIndex(b, loc),
                  {batch.size, ceilDiv(b, loc, m.size, size), ceilDiv(b, loc, n.size, size)});
  origin.assign(nest.dims, indexConstant(b, loc, 0));
  place(b, origin, batch, block[0]);
  firstRow = arith::MulIOp::create(b, loc, block[1], size);
  firstColumn = arith::MulIOp::create(b, loc, block[2], size);
  Value across = indexConstant(b, loc, tile / perThread), own = indexConstant(b, loc, perThread);
  threadRow = arith::MulIOp::create(b, loc, arith::DivUIOp::create(b, loc, thread, across), own);
  threadColumn = arith::MulIOp::create(b, loc, arith::RemUIOp::create(b, loc, thread, across), own);

  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
  SmallVector<Value> start(perThread * perThread, zero);
  auto loop =
      scf::ForOp::create(b, loc, indexConstant(b, loc, 0), k.size, indexConstant(b, loc, step),
                         start, [&](OpBuilder &b, Location, Value at, ValueRange sums) {
                           loadSlice(b, 0, lhs, m, firstRow, at);
                           loadSlice(b, 1, rhs, n, firstColumn, at);
                           barrier(b, loc);
                           SmallVector<Value> next = addProducts(b, sums);
                           barrier(b, loc);
                           scf::YieldOp::create(b, loc, next);
                         });
  finish(b, loop.getResults());
}

void ContractCode::finish(OpBuilder &b, ValueRange sums) {
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value row = arith::AddIOp::create(b, loc, firstRow, add(b, threadRow, i / perThread));
    Value column = arith::AddIOp::create(b, loc, firstColumn, add(b, threadColumn, i % perThread));
    Value inside = arith::AndIOp::create(
        b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, m.size),
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, column, n.size));
    scf::IfOp::create(b, loc, inside, [&, sum = sum](OpBuilder &b, Location) {
      finishElement(b, row, column, sum);
      scf::YieldOp::create(b, loc);
    });
  }
}

/// The epilogue of one element.
void ContractCode::finishElement(OpBuilder &b, Value row, Value column, Value sum) {
  SmallVector<Value> point(origin);
  place(b, point, m, row);
  place(b, point, n, column);
  IRMapping values = nest.captured(parameters);
  values.map(nest.body().getArgument(0), sum);
  for (unsigned operand = 2; operand < nest.inputs; ++operand)
    if (Value argument = nest.body().getArgument(operand - 1); !isa<NoneType>(argument.getType()))
      values.map(argument, loadElement(b, loc, parameters[operand],
                                       applyMap(b, loc, nest.maps[operand], point)));
  cloneAsVectors(b, nest.body(), values, 1, [&](OpBuilder &b, Operation *op) {
    return evaluateAt(b, nest, op, values, parameters, point);
  });
  storeLanes(b, loc, values.lookup(nest.body().getTerminator()->getOperand(0)),
             parameters[nest.inputs], nest.maps.back(), point, 0, 1, nullptr);
}

} // namespace

LogicalResult emitContract(Simt &simt, OpBuilder &host, kernel::ContractOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  Type accumulator = kernel::ContractOp::getAccumulatorType(nest->typeOf(0).getElementType());
  ContractCode code(simt, *nest, accumulator);
  Location loc = op.getLoc();
  Grid grid{code.blocks(host), indexConstant(host, loc, threads), threads};
  simt.launch(host, op, "contract", nest->key(), nest->arguments(), grid,
              [&](OpBuilder &b, ValueRange parameters) { code.emit(b, parameters); });
  return success();
}

} // namespace strut::gpu
