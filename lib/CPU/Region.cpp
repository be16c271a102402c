//===- Region.cpp - kernel.region, a task for each iteration --------------===//
#include "strut/Emit/Region.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"
#include "strut/Emit/Nest.h"

using namespace mlir;

namespace strut::cpu {

FailureOr<Launches> emitRegion(Emitter &emitter, OpBuilder &host, kernel::RegionOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> arguments(op->getOperands());
  Value tasks = product(host, loc, tasksOf(op, host));
  bool written = false;
  Emitter::Launch launch = emitter.launch(host, loc, "region", keyOf(op), arguments, tasks,
                                          [&](OpBuilder &b, ValueRange parameters, Value task) {
                                            cloneRegion(op, b, parameters, task);
                                            written = true;
                                          });
  if (written && failed(lowerRegion(launch.kernel, op, emitter.getTarget().lanes())))
    return failure();
  if (written && !isVectorized(launch.kernel))
    launch.kernel->setAttr(kScalarAttr, host.getUnitAttr());
  return Launches{launch};
}

} // namespace strut::cpu
