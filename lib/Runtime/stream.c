/*===- stream.c - Runs on a GPU -------------------------------------------------===
 *
 * The tensors of a run are placed first: those on the GPU are used where they are, others get
 * a place in the context's memory there, and pinned memory by which they are copied. Then all
 * is put on a stream: copies, kernels, copies. When a run repeats the one before, address for
 * address, it is captured, and from then on launched as one graph.
 *===--------------------------------------------------------------------------===*/
#include "gpu.h"

enum {
  /* Kernels may count on it for each tensor. */
  TensorAlignment = 16,
  /* What is larger is copied from and to the caller's memory, as the driver does it. */
  MostStaged = 32 << 20
};

/* How a tensor of a run gets to the GPU, and back. */
typedef struct Place {
  CUdeviceptr device; /* where kernels find it */
  CUdeviceptr other;  /* the caller's, copied from (inputs) or to (outputs); 0: it is the same */
  CUdeviceptr seed;   /* an output that updates a copy of an input: that input; or 0 */
  void *host;         /* host memory, copied likewise; or null */
  int64_t bytes;
} Place;

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
  Place *places;  /* of inputs, then outputs */
  Place *last;    /* of the run before */
  int64_t *dims;  /* of the run before */
  void **inputs;  /* addresses on the device */
  void **outputs; /* likewise */
  CUstream capturing;
  CUgraphExec graph; /* of a run like the one before; or null */
  int32_t has_last;  /* there was a run before */
  int32_t no_graphs; /* the driver has refused to capture */
  CUresult failure;  /* of the run's launches, the first one */
  int32_t failed_kernel;
};

/*===- Streams ------------------------------------------------------------------===*/

static void dropGraph(StrutStream *stream) {
  if (stream->graph)
    stream->device->driver.graphExecDestroy(stream->graph);
  stream->graph = 0;
}

void strut_stream_destroy(StrutStream *stream) {
  const StrutDriver *driver = &stream->device->driver;
  CUcontext unused;
  driver->contextPush(stream->device->context);
  if (stream->has_last)
    driver->contextSynchronize(); /* a stream of the caller's may be gone */
  dropGraph(stream);
  if (stream->memory)
    driver->memFree(stream->memory);
  if (stream->staging)
    driver->hostFree(stream->staging);
  if (stream->capturing)
    driver->streamDestroy(stream->capturing);
  if (stream->own)
    driver->streamDestroy(stream->own);
  driver->contextPop(&unused);
  munmap(stream, stream->bytes);
}

StrutStatus strut_stream(StrutDevice *device, StrutStream **created, StrutText *text) {
  const StrutDescription *about = device->program->description;
  const uint64_t tensors = (uint64_t)about->num_inputs + (uint64_t)about->num_outputs;
  const uint64_t bytes = sizeof(StrutStream) + tensors * (2 * sizeof(Place) + sizeof(void *)) +
                         (uint64_t)about->num_dims * sizeof(int64_t);
  StrutStream *stream = strut_map(bytes);
  if (!stream) {
    strut_text(text, "out of memory: no room for the tables of a context");
    return STRUT_OUT_OF_MEMORY;
  }
  stream->device = device;
  stream->bytes = bytes;
  stream->places = (Place *)(stream + 1);
  stream->last = stream->places + tensors;
  stream->inputs = (void **)(stream->last + tensors);
  stream->outputs = stream->inputs + about->num_inputs;
  stream->dims = (int64_t *)(stream->outputs + about->num_outputs);
  CUcontext unused;
  device->driver.contextPush(device->context);
  StrutStatus status = strut_check(device->driver.streamCreate(&stream->own, CU_STREAM_DEFAULT),
                                   "the GPU gives no stream", &device->driver, text);
  device->driver.contextPop(&unused);
  stream->used = stream->own;
  if (status)
    strut_stream_destroy(stream);
  else
    *created = stream;
  return status;
}

void strut_stream_use(StrutStream *stream, void *handle) {
  const StrutDriver *driver = &stream->device->driver;
  CUstream wanted = handle ? (CUstream)handle : stream->own;
  if (wanted == stream->used)
    return;
  /* Both use the context's memory. */
  CUcontext unused;
  driver->contextPush(stream->device->context);
  driver->contextSynchronize();
  driver->contextPop(&unused);
  stream->used = wanted;
}

/*===- Places -------------------------------------------------------------------===*/

/* Where memory is handed out. */
typedef struct Heap {
  uintptr_t base;
  int64_t used; /* -1: it has overflowed */
} Heap;

static uintptr_t take(Heap *heap, int64_t bytes) {
  const uintptr_t at = heap->base + (uintptr_t)heap->used;
  const int64_t aligned = strut_align(bytes);
  if (heap->used >= 0 && (aligned < 0 || __builtin_add_overflow(heap->used, aligned, &heap->used)))
    heap->used = -1;
  return at;
}

