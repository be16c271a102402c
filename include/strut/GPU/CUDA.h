//===- CUDA.h - The cuda dialect -------------------------------*- C++ -*-===//
#ifndef STRUT_GPU_CUDA_H
#define STRUT_GPU_CUDA_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include "strut/GPU/CUDADialect.h.inc"
#include "strut/GPU/CUDAEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "strut/GPU/CUDAAttrs.h.inc"
#define GET_OP_CLASSES
#include "strut/GPU/CUDAOps.h.inc"

namespace strut::gpu {

/// The module of a program that has what runs on the device, and nothing else.
inline constexpr llvm::StringLiteral kDeviceModule = "device";
/// Of a kernel function: the most threads that a block of it has.
inline constexpr llvm::StringLiteral kThreadsAttr = "cuda.threads";
/// Of a kernel function: how many blocks of it a multiprocessor must have registers for. Left to
/// itself, ptxas spills to run more.
inline constexpr llvm::StringLiteral kBlocksAttr = "cuda.blocks";
/// Of a kernel function: bytes of shared memory that a launch adds to what the code declares.
inline constexpr llvm::StringLiteral kSharedAttr = "cuda.shared";
/// Of a kernel function: how many tensor maps its arguments begin with.
inline constexpr llvm::StringLiteral kTensorMapsAttr = "cuda.tensor_maps";
/// Of a kernel function whose blocks do several blocks' work: how many of them a multiprocessor
/// runs.
inline constexpr llvm::StringLiteral kResidentAttr = "cuda.resident";
/// Of a kernel function: how many of its blocks form a cluster, whose shared memory each of them
/// reads. Of a kernel op: in clusters of so many it is to run.
inline constexpr llvm::StringLiteral kClusterAttr = "cuda.cluster";
/// Of a program: the names of its kernel functions. The runtime knows them by their places.
inline constexpr llvm::StringLiteral kKernelsAttr = "cuda.kernels";

} // namespace strut::gpu

#endif // STRUT_GPU_CUDA_H
