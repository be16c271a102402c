//===- Grid.cpp - Blocks and threads --------------------------------------===//
#include "Grid.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

namespace strut::emulator {

Grid *Grid::current = nullptr;

bool Schedule::fromEnvironment(Schedule &schedule) {
  const char *text = getenv("STRUT_EMULATE");
  schedule = Schedule();
  if (!text || !*text)
    return true;
  static const char *const names[] = {"forward", "backward", "greedy", "random"};
  std::string wanted = text;
  size_t colon = wanted.find(':');
  char *end = nullptr;
  if (colon != std::string::npos) {
    schedule.seed = strtoull(text + colon + 1, &end, 10);
    if (*end || colon + 1 == wanted.size())
      return false;
    wanted.resize(colon);
  }
  for (int kind = Forward; kind <= Random; ++kind)
    if (wanted == names[kind]) {
      schedule.kind = Kind(kind);
      return true;
    }
  return false;
}

Grid::Grid(const StrutEmulatedImage &image, const StrutEmulatedKernel &kernel, const Memory &memory,
           Schedule schedule)
    : image(image), kernel(kernel), memory(memory), schedule(schedule), random(schedule.seed) {}

/// Numbers below `count` in the order of the schedule.
std::vector<uint32_t> Grid::order(uint32_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  if (schedule.kind == Schedule::Backward)
    std::reverse(numbers.begin(), numbers.end());
  else if (schedule.kind != Schedule::Forward)
    std::shuffle(numbers.begin(), numbers.end(), random);
  return numbers;
}

const StrutEmulator &Grid::functions() {
  static const StrutEmulator table = {
      [] { return current->thread(); },
      [] { return current->block(); },
      [] { return current->threads(); },
      [] { return current->blocks(); },
      [](uint32_t id, uint32_t threads) { current->barrier(id, threads); },
      [](uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp) {
        uint32_t result;
        current->meet({WarpStep::ShuffleXor, members, {mask, clamp}, &value, &result});
        return result;
      },
      [](uint32_t members, uint32_t value, uint32_t lane, uint32_t clamp) {
        uint32_t result;
        current->meet({WarpStep::ShuffleIndex, members, {lane, clamp}, &value, &result});
        return result;
      },
      [](uint32_t members) {
        uint32_t result;
        current->meet({WarpStep::Elect, members, {0, 0}, nullptr, &result});
        return result;
      },
      [](const void *address, uint64_t bytes, uint32_t isWrite) {
        current->access(address, bytes, isWrite);
      },
      [](void *to, const void *from, uint32_t bytes, uint32_t present) {
        current->copyAsync(to, from, bytes, present);
      },
      [] { current->commitCopies(); },
      [](uint32_t groups) { current->waitCopies(groups); },
      [](const void *row, uint32_t count, uint32_t transposed, uint32_t *registers) {
        current->meet({WarpStep::LoadMatrices, ~0u, {count, transposed}, row, registers});
      },
      [](uint32_t product, const uint32_t *operands, uint32_t *results) {
        current->meet({WarpStep::Multiply, ~0u, {product, 0}, operands, results});
      },
      roundToTF32,
      [](void *row, uint32_t count, uint32_t transposed, const uint32_t *registers) {
        current->meet({WarpStep::StoreMatrices, ~0u, {count, transposed}, registers, row});
      },
      [](uint32_t count) { current->limitRegisters(count); },
      [](void *mbarrier, uint32_t count) { current->initMbarrier(mbarrier, count); },
      [](void *mbarrier, uint32_t count, uint32_t bytes) {
        current->arrive(mbarrier, count, bytes);
      },
      [](void *mbarrier, uint32_t parity) { return uint32_t(current->tryWait(mbarrier, parity)); },
      [] { current->fenceProxy(); },
      [](void *to, void *mbarrier, const void *map, const int32_t *corner, uint32_t rank) {
        current->loadTensor(to, mbarrier, map, corner, rank);
      },
      [](const void *from, const void *map, const int32_t *corner, uint32_t rank) {
        current->storeTensor(from, map, corner, rank);
      },
      [] { current->commitStores(); },
      [](uint32_t groups) { current->waitStores(groups); },
      [] { current->meetWarpgroup({WarpgroupStep::Fence}); },
      [](const StrutWarpgroupProduct *product, uint32_t *sums) {
        current->meetWarpgroup({WarpgroupStep::Multiply, product, 0, sums});
      },
      [] { current->meetWarpgroup({WarpgroupStep::Commit}); },
      [](uint32_t groups, uint32_t *registers, uint32_t count) {
        current->meetWarpgroup({WarpgroupStep::Wait, nullptr, groups, registers, count});
      },
      [](uint32_t high, uint32_t low) { return roundToHalves(StrutProductF16, high, low); },
      [](uint32_t high, uint32_t low) { return roundToHalves(StrutProductBF16, high, low); },
      approximateExp2,
      []() -> void * { return current->memoryOfBlock; },
      [](const void *address, uint32_t rank) { return current->mapShared(address, rank); },
      [] { current->arriveCluster(); },
      [] { current->waitCluster(); }};
  return table;
}

std::string Grid::run(const void *given, uint32_t blocks, uint32_t threads, uint32_t moreShared) {
  if (threads == 0 || threads > kernel.most_threads)
    return "kernel '" + std::string(kernel.name) + "' is launched with " + std::to_string(threads) +
           " threads a block, and was compiled for at most " + std::to_string(kernel.most_threads);
  sharedBytes = kernel.shared_bytes + moreShared;
  if (sharedBytes > image.shared_bytes)
    return "kernel '" + std::string(kernel.name) + "' is launched with " +
           std::to_string(sharedBytes) + " bytes of shared memory, more than there are";
  // The caller may reuse the memory as soon as the launch returns.
  size_t space = kernel.argument_bytes + TensorMap::alignment;
  argumentBytes.resize(space);
  arguments = argumentBytes.data();
  std::align(TensorMap::alignment, kernel.argument_bytes, arguments, space);
  memcpy(arguments, given, kernel.argument_bytes);
  threadCount = threads;
  blockCount = blocks;
  current = this;
  *image.emulator = &functions();
  if (blocks % kernel.cluster)
    return "kernel '" + std::string(kernel.name) + "' is launched with " + std::to_string(blocks) +
           " blocks, which are no clusters of " + std::to_string(kernel.cluster);
  aside.resize(kernel.cluster);
  for (uint32_t rank = 0; rank < kernel.cluster; ++rank)
    provideBlock(rank);
  for (uint32_t cluster : order(blocks / kernel.cluster)) {
    runCluster(cluster);
    if (!problem.empty())
      break;
  }
  current = nullptr;
  return problem;
}

/// The place of one of the bits, the `number`-th from below.
static uint32_t bitAt(uint32_t bits, uint32_t number) {
  while (number-- > 0)
    bits &= bits - 1;
  return __builtin_ctz(bits);
}

int64_t Grid::choose() {
  bool inOrder = schedule.kind == Schedule::Forward || schedule.kind == Schedule::Backward;
  uint32_t warps = ready.size(), warp = greedyWarp;
  if (schedule.kind != Schedule::Greedy || !ready[warp]) {
    // From the first, the last or any warp on, the first with a thread that can run.
    uint32_t start = schedule.kind == Schedule::Forward    ? 0
                     : schedule.kind == Schedule::Backward ? warps - 1
                                                           : random() % warps;
    uint32_t step = schedule.kind == Schedule::Backward ? warps - 1 : 1;
    uint32_t tried = 0;
    for (warp = start; !ready[warp]; warp = (warp + step) % warps)
      if (++tried == warps)
        return -1;
  }
  greedyWarp = warp;
  uint32_t count = __builtin_popcount(ready[warp]);
  uint32_t number = inOrder ? 0 : random() % count;
  if (schedule.kind == Schedule::Backward)
    number = count - 1;
  return warp * warpSize + bitAt(ready[warp], number);
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

void Grid::barrier(uint32_t id, uint32_t threads) {
  if (threads % warpSize || threads > threadCount)
    fault("waits at a barrier of " + std::to_string(threads) + " threads");
  state[running].barrier = id;
  state[running].meeting = threads ? threads : threadCount;
  setState(running, Thread::AtBarrier);
  if (!ready[running / warpSize])
    releaseBarrier();
  Fiber::pause();
}

/// As many threads as meet there wait at a barrier: they go on. Aligned: all lanes of a warp come,
/// and a thread that has ended cannot take part.
bool Grid::releaseBarrier() {
  for (uint32_t first = 0; first < threadCount; first += warpSize) {
    const Thread &leader = state[first];
    if (leader.state != Thread::AtBarrier)
      continue;
    uint32_t warps = 0, threads = 0;
    for (uint32_t t = 0; t < threadCount; ++t)
      if (state[t].state == Thread::AtBarrier && state[t].barrier == leader.barrier &&
          state[t].meeting == leader.meeting) {
        warps |= 1u << t / warpSize;
        ++threads;
      }
    if (threads != leader.meeting ||
        uint32_t(__builtin_popcount(warps)) != (threads + warpSize - 1) / warpSize)
      continue;
    uint32_t id = leader.barrier;
    for (uint32_t t = 0; t < threadCount; ++t)
      if (state[t].state == Thread::AtBarrier && state[t].barrier == id)
        setState(t, Thread::Ready);
    shared.order.meet(warps);
    return true;
  }
  return false;
}

void Grid::meet(const WarpStep &step) {
  if (!(step.members >> running % warpSize & 1))
    fault("takes part in a shuffle that does not name it");
  state[running].step = &step;
  setState(running, Thread::InWarp);
  releaseWarp();
  Fiber::pause();
}

/// A row of a matrix is read or written by the thread that has its address.
void Grid::checkRow(uint32_t thread, void *row, bool isWrite) {
  constexpr uint32_t rowBytes = 16;
  running = thread;
  std::string verb = isWrite ? "writes" : "reads";
  if (!shared.contains(row))
    fault(verb + " a row of a matrix outside of shared memory");
  if (uintptr_t(row) % rowBytes)
    fault(verb + " a row of a matrix at an address that is not a multiple of 16");
  access(row, rowBytes, isWrite);
}

/// Any lane, but always the same one.
void Grid::elect(const WarpStep *const lanes[warpSize]) {
  bool isLast = schedule.kind == Schedule::Backward;
  const WarpStep *leader = nullptr;
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes[lane] && (!leader || isLast))
      leader = lanes[lane];
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes[lane])
      *lanes[lane]->results() = lanes[lane] == leader;
}

