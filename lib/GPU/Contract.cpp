//===- Contract.cpp - kernel.contract by tensor cores or single FMAs ------===//
//
// By single FMAs, the sum runs in the order of k, whatever the shape.
//
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "TensorContract.h"
#include "WarpgroupContract.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t columns = 64; ///< of a block

Value add(OpBuilder &b, Location loc, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::AddFOp::create(b, loc, x, y);
  return arith::AddIOp::create(b, loc, x, y);
}

void emitBody(Simt &simt, OpBuilder &b, Contraction &code, Type accumulator) {
  Location loc = code.loc;
  kernel::ContractOp op = code.op;
  Tile tile(b, loc, accumulator, columns);
  Value lhs = tile.memory(simt, b, Tile::steps, Tile::rows);
  Value rhs = tile.memory(simt, b, Tile::steps, columns);
  SmallVector<SmallVector<Value>> sums(op.getNumSums());
  for (unsigned product = 0; product < op.getNumProducts(); ++product) {
    SmallVector<Value> made = tile.multiply(b, code.lhs(product), lhs, code.firstRow,
                                            code.rhs(product), rhs, code.firstColumn);
    SmallVector<Value> &sum = sums[op.getSumOf(product)];
    for (auto [i, older] : llvm::enumerate(sum))
      made[i] = add(b, loc, older, made[i]);
    sum = std::move(made);
  }
  tile.forSums(b, code.firstRow, code.m.size, code.firstColumn, code.n.size,
               [&](OpBuilder &b, Value row, Value column, int64_t i) {
                 SmallVector<Value> here = llvm::map_to_vector(
                     sums, [&](const SmallVector<Value> &sum) { return sum[i]; });
                 code.finish(b, row, column, here);
               });
}

} // namespace

LogicalResult emitContract(Simt &simt, OpBuilder &host, kernel::ContractOp op) {
  FailureOr<Nest> nest = nestOfProducts(host, op);
  if (failed(nest))
    return failure();
  Contraction code(*nest, op);
  if (emitWarpgroupContract(simt, host, code) || emitTensorContract(simt, host, code))
    return success();
  Type accumulator = kernel::ContractOp::getAccumulatorType(nest->typeOf(0).getElementType());
  launchContraction(simt, host, code, "contract", Tile::rows, columns, Tile::threads,
                    /*resident=*/512, [&](OpBuilder &b) { emitBody(simt, b, code, accumulator); });
  return success();
}

} // namespace strut::gpu
