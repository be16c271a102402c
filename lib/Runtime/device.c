/*===- device.c - Programs whose kernels run on a GPU --------------------------===*/
#include "device.h"
#include "arena.h"
#include "libc.h"

#include "driver.h" /* needs size_t */

typedef struct Driver {
#define MEMBER(member, symbol, parameters) CUresult(*member) parameters;
  STRUT_DRIVER_FUNCTIONS(MEMBER)
#undef MEMBER
} Driver;

struct StrutDevice {
  const StrutProgram *program;
  uint64_t bytes; /* of the mapping of this object and its functions */
  void *library;
  Driver driver;
  CUdevice device;
  CUcontext context;
  CUmodule module;
  CUdeviceptr weights;
  CUfunction *functions; /* one per kernel of the program */
};

struct StrutStream {
  StrutDevice *device;
  uint64_t bytes; /* of the mapping of this object and its tables */
  CUstream stream;
  CUdeviceptr memory; /* planned buffers, then inputs, then outputs */
  int64_t memory_bytes;
  void **inputs; /* addresses on the device */
  void **outputs;
  CUresult failure; /* of the run's launches, the first one */
  int32_t failed_kernel;
};

/* ": out of memory" */
static void sayResult(StrutText *text, const Driver *driver, CUresult result) {
  const char *why = 0;
  driver->getErrorString(result, &why);
  strut_text(text, why ? ": " : ": error ");
  if (why)
    strut_text(text, why);
  else
    strut_text_int(text, result);
}

/* Says what failed and why, if `result` is a failure. */
static StrutStatus check(CUresult result, const char *what, const Driver *driver, StrutText *text) {
  if (!result)
    return STRUT_OK;
  strut_text(text, what);
  sayResult(text, driver, result);
  return result == CUDA_ERROR_OUT_OF_MEMORY ? STRUT_OUT_OF_MEMORY : STRUT_UNSUPPORTED;
}

/*===- Opening ------------------------------------------------------------------===*/

static StrutStatus loadDriver(StrutDevice *device, const char *library, StrutText *text) {
  const char *name = library ? library : "libcuda.so.1";
  device->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!device->library) {
    strut_text(text, "no NVIDIA driver: ");
    strut_text_quoted(text, name);
    strut_text(text, " cannot be loaded");
    return STRUT_UNSUPPORTED;
  }
#define LOOK_UP(member, symbol, parameters)                                                        \
  *(void **)&device->driver.member = dlsym(device->library, symbol);                               \
  if (!device->driver.member) {                                                                    \
    strut_text(text, "the NVIDIA driver is too old: it lacks " symbol);                            \
    return STRUT_UNSUPPORTED;                                                                      \
  }
  STRUT_DRIVER_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return STRUT_OK;
}

static StrutStatus findDevice(StrutDevice *device, int32_t ordinal, StrutText *text) {
  const Driver *driver = &device->driver;
  int count = 0;
  CUresult result = driver->init(0);
  if (!result)
    result = driver->deviceGetCount(&count);
  if (result || !count) {
    strut_text(text, "no NVIDIA GPU can be used");
    if (result)
      sayResult(text, driver, result);
    return STRUT_UNSUPPORTED;
  }
  if (ordinal >= count) {
    strut_text(text, "there is no GPU number ");
    strut_text_int(text, ordinal);
    strut_text(text, ": the driver has ");
    strut_text_int(text, count);
    return STRUT_UNSUPPORTED;
  }
  result = driver->deviceGet(&device->device, ordinal);
  if (!result)
    result = driver->primaryRetain(&device->context, device->device);
  return check(result, "the GPU cannot be used", driver, text);
}

/* The code to load: what an emulator takes, machine code of this very GPU, or PTX of it
 * or an older one. */
static const StrutImage *chooseImage(const StrutDevice *device, int capability) {
  const StrutDeviceProgram *program = device->program->device;
  int isEmulator = dlsym(device->library, "strut_emulator_version") != 0;
  const StrutImage *best = 0;
  for (int32_t i = 0; i < program->num_images; ++i) {
    const StrutImage *image = &program->images[i];
    if (isEmulator ? image->kind == StrutImageEmulated
                   : image->kind == StrutImageCubin && image->capability == capability)
      return image;
    if (!isEmulator && image->kind == StrutImagePtx && image->capability <= capability &&
        (!best || image->capability > best->capability))
      best = image;
  }
  return best;
}

static StrutStatus failImage(const StrutDevice *device, int capability, StrutText *text) {
  const StrutDeviceProgram *program = device->program->device;
  strut_text(text, "the model has no code for this GPU, an sm_");
  strut_text_int(text, capability);
  strut_text(text, "; it has");
  for (int32_t i = 0; i < program->num_images; ++i) {
    static const char *const kinds[] = {" PTX for sm_", " machine code for sm_",
                                        " code for the emulator of sm_"};
    strut_text(text, i ? "," : "");
    strut_text(text, kinds[program->images[i].kind]);
    strut_text_int(text, program->images[i].capability);
  }
  strut_text(text, ". Compile it for this GPU (--gpu-arch)");
  return STRUT_UNSUPPORTED;
}