typedef struct Placing {
  StrutContext *context;
  Heap device, staging;
  int hasHost;     /* a tensor lies in host memory */
  int hasPageable; /* ... from which no graph can copy */
} Placing;

/* The host memory that the driver copies from or to. */
static void *hostFor(Placing *placing, const DLTensor *tensor, void *given, int64_t bytes) {
  placing->hasHost = 1;
  if (given && tensor->device.device_type == kDLCUDAHost)
    return given;
  if (!given || bytes <= MostStaged)
    return (void *)take(&placing->staging, bytes ? bytes : 1); /* no view has a null address */
  placing->hasPageable = 1;
  return given;
}

static int isUsable(const DLTensor *tensor, const void *given) {
  return given && strut_is_on_device(tensor) && (uintptr_t)given % TensorAlignment == 0;
}

static Place placeInput(Placing *placing, const DLTensor *input, void *given) {
  Place place = {.bytes = strut_tensor_bytes(input->dtype, input->shape, input->ndim)};
  if (isUsable(input, given)) {
    place.device = (CUdeviceptr)given;
    return place;
  }
  place.device = take(&placing->device, place.bytes);
  if (strut_is_on_device(input))
    place.other = (CUdeviceptr)given;
  else
    place.host = hostFor(placing, input, given, place.bytes);
  return place;
}

/* An output that aliases an input is its memory, or begins as a copy of it. */
static Place placeOutput(Placing *placing, int32_t index, const DLTensor *const *inputs,
                         const DLTensor *output) {
  const StrutContext *context = placing->context;
  const StrutProgram *program = context->session->program;
  const int32_t alias = program->description->outputs[index].alias;
  void *given = context->outputs[index];
  const Place *input = alias >= 0 ? &context->stream->places[alias] : 0;
  Place place = {.bytes = context->buffer_bytes[program->num_buffers + index]};
  if (input && given == context->inputs[alias]) {
    place = *input;
    return place;
  }
  if (isUsable(output, given))
    place.device = (CUdeviceptr)given;
  else if (input && !strut_is_on_device(output) && !isUsable(inputs[alias], context->inputs[alias]))
    place.device = input->device; /* a copy already */
  else
    place.device = take(&placing->device, place.bytes);
  if (input && place.device != input->device)
    place.seed = input->device;
  if (!strut_is_on_device(output))
    place.host = hostFor(placing, output, given, place.bytes);
  else if (place.device != (CUdeviceptr)given)
    place.other = (CUdeviceptr)given;
  return place;
}

static void placeTensors(Placing *placing, const DLTensor *const *inputs, const DLTensor *outputs) {
  const StrutContext *context = placing->context;
  const StrutDescription *about = context->session->program->description;
  Place *places = context->stream->places;
  take(&placing->device, context->planned_bytes);
  for (int32_t i = 0; i < about->num_inputs; ++i)
    places[i] = placeInput(placing, inputs[i], context->inputs[i]);
  for (int32_t i = 0; i < about->num_outputs; ++i)
    places[about->num_inputs + i] = placeOutput(placing, i, inputs, &outputs[i]);
}

static int liesIn(const void *at, CUdeviceptr begin, int64_t bytes) {
  return (uintptr_t)at - (uintptr_t)begin < (uintptr_t)bytes;
}

/* The caller's tensors must not be views of this context's memory. */
static StrutStatus checkOwnMemory(StrutContext *context) {
  const StrutStream *stream = context->stream;
  const StrutDescription *about = context->session->program->description;
  for (int32_t i = 0; i < about->num_inputs; ++i)
    if (liesIn(context->inputs[i], stream->memory, stream->memory_bytes) ||
        liesIn(context->inputs[i], (CUdeviceptr)stream->staging, stream->staging_bytes))
      return strut_fail_own_memory(context, i);
  return STRUT_OK;
}

static StrutStatus growMemory(StrutStream *stream, int64_t bytes, StrutText *text) {
  const StrutDriver *driver = &stream->device->driver;
  if (bytes <= stream->memory_bytes)
    return STRUT_OK;
  driver->streamSynchronize(stream->used);
  if (stream->memory)
    driver->memFree(stream->memory);
  stream->memory = 0;
  stream->memory_bytes = 0;
  StrutStatus status =
      strut_check(driver->memAlloc(&stream->memory, (size_t)bytes),
                  "there is no room for the model's working memory on the GPU", driver, text);
  if (!status)
    stream->memory_bytes = bytes;
  return status;
}

