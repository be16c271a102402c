/*===- device.h - Programs whose kernels run on a GPU --------------------------===
 *
 * Only artefacts with such a program link device.c: the rest of the runtime reaches it
 * through the table that the program points to.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_RUNTIME_DEVICE_H
#define STRUT_RUNTIME_DEVICE_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A GPU with a program's code and weights on it. One for each session. */
typedef struct StrutDevice StrutDevice;
/** A stream and its memory. One for each context. */
typedef struct StrutStream StrutStream;

/** Whether a tensor lies in the memory of a GPU. */
static inline int strut_is_on_device(const DLTensor *tensor) {
  return tensor->device.device_type == kDLCUDA || tensor->device.device_type == kDLCUDAManaged;
}

struct StrutDeviceRuntime {
  /** Finds the driver `library` (null: libcuda.so.1) and GPU number `ordinal`, loads the code
   * that suits it best, of this program or of the next ones, and copies that program's part of
   * `weights` there. On failure `message` says why. */
  StrutStatus (*open)(const StrutProgram *programs, const char *library, int32_t ordinal,
                      const char *weights, StrutDevice **device, StrutText *message);
  void (*close)(StrutDevice *device);
  /** The program whose code was loaded. */
  const StrutProgram *(*program)(const StrutDevice *device);
  /** "cuda:0 (sm_90, machine code for sm_90a)" */
  void (*describe)(const StrutDevice *device, StrutText *text);

  StrutStatus (*create_stream)(StrutDevice *device, StrutStream **stream, StrutText *message);
  void (*destroy_stream)(StrutStream *stream);

  /** Makes the runs of a stream's context take place on a stream of the caller's (a CUstream);
   * null: on its own. */
  void (*use_stream)(StrutStream *stream, void *handle);

  /** A run on bound dimensions. Inputs and outputs of the context point at the caller's memory,
   * of host or GPU; those of outputs are null where the context is to provide it. Such tensors
   * are made views. Writes the context's error. */
  StrutStatus (*run)(StrutContext *context, const DLTensor *const *inputs, DLTensor *outputs);
};

extern const StrutDeviceRuntime strut_rt_device_runtime;

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_DEVICE_H */
