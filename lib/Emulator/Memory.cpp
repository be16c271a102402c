//===- Memory.cpp - Device memory -----------------------------------------===//
#include "Emulator.h"
#include <cstdlib>
#include <cstring>

namespace strut::emulator {

void *Memory::allocate(size_t bytes) {
  void *memory = nullptr;
  // The driver aligns allocations to 256 bytes. Sizes are kept, so that what lies
  // behind an allocation is not part of it.
  if (posix_memalign(&memory, 256, bytes ? bytes : 1))
    return nullptr;
  memset(memory, 0xff, bytes);
  extents[uintptr_t(memory)] = bytes;
  total += bytes;
  return memory;
}

bool Memory::release(void *memory) {
  auto found = extents.find(uintptr_t(memory));
  if (found == extents.end())
    return false;
  total -= found->second;
  extents.erase(found);
  lastBegin = lastEnd = 0;
  free(memory);
  return true;
}

bool Memory::contains(const void *address, size_t bytes) const {
  uintptr_t begin = uintptr_t(address);
  if (begin >= lastBegin && begin + bytes <= lastEnd)
    return true;
  auto next = extents.upper_bound(begin);
  if (next == extents.begin())
    return false;
  auto [start, size] = *std::prev(next);
  if (begin + bytes > start + size)
    return false;
  lastBegin = start;
  lastEnd = start + size;
  return true;
}

} // namespace strut::emulator