static StrutStatus growStaging(StrutStream *stream, int64_t bytes, StrutText *text) {
  const StrutDriver *driver = &stream->device->driver;
  void *memory = 0;
  if (bytes <= stream->staging_bytes)
    return STRUT_OK;
  driver->streamSynchronize(stream->used);
  if (stream->staging)
    driver->hostFree(stream->staging);
  stream->staging = 0;
  stream->staging_bytes = 0;
  StrutStatus status =
      strut_check(driver->hostAlloc(&memory, (size_t)bytes, 0),
                  "there is no pinned memory by which to copy inputs and outputs", driver, text);
  stream->staging = memory;
  if (!status)
    stream->staging_bytes = bytes;
  return status;
}

/* Fills the table of places, in memory that is large enough. */
static StrutStatus preparePlaces(Placing *placing, const DLTensor *const *inputs,
                                 const DLTensor *outputs, StrutText *text) {
  StrutContext *context = placing->context;
  StrutStream *stream = context->stream;
  placeTensors(placing, inputs, outputs);
  if (placing->device.used < 0 || placing->staging.used < 0) {
    strut_text(text, "the sizes of the model's tensors overflow");
    return STRUT_INVALID_ARGUMENT;
  }
  StrutStatus status = growMemory(stream, placing->device.used, text);
  if (!status)
    status = growStaging(stream, placing->staging.used, text);
  if (status)
    return status;
  *placing = (Placing){.context = context,
                       .device = {(uintptr_t)stream->memory, 0},
                       .staging = {(uintptr_t)stream->staging, 0}};
  placeTensors(placing, inputs, outputs);
  return STRUT_OK;
}

/*===- Running ------------------------------------------------------------------===*/

/* Puts the whole run on a stream. */
static CUresult enqueue(StrutContext *context, CUstream target) {
  StrutStream *stream = context->stream;
  const StrutProgram *program = context->session->program;
  const int32_t numInputs = program->description->num_inputs;
  const int32_t count = numInputs + program->description->num_outputs;
  const StrutDriver *driver = &stream->device->driver;
  CUresult result = 0;
  for (int32_t i = 0; i < count; ++i)
    stream->inputs[i] = (void *)stream->places[i].device; /* and outputs, which follow */
  for (int32_t i = 0; !result && i < count; ++i) {
    const Place *place = &stream->places[i];
    const CUdeviceptr from = i < numInputs ? place->other : place->seed;
    if (place->bytes && from)
      result = driver->copyOnDevice(place->device, from, (size_t)place->bytes, target);
    else if (place->bytes && i < numInputs && place->host)
      result = driver->copyToDevice(place->device, place->host, (size_t)place->bytes, target);
  }
  if (result)
    return result;
  const StrutFrame frame = {.inputs = stream->inputs,
                            .outputs = stream->outputs,
                            .arena = (char *)stream->memory,
                            .offsets = context->offsets,
                            .weights = (const char *)stream->device->weights,
                            .dims = context->dims,
                            .launcher = &context->launcher};
  stream->target = target;
  stream->failure = 0;
  program->run(&frame);
  result = stream->failure;
  for (int32_t i = numInputs; !result && i < count; ++i) {
    const Place *place = &stream->places[i];
    if (place->bytes && place->other)
      result = driver->copyOnDevice(place->other, place->device, (size_t)place->bytes, target);
    else if (place->bytes && place->host)
      result = driver->copyToHost(place->host, place->device, (size_t)place->bytes, target);
  }
  return result;
}