void Grid::releaseWarp() {
  uint32_t self = running, first = running / warpSize * warpSize;
  const WarpStep &common = *state[running].step;
  const WarpStep *lanes[warpSize] = {};
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    if (!(common.members >> lane & 1))
      continue;
    const Thread *t = first + lane < threadCount ? &state[first + lane] : nullptr;
    if (!t || t->state != Thread::InWarp || !t->step->agrees(common))
      return;
    lanes[lane] = t->step;
  }
  switch (common.kind) {
  case WarpStep::ShuffleXor:
  case WarpStep::ShuffleIndex:
    shuffle(lanes);
    break;
  case WarpStep::Elect:
    elect(lanes);
    break;
  case WarpStep::LoadMatrices:
    for (uint32_t lane = 0; lane < 8 * common.common[0]; ++lane)
      checkRow(first + lane, const_cast<void *>(lanes[lane]->in), false);
    loadMatrices(lanes);
    break;
  case WarpStep::StoreMatrices:
    for (uint32_t lane = 0; lane < 8 * common.common[0]; ++lane)
      checkRow(first + lane, lanes[lane]->out, true);
    storeMatrices(lanes);
    break;
  case WarpStep::Multiply:
    multiply(lanes);
    break;
  }
  running = self;
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes[lane])
      setState(first + lane, Thread::Ready);
}

