//===- Shared.cpp - Races in shared memory --------------------------------===//
#include "Emulator.h"
#include <algorithm>
#include <cstring>

namespace strut::emulator {

//===----------------------------------------------------------------------===//
// What comes before what
//===----------------------------------------------------------------------===//

void Order::start() {
  for (Knowledge &knowledge : known)
    knowledge.fill(0);
  time = 1;
}

static void add(const Knowledge &from, Knowledge &to) {
  for (size_t warp = 0; warp < from.size(); ++warp)
    to[warp] = std::max(to[warp], from[warp]);
}

void Order::meet(uint32_t warps) {
  Knowledge all{};
  for (uint32_t left = warps; left; left &= left - 1) {
    uint32_t warp = __builtin_ctz(left);
    add(known[warp], all);
    all[warp] = time;
  }
  for (uint32_t left = warps; left; left &= left - 1)
    known[__builtin_ctz(left)] = all;
  ++time;
}

void Order::release(uint32_t thread, Knowledge &to) {
  add(known[thread / warpSize], to);
  to[thread / warpSize] = time++;
}

/// Of its own warp's other threads a thread learns nothing.
void Order::acquire(uint32_t thread, const Knowledge &from) {
  Knowledge &mine = known[thread / warpSize];
  uint32_t own = mine[thread / warpSize];
  add(from, mine);
  mine[thread / warpSize] = own;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

void Shared::start(void *memory, size_t size) {
  // What a block finds is what another left, or nothing: NaN.
  memset(memory, 0xff, size);
  begin = uintptr_t(memory);
  bytes.assign(size, Byte());
  reading.assign(size / chunkBytes + 1, 0);
  fences.fill(1);
  metAt = 0;
  order.start();
}

bool Shared::contains(const void *address) const {
  return uintptr_t(address) - begin < bytes.size();
}

const char *Shared::at(uint32_t low) const {
  constexpr uintptr_t window = 1 << 18;
  uintptr_t address = begin / window * window + low;
  return reinterpret_cast<const char *>(address < begin ? address + window : address);
}

static std::string race(const char *what, const char *other, uint32_t thread) {
  std::string by = thread == copyEngine  ? "a copy"
                   : thread < copyEngine ? "thread " + std::to_string(thread)
                                         : "several threads";
  return std::string(what) + " shared memory that " + by + " " + other +
         (thread == copyEngine ? " with no wait in between" : " with no barrier in between");
}

std::string Shared::checkRead(const Byte &byte, uint32_t thread) const {
  if (byte.awaited)
    return "reads shared memory that a copy is still on its way to";
  if (!byte.written)
    return "reads shared memory that no thread has written";
  if (!order.knows(thread, byte.writer, byte.written))
    return race("reads", "writes,", byte.writer);
  return "";
}

std::string Shared::checkWrite(const Byte &byte, uint32_t thread) const {
  if (byte.awaited)
    return "writes shared memory that a copy is still on its way to";
  if (byte.isMbarrier)
    return "writes shared memory that is an mbarrier";
  if (byte.written && !order.knows(thread, byte.writer, byte.written))
    return race("writes", "writes too,", byte.writer);
  if (byte.readFromAfar && byte.readFromAfar >= metAt)
    return "writes shared memory that another block reads, with no barrier of the cluster in "
           "between";
  if (byte.reader == thread)
    return "";
  for (uint32_t left = byte.readers; left; left &= left - 1)
    if (!order.knowsWarp(thread, __builtin_ctz(left), byte.read))
      return race("writes", "reads,", byte.reader);
  return "";
}

std::string Shared::access(const void *address, size_t size, bool isWrite, uint32_t thread) {
  size_t first = uintptr_t(address) - begin;
  if (first + size > bytes.size())
    return std::string(isWrite ? "writes" : "reads") + " beyond the end of shared memory";
  for (size_t i = first; i < first + size; ++i) {
    Byte &byte = bytes[i];
    std::string what = isWrite ? checkWrite(byte, thread) : checkRead(byte, thread);
    if (what.empty() && isWrite && reading[i / chunkBytes])
      what = "writes shared memory that a product or a copy still reads";
    if (!what.empty())
      return what;
    uint32_t warp = thread / warpSize;
    if (isWrite) {
      byte = {.writer = thread, .written = order.now(), .fences = fences[thread]};
      continue;
    }
    bool isAfterAll = true;
    for (uint32_t left = byte.readers; left; left &= left - 1)
      isAfterAll &= order.knowsWarp(thread, __builtin_ctz(left), byte.read);
    byte.reader = isAfterAll || byte.reader == thread ? thread : several;
    byte.readers = (isAfterAll ? 0 : byte.readers) | 1u << warp;
    byte.read = order.now();
  }
  return "";
}

/// Time goes on when the blocks meet, so that what was written at that time was written before.
std::string Shared::readFromAfar(const void *address, size_t size) {
  size_t first = uintptr_t(address) - begin;
  if (first + size > bytes.size())
    return "reads beyond the end of another block's shared memory";
  for (size_t i = first; i < first + size; ++i) {
    Byte &byte = bytes[i];
    if (byte.awaited || !byte.written)
      return "reads shared memory of another block that nothing has been written to";
    if (byte.written >= metAt)
      return "reads shared memory that thread " + std::to_string(byte.writer) +
             " of another block writes, with no barrier of the cluster in between";
    byte.readFromAfar = order.now();
  }
  return "";
}

std::string Shared::beginCopy(void *address, size_t size, uint32_t thread) {
  if (std::string what = access(address, size, true, thread); !what.empty())
    return what;
  memset(address, 0xff, size);
  size_t first = uintptr_t(address) - begin;
  for (size_t i = first; i < first + size; ++i)
    bytes[i].awaited = true;
  return "";
}

void Shared::endCopy(void *address, size_t size, uint32_t thread) {
  size_t first = uintptr_t(address) - begin;
  for (size_t i = first; i < first + size; ++i) {
    bytes[i].awaited = false;
    bytes[i].writer = thread;
    bytes[i].written = order.now();
  }
}

//===----------------------------------------------------------------------===//
// What is asynchronous
//===----------------------------------------------------------------------===//

std::string Shared::beginRead(const void *chunk, const std::vector<uint32_t> &threads) {
  size_t first = uintptr_t(chunk) - begin;
  if (first + chunkBytes > bytes.size())
    return "reads beyond the end of shared memory";
  for (size_t i = first; i < first + chunkBytes; ++i) {
    if (i > first && bytes[i] == bytes[i - 1])
      continue;
    for (uint32_t thread : threads)
      if (std::string what = checkRead(bytes[i], thread); !what.empty())
        return what;
    if (!isFenced(bytes[i]))
      return "lets a product or a copy read shared memory that thread " +
             std::to_string(bytes[i].writer) + " has written with no fence.proxy.async after that";
  }
  ++reading[first / chunkBytes];
  return "";
}

void Shared::endRead(const void *chunk) { --reading[(uintptr_t(chunk) - begin) / chunkBytes]; }

std::string Shared::initMbarrier(void *address, uint32_t thread) {
  size_t first = uintptr_t(address) - begin;
  if (std::string what = access(address, mbarrierBytes, true, thread); !what.empty())
    return what;
  for (size_t i = first; i < first + mbarrierBytes; ++i)
    bytes[i].isMbarrier = true;
  return "";
}

std::string Shared::useMbarrier(const void *address, uint32_t thread, bool isAsync) const {
  const Byte &byte = bytes[uintptr_t(address) - begin];
  if (!order.knows(thread, byte.writer, byte.written))
    return "uses an mbarrier that thread " + std::to_string(byte.writer) +
           " has initialised with no barrier in between";
  if (isAsync && !isFenced(byte))
    return "lets a copy use an mbarrier that was initialised with no fence after that";
  return "";
}

} // namespace strut::emulator
