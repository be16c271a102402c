//===- Driver.cpp - The CUDA driver's functions, on the host --------------===//
//
// As far as lib/Runtime calls them. There is one device, whose memory is the host's. Work on
// streams is done as late as the program lets it.
//
//===----------------------------------------------------------------------===//
#include "Device.h"
#include "Grid.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace strut::emulator;

namespace {

constexpr int multiprocessors = 2; ///< few, so that blocks have several tiles to do

struct Module {
  int file; ///< of the library
  void *library;
  const StrutEmulatedImage *image;
};

/// A library that cannot be a file on its own: it lies in memory. Its file stays open for as long
/// as it is loaded: under a path that another library was loaded from, that one would be found
/// again.
Module openImage(const void *data, std::string &why) {
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
  return {file, library, nullptr};
}

void closeImage(const Module &module) {
  if (module.library)
    dlclose(module.library);
  if (module.file >= 0)
    close(module.file);
}

struct Function {
  const StrutEmulatedImage *image;
  const StrutEmulatedKernel *kernel;
  uint32_t dynamicShared = 48 << 10; ///< that a launch may ask for
};

} // namespace

/// Every function locks the device, and may be told to fail.
#define ENTER                                                                                      \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);                                       \
  if (CUresult planted = state().faults.plantedIn(__func__))                                       \
    return planted;

extern "C" {
#define EXPORT __attribute__((visibility("default")))

/// By which the launcher knows that images are to be emulated.
EXPORT extern const uint32_t strut_emulator_version;
const uint32_t strut_emulator_version = STRUT_EMULATOR_VERSION;

EXPORT CUresult cuInit(unsigned) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  Schedule schedule;
  if (!Schedule::fromEnvironment(schedule))
    return fail(InvalidValue, "STRUT_EMULATE must be forward, backward, greedy or random, with "
                              ":SEED if wanted");
  if (!state().faults.fromEnvironment())
    return fail(InvalidValue, "STRUT_EMULATE_DEVICE must be an architecture like sm_80, with "
                              ":BYTES of memory if wanted, and STRUT_EMULATE_FAIL entries like "
                              "cuMemAlloc_v2:1:2 (function, which call, error)");
  return state().faults.plantedIn(__func__);
}

EXPORT CUresult cuGetErrorString(CUresult error, const char **text) {
  static thread_local std::string copy;
  static const std::map<CUresult, const char *> known = {
      {OutOfMemory, "out of memory"},
      {100, "no CUDA-capable device is detected"},
      {CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"},
      {LaunchFailed, "unspecified launch failure"},
      {CaptureForbids, "operation not permitted when stream is capturing"}};
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (error == state().problemOf)
    copy = state().problem;
  else if (auto found = known.find(error); found != known.end())
    copy = found->second;
  else
    copy = "error " + std::to_string(error);
  *text = copy.c_str();
  return Success;
}

EXPORT CUresult cuDeviceGetCount(int *count) {
  ENTER
  *count = 1;
  return Success;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER
  *device = 0;
  return ordinal ? fail(InvalidDevice, "the emulator has one device") : Success;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  ENTER
  if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    *value = state().faults.capability / 10;
  else if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
    *value = state().faults.capability % 10;
  else if (attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
    *value = multiprocessors;
  else
    return fail(InvalidValue, "the emulator does not know this attribute of a device");
  return Success;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  ENTER
  *context = reinterpret_cast<CUcontext>(&state());
  ++state().users;
  return Success;
}

/// With its last user a lost context is gone.
EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  ENTER
  if (--state().users == 0) {
    state().failed = false;
    state().problem.clear();
    state().problemOf = Success;
  }
  return Success;
}

EXPORT CUresult cuCtxPushCurrent_v2(CUcontext) {
  ENTER
  return Success;
}

EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  ENTER
  *context = reinterpret_cast<CUcontext>(&state());
  return Success;
}

EXPORT CUresult cuCtxSynchronize(void) {
  ENTER
  if (isCapturing())
    return CaptureForbids;
  flushAll();
  return state().failed ? LaunchFailed : Success;
}

EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *data, unsigned, int *, void **) {
  ENTER
  if (memcmp(data, "\177ELF", 4) != 0)
    return fail(InvalidImage, "the code is no image for the emulator");
  std::string why;
  Module made = openImage(data, why);
  if (!made.library) {
    closeImage(made);
    return fail(InvalidImage, "the image cannot be loaded: " + why);
  }
  made.image = static_cast<const StrutEmulatedImage *>(dlsym(made.library, "strut_emulated_image"));
  if (!made.image || made.image->version != STRUT_EMULATOR_VERSION) {
    closeImage(made);
    return fail(InvalidImage, "the image is for another version of the emulator");
  }
  *module = reinterpret_cast<CUmodule>(new Module(made));
  return Success;
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
  ENTER
  flushAll();
  auto *loaded = reinterpret_cast<Module *>(module);
  closeImage(*loaded);
  delete loaded;
  return Success;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  ENTER
  const StrutEmulatedImage *image = reinterpret_cast<Module *>(module)->image;
  static std::map<const StrutEmulatedKernel *, Function> functions;
  for (uint32_t i = 0; i < image->num_kernels; ++i)
    if (!strcmp(image->kernels[i].name, name)) {
      Function &made = functions[&image->kernels[i]];
      made = {.image = image, .kernel = &image->kernels[i]};
      *function = reinterpret_cast<CUfunction>(&made);
      return Success;
    }
  return fail(NotFound, "the image has no kernel '" + std::string(name) + "'");
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *memory, size_t bytes) {
  ENTER
  if (isCapturing())
    return CaptureForbids;
  if (!bytes)
    return fail(InvalidValue, "an allocation of no bytes");
  void *made = bytes > state().faults.memory - state().memory.used()
                   ? nullptr
                   : state().memory.allocate(bytes);
  *memory = CUdeviceptr(made);
  return made ? Success : OutOfMemory;
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr memory) {
  ENTER
  if (isCapturing())
    return CaptureForbids;
  flushAll();
  return state().memory.release(reinterpret_cast<void *>(memory))
             ? Success
             : fail(InvalidValue, "no allocation begins at the address to be freed");
}

EXPORT CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  ENTER
  if (isCapturing())
    return CaptureForbids;
  *memory = malloc(bytes);
  if (!*memory)
    return OutOfMemory;
  memset(*memory, 0xff, bytes); // NaN
  state().pinned[uintptr_t(*memory)] = bytes;
  return Success;
}

EXPORT CUresult cuMemFreeHost(void *memory) {
  ENTER
  flushAll();
  if (!state().pinned.erase(uintptr_t(memory)))
    return fail(InvalidValue, "no pinned memory begins at the address to be freed");
  free(memory);
  return Success;
}

/// `device` is the side of a copy that lies on the device.
static std::string extentTrouble(CUdeviceptr device, size_t bytes) {
  if (state().memory.contains(reinterpret_cast<void *>(device), bytes))
    return "";
  return "a copy of " + std::to_string(bytes) + " bytes does not lie in one allocation";
}

static Work copyOf(void *to, const void *from, CUdeviceptr device, size_t bytes) {
  return [=] {
    std::string trouble = extentTrouble(device, bytes);
    if (trouble.empty())
      memcpy(to, from, bytes);
    return trouble;
  };
}

/// Whether the copy can be put on the stream.
static CUresult checkCopy(CUdeviceptr device, const void *host, size_t bytes, CUstream stream) {
  if (state().failed)
    return LaunchFailed;
  if (host && streamOf(stream).recording && !isPinned(host, bytes))
    return fail(CaptureForbids, "a copy of host memory that is not pinned cannot be captured");
  std::string trouble = extentTrouble(device, bytes);
  return trouble.empty() ? Success : fail(InvalidValue, trouble);
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                     CUstream stream) {
  ENTER
  if (CUresult result = checkCopy(to, from, bytes, stream))
    return result;
  void *target = reinterpret_cast<void *>(to);
  if (isPinned(from, bytes))
    return put(streamOf(stream), copyOf(target, from, to, bytes));
  // The caller may write to other memory again as soon as this returns.
  const auto *begin = static_cast<const char *>(from);
  auto taken = std::make_shared<std::vector<char>>(begin, begin + bytes);
  return put(streamOf(stream), [=] { return copyOf(target, taken->data(), to, taken->size())(); });
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER
  if (CUresult result = checkCopy(from, to, bytes, stream))
    return result;
  put(streamOf(stream), copyOf(to, reinterpret_cast<const void *>(from), from, bytes));
  if (isPinned(to, bytes))
    return Success;
  flush(streamOf(stream));
  return state().failed ? LaunchFailed : Success;
}

EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                     CUstream stream) {
  ENTER
  for (CUdeviceptr side : {to, from})
    if (CUresult result = checkCopy(side, nullptr, bytes, stream))
      return result;
  return put(streamOf(stream),
             copyOf(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), to, bytes));
}

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  ENTER
  auto *made = new Stream;
  made->isBlocking = !(flags & CU_STREAM_NON_BLOCKING);
  state().streams.insert(made);
  *stream = reinterpret_cast<CUstream>(made);
  return Success;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  ENTER
  flush(streamOf(stream));
  state().streams.erase(&streamOf(stream));
  delete &streamOf(stream);
  return Success;
}

EXPORT CUresult cuStreamSynchronize(CUstream stream) {
  ENTER
  if (streamOf(stream).recording)
    return CaptureForbids;
  flush(streamOf(stream));
  return state().failed ? LaunchFailed : Success;
}

EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int) {
  ENTER
  if (&streamOf(stream) == &state().legacy || streamOf(stream).recording)
    return CaptureForbids;
  streamOf(stream).recording = std::make_unique<Graph>();
  return Success;
}

EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  ENTER
  if (!streamOf(stream).recording)
    return InvalidValue;
  *graph = reinterpret_cast<CUgraph>(streamOf(stream).recording.release());
  return Success;
}

EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *runnable, CUgraph graph,
                                            unsigned long long) {
  ENTER
  *runnable = reinterpret_cast<CUgraphExec>(new Graph(*reinterpret_cast<Graph *>(graph)));
  return Success;
}

