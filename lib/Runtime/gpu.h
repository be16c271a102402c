/*===- gpu.h - What device.c and stream.c share --------------------------------===*/
#ifndef STRUT_RUNTIME_GPU_H
#define STRUT_RUNTIME_GPU_H

#include "arena.h"
#include "device.h"
#include "libc.h"

#include "driver.h" /* needs size_t */

typedef struct StrutDriver {
#define STRUT_MEMBER(member, symbol, parameters) CUresult(*member) parameters;
  STRUT_DRIVER_FUNCTIONS(STRUT_MEMBER)
#undef STRUT_MEMBER
} StrutDriver;

struct StrutDevice {
  const StrutProgram *program; /* that the code is of */
  const StrutImage *image;     /* the code */
  uint64_t bytes;              /* of the mapping of this object and its functions */
  void *library;
  StrutDriver driver;
  CUdevice device;
  int32_t ordinal;
  int capability;
  CUcontext context;
  CUmodule module;
  CUdeviceptr weights;
  CUfunction *functions; /* one per kernel of the program */
};

/* Adds ": out of memory", the driver's word for a result. */
void strut_say_result(StrutText *text, const StrutDriver *driver, CUresult result);
/* Says what failed and why, if `result` is a failure. */
StrutStatus strut_check(CUresult result, const char *what, const StrutDriver *driver,
                        StrutText *text);
/* Zeroed memory of whole pages; null if there is none. */
void *strut_map(uint64_t bytes);

/* Entries of StrutDeviceRuntime. */
StrutStatus strut_stream(StrutDevice *device, StrutStream **created, StrutText *text);
void strut_stream_destroy(StrutStream *stream);
void strut_stream_use(StrutStream *stream, void *handle);
StrutStatus strut_stream_run(StrutContext *context, const DLTensor *const *inputs,
                             DLTensor *outputs);

#endif /* STRUT_RUNTIME_GPU_H */
