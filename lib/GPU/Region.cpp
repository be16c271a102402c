//===- Region.cpp - kernel.region by one thread ---------------------------===//
//
// What a region does follows no pattern that threads could share, so one thread does it: right
// and slow, for what is small (scatters of some rows, sorts of some scores).
//
//===----------------------------------------------------------------------===//
#include "strut/Emit/Region.h"
#include "Simt.h"

using namespace mlir;

namespace strut::gpu {

LogicalResult emitRegion(Simt &simt, OpBuilder &host, kernel::RegionOp op) {
  Value one = indexConstant(host, op.getLoc(), 1);
  bool written = false;
  func::FuncOp kernel = simt.launch(host, op, "region", keyOf(op), op->getOperands(),
                                    Grid{one, one, 1}, [&](OpBuilder &b, ValueRange parameters) {
                                      cloneRegion(op, b, parameters);
                                      written = true;
                                    });
  return success(!written || succeeded(lowerRegion(kernel, op, /*lanes=*/1)));
}

} // namespace strut::gpu
