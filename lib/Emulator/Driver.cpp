//===- Driver.cpp - The CUDA driver's functions, on the host --------------===//
//
// As far as lib/Runtime/device.c calls them. There is one device, whose memory is the
// host's. Streams execute at once: the launcher sees no difference, for it looks at
// results only after it has waited.
//
//===----------------------------------------------------------------------===//
#include "lib/Runtime/driver.h"
#include "Emulator.h"
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

using namespace strut::emulator;

namespace {

enum Result : CUresult {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = CUDA_ERROR_OUT_OF_MEMORY,
  InvalidDevice = 101,
  InvalidImage = 200,
  NotFound = 500,
  LaunchFailed = 719
};

/// What the emulator holds. One launch at a time: kernels share one shared memory.
struct State {
  std::recursive_mutex mutex;
  Memory memory;
  std::string problem; ///< of the last failure, for cuGetErrorString
  int users = 0;       ///< of the context
  bool failed = false; ///< a launch has: the context is lost, as on a GPU
};

State &state() {
  static State instance;
  return instance;
}

Result fail(Result result, const std::string &why) {
  state().problem = why;
  return result;
}

/// A library that cannot be a file on its own: it lies in memory.
void *openImage(const void *data, std::string &why) {
  // The length is in the ELF header: the section headers come last.
  const auto *header = static_cast<const unsigned char *>(data);
  uint64_t sections;
  uint16_t size, count;
  memcpy(&sections, header + 40, sizeof sections);
  memcpy(&size, header + 58, sizeof size);
  memcpy(&count, header + 60, sizeof count);
  int file = memfd_create("strut-emulated-image", MFD_CLOEXEC);
  size_t bytes = sections + size_t(size) * count;
  void *library = nullptr;
  if (file >= 0 && write(file, data, bytes) == ssize_t(bytes)) {
    std::string path = "/proc/self/fd/" + std::to_string(file);
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) {
    const char *text = dlerror();
    why = text ? text : "no room for it in memory";
  }
  if (file >= 0)
    close(file);
  return library;
}

struct Module {
  void *library;
  const StrutEmulatedImage *image;
};

struct Function {
  const StrutEmulatedImage *image;
  const StrutEmulatedKernel *kernel;
};

} // namespace

extern "C" {
#define EXPORT __attribute__((visibility("default")))

/// By which the launcher knows that images are to be emulated.
EXPORT extern const uint32_t strut_emulator_version;
const uint32_t strut_emulator_version = STRUT_EMULATOR_VERSION;

EXPORT CUresult cuInit(unsigned) {
  Schedule schedule;
  if (Schedule::fromEnvironment(schedule))
    return Success;
  return fail(InvalidValue, "STRUT_EMULATE must be forward, backward, greedy or random, with "
                            ":SEED if wanted");
}

EXPORT CUresult cuGetErrorString(CUresult error, const char **text) {
  static thread_local std::string copy;
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  copy = state().problem.empty() ? "error " + std::to_string(error) : state().problem;
  *text = copy.c_str();
  return Success;
}

EXPORT CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return Success;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  *device = 0;
  return ordinal ? fail(InvalidDevice, "the emulator has one device") : Success;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    *value = 8;
  else if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
    *value = 0;
  else
    return fail(InvalidValue, "the emulator does not know this attribute of a device");
  return Success;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  *context = reinterpret_cast<CUcontext>(&state());
  ++state().users;
  return Success;
}

/// With its last user a lost context is gone.
EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (--state().users == 0) {
    state().failed = false;
    state().problem.clear();
  }
  return Success;
}

EXPORT CUresult cuCtxPushCurrent_v2(CUcontext) { return Success; }

EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  *context = reinterpret_cast<CUcontext>(&state());
  return Success;
}

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *data) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (memcmp(data, "\177ELF", 4) != 0)
    return fail(InvalidImage, "the code is no image for the emulator");
  std::string why;
  void *library = openImage(data, why);
  if (!library)
    return fail(InvalidImage, "the image cannot be loaded: " + why);
  auto *image = static_cast<const StrutEmulatedImage *>(dlsym(library, "strut_emulated_image"));
  if (!image || image->version != STRUT_EMULATOR_VERSION) {
    dlclose(library);
    return fail(InvalidImage, "the image is for another version of the emulator");
  }
  *module = reinterpret_cast<CUmodule>(new Module{library, image});
  return Success;
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
  auto *loaded = reinterpret_cast<Module *>(module);
  dlclose(loaded->library);
  delete loaded;
  return Success;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  const StrutEmulatedImage *image = reinterpret_cast<Module *>(module)->image;
  static std::map<const StrutEmulatedKernel *, Function> functions;
  for (uint32_t i = 0; i < image->num_kernels; ++i)
    if (!strcmp(image->kernels[i].name, name)) {
      Function &made = functions[&image->kernels[i]];
      made = {image, &image->kernels[i]};
      *function = reinterpret_cast<CUfunction>(&made);
      return Success;
    }
  return fail(NotFound, "the image has no kernel '" + std::string(name) + "'");
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *memory, size_t bytes) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!bytes)
    return fail(InvalidValue, "an allocation of no bytes");
  void *made = state().memory.allocate(bytes);
  *memory = CUdeviceptr(made);
  return made ? Success : fail(OutOfMemory, "out of memory");
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr memory) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().memory.release(reinterpret_cast<void *>(memory))
             ? Success
             : fail(InvalidValue, "no allocation begins at the address to be freed");
}

static CUresult copy(void *to, const void *from, CUdeviceptr device, size_t bytes) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (state().failed)
    return LaunchFailed;
  if (!state().memory.contains(reinterpret_cast<void *>(device), bytes))
    return fail(InvalidValue,
                "a copy of " + std::to_string(bytes) + " bytes does not lie in one allocation");
  memcpy(to, from, bytes);
  return Success;
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream) {
  return copy(reinterpret_cast<void *>(to), from, to, bytes);
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream) {
  return copy(to, reinterpret_cast<const void *>(from), from, bytes);
}

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned) {
  *stream = reinterpret_cast<CUstream>(new char);
  return Success;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  delete reinterpret_cast<char *>(stream);
  return Success;
}

EXPORT CUresult cuStreamSynchronize(CUstream) { return state().failed ? LaunchFailed : Success; }

/// As on a GPU, what goes wrong in a kernel is told by what waits for it.
EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                               unsigned blockX, unsigned blockY, unsigned blockZ,
                               unsigned sharedBytes, CUstream, void **parameters, void **) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 || sharedBytes)
    return fail(InvalidValue, "the emulator knows grids of one dimension, which is not 0");
  if (state().failed)
    return LaunchFailed;
  Schedule schedule;
  Schedule::fromEnvironment(schedule);
  auto *launched = reinterpret_cast<Function *>(function);
  Grid grid(*launched->image, *launched->kernel, state().memory, schedule);
  state().problem = grid.run(parameters[0], gridX, blockX);
  state().failed = !state().problem.empty();
  return Success;
}

} // extern "C"
