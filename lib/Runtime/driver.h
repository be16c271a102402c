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

enum {
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_STREAM_NON_BLOCKING = 1
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
  X(moduleLoad, "cuModuleLoadData", (CUmodule * module, const void *image))                        \
  X(moduleUnload, "cuModuleUnload", (CUmodule module))                                             \
  X(moduleGetFunction, "cuModuleGetFunction",                                                      \
    (CUfunction * function, CUmodule module, const char *name))                                    \
  X(memAlloc, "cuMemAlloc_v2", (CUdeviceptr * memory, size_t bytes))                               \
  X(memFree, "cuMemFree_v2", (CUdeviceptr memory))                                                 \
  X(copyToDevice, "cuMemcpyHtoDAsync_v2",                                                          \
    (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                             \
  X(copyToHost, "cuMemcpyDtoHAsync_v2",                                                            \
    (void *to, CUdeviceptr from, size_t bytes, CUstream stream))                                   \
  X(streamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))                           \
  X(streamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                        \
  X(streamSynchronize, "cuStreamSynchronize", (CUstream stream))                                   \
  X(launchKernel, "cuLaunchKernel",                                                                \
    (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,         \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void **parameters,   \
     void **extra))

#endif /* STRUT_RUNTIME_DRIVER_H */
