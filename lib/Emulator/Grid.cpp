//===- Grid.cpp - Blocks and threads --------------------------------------===//
#include "Emulator.h"
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

std::string Grid::run(const void *given, uint32_t blocks, uint32_t threads) {
  if (threads == 0 || threads > kernel.most_threads)
    return "kernel '" + std::string(kernel.name) + "' is launched with " + std::to_string(threads) +
           " threads a block, and was compiled for at most " + std::to_string(kernel.most_threads);
  // The caller may reuse the memory as soon as the launch returns.
  const auto *bytes = static_cast<const unsigned char *>(given);
  arguments.assign(bytes, bytes + kernel.argument_bytes);
  threadCount = threads;
  current = this;
  *image.emulator = nullptr;
  static const StrutEmulator functions = {
      [] { return current->thread(); },
      [] { return current->block(); },
      [] { return current->threads(); },
      [](uint32_t id) { current->barrier(id); },
      [](uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp) {
        return current->shuffleXor(members, value, mask, clamp);
      },
      [](const void *address, uint64_t bytes, uint32_t isWrite) {
        current->access(address, bytes, isWrite);
      }};
  *image.emulator = &functions;
  fibers.resize(kernel.waits ? threads : 1);
  for (auto &fiber : fibers)
    fiber = std::make_unique<Fiber>();
  for (uint32_t block : order(blocks)) {
    blockNumber = block;
    runBlock();
    if (!problem.empty())
      break;
  }
  current = nullptr;
  return problem;
}

void Grid::runBlock() {
  shared.start(image.shared, image.shared_bytes);
  if (kernel.waits)
    runTogether();
  else
    runInTurn();
}

/// Threads that wait for nobody share one stack.
void Grid::runInTurn() {
  fibers[0]->start([this] {
    for (uint32_t thread : order(threadCount)) {
      running = thread;
      kernel.run(arguments.data());
    }
  });
  fibers[0]->resume();
}

void Grid::runTogether() {
  state.assign(threadCount, Thread());
  for (uint32_t t = 0; t < threadCount; ++t)
    fibers[t]->start([this] { kernel.run(arguments.data()); });
  while (problem.empty()) {
    int64_t next = choose();
    if (next >= 0) {
      running = uint32_t(next);
      fibers[running]->resume();
      if (fibers[running]->ended())
        state[running].state = Thread::Done;
      continue;
    }
    if (std::all_of(state.begin(), state.end(),
                    [](const Thread &t) { return t.state == Thread::Done; }))
      return;
    if (!releaseShuffles() && !releaseBarrier())
      return reportDeadlock();
  }
}

