//===- FakeDriver.cpp - A driver of GPUs that take or refuse code ---------===//
//
// It runs nothing: lib/Emulator does. This one is any GPU, and takes any text for code.
//
//===----------------------------------------------------------------------===//
#include "FakeDriver.h"
#include <cstddef>
#include <cstdint>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT strut::test::FakeDriver fake_driver;
strut::test::FakeDriver fake_driver;

EXPORT int cuInit(unsigned) { return 0; }

EXPORT int cuGetErrorString(int error, const char **text) {
  static std::string copy;
  copy = "error " + std::to_string(error);
  *text = copy.c_str();
  return 0;
}

EXPORT int cuDeviceGetCount(int *count) {
  *count = fake_driver.devices;
  return 0;
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return 0;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 16   ? 1
           : attribute == 75 ? fake_driver.capability / 10
                             : fake_driver.capability % 10;
  return 0;
}

EXPORT int cuModuleLoadDataEx(void **, const void *image, unsigned count, int *options,
                              void **values) {
  const char *text = static_cast<const char *>(image);
  if (!fake_driver.refused.empty() &&
      !strncmp(text, fake_driver.refused.c_str(), fake_driver.refused.size())) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) // CU_JIT_ERROR_LOG_BUFFER
        strncpy(static_cast<char *>(values[i]), fake_driver.log.c_str(), 511);
    return fake_driver.refusal;
  }
  fake_driver.loaded = text;
  return 0;
}

// All else succeeds and does nothing.
#define NOTHING(name)                                                                              \
  EXPORT int name() { return 0; }
NOTHING(cuDevicePrimaryCtxRetain)
NOTHING(cuDevicePrimaryCtxRelease_v2)
NOTHING(cuCtxPushCurrent_v2)
NOTHING(cuCtxPopCurrent_v2)
NOTHING(cuCtxSynchronize)
NOTHING(cuModuleUnload)
NOTHING(cuModuleGetFunction)
NOTHING(cuFuncSetAttribute)
NOTHING(cuMemAlloc_v2)
NOTHING(cuMemFree_v2)
NOTHING(cuMemHostAlloc)
NOTHING(cuMemFreeHost)
NOTHING(cuMemcpyHtoDAsync_v2)
NOTHING(cuMemcpyDtoHAsync_v2)
NOTHING(cuMemcpyDtoDAsync_v2)
NOTHING(cuStreamCreate)
NOTHING(cuStreamDestroy_v2)
NOTHING(cuStreamSynchronize)
NOTHING(cuStreamBeginCapture_v2)
NOTHING(cuStreamEndCapture)
NOTHING(cuGraphInstantiateWithFlags)
NOTHING(cuGraphLaunch)
NOTHING(cuGraphDestroy)
NOTHING(cuGraphExecDestroy)
NOTHING(cuLaunchKernel)
