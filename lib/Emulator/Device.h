//===- Device.h - What the emulated driver holds ---------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_DEVICE_H
#define STRUT_LIB_EMULATOR_DEVICE_H

#include "Emulator.h"
#include "lib/Runtime/driver.h"
#include <mutex>
#include <set>

namespace strut::emulator {

enum Result : CUresult {
  Success = 0,
  InvalidValue = CUDA_ERROR_INVALID_VALUE,
  OutOfMemory = CUDA_ERROR_OUT_OF_MEMORY,
  InvalidDevice = 101,
  InvalidImage = CUDA_ERROR_INVALID_IMAGE,
  NotFound = 500,
  LaunchFailed = 719,
  CaptureForbids = 900
};

/// A piece of work; what went wrong, or an empty text.
using Work = std::function<std::string()>;
/// What was captured.
using Graph = std::vector<Work>;

/// Work in its order. It is done as late as the program lets it: whoever looks at results
/// without having waited finds none.
struct Stream {
  bool isBlocking = true; ///< ordered with the legacy default stream
  std::vector<Work> waiting;
  std::unique_ptr<Graph> recording; ///< instead of waiting, while it is captured
};

/// What STRUT_EMULATE_DEVICE and STRUT_EMULATE_FAIL make of the device.
class Faults {
public:
  /// Reads both anew; false where they say nothing that is known.
  bool fromEnvironment();
  /// The error that this call of a function is to return, or 0.
  CUresult plantedIn(const char *function);

  int capability = 90;
  uint64_t memory = UINT64_MAX; ///< bytes of the device

private:
  struct Planted {
    std::string function;
    unsigned long call; ///< which one, from 1; 0: each
    CUresult error;
    unsigned long calls = 0;
  };
  std::vector<Planted> list;
};

struct State {
  std::recursive_mutex mutex;
  Faults faults;
  Memory memory;
  std::map<uintptr_t, size_t> pinned; ///< host memory that copies may read later
  std::set<Stream *> streams;
  Stream legacy;       ///< the default one
  std::string problem; ///< of the last failure, for cuGetErrorString
  CUresult problemOf = Success;
  int users = 0;       ///< of the context
  bool failed = false; ///< a launch has: the context is lost, as on a GPU
};

State &state();
/// Notes why; returns the result.
Result fail(Result result, const std::string &why);

/// The stream of a handle: null, 1 and 2 are default streams.
Stream &streamOf(CUstream handle);
/// Puts work on a stream, after what is before it.
Result put(Stream &stream, Work work);
/// Does what waits on a stream, or on all.
void flush(Stream &stream);
void flushAll();
bool isPinned(const void *address, size_t bytes);
/// Whether a stream is being captured, which forbids to wait and to allocate.
bool isCapturing();

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_DEVICE_H
