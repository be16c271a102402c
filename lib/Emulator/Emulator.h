//===- Emulator.h - The parts of the emulator ------------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_EMULATOR_H
#define STRUT_LIB_EMULATOR_EMULATOR_H

#include "strut/Runtime/emulator.h"
#include <array>
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

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

constexpr uint32_t warpSize = 32, mostWarps = 32, warpgroupSize = 128;
/// What bulk copies write is written by a thread of its own, of a warp of its own.
constexpr uint32_t copyEngine = mostWarps * warpSize;

/// Until when the accesses of each warp, and of the copy engine, are known.
using Knowledge = std::array<uint32_t, mostWarps + 1>;

/// Which accesses come before which: time passes whenever threads synchronise, and a warp knows
/// others' accesses until some time.
class Order {
public:
  void start();
  uint32_t now() const { return time; }
  /// Whether `thread` may count on what `other` did at `when`.
  bool knows(uint32_t thread, uint32_t other, uint32_t when) const {
    return thread == other || knowsWarp(thread, other / warpSize, when);
  }
  /// Whether it may count on what all threads of a warp did at `when`.
  bool knowsWarp(uint32_t thread, uint32_t warp, uint32_t when) const {
    return known[thread / warpSize][warp] >= when;
  }
  /// The warps with a bit set wait for each other.
  void meet(uint32_t warps);
  /// Adds what `thread` knows and has done to what an mbarrier passes on.
  void release(uint32_t thread, Knowledge &to);
  void acquire(uint32_t thread, const Knowledge &from);

private:
  std::array<Knowledge, mostWarps + 1> known;
  uint32_t time = 1;
};

/// Watches the shared memory of a block. Two accesses to a byte by different
/// threads, one of them a write, are a race if they did not synchronise in between. What a copy is
/// on its way to must not be touched at all, and what an asynchronous reader still reads not be
/// written.
class Shared {
public:
  void start(void *memory, size_t bytes);
  bool contains(const void *address) const;
  /// The address in shared memory whose low 18 bits these are.
  const char *at(uint32_t low) const;

  /// Notes an access; what is wrong with it, or an empty text.
  std::string access(const void *address, size_t bytes, bool isWrite, uint32_t thread);
  /// A copy to there begins, which is a write by its thread now and by `thread` when it ends.
  std::string beginCopy(void *address, size_t bytes, uint32_t thread);
  void endCopy(void *address, size_t bytes, uint32_t thread);
  /// 16 bytes are read for `threads` until endRead.
  std::string beginRead(const void *chunk, const std::vector<uint32_t> &threads);
  void endRead(const void *chunk);
  /// A thread of another block of the cluster reads.
  std::string readFromAfar(const void *address, size_t bytes);
  /// All blocks of the cluster have met.
  void meetCluster() { metAt = order.now(); }
  /// An mbarrier begins to be there.
  std::string initMbarrier(void *address, uint32_t thread);
  /// What is wrong with a use of the mbarrier by a thread; empty if nothing is.
  std::string useMbarrier(const void *address, uint32_t thread, bool isAsync) const;
  /// What the thread has written can be read by what is asynchronous.
  void fence(uint32_t thread) { ++fences[thread]; }

  static constexpr size_t chunkBytes = 16;
  static constexpr size_t mbarrierBytes = 8;
  Order order;

private:
  static constexpr uint32_t nobody = ~0u, several = ~1u;
  struct Byte {
    uint32_t writer = nobody, reader = nobody;
    uint32_t written = 0, read = 0; ///< times; 0: never
    uint32_t readers = 0;           ///< warps, by bits
    uint32_t fences = 0;            ///< of the writer, when it wrote
    bool awaited = false;           ///< a copy is on its way
    bool isMbarrier = false;
    uint32_t readFromAfar = 0; ///< when
    bool operator==(const Byte &) const = default;
  };
  std::string checkWrite(const Byte &byte, uint32_t thread) const;
  std::string checkRead(const Byte &byte, uint32_t thread) const;
  bool isFenced(const Byte &byte) const {
    return byte.writer >= copyEngine || fences[byte.writer] > byte.fences;
  }

  std::vector<Byte> bytes;
  std::vector<uint32_t> reading; ///< by chunk: asynchronous reads that go on
  std::array<uint32_t, copyEngine> fences;
  uintptr_t begin = 0;
  uint32_t metAt = 0; ///< the last time that all blocks of the cluster have
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

/// One lane's part in an instruction that its warp executes together.
struct WarpStep {
  enum Kind { ShuffleXor, ShuffleIndex, Elect, LoadMatrices, StoreMatrices, Multiply } kind;
  uint32_t members;   ///< a bit for each lane that takes part
  uint32_t common[2]; ///< operands that all lanes must agree on
  const void *in;     ///< a value, registers to store, a row's address, or A, B and C
  void *out;          ///< the lane's results, or a row's address

  uint32_t *results() const { return static_cast<uint32_t *>(out); }

  bool agrees(const WarpStep &other) const {
    return kind == other.kind && members == other.members && common[0] == other.common[0] &&
           common[1] == other.common[1];
  }
};

/// shfl.sync of the lanes that have a step.
void shuffle(const WarpStep *const lanes[warpSize]);
/// ldmatrix and stmatrix: the rows have been checked.
void loadMatrices(const WarpStep *const lanes[warpSize]);
void storeMatrices(const WarpStep *const lanes[warpSize]);
/// mma.sync.
void multiply(const WarpStep *const lanes[warpSize]);
/// cvt.rna.tf32.f32: to the nearest, halves away from zero.
uint32_t roundToTF32(uint32_t value);
float asFloat(uint32_t bits);
/// A number of 16 bits.
float fromBits(StrutProduct product, uint32_t bits);
/// cvt.rn.f16x2.f32 or cvt.rn.bf16x2.f32: to the nearest, halves to even.
uint32_t roundToHalves(StrutProduct product, uint32_t high, uint32_t low);
/// ex2.approx.ftz.f32, whose error may be 2 to the -22 of the result: at times it is.
uint32_t approximateExp2(uint32_t value);

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_EMULATOR_H