/* Makes a graph of the run; no graph where the driver refuses. */
static void capture(StrutContext *context) {
  StrutStream *stream = context->stream;
  const StrutDriver *driver = &stream->device->driver;
  CUgraph recorded = 0;
  CUresult result = 0, ended = 0;
  /* On a stream that has nothing to do with the default one: other threads may go on. */
  if (!stream->capturing)
    result = driver->streamCreate(&stream->capturing, CU_STREAM_NON_BLOCKING);
  if (!result)
    result = driver->beginCapture(stream->capturing, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  if (!result) {
    result = enqueue(context, stream->capturing);
    ended = driver->endCapture(stream->capturing, &recorded);
  }
  if (!result && !ended)
    result = driver->graphInstantiate(&stream->graph, recorded, 0);
  if (recorded)
    driver->graphDestroy(recorded);
  if (result || ended) {
    stream->graph = 0;
    stream->no_graphs = 1;
  }
}

/* Whether the run is the one before in all that a graph knows. Notes it as that. */
static int isRepeated(StrutContext *context) {
  StrutStream *stream = context->stream;
  const StrutDescription *about = context->session->program->description;
  const size_t places = sizeof(Place) * (size_t)(about->num_inputs + about->num_outputs);
  const size_t dims = sizeof(int64_t) * (size_t)about->num_dims;
  const int same = stream->has_last && !memcmp(stream->places, stream->last, places) &&
                   !memcmp(context->dims, stream->dims, dims);
  memcpy(stream->last, stream->places, places);
  memcpy(stream->dims, context->dims, dims);
  stream->has_last = 1;
  return same;
}

static CUresult launchRun(StrutContext *context, int canCapture) {
  StrutStream *stream = context->stream;
  const int repeated = isRepeated(context);
  if (!repeated)
    dropGraph(stream);
  if (!canCapture || stream->no_graphs || context->launcher.observer)
    return enqueue(context, stream->used);
  if (repeated && !stream->graph)
    capture(context);
  return stream->graph ? stream->device->driver.graphLaunch(stream->graph, stream->used)
                       : enqueue(context, stream->used);
}

/* Between the caller's host memory and the pinned one that stands for it. */
static void copyStaged(const StrutContext *context, int isOutput) {
  const StrutStream *stream = context->stream;
  const StrutDescription *about = context->session->program->description;
  const Place *places = stream->places + (isOutput ? about->num_inputs : 0);
  void *const *given = isOutput ? context->outputs : context->inputs;
  for (int32_t i = 0; i < (isOutput ? about->num_outputs : about->num_inputs); ++i) {
    void *host = places[i].host;
    if (!host || !given[i] || host == given[i])
      continue;
    memcpy(isOutput ? given[i] : host, isOutput ? host : given[i], (size_t)places[i].bytes);
  }
}

/* Points the tensors that are to be views at what the run has written. */
static void pointAtResults(const StrutContext *context, DLTensor *outputs) {
  const StrutDescription *about = context->session->program->description;
  for (int32_t i = 0; i < about->num_outputs; ++i) {
    const Place *place = &context->stream->places[about->num_inputs + i];
    if (!context->outputs[i] && !outputs[i].data)
      outputs[i].data = place->host ? place->host : (void *)place->device;
  }
}

static StrutStatus runOnStream(StrutContext *context, const DLTensor *const *inputs,
                               DLTensor *outputs, StrutText *text) {
  StrutStream *stream = context->stream;
  const StrutDriver *driver = &stream->device->driver;
  Placing placing = {.context = context};
  StrutStatus status = checkOwnMemory(context);
  if (!status)
    status = preparePlaces(&placing, inputs, outputs, text);
  if (status)
    return status;
  copyStaged(context, 0);
  stream->failure = 0;
  CUresult result = launchRun(context, !placing.hasPageable);
  if (placing.hasHost || stream->used == stream->own || result) {
    CUresult waited = driver->streamSynchronize(stream->used);
    result = result ? result : waited;
  }
  if (stream->failure) {
    strut_text(text, "kernel ");
    strut_text_quoted(text, context->session->program->device->kernels[stream->failed_kernel]);
    return strut_check(stream->failure, " cannot run on the GPU", driver, text);
  }
  if (result)
    return strut_check(result, "the run on the GPU failed", driver, text);
  copyStaged(context, 1);
  pointAtResults(context, outputs);
  return STRUT_OK;
}

StrutStatus strut_stream_run(StrutContext *context, const DLTensor *const *inputs,
                             DLTensor *outputs) {
  StrutText text = strut_text_begin(context->error);
  StrutStream *stream = context->stream;
  const StrutDriver *driver = &stream->device->driver;
  CUcontext unused;
  StrutStatus status = strut_check(driver->contextPush(stream->device->context),
                                   "the GPU cannot be used", driver, &text);
  if (status)
    return status;
  context->launcher.stream = stream;
  status = runOnStream(context, inputs, outputs, &text);
  driver->contextPop(&unused);
  return status;
}

void strut_rt_device_launch(const StrutLauncher *launcher, int32_t function, void *arguments,
                            int64_t blocks, int64_t threads, int32_t kernel) {
  StrutStream *stream = launcher->stream;
  const StrutDriver *driver = &stream->device->driver;
  const StrutObserver *observer = launcher->observer;
  void *parameters[] = {arguments};
  if (blocks == 0 || stream->failure)
    return;
  if (observer)
    observer->launch(observer->self, kernel, 0);
  stream->failed_kernel = function;
  stream->failure =
      blocks > INT32_MAX
          ? 1 /* invalid value */
          : driver->launchKernel(stream->device->functions[function], (unsigned)blocks, 1, 1,
                                 (unsigned)threads, 1, 1, 0, stream->target, parameters, 0);
  if (!observer)
    return;
  /* The time of a kernel includes its execution. */
  if (!stream->failure)
    stream->failure = driver->streamSynchronize(stream->target);
  observer->launch(observer->self, kernel, 1);
}
