//===- Map.cpp - kernel.map, a thread for each point ----------------------===//
#include "Simt.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t mapThreads = 256;

/// Evaluates the body at one point and stores what it yields.
static void emitPoint(OpBuilder &b, const Nest &nest, ValueRange parameters, ValueRange point) {
  Location loc = nest.op->getLoc();
  IRMapping values = nest.captured(parameters);
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (!nest.isFetched(n))
      values.map(nest.body().getArgument(n),
                 loadElement(b, loc, parameters[n], applyMap(b, loc, nest.maps[n], point)));
  cloneAsVectors(b, nest.body(), values, 1, [&](OpBuilder &b, Operation *op) {
    return evaluateAt(b, nest, op, values, parameters, point);
  });
  for (auto [i, value] : llvm::enumerate(nest.body().getTerminator()->getOperands()))
    storeLanes(b, loc, values.lookup(value), parameters[nest.inputs + i],
               nest.maps[nest.inputs + i], point, 0, 1, nullptr);
}

LogicalResult emitMap(Simt &simt, OpBuilder &host, kernel::MapOp op) {
  FailureOr<Nest> nest = Nest::create(host, op, 0, std::nullopt);
  if (failed(nest))
    return failure();
  Location loc = op.getLoc();
  Value points = product(host, loc, nest->extents(host, loc, nest->operands));
  simt.launch(host, op, "map", nest->key(), nest->arguments(),
              gridFor(host, loc, points, mapThreads), [&](OpBuilder &b, ValueRange parameters) {
                SmallVector<Value> extents = nest->extents(b, loc, parameters);
                forItem(b, loc, product(b, loc, extents), mapThreads,
                        [&](OpBuilder &b, Value item) {
                          emitPoint(b, *nest, parameters, delinearize(b, loc, item, extents));
                        });
              });
  return success();
}

} // namespace strut::gpu