void Grid::meetWarpgroup(const WarpgroupStep &step) {
  if (running / warpgroupSize * warpgroupSize + warpgroupSize > threadCount)
    fault("executes what a warpgroup does, in a warpgroup of fewer than 128 threads");
  state[running].groupStep = &step;
  setState(running, Thread::InWarpgroup);
  releaseWarpgroup();
  Fiber::pause();
}

void Grid::releaseWarpgroup() {
  uint32_t group = running / warpgroupSize, first = group * warpgroupSize;
  const WarpgroupStep *steps[warpgroupSize];
  for (uint32_t t = 0; t < warpgroupSize; ++t) {
    if (state[first + t].state != Thread::InWarpgroup)
      return;
    steps[t] = state[first + t].groupStep;
    if (!steps[t]->agrees(*steps[0]))
      fault("does not do what the other threads of its warpgroup do");
  }
  check(warpgroups[group].execute(steps));
  for (uint32_t t = 0; t < warpgroupSize; ++t)
    setState(first + t, Thread::Ready);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// What arrives cannot be seen before the thread waits for it: the elements are read and
/// written as late as a GPU may do it.
void Grid::copyAsync(void *to, const void *from, uint32_t bytes, uint32_t present) {
  if (present > bytes)
    fault("copies " + std::to_string(present) + " bytes to room for " + std::to_string(bytes));
  if (!shared.contains(to))
    fault("copies to an address outside of shared memory");
  if (present && !memory.contains(from, present))
    fault("copies " + std::to_string(present) + " bytes from outside of any allocation");
  if (uintptr_t(to) % bytes || (present && uintptr_t(from) % bytes))
    fault("copies " + std::to_string(bytes) +
          " bytes at an address that is not a multiple of that");
  check(shared.beginCopy(to, bytes, running));
  state[running].groups.back().push_back({to, from, bytes, present});
}

void Grid::commitCopies() { state[running].groups.emplace_back(); }

void Grid::waitCopies(uint32_t count) {
  auto &groups = state[running].groups;
  while (groups.size() - 1 > count) {
    for (const Copy &copy : groups.front()) {
      memcpy(copy.to, copy.from, copy.present);
      memset(static_cast<char *>(copy.to) + copy.present, 0, copy.bytes - copy.present);
      shared.endCopy(copy.to, copy.bytes, running);
    }
    groups.erase(groups.begin());
  }
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

std::string Grid::where() const {
  return "kernel '" + std::string(kernel.name) + "', block " + std::to_string(blockNumber);
}

void Grid::note(const std::string &what) {
  if (problem.empty())
    problem = where() + ", thread " + std::to_string(running) + ": " + what;
}

void Grid::fault(const std::string &what) {
  note(what);
  while (true) // nobody resumes it
    Fiber::pause();
}

void Grid::access(const void *address, uint64_t bytes, bool isWrite) {
  if (shared.contains(address))
    return check(shared.access(address, bytes, isWrite, running));
  if (accessAfar(address, bytes, isWrite))
    return;
  if (!memory.contains(address, bytes))
    fault(std::string(isWrite ? "writes " : "reads ") + std::to_string(bytes) +
          " bytes outside of any allocation");
  if (uintptr_t(address) % std::min<uint64_t>(bytes & -bytes, 16))
    fault(std::string(isWrite ? "writes " : "reads ") + std::to_string(bytes) +
          " bytes at an address that is not a multiple of that");
}

} // namespace strut::emulator
