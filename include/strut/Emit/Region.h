//===- Region.h - The body of a kernel.region as loops ---------*- C++ -*-===//
#ifndef STRUT_EMIT_REGION_H
#define STRUT_EMIT_REGION_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace strut::emit {

/// The extents of the tasks of a region, as index values of the host function; none if it is
/// one task. A region whose results are those of one scf.forall over its inits, the bounds of
/// which are arithmetic on extents and scalars, is a task for each iteration.
llvm::SmallVector<mlir::Value> tasksOf(kernel::RegionOp op, mlir::OpBuilder &host);

/// Clones the body to `b`, behind conversions of `parameters` to tensors and back. These are
/// the op's operands as a kernel function has them: memrefs and scalars. Of a region of
/// several tasks it is the one with the number `task`, the last extent running fastest.
void cloneRegion(kernel::RegionOp op, mlir::OpBuilder &b, mlir::ValueRange parameters,
                 mlir::Value task);

/// Makes loops on memory of what cloneRegion wrote into `kernel`, and stack arrays of its
/// temporaries. `lanes`: elements of a vector, 1 for scalar code. Fails with a diagnostic on
/// what cannot become loops and on temporaries that are too large.
mlir::LogicalResult lowerRegion(mlir::func::FuncOp kernel, kernel::RegionOp op, int64_t lanes);

} // namespace strut::emit

#endif // STRUT_EMIT_REGION_H
