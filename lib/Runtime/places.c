/*===- places.c - Where the tensors of a run on a GPU lie ------------------------===
 *
 * Those on the GPU are used where they are, others get a place in the context's memory there,
 * and pinned memory by which they are copied.
 *===--------------------------------------------------------------------------===*/
#include "gpu.h"

enum {
  /* Kernels may count on it for each tensor. */
  TensorAlignment = 16,
  /* What is larger is copied from and to the caller's memory, as the driver does it. */
  MostStaged = 32 << 20
};

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
  StrutPlacing *told;
  Heap device, staging;
} Placing;

/* The host memory that the driver copies from or to. */
static void *hostFor(Placing *placing, const DLTensor *tensor, void *given, int64_t bytes) {
  placing->told->hasHost = 1;
  if (given && tensor->device.device_type == kDLCUDAHost)
    return given;
  if (!given || bytes <= MostStaged)
    return (void *)take(&placing->staging, bytes ? bytes : 1); /* no view has a null address */
  placing->told->hasPageable = 1;
  return given;
}

static int isUsable(const DLTensor *tensor, const void *given) {
  return given && strut_is_on_device(tensor) && (uintptr_t)given % TensorAlignment == 0;
}

static StrutPlace placeInput(Placing *placing, const DLTensor *input, void *given) {
  StrutPlace place = {.bytes = strut_tensor_bytes(input->dtype, input->shape, input->ndim)};
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
static StrutPlace placeOutput(Placing *placing, int32_t index, const DLTensor *const *inputs,
                              const DLTensor *output) {
  const StrutContext *context = placing->context;
  const StrutProgram *program = context->session->program;
  const int32_t alias = program->description->outputs[index].alias;
  void *given = context->outputs[index];
  const StrutPlace *input = alias >= 0 ? &context->stream->places[alias] : 0;
  StrutPlace place = {.bytes = context->buffer_bytes[program->num_buffers + index]};
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
  StrutPlace *places = context->stream->places;
  take(&placing->device, context->planned_bytes);
  for (int32_t i = 0; i < about->num_inputs; ++i)
    places[i] = placeInput(placing, inputs[i], context->inputs[i]);
  for (int32_t i = 0; i < about->num_outputs; ++i)
    places[about->num_inputs + i] = placeOutput(placing, i, inputs, &outputs[i]);
  placing->told->count = about->num_inputs + about->num_outputs;
  if (!context->session->program->num_numbers)
    return;
  StrutPlace *numbers = &places[placing->told->count++];
  *numbers = (StrutPlace){.bytes = 8 * (int64_t)context->session->program->num_numbers};
  numbers->device = take(&placing->device, numbers->bytes);
  numbers->host = (void *)take(&placing->staging, numbers->bytes);
  placing->told->hasHost = 1;
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

StrutStatus strut_place_tensors(StrutContext *context, const DLTensor *const *inputs,
                                const DLTensor *outputs, StrutPlacing *told, StrutText *text) {
  StrutStream *stream = context->stream;
  Placing placing = {.context = context, .told = told};
  *told = (StrutPlacing){0};
  StrutStatus status = checkOwnMemory(context);
  if (status)
    return status;
  placeTensors(&placing, inputs, outputs);
  if (placing.device.used < 0 || placing.staging.used < 0) {
    strut_text(text, "the sizes of the model's tensors overflow");
    return STRUT_INVALID_ARGUMENT;
  }
  status = growMemory(stream, placing.device.used, text);
  if (!status)
    status = growStaging(stream, placing.staging.used, text);
  if (status)
    return status;
  placing.device = (Heap){(uintptr_t)stream->memory, 0};
  placing.staging = (Heap){(uintptr_t)stream->staging, 0};
  placeTensors(&placing, inputs, outputs);
  return STRUT_OK;
}

static void copyStaged(const StrutPlace *place, void *given, int isOutput) {
  if (place->host && given && place->host != given)
    memcpy(isOutput ? given : place->host, isOutput ? place->host : given, (size_t)place->bytes);
}

void strut_copy_inputs(const StrutContext *context) {
  for (int32_t i = 0; i < context->session->program->description->num_inputs; ++i)
    copyStaged(&context->stream->places[i], context->inputs[i], 0);
}

void strut_copy_outputs(StrutContext *context) {
  const StrutProgram *program = context->session->program;
  const StrutDescription *about = program->description;
  const StrutPlace *places = &context->stream->places[about->num_inputs];
  for (int32_t i = 0; i < about->num_outputs; ++i)
    copyStaged(&places[i], context->outputs[i], 1);
  if (program->num_numbers)
    copyStaged(&places[about->num_outputs], context->numbers, 1);
}
