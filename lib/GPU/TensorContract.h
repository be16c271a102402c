//===- TensorContract.h - kernel.contract on tensor cores -------*- C++ -*-===//
#ifndef STRUT_LIB_GPU_TENSORCONTRACT_H
#define STRUT_LIB_GPU_TENSORCONTRACT_H

#include "Contraction.h"

namespace strut::gpu {

/// Launches a contraction on tensor cores, in one of several tiles by the sizes of the run. False
/// where they cannot take it: GPUs before sm_80, elements they do not multiply, rows that do not
/// lie in aligned runs of 4 bytes, results of less than 16 columns or steps.
bool emitTensorContract(Simt &simt, mlir::OpBuilder &host, Contraction &code);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_TENSORCONTRACT_H
