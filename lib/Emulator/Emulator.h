//===- Emulator.h - The parts of the emulator ------------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_EMULATOR_H
#define STRUT_LIB_EMULATOR_EMULATOR_H

#include "strut/Runtime/emulator.h"
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <ucontext.h>
#include <vector>

namespace strut::emulator {

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The memory of the device: the host's, known by its extents.
class Memory {
public:
  /// Filled with bytes that make every float a NaN. Null if there is no more.
  void *allocate(size_t bytes);
  bool release(void *memory);
  /// Whether all of [address, address + bytes) lies in one allocation.
  bool contains(const void *address, size_t bytes) const;
  /// Bytes of all allocations.
  size_t used() const { return total; }

private:
  size_t total = 0;
  std::map<uintptr_t, size_t> extents; ///< by address
  mutable uintptr_t lastBegin = 0, lastEnd = 0;
};

/// Watches the shared memory of the running block. Two accesses to a byte by different
/// threads, one of them a write, are a race if no barrier came between them.
class Shared {
public:
  void start(void *memory, size_t bytes);
  void passBarrier() { ++epoch; }
  bool contains(const void *address) const;
  /// Notes an access; what is wrong with it, or an empty text.
  std::string access(const void *address, size_t bytes, bool isWrite, uint32_t thread);

private:
  static constexpr uint32_t nobody = ~0u, several = ~1u;
  struct Byte {
    uint32_t writer = nobody, reader = nobody;
    uint64_t written = 0, read = 0; ///< epochs; 0: never
  };
  std::vector<Byte> bytes;
  uintptr_t begin = 0;
  uint64_t epoch = 1;
};

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// A computation with a stack of its own, which can be left and gone on with.
class Fiber {
public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  /// Starts anew with `body`, whatever it was doing.
  void start(std::function<void()> body);
  /// Goes on until it pauses or ends.
  void resume();
  /// Leaves the running fiber, to where it was resumed.
  static void pause();
  bool ended() const { return done; }

private:
  static void enter();
  static thread_local Fiber *running;
  std::function<void()> body;
  ucontext_t self, caller;
  void *stack;
  bool done = true;
};

/// In which order threads run, out of those orders that a GPU may choose.
struct Schedule {
  enum Kind { Forward, Backward, Greedy, Random } kind = Random;
  uint64_t seed = 0;

  /// Reads STRUT_EMULATE; false where it says nothing that is known.
  static bool fromEnvironment(Schedule &schedule);
};

/// One launch of a kernel.
class Grid {
public:
  Grid(const StrutEmulatedImage &image, const StrutEmulatedKernel &kernel, const Memory &memory,
       Schedule schedule);

  /// Runs all blocks; what went wrong, or an empty text.
  std::string run(const void *arguments, uint32_t blocks, uint32_t threads);

  // What kernels call, for the thread that is running.
  static Grid *current;
  uint32_t thread() const { return running; }
  uint32_t block() const { return blockNumber; }
  uint32_t threads() const { return threadCount; }
  void barrier(uint32_t id);
  uint32_t shuffleXor(uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp);
  void access(const void *address, uint64_t bytes, bool isWrite);

private:
  static constexpr uint32_t warpSize = 32;
  struct Thread {
    enum State { Ready, AtBarrier, AtShuffle, Done } state = Ready;
    uint32_t barrier = 0;                                 ///< its number
    uint32_t members = 0, value = 0, mask = 0, clamp = 0; ///< of a shuffle
  };

  void runBlock();
  void runInTurn();
  void runTogether();
  /// A thread that can run, or -1.
  int64_t choose();
  bool releaseBarrier();
  bool releaseShuffles();
  void reportDeadlock();
  std::vector<uint32_t> order(uint32_t count);
  /// Notes what is wrong and stops the running thread for good.
  void fault(const std::string &what);
  std::string where() const;

  const StrutEmulatedImage &image;
  const StrutEmulatedKernel &kernel;
  const Memory &memory;
  Schedule schedule;
  std::mt19937_64 random;
  Shared shared;
  std::vector<unsigned char> arguments;
  std::vector<Thread> state;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::string problem;
  uint32_t blockNumber = 0, threadCount = 0, running = 0;
  uint32_t greedyWarp = 0;
};

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_EMULATOR_H
