//===- Region.cpp - kernel.region, a thread for each task -----------------===//
//
// What a task does follows no pattern that threads could share, so one thread does it. A region
// that is one task is right and slow, for what is small.
//
//===----------------------------------------------------------------------===//
#include "strut/Emit/Region.h"
#include "Simt.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t regionThreads = 64;

LogicalResult emitRegion(Simt &simt, OpBuilder &host, kernel::RegionOp op) {
  Location loc = op.getLoc();
  Value tasks = product(host, loc, tasksOf(op, host));
  SmallVector<Value> arguments(op->getOperands());
  arguments.push_back(tasks);
  bool written = false;
  func::FuncOp kernel = simt.launch(
      host, op, "region", keyOf(op), arguments, gridFor(host, loc, tasks, regionThreads),
      [&](OpBuilder &b, ValueRange parameters) {
        forItem(b, loc, parameters.back(), regionThreads, [&](OpBuilder &b, Value task) {
          cloneRegion(op, b, parameters.drop_back(), task);
        });
        written = true;
      });
  return success(!written || succeeded(lowerRegion(kernel, op, /*lanes=*/1)));
}

} // namespace strut::gpu
