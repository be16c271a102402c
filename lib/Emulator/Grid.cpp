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

const StrutEmulator &Grid::functions() {
  static const StrutEmulator table = {
      [] { return current->thread(); },
      [] { return current->block(); },
      [] { return current->threads(); },
      [](uint32_t id) { current->barrier(id); },
      [](uint32_t members, uint32_t value, uint32_t mask, uint32_t clamp) {
        uint32_t result;
        current->meet({WarpStep::Shuffle, members, {mask, clamp}, &value, &result});
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
      roundToTF32};
  return table;
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
  *image.emulator = &functions();
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
  shared.start(image.shared, kernel.shared_bytes);
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

void Grid::setState(uint32_t thread, Thread::State to) {
  state[thread].state = to;
  uint32_t lane = 1u << thread % warpSize;
  if (to == Thread::Ready)
    ready[thread / warpSize] |= lane;
  else
    ready[thread / warpSize] &= ~lane;
}

void Grid::runTogether() {
  state.assign(threadCount, Thread());
  ready.assign((threadCount + warpSize - 1) / warpSize, 0);
  for (uint32_t t = 0; t < threadCount; ++t) {
    setState(t, Thread::Ready);
    fibers[t]->start([this] { kernel.run(arguments.data()); });
  }
  while (problem.empty()) {
    int64_t next = choose();
    if (next >= 0) {
      running = uint32_t(next);
      fibers[running]->resume();
      if (fibers[running]->ended())
        setState(running, Thread::Done);
      continue;
    }
    if (std::all_of(state.begin(), state.end(),
                    [](const Thread &t) { return t.state == Thread::Done; }))
      return;
    if (!releaseBarrier())
      return reportDeadlock();
  }
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

void Grid::barrier(uint32_t id) {
  setState(running, Thread::AtBarrier);
  state[running].barrier = id;
  Fiber::pause();
}

/// All threads wait at the same barrier: they go on. Aligned: a thread that has ended cannot
/// take part in what its warp executes.
bool Grid::releaseBarrier() {
  for (const Thread &t : state)
    if (t.state != Thread::AtBarrier || t.barrier != state[0].barrier)
      return false;
  for (uint32_t t = 0; t < threadCount; ++t)
    setState(t, Thread::Ready);
  shared.passBarrier();
  return true;
}

void Grid::meet(const WarpStep &step) {
  if (!(step.members >> running % warpSize & 1))
    fault("takes part in a shuffle that does not name it");
  state[running].step = &step;
  setState(running, Thread::InWarp);
  releaseWarp();
  Fiber::pause();
}

/// A row of a matrix is read by the thread that has its address.
void Grid::checkRow(uint32_t thread) {
  constexpr uint32_t rowBytes = 16;
  const void *row = state[thread].step->in;
  running = thread;
  if (!shared.contains(row))
    fault("reads a row of a matrix outside of shared memory");
  if (uintptr_t(row) % rowBytes)
    fault("reads a row of a matrix at an address that is not a multiple of 16");
  access(row, rowBytes, false);
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
  case WarpStep::Shuffle:
    shuffle(lanes);
    break;
  case WarpStep::LoadMatrices:
    for (uint32_t lane = 0; lane < 8 * common.common[0]; ++lane)
      checkRow(first + lane);
    loadMatrices(lanes);
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

void Grid::reportDeadlock() {
  std::map<std::string, uint32_t> histogram;
  for (const Thread &t : state) {
    static const char *const names[] = {"ready", "at barrier ", "at ", "at the end"};
    static const char *const steps[] = {"a shuffle", "a load of matrices", "a product"};
    std::string place = names[t.state];
    if (t.state == Thread::AtBarrier)
      place += std::to_string(t.barrier);
    if (t.state == Thread::InWarp)
      place += steps[t.step->kind];
    ++histogram[place];
  }
  problem = where() + ": deadlock:";
  for (const auto &[place, count] : histogram)
    problem += " " + std::to_string(count) + " threads " + place + ";";
  problem.pop_back();
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
  if (std::string what = shared.beginCopy(to, bytes, running); !what.empty())
    fault(what);
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
