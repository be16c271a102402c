//===- Cluster.cpp - Blocks that run at the same time ---------------------===//
//
// Blocks come one after another, but for those of a cluster. What is a block's own is put aside
// while another one of its cluster runs.
//
//===----------------------------------------------------------------------===//
#include "Grid.h"
#include <algorithm>

namespace strut::emulator {

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Puts the running block aside, or goes on with one that is.
void Grid::exchange(uint32_t which) {
  Block &other = aside[which];
  std::swap(shared, other.shared);
  std::swap(memoryOfBlock, other.memory);
  std::swap(state, other.state);
  std::swap(ready, other.ready);
  std::swap(fibers, other.fibers);
  std::swap(mbarriers, other.mbarriers);
  std::swap(warpgroups, other.warpgroups);
  std::swap(loads, other.loads);
  std::swap(greedyWarp, other.greedyWarp);
  std::swap(blockNumber, other.number);
  rank = which;
}

/// Memory, and stacks of threads: threads that wait for nobody share one.
void Grid::provideBlock(uint32_t which) {
  constexpr size_t alignment = 1024;
  Block &block = aside[which];
  size_t space = sharedBytes + alignment;
  block.storage.resize(space);
  void *memory = block.storage.data();
  block.memory = static_cast<char *>(std::align(alignment, sharedBytes, memory, space));
  block.fibers.resize(kernel.waits ? threadCount : 1);
  for (auto &fiber : block.fibers)
    fiber = std::make_unique<Fiber>();
}

/// Threads that wait for nobody share one stack.
void Grid::runInTurn() {
  fibers[0]->start([this] {
    for (uint32_t thread : order(threadCount)) {
      running = thread;
      kernel.run(arguments);
    }
  });
  fibers[0]->resume();
}

void Grid::setState(uint32_t thread, Thread::State to) {
  state[thread].state = to;
  uint32_t lane = 1u << thread % warpSize;
  if (to == Thread::Ready)
    ready[thread / warpSize] |= lane;
  else
    ready[thread / warpSize] &= ~lane;
}

bool Grid::areAll(Thread::State wanted) const {
  return std::all_of(state.begin(), state.end(),
                     [&](const Thread &t) { return t.state == wanted; });
}

void Grid::start() {
  shared.start(memoryOfBlock, sharedBytes);
  state.assign(threadCount, Thread());
  ready.assign((threadCount + warpSize - 1) / warpSize, 0);
  mbarriers.clear();
  loads.clear();
  warpgroups.clear();
  for (uint32_t first = 0; first < threadCount; first += warpgroupSize)
    warpgroups.emplace_back(shared, first);
  for (uint32_t t = 0; t < threadCount; ++t) {
    setState(t, Thread::Ready);
    fibers[t]->start([this] { kernel.run(arguments); });
  }
}

/// Goes on until no thread of the block can, or the schedule wants another block; whether any
/// could.
bool Grid::goOn() {
  bool hasMoved = false;
  bool isFickle = schedule.kind == Schedule::Random && kernel.cluster > 1;
  while (problem.empty() && !(isFickle && hasMoved && random() % 256 == 0)) {
    if (schedule.kind == Schedule::Random && !loads.empty() && random() % 64 == 0)
      landOne();
    int64_t next = choose();
    if (next >= 0) {
      running = uint32_t(next);
      fibers[running]->resume();
      if (fibers[running]->ended())
        checkEnd(running);
    } else if (!releaseBarrier() && !landOne()) {
      break;
    }
    hasMoved = true;
  }
  return hasMoved;
}

void Grid::runCluster(uint32_t cluster) {
  std::vector<uint32_t> turns = order(kernel.cluster);
  for (uint32_t which : turns) {
    exchange(which);
    blockNumber = cluster * kernel.cluster + which;
    if (kernel.waits) {
      start();
    } else {
      shared.start(memoryOfBlock, sharedBytes);
      runInTurn();
    }
    exchange(which);
  }
  while (kernel.waits && problem.empty()) {
    bool hasMoved = false, areDone = true;
    for (uint32_t which : turns) {
      exchange(which);
      hasMoved |= goOn();
      areDone &= areAll(Thread::Done);
      exchange(which);
    }
    if (areDone)
      return;
    if (problem.empty() && !hasMoved && !releaseCluster())
      reportDeadlock();
  }
}

/// What a thread that has ended must not have left behind.
void Grid::checkEnd(uint32_t thread) {
  setState(thread, Thread::Done);
  const auto &stores = state[thread].stores;
  if (stores.size() > 1 || !stores[0].empty())
    note("ends while copies from shared memory have not been waited for");
  uint32_t group = thread / warpgroupSize;
  if (!warpgroups[group].isIdle())
    note("ends while products have not been waited for");
  if (areAll(Thread::Done) && !loads.empty())
    note("is the last one to end while copies to shared memory are on their way");
}

//===----------------------------------------------------------------------===//
// Blocks of one cluster
//===----------------------------------------------------------------------===//

void Grid::arriveCluster() {
  if (state[running].hasArrived)
    fault("arrives at the barrier of the cluster again before it has waited there");
  state[running].hasArrived = true;
}

void Grid::waitCluster() {
  if (!state[running].hasArrived)
    fault("waits at the barrier of the cluster before it has arrived there");
  setState(running, Thread::AtCluster);
  Fiber::pause();
}

/// All threads of all blocks wait there: they go on. A GPU does not count those that have ended;
/// here none may.
bool Grid::releaseCluster() {
  bool areThere = true;
  auto forBlocks = [&](auto body) {
    for (uint32_t which = 0; which < kernel.cluster; ++which) {
      exchange(which);
      body();
      exchange(which);
    }
  };
  forBlocks([&] { areThere &= areAll(Thread::AtCluster); });
  if (!areThere)
    return false;
  forBlocks([&] {
    for (uint32_t t = 0; t < threadCount; ++t) {
      state[t].hasArrived = false;
      setState(t, Thread::Ready);
    }
    shared.order.meet(uint32_t((uint64_t(1) << ready.size()) - 1));
    shared.meetCluster();
  });
  return true;
}

void *Grid::mapShared(const void *address, uint32_t which) {
  if (which >= kernel.cluster || !shared.contains(address))
    fault("asks for shared memory of a block that is not there");
  char *other = which == rank ? memoryOfBlock : aside[which].memory;
  return other + (static_cast<const char *>(address) - memoryOfBlock);
}

/// False if the address is not in another block's shared memory.
bool Grid::accessAfar(const void *address, uint64_t bytes, bool isWrite) {
  for (uint32_t which = 0; which < kernel.cluster; ++which) {
    Block &other = aside[which];
    if (which == rank || !other.shared.contains(address))
      continue;
    if (isWrite)
      fault("writes shared memory of another block, which the emulator does not know");
    if (std::all_of(other.state.begin(), other.state.end(),
                    [](const Thread &t) { return t.state == Thread::Done; }))
      fault("reads shared memory of a block that has ended");
    check(other.shared.readFromAfar(address, bytes));
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Deadlocks
//===----------------------------------------------------------------------===//

std::string Grid::placeOf(const Thread &t) const {
  static const char *const ofWarp[] = {"a shuffle",          "a shuffle",           "an election",
                                       "a load of matrices", "a store of matrices", "a product"};
  static const char *const ofWarpgroup[] = {"wgmma.fence", "wgmma.mma_async", "wgmma.commit_group",
                                            "wgmma.wait_group"};
  switch (t.state) {
  case Thread::Ready:
    return "ready";
  case Thread::AtBarrier:
    return "at barrier " + std::to_string(t.barrier);
  case Thread::InWarp:
    return std::string("at ") + ofWarp[t.step->kind];
  case Thread::InWarpgroup:
    return std::string("at ") + ofWarpgroup[t.groupStep->kind];
  case Thread::AtCluster:
    return "at the barrier of the cluster";
  case Thread::Done:
    return "at the end";
  case Thread::AtMbarrier:
    break;
  }
  auto found = std::find_if(mbarriers.begin(), mbarriers.end(),
                            [&](const auto &entry) { return &entry.second == t.mbarrier; });
  return "at the mbarrier at " + std::to_string(found->first - uintptr_t(memoryOfBlock)) +
         " for parity " + std::to_string(t.parity) + " (it lacks " +
         std::to_string(t.mbarrier->pending) + " arrivals and " +
         std::to_string(t.mbarrier->bytes) + " bytes)";
}

void Grid::reportDeadlock() {
  std::map<std::string, uint32_t> histogram;
  for (uint32_t other = 0; other < kernel.cluster; ++other) {
    exchange(other);
    for (const Thread &t : state)
      ++histogram[placeOf(t)];
    problem = where() + ": deadlock:";
    exchange(other);
  }
  for (const auto &[place, count] : histogram)
    problem += " " + std::to_string(count) + " threads " + place + ";";
  problem.pop_back();
}

} // namespace strut::emulator
