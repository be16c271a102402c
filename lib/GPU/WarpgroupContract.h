//===- WarpgroupContract.h - kernel.contract by warpgroups ------*- C++ -*-===//
#ifndef STRUT_LIB_GPU_WARPGROUPCONTRACT_H
#define STRUT_LIB_GPU_WARPGROUPCONTRACT_H

#include "Contraction.h"

namespace strut::gpu {

/// Launches a contraction of f16 or bf16 on the warpgroups of sm_90a, in one of several tiles by
/// the sizes of the run. False where they cannot take it: other GPUs and elements, operands that
/// bulk copies cannot take (planBoxes), few columns or steps.
bool emitWarpgroupContract(Simt &simt, mlir::OpBuilder &host, Contraction &code);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_WARPGROUPCONTRACT_H
