//===- Bulk.cpp - Copies of boxes, and the mbarriers that count them ------===//
//
// From the PTX ISA, sections mbarrier, asynchronous data movement and tensors. What is asynchronous
// happens as late as it may: loads arrive when no thread can go on without them (under random
// schedules at any time), stores read and write when they are waited for.
//
//===----------------------------------------------------------------------===//
#include "Grid.h"
#include <algorithm>
#include <cstring>

namespace strut::emulator {

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

constexpr int64_t mostOfMbarrier = (1 << 20) - 1; ///< arrivals, or bytes

void Grid::limitRegisters(uint32_t count) {
  if (count < 24 || count > 256 || count % 8)
    fault("asks for " + std::to_string(count) + " registers");
}

void Grid::initMbarrier(void *address, uint32_t count) {
  if (!shared.contains(address) || uintptr_t(address) % Shared::mbarrierBytes)
    fault("initialises an mbarrier that is not 8 aligned bytes of shared memory");
  if (!count || count > mostOfMbarrier)
    fault("initialises an mbarrier for " + std::to_string(count) + " arrivals");
  check(shared.initMbarrier(address, running));
  mbarriers[uintptr_t(address)] = {count, count};
}

Mbarrier &Grid::mbarrierAt(const void *address, bool isAsync) {
  auto found = mbarriers.find(uintptr_t(address));
  if (found == mbarriers.end())
    fault("uses an mbarrier that nobody has initialised");
  check(shared.useMbarrier(address, running, isAsync));
  return found->second;
}

bool Grid::passes(uint32_t thread, const Mbarrier &mbarrier, uint32_t parity) {
  if (mbarrier.parity == parity)
    return false;
  shared.order.acquire(thread, mbarrier.released);
  return true;
}

/// If nothing is missing.
void Grid::finishPhase(Mbarrier &mbarrier) {
  if (mbarrier.pending || mbarrier.bytes)
    return;
  mbarrier.parity ^= 1;
  mbarrier.pending = mbarrier.count;
  mbarrier.released = mbarrier.gathered;
  for (uint32_t t = 0; t < threadCount; ++t)
    if (state[t].state == Thread::AtMbarrier && state[t].mbarrier == &mbarrier &&
        passes(t, mbarrier, state[t].parity))
      setState(t, Thread::Ready);
}

void Grid::arrive(void *address, uint32_t count, uint32_t bytes) {
  Mbarrier &mbarrier = mbarrierAt(address);
  if (mbarrier.pending < count)
    fault("arrives at an mbarrier more often than it was initialised for");
  mbarrier.bytes += bytes;
  if (mbarrier.bytes > mostOfMbarrier)
    fault("expects more bytes than an mbarrier can count");
  mbarrier.pending -= count;
  shared.order.release(running, mbarrier.gathered);
  finishPhase(mbarrier);
}

/// It may return before the phase is over; under random schedules it does at times.
bool Grid::tryWait(void *address, uint32_t parity) {
  const Mbarrier &mbarrier = mbarrierAt(address);
  if (parity > 1)
    fault("waits for a phase of parity " + std::to_string(parity));
  if (passes(running, mbarrier, parity))
    return true;
  if (schedule.kind == Schedule::Random && random() % 8 == 0) {
    Fiber::pause();
    return passes(running, mbarrier, parity);
  }
  state[running].mbarrier = &mbarrier;
  state[running].parity = parity;
  setState(running, Thread::AtMbarrier);
  Fiber::pause();
  return true;
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

Grid::BoxCopy Grid::boxCopy(const void *map, const void *place, const int32_t *corner,
                            uint32_t rank) {
  BoxCopy copy;
  copy.place = static_cast<char *>(const_cast<void *>(place));
  if (uintptr_t(map) % TensorMap::alignment)
    fault("uses a tensor map at an address that is not a multiple of 64");
  bool isArgument = uintptr_t(map) - uintptr_t(arguments) < kernel.argument_bytes;
  if (isArgument || memory.contains(map, sizeof copy.map))
    memcpy(&copy.map, map, sizeof copy.map);
  else
    copy.map.magic = 0;
  if (copy.map.magic != TensorMap::isOne)
    fault("uses a tensor map that cuTensorMapEncodeTiled has not made");
  if (copy.map.rank != rank)
    fault("copies a box of " + std::to_string(rank) + " dimensions of a tensor of " +
          std::to_string(copy.map.rank));
  std::copy(corner, corner + rank, copy.corner.begin());
  if (!shared.contains(place) || uintptr_t(place) % 128)
    fault("copies a box to or from shared memory at an address that is not a multiple of 128");
  return copy;
}

/// Runs `body` for each line of a box, its elements side by side: the line's number; where its
/// first byte inside the tensor lies in global memory, how many bytes there are, and at which byte
/// of the line these begin. False where a line is not in one allocation.
template <typename Body> bool Grid::forLines(const BoxCopy &copy, Body body) {
  const TensorMap &map = copy.map;
  for (size_t line = 0; line < map.lines(); ++line) {
    const char *from = map.base;
    size_t rest = line;
    bool isInside = true;
    for (uint32_t d = 1; d < map.rank; ++d) {
      int64_t index = copy.corner[d] + int64_t(rest % map.box[d]);
      rest /= map.box[d];
      isInside &= index >= 0 && uint64_t(index) < map.sizes[d];
      from += index * int64_t(map.strides[d]);
    }
    int64_t first = copy.corner[0], size = int64_t(map.sizes[0]);
    int64_t begin = std::clamp<int64_t>(first, 0, size);
    int64_t end = std::clamp<int64_t>(first + map.box[0], 0, size);
    size_t bytes = isInside ? size_t(end - begin) * map.elementBytes : 0;
    from += begin * map.elementBytes;
    if (bytes && !memory.contains(from, bytes))
      return false;
    body(line, const_cast<char *>(from), bytes,
         bytes ? size_t(begin - first) * map.elementBytes : 0);
  }
  return true;
}

/// Where the 16 bytes of a box that begin at byte `offset` lie in shared memory.
static char *chunkAt(char *place, const TensorMap &map, size_t offset) {
  uintptr_t address = uintptr_t(place) + offset;
  return reinterpret_cast<char *>(map.isSwizzled ? swizzled(address) : address);
}

void Grid::loadTensor(void *to, void *mbarrier, const void *map, const int32_t *corner,
                      uint32_t rank) {
  BoxCopy copy = boxCopy(map, to, corner, rank);
  copy.mbarrier = &mbarrierAt(mbarrier, /*isAsync=*/true);
  check(shared.beginCopy(to, copy.map.boxBytes(), running));
  loads.push_back(std::move(copy));
}

/// What lies outside of the tensor is zero.
void Grid::land(const BoxCopy &copy) {
  const TensorMap &map = copy.map;
  std::vector<char> box(map.boxBytes());
  if (!forLines(copy, [&](size_t line, const char *from, size_t bytes, size_t at) {
        memcpy(&box[line * map.lineBytes() + at], from, bytes);
      }))
    return note("copies a box of a tensor that is not all in one allocation");
  for (size_t offset = 0; offset < box.size(); offset += Shared::chunkBytes)
    memcpy(chunkAt(copy.place, map, offset), &box[offset], Shared::chunkBytes);
  shared.endCopy(copy.place, box.size(), copyEngine);
  shared.order.release(copyEngine, copy.mbarrier->gathered);
  copy.mbarrier->bytes -= int64_t(box.size());
  if (copy.mbarrier->bytes < -mostOfMbarrier)
    return note("lets more bytes arrive than an mbarrier can count");
  finishPhase(*copy.mbarrier);
}

bool Grid::landOne() {
  if (loads.empty())
    return false;
  size_t which = schedule.kind == Schedule::Forward    ? 0
                 : schedule.kind == Schedule::Backward ? loads.size() - 1
                                                       : random() % loads.size();
  BoxCopy copy = std::move(loads[which]);
  loads.erase(loads.begin() + which);
  land(copy);
  return true;
}

void Grid::storeTensor(const void *from, const void *map, const int32_t *corner, uint32_t rank) {
  BoxCopy copy = boxCopy(map, from, corner, rank);
  for (size_t offset = 0; offset < copy.map.boxBytes(); offset += Shared::chunkBytes)
    check(shared.beginRead(chunkAt(copy.place, copy.map, offset), {running}));
  state[running].stores.back().push_back(std::move(copy));
}

void Grid::commitStores() { state[running].stores.emplace_back(); }

/// What lies outside of the tensor is not written.
void Grid::store(const BoxCopy &copy) {
  const TensorMap &map = copy.map;
  std::vector<char> box(map.boxBytes());
  for (size_t offset = 0; offset < box.size(); offset += Shared::chunkBytes) {
    const char *chunk = chunkAt(copy.place, map, offset);
    memcpy(&box[offset], chunk, Shared::chunkBytes);
    shared.endRead(chunk);
  }
  if (!forLines(copy, [&](size_t line, char *to, size_t bytes, size_t at) {
        memcpy(to, &box[line * map.lineBytes() + at], bytes);
      }))
    fault("copies a box to a tensor that is not all in one allocation");
}

/// Nobody else looks at global memory before the kernel ends: it is written when shared memory is
/// read.
void Grid::waitStores(uint32_t count) {
  auto &groups = state[running].stores;
  while (groups.size() - 1 > count) {
    for (const BoxCopy &copy : groups.front())
      store(copy);
    groups.erase(groups.begin());
  }
}

} // namespace strut::emulator
