/*===- launch.c - Kernels on a stream -------------------------------------------===*/
#include "gpu.h"
#include "strut/Runtime/tensor.h"

/* Writes a tensor map over its description. The driver only computes: there is nothing to wait for,
 * and a graph keeps what was made. */
static CUresult makeTensorMap(const StrutDriver *driver, StrutTensorDescription *description) {
  _Alignas(64) CUtensorMap map;
  uint64_t sizes[5];
  uint32_t box[5], steps[5];
  for (int d = 0; d < 5; ++d) {
    /* A map needs elements, even if nobody will read them. */
    sizes[d] = description->sizes[d] ? (uint64_t)description->sizes[d] : 1;
    box[d] = (uint32_t)(description->boxes >> STRUT_BOX_BITS * d) & ((1u << STRUT_BOX_BITS) - 1);
    steps[d] = 1;
  }
  CUresult result = driver->tensorMapEncodeTiled(
      &map,
      description->is_bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      (uint32_t)description->rank, (void *)description->address, sizes,
      (const uint64_t *)description->strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  memcpy(description, &map, sizeof map);
  return result;
}

static CUresult launch(const StrutStream *stream, int32_t function, void *arguments, int64_t blocks,
                       int64_t threads) {
  const StrutDevice *device = stream->device;
  const StrutDeviceKernel *kernel = &device->program->device->kernels[function];
  void *parameters[] = {arguments};
  StrutTensorDescription *descriptions = arguments;
  for (uint32_t i = 0; i < kernel->tensor_maps; ++i) {
    const CUresult result = makeTensorMap(&device->driver, &descriptions[i]);
    if (result)
      return result;
  }
  const int64_t room = (int64_t)kernel->resident * device->multiprocessors;
  if (kernel->resident && blocks > room)
    blocks = room;
  if (blocks > INT32_MAX)
    return CUDA_ERROR_INVALID_VALUE;
  return device->driver.launchKernel(device->functions[function], (unsigned)blocks, 1, 1,
                                     (unsigned)threads, 1, 1, kernel->shared_bytes, stream->target,
                                     parameters, 0);
}

void strut_rt_device_launch(const StrutLauncher *launcher, int32_t function, void *arguments,
                            int64_t blocks, int64_t threads, int32_t kernel) {
  StrutStream *stream = launcher->stream;
  const StrutObserver *observer = launcher->observer;
  if (blocks == 0 || stream->failure)
    return;
  if (observer)
    observer->launch(observer->self, kernel, 0);
  stream->failed_kernel = function;
  stream->failure = launch(stream, function, arguments, blocks, threads);
  if (!observer)
    return;
  /* The time of a kernel includes its execution. */
  if (!stream->failure)
    stream->failure = stream->device->driver.streamSynchronize(stream->target);
  observer->launch(observer->self, kernel, 1);
}