EXPORT CUresult cuGraphLaunch(CUgraphExec runnable, CUstream stream) {
  ENTER
  if (state().failed)
    return LaunchFailed;
  for (const Work &work : *reinterpret_cast<Graph *>(runnable))
    put(streamOf(stream), work);
  return Success;
}

EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  ENTER
  delete reinterpret_cast<Graph *>(graph);
  return Success;
}

EXPORT CUresult cuGraphExecDestroy(CUgraphExec runnable) {
  ENTER
  delete reinterpret_cast<Graph *>(runnable);
  return Success;
}

EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  ENTER
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    return fail(InvalidValue, "the emulator does not know this attribute of a function");
  auto *wanted = reinterpret_cast<Function *>(function);
  if (value < 0 || wanted->kernel->shared_bytes + value > wanted->image->shared_bytes)
    return fail(InvalidValue, "a block has not that much shared memory");
  wanted->dynamicShared = uint32_t(value);
  return Success;
}

/// What is wrong with a tensor map, by the rules of the driver's manual; empty if nothing is.
static std::string tensorTrouble(const TensorMap &map) {
  if (uintptr_t(map.base) % 16)
    return "its address is not a multiple of 16";
  for (uint32_t d = 0; d < map.rank; ++d) {
    if (!map.sizes[d] || map.sizes[d] > uint64_t(1) << 32)
      return "a size is 0 or beyond 2^32";
    if (!map.box[d] || map.box[d] > 256)
      return "a side of its boxes is 0 or beyond 256";
    if (d > 0 && (map.strides[d] % 16 || map.strides[d] >= uint64_t(1) << 40))
      return "a stride is not a multiple of 16 bytes";
    if (d > 0 && (map.strides[d] < map.sizes[d - 1] * map.strides[d - 1] ||
                  (d > 1 && map.strides[d] % map.strides[d - 1])))
      return "a stride is less than what lies between, or no multiple of the one before";
  }
  if (map.lineBytes() % 16 || (map.isSwizzled && map.lineBytes() > 128))
    return "lines of its boxes are not a multiple of 16 bytes, or more than are swizzled";
  return "";
}

EXPORT CUresult cuTensorMapEncodeTiled(CUtensorMap *made, int type, uint32_t rank, void *address,
                                       const uint64_t *sizes, const uint64_t *strides,
                                       const uint32_t *box, const uint32_t *elementStrides,
                                       int interleave, int swizzle, int, int fill) {
  ENTER
  if ((type != CU_TENSOR_MAP_DATA_TYPE_FLOAT16 && type != CU_TENSOR_MAP_DATA_TYPE_BFLOAT16) ||
      rank < 2 || rank > mostTensorRank || interleave || fill ||
      (swizzle != CU_TENSOR_MAP_SWIZZLE_NONE && swizzle != CU_TENSOR_MAP_SWIZZLE_128B))
    return fail(InvalidValue, "the emulator knows tensor maps of 16-bit floats in tiles, with 2 to "
                              "5 dimensions, not swizzled or by 128 bytes");
  TensorMap map{};
  map.base = static_cast<const char *>(address);
  map.rank = uint8_t(rank);
  map.elementBytes = 2;
  map.isSwizzled = swizzle == CU_TENSOR_MAP_SWIZZLE_128B;
  for (uint32_t d = 0; d < rank; ++d) {
    map.sizes[d] = sizes[d];
    map.strides[d] = d ? strides[d - 1] : map.elementBytes;
    map.box[d] = uint16_t(box[d] > 256 ? 0 : box[d]);
    if (elementStrides[d] != 1)
      return fail(InvalidValue, "the emulator knows no tensor maps that leave out elements");
  }
  if (uintptr_t(made) % TensorMap::alignment)
    return fail(InvalidValue, "a tensor map is to lie at a multiple of 64");
  if (std::string trouble = tensorTrouble(map); !trouble.empty())
    return fail(InvalidValue, "a tensor cannot be mapped: " + trouble);
  memcpy(made, &map, sizeof map);
  return Success;
}

/// As on a GPU, what goes wrong in a kernel is told by what waits for it.
EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                               unsigned blockX, unsigned blockY, unsigned blockZ,
                               unsigned sharedBytes, CUstream stream, void **parameters, void **) {
  ENTER
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1)
    return fail(InvalidValue, "the emulator knows grids of one dimension, which is not 0");
  if (state().failed)
    return LaunchFailed;
  Schedule schedule;
  Schedule::fromEnvironment(schedule);
  auto *launched = reinterpret_cast<Function *>(function);
  if (sharedBytes > launched->dynamicShared)
    return fail(InvalidValue, "a launch asks for more shared memory than its kernel may have");
  const auto *given = static_cast<const char *>(parameters[0]);
  auto arguments =
      std::make_shared<std::vector<char>>(given, given + launched->kernel->argument_bytes);
  return put(streamOf(stream), [=] {
    // One launch at a time: kernels share one shared memory.
    Grid grid(*launched->image, *launched->kernel, state().memory, schedule);
    return grid.run(arguments->data(), gridX, blockX, sharedBytes);
  });
}

} // extern "C"
