/*===- stream.c - Runs on a GPU -------------------------------------------------===
 *
 * When the tensors of a run have their places (places.c), all is put on a stream: copies,
 * kernels, copies. When a run repeats the one before, address for
 * address, it is captured, and from then on launched as one graph.
 *===--------------------------------------------------------------------------===*/
#include "gpu.h"

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
  const uint64_t numbers = (uint64_t)device->program->num_numbers;
  const uint64_t places = (uint64_t)about->num_inputs + (uint64_t)about->num_outputs + 1;
  const uint64_t bytes = sizeof(StrutStream) + places * 2 * sizeof(StrutPlace) +
                         (places + numbers) * sizeof(void *) +
                         (uint64_t)about->num_dims * sizeof(int64_t);
  StrutStream *stream = strut_map(bytes);
  if (!stream) {
    strut_text(text, "out of memory: no room for the tables of a context");
    return STRUT_OUT_OF_MEMORY;
  }
  stream->device = device;
  stream->bytes = bytes;
  stream->places = (StrutPlace *)(stream + 1);
  stream->last = stream->places + places;
  stream->inputs = (void **)(stream->last + places);
  stream->outputs = stream->inputs + about->num_inputs;
  stream->dims = (int64_t *)(stream->outputs + about->num_outputs + numbers);
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

/*===- Running ------------------------------------------------------------------===*/

/* Puts the whole run on a stream. */
static CUresult enqueue(StrutContext *context, CUstream target) {
  StrutStream *stream = context->stream;
  const StrutProgram *program = context->session->program;
  const int32_t numInputs = program->description->num_inputs;
  const int32_t tensors = numInputs + program->description->num_outputs;
  const int32_t count = stream->num_places;
  const StrutDriver *driver = &stream->device->driver;
  CUresult result = 0;
  for (int32_t i = 0; i < tensors; ++i)
    stream->inputs[i] = (void *)stream->places[i].device; /* and outputs, which follow */
  for (int32_t i = 0; i < program->num_numbers; ++i)
    stream->inputs[tensors + i] = (int64_t *)stream->places[tensors].device + i;
  for (int32_t i = 0; !result && i < count; ++i) {
    const StrutPlace *place = &stream->places[i];
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
    const StrutPlace *place = &stream->places[i];
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
  const size_t places = sizeof(StrutPlace) * (size_t)stream->num_places;
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

/* Points the tensors that are to be views at what the run has written. */
static void pointAtResults(const StrutContext *context, DLTensor *outputs) {
  const StrutDescription *about = context->session->program->description;
  for (int32_t i = 0; i < about->num_outputs; ++i) {
    const StrutPlace *place = &context->stream->places[about->num_inputs + i];
    if (!context->outputs[i] && !outputs[i].data)
      outputs[i].data = place->host ? place->host : (void *)place->device;
  }
}

static StrutStatus runOnStream(StrutContext *context, const DLTensor *const *inputs,
                               DLTensor *outputs, StrutText *text) {
  StrutStream *stream = context->stream;
  const StrutDriver *driver = &stream->device->driver;
  StrutPlacing placing;
  StrutStatus status = strut_place_tensors(context, inputs, outputs, &placing, text);
  if (status)
    return status;
  stream->num_places = placing.count;
  strut_copy_inputs(context);
  stream->failure = 0;
  CUresult result = launchRun(context, !placing.hasPageable);
  if (placing.hasHost || stream->used == stream->own || result) {
    CUresult waited = driver->streamSynchronize(stream->used);
    result = result ? result : waited;
  }
  if (stream->failure) {
    strut_text(text, "kernel ");
    strut_text_quoted(text, context->session->program->device->kernels[stream->failed_kernel].name);
    return strut_check(stream->failure, " cannot run on the GPU", driver, text);
  }
  if (result)
    return strut_check(result, "the run on the GPU failed", driver, text);
  strut_copy_outputs(context);
  pointAtResults(context, outputs);
  return strut_read_notes(context, outputs);
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