static StrutStatus loadCode(StrutDevice *device, StrutText *text) {
  const Driver *driver = &device->driver;
  const StrutDeviceProgram *program = device->program->device;
  int major = 0, minor = 0;
  CUresult result = driver->deviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                                               device->device);
  if (!result)
    result = driver->deviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                                        device->device);
  if (result)
    return check(result, "the GPU does not tell its architecture", driver, text);
  const StrutImage *image = chooseImage(device, 10 * major + minor);
  if (!image)
    return failImage(device, 10 * major + minor, text);
  StrutStatus status = check(driver->moduleLoad(&device->module, image->data),
                             "the GPU does not take the model's code", driver, text);
  for (int32_t i = 0; !status && i < program->num_kernels; ++i)
    status =
        check(driver->moduleGetFunction(&device->functions[i], device->module, program->kernels[i]),
              "the model's code lacks a kernel", driver, text);
  return status;
}

static StrutStatus copyWeights(StrutDevice *device, const char *weights, StrutText *text) {
  const Driver *driver = &device->driver;
  uint64_t bytes = device->program->weights_used;
  if (!bytes)
    return STRUT_OK;
  StrutStatus status = check(driver->memAlloc(&device->weights, bytes),
                             "there is no room for the model's weights on the GPU", driver, text);
  if (status)
    return status;
  CUresult result = driver->copyToDevice(device->weights, weights, bytes, 0);
  if (!result)
    result = driver->streamSynchronize(0);
  return check(result, "the model's weights cannot be copied to the GPU", driver, text);
}

static void closeDevice(StrutDevice *device) {
  const Driver *driver = &device->driver;
  if (device->context) {
    driver->contextPush(device->context);
    if (device->weights)
      driver->memFree(device->weights);
    if (device->module)
      driver->moduleUnload(device->module);
    driver->contextPop(&device->context);
    driver->primaryRelease(device->device);
  }
  /* The driver's library stays: it has threads of its own. */
  munmap(device, device->bytes);
}

static void *map(uint64_t bytes) {
  void *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? 0 : memory;
}

static StrutStatus openDevice(const StrutProgram *program, const char *library, int32_t ordinal,
                              const char *weights, StrutDevice **opened, StrutText *text) {
  uint64_t bytes =
      sizeof(StrutDevice) + (uint64_t)program->device->num_kernels * sizeof(CUfunction);
  StrutDevice *device = map(bytes);
  if (!device) {
    strut_text(text, "out of memory: no room for the tables of a GPU");
    return STRUT_OUT_OF_MEMORY;
  }
  device->program = program;
  device->bytes = bytes;
  device->functions = (CUfunction *)(device + 1);
  StrutStatus status = loadDriver(device, library, text);
  if (!status)
    status = findDevice(device, ordinal, text);
  if (!status) {
    CUcontext unused;
    device->driver.contextPush(device->context);
    status = loadCode(device, text);
    if (!status)
      status = copyWeights(device, weights, text);
    device->driver.contextPop(&unused);
  }
  if (status)
    closeDevice(device);
  else
    *opened = device;
  return status;
}

/*===- Streams ------------------------------------------------------------------===*/

static void destroyStream(StrutStream *stream) {
  const Driver *driver = &stream->device->driver;
  CUcontext unused;
  driver->contextPush(stream->device->context);
  if (stream->memory)
    driver->memFree(stream->memory);
  if (stream->stream)
    driver->streamDestroy(stream->stream);
  driver->contextPop(&unused);
  munmap(stream, stream->bytes);
}

static StrutStatus createStream(StrutDevice *device, StrutStream **created, StrutText *text) {
  const StrutDescription *about = device->program->description;
  uint64_t count = (uint64_t)about->num_inputs + (uint64_t)about->num_outputs;
  uint64_t bytes = sizeof(StrutStream) + count * sizeof(void *);
  StrutStream *stream = map(bytes);
  if (!stream) {
    strut_text(text, "out of memory: no room for the tables of a context");
    return STRUT_OUT_OF_MEMORY;
  }
  stream->device = device;
  stream->bytes = bytes;
  stream->inputs = (void **)(stream + 1);
  stream->outputs = stream->inputs + about->num_inputs;
  CUcontext unused;
  device->driver.contextPush(device->context);
  StrutStatus status = check(device->driver.streamCreate(&stream->stream, CU_STREAM_NON_BLOCKING),
                             "the GPU gives no stream", &device->driver, text);
  device->driver.contextPop(&unused);
  if (status)
    destroyStream(stream);
  else
    *created = stream;
  return status;
}

/*===- Running ------------------------------------------------------------------===*/

static int64_t inputBytes(const DLTensor *input) {
  return strut_tensor_bytes(input->dtype, input->shape, input->ndim);
}

/* Places inputs and outputs behind the planned buffers, as offsets; the whole size or
 * -1. An output that aliases an input is the input. */
