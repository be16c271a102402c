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

struct StrutDeviceRuntime {
  /** Finds the driver `library` (null: libcuda.so.1) and GPU number `ordinal`, loads the
   * program's code and copies its weights there. On failure `message` says why. */
  StrutStatus (*open)(const StrutProgram *program, const char *library, int32_t ordinal,
                      const char *weights, StrutDevice **device, StrutText *message);
  void (*close)(StrutDevice *device);

  StrutStatus (*create_stream)(StrutDevice *device, StrutStream **stream, StrutText *message);
  void (*destroy_stream)(StrutStream *stream);

  /** A run on bound dimensions: copies the inputs there, runs, copies the outputs back.
   * Inputs and outputs of the context point at host memory. Writes the context's error. */
  StrutStatus (*run)(StrutContext *context, const DLTensor *const *inputs);
};

extern const StrutDeviceRuntime strut_rt_device_runtime;

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_DEVICE_H */
