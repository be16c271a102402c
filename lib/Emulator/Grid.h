//===- Grid.h - One launch of a kernel --------------------------*- C++ -*-===//
#ifndef STRUT_LIB_EMULATOR_GRID_H
#define STRUT_LIB_EMULATOR_GRID_H

#include "Emulator.h"
#include "TensorMap.h"
#include "Warpgroup.h"

namespace strut::emulator {

/// Threads arrive at it, bytes that it expects arrive, and then its phase is over.
struct Mbarrier {
  uint32_t count;    ///< of arrivals in a phase
  uint32_t pending;  ///< that this phase still lacks
  int64_t bytes = 0; ///< that this phase still lacks
  uint32_t parity = 0;
  Knowledge gathered{}, released{}; ///< in this phase; in those that are over
};

/// One launch of a kernel.
class Grid {
public:
  Grid(const StrutEmulatedImage &image, const StrutEmulatedKernel &kernel, const Memory &memory,
       Schedule schedule);

  /// Runs all blocks, with `sharedBytes` more of shared memory than the kernel has by itself; what
  /// went wrong, or an empty text.
  std::string run(const void *arguments, uint32_t blocks, uint32_t threads, uint32_t sharedBytes);

  // What kernels call, for the thread that is running.
  static Grid *current;
  uint32_t thread() const { return running; }
  uint32_t block() const { return blockNumber; }
  uint32_t threads() const { return threadCount; }
  uint32_t blocks() const { return blockCount; }
  void barrier(uint32_t id, uint32_t threads);
  void meet(const WarpStep &step);
  void access(const void *address, uint64_t bytes, bool isWrite);
  void copyAsync(void *to, const void *from, uint32_t bytes, uint32_t present);
  void commitCopies();
  void waitCopies(uint32_t groups);

  void limitRegisters(uint32_t count);
  void initMbarrier(void *address, uint32_t count);
  void arrive(void *address, uint32_t count, uint32_t bytes);
  bool tryWait(void *address, uint32_t parity);
  void fenceProxy() { shared.fence(running); }
  void loadTensor(void *to, void *mbarrier, const void *map, const int32_t *corner, uint32_t rank);
  void storeTensor(const void *from, const void *map, const int32_t *corner, uint32_t rank);
  void commitStores();
  void waitStores(uint32_t groups);
  void meetWarpgroup(const WarpgroupStep &step);

  void *mapShared(const void *address, uint32_t which);
  void arriveCluster();
  void waitCluster();

private:
  struct Copy {
    void *to;
    const void *from;
    uint32_t bytes, present;
  };
  /// A box on its way between global memory and `place` in shared memory.
  struct BoxCopy {
    TensorMap map;
    char *place;
    std::array<int32_t, mostTensorRank> corner;
    Mbarrier *mbarrier = nullptr; ///< that counts its bytes
  };
  struct Thread {
    enum State { Ready, AtBarrier, InWarp, AtMbarrier, InWarpgroup, AtCluster, Done } state = Ready;
    uint32_t barrier = 0, meeting = 0;           ///< number; how many threads meet there
    const WarpStep *step = nullptr;              ///< that the thread waits for others with
    const WarpgroupStep *groupStep = nullptr;    ///< likewise
    const Mbarrier *mbarrier = nullptr;          ///< that it waits at
    uint32_t parity = 0;                         ///< of the phase that it waits for
    bool hasArrived = false;                     ///< at the barrier of the cluster
    std::vector<std::vector<Copy>> groups{1};    ///< of copies on their way; the last one is open
    std::vector<std::vector<BoxCopy>> stores{1}; ///< likewise
  };

  /// What is a block's own.
  struct Block {
    Shared shared;
    std::vector<char> storage;
    char *memory = nullptr; ///< shared memory, in that storage
    std::vector<Thread> state;
    std::vector<uint32_t> ready;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::map<uintptr_t, Mbarrier> mbarriers;
    std::vector<Warpgroup> warpgroups;
    std::vector<BoxCopy> loads;
    uint32_t greedyWarp = 0, number = 0;
  };

  static const StrutEmulator &functions();
  void exchange(uint32_t which);
  void provideBlock(uint32_t which);
  void runCluster(uint32_t cluster);
  void runInTurn();
  void start();
  bool goOn();
  bool areAll(Thread::State wanted) const;
  bool releaseCluster();
  bool accessAfar(const void *address, uint64_t bytes, bool isWrite);
  /// A thread that can run, or -1.
  int64_t choose();
  void setState(uint32_t thread, Thread::State state);
  /// Ends a wait at a barrier that all have come to; false if there is none.
  bool releaseBarrier();
  /// Executes what the running thread's warp does together, once all its members have come.
  void releaseWarp();
  void releaseWarpgroup();
  void elect(const WarpStep *const lanes[warpSize]);
  void checkRow(uint32_t thread, void *row, bool isWrite);
  void checkEnd(uint32_t thread);
  void reportDeadlock();
  std::string placeOf(const Thread &thread) const;
  std::vector<uint32_t> order(uint32_t count);

  Mbarrier &mbarrierAt(const void *address, bool isAsync = false);
  void finishPhase(Mbarrier &mbarrier);
  bool passes(uint32_t thread, const Mbarrier &mbarrier, uint32_t parity);
  BoxCopy boxCopy(const void *map, const void *place, const int32_t *corner, uint32_t rank);
  template <typename Body> bool forLines(const BoxCopy &copy, Body body);
  void land(const BoxCopy &copy);
  /// Lets a load arrive; false if none is on its way.
  bool landOne();
  void store(const BoxCopy &copy);

  /// Notes what is wrong; the first thing does.
  void note(const std::string &what);
  /// Notes what is wrong and stops the running thread for good.
  [[noreturn]] void fault(const std::string &what);
  void check(const std::string &what) {
    if (!what.empty())
      fault(what);
  }
  std::string where() const;

  const StrutEmulatedImage &image;
  const StrutEmulatedKernel &kernel;
  const Memory &memory;
  Schedule schedule;
  std::mt19937_64 random;
  std::vector<unsigned char> argumentBytes;
  void *arguments = nullptr; ///< in these, aligned as tensor maps want it
  std::string problem;
  uint32_t blockCount = 0, threadCount = 0, running = 0;
  uint64_t sharedBytes = 0;

  std::vector<Block> aside; ///< the blocks of the cluster, but for the one that runs:
  Shared shared;
  char *memoryOfBlock = nullptr;
  std::vector<Thread> state;
  std::vector<uint32_t> ready; ///< by warp, a bit for each lane
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::map<uintptr_t, Mbarrier> mbarriers;
  std::vector<Warpgroup> warpgroups;
  std::vector<BoxCopy> loads; ///< on their way
  uint32_t blockNumber = 0, rank = 0, greedyWarp = 0;
};

} // namespace strut::emulator

#endif // STRUT_LIB_EMULATOR_GRID_H