static int64_t placeTensors(StrutContext *context, const DLTensor *const *inputs) {
  StrutStream *stream = context->stream;
  const StrutDescription *about = context->session->program->description;
  const int32_t buffers = context->session->program->num_buffers;
  int64_t total = context->planned_bytes;
  for (int32_t i = 0; i < about->num_inputs + about->num_outputs; ++i) {
    int32_t output = i - about->num_inputs;
    void **place = output < 0 ? &stream->inputs[i] : &stream->outputs[output];
    if (output >= 0 && about->outputs[output].alias >= 0) {
      *place = stream->inputs[about->outputs[output].alias];
      continue;
    }
    int64_t bytes =
        strut_align(output < 0 ? inputBytes(inputs[i]) : context->buffer_bytes[buffers + output]);
    *place = (void *)(intptr_t)total;
    if (bytes < 0 || __builtin_add_overflow(total, bytes, &total))
      return -1;
  }
  return total;
}

static StrutStatus growMemory(StrutStream *stream, int64_t bytes, StrutText *text) {
  const Driver *driver = &stream->device->driver;
  if (bytes <= stream->memory_bytes)
    return STRUT_OK;
  if (stream->memory)
    driver->memFree(stream->memory);
  stream->memory = 0;
  stream->memory_bytes = 0;
  StrutStatus status =
      check(driver->memAlloc(&stream->memory, (size_t)bytes),
            "there is no room for the model's working memory on the GPU", driver, text);
  if (!status)
    stream->memory_bytes = bytes;
  return status;
}

static StrutStatus runOnStream(StrutContext *context, const DLTensor *const *inputs,
                               StrutText *text) {
  StrutStream *stream = context->stream;
  const StrutProgram *program = context->session->program;
  const StrutDescription *about = program->description;
  const Driver *driver = &stream->device->driver;
  int64_t bytes = placeTensors(context, inputs);
  if (bytes < 0) {
    strut_text(text, "the sizes of the model's tensors overflow");
    return STRUT_INVALID_ARGUMENT;
  }
  StrutStatus status = growMemory(stream, bytes, text);
  if (status)
    return status;
  for (int32_t i = 0; i < about->num_inputs + about->num_outputs; ++i)
    stream->inputs[i] = (char *)stream->memory + (intptr_t)stream->inputs[i];
  CUresult result = 0;
  for (int32_t i = 0; !result && i < about->num_inputs; ++i)
    if (inputBytes(inputs[i]))
      result = driver->copyToDevice((CUdeviceptr)stream->inputs[i], context->inputs[i],
                                    (size_t)inputBytes(inputs[i]), stream->stream);
  if (result)
    return check(result, "the inputs cannot be copied to the GPU", driver, text);
  const StrutFrame frame = {.inputs = stream->inputs,
                            .outputs = stream->outputs,
                            .arena = (char *)stream->memory,
                            .offsets = context->offsets,
                            .weights = (const char *)stream->device->weights,
                            .dims = context->dims,
                            .launcher = &context->launcher};
  stream->failure = 0;
  program->run(&frame);
  for (int32_t i = 0; !stream->failure && !result && i < about->num_outputs; ++i) {
    int64_t size = context->buffer_bytes[program->num_buffers + i];
    if (size)
      result = driver->copyToHost(context->outputs[i], (CUdeviceptr)stream->outputs[i],
                                  (size_t)size, stream->stream);
  }
  CUresult waited = driver->streamSynchronize(stream->stream);
  if (stream->failure) {
    strut_text(text, "kernel ");
    strut_text_quoted(text, program->device->kernels[stream->failed_kernel]);
    return check(stream->failure, " cannot run on the GPU", driver, text);
  }
  return check(result ? result : waited, "the run on the GPU failed", driver, text);
}

static StrutStatus runDevice(StrutContext *context, const DLTensor *const *inputs) {
  StrutText text = strut_text_begin(context->error);
  StrutStream *stream = context->stream;
  const Driver *driver = &stream->device->driver;
  CUcontext unused;
  StrutStatus status =
      check(driver->contextPush(stream->device->context), "the GPU cannot be used", driver, &text);
  if (status)
    return status;
  context->launcher.stream = stream;
  status = runOnStream(context, inputs, &text);
  driver->contextPop(&unused);
  return status;
}

void strut_rt_device_launch(const StrutLauncher *launcher, int32_t function, void *arguments,
                            int64_t blocks, int64_t threads, int32_t kernel) {
  StrutStream *stream = launcher->stream;
  const Driver *driver = &stream->device->driver;
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
                                 (unsigned)threads, 1, 1, 0, stream->stream, parameters, 0);
  if (!observer)
    return;
  /* The time of a kernel includes its execution. */
  if (!stream->failure)
    stream->failure = driver->streamSynchronize(stream->stream);
  observer->launch(observer->self, kernel, 1);
}

const StrutDeviceRuntime strut_rt_device_runtime = {openDevice, closeDevice, createStream,
                                                    destroyStream, runDevice};
