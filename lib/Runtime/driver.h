/*===- driver.h - The part of the CUDA driver's interface that is used ----------===
 *
 * Declared here, so that no CUDA header is needed. The functions are looked up in
 * libcuda.so.1 by name when a model is opened; their names carry the version of their
 * signature (_v2), which a driver keeps for ever.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_DRIVER_H
#define STRUT_RUNTIME_DRIVER_H

#include <stdint.h>

typedef int32_t CUresult; /* 0: success */
typedef int32_t CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;
/* Opaque: a tensor in global memory, as bulk copies take boxes of it. Aligned to 64 bytes. */
typedef struct CUtensorMap {
  uint64_t opaque[16];
} CUtensorMap;

enum {
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_STREAM_DEFAULT = 0, /* ordered with the legacy default stream */
  CU_STREAM_NON_BLOCKING = 1,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CU_TENSOR_MAP_DATA_TYPE_FLOAT16 = 6,
  CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9,
  CU_TENSOR_MAP_INTERLEAVE_NONE = 0,
  CU_TENSOR_MAP_SWIZZLE_NONE = 0,
  CU_TENSOR_MAP_SWIZZLE_128B = 3,
  CU_TENSOR_MAP_L2_PROMOTION_NONE = 0,
  CU_TENSOR_MAP_L2_PROMOTION_L2_256B = 3,
  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE = 0 /* zeros outside of the tensor */
};

/* X(member, symbol, parameters) */
#define STRUT_DRIVER_FUNCTIONS(X)                                                                  \
  X(init, "cuInit", (unsigned flags))                                                              \
  X(getErrorString, "cuGetErrorString", (CUresult error, const char **text))                       \
  X(deviceGetCount, "cuDeviceGetCount", (int *count))                                              \
  X(deviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))                                    \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int *value, int attribute, CUdevice device))      \
  X(primaryRetain, "cuDevicePrimaryCtxRetain", (CUcontext * context, CUdevice device))             \
  X(primaryRelease, "cuDevicePrimaryCtxRelease_v2", (CUdevice device))                             \
  X(contextPush, "cuCtxPushCurrent_v2", (CUcontext context))                                       \
  X(contextPop, "cuCtxPopCurrent_v2", (CUcontext * context))                                       \
  X(contextSynchronize, "cuCtxSynchronize", (void))                                                \
  X(moduleLoad, "cuModuleLoadDataEx",                                                              \
    (CUmodule * module, const void *image, unsigned count, int *options, void **values))           \
  X(moduleUnload, "cuModuleUnload", (CUmodule module))                                             \
  X(moduleGetFunction, "cuModuleGetFunction",                                                      \
    (CUfunction * function, CUmodule module, const char *name))                                    \
  X(functionSetAttribute, "cuFuncSetAttribute", (CUfunction function, int attribute, int value))   \
  X(memAlloc, "cuMemAlloc_v2", (CUdeviceptr * memory, size_t bytes))                               \
  X(memFree, "cuMemFree_v2", (CUdeviceptr memory))                                                 \
  X(hostAlloc, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))                    \
  X(hostFree, "cuMemFreeHost", (void *memory))                                                     \
  X(copyToDevice, "cuMemcpyHtoDAsync_v2",                                                          \
    (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                             \
  X(copyToHost, "cuMemcpyDtoHAsync_v2",                                                            \
    (void *to, CUdeviceptr from, size_t bytes, CUstream stream))                                   \
  X(copyOnDevice, "cuMemcpyDtoDAsync_v2",                                                          \
    (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                             \
  X(streamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))                           \
  X(streamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                        \
  X(streamSynchronize, "cuStreamSynchronize", (CUstream stream))                                   \
  X(beginCapture, "cuStreamBeginCapture_v2", (CUstream stream, int mode))                          \
  X(endCapture, "cuStreamEndCapture", (CUstream stream, CUgraph * graph))                          \
  X(graphInstantiate, "cuGraphInstantiateWithFlags",                                               \
    (CUgraphExec * runnable, CUgraph graph, unsigned long long flags))                             \
  X(graphLaunch, "cuGraphLaunch", (CUgraphExec runnable, CUstream stream))                         \
  X(graphDestroy, "cuGraphDestroy", (CUgraph graph))                                               \
  X(graphExecDestroy, "cuGraphExecDestroy", (CUgraphExec runnable))                                \
  X(launchKernel, "cuLaunchKernel",                                                                \
    (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,         \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,   \
     void **extra))

/* Which drivers before CUDA 12 lack. */
#define STRUT_NEWER_DRIVER_FUNCTIONS(X)                                                            \
  X(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                \
    (CUtensorMap * map, int type, uint32_t rank, void *address, const uint64_t *sizes,             \
     const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides, int interleave, \
     int swizzle, int promotion, int fill))

#endif /* STRUT_RUNTIME_DRIVER_H */
