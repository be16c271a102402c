//===- Emulator.h - The parts of the emulator ------------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_EMULATOR_H
#define STRUT_LIB_EMULATOR_EMULATOR_H

#include "strut/Runtime/emulator.h"
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <setjmp.h>
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
/// threads, one of them a write, are a race if no barrier came between them. What a copy is
/// on its way to must not be touched at all.
class Shared {
public:
  void start(void *memory, size_t bytes);
  void passBarrier() { ++epoch; }
  bool contains(const void *address) const;
  /// Notes an access; what is wrong with it, or an empty text.
  std::string access(const void *address, size_t bytes, bool isWrite, uint32_t thread);
  /// A copy to there begins, which is a write by its thread now and when it ends.
  std::string beginCopy(void *address, size_t bytes, uint32_t thread);
  void endCopy(void *address, size_t bytes, uint32_t thread);

private:
  static constexpr uint32_t nobody = ~0u, several = ~1u;
  struct Byte {
    uint32_t writer = nobody, reader = nobody;
    uint64_t written = 0, read = 0; ///< epochs; 0: never
    bool awaited = false;           ///< a copy is on its way
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
  ucontext_t first; ///< how it starts
  jmp_buf self, caller;
  void *stack;
  bool done = true, started = false;
};

/// In which order threads run, out of those orders that a GPU may choose.
struct Schedule {
  enum Kind { Forward, Backward, Greedy, Random } kind = Random;
  uint64_t seed = 0;

  /// Reads STRUT_EMULATE; false where it says nothing that is known.
  static bool fromEnvironment(Schedule &schedule);
};

//===----------------------------------------------------------------------===//
// What the lanes of a warp do together
//===----------------------------------------------------------------------===//

constexpr uint32_t warpSize = 32;

/// One lane's part in an instruction that its warp executes together.
struct WarpStep {
  enum Kind { Shuffle, LoadMatrices, Multiply } kind;
  uint32_t members;   ///< a bit for each lane that takes part
  uint32_t common[2]; ///< operands that all lanes must agree on
  const void *in;     ///< a value, a row's address, or the registers of A, B and C
  uint32_t *out;      ///< the lane's results

  bool agrees(const WarpStep &other) const {
    return kind == other.kind && members == other.members && common[0] == other.common[0] &&
           common[1] == other.common[1];
  }
};

/// shfl.sync.bfly of the lanes that have a step.
void shuffle(const WarpStep *const lanes[warpSize]);
/// ldmatrix: the rows have been checked.
void loadMatrices(const WarpStep *const lanes[warpSize]);
/// mma.sync.
void multiply(const WarpStep *const lanes[warpSize]);
/// cvt.rna.tf32.f32: to the nearest, halves away from zero.
uint32_t roundToTF32(uint32_t value);

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
  void meet(const WarpStep &step);
  void access(const void *address, uint64_t bytes, bool isWrite);
  void copyAsync(void *to, const void *from, uint32_t bytes, uint32_t present);
  void commitCopies();
  void waitCopies(uint32_t groups);

private:
  struct Copy {
    void *to;
    const void *from;
    uint32_t bytes, present;
  };
  struct Thread {
    enum State { Ready, AtBarrier, InWarp, Done } state = Ready;
    uint32_t barrier = 0;                     ///< its number
    const WarpStep *step = nullptr;           ///< that the thread waits for others with
    std::vector<std::vector<Copy>> groups{1}; ///< of copies on their way; the last one is open
  };

  static const StrutEmulator &functions();
  void runBlock();
  void runInTurn();
  void runTogether();
  /// A thread that can run, or -1.
  int64_t choose();
  void setState(uint32_t thread, Thread::State state);
  bool releaseBarrier();
  /// Executes what the running thread's warp does together, once all its members have come.
  void releaseWarp();
  void checkRow(uint32_t thread);
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
  std::vector<uint32_t> ready; ///< by warp, a bit for each lane
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::string problem;
  uint32_t blockNumber = 0, threadCount = 0, running = 0;
  uint32_t greedyWarp = 0;
};

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_EMULATOR_H
