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
  STRUT_NEWER_DRIVER_FUNCTIONS(STRUT_MEMBER) /* null if it lacks them */
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
  int multiprocessors;
  CUcontext context;
  CUmodule module;
  CUdeviceptr weights;
  CUfunction *functions; /* one per kernel of the program */
};

/* How a tensor of a run gets to the GPU, and back. */
typedef struct StrutPlace {
  CUdeviceptr device; /* where kernels find it */
  CUdeviceptr other;  /* the caller's, copied from (inputs) or to (outputs); 0: it is the same */
  CUdeviceptr seed;   /* an output that updates a copy of an input: that input; or 0 */
  void *host;         /* host memory, copied likewise; or null */
  int64_t bytes;
} StrutPlace;

struct StrutStream {
  StrutDevice *device;
  uint64_t bytes; /* of the mapping of this object and its tables */
  CUstream own;
  CUstream used;      /* `own`, or the caller's */
  CUstream target;    /* that launches go to */
  CUdeviceptr memory; /* planned buffers, then tensors that have no other place */
  int64_t memory_bytes;
  char *staging; /* pinned: what is copied there and back */
  int64_t staging_bytes;
  StrutPlace *places; /* of inputs, outputs, and all numbers that a run notes */
  StrutPlace *last;   /* of the run before */
  int32_t num_places;
  int64_t *dims;  /* of the run before */
  void **inputs;  /* addresses on the device */
  void **outputs; /* likewise; of numbers behind them */
  CUstream capturing;
  CUgraphExec graph; /* of a run like the one before; or null */
  int32_t has_last;  /* there was a run before */
  int32_t no_graphs; /* the driver has refused to capture */
  CUresult failure;  /* of the run's launches, the first one */
  int32_t failed_kernel;
};

/* Adds ": out of memory", the driver's word for a result. */
void strut_say_result(StrutText *text, const StrutDriver *driver, CUresult result);
/* Says what failed and why, if `result` is a failure. */
StrutStatus strut_check(CUresult result, const char *what, const StrutDriver *driver,
                        StrutText *text);
/* Zeroed memory of whole pages; null if there is none. */
void *strut_map(uint64_t bytes);

/* What places.c tells of the tensors of a run. */
typedef struct StrutPlacing {
  int32_t count;   /* of places */
  int hasHost;     /* a tensor lies in host memory */
  int hasPageable; /* ... from which no graph can copy */
} StrutPlacing;

/* Fills the stream's table of places, in memory that is large enough. */
StrutStatus strut_place_tensors(StrutContext *context, const DLTensor *const *inputs,
                                const DLTensor *outputs, StrutPlacing *placing, StrutText *text);
/* Between the caller's host memory and the pinned one that stands for it: inputs before the run,
 * outputs and numbers after it. */
void strut_copy_inputs(const StrutContext *context);
void strut_copy_outputs(StrutContext *context);

/* Entries of StrutDeviceRuntime. */
StrutStatus strut_stream(StrutDevice *device, StrutStream **created, StrutText *text);
void strut_stream_destroy(StrutStream *stream);
void strut_stream_use(StrutStream *stream, void *handle);
StrutStatus strut_stream_run(StrutContext *context, const DLTensor *const *inputs,
                             DLTensor *outputs);

#endif /* STRUT_RUNTIME_GPU_H */