int64_t Grid::choose() {
  std::vector<uint32_t> ready;
  auto collect = [&](uint32_t from, uint32_t to) {
    for (uint32_t t = from; t < std::min(to, threadCount); ++t)
      if (state[t].state == Thread::Ready)
        ready.push_back(t);
  };
  if (schedule.kind == Schedule::Greedy)
    collect(greedyWarp * warpSize, (greedyWarp + 1) * warpSize);
  if (ready.empty()) {
    // A warp that waits for its own shuffle goes on before another one starts.
    if (schedule.kind == Schedule::Greedy && releaseShuffles())
      return choose();
    collect(0, threadCount);
  }
  if (ready.empty())
    return -1;
  uint32_t thread = ready.front();
  if (schedule.kind == Schedule::Backward)
    thread = ready.back();
  else if (schedule.kind != Schedule::Forward)
    thread = ready[random() % ready.size()];
  greedyWarp = thread / warpSize;
  return thread;
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

void Grid::barrier(uint32_t id) {
  state[running].state = Thread::AtBarrier;
  state[running].barrier = id;
  Fiber::pause();
}

/// All threads that have not ended wait at the same barrier: they go on.
bool Grid::releaseBarrier() {
  int64_t id = -1;
  for (const Thread &t : state) {
    if (t.state == Thread::Done)
      continue;
    if (t.state != Thread::AtBarrier || (id >= 0 && t.barrier != uint32_t(id)))
      return false;
    id = t.barrier;
  }
  // Aligned: a thread that has ended cannot take part in what its warp executes.
  for (uint32_t t = 0; t < threadCount; ++t)
    if (state[t].state == Thread::Done)
      return false;
  for (Thread &t : state)
    t.state = Thread::Ready;
  shared.passBarrier();
  return true;
}

uint32_t Grid::shuffleXor(uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp) {
  Thread &self = state[running];
  uint32_t lane = running % warpSize;
  if (!(members >> lane & 1))
    fault("takes part in a shuffle that does not name it");
  self.state = Thread::AtShuffle;
  self.members = members;
  self.value = value;
  self.mask = mask;
  self.clamp = clamp;
  Fiber::pause();
  return self.value;
}

/// Shuffles whose members have all come exchange their values. PTX ISA, shfl.sync: in mode
/// bfly the source is the lane's number xor the mask; beyond the clamp's bound the thread
/// keeps its own value.
bool Grid::releaseShuffles() {
  bool released = false;
  for (uint32_t first = 0; first < threadCount; first += warpSize) {
    uint32_t lanes = std::min(warpSize, threadCount - first);
    auto isLeader = [&](uint32_t lane) { return state[first + lane].state == Thread::AtShuffle; };
    uint32_t leader = 0;
    while (leader < lanes && !isLeader(leader))
      ++leader;
    if (leader == lanes)
      continue;
    const Thread &common = state[first + leader];
    auto takesPart = [&](uint32_t lane) { return common.members >> lane & 1; };
    bool complete = true;
    for (uint32_t lane = 0; lane < warpSize; ++lane) {
      const Thread *t = lane < lanes ? &state[first + lane] : nullptr;
      if (takesPart(lane) && (!t || t->state != Thread::AtShuffle || t->members != common.members ||
                              t->mask != common.mask || t->clamp != common.clamp))
        complete = false;
    }
    if (!complete)
      continue;
    std::vector<uint32_t> values(warpSize);
    for (uint32_t lane = 0; lane < lanes; ++lane)
      values[lane] = state[first + lane].value;
    uint32_t segment = common.clamp >> 8 & 31, bound = common.clamp & 31;
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      if (!takesPart(lane))
        continue;
      uint32_t last = (lane & segment) | (bound & ~segment), source = lane ^ common.mask;
      state[first + lane].value = values[source <= last ? source : lane];
    }
    for (uint32_t lane = 0; lane < lanes; ++lane)
      if (common.members >> lane & 1)
        state[first + lane].state = Thread::Ready;
    released = true;
  }
  return released;
}

void Grid::reportDeadlock() {
  std::map<std::string, uint32_t> histogram;
  for (const Thread &t : state) {
    static const char *const names[] = {"ready", "at barrier ", "at a shuffle", "at the end"};
    std::string place = names[t.state];
    if (t.state == Thread::AtBarrier)
      place += std::to_string(t.barrier);
    ++histogram[place];
  }
  problem = where() + ": deadlock:";
  for (const auto &[place, count] : histogram)
    problem += " " + std::to_string(count) + " threads " + place + ";";
  problem.pop_back();
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

std::string Grid::where() const {
  return "kernel '" + std::string(kernel.name) + "', block " + std::to_string(blockNumber);
}

void Grid::fault(const std::string &what) {
  problem = where() + ", thread " + std::to_string(running) + ": " + what;
  while (true) // nobody resumes it
    Fiber::pause();
}

void Grid::access(const void *address, uint64_t bytes, bool isWrite) {
  if (shared.contains(address)) {
    if (std::string what = shared.access(address, bytes, isWrite, running); !what.empty())
      fault(what);
    return;
  }
  if (!memory.contains(address, bytes))
    fault(std::string(isWrite ? "writes " : "reads ") + std::to_string(bytes) +
          " bytes outside of any allocation");
  if (uintptr_t(address) % std::min<uint64_t>(bytes & -bytes, 16))
    fault(std::string(isWrite ? "writes " : "reads ") + std::to_string(bytes) +
          " bytes at an address that is not a multiple of that");
}

} // namespace strut::emulator
