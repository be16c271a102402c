/*===- device.c - A GPU with a program's code and weights on it -----------------===*/
#include "gpu.h"

void strut_say_result(StrutText *text, const StrutDriver *driver, CUresult result) {
  const char *why = 0;
  driver->getErrorString(result, &why);
  strut_text(text, why ? ": " : ": error ");
  if (why)
    strut_text(text, why);
  else
    strut_text_int(text, result);
}

StrutStatus strut_check(CUresult result, const char *what, const StrutDriver *driver,
                        StrutText *text) {
  if (!result)
    return STRUT_OK;
  strut_text(text, what);
  strut_say_result(text, driver, result);
  return result == CUDA_ERROR_OUT_OF_MEMORY ? STRUT_OUT_OF_MEMORY : STRUT_UNSUPPORTED;
}

void *strut_map(uint64_t bytes) {
  void *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? 0 : memory;
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
#define LOOK_UP(member, symbol, parameters)                                                        \
  *(void **)&device->driver.member = dlsym(device->library, symbol);
  STRUT_NEWER_DRIVER_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return STRUT_OK;
}

static StrutStatus findCapability(StrutDevice *device, StrutText *text) {
  const StrutDriver *driver = &device->driver;
  int major = 0, minor = 0;
  CUresult result = driver->deviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                                               device->device);
  if (!result)
    result = driver->deviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                                        device->device);
  device->capability = 10 * major + minor;
  if (!result)
    result = driver->deviceGetAttribute(&device->multiprocessors,
                                        CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device->device);
  return strut_check(result, "the GPU does not tell its architecture", driver, text);
}

static StrutStatus findDevice(StrutDevice *device, int32_t ordinal, StrutText *text) {
  const StrutDriver *driver = &device->driver;
  int count = 0;
  CUresult result = driver->init(0);
  if (!result)
    result = driver->deviceGetCount(&count);
  if (result || !count) {
    strut_text(text, "no NVIDIA GPU can be used");
    if (result)
      strut_say_result(text, driver, result);
    return STRUT_UNSUPPORTED;
  }
  if (ordinal >= count) {
    strut_text(text, "there is no GPU number ");
    strut_text_int(text, ordinal);
    strut_text(text, ": the driver has ");
    strut_text_int(text, count);
    return STRUT_UNSUPPORTED;
  }
  device->ordinal = ordinal;
  result = driver->deviceGet(&device->device, ordinal);
  if (!result)
    result = driver->primaryRetain(&device->context, device->device);
  StrutStatus status = strut_check(result, "the GPU cannot be used", driver, text);
  return status ? status : findCapability(device, text);
}

/*===- Code ---------------------------------------------------------------------===*/

/* How well an image suits the GPU, -1 where it cannot run there: code for a newer GPU is better,
 * code for this very one best, and machine code better than PTX. */
static int32_t suitability(const StrutDevice *device, const StrutImage *image) {
  const int isEmulator = dlsym(device->library, "strut_emulator_version") != 0;
  if (isEmulator != (image->kind == StrutImageEmulated) || image->capability > device->capability)
    return -1;
  const int isSameGeneration = image->capability / 10 == device->capability / 10;
  if ((image->reach == StrutReachExact && image->capability != device->capability) ||
      (image->reach == StrutReachFamily && !isSameGeneration) ||
      (image->kind == StrutImageCubin && !isSameGeneration))
    return -1;
  return 8 * image->capability + 2 * image->reach + (image->kind == StrutImageCubin);
}

/* The program and image that suit best, of those that suit less than `below`; that. */
static int32_t chooseCode(StrutDevice *device, const StrutProgram *programs, int32_t below) {
  int32_t best = -1;
  for (const StrutProgram *program = programs; program; program = program->next)
    for (int32_t i = 0; program->device && i < program->device->num_images; ++i) {
      const StrutImage *image = &program->device->images[i];
      const int32_t suits = suitability(device, image);
      if (suits <= best || suits >= below)
        continue;
      best = suits;
      device->program = program;
      device->image = image;
    }
  return best;
}

static void sayImage(StrutText *text, const StrutImage *image) {
  static const char *const kinds[] = {"PTX for sm_", "machine code for sm_",
                                      "code for the emulator of sm_"};
  static const char *const reaches[] = {"", "f", "a"};
  strut_text(text, kinds[image->kind]);
  strut_text_int(text, image->capability);
  strut_text(text, reaches[image->reach]);
}

static StrutStatus failCode(const StrutDevice *device, const StrutProgram *programs,
                            StrutText *text) {
  strut_text(text, "the model has no code for this GPU, an sm_");
  strut_text_int(text, device->capability);
  const char *separator = "; it has ";
  for (const StrutProgram *program = programs; program; program = program->next)
    for (int32_t i = 0; program->device && i < program->device->num_images; ++i) {
      strut_text(text, separator);
      sayImage(text, &program->device->images[i]);
      separator = ", ";
    }
  strut_text(text, ". Compile it for this GPU (--gpu-arch)");
  return STRUT_UNSUPPORTED;
}

/* Whether other code may do where this has failed: machine code of a GPU much like this one,
 * PTX of a version that the driver is too old for. */
