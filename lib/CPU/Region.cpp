//===- Region.cpp - kernel.region as a kernel of one task -----------------===//
#include "strut/Emit/Region.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"

using namespace mlir;

namespace strut::cpu {

FailureOr<Launches> emitRegion(Emitter &emitter, OpBuilder &host, kernel::RegionOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> arguments(op->getOperands());
  Value one = arith::ConstantIndexOp::create(host, loc, 1);
  bool written = false;
  Emitter::Launch launch = emitter.launch(host, loc, "region", keyOf(op), arguments, one,
                                          [&](OpBuilder &b, ValueRange parameters, Value) {
                                            cloneRegion(op, b, parameters);
                                            written = true;
                                          });
  if (written && failed(lowerRegion(launch.kernel, op, emitter.getTarget().lanes())))
    return failure();
  if (written && !isVectorized(launch.kernel))
    launch.kernel->setAttr(kScalarAttr, host.getUnitAttr());
  return Launches{launch};
}

} // namespace strut::cpu