static int isRefusal(CUresult result) {
  return result == CUDA_ERROR_INVALID_IMAGE || result == CUDA_ERROR_NO_BINARY_FOR_GPU ||
         result == CUDA_ERROR_INVALID_PTX || result == CUDA_ERROR_UNSUPPORTED_PTX_VERSION ||
         result == CUDA_ERROR_JIT_COMPILER_NOT_FOUND;
}

/* Loads the image; what the driver's compiler says of it is in `log`. */
static CUresult loadImage(StrutDevice *device, char *log, size_t bytes) {
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)bytes};
  log[0] = 0;
  CUresult result =
      device->driver.moduleLoad(&device->module, device->image->data, 2, options, values);
  for (char *at = log; *at; ++at)
    if (*at == '\n')
      *at = at[1] ? ' ' : 0;
  return result;
}

/* What the launches of the kernel will need of the driver. */
static StrutStatus loadKernel(StrutDevice *device, int32_t number, StrutText *text) {
  const StrutDriver *driver = &device->driver;
  const StrutDeviceKernel *kernel = &device->program->device->kernels[number];
  CUfunction *function = &device->functions[number];
  StrutStatus status =
      strut_check(driver->moduleGetFunction(function, device->module, kernel->name),
                  "the model's code lacks a kernel", driver, text);
  if (!status && kernel->shared_bytes)
    status = strut_check(
        driver->functionSetAttribute(*function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                     (int)kernel->shared_bytes),
        "the GPU has not the shared memory that a kernel needs", driver, text);
  if (!status && kernel->tensor_maps && !driver->tensorMapEncodeTiled) {
    strut_text(text, "the NVIDIA driver is too old: it lacks cuTensorMapEncodeTiled");
    return STRUT_UNSUPPORTED;
  }
  return status;
}

static StrutStatus loadCode(StrutDevice *device, const StrutProgram *programs, StrutText *text) {
  const StrutDriver *driver = &device->driver;
  char log[512];
  CUresult result = CUDA_ERROR_NO_BINARY_FOR_GPU;
  StrutText start = *text;
  int32_t suits = INT32_MAX;
  while (isRefusal(result)) {
    const int isFirst = suits == INT32_MAX;
    suits = chooseCode(device, programs, suits);
    if (suits < 0)
      return isFirst ? failCode(device, programs, text) : STRUT_UNSUPPORTED;
    result = loadImage(device, log, sizeof log);
    if (!result)
      break;
    *text = start; /* the last one that was tried has the word */
    strut_text(text, "the GPU does not take the model's ");
    sayImage(text, device->image);
    strut_say_result(text, driver, result);
    strut_text(text, log[0] ? ": " : "");
    strut_text(text, log);
  }
  if (result)
    return result == CUDA_ERROR_OUT_OF_MEMORY ? STRUT_OUT_OF_MEMORY : STRUT_UNSUPPORTED;
  *text = start;
  *text->at = 0;
  const StrutDeviceProgram *program = device->program->device;
  StrutStatus status = STRUT_OK;
  for (int32_t i = 0; !status && i < program->num_kernels; ++i)
    status = loadKernel(device, i, text);
  return status;
}

static StrutStatus copyWeights(StrutDevice *device, const char *weights, StrutText *text) {
  const StrutDriver *driver = &device->driver;
  uint64_t bytes = device->program->weights_used;
  if (!bytes)
    return STRUT_OK;
  StrutStatus status =
      strut_check(driver->memAlloc(&device->weights, bytes),
                  "there is no room for the model's weights on the GPU", driver, text);
  if (status)
    return status;
  CUresult result =
      driver->copyToDevice(device->weights, weights + device->program->weights_begin, bytes, 0);
  if (!result)
    result = driver->streamSynchronize(0);
  return strut_check(result, "the model's weights cannot be copied to the GPU", driver, text);
}

static void closeDevice(StrutDevice *device) {
  const StrutDriver *driver = &device->driver;
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

static StrutStatus openDevice(const StrutProgram *programs, const char *library, int32_t ordinal,
                              const char *weights, StrutDevice **opened, StrutText *text) {
  int32_t most = 0;
  for (const StrutProgram *program = programs; program; program = program->next)
    if (program->device && program->device->num_kernels > most)
      most = program->device->num_kernels;
  uint64_t bytes = sizeof(StrutDevice) + (uint64_t)most * sizeof(CUfunction);
  StrutDevice *device = strut_map(bytes);
  if (!device) {
    strut_text(text, "out of memory: no room for the tables of a GPU");
    return STRUT_OUT_OF_MEMORY;
  }
  device->bytes = bytes;
  device->functions = (CUfunction *)(device + 1);
  StrutStatus status = loadDriver(device, library, text);
  if (!status)
    status = findDevice(device, ordinal, text);
  if (!status) {
    CUcontext unused;
    device->driver.contextPush(device->context);
    status = loadCode(device, programs, text);
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

static const StrutProgram *programOf(const StrutDevice *device) { return device->program; }

static void describeDevice(const StrutDevice *device, StrutText *text) {
  strut_text(text, "cuda:");
  strut_text_int(text, device->ordinal);
  strut_text(text, " (sm_");
  strut_text_int(text, device->capability);
  strut_text(text, ", ");
  sayImage(text, device->image);
  strut_text(text, ")");
}

const StrutDeviceRuntime strut_rt_device_runtime = {
    openDevice,   closeDevice,          programOf,        describeDevice,
    strut_stream, strut_stream_destroy, strut_stream_use, strut_stream_run};
